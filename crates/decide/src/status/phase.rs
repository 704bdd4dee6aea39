//! Phase and message: one word and one sentence about where the Rollout stands (spec 2.12).

use super::conditions::{find, names};
use crate::pass::Pass;
use serinus_wire::rollout::RolloutStatus;

/// Phase and message of a status.
pub fn phase(pass: &Pass<'_>, status: &RolloutStatus) -> (&'static str, String) {
    if let Some(invalid) = find(&status.conditions, names::INVALID_SPEC) {
        return ("Degraded", format!("{}: {}", names::INVALID_SPEC, invalid.message));
    }
    let bad = status
        .conditions
        .iter()
        .find(|condition| condition.reason == names::ROLLOUT_ABORTED || condition.reason == names::DEADLINE);
    if let Some(bad) = bad {
        return ("Degraded", format!("{}: {}", bad.reason, bad.message));
    }
    if pass.rollout.spec.paused {
        return ("Paused", "manually paused".to_string());
    }
    if let Some(pause) = status.pause_conditions.first() {
        return ("Paused", pause.reason.clone());
    }
    let progressing = |text: &str| ("Progressing", text.to_string());
    if pass.rollout.spec.restart_at.is_some() && pass.rollout.spec.restart_at != status.restarted_at {
        return progressing("rollout is restarting");
    }
    if status.updated_replicas < pass.replicas() {
        return progressing("more replicas need to be updated");
    }
    if status.available_replicas < status.updated_replicas {
        return progressing("updated replicas are still becoming available");
    }
    if let Some(waits) = pass.strategy().unfinished(pass, status) {
        return progressing(waits);
    }
    ("Healthy", String::new())
}
