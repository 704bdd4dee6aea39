//! The definition of `imageupdates.serinus.dev`.

use super::structural::schema_of;
use crate::image_update::{ImageUpdateSpec, ImageUpdateStatus};
use serde_json::{Value, json};

/// The definition of `imageupdates.serinus.dev`.
pub fn image_update() -> Value {
    let column = |name: &str, path: &str, kind: &str, text: &str| json!({"name": name, "jsonPath": path, "type": kind, "description": text});
    let mut spec = schema_of::<ImageUpdateSpec>();
    // What was proposed stays as it was: a vote must not end up on something else.
    let fixed = "the proposed change can't be altered; only votes, allowed, archived and a digest that was unknown";
    if let Some(spec) = spec.as_object_mut() {
        let rule = "self.workload == oldSelf.workload && self.repository == oldSelf.repository && self.tag == oldSelf.tag \
            && self.changes == oldSelf.changes && (!has(oldSelf.digest) || self.digest == oldSelf.digest)";
        spec.insert("x-kubernetes-validations".to_string(), json!([{"rule": rule, "message": fixed}]));
        spec.insert("required".to_string(), json!(["workload", "repository", "tag", "changes"]));
        // The cost of a rule is reckoned from these.
        if let Some(changes) =
            spec.get_mut("properties").and_then(|all| all.get_mut("changes")).and_then(Value::as_object_mut)
        {
            changes.insert("maxItems".to_string(), json!(128));
        }
    }
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "imageupdates.serinus.dev"},
        "spec": {
            "group": "serinus.dev",
            "names": {
                "kind": "ImageUpdate", "listKind": "ImageUpdateList", "plural": "imageupdates", "shortNames": ["iu"],
                "singular": "imageupdate",
            },
            "scope": "Namespaced",
            "versions": [{
                "name": "v1alpha1",
                "served": true,
                "storage": true,
                "additionalPrinterColumns": [
                    column("Kind", ".spec.workload.kind", "string", "Kind of the workload"),
                    column("Workload", ".spec.workload.name", "string", "Name of the workload"),
                    column("From", ".spec.fromTag", "string", "Tag that ran"),
                    column("To", ".spec.tag", "string", "Tag that is proposed"),
                    column("Phase", ".status.phase", "string", "How far it is"),
                    column("Message", ".status.message", "string", "Why"),
                    column("Age", ".metadata.creationTimestamp", "date", "Time since it was proposed"),
                ],
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "required": ["spec"],
                    "properties": {
                        "apiVersion": {"type": "string"},
                        "kind": {"type": "string"},
                        "metadata": {"type": "object"},
                        "spec": spec,
                        "status": schema_of::<ImageUpdateStatus>(),
                    },
                }},
            }],
        },
    })
}
