//! Values, with Go's difference between whole and floating numbers.

use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A value of an expression.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Nil,
    /// Truth value.
    Bool(bool),
    /// Whole number.
    Int(i64),
    /// Floating number.
    Float(f64),
    /// Text.
    Text(Arc<str>),
    /// List whose items may be of any type.
    List(Arc<Vec<Value>>),
    /// List of floating numbers and nothing else, as a metric provider returns it.
    Floats(Arc<Vec<f64>>),
    /// Map with texts as keys.
    Map(Arc<BTreeMap<String, Value>>),
    /// Moment.
    Time(Timestamp),
    /// Span of time.
    Duration(SignedDuration),
}

impl Value {
    /// A text.
    pub fn text(text: impl AsRef<str>) -> Value {
        Value::Text(Arc::from(text.as_ref()))
    }
    /// A list.
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(Arc::new(items))
    }
    /// A list of floating numbers.
    pub fn floats(items: Vec<f64>) -> Value {
        Value::Floats(Arc::new(items))
    }

    /// From JSON as Go decodes it: every number is a floating one.
    pub fn from_json(json: &serde_json::Value) -> Value {
        use serde_json::Value as Json;
        match json {
            Json::Null => Value::Nil,
            Json::Bool(truth) => Value::Bool(*truth),
            Json::Number(number) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Value::text(text),
            Json::Array(items) => Value::list(items.iter().map(Value::from_json).collect()),
            Json::Object(fields) => {
                Value::Map(Arc::new(fields.iter().map(|(key, value)| (key.clone(), Value::from_json(value))).collect()))
            }
        }
    }

    /// As JSON; `None` for what JSON can't say.
    pub fn to_json(&self) -> Option<serde_json::Value> {
        use serde_json::Value as Json;
        Some(match self {
            Value::Nil => Json::Null,
            Value::Bool(truth) => Json::Bool(*truth),
            Value::Int(number) => Json::from(*number),
            Value::Float(number) => json_number(*number)?,
            Value::Text(text) => Json::from(&**text),
            Value::List(items) => Json::Array(items.iter().map(Value::to_json).collect::<Option<_>>()?),
            Value::Floats(items) => Json::Array(items.iter().map(|item| json_number(*item)).collect::<Option<_>>()?),
            Value::Map(fields) => {
                let fields = fields.iter().map(|(key, value)| Some((key.clone(), value.to_json()?)));
                Json::Object(fields.collect::<Option<_>>()?)
            }
            Value::Time(at) => Json::from(at.to_string()),
            Value::Duration(span) => Json::from(i64::try_from(span.as_nanos()).ok()?),
        })
    }

    /// Go's name of the type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float64",
            Value::Text(_) => "string",
            Value::List(_) => "[]interface {}",
            Value::Floats(_) => "[]float64",
            Value::Map(_) => "map[string]interface {}",
            Value::Time(_) => "time.Time",
            Value::Duration(_) => "time.Duration",
        }
    }

    /// The items of a list.
    pub fn items(&self) -> Option<Vec<Value>> {
        match self {
            Value::List(items) => Some(items.to_vec()),
            Value::Floats(items) => Some(items.iter().map(|item| Value::Float(*item)).collect()),
            _ => None,
        }
    }

    /// The number as a floating one.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Value::Int(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether two values are the same; numbers by their worth, everything else only within its type.
    pub fn same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Nil, Value::Nil) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => self.as_float() == other.as_float(),
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Time(a), Value::Time(b)) => a == b,
            (Value::Duration(a), Value::Duration(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|((k, v), (l, w))| k == l && v.same(w))
            }
            _ => match (self.items(), other.items()) {
                (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(&b).all(|(v, w)| v.same(w)),
                _ => false,
            },
        }
    }
}

fn json_number(number: f64) -> Option<serde_json::Value> {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return Some(serde_json::Value::from(number as i64));
    }
    serde_json::Number::from_f64(number).map(serde_json::Value::Number)
}

/// As Go's `%v` prints it.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Nil => f.write_str("<nil>"),
            Value::Bool(truth) => write!(f, "{truth}"),
            Value::Int(number) => write!(f, "{number}"),
            Value::Float(number) => f.write_str(&crate::float::general(*number)),
            Value::Text(text) => f.write_str(text),
            Value::List(items) => {
                f.write_str("[")?;
                for (place, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if place == 0 { "" } else { " " })?;
                }
                f.write_str("]")
            }
            Value::Floats(items) => {
                let items: Vec<String> = items.iter().map(|item| crate::float::general(*item)).collect();
                write!(f, "[{}]", items.join(" "))
            }
            Value::Map(fields) => {
                let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key}:{value}")).collect();
                write!(f, "map[{}]", fields.join(" "))
            }
            Value::Time(at) => write!(f, "{} +0000 UTC", at.strftime("%Y-%m-%d %H:%M:%S%.f")),
            Value::Duration(span) => f.write_str(&crate::duration::shown(*span)),
        }
    }
}
