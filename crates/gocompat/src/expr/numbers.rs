//! Arithmetic with Go's rules: whole numbers wrap, `/` and `**` are always floating, `%` takes whole numbers only.

use super::Value;
use super::ast::Binary;
use super::operators::mismatch;
use jiff::SignedDuration;

/// `+`, `-`, `*`, `/`, `%` and `**`.
pub fn arithmetic(operator: Binary, left: &Value, right: &Value) -> Result<Value, String> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => whole(operator, *a, *b),
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
            let (a, b) = (left.as_float().unwrap_or_default(), right.as_float().unwrap_or_default());
            floating(operator, a, b).ok_or_else(|| mismatch(operator, left, right))
        }
        _ => temporal(operator, left, right),
    }
}

fn whole(operator: Binary, a: i64, b: i64) -> Result<Value, String> {
    Ok(match operator {
        Binary::Add => Value::Int(a.wrapping_add(b)),
        Binary::Subtract => Value::Int(a.wrapping_sub(b)),
        Binary::Multiply => Value::Int(a.wrapping_mul(b)),
        Binary::Remainder if b == 0 => return Err("integer divide by zero".to_string()),
        Binary::Remainder => Value::Int(a.wrapping_rem(b)),
        _ => return floating(operator, a as f64, b as f64).ok_or_else(|| "invalid operation".to_string()),
    })
}

fn floating(operator: Binary, a: f64, b: f64) -> Option<Value> {
    Some(Value::Float(match operator {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        Binary::Power => a.powf(b),
        _ => return None,
    }))
}

fn temporal(operator: Binary, left: &Value, right: &Value) -> Result<Value, String> {
    let refused = || mismatch(operator, left, right);
    let too_far = |_| "the time is out of range".to_string();
    Ok(match (operator, left, right) {
        (Binary::Add, Value::Time(at), Value::Duration(span))
        | (Binary::Add, Value::Duration(span), Value::Time(at)) => Value::Time(at.checked_add(*span).map_err(too_far)?),
        (Binary::Subtract, Value::Time(at), Value::Duration(span)) => {
            Value::Time(at.checked_sub(*span).map_err(too_far)?)
        }
        (Binary::Subtract, Value::Time(one), Value::Time(two)) => Value::Duration(one.duration_since(*two)),
        (Binary::Add, Value::Duration(one), Value::Duration(two)) => {
            Value::Duration(one.checked_add(*two).ok_or_else(refused)?)
        }
        (Binary::Subtract, Value::Duration(one), Value::Duration(two)) => {
            Value::Duration(one.checked_sub(*two).ok_or_else(refused)?)
        }
        (Binary::Multiply, Value::Duration(span), number) | (Binary::Multiply, number, Value::Duration(span)) => {
            let factor = number.as_float().ok_or_else(refused)?;
            let nanos = span.as_nanos() as f64 * factor;
            Value::Duration(SignedDuration::from_nanos(nanos as i64))
        }
        _ => return Err(refused()),
    })
}

/// `int(x)`.
pub fn to_int(value: &Value) -> Result<Value, String> {
    Ok(Value::Int(match value {
        Value::Int(number) => *number,
        Value::Float(number) => *number as i64,
        Value::Text(text) => text.parse().map_err(|_| format!("invalid operation: int({text})"))?,
        Value::Duration(span) => i64::try_from(span.as_nanos()).unwrap_or(i64::MAX),
        other => return Err(format!("invalid operation: int({})", other.type_name())),
    }))
}

/// `float(x)`.
pub fn to_float(value: &Value) -> Result<Value, String> {
    Ok(Value::Float(match value {
        Value::Int(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Text(text) => text.parse().map_err(|_| format!("invalid operation: float({text})"))?,
        other => return Err(format!("invalid operation: float({})", other.type_name())),
    }))
}

/// `abs`, `ceil`, `floor`, `round`.
pub fn rounded(name: &str, value: &Value) -> Result<Value, String> {
    Ok(match (name, value) {
        ("abs", Value::Int(number)) => Value::Int(number.wrapping_abs()),
        (_, Value::Int(number)) => Value::Float(*number as f64),
        ("abs", Value::Float(number)) => Value::Float(number.abs()),
        ("ceil", Value::Float(number)) => Value::Float(number.ceil()),
        ("floor", Value::Float(number)) => Value::Float(number.floor()),
        ("round", Value::Float(number)) => Value::Float(number.round()),
        _ => return Err(format!("invalid argument for {name} (type {})", value.type_name())),
    })
}

/// `bitand` and its kin.
pub fn bits(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let number = |place: usize| match arguments.get(place) {
        Some(Value::Int(number)) => Ok(*number),
        other => Err(format!("invalid argument for {name} (type {})", other.map_or("nil", Value::type_name))),
    };
    let a = number(0)?;
    if name == "bitnot" {
        return Ok(Value::Int(!a));
    }
    let b = number(1)?;
    let shift = || u32::try_from(b).map_err(|_| "negative shift count".to_string());
    Ok(Value::Int(match name {
        "bitand" => a & b,
        "bitor" => a | b,
        "bitxor" => a ^ b,
        "bitnand" => a & !b,
        "bitshl" => a.checked_shl(shift()?).unwrap_or(0),
        "bitshr" => a.checked_shr(shift()?).unwrap_or(if a < 0 { -1 } else { 0 }),
        _ => i64::from_ne_bytes(u64::from_ne_bytes(a.to_ne_bytes()).checked_shr(shift()?).unwrap_or(0).to_ne_bytes()),
    }))
}
