//! What the watches keep of each object: the lens of `serinus_wire`, and the few names that a cache needs.
//!
//! Reading is total. An object that can't be understood is kept with its metadata and, for a Rollout, a finding; so one
//! malformed object never ends a watch.

use crate::stripped::Stripped;
use kube::Resource;
use kube::core::NamespaceResourceScope;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serinus_decide::Kind;
use serinus_decide::update::Tracked;
use serinus_wire::k8s::{EndpointSlice, Ingress, Job, Pod, ReplicaSet, Service, Workload};
use serinus_wire::rollout::Finding;
use serinus_wire::{AnalysisRun, AnalysisTemplate, Experiment, ImageUpdate, ObjectMeta, Rollout};
use std::borrow::Cow;
use std::fmt::Debug;

/// A kind that is watched, and what is kept of it.
pub trait Watched: Clone + Debug + Send + Sync + 'static {
    /// What is kept.
    type Value: Clone + Debug + Send + Sync + 'static;
    /// API group; empty for the core group.
    const GROUP: &'static str;
    /// API version.
    const VERSION: &'static str;
    /// Kind.
    const KIND: &'static str;
    /// Name in paths.
    const PLURAL: &'static str;

    /// Reads an object; what can't be read takes its default.
    fn read(object: Value) -> Self::Value;
    /// Metadata of what is kept.
    fn meta(value: &Self::Value) -> &ObjectMeta;
}

/// One object as a cache keeps it.
#[derive(Clone, Debug)]
pub struct Lens<K: Watched> {
    key: kube::core::ObjectMeta,
    /// The object as it was read, for a cache to keep; empty when a cache has taken it.
    text: Vec<u8>,
    /// What is kept.
    pub value: K::Value,
}

impl<K: Watched> Lens<K> {
    /// Reads a text that a cache has kept.
    ///
    /// # Errors
    /// It is no JSON.
    pub fn of_text(text: &[u8]) -> Result<Lens<K>, serde_json::Error> {
        Ok(Lens::new(K::read(serde_json::from_slice(text)?), Vec::new()))
    }

    /// The text of the object; after this there is none.
    pub fn take_text(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.text)
    }

    fn new(value: K::Value, text: Vec<u8>) -> Lens<K> {
        let meta = K::meta(&value);
        let some = |text: &str| (!text.is_empty()).then(|| text.to_string());
        let key = kube::core::ObjectMeta {
            name: Some(meta.name.clone()),
            namespace: some(&meta.namespace),
            resource_version: some(&meta.resource_version),
            ..Default::default()
        };
        Lens { key, text, value }
    }

    /// Metadata.
    pub fn meta(&self) -> &ObjectMeta {
        K::meta(&self.value)
    }
}

impl<'de, K: Watched> Deserialize<'de> for Lens<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Stripped(object) = Stripped::deserialize(deserializer)?;
        let text = serde_json::to_vec(&object).map_err(serde::de::Error::custom)?;
        Ok(Lens::new(K::read(object), text))
    }
}

impl<K: Watched> Resource for Lens<K> {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        K::KIND.into()
    }
    fn group(_: &()) -> Cow<'_, str> {
        K::GROUP.into()
    }
    fn version(_: &()) -> Cow<'_, str> {
        K::VERSION.into()
    }
    fn plural(_: &()) -> Cow<'_, str> {
        K::PLURAL.into()
    }
    fn meta(&self) -> &kube::core::ObjectMeta {
        &self.key
    }
    fn meta_mut(&mut self) -> &mut kube::core::ObjectMeta {
        &mut self.key
    }
}

/// Reads a built-in kind; when it can't be read, its metadata alone.
fn read_or_bare<T: for<'de> Deserialize<'de>>(object: Value, bare: impl FnOnce(ObjectMeta) -> T) -> T {
    T::deserialize(&object).unwrap_or_else(|error| {
        let meta = bare_meta(&object);
        tracing::warn!(namespace = meta.namespace, name = meta.name, %error, "an object could not be read");
        bare(meta)
    })
}

/// The metadata of an object whose metadata as a whole can't be read.
fn bare_meta(object: &Value) -> ObjectMeta {
    let Some(metadata) = object.get("metadata") else { return ObjectMeta::default() };
    ObjectMeta::deserialize(metadata).unwrap_or_else(|_| {
        let text = |key: &str| metadata.get(key).and_then(Value::as_str).unwrap_or_default().to_string();
        ObjectMeta {
            name: text("name"),
            namespace: text("namespace"),
            uid: text("uid"),
            resource_version: text("resourceVersion"),
            ..ObjectMeta::default()
        }
    })
}

macro_rules! watched {
    ($(#[$doc:meta])* $kind:ident, $value:ty, $group:literal, $version:literal, $name:literal, $plural:literal, $read:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $kind;
        impl Watched for $kind {
            type Value = $value;
            const GROUP: &'static str = $group;
            const VERSION: &'static str = $version;
            const KIND: &'static str = $name;
            const PLURAL: &'static str = $plural;
            fn read(object: Value) -> $value {
                $read(object)
            }
            fn meta(value: &$value) -> &ObjectMeta {
                &value.metadata
            }
        }
    };
}

watched!(
    /// Rollouts.
    Rollouts, Rollout, "argoproj.io", "v1alpha1", "Rollout", "rollouts", read_rollout
);
watched!(
    /// ReplicaSets of Rollouts.
    ReplicaSets, ReplicaSet, "apps", "v1", "ReplicaSet", "replicasets",
    |object| read_or_bare(object, |metadata| ReplicaSet { metadata, ..Default::default() })
);
watched!(
    /// Services.
    Services, Service, "", "v1", "Service", "services",
    |object| read_or_bare(object, |metadata| Service { metadata, ..Default::default() })
);
watched!(
    /// Ingresses.
    Ingresses, Ingress, "networking.k8s.io", "v1", "Ingress", "ingresses",
    |object| read_or_bare(object, |metadata| Ingress { metadata, ..Default::default() })
);
watched!(
    /// EndpointSlices.
    EndpointSlices, EndpointSlice, "discovery.k8s.io", "v1", "EndpointSlice", "endpointslices",
    |object| read_or_bare(object, |metadata| EndpointSlice { metadata, ..Default::default() })
);
watched!(
    /// Deployments behind a `workloadRef`.
    Deployments, Workload, "apps", "v1", "Deployment", "deployments", read_workload
);
watched!(
    /// ReplicaSets behind a `workloadRef`.
    WorkloadSets, Workload, "apps", "v1", "ReplicaSet", "replicasets", read_workload
);
watched!(
    /// PodTemplates behind a `workloadRef`.
    PodTemplates, Workload, "", "v1", "PodTemplate", "podtemplates", read_pod_template
);

watched!(
    /// AnalysisRuns.
    AnalysisRuns, AnalysisRun, "argoproj.io", "v1alpha1", "AnalysisRun", "analysisruns", read_run
);
watched!(
    /// Experiments.
    Experiments, Experiment, "argoproj.io", "v1alpha1", "Experiment", "experiments", read_experiment
);
watched!(
    /// AnalysisTemplates.
    AnalysisTemplates, AnalysisTemplate, "argoproj.io", "v1alpha1", "AnalysisTemplate", "analysistemplates", read_template
);
watched!(
    /// ClusterAnalysisTemplates.
    ClusterTemplates, AnalysisTemplate, "argoproj.io", "v1alpha1", "ClusterAnalysisTemplate", "clusteranalysistemplates",
    read_template
);
watched!(
    /// Jobs of AnalysisRuns.
    Jobs, Job, "batch", "v1", "Job", "jobs",
    |object| read_or_bare(object, |metadata| Job { metadata, ..Default::default() })
);

watched!(
    /// Pods of those Jobs.
    JobPods, Pod, "", "v1", "Pod", "pods",
    |object| read_or_bare(object, |metadata| Pod { metadata, ..Default::default() })
);

fn read_run(object: Value) -> AnalysisRun {
    let metadata = bare_meta(&object);
    AnalysisRun::read(&object).unwrap_or_else(|message| AnalysisRun {
        metadata,
        findings: vec![Finding { path: "metadata".to_string(), message, hint: None }],
        ..AnalysisRun::default()
    })
}

fn read_experiment(object: Value) -> Experiment {
    let metadata = bare_meta(&object);
    Experiment::read(&object).unwrap_or_else(|message| Experiment {
        metadata,
        findings: vec![Finding { path: "metadata".to_string(), message, hint: None }],
        ..Experiment::default()
    })
}

fn read_template(object: Value) -> AnalysisTemplate {
    let metadata = bare_meta(&object);
    AnalysisTemplate::read(&object).unwrap_or_else(|message| AnalysisTemplate {
        metadata,
        findings: vec![Finding { path: "metadata".to_string(), message, hint: None }],
        ..AnalysisTemplate::default()
    })
}

watched!(
    /// Updates of images.
    ImageUpdates, ImageUpdate, "serinus.dev", "v1alpha1", "ImageUpdate", "imageupdates",
    |object| read_or_bare(object, |metadata| ImageUpdate { metadata, ..Default::default() })
);
watched!(
    /// Deployments as updates see them.
    TrackedDeployments, Tracked, "apps", "v1", "Deployment", "deployments", |object| read_tracked(Kind::Deployment, object)
);
watched!(
    /// StatefulSets.
    StatefulSets, Tracked, "apps", "v1", "StatefulSet", "statefulsets", |object| read_tracked(Kind::StatefulSet, object)
);
watched!(
    /// DaemonSets.
    DaemonSets, Tracked, "apps", "v1", "DaemonSet", "daemonsets", |object| read_tracked(Kind::DaemonSet, object)
);
watched!(
    /// CronJobs.
    CronJobs, Tracked, "batch", "v1", "CronJob", "cronjobs", |object| read_tracked(Kind::CronJob, object)
);

/// A workload as updates see it.
pub(crate) fn read_tracked(kind: Kind, object: Value) -> Tracked {
    Tracked::read(kind, bare_meta(&object), &object)
}

fn read_rollout(object: Value) -> Rollout {
    let metadata = bare_meta(&object);
    Rollout::read(object).unwrap_or_else(|message| Rollout {
        metadata,
        findings: vec![Finding { path: "metadata".to_string(), message, hint: None }],
        ..Rollout::default()
    })
}

fn read_workload(object: Value) -> Workload {
    read_or_bare(object, |metadata| Workload { metadata, ..Default::default() })
}

/// A PodTemplate has its template at the top.
fn read_pod_template(mut object: Value) -> Workload {
    let template = object.get_mut("template").map(Value::take).unwrap_or_default();
    let mut workload = read_workload(object);
    workload.spec.template = template;
    workload
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lens<K: Watched>(object: Value) -> Lens<K> {
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_malformed_object_is_kept_with_its_names() {
        let table = [
            json!({"metadata": {"name": "a", "namespace": "n"}, "spec": {"replicas": "three"}}),
            json!({"metadata": {"name": "a", "namespace": "n"}, "spec": 5}),
            json!({"metadata": {"name": "a", "namespace": "n", "labels": 7}, "spec": {}}),
        ];
        for object in table {
            let rollout = lens::<Rollouts>(object.clone());
            assert_eq!((rollout.meta().name.as_str(), rollout.meta().namespace.as_str()), ("a", "n"), "{object}");
            assert!(!rollout.value.findings.is_empty(), "{object}");
            assert_eq!(lens::<ReplicaSets>(object).meta().name, "a");
        }
    }

    #[test]
    fn what_nobody_reads_is_dropped() {
        let object = json!({"metadata": {"name": "a", "managedFields": [{"manager": "x"}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "kept": "yes"}}, "spec": {"rules": []}});
        let ingress = lens::<Ingresses>(object);
        assert_eq!(ingress.meta().annotations.keys().collect::<Vec<_>>(), ["kept"]);
        assert_eq!(ingress.value.spec, json!({"rules": []}));
    }

    #[test]
    fn a_pod_template_has_its_template_at_the_top() {
        let workload =
            lens::<PodTemplates>(json!({"metadata": {"name": "a"}, "template": {"spec": {"containers": []}}}));
        assert_eq!(workload.value.spec.template, json!({"spec": {"containers": []}}));
    }
}
