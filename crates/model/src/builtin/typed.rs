//! Bodies of built-in kinds as Go reads and writes them: unknown fields are dropped, wrong types refused in Go's words, and what is
//! zero is left out unless its struct says otherwise.

use super::shape::{Field, SHAPES, Type};
use serde_json::{Map, Value, json};

/// A body in the shape of its type, and the paths of what was sent and is not kept.
pub fn take(kind: &Type, body: &Value) -> Result<(Value, Vec<String>), String> {
    let mut reader = Reader { unknown: Vec::new(), names: Vec::new(), path: String::new(), within: "" };
    let value = reader.value(kind, body)?;
    Ok((value, reader.unknown))
}

/// What an empty object of a type looks like.
pub fn zero(kind: &Type) -> Value {
    match kind {
        Type::Text => json!(""),
        Type::Bool => json!(false),
        Type::Int(_) | Type::IntOrString => json!(0),
        Type::Quantity => json!("0"),
        Type::Bytes | Type::Time | Type::MicroTime | Type::Raw | Type::Pointer(_) | Type::List(_) | Type::Map(_) => {
            Value::Null
        }
        Type::Struct(at) => SHAPES
            .get(*at)
            .json
            .iter()
            .filter(|field| field.always)
            .map(|field| (field.name.clone(), zero(&field.kind)))
            .collect(),
    }
}

/// Empty lists that are always written become `null`, as they do on their way through a store.
pub fn settle(kind: &Type, value: &mut Value) {
    match (kind, value) {
        (Type::Struct(at), Value::Object(map)) => {
            for field in &SHAPES.get(*at).json {
                let Some(value) = map.get_mut(&field.name) else { continue };
                if matches!(field.kind, Type::List(_)) && value.as_array().is_some_and(Vec::is_empty) {
                    *value = Value::Null;
                } else {
                    settle(&field.kind, value);
                }
            }
        }
        (Type::Pointer(inner), value) => settle(inner, value),
        (Type::List(inner), Value::Array(items)) => items.iter_mut().for_each(|item| settle(inner, item)),
        (Type::Map(inner), Value::Object(map)) => map.values_mut().for_each(|value| settle(inner, value)),
        _ => {}
    }
}

struct Reader<'a> {
    unknown: Vec<String>,
    /// Names of fields on the way here, as Go's errors have them.
    names: Vec<String>,
    /// The way here with list positions, as warnings have it.
    path: String,
    within: &'a str,
}

impl<'a> Reader<'a> {
    fn wrong(&self, body: &Value, wanted: &str) -> String {
        let found = match body {
            Value::Object(_) => "object",
            Value::Array(_) => "array",
            Value::String(_) => "string",
            Value::Bool(_) => "bool",
            Value::Number(number) if wanted.starts_with("int") => {
                return self.told(&format!("number {number}"), wanted);
            }
            Value::Number(_) => "number",
            Value::Null => "null",
        };
        self.told(found, wanted)
    }

    fn told(&self, found: &str, wanted: &str) -> String {
        if self.names.is_empty() {
            return format!("json: cannot unmarshal {found} into Go value of type {wanted}");
        }
        format!(
            "json: cannot unmarshal {found} into Go struct field {}.{} of type {wanted}",
            self.within,
            self.names.join(".")
        )
    }

    fn value(&mut self, kind: &Type, body: &Value) -> Result<Value, String> {
        if body.is_null() {
            return Ok(zero(kind));
        }
        match kind {
            Type::Text => body.as_str().map(Value::from).ok_or_else(|| self.wrong(body, "string")),
            Type::Bool => body.as_bool().map(Value::from).ok_or_else(|| self.wrong(body, "bool")),
            Type::Int(bits) => self.int(*bits, body),
            Type::Bytes => self.bytes(body),
            Type::Quantity => quantity(body),
            Type::IntOrString => match body {
                Value::String(_) | Value::Number(_) => Ok(body.clone()),
                _ => Err(self.wrong(body, "int32")),
            },
            Type::Time | Type::MicroTime => self.time(kind, body),
            Type::Raw => Ok(body.clone()),
            Type::Pointer(inner) => self.value(inner, body),
            Type::List(inner) => self.list(inner, body),
            Type::Map(inner) => self.map(inner, body),
            Type::Struct(at) => self.object(*at, body),
        }
    }

    fn int(&self, bits: u32, body: &Value) -> Result<Value, String> {
        let number = body.as_i64().filter(|number| bits == 64 || i32::try_from(*number).is_ok());
        number.map(Value::from).ok_or_else(|| self.wrong(body, if bits == 64 { "int64" } else { "int32" }))
    }

    fn bytes(&self, body: &Value) -> Result<Value, String> {
        let text = body.as_str().ok_or_else(|| self.wrong(body, "[]uint8"))?;
        match wrong_base64(text) {
            Some(at) => Err(format!("illegal base64 data at input byte {at}")),
            None => Ok(text.into()),
        }
    }

    fn time(&self, kind: &Type, body: &Value) -> Result<Value, String> {
        let text = body.as_str().ok_or_else(|| self.wrong(body, "string"))?;
        let (layout, micro) = if *kind == Type::Time {
            ("2006-01-02T15:04:05Z07:00", false)
        } else {
            ("2006-01-02T15:04:05.000000Z07:00", true)
        };
        let Ok(at) = text.parse::<jiff::Timestamp>() else {
            return Err(format!("parsing time {text:?} as {layout:?}: cannot parse {text:?} as \"2006\""));
        };
        Ok(if micro { crate::object::micro_stamp(at) } else { crate::object::stamp(at) }.into())
    }

    fn list(&mut self, inner: &Type, body: &Value) -> Result<Value, String> {
        let Value::Array(items) = body else { return Err(self.wrong(body, &format!("[]{}", go_name(inner)))) };
        let mut result = Vec::with_capacity(items.len());
        let length = self.path.len();
        for (at, item) in items.iter().enumerate() {
            self.path.push_str(&format!("[{at}]"));
            result.push(self.value(inner, item)?);
            self.path.truncate(length);
        }
        Ok(Value::Array(result))
    }

    fn map(&mut self, inner: &Type, body: &Value) -> Result<Value, String> {
        let Value::Object(map) = body else { return Err(self.wrong(body, &format!("map[string]{}", go_name(inner)))) };
        let mut result = Map::new();
        // Go writes maps in the order of their keys.
        let mut keys: Vec<&String> = map.keys().collect();
        keys.sort();
        for key in keys {
            result.insert(key.clone(), self.value(inner, &map[key])?);
        }
        Ok(Value::Object(result))
    }

    fn object(&mut self, at: usize, body: &Value) -> Result<Value, String> {
        let shape = SHAPES.get(at);
        let Value::Object(map) = body else { return Err(self.wrong(body, &format!("v1.{}", shape.name))) };
        let within = std::mem::replace(&mut self.within, shape.name.as_str());
        let length = self.path.len();
        let is_root = self.names.is_empty();
        let mut result = Map::new();
        for field in &shape.json {
            self.names.push(field.name.clone());
            let dot = if length == 0 { "" } else { "." };
            self.path.push_str(&format!("{dot}{}", field.name));
            let value = match map.get(&field.name) {
                Some(body) => self.value(&field.kind, body)?,
                None => zero(&field.kind),
            };
            self.path.truncate(length);
            self.names.pop();
            if is_written(field, &value) {
                result.insert(field.name.clone(), value);
            }
        }
        let is_type = |key: &str| is_root && matches!(key, "apiVersion" | "kind");
        for key in map.keys().filter(|key| shape.field(key).is_none() && !is_type(key)) {
            self.unknown.push(if length == 0 { key.clone() } else { format!("{}.{key}", self.path) });
        }
        self.within = within;
        Ok(Value::Object(result))
    }
}

/// Whether Go writes a field with this value.
fn is_written(field: &Field, value: &Value) -> bool {
    if field.always {
        return true;
    }
    match (&field.kind, value) {
        (_, Value::Null) => false,
        (Type::Pointer(_) | Type::Time | Type::MicroTime | Type::Quantity, _) => true,
        (_, Value::Bool(flag)) => *flag,
        (_, Value::Number(number)) => number.as_i64() != Some(0),
        (_, Value::String(text)) => !text.is_empty(),
        (_, Value::Array(items)) => !items.is_empty(),
        (_, Value::Object(map)) => !map.is_empty(),
    }
}

fn quantity(body: &Value) -> Result<Value, String> {
    let text = match body {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => String::new(),
    };
    let wrong =
        || "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'".to_string();
    serinus_gocompat::quantity::canonical(&text).map(Value::from).ok_or_else(wrong)
}

fn go_name(kind: &Type) -> String {
    match kind {
        Type::Text => "string".into(),
        Type::Bool => "bool".into(),
        Type::Int(bits) => format!("int{bits}"),
        Type::Bytes => "[]uint8".into(),
        Type::Quantity => "resource.Quantity".into(),
        Type::IntOrString => "intstr.IntOrString".into(),
        Type::Time => "v1.Time".into(),
        Type::MicroTime => "v1.MicroTime".into(),
        Type::Raw => "runtime.RawExtension".into(),
        Type::Pointer(inner) => go_name(inner),
        Type::List(inner) => format!("[]{}", go_name(inner)),
        Type::Map(inner) => format!("map[string]{}", go_name(inner)),
        Type::Struct(at) => format!("v1.{}", SHAPES.get(*at).name),
    }
}

/// The first byte that standard base64 can't have; its length when it ends too early.
fn wrong_base64(text: &str) -> Option<usize> {
    let digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    let bytes: Vec<(usize, u8)> = text.bytes().enumerate().filter(|(_, byte)| !matches!(byte, b'\r' | b'\n')).collect();
    let digits = bytes.iter().take_while(|(_, byte)| digit(*byte)).count();
    let padding = bytes[digits..].iter().take_while(|(_, byte)| *byte == b'=').count();
    let whole = (digits + padding).is_multiple_of(4) && padding <= 2 && digits + padding == bytes.len();
    if whole { None } else { Some(bytes.get(digits).map_or(text.len(), |(at, _)| *at)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(body: Value) -> Result<(Value, Vec<String>), String> {
        take(&SHAPES.of_kind("apps", "Deployment").expect("known"), &body)
    }

    #[test]
    fn bodies_come_out_as_go_writes_them() {
        let (object, unknown) = deployment(json!({"kind": "Deployment", "metadata": {"name": "d", "labels": {}}, "spec": {"replicas": 0, "paused": false,
            "oops": 1, "template": {"spec": {"containers": [{"name": "c", "image": "", "odd": 1, "resources": {"limits": {"cpu": 1, "memory": "1024Mi"}}}]}}}}))
        .expect("good");
        assert_eq!(
            object,
            json!({"metadata": {"name": "d"}, "spec": {"replicas": 0, "selector": null, "strategy": {}, "template": {"metadata": {},
                "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}]}}}, "status": {}})
        );
        assert_eq!(unknown, ["spec.template.spec.containers[0].odd", "spec.oops"]);
    }

    #[test]
    fn wrong_types_are_told_as_go_tells_them() {
        for (spec, expected) in [
            (
                json!({"replicas": "one"}),
                "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
            ),
            (json!([]), "json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec"),
        ] {
            assert_eq!(deployment(json!({"spec": spec})).expect_err(expected), expected);
        }
        for (text, at) in [("MQ==", None), ("%%%", Some(0)), ("MQ", Some(2)), ("M Q=", Some(1)), ("", None)] {
            assert_eq!(wrong_base64(text), at, "{text}");
        }
    }
}
