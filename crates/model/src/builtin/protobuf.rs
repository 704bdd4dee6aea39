//! Bodies in Kubernetes' protobuf, as typed clients such as `kubectl create` send them, read into JSON.
//!
//! A body is `k8s\0` and a message `Unknown` with the type and the object; the object's fields are numbered as the table of types says.

use super::shape::{SHAPES, Type};
use crate::object::{micro_stamp, stamp};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

const MAGIC: &[u8] = b"k8s\0";

/// Reads a body; absent when it is not in this form or of a kind that the table does not have.
pub fn read(body: &[u8]) -> Option<Value> {
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for (number, field) in fields(body.strip_prefix(MAGIC)?) {
        match (number, field) {
            (1, Field::Bytes(meta)) => {
                for (number, field) in fields(meta) {
                    match (number, field) {
                        (1, Field::Bytes(text)) => api_version = text_of(text),
                        (2, Field::Bytes(text)) => kind = text_of(text),
                        _ => {}
                    }
                }
            }
            (2, Field::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let (group, _) = crate::model::group_version(&api_version);
    let shape =
        if kind == "DeleteOptions" { SHAPES.of_name("meta.v1.DeleteOptions") } else { SHAPES.of_kind(group, &kind) };
    let mut object = message(&shape?, raw)?;
    object["apiVersion"] = api_version.into();
    object["kind"] = kind.into();
    Some(object)
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, as far as it can be read.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut found = Vec::new();
    while let Some((tag, rest)) = varint(bytes) {
        let field = match tag & 7 {
            0 => varint(rest).map(|(number, rest)| (Field::Number(number), rest)),
            1 => rest.split_at_checked(8).map(|(_, rest)| (Field::Number(0), rest)),
            2 => varint(rest).and_then(|(length, rest)| {
                let (inside, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                Some((Field::Bytes(inside), rest))
            }),
            5 => rest.split_at_checked(4).map(|(_, rest)| (Field::Number(0), rest)),
            _ => None,
        };
        let Some((field, rest)) = field else { return found };
        found.push((tag >> 3, field));
        bytes = rest;
    }
    found
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f).checked_shl(u32::try_from(at * 7).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    None
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A message of a type.
fn message(kind: &Type, bytes: &[u8]) -> Option<Value> {
    match kind {
        Type::Text => Some(text_of(bytes).into()),
        Type::Bytes => serde_json::to_value(k8s_openapi::ByteString(bytes.to_vec())).ok(),
        Type::Quantity => Some(first_text(bytes).into()),
        Type::IntOrString => Some(int_or_string(bytes)),
        Type::Time => Some(time(bytes).map_or(Value::Null, |at| stamp(at).into())),
        Type::MicroTime => Some(time(bytes).map_or(Value::Null, |at| micro_stamp(at).into())),
        Type::Raw => serde_json::from_str(&first_text(bytes)).ok(),
        Type::Pointer(inner) => message(inner, bytes),
        Type::Struct(at) => object(*at, bytes),
        Type::Bool | Type::Int(_) | Type::List(_) | Type::Map(_) => None,
    }
}

fn object(at: usize, bytes: &[u8]) -> Option<Value> {
    let mut object = Map::new();
    for (number, field) in fields(bytes) {
        let Some(known) = SHAPES.get(at).wire.iter().find(|known| known.number == number) else { continue };
        let name = &known.name;
        match (&known.kind, field) {
            // An embedded struct is spelled out in place in JSON.
            (kind, Field::Bytes(bytes)) if name.is_empty() => {
                if let Some(Value::Object(inside)) = message(kind, bytes) {
                    object.extend(inside);
                }
            }
            (Type::List(inner), field) => {
                let item = value(inner, field)?;
                let list = object.entry(name.clone()).or_insert_with(|| json!([]));
                list.as_array_mut()?.push(item);
            }
            (Type::Map(inner), Field::Bytes(entry)) => {
                let (key, item) = entry_of(inner, entry)?;
                let map = object.entry(name.clone()).or_insert_with(|| json!({}));
                map.as_object_mut()?.insert(key, item);
            }
            (kind, field) => {
                object.insert(name.clone(), value(kind, field)?);
            }
        }
    }
    Some(Value::Object(object))
}

fn value(kind: &Type, field: Field<'_>) -> Option<Value> {
    match (kind, field) {
        (Type::Pointer(inner), field) => value(inner, field),
        (Type::Bool, Field::Number(number)) => Some((number != 0).into()),
        // Negative numbers are written as if they had 64 bits.
        (Type::Int(_), Field::Number(number)) => Some(number.cast_signed().into()),
        (kind, Field::Bytes(bytes)) => message(kind, bytes),
        (_, Field::Number(_)) => None,
    }
}

fn entry_of(inner: &Type, bytes: &[u8]) -> Option<(String, Value)> {
    let (mut key, mut item) = (String::new(), super::typed::zero(inner));
    for (number, field) in fields(bytes) {
        match (number, field) {
            (1, Field::Bytes(text)) => key = text_of(text),
            (2, field) => item = value(inner, field)?,
            _ => {}
        }
    }
    Some((key, item))
}

/// The text in the first field of a message.
fn first_text(bytes: &[u8]) -> String {
    let found = fields(bytes).into_iter().find_map(|field| match field {
        (1, Field::Bytes(text)) => Some(text_of(text)),
        _ => None,
    });
    found.unwrap_or_default()
}

fn int_or_string(bytes: &[u8]) -> Value {
    let (mut is_text, mut number, mut text) = (false, 0_i64, String::new());
    for field in fields(bytes) {
        match field {
            (1, Field::Number(kind)) => is_text = kind == 1,
            (2, Field::Number(found)) => number = found.cast_signed(),
            (3, Field::Bytes(found)) => text = text_of(found),
            _ => {}
        }
    }
    if is_text { text.into() } else { number.into() }
}

fn time(bytes: &[u8]) -> Option<Timestamp> {
    let (mut seconds, mut nanos) = (None, 0);
    for field in fields(bytes) {
        match field {
            (1, Field::Number(found)) => seconds = Some(found.cast_signed()),
            (2, Field::Number(found)) => nanos = i32::try_from(found).unwrap_or(0),
            _ => {}
        }
    }
    Timestamp::new(seconds?, nanos).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One field with bytes.
    fn part(number: u8, inside: &[u8]) -> Vec<u8> {
        let length = u8::try_from(inside.len()).expect("short");
        [&[number << 3 | 2, length][..], inside].concat()
    }

    #[test]
    fn a_service_is_read() {
        let meta = [part(1, b"web"), part(11, &[part(1, b"app"), part(2, b"x")].concat())].concat();
        let target = [&[8_u8, 1][..], &part(3, b"http")].concat();
        let port = [part(1, b"http"), vec![3 << 3, 80], part(4, &target)].concat();
        let spec = [part(1, &port), part(2, &[part(1, b"app"), part(2, b"x")].concat())].concat();
        let object = [part(1, &meta), part(2, &spec)].concat();
        let kind = [part(1, b"v1"), part(2, b"Service")].concat();
        let body = [MAGIC, &part(1, &kind), &part(2, &object)].concat();
        assert_eq!(
            read(&body),
            Some(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "labels": {"app": "x"}},
                "spec": {"ports": [{"name": "http", "port": 80, "targetPort": "http"}], "selector": {"app": "x"}}}))
        );
        // What is cut off or is something else is no body, and no panic.
        for end in 0..body.len() {
            let _ = read(&body[..end]);
        }
        assert_eq!(read(b"{}"), None);
    }
}
