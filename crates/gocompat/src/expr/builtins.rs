//! Functions by name: who takes care of which, and how many arguments they take.

use super::eval::Machine;
use super::{Fault, Value, lists, numbers, texts, times};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Functions with the least and the most arguments they take.
const KNOWN: [(&str, usize, usize); 55] = [
    ("len", 1, 1),
    ("type", 1, 1),
    ("abs", 1, 1),
    ("ceil", 1, 1),
    ("floor", 1, 1),
    ("round", 1, 1),
    ("int", 1, 1),
    ("float", 1, 1),
    ("string", 1, 1),
    ("trim", 1, 2),
    ("trimPrefix", 1, 2),
    ("trimSuffix", 1, 2),
    ("upper", 1, 1),
    ("lower", 1, 1),
    ("split", 1, 3),
    ("splitAfter", 1, 3),
    ("replace", 3, 4),
    ("repeat", 2, 2),
    ("join", 1, 2),
    ("indexOf", 2, 2),
    ("lastIndexOf", 2, 2),
    ("hasPrefix", 2, 2),
    ("hasSuffix", 2, 2),
    ("max", 1, usize::MAX),
    ("min", 1, usize::MAX),
    ("mean", 1, usize::MAX),
    ("median", 1, usize::MAX),
    ("toJSON", 1, 1),
    ("fromJSON", 1, 1),
    ("toBase64", 1, 1),
    ("fromBase64", 1, 1),
    ("now", 0, 0),
    ("duration", 1, 1),
    ("date", 1, 3),
    ("first", 1, 1),
    ("last", 1, 1),
    ("get", 2, 2),
    ("take", 2, 2),
    ("keys", 1, 1),
    ("values", 1, 1),
    ("toPairs", 1, 1),
    ("fromPairs", 1, 1),
    ("reverse", 1, 1),
    ("uniq", 1, 1),
    ("concat", 1, usize::MAX),
    ("flatten", 1, 1),
    ("sort", 1, 2),
    ("bitand", 2, 2),
    ("bitor", 2, 2),
    ("bitxor", 2, 2),
    ("bitnand", 2, 2),
    ("bitshl", 2, 2),
    ("bitshr", 2, 2),
    ("bitushr", 2, 2),
    ("bitnot", 1, 1),
];

/// Whether a function is known, and what is wrong with the number of its arguments.
pub fn arity(name: &str, given: usize) -> Option<Result<(), String>> {
    let (_, least, most) = KNOWN.iter().find(|(known, ..)| *known == name)?;
    Some(if given < *least {
        Err(format!("not enough arguments to call {name}"))
    } else if given > *most {
        Err(format!("too many arguments to call {name}"))
    } else {
        Ok(())
    })
}

/// Calls a function.
pub fn call(machine: &mut Machine<'_>, at: usize, name: &str, arguments: &[Value]) -> Result<Value, Fault> {
    charge(machine, at, name, arguments)?;
    answer(machine, name, arguments).map_err(|message| Fault::new(at, message))
}

/// What a function makes is at most about as large as what it gets; the exceptions are charged by what they multiply.
fn charge(machine: &mut Machine<'_>, at: usize, name: &str, arguments: &[Value]) -> Result<(), Fault> {
    let sizes: usize = arguments.iter().map(size).sum();
    let factor = match (name, arguments.get(1)) {
        ("repeat", Some(Value::Int(times))) => usize::try_from(*times).unwrap_or(0),
        ("replace", _) => arguments.get(2).map_or(1, |new| size(new).max(1)),
        ("uniq", _) => sizes / 16 + 1,
        _ => 1,
    };
    machine.charge(at, sizes.saturating_mul(factor))
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.iter().map(|item| 1 + size(item)).sum(),
        Value::Floats(items) => items.len(),
        Value::Map(fields) => fields.iter().map(|(key, value)| key.len() + size(value)).sum(),
        _ => 1,
    }
}

fn answer(machine: &Machine<'_>, name: &str, arguments: &[Value]) -> Result<Value, String> {
    let first = arguments.first().cloned().unwrap_or_default();
    match name {
        "len" => length(&first),
        "type" => Ok(Value::text(type_of(&first))),
        "abs" | "ceil" | "floor" | "round" => numbers::rounded(name, &first),
        "int" => numbers::to_int(&first),
        "float" => numbers::to_float(&first),
        "now" => Ok(Value::Time(machine.env().now)),
        "duration" | "date" => times::call(name, arguments),
        "get" => Ok(super::operators::fetch(&first, arguments.get(1).unwrap_or(&Value::Nil)).unwrap_or_default()),
        "keys" | "values" | "toPairs" | "fromPairs" => pairs(name, &first),
        _ if name.starts_with("bit") => numbers::bits(name, arguments),
        _ => lists::call(name, arguments)
            .or_else(|| texts::call(name, arguments))
            .unwrap_or_else(|| Err(format!("unknown name {name}"))),
    }
}

fn length(value: &Value) -> Result<Value, String> {
    let length = match value {
        Value::Text(text) => text.chars().count(),
        Value::List(items) => items.len(),
        Value::Floats(items) => items.len(),
        Value::Map(fields) => fields.len(),
        other => return Err(format!("invalid argument for len (type {})", other.type_name())),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nil",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Float(_) => "float",
        Value::Text(_) => "string",
        Value::List(_) | Value::Floats(_) => "array",
        Value::Map(_) => "map",
        Value::Time(_) => "time.Time",
        Value::Duration(_) => "time.Duration",
    }
}

fn pairs(name: &str, value: &Value) -> Result<Value, String> {
    let wrong = || format!("cannot {name} {}", value.type_name());
    if name == "fromPairs" {
        let mut fields = BTreeMap::new();
        for pair in value.items().ok_or_else(wrong)? {
            match pair.items().as_deref() {
                Some([key, value]) => fields.insert(key.to_string(), value.clone()),
                _ => return Err(format!("invalid pair {pair}")),
            };
        }
        return Ok(Value::Map(Arc::new(fields)));
    }
    let Value::Map(fields) = value else { return Err(wrong()) };
    Ok(Value::list(match name {
        "keys" => fields.keys().map(Value::text).collect(),
        "values" => fields.values().cloned().collect(),
        _ => fields.iter().map(|(key, value)| Value::list(vec![Value::text(key), value.clone()])).collect(),
    }))
}
