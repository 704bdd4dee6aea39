//! The preview and the active Service (spec 2.6, 2.9).

use super::{active_set, fast_rollback, new_is_active, pause, scale, selected, strategy};
use crate::pass::Pass;
use crate::service::{self, Care, point};

/// Points the preview Service to the new set.
pub fn preview(pass: &mut Pass<'_>) {
    if !pass.halted() {
        let service = strategy(pass).preview_service.clone();
        point(pass, &service, pass.sets.new_index(), Care::Direct);
    }
}

/// Points the active Service to the set that should take the traffic now.
pub fn active(pass: &mut Pass<'_>) {
    if pass.rollout.spec.paused {
        pass.waits("service", "paused by hand: no Service is switched until the Rollout is resumed");
    }
    if pass.halted() {
        return;
    }
    let service = strategy(pass).active_service.clone();
    let to = if pass.aborted() || lost_its_set(pass) { back(pass) } else { forward(pass) };
    match to {
        Ok(index) => point(pass, &service, index, Care::Direct),
        Err(why) => pass.waits("service", why),
    }
}

/// The new set, once it may take all traffic; nothing while the reason is said elsewhere.
fn forward(pass: &Pass<'_>) -> Result<Option<usize>, String> {
    if new_is_active(pass) {
        return Ok(pass.sets.new_index());
    }
    let Some(new) = pass.sets.new_set() else { return Ok(None) };
    let passed = pause::is_fast_tracked(pass) || pause::is_over(pass);
    if !passed || !scale::ready_for_pause(pass) || !scale::saturated(pass, new) {
        return Ok(None);
    }
    let preview = &strategy(pass).preview_service;
    // A way back is not held up: these pods took the traffic before.
    if !preview.is_empty()
        && !fast_rollback(pass)
        && let Some(why) = service::unreachable(pass, preview, new)
    {
        return Err(format!("the switch waits: {why}"));
    }
    Ok(pass.sets.new_index())
}

/// The stable set, once it can carry what the active one carries. The new set has no say: its pods may be the trouble.
fn back(pass: &Pass<'_>) -> Result<Option<usize>, String> {
    let Some(stable) = pass.sets.stable_set() else { return Ok(None) };
    let now = active_set(pass);
    if now.is_some_and(|set| set.hash() == stable.hash()) {
        return Ok(pass.sets.stable_index());
    }
    let need = floor(pass).min(now.map_or(0, |set| set.available()));
    if stable.available() >= need {
        return Ok(pass.sets.stable_index());
    }
    let (service, name) = (&strategy(pass).active_service, stable.name());
    Err(format!(
        "Service {service} goes back when {need} pods of stable ReplicaSet {name} are available ({} are)",
        stable.available()
    ))
}

/// Pods that must be available.
fn floor(pass: &Pass<'_>) -> i32 {
    pass.replicas() - scale::max_unavailable(pass)
}

/// The active Service selects no set, and there is none that must have it: the first deploy.
pub fn is_unclaimed(pass: &Pass<'_>) -> bool {
    selected(pass, &strategy(pass).active_service).is_empty() && !lost_its_set(pass)
}

/// The active Service selects no set although a stable one serves: somebody has replaced the Service during an update.
pub fn lost_its_set(pass: &Pass<'_>) -> bool {
    let unselected = selected(pass, &strategy(pass).active_service).is_empty();
    let stable = pass.sets.stable_set().filter(|_| !pass.sets.new_is_stable());
    unselected && stable.is_some_and(|set| set.available() > 0 && set.available() >= floor(pass))
}
