//! Structural schemas: which fields are kept, and which defaults are filled in.

use crate::failure::Cause;
use serde_json::{Map, Value};

/// The schema of one version of a custom kind.
#[derive(Debug)]
pub struct Schema {
    raw: Value,
    /// Whether there are rules in CEL, which the model does not check.
    has_rules: bool,
}

impl Schema {
    /// Takes `openAPIV3Schema` as it is written.
    pub fn new(raw: Value) -> Schema {
        let has_rules = raw.to_string().contains("\"x-kubernetes-validations\"");
        Schema { raw, has_rules }
    }
    /// As it is written.
    pub fn raw(&self) -> &Value {
        &self.raw
    }
    /// Drops the fields that the schema does not know and gives their paths.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        let mut unknown = Vec::new();
        if let Value::Object(map) = object {
            let kept: Vec<(String, Value)> = ["apiVersion", "kind", "metadata"]
                .iter()
                .filter_map(|key| map.shift_remove(*key).map(|v| ((*key).to_string(), v)))
                .collect();
            prune_map(map, &self.raw, "", &mut unknown);
            for (at, (key, value)) in kept.into_iter().enumerate() {
                map.shift_insert(at, key, value);
            }
        }
        unknown
    }
    /// Drops the nulls that the schema does not allow, then fills in the defaults.
    pub fn default(&self, object: &mut Value) {
        drop_nulls(object, &self.raw);
        fill(object, &self.raw);
    }
    /// What is wrong with an object.
    pub fn validate(&self, object: &Value) -> Vec<Cause> {
        let mut causes = super::validate::causes(object, &self.raw);
        if !causes.is_empty() && self.has_rules {
            let why = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
            causes.push(Cause::invalid("<nil>", &Value::Null, why));
        }
        causes
    }
}

/// Whether a flag of the schema is set.
pub(super) fn flag(schema: &Value, name: &str) -> bool {
    schema.get(name) == Some(&Value::Bool(true))
}

/// The schema of one entry of a map: its property, or what all further entries share.
pub(super) fn entry<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    let property = schema.get("properties").and_then(|properties| properties.get(key));
    property.or_else(|| schema.get("additionalProperties").filter(|more| more.is_object()))
}

fn prune(value: &mut Value, schema: &Value, path: &str, unknown: &mut Vec<String>) {
    match value {
        Value::Object(map) => prune_map(map, schema, path, unknown),
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for (at, item) in items.iter_mut().enumerate() {
                    prune(item, schema, &format!("{path}[{at}]"), unknown);
                }
            }
        }
        _ => {}
    }
}

fn prune_map(map: &mut Map<String, Value>, schema: &Value, path: &str, unknown: &mut Vec<String>) {
    let keeps = flag(schema, "x-kubernetes-preserve-unknown-fields")
        || schema.get("additionalProperties") == Some(&Value::Bool(true));
    let embedded = flag(schema, "x-kubernetes-embedded-resource");
    map.retain(|key, value| {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match entry(schema, key) {
            Some(schema) => prune(value, schema, &path, unknown),
            None if embedded && matches!(key.as_str(), "apiVersion" | "kind" | "metadata") => {}
            None if !keeps => {
                unknown.push(path);
                return false;
            }
            None => {}
        }
        true
    });
}

fn drop_nulls(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(map) => map.retain(|key, value| match entry(schema, key) {
            Some(schema) if value.is_null() => flag(schema, "nullable"),
            Some(schema) => {
                drop_nulls(value, schema);
                true
            }
            None => true,
        }),
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| drop_nulls(item, schema));
            }
        }
        _ => {}
    }
}

fn fill(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(map) => {
            for (key, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
                if let (false, Some(default)) = (map.contains_key(key), property.get("default")) {
                    map.insert(key.clone(), default.clone());
                }
            }
            for (key, value) in map.iter_mut() {
                if let Some(schema) = entry(schema, key) {
                    fill(value, schema);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| fill(item, schema));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Schema {
        Schema::new(json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
            "replicas": {"type": "integer", "default": 1},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "may": {"type": "string", "nullable": true},
            "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
        }}}}))
    }

    #[test]
    fn unknown_fields_go_and_their_paths_are_told() {
        let mut object = json!({"metadata": {"name": "a", "odd": 1}, "spec": {"x": 1, "free": {"y": {"z": 1}}, "list": [{"a": "1", "b": 2}]}, "top": 1});
        let unknown = schema().prune(&mut object);
        assert_eq!(unknown, ["spec.x", "spec.list[0].b", "top"]);
        assert_eq!(
            object,
            json!({"metadata": {"name": "a", "odd": 1}, "spec": {"free": {"y": {"z": 1}}, "list": [{"a": "1"}]}})
        );
    }

    #[test]
    fn nulls_give_way_to_defaults() {
        let mut object = json!({"spec": {"replicas": null, "may": null, "free": null}});
        schema().default(&mut object);
        assert_eq!(object, json!({"spec": {"may": null, "replicas": 1}}));
    }
}
