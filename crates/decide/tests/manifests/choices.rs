//! Objects that a schema allows, and objects with one field that it does not.

use serde_json::{Map, Value, json};

/// Choices from a seed (splitmix64).
pub struct Choices {
    state: u64,
    /// Whether values of the wrong type, missing and unknown fields are among them.
    broken: bool,
}

impl Choices {
    pub fn new(seed: u64, broken: bool) -> Choices {
        Choices { state: seed, broken }
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit.max(1) as u64).unwrap()
    }

    fn pick(&mut self, values: &[Value]) -> Value {
        values[self.below(values.len())].clone()
    }

    /// A value of a schema; once in a while of none.
    pub fn value(&mut self, schema: &Value, depth: usize) -> Value {
        if self.broken && self.below(24) == 23 {
            return self.pick(&[
                json!(null),
                json!("x"),
                json!(-7),
                json!([1]),
                json!({"a": {}}),
                json!(1.5),
                json!(true),
            ]);
        }
        if let Some(values) = schema["enum"].as_array() {
            return self.pick(values);
        }
        if schema["x-kubernetes-int-or-string"] == true {
            return self.pick(&[json!(1), json!("25%"), json!(0), json!("0%"), json!("1m"), json!(-1), json!("∞")]);
        }
        match schema["type"].as_str() {
            Some("integer") => self.pick(&[
                json!(1),
                json!(0),
                json!(2),
                json!(20),
                json!(100),
                json!(-1),
                json!(600),
                json!(i32::MAX),
                json!(i32::MIN),
            ]),
            Some("number") => self.pick(&[json!(0.5), json!(1e300)]),
            Some("boolean") => self.pick(&[json!(true), json!(false)]),
            Some("array") => (0..self.below(4)).map(|_| self.value(&schema["items"], depth + 1)).collect(),
            Some("object") => self.object(schema, depth),
            Some("string") if schema["format"] == "date-time" => {
                self.pick(&[json!("2026-01-01T00:00:00Z"), json!("2030-02-28T23:59:59Z")])
            }
            Some("string") => self.text(),
            _ => self.pick(&[json!({}), json!({"any": [1, {"thing": "x"}]}), json!("text"), json!(null)]),
        }
    }

    fn text(&mut self) -> Value {
        let words = [
            "web-stable",
            "web-canary",
            "web",
            "web-active",
            "web-ping",
            "",
            "Percent",
            "Pods",
            "20",
            "10s",
            "-5h",
            "canary",
            "apps/v1",
            "Deployment",
            "2026-01-01T00:00:00Z",
            "rollouts-pod-template-hash",
            "a b",
            "é\u{2028}<&>",
            "progressively",
        ];
        if self.below(64) == 63 {
            return json!("x".repeat(300));
        }
        json!(words[self.below(words.len())])
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut object = Map::new();
        let Some(properties) = schema["properties"].as_object() else {
            let names = ["app", "role", "note"];
            let inner = schema.get("additionalProperties").cloned().unwrap_or(json!({"type": "string"}));
            for name in names.iter().take(self.below(3)) {
                object.insert((*name).to_string(), self.value(&inner, depth + 1));
            }
            return Value::Object(object);
        };
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        // As many keys as a person gives, at each depth.
        for _ in 0..self.below(if depth < 2 { 7 } else { 4 }) {
            let (key, inner) = properties.iter().nth(self.below(properties.len())).unwrap();
            object.insert(key.clone(), self.value(inner, depth + 1));
        }
        for key in required {
            let forgotten = self.broken && self.below(16) == 15;
            if !forgotten && !object.contains_key(key) {
                let inner = self.value(&properties[key], depth + 1);
                object.insert(key.to_string(), inner);
            }
        }
        if self.broken && self.below(48) == 47 {
            object.insert("mispelt".to_string(), json!(1));
        }
        Value::Object(object)
    }
}

/// A place in an object, as a JSON pointer and as people write it, and what makes it wrong there.
struct Place {
    pointer: String,
    path: String,
    wrong: Value,
}

/// Makes one field of an object wrong, and says which; absent when nothing in it can be.
pub fn break_one(choices: &mut Choices, schema: &Value, part: &mut Value, name: &str) -> Option<String> {
    let mut places = Vec::new();
    collect(schema, part, Place { pointer: String::new(), path: name.to_string(), wrong: Value::Null }, &mut places);
    if places.is_empty() {
        return None;
    }
    let Place { pointer, path, wrong } = places.swap_remove(choices.below(places.len()));
    match part.pointer_mut(&pointer) {
        Some(value) => *value = wrong,
        None => {
            let (parent, key) = pointer.rsplit_once('/')?;
            part.pointer_mut(parent)?[key] = wrong;
        }
    }
    Some(path)
}

/// Everything that can be made wrong in a value. Pod templates, selectors and the specs of Jobs are kept as they are: the API
/// server looks at them.
fn collect(schema: &Value, value: &Value, at: Place, places: &mut Vec<Place>) {
    let raw = schema["x-kubernetes-preserve-unknown-fields"] == true || at.path.ends_with("job.spec");
    if raw || at.path.ends_with(".template") || at.path.ends_with(".selector") {
        return;
    }
    let under = |key: &str, path: String| Place { pointer: format!("{}/{key}", at.pointer), path, wrong: Value::Null };
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                let known = schema["properties"].get(key).unwrap_or(&schema["additionalProperties"]);
                if known.is_object() && !key.contains(['/', '~']) {
                    collect(known, inner, under(key, format!("{}.{key}", at.path)), places);
                }
            }
            if schema["properties"].is_object() {
                places.push(Place { wrong: json!(1), ..under("mispelt", format!("{}.mispelt", at.path)) });
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(&schema["items"], item, under(&index.to_string(), format!("{}[{index}]", at.path)), places);
            }
        }
        _ => {}
    }
    let wrong = if value.is_object() || value.is_array() { json!("broken") } else { json!({"broken": true}) };
    if !at.pointer.is_empty() {
        places.push(Place { wrong, ..at });
    }
}

/// Whether a message names the field, or what it is in.
pub fn names(message: &str, path: &str) -> bool {
    let ends = path.char_indices().filter(|(_, letter)| matches!(letter, '.' | '[')).map(|(at, _)| at);
    let root = path.find('.').unwrap_or(0);
    ends.filter(|at| *at > root).chain([path.len()]).any(|end| message.contains(&path[..end]))
}
