//! Sizes of the ReplicaSets of a blue/green Rollout (spec 2.6, 2.3.5, 2.3.6): stable, then new, then the rest.

use super::{analysis, fast_rollback, new_is_active, strategy};
use crate::pass::Pass;
use crate::sets::SetView;
use crate::status::conditions::{self, names};
use crate::{canary, delay, service};
use serinus_wire::keys;

/// Scales what must be scaled; says whether a size changed.
pub fn reconcile(pass: &mut Pass<'_>) -> bool {
    let delayed = delays_on_abort(pass);
    // The deadline is what makes a rollback a fast one: it stays until the switch was seen.
    let rolls_back = fast_rollback(pass) && !serves(pass, pass.sets.new_index());
    delay::forget(pass, !delayed && !rolls_back);
    let mut scaled = stable(pass);
    scaled |= if delayed { aborted_new(pass) } else { new(pass) };
    scaled |= others(pass);
    explain(pass);
    scaled
}

/// Pods that may be missing; without the fence posts of a canary (spec 2.3.1).
pub fn max_unavailable(pass: &Pass<'_>) -> i32 {
    let missing = strategy(pass).max_unavailable.as_ref();
    canary::counts::scaled(missing, pass.replicas(), false).min(pass.replicas())
}

/// The set has the wanted size, knows it, and all its pods are available.
pub fn saturated(pass: &Pass<'_>, set: &SetView<'_>) -> bool {
    let n = pass.replicas();
    set.replicas == n && set.desired_annotation() == Some(n) && set.available() == n
}

/// The new set has the size that is asked of it before the switch, and all its pods are available.
pub fn ready_for_pause(pass: &Pass<'_>) -> bool {
    let wanted = wanted(pass);
    pass.sets.new_set().is_some_and(|set| set.replicas == wanted && set.available() == wanted)
}

/// The size of the new set: all pods, or `previewReplicaCount` until it is clear that it will be switched to.
pub fn wanted(pass: &Pass<'_>) -> i32 {
    let n = pass.replicas();
    let (Some(count), Some(new)) = (strategy(pass).preview_replica_count, pass.sets.new_set()) else { return n };
    let status = &pass.rollout.status;
    let nothing_active = super::active_set(pass).is_none();
    if nothing_active || new_is_active(pass) || status.promote_full || fast_rollback(pass) {
        return n;
    }
    let known = status.current_pod_hash == new.hash();
    let checked = status.blue_green.scale_up_preview_check_point && status.pause_conditions.is_empty();
    if known && checked { n } else { count }
}

/// The active Service, as it was seen, leads to the set.
fn serves(pass: &Pass<'_>, index: Option<usize>) -> bool {
    index.is_some_and(|index| service::selects(pass, &strategy(pass).active_service, index))
}

/// The active Service, as it was seen, leads to the pods of every set: the first deploy, or somebody has replaced it.
fn leads_everywhere(pass: &Pass<'_>) -> bool {
    let seen = pass.seen.services.get(&strategy(pass).active_service);
    seen.is_some_and(|service| !service.spec.selector.contains_key(keys::HASH))
}

fn stable(pass: &mut Pass<'_>) -> bool {
    let Some(index) = pass.sets.stable_index().filter(|_| !pass.sets.new_is_stable()) else { return false };
    pass.scale(index, pass.replicas())
}

fn new(pass: &mut Pass<'_>) -> bool {
    let Some(index) = pass.sets.new_index() else { return false };
    let wanted = wanted(pass);
    let shrinks = pass.set(index).is_some_and(|set| wanted < set.replicas && wanted < pass.replicas());
    if shrinks && (leads_everywhere(pass) || is_listed(pass, index)) {
        keep(pass, index);
        return false;
    }
    pass.scale(index, wanted)
}

/// Seconds that the preview stays after an abort; absent: for ever.
fn abort_delay(pass: &Pass<'_>) -> Option<i64> {
    match strategy(pass).abort_scale_down_delay_seconds.unwrap_or(30) {
        0 => None,
        seconds => Some(i64::from(seconds)),
    }
}

/// The new set of an aborted update goes, after a while (spec 2.3.6).
pub fn delays_on_abort(pass: &Pass<'_>) -> bool {
    let separate = pass.sets.stable_set().is_some() && !pass.sets.new_is_stable();
    pass.aborted() && separate && abort_delay(pass).is_some()
}

fn aborted_new(pass: &mut Pass<'_>) -> bool {
    let (Some(index), Some(seconds)) = (pass.sets.new_index(), abort_delay(pass)) else { return false };
    if serves(pass, Some(index)) {
        keep(pass, index);
        return pass.scale(index, pass.replicas());
    }
    if leads_everywhere(pass) {
        keep(pass, index);
        return false;
    }
    delay::after_abort(pass, index, seconds)
}

fn keep(pass: &mut Pass<'_>, index: usize) {
    let service = strategy(pass).active_service.clone();
    let text = format!("ReplicaSet {} is kept: Service {service} still sends traffic to it", pass.name(index));
    pass.waits("scale", text);
}

/// Sets that are neither new nor stable, newest first.
fn others(pass: &mut Pass<'_>) -> bool {
    let n = pass.replicas();
    let configured = i64::from(strategy(pass).scale_down_delay_seconds.unwrap_or(30));
    let limit = strategy(pass).scale_down_delay_revision_limit;
    let (mut scaled, mut lingering) = (false, 0);
    for index in pass.sets.others().into_iter().rev() {
        let Some(set) = pass.set(index).filter(|set| set.replicas > 0) else { continue };
        // A set that had all its pods keeps all of them, for a fast way back; a small preview stays small.
        let hold = if set.desired_annotation() == Some(set.replicas) { n } else { set.replicas };
        let marked = set.deadline().is_some();
        let to = if serves(pass, Some(index)) {
            keep(pass, index);
            n
        } else if leads_everywhere(pass) {
            keep(pass, index);
            continue;
        } else if analysis::holds_old_sets(pass) {
            let text =
                format!("ReplicaSet {} is kept until the analysis after the switch was successful", pass.name(index));
            pass.waits("scale", text);
            continue;
        } else if let Some(who) = service::sender(pass, index) {
            let text = format!("ReplicaSet {} is kept: {who} still leads to it", pass.name(index));
            pass.waits("scale", text);
            continue;
        } else if configured <= 0 && !marked && is_listed(pass, index) {
            hold
        } else {
            delay::size(pass, index, hold, configured, limit, &mut lingering)
        };
        scaled |= pass.scale(index, to);
    }
    scaled
}

/// Without a delay: EndpointSlices of the active Service still list pods of the set. They are waited for as long as an update
/// may take to make progress.
fn is_listed(pass: &mut Pass<'_>, index: usize) -> bool {
    let service = strategy(pass).active_service.clone();
    let Some(listed) = pass.set(index).and_then(|set| service::listed(pass, &service, set)).filter(|pods| *pods > 0)
    else {
        return false;
    };
    let Some(progress) = conditions::find(&pass.rollout.status.conditions, names::PROGRESSING) else { return false };
    let patience = i64::from(pass.rollout.spec.progress_deadline_seconds.unwrap_or(600));
    let until = Pass::after(progress.last_update_time.0, patience);
    if until <= pass.now {
        return false;
    }
    pass.wake_at(until);
    let name = pass.name(index);
    pass.waits("scale", format!("ReplicaSet {name} is kept: Service {service} still lists {listed} of its pods"));
    true
}

/// Says which pods are waited for.
fn explain(pass: &mut Pass<'_>) {
    let n = pass.replicas();
    let new = pass.sets.new_set().filter(|_| !delays_on_abort(pass)).map(|set| (set, wanted(pass)));
    let stable = pass.sets.stable_set().filter(|_| !pass.sets.new_is_stable()).map(|set| (set, n));
    let texts: Vec<String> = [new, stable]
        .into_iter()
        .flatten()
        .filter(|(set, wanted)| set.available() != *wanted)
        .map(|(set, wanted)| format!("ReplicaSet {}: {} of {wanted} pods are available", set.name(), set.available()))
        .collect();
    for text in texts {
        pass.waits("scale", text);
    }
}
