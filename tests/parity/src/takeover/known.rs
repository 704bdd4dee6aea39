//! What a takeover may change or end with: each names its row in docs/differences.md, where its reason stands, and the states in which it is meant.

use serde_json::{Value, json};

use super::judge::{Written, without_times};
use crate::compare::Difference;
use crate::known::fits;

/// What is meant, and where.
struct Meant {
    /// What its row in docs/differences.md begins with: the first column.
    row: &'static str,
    /// Titles of the states in which it is meant; `*` stands for any text.
    states: &'static [&'static str],
}

const REMEDY: Meant =
    Meant { row: "text of `InvalidSpec`", states: &["*: made invalid at *", "basic: invalid from the beginning"] };
const EMPTY_LIST: Meant =
    Meant { row: "an empty list in the spec (`steps: []`)", states: &["basic: no steps, half way"] };
const EMPTY_OBJECTS: Meant = Meant {
    row: "empty objects in the spec's steps (`metadata: {}` of an experiment's template)",
    states: &["experiment: *"],
};
const TERMINATED: Meant = Meant {
    row: "Experiment: `spec.terminate` while a required analysis runs",
    states: &[
        "experiment: it is skipped",
        "experiment: the update is aborted",
        "experiment: another version replaces it",
    ],
};
const FIRST_SET: Meant = Meant { row: "first ReplicaSet behind a `workloadRef`", states: &["workloadRef *"] };
const OTHER_SERVICE: Meant =
    Meant { row: "an invalid spec that names another Service", states: &["blue/green: made invalid at the pause"] };
const SCALINGS: Meant = Meant {
    row: "`workloadRef.scaleDown: progressively`: `workload-generation`",
    states: &["workloadRef progressively: *"],
};

impl Meant {
    fn here(&self, title: &str) -> bool {
        self.states.iter().any(|states| fits(title, states))
    }
}

/// The row that says why a write right after a takeover is meant, in a state of this title; nothing when it is not.
pub fn written(title: &str, one: &Written) -> Option<&'static str> {
    let of_status = one.part.starts_with("Rollout ") && one.part.contains(" status ");
    let of_preview = ["metadata annotations", "spec selector rollouts-pod-template-hash"]
        .iter()
        .any(|field| one.part == format!("Service R-preview {field}"));
    let meant = match () {
        () if of_preview && one.to == "-" => OTHER_SERVICE,
        () if of_status && but_for_the_remedy(&one.from, &one.to) => REMEDY,
        () => return None,
    };
    meant.here(title).then_some(meant.row)
}

/// The row that says why an end that differs from the twin's is meant, in a state of this title; nothing when it is not.
pub fn ended(title: &str, one: &Difference) -> Option<&'static str> {
    let Difference { part, argo, ours } = one;
    let of = |kind: &str, rest: &str| part.starts_with(kind) && part.ends_with(rest);
    let of_spec = part.starts_with("Rollout ") && part.contains(" spec strategy");
    let generation = part.ends_with("rollout.argoproj.io/workload-generation")
        || part == "Rollout R status workloadObservedGeneration";
    let first = |history: &&String| *history == "-" || history.split(',').all(|revision| revision == "1");
    let meant = match () {
        () if of_spec && is_empty_list(argo, ours) => EMPTY_LIST,
        () if of_spec && without_nothing(argo) == without_nothing(ours) => EMPTY_OBJECTS,
        () if of("Experiment ", " phase") && argo == "Running" && ours == "Successful" => TERMINATED,
        () if of("ReplicaSet R-<1.0.0>", "rollout.argoproj.io/revision-history") && [argo, ours].iter().all(first) => {
            FIRST_SET
        }
        () if generation => SCALINGS,
        () => return None,
    };
    meant.here(title).then_some(meant.row)
}

/// One has an empty list, the other nothing.
fn is_empty_list(one: &str, other: &str) -> bool {
    matches!((one, other), ("-", "[]") | ("[]", "-"))
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
    use crate::known::is_listed;

    #[test]
    fn each_reason_has_its_row_and_its_states() {
        let states = crate::takeover::states::all();
        for Meant { row, states: patterns } in
            [REMEDY, EMPTY_LIST, EMPTY_OBJECTS, TERMINATED, FIRST_SET, OTHER_SERVICE, SCALINGS]
        {
            assert!(is_listed(row), "docs/differences.md has no row {row:?}");
            for pattern in patterns {
                assert!(states.iter().any(|state| fits(state.title, pattern)), "{row}: no state is called {pattern}");
            }
        }
    }

    fn write(part: &str, from: &str, to: &str) -> Option<&'static str> {
        let one = Written { part: part.into(), from: from.into(), to: to.into() };
        assert_eq!(written("nginx: in a timed pause", &one), None, "elsewhere it is not meant");
        written("nginx: made invalid at a pause", &one)
    }

    fn end(title: &str, part: &str, argo: &str, ours: &str) -> Option<&'static str> {
        let one = Difference { part: part.into(), argo: argo.into(), ours: ours.into() };
        assert_eq!(ended("nginx: in a timed pause", &one), None, "elsewhere it is not meant");
        ended(title, &one)
    }

    #[test]
    fn a_remedy_is_meant_and_another_message_is_not() {
        let (short, long) = (
            "InvalidSpec: The Rollout \"R\" is invalid: x",
            "InvalidSpec: The Rollout \"R\" is invalid: x (do y (30), or z)",
        );
        assert_eq!(write("Rollout R status message", short, long), Some(REMEDY.row));
        assert_eq!(write("Rollout R status message", long, short), Some(REMEDY.row));
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
        assert_eq!(turned("True"), Some(REMEDY.row));
        assert_eq!(turned("False"), None);
    }

    #[test]
    fn a_service_is_given_back_only_where_the_spec_names_another() {
        let part = "Service R-preview spec selector rollouts-pod-template-hash";
        let seen = |to: &str| Written { part: part.into(), from: "<2.0.0>".into(), to: to.into() };
        assert_eq!(written("blue/green: made invalid at the pause", &seen("-")), Some(OTHER_SERVICE.row));
        assert_eq!(written("blue/green: made invalid at the pause", &seen("<1.0.0>")), None);
        assert_eq!(written("blue/green: at the pause", &seen("-")), None);
    }

    #[test]
    fn ends_are_meant_for_what_they_say_and_no_more() {
        let (steps, tried) = ("Rollout R spec strategy canary steps", "experiment: it failed");
        assert!(end(tried, steps, r#"[{"experiment":{"metadata":{}}}]"#, r#"[{"experiment":{}}]"#).is_some());
        assert!(end(tried, steps, r#"[{"setWeight":1}]"#, r#"[{"setWeight":2}]"#).is_none());
        assert!(end(tried, steps, "some", "other").is_none());
        assert!(end("basic: no steps, half way", steps, "-", "[]").is_some());
        let generation = "Rollout R status workloadObservedGeneration";
        assert_eq!(end("workloadRef progressively: taken over", generation, "3", "4"), Some(SCALINGS.row));
        assert_eq!(end("workloadRef never: fresh", generation, "3", "4"), None);
        let (skipped, phase) = ("experiment: it is skipped", "Experiment R-<2.0.0>-2-1 phase");
        assert!(end(skipped, phase, "Running", "Successful").is_some());
        assert!(end(skipped, phase, "Failed", "Successful").is_none());
        let (fresh, history) =
            ("workloadRef never: fresh", "ReplicaSet R-<1.0.0> annotations rollout.argoproj.io/revision-history");
        assert!(end(fresh, history, "1", "-").is_some());
        assert!(end(fresh, history, "1,1,1", "1").is_some());
        assert!(end(fresh, history, "1,2", "-").is_none());
    }
}
