//! The schema of `batch/v1` JobSpec.

use super::pod_template::pod_template;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

/// `batch/v1` JobSpec.
pub fn job_spec(generator: &mut SchemaGenerator) -> Schema {
    let int32 = json!({"type": "integer", "format": "int32"});
    let int64 = json!({"type": "integer", "format": "int64"});
    let (text, truth) = (json!({"type": "string"}), json!({"type": "boolean"}));
    let selector = super::label_selector(generator).to_value();
    let template = pod_template(generator).to_value();
    let schema = json!({"type": "object", "required": ["template"], "properties": {
        "parallelism": int32, "completions": int32, "activeDeadlineSeconds": int64,
        "podFailurePolicy": pod_failure_policy(), "successPolicy": success_policy(),
        "backoffLimit": int32, "backoffLimitPerIndex": int32, "maxFailedIndexes": int32,
        "selector": selector, "manualSelector": truth, "template": template,
        "ttlSecondsAfterFinished": int32, "completionMode": text, "suspend": truth,
        "podReplacementPolicy": text, "managedBy": text,
    }});
    Schema::try_from(schema).unwrap_or_default()
}

fn atomic(items: Value) -> Value {
    json!({"type": "array", "x-kubernetes-list-type": "atomic", "items": items})
}

fn pod_failure_policy() -> Value {
    let text = json!({"type": "string"});
    let exit_codes = json!({"type": "object", "required": ["operator", "values"], "properties": {
        "containerName": text,
        "operator": text,
        "values": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "integer", "format": "int32"}},
    }});
    let condition =
        json!({"type": "object", "required": ["status", "type"], "properties": {"status": text, "type": text}});
    let rule = json!({"type": "object", "required": ["action"], "properties": {
        "action": text, "onExitCodes": exit_codes, "onPodConditions": atomic(condition),
    }});
    json!({"type": "object", "required": ["rules"], "properties": {"rules": atomic(rule)}})
}

fn success_policy() -> Value {
    let rule = json!({"type": "object", "properties": {
        "succeededIndexes": {"type": "string"}, "succeededCount": {"type": "integer", "format": "int32"},
    }});
    json!({"type": "object", "required": ["rules"], "properties": {"rules": atomic(rule)}})
}
