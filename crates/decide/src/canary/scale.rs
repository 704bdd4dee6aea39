//! Sizes of the ReplicaSets of a canary (spec 2.3): stable, then new, then the rest; the first that changes ends the round.

use super::counts::{self, Bounds, Size, Sizes};
use super::weight::{self, Wanted};
use super::{dynamic, pair};
use crate::delay;
use crate::pass::Pass;
use crate::promotion::fully_promoted;
use crate::service;
use crate::sets::SetView;
use serinus_wire::rollout::{ReplicaProgressThreshold, TrafficWeights};

/// Scales what must be scaled; says whether a size changed.
pub fn reconcile(pass: &mut Pass<'_>) -> bool {
    let delayed = delays_on_abort(pass);
    delay::forget(pass, !delayed);
    let scaled = stable(pass) || if delayed { aborted_new(pass) } else { new(pass) } || others(pass);
    if !scaled {
        explain(pass);
    }
    scaled
}

/// What sizes are counted from.
pub fn bounds(pass: &Pass<'_>) -> Bounds {
    let canary = pass.canary();
    Bounds::new(
        pass.replicas(),
        canary.max_surge.as_ref(),
        canary.max_unavailable.as_ref(),
        weight::max_weight(&pass.rollout),
    )
}

/// The stable set, unless it is the new one.
fn separate_stable<'p, 'a>(pass: &'p Pass<'a>) -> Option<&'p SetView<'a>> {
    if pass.sets.new_is_stable() { None } else { pass.sets.stable_set() }
}

/// The sizes (new, stable) that the step asks for in the end.
pub fn desired(pass: &Pass<'_>) -> (i32, i32) {
    if separate_stable(pass).is_none() {
        return (pass.replicas(), 0);
    }
    match wanted(pass) {
        wanted if pass.has_router() => routed(pass, wanted),
        Wanted::Pods(pods) => (pods, pass.replicas()),
        Wanted::Weight(wanted) => counts::split(&bounds(pass), wanted),
    }
}

/// What the size of the canary is taken from now.
fn wanted(pass: &Pass<'_>) -> Wanted {
    weight::wanted(&pass.rollout, pass.aborted().then(|| kept_after_abort(pass)))
}

/// The weight that an aborted canary keeps pods for: none, but with `dynamicStableScale` what the stable set can't take over
/// yet. A canary that stays for a while after the abort does not count: it would wait for itself.
pub fn kept_after_abort(pass: &Pass<'_>) -> i32 {
    let (Some(new), Some(stable)) = (pass.sets.new_set(), separate_stable(pass)) else { return 0 };
    if !pass.canary().dynamic_stable_scale {
        return 0;
    }
    let short = pass.replicas() - stable.available();
    let missing = if delays_on_abort(pass) { short } else { short.max(new.available()) };
    let weights = weight::steps(&pass.rollout).iter().filter_map(|step| step.set_weight);
    dynamic::step_back(&bounds(pass), weights, missing)
}

/// With a router: the canary carries its weight, the stable set everything or, with `dynamicStableScale`, the rest. The weights
/// on record and those of this very plan count as well: what gets traffic is not removed.
fn routed(pass: &Pass<'_>, wanted: Wanted) -> (i32, i32) {
    let (bounds, canary, n) = (bounds(pass), pass.canary(), pass.replicas());
    let weights = [&pass.rollout.status.canary.weights, &pass.status.canary.weights];
    let greatest = |of: fn(&TrafficWeights) -> i32| weights.into_iter().flatten().map(of).max();
    let at_least = |count| counts::at_least(count, canary.min_pods_per_replica_set, n);
    // What another version carried before this one is no reason for pods of this one.
    let hash = pass.sets.new_set().map_or("", |set| set.hash());
    let own = weights.into_iter().flatten().filter(|weights| weights.canary.pod_template_hash == hash);
    let carries = counts::pods_for(&bounds, own.map(|weights| weights.canary.weight).max().unwrap_or(0));
    let (new, weight) = match wanted {
        Wanted::Pods(pods) if pass.aborted() => (pods.max(carries), 0),
        Wanted::Pods(pods) => (pods, 0),
        Wanted::Weight(weight) => (at_least(counts::pods_for(&bounds, weight).max(carries)), weight),
    };
    if !canary.dynamic_stable_scale {
        return (new, n);
    }
    let stable = dynamic::stable_pods(&bounds, weight, greatest(|weights| weights.stable.weight));
    (at_least(new), at_least(stable))
}

/// The next sizes (new, stable), within surge and availability.
fn next(pass: &Pass<'_>) -> (i32, i32) {
    if pass.has_router() || separate_stable(pass).is_none() {
        return desired(pass);
    }
    let size = |set: &SetView<'_>| Size { spec: set.replicas, available: set.available() };
    let sizes = Sizes {
        new: pass.sets.new_set().map(size),
        stable: separate_stable(pass).map(size),
        total: pass.sets.sum(|set| set.replicas),
        older_alive: pass.sets.others().iter().filter_map(|&index| pass.set(index)).any(|set| set.replicas > 0),
    };
    match wanted(pass) {
        Wanted::Weight(wanted) => counts::basic_canary(&bounds(pass), wanted, &sizes),
        Wanted::Pods(pods) => (pods, pass.replicas()),
    }
}

fn stable(pass: &mut Pass<'_>) -> bool {
    let Some(index) = pass.sets.stable_index().filter(|_| !pass.sets.new_is_stable()) else { return false };
    let (_, size) = next(pass);
    pass.scale(index, size)
}

fn new(pass: &mut Pass<'_>) -> bool {
    let Some(index) = pass.sets.new_index() else { return false };
    let (size, _) = next(pass);
    let superseded = pass.replicas() > 0 && separate_stable(pass).is_some() && serves_stable(pass, index);
    if superseded && pass.set(index).is_some_and(|set| size < set.replicas) {
        let ((_, service), name) = (pair::services(&pass.rollout), pass.name(index));
        pass.waits("scale", format!("ReplicaSet {name} is kept: Service {service} still sends traffic to it"));
        return false;
    }
    pass.scale(index, size)
}

/// With a router: the stable Service selects the set.
fn serves_stable(pass: &Pass<'_>, index: usize) -> bool {
    pass.has_router() && service::selects(pass, &pair::services(&pass.rollout).1, index)
}

/// Seconds that the canary stays after an abort; absent: it follows its step.
fn abort_delay(pass: &Pass<'_>) -> Option<i64> {
    match pass.canary().abort_scale_down_delay_seconds.unwrap_or(30) {
        0 => None,
        seconds => Some(i64::from(seconds)),
    }
}

/// The canary of an aborted update stays for a while, for requests that are under way (spec 2.3.6).
pub fn delays_on_abort(pass: &Pass<'_>) -> bool {
    let canary = pass.canary();
    // With `dynamicStableScale` the canary shrinks with its weight, unless the user says how long it stays.
    let lingers = !canary.dynamic_stable_scale || canary.abort_scale_down_delay_seconds.is_some();
    pass.aborted() && separate_stable(pass).is_some() && pass.has_router() && abort_delay(pass).is_some() && lingers
}

fn aborted_new(pass: &mut Pass<'_>) -> bool {
    let Some(index) = pass.sets.new_index() else { return false };
    let Some(seconds) = abort_delay(pass) else { return false };
    delay::after_abort(pass, index, seconds)
}

/// Sets that are neither new nor stable (spec 2.3.5).
fn others(pass: &mut Pass<'_>) -> bool {
    let mut scaled = false;
    let others = pass.sets.others();
    for &index in &others {
        let Some(set) = pass.set(index) else { continue };
        let (size, available) = (set.replicas, set.available());
        if size > 0 && available < size && !kept(pass, index) {
            scaled |= pass.scale(index, available);
        }
    }
    let mut may_go = pass.sets.sum(|set| set.available().min(set.replicas)) - bounds(pass).floor();
    let mut lingering = 0;
    for &index in others.iter().rev() {
        let Some(set) = pass.set(index) else { continue };
        let (size, marked) = (set.replicas, set.deadline().is_some());
        if size == 0 {
            continue;
        }
        if may_go <= 0 {
            let text = format!("ReplicaSet {} is kept: too few pods are available without it", set.name());
            pass.waits("scale", text);
            break;
        }
        let to = if !pass.has_router() {
            (size - may_go).max(0)
        } else if let Some(who) = service::sender(pass, index) {
            let text = format!("ReplicaSet {} is kept: {who} still sends traffic to it", pass.name(index));
            pass.waits("scale", text);
            continue;
        } else if fully_promoted(&pass.rollout) || marked {
            let seconds = i64::from(pass.canary().scale_down_delay_seconds.unwrap_or(30));
            let limit = pass.canary().scale_down_delay_revision_limit;
            if pass.canary().dynamic_stable_scale {
                0
            } else {
                delay::size(pass, index, size, seconds, limit, &mut lingering)
            }
        } else {
            0
        };
        may_go -= size - to;
        scaled |= pass.scale(index, to);
    }
    scaled
}

/// A set that traffic may reach is never cut to what is available: its pods may be back in a moment.
fn kept(pass: &Pass<'_>, index: usize) -> bool {
    pass.has_router() && service::sender(pass, index).is_some()
}

/// Enough of a set is available (`replicaProgressThreshold`); without a threshold all of it, at exactly its size.
pub fn reached(threshold: Option<&ReplicaProgressThreshold>, spec: i32, available: i32, desired: i32) -> bool {
    match threshold {
        Some(threshold) if threshold.value >= 0 && threshold.kind == "Percent" => {
            desired == 0 || i64::from(available) * 100 >= i64::from(threshold.value) * i64::from(desired)
        }
        Some(threshold) if threshold.value >= 0 => available >= threshold.value,
        Some(_) | None => spec == desired && available == desired,
    }
}

/// Both sets have the sizes that the step asks for (spec 2.3.4, "at desired counts").
pub fn at_desired_counts(pass: &Pass<'_>) -> bool {
    let (want_new, want_stable) = desired(pass);
    let threshold = pass.canary().replica_progress_threshold.as_ref();
    if let Some(set) = pass.sets.new_set()
        && !reached(threshold, set.replicas, set.available(), want_new)
    {
        return false;
    }
    if let Some(set) = separate_stable(pass).filter(|_| !pass.canary().dynamic_stable_scale)
        && (set.replicas != want_stable || set.existing() != want_stable)
    {
        return false;
    }
    pass.has_router() || pass.sets.others().iter().filter_map(|&index| pass.set(index)).all(|set| set.available() == 0)
}

/// Says which pods are waited for.
fn explain(pass: &mut Pass<'_>) {
    let (want_new, want_stable) = desired(pass);
    let mut texts = Vec::new();
    if let Some(set) = pass.sets.new_set()
        && set.available() != want_new
    {
        texts.push(format!("ReplicaSet {}: {} of {want_new} pods are available", set.name(), set.available()));
    }
    if let Some(set) = separate_stable(pass)
        && (set.existing() != want_stable || set.available() < want_stable)
    {
        texts.push(format!(
            "ReplicaSet {}: {} pods, {} available, {want_stable} are wanted",
            set.name(),
            set.existing(),
            set.available()
        ));
    }
    for text in texts {
        pass.waits("scale", text);
    }
}
