//! Brings answers into a form in which two servers can be compared: identities, versions, times and addresses become what they stand for.
//! Absent, `null` and an empty list count as the same.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// What one server called things, in the order in which it first did.
#[derive(Default)]
pub struct Names {
    uids: HashMap<String, usize>,
    versions: HashMap<String, HashMap<String, usize>>,
}

const UID: usize = 36;

fn is_uid(text: &str) -> bool {
    text.len() == UID
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

impl Names {
    /// An answer in a comparable form.
    pub fn normal(&mut self, value: &Value) -> Value {
        self.walk("", value)
    }

    fn uid(&mut self, uid: &str) -> String {
        let next = self.uids.len();
        format!("uid-{}", self.uids.entry(uid.to_owned()).or_insert(next))
    }

    fn version(&mut self, uid: &str, version: &str) -> String {
        let known = self.versions.entry(uid.to_owned()).or_default();
        let next = known.len();
        format!("version-{}", known.entry(version.to_owned()).or_insert(next))
    }

    fn walk(&mut self, key: &str, value: &Value) -> Value {
        match value {
            Value::Object(map) => self.map(key, map),
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(|item| self.walk(key, item)).collect();
                if key == "managedFields" {
                    items.sort_by_key(|item| {
                        format!("{} {} {}", item["operation"], item["manager"], item["subresource"])
                    });
                }
                Value::Array(items)
            }
            Value::String(text) if key == "cells" && is_age(text) => json!("an age"),
            Value::String(text) if key == "cells" && text.starts_with("10.96.") => json!("an address"),
            Value::String(text) if key == "cells" && text.contains(":3") && text.ends_with("/TCP") => {
                json!("a node port")
            }
            Value::String(text) => Value::String(self.text(key, text)),
            Value::Number(number) if key == "nodePort" && number.as_u64().is_some_and(|n| n >= 30_000) => {
                json!("a node port")
            }
            other => other.clone(),
        }
    }

    /// The order of several causes is that of a Go map.
    fn causes(&mut self, mut status: Map<String, Value>) -> Map<String, Value> {
        let Some(Value::Array(causes)) = status.get_mut("details").and_then(|details| details.get_mut("causes")) else {
            return status;
        };
        causes.sort_by_key(Value::to_string);
        causes.dedup();
        if let Some(Value::String(message)) = status.get_mut("message")
            && let Some(at) = message.find("is invalid: [")
        {
            message.truncate(at);
        }
        status
    }

    fn map(&mut self, key: &str, map: &Map<String, Value>) -> Value {
        let mut result = Map::new();
        for (name, value) in map {
            let normal = match (key, name.as_str(), value) {
                ("metadata", "resourceVersion", Value::String(version)) => match map.get("uid").and_then(Value::as_str)
                {
                    Some(uid) => json!(self.version(uid, version)),
                    None => json!("the version of the list"),
                },
                ("metadata", "continue", Value::String(token)) if token.is_empty() => continue,
                ("metadata", "continue", Value::String(_)) => json!("a token"),
                (_, _, Value::Array(items)) if items.is_empty() => continue,
                (_, _, Value::Null) => continue,
                ("managedFields", "time", _) => continue,
                ("metadata", "name", Value::String(text)) => json!(generated(map, text)),
                _ => self.walk(name, value),
            };
            // Names of fields may hold an identity too: `k:{"uid":"…"}`.
            result.insert(self.text("", name), normal);
        }
        Value::Object(self.causes(result))
    }

    fn text(&mut self, key: &str, text: &str) -> String {
        if is_recent(text) {
            return "now".to_owned();
        }
        if matches!(key, "clusterIP" | "clusterIPs") && text.starts_with("10.96.") {
            return "an address".to_owned();
        }
        let text = without_letters(&self.with_uids(text));
        if key == "message" { without_objects(&without_versions(&text)) } else { text }
    }

    fn with_uids(&mut self, text: &str) -> String {
        let mut result = String::new();
        let mut rest = text;
        while let Some(at) =
            (0..rest.len().saturating_sub(UID - 1)).find(|at| rest.get(*at..at + UID).is_some_and(is_uid))
        {
            result.push_str(&rest[..at]);
            result.push_str(&self.uid(&rest[at..at + UID]));
            rest = &rest[at + UID..];
        }
        result + rest
    }
}

/// The letters at the end of a generated name.
fn without_letters(text: &str) -> String {
    match text.find("\"gen-") {
        Some(at) if text.len() > at + 10 => format!("{}gen-…{}", &text[..=at], &text[at + 10..]),
        _ if text.len() == 9 && text.starts_with("gen-") => "gen-…".to_owned(),
        _ => text.to_owned(),
    }
}

fn generated(metadata: &Map<String, Value>, name: &str) -> String {
    match metadata.get("generateName").and_then(Value::as_str) {
        Some(base) if name.starts_with(base) => format!("{base} and {} letters", name.len() - base.len()),
        _ => name.to_owned(),
    }
}

fn is_age(text: &str) -> bool {
    text.strip_suffix('s').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A time around now: the server's own, as opposed to those that a request brings.
fn is_recent(text: &str) -> bool {
    text.len() >= 20
        && text.ends_with('Z')
        && text.parse::<Timestamp>().is_ok_and(|at| Timestamp::now().duration_since(at).as_secs().abs() < 3_600)
}

/// Some sentences quote a whole object, times and all, and some say what a JSON parser thinks.
fn without_objects(text: &str) -> String {
    if text.ends_with(": field is immutable")
        && let Some(at) = text.find("Invalid value: {")
        && text.contains("containers\":") | text.contains("Containers\":")
    {
        return text[..at].to_owned();
    }
    if let Some(at) = text.find("pod updates may not change fields other than") {
        return text[..at].to_owned();
    }
    if let Some(at) = text.find("Invalid value: \"{").or_else(|| text.find("Invalid value: \"map[")) {
        let tail = text.rfind("strict decoding").map_or("", |end| &text[end..]);
        return format!("{}{}", &text[..at], tail);
    }
    match text.find("couldn't get version/kind").or_else(|| text.find("Object 'Kind' is missing")) {
        Some(at) => text[..at].to_owned(),
        None => text.to_owned(),
    }
}

/// Versions in sentences differ: `… in precondition: 17, …`.
fn without_versions(text: &str) -> String {
    let mut result = text.to_owned();
    for mark in [
        "ResourceVersion in the precondition (",
        "ResourceVersion in record (",
        "Too large resource version: ",
        ", current: ",
    ] {
        if let Some(at) = result.find(mark) {
            let from = at + mark.len();
            let digits = result[from..].bytes().take_while(u8::is_ascii_digit).count();
            result.replace_range(from..from + digits, "n");
        }
    }
    result
}
