//! Differences that are meant: each stands in docs/differences.md with its reason.

use crate::compare::Difference;
use crate::scenario::{Act, Scenario, Strategy};

/// An event in words that both share; nothing when only one controller is meant to tell it, or when its count is chance.
pub fn in_common_words(event: &str) -> Option<String> {
    if event.starts_with("Normal RolloutAddedToInformer:") {
        // It says something about the controller, not about the Rollout.
        return None;
    }
    if event.starts_with("Normal TrafficWeightUpdated: Traffic weight stays at ") || event == EMPTY {
        return Some(EMPTY.to_owned());
    }
    Some(event.to_owned())
}

/// What Argo says when the weight stays and the ReplicaSets behind it change.
const EMPTY: &str = "Normal TrafficWeightUpdated: Traffic weight updated ";

/// Whether a difference that was seen after an act is meant, and why.
pub fn reason(scenario: &Scenario, act: usize, difference: &Difference) -> Option<&'static str> {
    canary_service(scenario, act, difference).or_else(|| resumed(difference))
}

/// Argo points the canary Service of an aborted update to the stable set and back to the new one in each pass, until that has no pods any more.
fn canary_service(scenario: &Scenario, act: usize, difference: &Difference) -> Option<&'static str> {
    let Difference { part, argo, ours } = difference;
    if scenario.strategy != Strategy::Nginx || !scenario.script.iter().take(act + 1).any(|act| *act == Act::Abort) {
        return None;
    }
    let flaps = |text: &str| {
        let turns: Vec<_> = text.split(" → ").collect();
        turns.len() > 2 && turns.iter().zip(turns.iter().skip(2)).all(|(a, b)| a == b)
    };
    let course = part == "course of Service R-canary selector" && flaps(argo) && !flaps(ours);
    // Which way it points when an act's part ends is chance, as long as the new set has pods.
    let still = act + 1 < scenario.script.len() && ours == "<1.0.0>";
    let moment = part == "Service R-canary selector rollouts-pod-template-hash" && still;
    let cut = part == "course of Service R-canary selector"
        && still_turning(argo)
        && (ours.is_empty() || ours.ends_with("→ <1.0.0>"))
        && act + 1 < scenario.script.len();
    let event = part == "events"
        && ours == "-"
        && argo.starts_with("Normal SwitchService: Switched selector for service 'R-canary'");
    if course || moment || cut {
        Some("the canary Service of an aborted update is pointed to the stable set once, not back and forth")
    } else if event {
        Some(
            "the canary Service of an aborted update is pointed to the stable set once, not back and forth: its events",
        )
    } else {
        None
    }
}

/// One turn of the canary Service that an earlier act began.
fn still_turning(course: &str) -> bool {
    course.split(" → ").count() == 2
}

fn resumed(difference: &Difference) -> Option<&'static str> {
    let told = difference.part == "events" && difference.argo == "-";
    (told && difference.ours == "Normal RolloutResumed: Rollout is resumed")
        .then_some("the end of a pause is told when a person ends it, too")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn what_is_not_listed_is_not_meant() {
        let of = |strategy, script: &[Act]| Scenario {
            title: "t".into(),
            strategy,
            spec: Value::Null,
            others: vec![],
            script: script.to_vec(),
        };
        let difference =
            |part: &str, argo: &str, ours: &str| Difference { part: part.into(), argo: argo.into(), ours: ours.into() };
        let aborted = of(Strategy::Nginx, &[Act::Apply, Act::Abort, Act::Linger]);
        let promoted = of(Strategy::Nginx, &[Act::Apply, Act::Promote, Act::Linger]);
        let course = "course of Service R-canary selector";
        assert_eq!(reason(&aborted, 1, &difference("events", "-", "Normal RolloutCompleted: x")), None);
        assert_eq!(reason(&promoted, 1, &difference(course, "a → b → a → b", "a → b")), None);
        assert_eq!(reason(&aborted, 1, &difference(course, "a → b → c → b", "a → b")), None);
        assert!(reason(&aborted, 1, &difference(course, "a → b → a → b", "a → b")).is_some());
    }

    #[test]
    fn the_weight_that_stays_is_told_in_other_words() {
        let ours = "Normal TrafficWeightUpdated: Traffic weight stays at 20, for other ReplicaSets";
        assert_eq!(in_common_words(ours), in_common_words(EMPTY));
        assert_ne!(in_common_words("Normal TrafficWeightUpdated: Traffic weight updated to 0"), in_common_words(EMPTY));
    }
}
