//! Differences that are meant: each stands in docs/differences.md with its reason.

use crate::compare::Difference;

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

/// Whether a difference is meant, and why.
pub fn reason(difference: &Difference) -> Option<&'static str> {
    let Difference { part, argo, ours } = difference;
    let flaps = |text: &str| text.matches('→').count() > 2;
    if part == "course of Service R-canary selector" && flaps(argo) && !flaps(ours) {
        return Some("the canary Service of an aborted update is pointed to the stable set once, not back and forth");
    }
    if part == "events"
        && ours == "-"
        && argo.starts_with("Normal SwitchService: Switched selector for service 'R-canary'")
    {
        return Some("the same, as events");
    }
    if part == "events" && argo == "-" && ours == "Normal RolloutResumed: Rollout is resumed" {
        return Some("the end of a pause is told when a person ends it, too");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_is_not_meant() {
        let difference =
            |part: &str, argo: &str, ours: &str| Difference { part: part.into(), argo: argo.into(), ours: ours.into() };
        assert_eq!(reason(&difference("events", "-", "Normal RolloutCompleted: x")), None);
        assert_eq!(reason(&difference("course of Service R-canary selector", "a → b", "a")), None);
        assert!(reason(&difference("course of Service R-canary selector", "a → b → a → b", "a → b")).is_some());
    }

    #[test]
    fn the_weight_that_stays_is_told_in_other_words() {
        let ours = "Normal TrafficWeightUpdated: Traffic weight stays at 20, for other ReplicaSets";
        assert_eq!(in_common_words(ours), in_common_words(EMPTY));
        assert_ne!(in_common_words("Normal TrafficWeightUpdated: Traffic weight updated to 0"), in_common_words(EMPTY));
    }
}
