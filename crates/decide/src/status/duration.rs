//! `status.duration`: when an update began, how long people held it, how it ended (spec 2.16).
//!
//! Only what happens writes it, never the mere passing of a look: a definition that does not know the field drops it, and
//! that must not lead to a write with each look.

use super::pause::{BLUE_GREEN, CANARY_STEP};
use crate::canary::weight;
use crate::pass::Pass;
use crate::promotion;
use serinus_wire::Time;
use serinus_wire::rollout::{DurationStatus, RolloutStatus};

/// Brings the clock up to date. Expects the rest of the status to be settled.
pub fn settle(pass: &mut Pass<'_>) {
    let (old, new) = (&pass.rollout.status, &pass.status);
    let now = pass.wire_now();
    let mut clock = old.duration.clone().unwrap_or_default();
    let stable = !new.stable_rs.is_empty() && new.stable_rs == new.current_pod_hash;
    let begins = |old: &RolloutStatus| {
        let changed = old.current_pod_hash != new.current_pod_hash || old.current_step_hash != new.current_step_hash;
        (changed, old.aborted_at.is_some() && new.aborted_at.is_none())
    };
    match begins(old) {
        (true, _) if runs(&clock) && promotion::is_rollback(pass) => {
            clock.completion_status = if is_fast(pass) { "FastRolledBack" } else { "RolledBack" }.to_string();
        }
        (true, _) | (_, true) if !stable => {
            clock = DurationStatus { rollout_started_at: Some(now), ..DurationStatus::default() };
        }
        _ => {}
    }
    if runs(&clock) {
        count_pause(&mut clock, is_held(pass), now);
        if old.stable_rs != new.stable_rs && clock.completion_status.is_empty() {
            clock.completion_status = if old.promote_full { "FastPromoted" } else { "Promoted" }.to_string();
        }
        if new.abort {
            clock.completion_status = "Aborted".to_string();
        }
        let complete = stable && pass.sets.new_set().is_some_and(|set| set.available() >= pass.replicas());
        if complete || new.abort {
            count_pause(&mut clock, false, now);
            clock.finished_at = Some(now);
        }
    }
    pass.status.duration = (clock != DurationStatus::default()).then_some(clock);
}

fn runs(clock: &DurationStatus) -> bool {
    clock.rollout_started_at.is_some() && clock.finished_at.is_none()
}

fn is_fast(pass: &Pass<'_>) -> bool {
    pass.sets.new_is_stable() || promotion::in_rollback_window(pass)
}

/// Only a person can end the pause that is in force.
fn is_held(pass: &Pass<'_>) -> bool {
    let endless_step = weight::current_step(&pass.rollout)
        .and_then(|step| step.pause.as_ref())
        .is_some_and(|pause| pause.duration.is_none());
    let by_hand =
        pass.rollout.spec.strategy.blue_green.as_ref().is_some_and(|it| it.auto_promotion_enabled == Some(false));
    pass.rollout.spec.paused
        || pass.status.pause_conditions.iter().any(|pause| match pause.reason.as_str() {
            CANARY_STEP => endless_step,
            BLUE_GREEN => by_hand,
            reason => reason.starts_with("Inconclusive"),
        })
}

/// Starts or ends the time that counts as held by people.
fn count_pause(clock: &mut DurationStatus, held: bool, now: Time) {
    match (held, clock.manual_pause_started_at) {
        (true, None) => clock.manual_pause_started_at = Some(now),
        (false, Some(since)) => {
            let seconds = (now.0.as_second() - since.0.as_second()).max(0);
            let total = clock.total_manual_pause_duration_seconds.unwrap_or(0).saturating_add(seconds);
            clock.total_manual_pause_duration_seconds = Some(total);
            clock.manual_pause_started_at = None;
        }
        (true, Some(_)) | (false, None) => {}
    }
}
