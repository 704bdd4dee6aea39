//! `progressDeadlineSeconds` and `progressDeadlineAbort` (spec 2.11).

use crate::world::World;
use crate::{routed, set_image, sizes};
use serde_json::json;

/// An update whose pods never become available.
fn stuck(abort: bool) -> World {
    let mut world = routed(json!({"steps": [{"setWeight": 20}, {"pause": {}}]}));
    world.edit_rollout(&json!({"spec": {"progressDeadlineSeconds": 60, "progressDeadlineAbort": abort}}), false);
    world.run();
    set_image(&mut world, "web:2");
    for _ in 0..3 {
        let _ = world.rest();
        world.settle_partly(&[4, 0]);
    }
    world
}

#[test]
fn only_who_asks_for_it_is_aborted_at_the_deadline() {
    for (abort, reason, step) in [(false, "ProgressDeadlineExceeded", 0), (true, "RolloutAborted", 0)] {
        let mut world = stuck(abort);
        assert_eq!(world.phase(), "Progressing");
        let deadline = world.rest_told().wake.expect("the deadline wakes it");
        world.now = deadline;
        world.events.clear();
        let _ = world.rest();
        let status = world.seen.rollout.status.clone();
        assert_eq!((status.phase.as_str(), status.abort), ("Degraded", abort));
        assert!(status.message.starts_with(reason), "{}", status.message);
        assert!(status.message.contains("has timed out progressing."), "{}", status.message);
        assert_eq!(status.current_step_index, Some(step));
        assert_eq!(world.events.contains(&"RolloutAborted".to_string()), abort, "{:?}", world.events);
    }
}

#[test]
fn an_aborted_one_ends_with_the_stable_version_alone() {
    let mut world = stuck(true);
    world.now = world.rest().wake.unwrap();
    for _ in 0..6 {
        let plan = world.rest();
        world.settle_partly(&[4, 0]);
        world.now = plan.wake.unwrap_or(world.now);
    }
    assert_eq!((world.phase(), sizes(&world, "web:1", "web:2")), ("Degraded", (10, 0)));
}

#[test]
fn a_step_that_may_take_long_has_no_deadline() {
    let mut world = stuck(true);
    world.run();
    assert_eq!((world.phase(), world.plan().wake), ("Paused", None));
}
