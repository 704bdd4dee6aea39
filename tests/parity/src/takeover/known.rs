//! What a takeover may change or end with, and why: each stands in docs/differences.md.

use serde_json::{Value, json};

use super::judge::{Written, without_times};
use crate::compare::Difference;

const REMEDY: &str = "text of `InvalidSpec`: ours says the remedy as well";
const EMPTY_FIELDS: &str =
    "empty objects and lists in the spec: Argo's own writes of the whole object add or remove them";
const TERMINATED: &str =
    "Experiment that is told to end while a required analysis runs: Argo leaves it `Running` for ever";
const FIRST_SET: &str =
    "first ReplicaSet behind a `workloadRef`: Argo may meet it through a stale cache and count it as an older one";

const OTHER_SERVICE: &str =
    "an invalid spec that names another Service: Argo takes its hash from the one that was named before";
const SCALINGS: &str = "`workloadRef.scaleDown: progressively`: in how many turns the Deployment reaches 0 hangs on when pods get ready, and counts up its generation";

/// Why a write right after a takeover is meant, in a state of this title; nothing when it is not.
pub fn written(title: &str, one: &Written) -> Option<&'static str> {
    let given_back = ["metadata annotations", "spec selector rollouts-pod-template-hash"];
    if title.starts_with("blue/green: made invalid at the pause")
        && given_back.iter().any(|field| one.part == format!("Service R-preview {field}"))
        && one.to == "-"
    {
        return Some(OTHER_SERVICE);
    }
    let of_status = one.part.starts_with("Rollout ") && one.part.contains(" status ");
    (of_status && but_for_the_remedy(&one.from, &one.to)).then_some(REMEDY)
}

/// Why an end that differs from the twin's is meant, in a state of this title; nothing when it is not.
pub fn ended(title: &str, one: &Difference) -> Option<&'static str> {
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
    let generation = part.ends_with("rollout.argoproj.io/workload-generation")
        || part == "Rollout R status workloadObservedGeneration";
    (title.starts_with("workloadRef progressively") && generation).then_some(SCALINGS)
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

/// JSON without empty objects, and without a list that is empty as a whole; what is not there says nothing either.
fn without_nothing(text: &str) -> Option<Value> {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.values_mut().for_each(strip);
                fields.retain(|_, field| *field != json!({}));
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    if text == "-" {
        return None;
    }
    let mut value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    strip(&mut value);
    (value != json!({}) && value != json!([])).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(part: &str, from: &str, to: &str) -> Option<&'static str> {
        written("nginx: t", &Written { part: part.into(), from: from.into(), to: to.into() })
    }

    fn end(part: &str, argo: &str, ours: &str) -> Option<&'static str> {
        ended("basic: t", &Difference { part: part.into(), argo: argo.into(), ours: ours.into() })
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
    fn a_service_is_given_back_only_where_the_spec_names_another() {
        let part = "Service R-preview spec selector rollouts-pod-template-hash";
        let seen = |to: &str| Written { part: part.into(), from: "<2.0.0>".into(), to: to.into() };
        assert_eq!(written("blue/green: made invalid at the pause (s1)", &seen("-")), Some(OTHER_SERVICE));
        assert_eq!(written("blue/green: made invalid at the pause (s1)", &seen("<1.0.0>")), None);
        assert_eq!(written("blue/green: at the pause (s1)", &seen("-")), None);
    }

    #[test]
    fn ends_are_meant_for_what_they_say_and_no_more() {
        let steps = "Rollout R spec strategy canary steps";
        assert!(end(steps, r#"[{"experiment":{"metadata":{}}}]"#, r#"[{"experiment":{}}]"#).is_some());
        assert!(end(steps, r#"[{"setWeight":1}]"#, r#"[{"setWeight":2}]"#).is_none());
        assert!(end(steps, "-", "[]").is_some());
        assert!(end(steps, "some", "other").is_none());
        let generation = "Rollout R status workloadObservedGeneration";
        let seen = Difference { part: generation.into(), argo: "3".into(), ours: "4".into() };
        assert_eq!(ended("workloadRef progressively: taken over", &seen), Some(SCALINGS));
        assert_eq!(ended("workloadRef never: fresh", &seen), None);
        assert!(end("Experiment R-<2.0.0>-2-1 phase", "Running", "Successful").is_some());
        assert!(end("Experiment R-<2.0.0>-2-1 phase", "Failed", "Successful").is_none());
        let history = "ReplicaSet R-<1.0.0> annotations rollout.argoproj.io/revision-history";
        assert!(end(history, "1", "-").is_some());
        assert!(end(history, "1,1,1", "1").is_some());
        assert!(end(history, "1,2", "-").is_none());
    }
}
