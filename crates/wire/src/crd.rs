//! CustomResourceDefinitions made from our types.
//!
//! The API server prunes and fills in what the schema says, so the schema is part of the contract: the same defaults as the
//! peers' give the same stored objects, and so the same hashes.

mod pod_template;
mod structural;

use crate::rollout::{RolloutSpec, RolloutStatus};
pub use pod_template::pod_template;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use structural::schema_of;

/// The definition of `rollouts.argoproj.io`.
pub fn rollout() -> Value {
    let column = |name: &str, path: &str, kind: &str, text: &str| json!({"name": name, "jsonPath": path, "type": kind, "description": text});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "rollouts.argoproj.io"},
        "spec": {
            "group": "argoproj.io",
            "names": {"kind": "Rollout", "listKind": "RolloutList", "plural": "rollouts", "shortNames": ["ro"], "singular": "rollout"},
            "scope": "Namespaced",
            "versions": [{
                "name": "v1alpha1",
                "served": true,
                "storage": true,
                "additionalPrinterColumns": [
                    column("Desired", ".spec.replicas", "integer", "Number of desired pods"),
                    column("Current", ".status.replicas", "integer", "Number of pods of all versions"),
                    column("Up-to-date", ".status.updatedReplicas", "integer", "Number of pods of the desired version"),
                    column("Available", ".status.availableReplicas", "integer", "Number of pods ready for at least minReadySeconds"),
                    column("Age", ".metadata.creationTimestamp", "date", "Time since the Rollout was created"),
                ],
                "subresources": {
                    "status": {},
                    "scale": {
                        "specReplicasPath": ".spec.replicas",
                        "statusReplicasPath": ".status.HPAReplicas",
                        "labelSelectorPath": ".status.selector",
                    },
                },
                "schema": {"openAPIV3Schema": rollout_schema()},
            }],
        },
    })
}

fn rollout_schema() -> Value {
    let mut spec = schema_of::<RolloutSpec>();
    if let Some(selector) = spec.pointer_mut("/properties/selector").and_then(Value::as_object_mut) {
        let rule = json!([{"rule": "self == oldSelf", "message": ".spec.selector is immutable"}]);
        selector.insert("x-kubernetes-validations".to_string(), rule);
    }
    json!({
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": schema_of::<RolloutStatus>(),
        },
    })
}

/// Any object, kept as it is.
pub fn anything(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// `metav1.LabelSelector`.
pub fn label_selector(_: &mut SchemaGenerator) -> Schema {
    let text = json!({"type": "string"});
    json_schema!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": {"type": "object", "additionalProperties": text},
            "matchExpressions": {"type": "array", "x-kubernetes-list-type": "atomic", "items": {
                "type": "object",
                "required": ["key", "operator"],
                "properties": {
                    "key": text,
                    "operator": text,
                    "values": {"type": "array", "x-kubernetes-list-type": "atomic", "items": text},
                },
            }},
        },
    })
}

/// One AWS load balancer.
pub fn alb_status(_: &mut SchemaGenerator) -> Schema {
    Schema::try_from(load_balancer()).unwrap_or_default()
}

/// Several AWS load balancers.
pub fn alb_statuses(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": load_balancer()})
}

fn load_balancer() -> Value {
    let part = json!({"type": "object", "required": ["arn", "name"], "properties": {
        "name": {"type": "string"}, "arn": {"type": "string"}, "fullName": {"type": "string"},
    }});
    json!({"type": "object", "properties": {
        "ingress": {"type": "string"},
        "loadBalancer": part,
        "canaryTargetGroup": part,
        "stableTargetGroup": part,
    }})
}
