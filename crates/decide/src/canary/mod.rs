//! The canary strategy: one pass in the order of spec 2.5.

pub mod counts;
mod finish;
pub(crate) mod scale;
pub(crate) mod service;
pub mod weight;

use crate::pass::Pass;
use crate::plan::Verdict;
use crate::status::pause::{CANARY_STEP, pause_of, resumed};
use crate::{identity, restart, route, status};

/// One pass of a canary.
pub fn pass(pass: &mut Pass<'_>) {
    identity::sync_revision(pass);
    if changed(pass) {
        finish::reset(pass);
        return;
    }
    if restart::reconcile(pass) {
        return;
    }
    identity::forget_history(pass);
    service::reconcile(pass);
    route::reconcile(pass);
    let scaled = !pass.halted() && scale::reconcile(pass);
    if pass.halted() {
        pass.waits("scale", "paused by hand: no set is scaled and no step ends until the Rollout is resumed");
    }
    if !scaled {
        step_pause(pass);
    }
    finish::conclude(pass);
}

/// A change of `spec.replicas` alone: the sets are scaled, and nothing else moves in that pass (spec 2.1, skeleton 8b).
pub fn rescale(pass: &mut Pass<'_>) {
    if pass.halted() {
        pass.waits("scale", "paused by hand: the new size is taken up when the Rollout is resumed");
    } else {
        scale::reconcile(pass);
    }
    let total = pass.sets.sum(|set| set.available());
    let existing = pass.sets.sum(|set| set.existing());
    pass.status = pass.rollout.status.clone();
    pass.status.available_replicas = total;
    pass.status.hpa_replicas = existing;
    status::settle_rescaled(pass);
}

/// `spec.replicas` changed since the sets were last touched.
pub fn needs_rescale(pass: &Pass<'_>) -> bool {
    let wanted = pass.replicas();
    [pass.sets.new_set(), pass.sets.stable_set()]
        .into_iter()
        .flatten()
        .any(|set| set.replicas > 0 && set.desired_annotation() != Some(wanted))
}

/// The template or the steps are not those of the last status.
fn changed(pass: &Pass<'_>) -> bool {
    let hash = pass.sets.new_set().map_or("", |set| set.hash());
    let old = &pass.rollout.status;
    old.current_pod_hash != hash
        || old.current_step_hash.is_empty()
        || old.current_step_hash != finish::steps_hash(pass)
}

/// Starts a `pause` step on the first visit and says how long it lasts.
fn step_pause(pass: &mut Pass<'_>) {
    if pass.rollout.spec.paused
        || pass.aborted()
        || weight::fully_promoted(&pass.rollout)
        || pass.rollout.status.promote_full
    {
        return;
    }
    let Some(pause) = weight::current_step(&pass.rollout).and_then(|step| step.pause.clone()) else { return };
    let seconds = pause.duration.as_ref().map(weight::pause_seconds);
    let started = match pause_of(&pass.rollout.status, CANARY_STEP) {
        Some(condition) => condition.start_time.0,
        None if resumed(&pass.rollout.status, CANARY_STEP) => return,
        None => {
            pass.pause.add.push(CANARY_STEP);
            pass.wire_now().0
        }
    };
    match seconds {
        None => pass.waits("pause", "this step waits until somebody promotes the Rollout"),
        Some(seconds) => {
            let until = Pass::after(started, seconds);
            if until > pass.now {
                pass.wake_at(until);
                pass.waits("pause", format!("this step waits until {}", serinus_wire::Time(until)));
            } else {
                pass.report("pause", Verdict::Done, "the pause is over");
            }
        }
    }
}
