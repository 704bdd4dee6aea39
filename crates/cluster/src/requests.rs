//! One write as one HTTP request, with its guard inside: the API server refuses it when the object is not the one seen.

use crate::lens::{
    AnalysisRuns, CronJobs, DaemonSets, Deployments, Experiments, ImageUpdates, Ingresses, Jobs, ReplicaSets, Rollouts,
    Services, StatefulSets, Watched,
};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::{Request, request};
use serde_json::{Value, json};
use serinus_decide::{Kind, Op, Target};

/// Who the managed fields name.
const MANAGER: &str = "serinus";

/// The object that a write relies on; absent: that there is none.
pub(crate) struct Relied<'a> {
    pub uid: &'a str,
    pub version: &'a str,
}

/// The request for `op` on `target`.
pub(crate) fn request(
    target: &Target,
    op: &Op,
    relied: Option<Relied<'_>>,
) -> Result<http::Request<Vec<u8>>, request::Error> {
    let path = Request::new(collection(target));
    let name = target.name.as_str();
    match op {
        Op::Create(object) => {
            let body = serde_json::to_vec(object).map_err(request::Error::SerializeBody)?;
            path.create(&PostParams { field_manager: Some(MANAGER.to_string()), ..Default::default() }, body)
        }
        Op::Patch(patch) => path.patch(name, &patch_params(), &Patch::Merge(guarded(patch, relied))),
        Op::PatchStatus(patch) => {
            path.patch_subresource("status", name, &patch_params(), &Patch::Merge(guarded(patch, relied)))
        }
        Op::Delete => {
            // A Job leaves no pod behind that still works.
            let params = match target.kind {
                Kind::Job => DeleteParams::foreground(),
                _ => DeleteParams::background(),
            };
            path.delete(
                name,
                &match relied {
                    Some(relied) => params.preconditions(preconditions(&relied)),
                    None => params,
                },
            )
        }
        Op::Evict => {
            let mut eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction",
                "metadata": {"name": name, "namespace": target.namespace}});
            if let Some(relied) = relied {
                eviction["deleteOptions"] = json!({"preconditions": preconditions(&relied)});
            }
            let body = serde_json::to_vec(&eviction).map_err(request::Error::SerializeBody)?;
            path.create_subresource("eviction", name, &PostParams::default(), body)
        }
    }
}

fn patch_params() -> PatchParams {
    PatchParams { field_manager: Some(MANAGER.to_string()), ..Default::default() }
}

fn preconditions(relied: &Relied<'_>) -> Preconditions {
    Preconditions { resource_version: Some(relied.version.to_string()), uid: Some(relied.uid.to_string()) }
}

/// The patch with uid and version of the object it is meant for: the server takes them as preconditions.
fn guarded(patch: &Value, relied: Option<Relied<'_>>) -> Value {
    let mut patch = patch.clone();
    if let (Some(relied), Some(object)) = (relied, patch.as_object_mut()) {
        let metadata = object.entry("metadata").or_insert_with(|| json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert("uid".to_string(), relied.uid.into());
            metadata.insert("resourceVersion".to_string(), relied.version.into());
        }
    }
    patch
}

/// Path of the collection that `target` is in.
fn collection(target: &Target) -> String {
    fn of<K: Watched>(namespace: &str) -> String {
        use crate::lens::Lens;
        <Lens<K> as kube::Resource>::url_path(&(), Some(namespace))
    }
    let namespace = target.namespace.as_str();
    match target.kind {
        Kind::Rollout => of::<Rollouts>(namespace),
        Kind::ReplicaSet => of::<ReplicaSets>(namespace),
        Kind::Deployment => of::<Deployments>(namespace),
        Kind::Service => of::<Services>(namespace),
        Kind::Ingress => of::<Ingresses>(namespace),
        Kind::Pod => format!("/api/v1/namespaces/{namespace}/pods"),
        Kind::AnalysisRun => of::<AnalysisRuns>(namespace),
        Kind::Experiment => of::<Experiments>(namespace),
        Kind::Job => of::<Jobs>(namespace),
        Kind::StatefulSet => of::<StatefulSets>(namespace),
        Kind::DaemonSet => of::<DaemonSets>(namespace),
        Kind::CronJob => of::<CronJobs>(namespace),
        Kind::ImageUpdate => of::<ImageUpdates>(namespace),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(kind: Kind) -> Target {
        Target { kind, namespace: "ns".into(), name: "x".into() }
    }

    #[test]
    fn each_write_is_guarded_by_the_server() {
        let seen = || Some(Relied { uid: "u", version: "7" });
        let guard = json!({"uid": "u", "resourceVersion": "7"});
        let table = [
            (
                Kind::Rollout,
                Op::Patch(json!({"spec": {"paused": true}})),
                seen(),
                "PATCH",
                "/apis/argoproj.io/v1alpha1/namespaces/ns/rollouts/x",
                json!({"spec": {"paused": true}, "metadata": guard}),
            ),
            (
                Kind::Rollout,
                Op::PatchStatus(json!({"status": {"abort": null}})),
                seen(),
                "PATCH",
                "/apis/argoproj.io/v1alpha1/namespaces/ns/rollouts/x/status",
                json!({"status": {"abort": null}, "metadata": guard}),
            ),
            (
                Kind::Service,
                Op::Patch(json!({"metadata": {"annotations": {"a": "b"}}})),
                seen(),
                "PATCH",
                "/api/v1/namespaces/ns/services/x",
                json!({"metadata": {"annotations": {"a": "b"}, "uid": "u", "resourceVersion": "7"}}),
            ),
            (
                Kind::ReplicaSet,
                Op::Delete,
                seen(),
                "DELETE",
                "/apis/apps/v1/namespaces/ns/replicasets/x",
                json!({"propagationPolicy": "Background", "preconditions": guard}),
            ),
            (
                Kind::Job,
                Op::Delete,
                seen(),
                "DELETE",
                "/apis/batch/v1/namespaces/ns/jobs/x",
                json!({"propagationPolicy": "Foreground", "preconditions": guard}),
            ),
            (
                Kind::Pod,
                Op::Evict,
                seen(),
                "POST",
                "/api/v1/namespaces/ns/pods/x/eviction",
                json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "x", "namespace": "ns"},
                    "deleteOptions": {"preconditions": guard}}),
            ),
            (
                Kind::Ingress,
                Op::Create(json!({"metadata": {"name": "x"}})),
                None,
                "POST",
                "/apis/networking.k8s.io/v1/namespaces/ns/ingresses",
                json!({"metadata": {"name": "x"}}),
            ),
        ];
        for (kind, op, relied, method, path, body) in table {
            let request = request(&target(kind), &op, relied).unwrap();
            assert_eq!((request.method().as_str(), request.uri().path()), (method, path));
            assert_eq!(serde_json::from_slice::<Value>(request.body()).unwrap(), body, "{op:?}");
        }
    }
}
