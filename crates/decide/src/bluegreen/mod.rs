//! The blue/green strategy: one pass in the order of spec 2.6.

mod analysis;
mod finish;
mod pause;
pub(crate) mod scale;
mod services;

use crate::pass::Pass;
use crate::sets::SetView;
use crate::status::counts::Serving;
use crate::{identity, metadata, promotion, restart};
use serinus_wire::keys;
use serinus_wire::rollout::{BlueGreenStrategy, RolloutStatus};

/// One pass of a blue/green Rollout.
pub fn pass(pass: &mut Pass<'_>) {
    identity::sync_revision(pass);
    services::preview(pass);
    if changed(pass) {
        finish::reset(pass);
        return;
    }
    if pass.rollout.status.promote_full || promotion::in_rollback_window(pass) {
        promotion::unhold(pass);
    }
    restart::reconcile(pass);
    if pass.inconclusive() {
        pass.waits("scale", "an analysis could not tell: no set is scaled until somebody promotes or aborts");
    } else {
        scale::reconcile(pass);
    }
    metadata::reconcile(pass);
    identity::forget_history(pass);
    pause::reconcile(pass);
    services::active(pass);
    analysis::reconcile(pass);
    finish::conclude(pass);
}

/// The strategy; only called where it is the one in force.
fn strategy<'p>(pass: &'p Pass<'_>) -> &'p BlueGreenStrategy {
    static NONE: std::sync::LazyLock<BlueGreenStrategy> = std::sync::LazyLock::new(BlueGreenStrategy::default);
    pass.rollout.spec.strategy.blue_green.as_ref().unwrap_or(&NONE)
}

/// The template is not that of the last status. Before the first status there is nothing to start over.
fn changed(pass: &Pass<'_>) -> bool {
    let (old, hash) = (&pass.rollout.status.current_pod_hash, pass.sets.new_set().map_or("", |set| set.hash()));
    !old.is_empty() && old != hash
}

/// The hash that a Service selects after this plan; empty when it selects none or there is no such Service.
fn selected<'p>(pass: &'p Pass<'_>, service: &str) -> &'p str {
    pass.selectors.get(service).and_then(|selector| selector.get(keys::HASH)).map_or("", String::as_str)
}

/// The set behind the active Service after this plan.
fn active_set<'p, 'a>(pass: &'p Pass<'a>) -> Option<&'p SetView<'a>> {
    let hash = selected(pass, &strategy(pass).active_service);
    pass.sets.all.iter().find(|set| !hash.is_empty() && set.hash() == hash)
}

/// The active Service leads to the new set already.
fn new_is_active(pass: &Pass<'_>) -> bool {
    let active = selected(pass, &strategy(pass).active_service);
    pass.sets.new_set().is_some_and(|new| new.hash() == active)
}

/// The way to a set that deserves no second look: back to the stable one, to one that still lingers with all its pods, or
/// inside the rollback window (spec 2.7).
fn fast_rollback(pass: &Pass<'_>) -> bool {
    let lingers = pass.sets.new_set().is_some_and(|set| set.deadline().is_some()) && !retried(pass);
    promotion::is_rollback(pass) && (pass.sets.new_is_stable() || lingers || promotion::in_rollback_window(pass))
}

/// A person has just taken an abort back: the deadline of the new set is that of the abort.
fn retried(pass: &Pass<'_>) -> bool {
    pass.rollout.status.aborted_at.is_some() && !pass.rollout.status.abort
}

/// Pods behind the active Service; all pods while it selects no set.
pub fn serving(pass: &Pass<'_>) -> Serving {
    active_set(pass).map_or_else(|| Serving::all(pass), Serving::one)
}

/// The set behind the active Service has all its pods.
pub fn is_available(pass: &Pass<'_>) -> bool {
    active_set(pass).is_some_and(|set| scale::saturated(pass, set))
}

/// Both Services lead to what is wanted.
pub fn is_complete(pass: &Pass<'_>) -> bool {
    let (status, current) = (&pass.status.blue_green, &pass.status.current_pod_hash);
    let previewed = strategy(pass).preview_service.is_empty() || status.preview_selector == *current;
    !current.is_empty() && status.active_selector == *current && previewed
}

/// A Service was switched.
pub fn has_moved(old: &RolloutStatus, new: &RolloutStatus) -> bool {
    let selectors = |status: &RolloutStatus| {
        (status.blue_green.active_selector.clone(), status.blue_green.preview_selector.clone())
    };
    selectors(old) != selectors(new)
}

/// What an update with all its pods still waits for.
pub fn unfinished(status: &RolloutStatus) -> Option<&'static str> {
    let (active, current) = (&status.blue_green.active_selector, &status.current_pod_hash);
    if active.is_empty() || active != current {
        return Some("active service cutover pending");
    }
    let stable = !status.stable_rs.is_empty() && status.stable_rs == *current;
    if stable {
        return None;
    }
    let run = status.blue_green.post_promotion_analysis_run_status.as_ref();
    let judging = run.is_some_and(|run| matches!(run.status.as_str(), "" | "Pending" | "Running"));
    Some(if judging {
        "waiting for analysis to complete"
    } else {
        "waiting for post-promotion verification to complete"
    })
}
