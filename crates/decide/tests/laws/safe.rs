//! What must stay ready, and where traffic may go.

use crate::world::World;

/// Pods of a set that stay ready: a ReplicaSet removes unready ones first.
pub fn ready(set: &serinus_wire::k8s::ReplicaSet) -> i32 {
    set.status.available_replicas.min(set.spec.replicas.unwrap_or(1))
}

/// Ready pods of a set, or of all sets.
pub fn capacity(world: &World, hash: Option<&str>) -> i32 {
    match hash {
        Some(hash) => world.set(hash).map_or(0, ready),
        None => world.seen.replica_sets.iter().map(ready).sum(),
    }
}

/// Ready capacity that counts: that of the set behind the Service of production, or of all sets when there is none.
pub fn serving(world: &World) -> i32 {
    match selected(world, production(world)).filter(|_| routed(world) || is_blue_green(world)) {
        Some(hash) => capacity(world, Some(&hash)),
        None if routed(world) => 0,
        None => capacity(world, None),
    }
}

pub fn is_blue_green(world: &World) -> bool {
    world.seen.rollout.spec.strategy.blue_green.is_some()
}

fn production(world: &World) -> &'static str {
    if is_blue_green(world) { "web-active" } else { "web-stable" }
}

fn routed(world: &World) -> bool {
    world.seen.rollout.canary().is_some_and(|canary| canary.traffic_routing.is_some())
}

pub fn selected(world: &World, service: &str) -> Option<String> {
    world.seen.services[service].spec.selector.get(serinus_wire::keys::HASH).cloned()
}

/// Pods that a weight needs, if they are there; nothing where the user sizes the canary by hand.
pub fn canary_need(world: &World, n: i32) -> i32 {
    let canary = world.seen.rollout.canary();
    let by_hand =
        canary.is_some_and(|canary| canary.steps.iter().flatten().any(|step| step.set_canary_scale.is_some()));
    let max = max_weight(world);
    let need = (world.canary_weight() * n + max - 1) / max - restarted(world);
    let hash = selected(world, "web-canary");
    if by_hand { 0 } else { need.min(hash.map_or(0, |hash| capacity(world, Some(&hash)))) }
}

fn max_weight(world: &World) -> i32 {
    let canary = world.seen.rollout.canary();
    canary
        .and_then(|canary| canary.traffic_routing.as_ref())
        .and_then(|routing| routing.max_traffic_weight)
        .unwrap_or(100)
}

/// Pods that must stay ready: with `dynamicStableScale` those that carry what the canary does not; with a threshold no more
/// than it asks for, because then fewer may take all the traffic.
pub fn floor(world: &World, n: i32) -> i32 {
    let threshold = world.seen.rollout.canary().and_then(|canary| canary.replica_progress_threshold.as_ref());
    match threshold {
        Some(threshold) if threshold.kind == "Percent" => strict_floor(world, n).min(n * threshold.value / 100),
        Some(threshold) => strict_floor(world, n).min(threshold.value),
        None => strict_floor(world, n),
    }
}

fn strict_floor(world: &World, n: i32) -> i32 {
    if !world.seen.rollout.canary().is_some_and(|canary| canary.dynamic_stable_scale) {
        return n - unavailable(world).max(restarted(world));
    }
    let max = max_weight(world);
    ((max - world.canary_weight()) * n + max - 1) / max - restarted(world)
}

/// Pods that may be missing because a restart is asked for: always one, so that it comes to an end.
fn restarted(world: &World) -> i32 {
    let (asked, done) = (world.seen.rollout.spec.restart_at, world.seen.rollout.status.restarted_at);
    if asked.is_some() && asked != done { unavailable(world).max(1) } else { 0 }
}

fn unavailable(world: &World) -> i32 {
    let strategy = &world.seen.rollout.spec.strategy;
    let n = world.seen.rollout.replicas();
    let missing = strategy.canary.as_ref().map(|canary| &canary.max_unavailable);
    match missing.or(strategy.blue_green.as_ref().map(|it| &it.max_unavailable)).unwrap() {
        Some(serinus_wire::IntOrString::Int(missing)) => i32::try_from(*missing).unwrap().max(0),
        _ if is_blue_green(world) => n / 4,
        _ => (n / 4).max(1),
    }
}

/// The set behind the active Service has all its pods, and the preview Service, if there is one, led to all of them. What took
/// the traffic before, or was stable, need not prove itself again.
pub fn is_reached(world: &World, n: i32, stable: &str) -> bool {
    let hash = selected(world, "web-active").unwrap_or_default();
    let set = world.set(&hash).unwrap();
    let past = world.once_active.contains(&hash) || stable == hash;
    let previewed = !world.seen.rollout.spec.strategy.blue_green.as_ref().unwrap().preview_service.is_empty();
    let listed = world.listed("web-preview", &set.metadata.name);
    past || (ready(set) == n && (!previewed || listed >= n))
}

/// Pods that the workload behind a Rollout is to have.
pub fn left(world: &World) -> i32 {
    match &world.seen.workload {
        serinus_decide::Workload::Found(workload) => workload.spec.replicas.unwrap_or(1),
        _ => 0,
    }
}

/// Pods of that workload and those of the Rollout: whoever takes over first has pods of its own.
pub fn both(world: &World) -> i32 {
    left(world) + capacity(world, None)
}
