//! Services that a Rollout has marked as its own and names no longer: they are given back (spec 2.9).

use crate::pass::Pass;
use crate::plan::{Guard, Kind, Op, Target, Verdict, Write};
use serde_json::{Value, json};
use serinus_wire::k8s::Service;
use serinus_wire::keys;

/// The write that gives a Service back: the mark and the hash in its selector go, and it selects by its own labels again.
/// Absent: it carries no mark.
pub fn release(service: &Service) -> Option<Write> {
    let meta = &service.metadata;
    meta.annotations.get(keys::MANAGED_BY)?;
    let mut patch = json!({"metadata": {"annotations": {keys::MANAGED_BY: null}}});
    if service.spec.selector.contains_key(keys::HASH) {
        patch["spec"] = json!({"selector": {keys::HASH: Value::Null}});
    }
    Some(Write {
        target: Target { kind: Kind::Service, namespace: meta.namespace.clone(), name: meta.name.clone() },
        guard: Guard::Is { uid: meta.uid.clone(), resource_version: meta.resource_version.clone() },
        op: Op::Patch(patch),
    })
}

/// Gives back the Services that the Rollout names no longer.
pub(crate) fn reconcile(pass: &mut Pass<'_>) {
    let seen = pass.seen;
    for service in &seen.released {
        let Some(write) = release(service) else { continue };
        pass.report(
            "service",
            Verdict::Acts,
            format!("Service {} is named no longer: it is given back", service.metadata.name),
        );
        pass.write(Kind::Service, &service.metadata, write.op);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_ours_is_taken_away() {
        let service = |annotations: Value, selector: Value| -> Service {
            serde_json::from_value(json!({
                "metadata": {"name": "s", "namespace": "n", "uid": "u", "resourceVersion": "1", "annotations": annotations},
                "spec": {"selector": selector},
            }))
            .unwrap()
        };
        let mark = json!({keys::MANAGED_BY: "web", "by": "them"});
        let unmark = json!({"annotations": {keys::MANAGED_BY: null}});
        for (annotations, selector, patch) in [
            (
                mark.clone(),
                json!({"app": "web", keys::HASH: "abc"}),
                Some(json!({"metadata": unmark, "spec": {"selector": {keys::HASH: null}}})),
            ),
            (mark, json!({"app": "web"}), Some(json!({"metadata": unmark}))),
            (json!({"by": "them"}), json!({"app": "web", keys::HASH: "abc"}), None),
        ] {
            let op = release(&service(annotations, selector)).map(|write| write.op);
            assert_eq!(op, patch.map(Op::Patch));
        }
    }
}
