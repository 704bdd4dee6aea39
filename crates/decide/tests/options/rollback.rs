//! Ways back: to the stable version, inside `rollbackWindow`, and beyond it (spec 2.7).

use crate::world::World;
use crate::{basic, promote, routed, set_image};
use serde_json::{Value, json};

/// A Rollout that has had three versions.
fn with_past(mut world: World, window: Value) -> World {
    world.edit_rollout(&json!({"spec": {"rollbackWindow": window}}), false);
    world.run();
    for image in ["web:2", "web:3"] {
        // Sets are told apart by their age.
        world.now = world.now.checked_add(jiff::SignedDuration::from_mins(1)).unwrap();
        set_image(&mut world, image);
        world.run();
        promote(&mut world);
        world.run();
        assert_eq!(world.phase(), "Healthy", "{image}");
    }
    world
}

#[test]
fn inside_the_window_no_step_holds_a_rollback() {
    let steps = json!({"steps": [{"setWeight": 20}, {"pause": {}}]});
    for (world, name) in [(basic(steps.clone()), "basic"), (routed(steps.clone()), "routed")] {
        for (window, image, end) in [
            (Value::Null, "web:2", "Paused"),
            (json!({"revisions": 1}), "web:2", "Healthy"),
            (json!({"revisions": 1}), "web:1", "Paused"),
            (json!({"revisions": 2}), "web:1", "Healthy"),
        ] {
            let mut world = with_past(world.clone(), window.clone());
            set_image(&mut world, image);
            world.run();
            assert_eq!(world.phase(), end, "{name}: window {window}, back to {image}\n{}", world.plan().report);
            if end == "Healthy" {
                assert_eq!(world.sizes(), [(image.to_string(), 10)].into(), "{name}");
            }
        }
    }
}

#[test]
fn a_set_that_still_has_pods_skips_the_steps_with_an_event() {
    for (delay, skips) in [(600, true), (0, false)] {
        let canary = json!({"scaleDownDelaySeconds": delay, "steps": [{"setWeight": 20}, {"pause": {}}]});
        let mut world = routed(canary);
        world.run();
        world.edit_rollout(&json!({"spec": {"rollbackWindow": {"revisions": 3}}}), false);
        world.now = world.now.checked_add(jiff::SignedDuration::from_mins(1)).unwrap();
        set_image(&mut world, "web:2");
        world.run();
        promote(&mut world);
        while world.phase() != "Healthy" || world.canary_weight() != 0 {
            let _ = world.rest();
            world.settle_pods();
        }
        set_image(&mut world, "web:1");
        world.run();
        assert_eq!(world.phase(), "Healthy", "{delay}");
        assert_eq!(world.events.contains(&"SkipSteps".to_string()), skips, "{delay}: {:?}", world.events);
    }
}

#[test]
fn an_abort_inside_the_window_is_taken_back() {
    let mut world = with_past(basic(json!({"steps": [{"setWeight": 20}, {"pause": {}}]})), json!({"revisions": 1}));
    set_image(&mut world, "web:2");
    let _ = world.rest();
    world.edit_rollout(&json!({"status": {"abort": true}}), true);
    world.run();
    assert_eq!((world.phase(), world.seen.rollout.status.abort), ("Healthy", false));
}
