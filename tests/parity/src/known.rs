//! Differences that are meant: each stands in docs/differences.md with its reason.

use crate::compare::Difference;

/// Whether a difference is meant, and why.
pub fn reason(difference: &Difference) -> Option<&'static str> {
    let Difference { part, argo, ours } = difference;
    let events = part == "events";
    if events && argo.starts_with("Normal RolloutAddedToInformer:") && ours == "-" {
        return Some("says something about the controller, not about the Rollout");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_is_not_meant() {
        let other =
            Difference { part: "events".into(), argo: "-".into(), ours: "Normal RolloutAddedToInformer: x".into() };
        assert_eq!(reason(&other), None);
    }
}
