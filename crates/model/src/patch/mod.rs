//! The four patch types: what an object becomes, from what it is and what was sent.

pub mod apply;
pub mod fields;
pub mod owners;
pub mod rules;
pub mod strategic;

use crate::failure::Failure;
use serde_json::{Value, json};

/// The type of a patch, from `Content-Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Kubernetes' own: lists of named things are merged by name.
    Strategic,
    /// Server-side apply.
    Apply,
}

impl PatchType {
    /// Reads the media type.
    pub fn parse(media: &str) -> Option<PatchType> {
        match media.split(';').next().unwrap_or("").trim() {
            "application/json-patch+json" => Some(PatchType::Json),
            "application/merge-patch+json" => Some(PatchType::Merge),
            "application/strategic-merge-patch+json" => Some(PatchType::Strategic),
            "application/apply-patch+yaml" | "application/apply-patch+json" => Some(PatchType::Apply),
            _ => None,
        }
    }
}

/// Applies a JSON patch.
pub fn json(object: &Value, patch: &Value) -> Result<Value, Failure> {
    let refused = || Failure {
        code: 422,
        reason: "Invalid",
        message: "the server rejected our request due to an error in our request".to_string(),
        details: Box::new(json!({})),
        warnings: Vec::new(),
    };
    let mut result = object.clone();
    for operation in patch.as_array().ok_or_else(refused)? {
        let mut operation = operation.clone();
        // Kubernetes' library makes a key that a `replace` does not find, as long as the map is there.
        if operation["op"] == "replace" && is_new_key(&result, operation["path"].as_str().unwrap_or_default()) {
            operation["op"] = "add".into();
        }
        let operations: json_patch::Patch = serde_json::from_value(json!([operation])).map_err(|_| refused())?;
        json_patch::patch(&mut result, &operations).map_err(|_| refused())?;
    }
    Ok(result)
}

fn is_new_key(object: &Value, path: &str) -> bool {
    let parent = path.rsplit_once('/').and_then(|(parent, _)| object.pointer(parent));
    parent.is_some_and(Value::is_object) && object.pointer(path).is_none()
}

/// Applies a merge patch.
pub fn merge(object: &Value, patch: &Value) -> Result<Value, Failure> {
    if !patch.is_object() {
        return Err(Failure::bad_request(format!(
            "json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            kind_of(patch)
        )));
    }
    let mut result = object.clone();
    json_patch::merge(&mut result, patch);
    Ok(result)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "bool",
        Value::Null => "null",
        Value::Object(_) => "object",
    }
}
