//! `status.duration`: how long an update takes, how long people hold it, and how it ends.

use crate::world::World;
use crate::{abort, basic, promote, set_image};
use serde_json::{Value, json};

/// An update that a person has to let go on, some seconds after its start.
fn held() -> World {
    let mut world = basic(json!({"steps": [{"setWeight": 20}, {"pause": {}}]}));
    world.run();
    pass_time(&mut world, 100);
    set_image(&mut world, "web:2");
    world.run();
    assert_eq!(world.phase(), "Paused");
    world
}

fn pass_time(world: &mut World, seconds: i64) {
    world.now = world.now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
}

fn told(world: &World) -> Value {
    serde_json::to_value(&world.seen.rollout.status.duration).unwrap()
}

#[test]
fn the_first_version_counts_as_well() {
    let mut world = basic(json!({}));
    world.run();
    let at = "2026-01-01T00:00:00Z";
    assert_eq!(told(&world), json!({"rolloutStartedAt": at, "finishedAt": at, "completionStatus": "Promoted"}));
}

#[test]
fn time_that_people_take_is_told_apart() {
    let mut world = held();
    assert_eq!(
        told(&world),
        json!({
        "rolloutStartedAt": "2026-01-01T00:01:40Z", "manualPauseStartedAt": "2026-01-01T00:01:40Z"})
    );
    pass_time(&mut world, 60);
    promote(&mut world);
    world.run();
    assert_eq!(
        told(&world),
        json!({
        "rolloutStartedAt": "2026-01-01T00:01:40Z", "finishedAt": "2026-01-01T00:02:40Z",
        "totalManualPauseDurationSeconds": 60, "completionStatus": "Promoted"})
    );
}

#[test]
fn each_end_has_its_name() {
    type Deed = fn(&mut World);
    let table: [(Deed, &str, bool); 4] = [
        (abort, "Aborted", true),
        (|world| world.edit_rollout(&json!({"status": {"promoteFull": true}}), true), "FastPromoted", true),
        (|world| set_image(world, "web:1"), "FastRolledBack", true),
        (|world| set_image(world, "web:3"), "", false),
    ];
    for (what, status, finished) in table {
        let mut world = held();
        pass_time(&mut world, 60);
        what(&mut world);
        world.run();
        let told = told(&world);
        let end = told["completionStatus"].as_str().unwrap_or_default();
        assert_eq!((end, told["finishedAt"].is_string()), (status, finished), "{told}");
    }
}

#[test]
fn a_retry_and_another_version_start_a_new_clock() {
    let mut world = held();
    abort(&mut world);
    world.run();
    pass_time(&mut world, 500);
    world.edit_rollout(&json!({"status": {"abort": false}}), true);
    world.run();
    assert_eq!(told(&world)["rolloutStartedAt"], json!("2026-01-01T00:10:00Z"));
    assert_eq!(told(&world)["finishedAt"], Value::Null);
}

/// A definition that does not know the field drops it: no write comes of that.
#[test]
fn a_server_that_drops_the_field_is_not_written_to_for_ever() {
    for stop in [false, true] {
        let mut world = held();
        if stop {
            promote(&mut world);
            world.run();
        }
        world.seen.rollout.status.duration = None;
        assert_eq!(world.plan().writes().count(), 0, "{:?}", world.plan());
    }
}
