//! Success and failure conditions of a metric (spec 4.5).

use super::{Env, Error, Value, evaluate};
use jiff::Timestamp;

/// How a measurement is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Good.
    Successful,
    /// Bad.
    Failed,
    /// Neither.
    Inconclusive,
}

/// Judges a result by its two conditions; an empty one does not count.
///
/// # Errors
/// One line that names the condition and what is wrong.
pub fn judge(success: &str, failure: &str, result: &Value, now: Timestamp) -> Result<Verdict, String> {
    let env = surroundings(result.clone(), now);
    let good = holds("success", success, &env)?;
    let bad = holds("failure", failure, &env)?;
    Ok(match (good, bad) {
        (_, Some(true)) | (Some(false), None) => Verdict::Failed,
        (Some(true), _) | (None, None | Some(false)) => Verdict::Successful,
        (Some(false), Some(false)) => Verdict::Inconclusive,
    })
}

fn holds(which: &str, condition: &str, env: &Env) -> Result<Option<bool>, String> {
    if condition.is_empty() {
        return Ok(None);
    }
    let empty = match env.values.get("result") {
        None | Some(Value::Nil) => true,
        Some(result) => result.items().is_some_and(|items| items.is_empty()),
    };
    let prefix = format!("failed to evaluate {which} condition {condition:?}: ");
    let told = |error: Error| {
        if empty {
            format!("{prefix}metric result is nil or empty: no data returned: {error}")
        } else {
            format!("{prefix}{error}")
        }
    };
    match evaluate(condition, env).map_err(told)? {
        Value::Bool(truth) => Ok(Some(truth)),
        other => Err(format!("{prefix}expected bool, but got {}", other.type_name())),
    }
}

fn surroundings(result: Value, now: Timestamp) -> Env {
    let mut env = Env { now, ..Env::default() };
    env.values.insert("result".to_string(), result);
    env.functions.insert("asInt", as_int);
    env.functions.insert("asFloat", as_float);
    env.functions
        .insert("isNaN", |arguments, _| floating("isNaN", arguments).map(|number| Value::Bool(number.is_nan())));
    env.functions
        .insert("isInf", |arguments, _| floating("isInf", arguments).map(|number| Value::Bool(number.is_infinite())));
    env.functions.insert("isNil", |_, env| Ok(Value::Bool(matches!(result_of(env), Value::Nil))));
    env.functions.insert("default", |arguments, env| {
        let result = result_of(env);
        let other = arguments.get(1).cloned().ok_or("not enough arguments to call default")?;
        Ok(if matches!(result, Value::Nil) { other } else { result })
    });
    env
}

fn result_of(env: &Env) -> Value {
    env.values.get("result").cloned().unwrap_or_default()
}

fn one<'a>(name: &str, arguments: &'a [Value]) -> Result<&'a Value, String> {
    match arguments {
        [value] => Ok(value),
        [] => Err(format!("not enough arguments to call {name}")),
        _ => Err(format!("too many arguments to call {name}")),
    }
}

fn floating(name: &str, arguments: &[Value]) -> Result<f64, String> {
    match one(name, arguments)? {
        Value::Float(number) => Ok(*number),
        other => Err(format!("cannot use {} as argument (type float64) to call {name}", other.type_name())),
    }
}

fn as_int(arguments: &[Value], _: &Env) -> Result<Value, String> {
    let value = one("asInt", arguments)?;
    let wrong = || format!("asInt() not supported on {} {value}", value.type_name());
    Ok(Value::Int(match value {
        Value::Int(number) => *number,
        Value::Float(number) => *number as i64,
        Value::Text(text) => text.parse().map_err(|_| wrong())?,
        _ => return Err(wrong()),
    }))
}

fn as_float(arguments: &[Value], _: &Env) -> Result<Value, String> {
    let value = one("asFloat", arguments)?;
    let wrong = || format!("asFloat() not supported on {} {value}", value.type_name());
    Ok(Value::Float(match value {
        Value::Text(text) => text.parse().map_err(|_| wrong())?,
        _ => value.as_float().ok_or_else(wrong)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_conditions_together() {
        use Verdict::{Failed, Inconclusive, Successful};
        let table = [
            ("", "", Successful),
            ("result > 1", "", Successful),
            ("result > 9", "", Failed),
            ("", "result > 9", Successful),
            ("", "result > 1", Failed),
            ("result > 1", "result > 1", Failed),
            ("result > 1", "result > 9", Successful),
            ("result > 9", "result > 9", Inconclusive),
            ("isNil(7) == false and default(nil, 1) == 5", "", Successful),
        ];
        for (success, failure, verdict) in table {
            let found = judge(success, failure, &Value::Float(5.0), Timestamp::UNIX_EPOCH);
            assert_eq!(found, Ok(verdict), "{success} / {failure}");
        }
    }

    #[test]
    fn errors_name_the_condition() {
        let table = [
            (
                Value::Float(1.0),
                "result",
                "failed to evaluate success condition \"result\": expected bool, but got float64",
            ),
            (
                Value::list(Vec::new()),
                "result[0] > 1",
                "failed to evaluate success condition \"result[0] > 1\": metric result is nil or empty: no data returned: \
                 index out of range: 0 (array length is 0) (1:7)",
            ),
            (
                Value::Nil,
                "asInt(result) > 1",
                "failed to evaluate success condition \"asInt(result) > 1\": metric result is nil or empty: no data returned: asInt() not supported on nil <nil> (1:1)",
            ),
            (
                Value::Float(1.0),
                "nope > 1",
                "failed to evaluate success condition \"nope > 1\": unknown name nope (1:1)",
            ),
        ];
        for (result, condition, text) in table {
            let found = judge(condition, "", &result, Timestamp::UNIX_EPOCH);
            assert_eq!(found, Err(text.to_string()));
        }
    }
}
