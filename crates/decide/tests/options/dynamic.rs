//! `dynamicStableScale`: two sets that together are as large as one.

use crate::world::World;
use crate::{abort, promote, routed, set_image, sizes};
use serde_json::{Value, json};

fn dynamic(more: Value) -> World {
    let mut canary = json!({"dynamicStableScale": true, "steps": [
        {"setWeight": 20}, {"setWeight": 50}, {"setWeight": 80}, {"pause": {}}]});
    crate::add(&mut canary, &more);
    let mut world = routed(canary);
    world.run();
    set_image(&mut world, "web:2");
    world.run();
    world
}

/// Lets the world behave, and keeps each (weight, stable pods, canary pods) on the way.
fn walk(world: &mut World) -> Vec<(i32, i32, i32)> {
    let mut seen = Vec::new();
    for _ in 0..60 {
        let plan = world.plan();
        let before = world.seen.clone();
        world.apply(&plan, usize::MAX);
        world.settle_pods();
        let (stable, canary) = sizes(world, "web:1", "web:2");
        let now = (world.canary_weight(), stable, canary);
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        if world.seen == before {
            match world.plan().wake {
                Some(at) => world.now = at,
                None => return seen,
            }
        }
    }
    panic!("no end: {seen:?}\n{}", world.plan().report);
}

#[test]
fn the_stable_set_shrinks_after_the_weight_has_risen() {
    let mut world = dynamic(json!({}));
    assert_eq!((world.phase(), world.canary_weight(), sizes(&world, "web:1", "web:2")), ("Paused", 80, (2, 8)));
    promote(&mut world);
    let way = walk(&mut world);
    // The old set goes when the stable Service has left it.
    assert_eq!(way, [(80, 2, 8), (80, 2, 10), (100, 2, 10), (0, 2, 10), (0, 0, 10)]);
    assert_eq!(world.phase(), "Healthy");
}

#[test]
fn an_abort_walks_back_as_the_stable_set_grows() {
    let mut world = dynamic(json!({}));
    abort(&mut world);
    let way = walk(&mut world);
    for (weight, stable, canary) in &way {
        assert!(stable * 10 >= 100 - weight && canary * 10 >= *weight, "{way:?}");
    }
    assert_eq!(way.last(), Some(&(0, 10, 0)), "{way:?}");
    assert!(way.iter().any(|(weight, ..)| *weight == 50), "step by step: {way:?}");
    assert_eq!(world.selected("web-canary"), "web:1");
    assert_eq!(world.phase(), "Degraded");
}

#[test]
fn an_aborted_canary_that_is_to_stay_keeps_its_size_for_its_delay() {
    let mut world = dynamic(json!({"abortScaleDownDelaySeconds": 60}));
    abort(&mut world);
    let before = world.now;
    let way = walk(&mut world);
    assert_eq!(way.iter().rev().nth(1), Some(&(0, 10, 8)), "{way:?}");
    assert_eq!(way.last(), Some(&(0, 10, 0)), "{way:?}");
    assert!(world.now.as_second() - before.as_second() >= 60);
}

#[test]
fn back_to_the_stable_version_gives_the_weight_back_as_its_pods_come() {
    let mut world = dynamic(json!({}));
    set_image(&mut world, "web:1");
    let way = walk(&mut world);
    for (weight, stable, canary) in &way {
        assert!(stable * 10 >= 100 - weight && canary * 10 >= *weight, "{way:?}");
    }
    assert_eq!(way.last(), Some(&(0, 10, 0)), "{way:?}");
    assert_eq!((world.phase(), world.selected("web-canary").as_str()), ("Healthy", "web:1"));
    assert!(world.events.contains(&"SkipSteps".to_string()));
}

#[test]
fn a_short_stable_set_keeps_the_weight_where_it_is() {
    let mut world = dynamic(json!({}));
    abort(&mut world);
    let plan = world.rest();
    assert_eq!(world.canary_weight(), 80, "no new pod of the stable set is available yet");
    assert!(plan.report.to_string().contains("2 available"), "{}", plan.report);
}

#[test]
fn full_promotion_follows_the_pods_that_are_available() {
    let mut world = dynamic(json!({}));
    world.edit_rollout(&json!({"status": {"promoteFull": true}}), true);
    let way = walk(&mut world);
    assert_eq!(way.last(), Some(&(0, 0, 10)), "{way:?}");
    assert_eq!(world.phase(), "Healthy");
}

#[test]
fn no_set_that_has_pods_falls_below_its_floor() {
    let world = dynamic(json!({"minPodsPerReplicaSet": 4}));
    assert_eq!(sizes(&world, "web:1", "web:2"), (4, 8));
}

#[test]
fn no_weight_is_put_on_a_canary_without_a_pod_not_even_by_an_abort() {
    let mut world = dynamic(json!({}));
    // The weights were never noted, and every pod is lost.
    let noted = json!({"status": {"canary": {"weights": null}, "pauseConditions": null}});
    world.edit_rollout(&noted, true);
    for set in &mut world.seen.replica_sets {
        (set.status.ready_replicas, set.status.available_replicas) = (0, 0);
    }
    world.seen.ingresses.remove("web-web-canary");
    abort(&mut world);
    let plan = world.plan();
    world.apply(&plan, usize::MAX);
    assert_eq!(world.canary_weight(), 0, "{}", plan.report);
    assert!(plan.report.to_string().contains("no pod of ReplicaSet"), "{}", plan.report);
}
