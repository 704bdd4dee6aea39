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
    let seen = Seen { scenario, act, difference };
    RULES.iter().find(|(_, holds)| holds(&seen)).map(|(why, _)| *why)
}

/// A difference and where it was seen.
struct Seen<'a> {
    scenario: &'a Scenario,
    act: usize,
    difference: &'a Difference,
}

/// Whether a difference is of a kind.
type Rule = fn(&Seen<'_>) -> bool;

/// All reasons. Each holds for as little as possible.
const RULES: &[(&str, Rule)] = &[
    ("the canary Service of an aborted update is pointed to the stable set once, not back and forth", canary_service),
    ("the end of a pause is told when a person ends it, too", resumed),
    ("a step that lowers the weight lowers it before the canary shrinks", lowered_first),
    ("an empty list in the spec stays as it was written", empty_steps),
    ("an aborted update is scaled in full while its pods wait for their end", aborted_and_scaled),
];

impl Seen<'_> {
    /// Whether such an act has come before, or was it.
    fn after(&self, wanted: impl Fn(&Act) -> bool) -> bool {
        self.scenario.script.iter().take(self.act + 1).any(wanted)
    }

    fn last(&self) -> bool {
        self.act + 1 == self.scenario.script.len()
    }

    fn part(&self) -> &str {
        &self.difference.part
    }

    fn is(&self, part: &str, argo: &str, ours: &str) -> bool {
        (self.part(), self.difference.argo.as_str(), self.difference.ours.as_str()) == (part, argo, ours)
    }
}

/// Argo points the canary Service of an aborted update to the stable set and back to the new one in each pass, until that has no pods any more.
fn canary_service(seen: &Seen<'_>) -> bool {
    const COURSE: &str = "course of Service R-canary selector";
    let Difference { part, argo, ours } = seen.difference;
    if seen.scenario.strategy != Strategy::Nginx || !seen.after(|act| *act == Act::Abort) {
        return false;
    }
    let turns = unturned(argo);
    let course = part == COURSE && turns == ours.split(" → ").collect::<Vec<_>>();
    // Which way it points when an act's part ends is chance, as long as the new set has pods: the next part begins, or ends, there.
    let cut = part == COURSE && !seen.last() && turns.len() <= 2 && (ours.is_empty() || ours.ends_with("→ <1.0.0>"));
    let moment = part == "Service R-canary selector rollouts-pod-template-hash" && !seen.last() && ours == "<1.0.0>";
    let event = part == "events"
        && ours == "-"
        && argo.starts_with("Normal SwitchService: Switched selector for service 'R-canary'");
    course || cut || moment || event
}

/// A course without its turns there and back.
fn unturned(course: &str) -> Vec<&str> {
    let mut out: Vec<&str> = Vec::new();
    for value in course.split(" → ") {
        match out[..] {
            [.., before, _] if before == value => {
                out.pop();
            }
            _ => out.push(value),
        }
    }
    // There and back again is nothing at all.
    if out.len() == 1 { vec![""] } else { out }
}

fn resumed(seen: &Seen<'_>) -> bool {
    seen.is("events", "-", "Normal RolloutResumed: Rollout is resumed")
}

fn lowered_first(seen: &Seen<'_>) -> bool {
    let lowers = seen.scenario.title.starts_with("nginx/p,w60,w10,p/");
    lowers && seen.part() == "place among the events" && seen.difference.argo.contains(": Scaled down ReplicaSet ")
}

fn empty_steps(seen: &Seen<'_>) -> bool {
    seen.is("Rollout R spec strategy canary steps", "-", "[]")
}

/// Argo does nothing but scale while a ReplicaSet with pods has another number of wanted replicas in its annotation.
fn aborted_and_scaled(seen: &Seen<'_>) -> bool {
    let scaled = |act: &Act| matches!(act, Act::Scale(_));
    let parts = ["status replicas", "status readyReplicas", "annotations rollout.argoproj.io/desired-replicas"];
    seen.scenario.strategy == Strategy::Nginx
        && seen.after(|act| *act == Act::Abort)
        && seen.scenario.script.get(seen.act).is_some_and(scaled)
        && parts.iter().any(|part| seen.part().ends_with(part))
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
        assert_eq!(reason(&aborted, 1, &difference(course, "a → c → b", "a → b")), None);
        assert!(reason(&aborted, 1, &difference(course, "a → b → a → b", "a → b")).is_some());
    }

    #[test]
    fn the_weight_that_stays_is_told_in_other_words() {
        let ours = "Normal TrafficWeightUpdated: Traffic weight stays at 20, for other ReplicaSets";
        assert_eq!(in_common_words(ours), in_common_words(EMPTY));
        assert_ne!(in_common_words("Normal TrafficWeightUpdated: Traffic weight updated to 0"), in_common_words(EMPTY));
    }
}
