//! Blue/green.

use serde_json::{Value, json};

use crate::takeover::app::App;
use crate::takeover::state::moves::*;
use crate::takeover::state::{SOON, State};
use crate::takeover::world::World;

fn by_hand() -> Value {
    json!({"autoPromotionEnabled": false})
}

fn by_hand_with(extra: &Value) -> App {
    App::blue_green(by_hand()).with(extra.clone())
}

/// The new version waits at the pause before the switch.
fn waits(w: &World) -> bool {
    w.paused_by("BlueGreenPause") && w.serves("active") == 1 && w.serves("preview") == 2
}

pub fn all() -> Vec<State> {
    [before(), after()].concat()
}

fn before() -> Vec<State> {
    vec![
        State::of("blue/green: fresh", App::blue_green(by_hand()))
            .at(|w| w.done(1) && w.serves("active") == 1 && w.serves("preview") == 1)
            .then([ship(2), until(waits), promote()])
            .end(|w| w.done(2)),
        State::of("blue/green: before the switch", App::blue_green(json!({})))
            .way([room(2), ship_gated(2)])
            .at(|w| w.size(2) == 4 && w.available(2) == 2 && w.serves("active") == 1 && w.serves("preview") == 2)
            .then([room(2)])
            .end(|w| w.done(2)),
        State::of("blue/green: at the pause", App::blue_green(by_hand()))
            .way([ship(2)])
            .at(|w| waits(w) && w.runs(2, 4))
            .then([promote()])
            .end(|w| w.done(2)),
        State::of("blue/green: at the pause of some seconds", App::blue_green(json!({"autoPromotionSeconds": SOON})))
            .late([ship(2)])
            .at(|w| waits(w) && w.runs(2, 4))
            .end(|w| w.done(2)),
        State::of("blue/green: a small preview at the pause", by_hand_with(&json!({"previewReplicaCount": 1})))
            .way([ship(2)])
            .at(|w| waits(w) && w.runs(2, 1))
            .then([promote()])
            .end(|w| w.done(2)),
        State::of("blue/green: a small preview that grows", by_hand_with(&json!({"previewReplicaCount": 1})))
            .way([room(2), ship_gated(2), until(waits), promote()])
            .at(|w| w.size(2) == 4 && w.available(2) == 2 && w.serves("active") == 1)
            .then([room(2)])
            .end(|w| w.done(2)),
        State::of("blue/green: paused by hand at the pause", App::blue_green(by_hand()))
            .way([ship(2), until(waits), pause_by_hand()])
            .at(|w| w.phase() == "Paused" && w.rollout()["spec"]["paused"] == true && w.serves("active") == 1)
            .then([unpause(), until(waits), promote()])
            .end(|w| w.done(2)),
        State::of("blue/green: a third version at the pause", App::blue_green(by_hand()))
            .way([ship(2), until(waits), ship(3)])
            .at(|w| w.paused_by("BlueGreenPause") && w.serves("preview") == 3 && w.runs(3, 4) && w.runs(2, 0))
            .then([promote()])
            .end(|w| w.done(3)),
        State::of("blue/green: scaled at the pause", App::blue_green(by_hand()))
            .way([ship(2), until(waits), scale(6)])
            .at(|w| waits(w) && w.runs(1, 6) && w.runs(2, 6))
            .then([promote()])
            .end(|w| w.done(2)),
        State::of(
            "blue/green: past the progress deadline",
            App::blue_green(json!({})).spec(json!({"progressDeadlineSeconds": 5})),
        )
        .way([room(1), ship_gated(2)])
        .at(|w| w.phase() == "Degraded" && w.reason("Progressing") == "ProgressDeadlineExceeded")
        .then([room(4)])
        .end(|w| w.done(2)),
        State::of("blue/green: made invalid at the pause", App::blue_green(by_hand()))
            .way([ship(2), until(waits), strategy(json!({"previewService": "$R-active"}))])
            .at(|w| w.reason("InvalidSpec") == "InvalidSpec" && w.runs(2, 4) && w.serves("active") == 1)
            .then([strategy(json!({"previewService": "$R-preview"})), until(waits), promote()])
            .end(|w| w.done(2)),
        State::of("blue/green: aborted before the switch", App::blue_green(by_hand()))
            .way([ship(2), until(waits), abort()])
            .at(|w| w.aborted() && w.runs(2, 0) && w.serves("active") == 1)
            .then([retry(), until(waits), promote()])
            .end(|w| w.done(2)),
        State::of("blue/green: aborted, its pods linger", by_hand_with(&json!({"abortScaleDownDelaySeconds": SOON})))
            .way([ship(2), until(waits)])
            .late([abort()])
            .at(|w| w.aborted() && w.lingers(2) && w.runs(2, 4) && w.serves("active") == 1)
            .then([until(|w| w.runs(2, 0)), ship(1)])
            .end(|w| w.done(1)),
    ]
}

fn after() -> Vec<State> {
    vec![
        State::of("blue/green: switched, the old pods linger", App::blue_green(json!({"scaleDownDelaySeconds": SOON})))
            .late([ship(2)])
            .at(|w| w.settled(2) && w.serves("active") == 2 && w.lingers(1) && w.runs(1, 4))
            .end(|w| w.done(2)),
        State::of("blue/green: switched, the old pods are gone", App::blue_green(by_hand()))
            .way([ship(2), until(waits), promote()])
            .at(|w| w.done(2) && w.serves("active") == 2)
            .then([ship(1), until(|w| w.paused_by("BlueGreenPause")), promote()])
            .end(|w| w.done(1)),
        State::of("blue/green: two old versions linger", App::blue_green(json!({"scaleDownDelaySeconds": SOON})))
            .late([ship(2), until(|w| w.settled(2) && w.lingers(1)), ship(3)])
            .at(|w| w.settled(3) && w.lingers(1) && w.lingers(2) && w.runs(1, 4) && w.runs(2, 4))
            .end(|w| w.done(3)),
        State::of("blue/green: back to a version that lingered", by_hand_with(&json!({"scaleDownDelaySeconds": SOON})))
            .late([ship(2), until(waits), promote(), until(|w| w.settled(2) && w.lingers(1)), ship(1)])
            .at(|w| w.settled(1) && w.serves("active") == 1 && w.lingers(2) && w.runs(2, 4))
            .end(|w| w.done(1)),
        State::of("blue/green: undone at the pause", App::blue_green(by_hand()))
            .way([ship(2), until(waits), ship(1)])
            .at(|w| w.settled(1) && w.serves("active") == 1 && w.serves("preview") == 1)
            .then([ship(2), until(waits), promote()])
            .end(|w| w.done(2)),
    ]
}
