//! Options of a strategy, each over whole updates: what a person sets, and what comes of it.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod affinity;
mod duration;
mod dynamic;
mod experiments;
mod metadata;
mod ping_pong;
mod recorded;
mod refused;
mod restart;
mod rollback;
mod stuck;
mod workload;
#[path = "../world/mod.rs"]
mod world;

use serde_json::{Value, json};
use world::{World, template};

/// A Rollout with ten pods behind nginx, its canary strategy completed by `canary`.
fn routed(canary: Value) -> World {
    let mut strategy = json!({
        "canaryService": "web-canary", "stableService": "web-stable",
        "trafficRouting": {"nginx": {"stableIngress": "web"}},
    });
    add(&mut strategy, &canary);
    with_strategy(strategy)
}

/// A Rollout with ten pods whose numbers alone split the traffic.
fn basic(canary: Value) -> World {
    with_strategy(canary)
}

fn with_strategy(canary: Value) -> World {
    let spec = json!({
        "replicas": 10, "selector": {"matchLabels": {"app": "web"}}, "template": template("web:1"),
        "strategy": {"canary": canary},
    });
    World::new(spec, &[])
}

fn add(to: &mut Value, from: &Value) {
    for (key, value) in from.as_object().unwrap() {
        to[key.as_str()] = value.clone();
    }
}

fn set_image(world: &mut World, image: &str) {
    world.edit_rollout(&json!({"spec": {"template": template(image)}}), false);
    world.events.clear();
}

fn abort(world: &mut World) {
    world.edit_rollout(&json!({"status": {"abort": true}}), true);
}

fn promote(world: &mut World) {
    world.edit_rollout(&json!({"status": {"pauseConditions": null}}), true);
}

/// Sizes of two images.
fn sizes(world: &World, one: &str, other: &str) -> (i32, i32) {
    let sizes = world.sizes();
    (sizes.get(one).copied().unwrap_or(0), sizes.get(other).copied().unwrap_or(0))
}
