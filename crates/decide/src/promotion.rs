//! What is wanted becomes what is stable, whatever the strategy (spec 2.5 to 2.8).

use crate::pass::Pass;
use crate::plan::Verdict;
use serinus_wire::Rollout;

/// Whether every update of this Rollout is done: nothing is stable yet, or what is wanted already is.
pub fn fully_promoted(rollout: &Rollout) -> bool {
    rollout.status.stable_rs.is_empty() || rollout.status.stable_rs == rollout.status.current_pod_hash
}

/// The new set is the stable one, or older than it (spec 2.7).
pub fn is_rollback(pass: &Pass<'_>) -> bool {
    let (Some(new), Some(stable)) = (pass.sets.new_set(), pass.sets.stable_set()) else { return false };
    pass.sets.new_is_stable() || new.created() < stable.created()
}

/// The new set is older than the stable one, and few enough revisions lie between them (spec 2.7).
pub fn in_rollback_window(pass: &Pass<'_>) -> bool {
    let Some(window) = &pass.rollout.spec.rollback_window else { return false };
    let (Some(new), Some(stable)) = (pass.sets.new_set(), pass.sets.stable_set()) else { return false };
    if new.created() >= stable.created() {
        return false;
    }
    let between = pass.sets.all.iter().filter(|set| set.created() > new.created() && set.created() < stable.created());
    i32::try_from(between.count()).unwrap_or(i32::MAX) < window.revisions
}

/// Nothing holds the update back any more: pauses and an abort are forgotten.
pub fn unhold(pass: &mut Pass<'_>) {
    pass.pause.clear = true;
    pass.pause.remove_abort = true;
    pass.pause.add.clear();
}

/// A new template: pauses, aborts and wishes that belong to the old one are forgotten. New pods make a restart moot.
pub fn start_over(pass: &mut Pass<'_>) {
    unhold(pass);
    pass.status.promote_full = false;
    pass.status.restarted_at = pass.rollout.spec.restart_at;
}

/// The new set becomes the stable one.
pub fn promote(pass: &mut Pass<'_>, why: &str) {
    unhold(pass);
    pass.status.promote_full = false;
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
