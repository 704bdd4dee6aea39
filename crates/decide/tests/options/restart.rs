//! `spec.restartAt`: pods are evicted only as far as others are there to stay (spec 2.13).

use crate::world::World;
use crate::{basic, set_image};
use jiff::SignedDuration;
use serde_json::json;
use serinus_decide::Op;
use serinus_wire::Time;

fn evictions(world: &World) -> usize {
    world.plan().writes().filter(|write| matches!(write.op, Op::Evict)).count()
}

/// The pod of a set that is scaled to zero already takes the place of none that stays.
#[test]
fn a_pod_that_is_about_to_go_does_not_count_as_available() {
    let mut world = basic(json!({"maxSurge": 1, "maxUnavailable": 1}));
    world.run();
    set_image(&mut world, "web:2");
    world.run();
    world.now += SignedDuration::from_secs(10);
    world.edit_rollout(&json!({"spec": {"restartAt": Time::whole_seconds(world.now)}}), false);
    assert_eq!(evictions(&world), 1, "all ten are there");
    for set in &mut world.seen.replica_sets {
        let pods = if set.spec.replicas == Some(0) { 1 } else { 9 };
        set.status.replicas = pods;
        set.status.ready_replicas = pods;
        set.status.available_replicas = pods;
    }
    world.follow_sizes();
    assert_eq!(evictions(&world), 0, "nine are there, and one that goes");
}
