//! How a pass ends: reset after a change, promotion, abort, or the next step (spec 2.5, part 13).

use super::scale::{self, at_desired_counts};
use super::weight;
use crate::identity;
use crate::pass::Pass;
use crate::plan::Verdict;
use crate::status::pause::{CANARY_STEP, resumed};
use crate::status::{self, conditions};
use serinus_wire::selector::Selector;

/// Hash of the steps in force.
pub fn steps_hash(pass: &Pass<'_>) -> String {
    identity::steps_hash(&pass.rollout)
}

/// Counts, hashes and what else is computed anew each time.
fn base(pass: &mut Pass<'_>) {
    let old = &pass.rollout.status;
    let (stable_rs, index) = (old.stable_rs.clone(), old.current_step_index);
    let (weights, promote_full) = (pass.status.canary.weights.take(), old.promote_full);
    let hash = pass.sets.new_set().map_or_else(String::new, |set| set.hash().to_string());
    let updated = pass.sets.new_set().map_or(0, |set| set.existing());
    let steps = weight::step_count(&pass.rollout);
    let steps_hash = steps_hash(pass);
    let selector = pass.rollout.spec.selector.as_ref();
    let selector = selector.and_then(|value| Selector::parse(value).ok()).map(|selector| selector.to_string());
    let status = &mut pass.status;
    status.available_replicas = pass.sets.sum(|set| set.available());
    status.ready_replicas = pass.sets.sum(|set| set.seen.status.ready_replicas);
    status.replicas = pass.sets.sum(|set| set.existing());
    status.hpa_replicas = status.replicas;
    status.updated_replicas = updated;
    status.selector = selector.unwrap_or_default();
    status.current_pod_hash = hash;
    status.current_step_hash = steps_hash;
    status.stable_rs = stable_rs;
    status.current_step_index = if steps == 0 { None } else { Some(index.unwrap_or(0).clamp(0, steps)) };
    status.canary.weights = weights;
    status.promote_full = promote_full && status.stable_rs != status.current_pod_hash;
}

/// A new template or new steps: back to step 0, pauses and aborts forgotten; a set that is already stable skips the steps.
pub fn reset(pass: &mut Pass<'_>) {
    pass.status.canary.weights = pass.rollout.status.canary.weights.clone();
    base(pass);
    let steps = weight::step_count(&pass.rollout);
    pass.pause.clear = true;
    pass.pause.remove_abort = true;
    pass.status.promote_full = false;
    pass.status.restarted_at = pass.rollout.spec.restart_at;
    pass.status.current_step_index = (steps > 0).then_some(0);
    let back_to_stable = !pass.status.stable_rs.is_empty() && pass.status.stable_rs == pass.status.current_pod_hash;
    if back_to_stable && steps > 0 {
        pass.status.current_step_index = Some(steps);
        pass.tell("SkipSteps", "Rollback to stable ReplicaSets");
    } else if steps > 0 && in_rollback_window(pass) && pass.sets.new_set().is_some_and(|set| set.existing() > 0) {
        pass.status.current_step_index = Some(steps);
        pass.tell("SkipSteps", "Rollback to active ReplicaSets within RollbackWindow");
    }
    pass.report("steps", Verdict::Acts, "the pod template or the steps changed: the update starts over");
    status::settle(pass);
}

/// The new set is older than the stable one, and few enough revisions lie between them (spec 2.7).
fn in_rollback_window(pass: &Pass<'_>) -> bool {
    let Some(window) = &pass.rollout.spec.rollback_window else { return false };
    let (Some(new), Some(stable)) = (pass.sets.new_set(), pass.sets.stable_set()) else { return false };
    if new.created() >= stable.created() {
        return false;
    }
    let between = pass.sets.all.iter().filter(|set| set.created() > new.created() && set.created() < stable.created());
    i32::try_from(between.count()).unwrap_or(i32::MAX) < window.revisions
}

/// The end of an ordinary pass.
pub fn conclude(pass: &mut Pass<'_>) {
    base(pass);
    let steps = weight::step_count(&pass.rollout);
    let fast = in_rollback_window(pass);
    if pass.rollout.status.promote_full || fast {
        pass.pause.clear = true;
        pass.pause.remove_abort = true;
        pass.pause.add.clear();
        if steps > 0 {
            pass.status.current_step_index = Some(steps);
        }
    }
    if let Some(why) = promotion(pass, fast) {
        promote(pass, &why);
    } else if pass.aborted() {
        if steps > 0 {
            let done = pass.status.stable_rs == pass.status.current_pod_hash;
            pass.status.current_step_index = Some(if done { steps } else { 0 });
        }
    } else if let Some(index) = weight::current_index(&pass.rollout)
        && pass.status.current_step_index == i32::try_from(index).ok()
        && step_completed(pass, index)
    {
        advance(pass, index);
    }
    status::settle(pass);
}

/// Why the new set may become the stable one now; absent: it may not.
fn promotion(pass: &Pass<'_>, fast: bool) -> Option<String> {
    if pass.rollout.status.stable_rs.is_empty() {
        return Some("Initial deploy".to_string());
    }
    if pass.aborted() {
        return None;
    }
    let set = pass.sets.new_set()?;
    let n = pass.replicas();
    let threshold = pass.canary().replica_progress_threshold.as_ref();
    if set.available() < n && !(threshold.is_some() && scale::reached(threshold, set.replicas, set.available(), n)) {
        return None;
    }
    if pass.rollout.status.promote_full {
        return Some("Full promotion requested".to_string());
    }
    if fast {
        return Some("Rollback within window".to_string());
    }
    if pass.sets.new_is_stable() {
        return Some("Fast rollback".to_string());
    }
    let steps = weight::step_count(&pass.rollout);
    let done = steps == 0 || pass.rollout.status.current_step_index == Some(steps);
    (done && pass.traffic_waits.is_none()).then(|| format!("Completed all {steps} canary steps"))
}

fn promote(pass: &mut Pass<'_>, why: &str) {
    let steps = weight::step_count(&pass.rollout);
    pass.pause.clear = true;
    pass.pause.remove_abort = true;
    pass.pause.add.clear();
    pass.status.promote_full = false;
    pass.status.current_step_index = (steps > 0).then_some(steps);
    if pass.status.stable_rs == pass.status.current_pod_hash {
        return;
    }
    pass.status.stable_rs = pass.status.current_pod_hash.clone();
    let revision = pass.sets.new_set().map_or(0, |set| set.revision());
    let hash = pass.status.current_pod_hash.clone();
    let text = format!("Rollout completed update to revision {revision} ({hash}): {why}");
    pass.report("promotion", Verdict::Acts, text.clone());
    pass.tell("RolloutCompleted", text);
}

/// What the step asks for is reached.
fn step_completed(pass: &Pass<'_>, index: usize) -> bool {
    if pass.rollout.spec.paused {
        return false;
    }
    let Some(step) = weight::steps(&pass.rollout).get(index) else { return false };
    let old = &pass.rollout.status;
    if let Some(pause) = &step.pause {
        if resumed(old, CANARY_STEP) {
            return true;
        }
        let (Some(duration), Some(started)) = (&pause.duration, conditions::step_pause(old)) else { return false };
        return pass.now >= Pass::after(started, weight::pause_seconds(duration));
    }
    if step.set_canary_scale.is_some() {
        return at_desired_counts(pass);
    }
    if step.set_weight.is_some() {
        let refused = old.canary.weights.as_ref().is_some_and(|weights| weights.verified == Some(false));
        return at_desired_counts(pass) && !refused && pass.traffic_waits.is_none();
    }
    false
}

fn advance(pass: &mut Pass<'_>, index: usize) {
    let steps = weight::step_count(&pass.rollout);
    let words = weight::steps(&pass.rollout).get(index).map_or_else(String::new, weight::describe);
    pass.status.current_step_index = i32::try_from(index + 1).ok();
    pass.pause.remove.push(CANARY_STEP);
    pass.pause.add.retain(|reason| *reason != CANARY_STEP);
    let text = format!("Rollout step {}/{steps} completed ({words})", index + 1);
    pass.report("steps", Verdict::Acts, text.clone());
    pass.tell("RolloutStepCompleted", text);
}
