//! How a pass ends: reset after a change, promotion, abort, or the next step (spec 2.5, part 13).

use super::scale::{self, at_desired_counts};
use super::{pair, weight};
use crate::pass::Pass;
use crate::plan::Verdict;
use crate::status::pause::{CANARY_STEP, INCONCLUSIVE_EXPERIMENT, INCONCLUSIVE_RUN, resumed};
use crate::status::{self, conditions};
use crate::{experiments, identity, promotion, runs};

/// Hash of the steps in force.
pub fn steps_hash(pass: &Pass<'_>) -> String {
    identity::steps_hash(&pass.rollout)
}

/// What is computed anew each time.
fn base(pass: &mut Pass<'_>) {
    status::counts::fill(pass);
    pass.status.canary.stable_ping_pong = pass.rollout.status.canary.stable_ping_pong.clone();
    let (index, steps) = (pass.rollout.status.current_step_index, weight::step_count(&pass.rollout));
    pass.status.current_step_hash = steps_hash(pass);
    pass.status.current_step_index = if steps == 0 { None } else { Some(index.unwrap_or(0).clamp(0, steps)) };
}

/// A new template or new steps: back to step 0, pauses and aborts forgotten; a set that is already stable skips the steps.
pub fn reset(pass: &mut Pass<'_>) {
    pass.status.canary.weights = pass.rollout.status.canary.weights.clone();
    base(pass);
    let steps = weight::step_count(&pass.rollout);
    promotion::start_over(pass);
    pass.status.current_step_index = (steps > 0).then_some(0);
    let back_to_stable = !pass.status.stable_rs.is_empty() && pass.status.stable_rs == pass.status.current_pod_hash;
    if back_to_stable && steps > 0 {
        pass.status.current_step_index = Some(steps);
        pass.tell("SkipSteps", "Rollback to stable ReplicaSets");
    } else if steps > 0
        && promotion::in_rollback_window(pass)
        && pass.sets.new_set().is_some_and(|set| set.existing() > 0)
    {
        pass.status.current_step_index = Some(steps);
        pass.tell("SkipSteps", "Rollback to active ReplicaSets within RollbackWindow");
    }
    pass.report("steps", Verdict::Acts, "the pod template or the steps changed: the update starts over");
    status::settle(pass);
}

/// The end of an ordinary pass.
pub fn conclude(pass: &mut Pass<'_>) {
    base(pass);
    let steps = weight::step_count(&pass.rollout);
    let fast = promotion::in_rollback_window(pass);
    if pass.rollout.status.promote_full || fast {
        promotion::unhold(pass);
        if steps > 0 {
            pass.status.current_step_index = Some(steps);
        }
    }
    if let Some(why) = reason_to_promote(pass, fast) {
        promotion::promote(pass, &why);
        pair::promote(pass);
        pass.status.current_step_index = (steps > 0).then_some(steps);
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
fn reason_to_promote(pass: &Pass<'_>, fast: bool) -> Option<String> {
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

/// What the step asks for is reached.
fn step_completed(pass: &Pass<'_>, index: usize) -> bool {
    if pass.halted() || pass.pause.add.contains(&INCONCLUSIVE_RUN) {
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
    if step.experiment.is_some() {
        return experiments::step_is_done(pass, index);
    }
    if let Some(analysis) = &step.analysis {
        return runs::step_is_done(pass, index, analysis);
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
    pass.status.canary.current_step_analysis_run_status = None;
    pass.status.canary.current_experiment.clear();
    pass.pause.remove.extend([CANARY_STEP, INCONCLUSIVE_EXPERIMENT]);
    pass.pause.add.retain(|reason| *reason != CANARY_STEP);
    let text = format!("Rollout step {}/{steps} completed ({words})", index + 1);
    pass.report("steps", Verdict::Acts, text.clone());
    pass.tell("RolloutStepCompleted", text);
}
