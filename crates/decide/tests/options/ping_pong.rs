//! `pingPong`: two Services that change roles. Routers that work with it are refused until they are here; the Services are not.

use crate::world::World;
use crate::{abort, basic, promote, set_image};
use serde_json::json;

fn paired() -> World {
    let mut world = basic(json!({
        "pingPong": {"pingService": "web-ping", "pongService": "web-pong"},
        "steps": [{"setWeight": 20}, {"pause": {}}],
    }));
    world.run();
    world
}

fn stands(world: &World) -> (String, String, String) {
    let stable = world.seen.rollout.status.canary.stable_ping_pong.clone();
    (world.selected("web-ping"), world.selected("web-pong"), stable)
}

fn is(ping: &str, pong: &str, stable: &str) -> (String, String, String) {
    (ping.to_string(), pong.to_string(), stable.to_string())
}

#[test]
fn the_services_change_roles_and_the_stable_one_is_never_touched() {
    let mut world = paired();
    assert_eq!(stands(&world), is("web:1", "", "ping"));
    for (image, canary, stable) in [
        ("web:2", is("web:1", "web:2", "ping"), is("web:1", "web:2", "pong")),
        ("web:3", is("web:3", "web:2", "pong"), is("web:3", "web:2", "ping")),
    ] {
        set_image(&mut world, image);
        world.run();
        assert_eq!(stands(&world), canary);
        promote(&mut world);
        world.run();
        assert_eq!((world.phase(), stands(&world)), ("Healthy", stable));
    }
}

#[test]
fn an_aborted_update_leaves_the_stable_service_where_it_is() {
    let mut world = paired();
    set_image(&mut world, "web:2");
    world.run();
    abort(&mut world);
    world.run();
    assert_eq!(stands(&world), is("web:1", "web:2", "ping"));
    set_image(&mut world, "web:1");
    world.run();
    assert_eq!((world.phase(), stands(&world)), ("Healthy", is("web:1", "web:2", "ping")));
}
