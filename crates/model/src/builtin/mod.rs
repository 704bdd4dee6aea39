//! Built-in kinds: what is kept of a body, what is filled in, and what is refused.

mod defaults;
mod names;
mod pods;
mod prepare;
pub mod protobuf;
pub mod shape;
mod typed;
mod validate;

pub use defaults::default;
pub use names::{label_key, label_value, metadata};
pub use prepare::{admit, prepare};
pub use typed::take;
pub use validate::{validate, validate_change, validate_status};

use crate::catalogue::{Kind, Shape};
use serde_json::{Map, Value, json};

/// What an empty object of a kind looks like: what is there without anybody having written it.
pub fn zero(kind: &Kind) -> Value {
    match &kind.shape {
        Shape::Typed(shape) => typed::zero(shape),
        Shape::Builtin(_) | Shape::Custom(..) => json!({}),
    }
}

/// Maps that a typed server leaves out when they are empty. Other empty maps mean something (`emptyDir: {}`).
const MAPS: &[&str] = &[
    "labels",
    "annotations",
    "matchLabels",
    "data",
    "binaryData",
    "stringData",
    "nodeSelector",
    "limits",
    "requests",
    "overhead",
    "deprecatedTopology",
    "capacity",
    "allocatable",
];

/// Gives an object the form in which it is stored: a list that is always written is `null` when it is empty.
pub fn settle(kind: &Kind, object: &mut Value) {
    if let Shape::Typed(shape) = &kind.shape {
        typed::settle(shape, object);
    }
}

/// What must be changed before a body can be read as its type: numbers that are quantities.
pub fn canonical(body: &mut Value) {
    walk(body, "", &mut |map, parent| {
        if matches!(parent, "limits" | "requests" | "capacity" | "allocatable" | "overhead") {
            for value in map.values_mut() {
                let text = match value {
                    Value::Number(number) => number.to_string(),
                    Value::String(text) => text.clone(),
                    _ => continue,
                };
                *value = Value::String(serinus_gocompat::quantity::canonical(&text).unwrap_or(text));
            }
        }
    });
}

/// Drops what a typed server leaves out: nulls, empty lists and empty maps of plain entries.
pub fn tidy(object: &mut Value) {
    match object {
        Value::Object(map) => {
            map.retain(|key, value| {
                tidy(value);
                match value {
                    Value::Null => false,
                    Value::Array(items) => !items.is_empty(),
                    Value::Object(map) => !map.is_empty() || !MAPS.contains(&key.as_str()),
                    _ => true,
                }
            });
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// The paths of what was sent and is not kept.
pub fn unknown(sent: &Value, kept: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    compare(sent, kept, "", &mut paths);
    paths
}

fn compare(sent: &Value, kept: &Value, path: &str, paths: &mut Vec<String>) {
    match (sent, kept) {
        (Value::Object(sent), Value::Object(kept)) => {
            for (key, value) in sent {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match kept.get(key) {
                    Some(kept) => compare(value, kept, &path, paths),
                    None if value.is_null() => {}
                    None => paths.push(path),
                }
            }
        }
        (Value::Array(sent), Value::Array(kept)) => {
            for (at, (sent, kept)) in sent.iter().zip(kept).enumerate() {
                compare(sent, kept, &format!("{path}[{at}]"), paths);
            }
        }
        _ => {}
    }
}

fn walk(value: &mut Value, name: &str, act: &mut impl FnMut(&mut Map<String, Value>, &str)) {
    match value {
        Value::Object(map) => {
            act(map, name);
            for (key, value) in map.iter_mut() {
                walk(value, key, act);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, name, act)),
        _ => {}
    }
}
