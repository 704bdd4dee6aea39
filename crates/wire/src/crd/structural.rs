//! From a JSON schema as schemars makes it to a structural one as the API server takes it.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// The structural schema of a type. Fields carry their first line of documentation, for `kubectl explain`.
pub fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::default().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = structural(settings.into_generator().into_root_schema_for::<T>().to_value());
    if let Some(top) = schema.as_object_mut() {
        top.remove("description");
    }
    schema
}

fn structural(schema: Value) -> Value {
    let Value::Object(mut schema) = schema else {
        // `true` stands for any value.
        return serde_json::json!({"x-kubernetes-preserve-unknown-fields": true});
    };
    // Our defaults apply where a value is read; in the schema they would be written into objects.
    for key in ["title", "default", "$schema"] {
        schema.remove(key);
    }
    // What is a default on the wire too says so under this name.
    if let Some(default) = schema.remove("x-default") {
        schema.insert("default".to_string(), default);
    }
    merge_nullable(&mut schema);
    if let Some(Value::Array(kinds)) = schema.get("type") {
        let kind = kinds.iter().find(|kind| *kind != "null").cloned().unwrap_or_else(|| "object".into());
        schema.insert("type".to_string(), kind);
    }
    if let Some(Value::Object(properties)) = schema.remove("properties") {
        let properties: Map<_, _> = properties.into_iter().map(|(name, value)| (name, structural(value))).collect();
        schema.insert("properties".to_string(), properties.into());
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.remove(key) {
            schema.insert(key.to_string(), structural(inner));
        }
    }
    schema.into()
}

/// `anyOf: [schema, null]` is how an optional value looks whose schema has no single type.
fn merge_nullable(schema: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = schema.get("anyOf") else { return };
    let is_null = |choice: &Value| choice.get("type") == Some(&"null".into());
    let [choice] = choices.iter().filter(|choice| !is_null(choice)).collect::<Vec<_>>()[..] else { return };
    let Value::Object(choice) = choice.clone() else { return };
    schema.remove("anyOf");
    for (key, value) in choice {
        schema.entry(key).or_insert(value);
    }
}
