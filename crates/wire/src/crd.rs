//! CustomResourceDefinitions made from our types.
//!
//! The API server prunes and fills in what the schema says, so the schema is part of the contract: the same defaults as the
//! peers' give the same stored objects, and so the same hashes.

mod image_update;
mod job;
mod pod_template;
mod structural;

use crate::analysis::{AnalysisRunSpec, AnalysisRunStatus, AnalysisTemplateSpec};
use crate::experiment::{ExperimentSpec, ExperimentStatus};
use crate::rollout::{RolloutSpec, RolloutStatus};
pub use image_update::image_update;
pub use job::job_spec;
pub use pod_template::pod_template;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use structural::schema_of;

/// All definitions, as one list for `kubectl apply --server-side -f -`.
pub fn list() -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": all()})
}

/// All definitions: those of `argoproj.io` and our own.
pub fn all() -> Vec<Value> {
    vec![rollout(), analysis_run(), analysis_template(), cluster_analysis_template(), experiment(), image_update()]
}

/// The definition of `rollouts.argoproj.io`.
pub fn rollout() -> Value {
    let mut spec = schema_of::<RolloutSpec>();
    if let Some(selector) = spec.pointer_mut("/properties/selector").and_then(Value::as_object_mut) {
        let rule = json!([{"rule": "self == oldSelf", "message": ".spec.selector is immutable"}]);
        selector.insert("x-kubernetes-validations".to_string(), rule);
    }
    let columns = vec![
        column("Desired", ".spec.replicas", "integer", "Number of desired pods"),
        column("Current", ".status.replicas", "integer", "Number of pods of all versions"),
        column("Up-to-date", ".status.updatedReplicas", "integer", "Number of pods of the desired version"),
        column(
            "Available",
            ".status.availableReplicas",
            "integer",
            "Number of pods ready for at least minReadySeconds",
        ),
    ];
    let subresources = json!({
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.HPAReplicas",
            "labelSelectorPath": ".status.selector",
        },
    });
    definition(
        NAMESPACED,
        ["Rollout", "rollout", "ro"],
        columns,
        subresources,
        spec,
        Some(schema_of::<RolloutStatus>()),
    )
}

/// The definition of `analysisruns.argoproj.io`. It has no status subresource, as upstream.
pub fn analysis_run() -> Value {
    let (spec, status) = (schema_of::<AnalysisRunSpec>(), schema_of::<AnalysisRunStatus>());
    let columns = vec![column("Status", ".status.phase", "string", "AnalysisRun status")];
    definition(NAMESPACED, ["AnalysisRun", "analysisrun", "ar"], columns, json!({}), spec, Some(status))
}

/// The definition of `analysistemplates.argoproj.io`.
pub fn analysis_template() -> Value {
    let spec = schema_of::<AnalysisTemplateSpec>();
    definition(NAMESPACED, ["AnalysisTemplate", "analysistemplate", "at"], Vec::new(), json!({}), spec, None)
}

/// The definition of `clusteranalysistemplates.argoproj.io`.
pub fn cluster_analysis_template() -> Value {
    let spec = schema_of::<AnalysisTemplateSpec>();
    let names = ["ClusterAnalysisTemplate", "clusteranalysistemplate", "cat"];
    definition("Cluster", names, Vec::new(), json!({}), spec, None)
}

/// The definition of `experiments.argoproj.io`. It has no status subresource, as upstream.
pub fn experiment() -> Value {
    let (spec, status) = (schema_of::<ExperimentSpec>(), schema_of::<ExperimentStatus>());
    let columns = vec![column("Status", ".status.phase", "string", "Experiment status")];
    definition(NAMESPACED, ["Experiment", "experiment", "exp"], columns, json!({}), spec, Some(status))
}

const NAMESPACED: &str = "Namespaced";

fn column(name: &str, path: &str, kind: &str, text: &str) -> Value {
    json!({"name": name, "jsonPath": path, "type": kind, "description": text})
}

/// A definition. Its names are kind, singular and short name; every kind ends with the column Age.
fn definition(
    scope: &str,
    [kind, singular, short]: [&str; 3],
    mut columns: Vec<Value>,
    subresources: Value,
    spec: Value,
    status: Option<Value>,
) -> Value {
    columns.push(column("Age", ".metadata.creationTimestamp", "date", "Time since resource was created"));
    let plural = format!("{singular}s");
    let text = json!({"type": "string"});
    let mut fields = json!({"apiVersion": text, "kind": text, "metadata": {"type": "object"}, "spec": spec});
    if let Some(status) = status {
        fields["status"] = status;
    }
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.argoproj.io")},
        "spec": {
            "group": "argoproj.io",
            "names": {
                "kind": kind, "listKind": format!("{kind}List"), "plural": plural, "shortNames": [short], "singular": singular,
            },
            "scope": scope,
            "versions": [{
                "name": "v1alpha1",
                "served": true,
                "storage": true,
                "additionalPrinterColumns": columns,
                "subresources": subresources,
                "schema": {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": fields}},
            }],
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
