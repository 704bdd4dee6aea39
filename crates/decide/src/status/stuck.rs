//! `progressDeadlineAbort`: an update that does not move until its deadline is aborted (spec 2.11).

use super::conditions;
use crate::pass::Pass;
use crate::promotion::fully_promoted;

/// Aborts in the very pass that finds the deadline passed. A person who asked for full promotion is not overruled.
pub fn abort(pass: &mut Pass<'_>) {
    let wanted = pass.rollout.spec.progress_deadline_abort && !pass.aborted() && !pass.pause.remove_abort;
    let settled = fully_promoted(&pass.rollout) || pass.status.stable_rs == pass.status.current_pod_hash;
    if !wanted || settled || conditions::progressed(pass, &pass.rollout.status) {
        return;
    }
    if conditions::deadline(pass, &pass.rollout.status.conditions).is_none_or(|at| pass.now < at) {
        return;
    }
    pass.pause.abort = Some(conditions::timeout_text(pass));
    if pass.status.current_step_index.is_some() {
        pass.status.current_step_index = Some(0);
    }
}
