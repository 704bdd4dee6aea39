//! Operators, members and slices over values.

use super::Value;
use super::ast::Binary;
use std::cmp::Ordering;

/// What an operator makes of two values.
pub fn binary(operator: Binary, left: &Value, right: &Value) -> Result<Value, String> {
    match operator {
        Binary::Equal => Ok(Value::Bool(left.same(right))),
        Binary::Unequal => Ok(Value::Bool(!left.same(right))),
        Binary::Less => ordered(operator, left, right, Ordering::is_lt),
        Binary::LessOrEqual => ordered(operator, left, right, Ordering::is_le),
        Binary::Greater => ordered(operator, left, right, Ordering::is_gt),
        Binary::GreaterOrEqual => ordered(operator, left, right, Ordering::is_ge),
        Binary::In => within(left, right).map(Value::Bool),
        Binary::Contains => texts(operator, left, right, |text, part| text.contains(part)),
        Binary::StartsWith => texts(operator, left, right, |text, part| text.starts_with(part)),
        Binary::EndsWith => texts(operator, left, right, |text, part| text.ends_with(part)),
        Binary::Matches => texts(operator, left, right, |_, _| false),
        Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Remainder | Binary::Power => {
            super::numbers::arithmetic(operator, left, right)
        }
        // These are looked at before both sides have a value.
        Binary::Or | Binary::And | Binary::Coalesce | Binary::Range => Err(mismatch(operator, left, right)),
    }
}

/// Two values that an operator does not go with.
pub fn mismatch(operator: Binary, left: &Value, right: &Value) -> String {
    format!("invalid operation: {} {} {}", left.type_name(), operator.sign(), right.type_name())
}

/// How two values are ordered; `None` for `NaN`.
pub fn compare(left: &Value, right: &Value) -> Option<Option<Ordering>> {
    Some(match (left, right) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
            left.as_float().partial_cmp(&right.as_float())
        }
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        _ => return None,
    })
}

fn ordered(operator: Binary, left: &Value, right: &Value, holds: fn(Ordering) -> bool) -> Result<Value, String> {
    let order = compare(left, right).ok_or_else(|| mismatch(operator, left, right))?;
    Ok(Value::Bool(order.is_some_and(holds)))
}

fn within(item: &Value, all: &Value) -> Result<bool, String> {
    match (item, all) {
        (_, Value::Nil) => Ok(false),
        (_, Value::List(items)) => Ok(items.iter().any(|other| other.same(item))),
        (_, Value::Floats(items)) => Ok(item.as_float().is_some_and(|item| items.contains(&item))),
        (Value::Text(key), Value::Map(fields)) => Ok(fields.contains_key(&**key)),
        (Value::Nil, Value::Map(_)) => Ok(false),
        (_, Value::Map(_)) => Err(format!("cannot use {} as a map key", item.type_name())),
        _ => Err(format!("operator \"in\" not defined on {}", all.type_name())),
    }
}

fn texts(operator: Binary, left: &Value, right: &Value, holds: fn(&str, &str) -> bool) -> Result<Value, String> {
    match (left, right) {
        (Value::Text(text), Value::Text(part)) => Ok(Value::Bool(holds(text, part))),
        (Value::Nil, _) | (_, Value::Nil) => Ok(Value::Bool(false)),
        _ => Err(mismatch(operator, left, right)),
    }
}

/// `base[key]`.
pub fn fetch(base: &Value, key: &Value) -> Result<Value, String> {
    match (base, key) {
        (Value::Map(fields), Value::Text(key)) => Ok(fields.get(&**key).cloned().unwrap_or_default()),
        (Value::List(_) | Value::Floats(_), Value::Int(_) | Value::Float(_)) => indexed(base, key),
        _ => Err(format!("cannot fetch {key} from {}", base.type_name())),
    }
}

fn indexed(base: &Value, key: &Value) -> Result<Value, String> {
    let wanted = whole(key).unwrap_or_default();
    let size = length(base).unwrap_or_default();
    let place = if wanted < 0 { wanted + size } else { wanted };
    let found = usize::try_from(place).ok().and_then(|place| match base {
        Value::List(items) => items.get(place).cloned(),
        Value::Floats(items) => items.get(place).map(|item| Value::Float(*item)),
        _ => None,
    });
    found.ok_or_else(|| format!("index out of range: {wanted} (array length is {size})"))
}

/// Length of a list, or bytes of a text, as slices count them.
fn length(value: &Value) -> Option<i64> {
    let size = match value {
        Value::List(items) => items.len(),
        Value::Floats(items) => items.len(),
        Value::Text(text) => text.len(),
        _ => return None,
    };
    i64::try_from(size).ok()
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Float(number) => Some(*number as i64),
        _ => None,
    }
}

/// `base[from:to]`; bounds outside the list are pulled into it.
pub fn slice(base: &Value, from: Option<&Value>, to: Option<&Value>) -> Result<Value, String> {
    let size = length(base).ok_or_else(|| format!("cannot slice {}", base.type_name()))?;
    let bound = |value: Option<&Value>, absent: i64| {
        let wanted = match value {
            None => absent,
            Some(value) => whole(value).ok_or_else(|| format!("cannot slice with {}", value.type_name()))?,
        };
        let place = if wanted < 0 { wanted + size } else { wanted };
        Ok::<usize, String>(usize::try_from(place.clamp(0, size)).unwrap_or_default())
    };
    let (from, to) = (bound(from, 0)?, bound(to, size)?);
    let range = from.min(to)..to;
    Ok(match base {
        Value::List(items) => Value::list(items.get(range).unwrap_or_default().to_vec()),
        Value::Floats(items) => Value::floats(items.get(range).unwrap_or_default().to_vec()),
        Value::Text(text) => {
            let bytes = text.as_bytes().get(range).unwrap_or_default();
            Value::text(String::from_utf8_lossy(bytes))
        }
        _ => Value::Nil,
    })
}
