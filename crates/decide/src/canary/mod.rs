//! The canary strategy: one pass in the order of spec 2.5.

pub mod counts;
pub mod dynamic;
mod finish;
pub(crate) mod pair;
pub(crate) mod scale;
mod services;
pub mod weight;

use crate::pass::Pass;
use crate::plan::Verdict;
use crate::status::pause::{CANARY_STEP, pause_of, resumed};
use crate::{experiments, identity, metadata, promotion, restart, route, runs};
use serinus_wire::Rollout;
use serinus_wire::rollout::RolloutStatus;

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
    metadata::reconcile(pass);
    identity::forget_history(pass);
    pair::reconcile(pass);
    services::reconcile(pass);
    route::reconcile(pass);
    // Both: what is no longer needed ends, whichever of them stops the update.
    let stopped = experiments::canary(pass);
    if runs::canary(pass) || stopped {
        finish::conclude(pass);
        return;
    }
    let scaled = !pass.halted() && scale::reconcile(pass);
    if pass.rollout.spec.paused {
        pass.waits("scale", "paused by hand: no set is scaled and no step ends until the Rollout is resumed");
    } else if pass.halted() {
        pass.waits(
            "scale",
            "an analysis could not tell: no set is scaled and no step ends until somebody promotes or aborts",
        );
    }
    if !scaled {
        step_pause(pass);
    }
    finish::conclude(pass);
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
        || promotion::fully_promoted(&pass.rollout)
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

/// Every step is done, what is wanted is stable, and no pod of an old set is left.
pub fn is_complete(pass: &Pass<'_>) -> bool {
    let (status, steps) = (&pass.status, weight::step_count(&pass.rollout));
    let steps_done = steps == 0 || status.current_step_index == Some(steps);
    let stable = status.stable_rs == status.current_pod_hash && !status.stable_rs.is_empty();
    steps_done && stable && status.replicas == pass.replicas()
}

/// A step was done, the steps changed, or a set became stable.
pub fn has_moved(old: &RolloutStatus, new: &RolloutStatus) -> bool {
    new.stable_rs != old.stable_rs
        || new.current_step_index != old.current_step_index
        || new.current_step_hash != old.current_step_hash
}

/// The step under way ends when a person, an analysis or an experiment ends it.
pub fn may_take_long(rollout: &Rollout) -> bool {
    weight::current_step(rollout)
        .is_some_and(|step| step.pause.is_some() || step.analysis.is_some() || step.experiment.is_some())
}

/// What an update with all its pods still waits for.
pub fn unfinished(pass: &Pass<'_>, status: &RolloutStatus) -> Option<&'static str> {
    if !pass.has_router() && status.replicas > status.updated_replicas {
        return Some("old replicas are pending termination");
    }
    let stable = !status.stable_rs.is_empty() && status.stable_rs == status.current_pod_hash;
    (!stable).then_some("waiting for all steps to complete")
}
