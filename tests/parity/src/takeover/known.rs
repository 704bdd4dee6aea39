//! What a takeover may change or end with, and why: each stands in docs/differences.md.

use serde_json::Value;

use super::judge::{Written, without_times};
use crate::compare::Difference;

const REMEDY: &str = "text of `InvalidSpec`: ours says the remedy as well";
const EMPTY_FIELDS: &str = "empty objects in the spec: Argo's own writes of the whole object add them";
const TERMINATED: &str =
    "Experiment that is told to end while a required analysis runs: Argo leaves it `Running` for ever";
const FIRST_SET: &str =
    "first ReplicaSet behind a `workloadRef`: Argo may meet it through a stale cache and count it as an older one";

/// Why a write right after a takeover is meant; nothing when it is not.
pub fn written(one: &Written) -> Option<&'static str> {
    let of_status = one.part.starts_with("Rollout ") && one.part.contains(" status ");
    (of_status && but_for_the_remedy(&one.from, &one.to)).then_some(REMEDY)
}

/// Why an end that differs from the twin's is meant; nothing when it is not.
pub fn ended(one: &Difference) -> Option<&'static str> {
    let Difference { part, argo, ours } = one;
    let of = |kind: &str, rest: &str| part.starts_with(kind) && part.ends_with(rest);
    if part.starts_with("Rollout ") && part.contains(" spec strategy") && without_nothing(argo) == without_nothing(ours)
    {
        return Some(EMPTY_FIELDS);
    }
    if of("Experiment ", " phase") && argo == "Running" && ours == "Successful" {
        return Some(TERMINATED);
    }
    if of("ReplicaSet R-<1.0.0>", "rollout.argoproj.io/revision-history")
        && [argo, ours].iter().all(|history| *history == "-" || history.split(',').all(|revision| revision == "1"))
    {
        return Some(FIRST_SET);
    }
    None
}

/// Two messages, or the conditions that hold them, of which one says the remedy in brackets and the other does not.
fn but_for_the_remedy(from: &str, to: &str) -> bool {
    let value = |text: &str| serde_json::from_str(&without_times(text)).ok();
    value(from).zip(value(to)).map_or_else(
        || from.starts_with("InvalidSpec: ") && remedied(from, to),
        |(from, to): (Value, Value)| alike(&from, &to),
    )
}

fn alike(from: &Value, to: &Value) -> bool {
    match (from, to) {
        (Value::Array(from), Value::Array(to)) => {
            from.len() == to.len() && from.iter().zip(to).all(|(from, to)| alike(from, to))
        }
        (Value::Object(from), Value::Object(to)) => {
            from.len() == to.len()
                && from.iter().all(|(key, field)| match (field, to.get(key)) {
                    (Value::String(from), Some(Value::String(to))) if key == "message" => {
                        from == to || (from.contains(" is invalid: ") && remedied(from, to))
                    }
                    (field, other) => other.is_some_and(|other| alike(field, other)),
                })
        }
        (from, to) => from == to,
    }
}

fn remedied(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    long.strip_prefix(short).is_some_and(|rest| rest.starts_with(" (") && rest.ends_with(')'))
}

/// JSON without empty objects; a text that is none, and nothing at all, say nothing either.
fn without_nothing(text: &str) -> Option<Value> {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.values_mut().for_each(strip);
                fields.retain(|_, field| *field != Value::Object(serde_json::Map::new()));
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut value = serde_json::from_str(text).ok();
    value.iter_mut().for_each(strip);
    value.filter(|value| *value != Value::Object(serde_json::Map::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(part: &str, from: &str, to: &str) -> Option<&'static str> {
        written(&Written { part: part.into(), from: from.into(), to: to.into() })
    }

    fn end(part: &str, argo: &str, ours: &str) -> Option<&'static str> {
        ended(&Difference { part: part.into(), argo: argo.into(), ours: ours.into() })
    }

    #[test]
    fn a_remedy_is_meant_and_another_message_is_not() {
        let (short, long) = (
            "InvalidSpec: The Rollout \"R\" is invalid: x",
            "InvalidSpec: The Rollout \"R\" is invalid: x (do y (30), or z)",
        );
        assert_eq!(write("Rollout R status message", short, long), Some(REMEDY));
        assert_eq!(write("Rollout R status message", long, short), Some(REMEDY));
        assert_eq!(write("Rollout R status message", short, "InvalidSpec: The Rollout \"R\" is invalid: z"), None);
        assert_eq!(write("Rollout R status message", "a", "a (b)"), None);
        let conditions = |time: &str, message: &str, status: &str| {
            format!(
                r#"[{{"lastUpdateTime":"{time}","message":"The Rollout R is invalid: {message}","status":"{status}"}}]"#
            )
        };
        let (then, now) = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z");
        let turned = |status| {
            write("Rollout R status conditions", &conditions(then, "x", "True"), &conditions(now, "x (do y)", status))
        };
        assert_eq!(turned("True"), Some(REMEDY));
        assert_eq!(turned("False"), None);
    }

    #[test]
    fn ends_are_meant_for_what_they_say_and_no_more() {
        let steps = "Rollout R spec strategy canary steps";
        assert!(end(steps, r#"[{"experiment":{"metadata":{}}}]"#, r#"[{"experiment":{}}]"#).is_some());
        assert!(end(steps, r#"[{"setWeight":1}]"#, r#"[{"setWeight":2}]"#).is_none());
        assert!(end("Experiment R-<2.0.0>-2-1 phase", "Running", "Successful").is_some());
        assert!(end("Experiment R-<2.0.0>-2-1 phase", "Failed", "Successful").is_none());
        let history = "ReplicaSet R-<1.0.0> annotations rollout.argoproj.io/revision-history";
        assert!(end(history, "1", "-").is_some());
        assert!(end(history, "1,1,1", "1").is_some());
        assert!(end(history, "1,2", "-").is_none());
    }
}
