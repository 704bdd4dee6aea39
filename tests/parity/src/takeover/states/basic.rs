//! A canary by the number of pods.

use serde_json::{Value, json};

use crate::takeover::app::App;
use crate::takeover::state::moves::*;
use crate::takeover::state::{SOON, State};

fn halves() -> Value {
    json!([weight(50), pause()])
}

pub fn all() -> Vec<State> {
    vec![
        State::of("basic: fresh", App::canary(halves())).then(updated(2)).end(|w| w.done(2)),
        State::before("basic: fresh, no pod runs yet", App::canary(halves()).gated())
            .way([room(0), create()])
            .at(|w| w.size(1) == 4 && w.available(1) == 0 && w.phase() == "Progressing" && w.stable() == 1)
            .then([room(4)]),
        State::of("basic: no steps, half way", App::canary(json!([])))
            .way([room(1), ship_gated(2)])
            .at(|w| w.available(2) == 1 && w.size(2) == 3 && w.size(1) == 2 && w.phase() == "Progressing")
            .then([room(4)])
            .end(|w| w.done(2)),
        State::of("basic: at setWeight", App::canary(halves()))
            .way([room(1), ship_gated(2)])
            .at(|w| w.step() == 0 && w.available(2) == 1 && w.size(2) == 2)
            .then([room(4), until(|w| w.at_pause(1)), promote()])
            .end(|w| w.done(2)),
        State::of("basic: at a pause without an end", App::canary(halves()))
            .way([ship(2)])
            .at(|w| w.at_pause(1) && w.runs(2, 2) && w.runs(1, 2))
            .then([promote()])
            .end(|w| w.done(2)),
        State::of("basic: in a timed pause", App::canary(json!([weight(50), pause_for(SOON), weight(75), pause()])))
            .late([ship(2)])
            .at(|w| w.at_pause(1) && w.runs(2, 2))
            .then([until(|w| w.at_pause(3)), promote()])
            .end(|w| w.done(2)),
        State::of("basic: aborted, then undone", App::canary(halves()))
            .way([ship(2), until(|w| w.at_pause(1)), abort()])
            .at(|w| w.aborted() && w.runs(1, 4) && w.size(2) == 0)
            .then([ship(1)]),
        State::of("basic: paused by hand at setWeight", App::canary(halves()))
            .way([room(1), ship_gated(2), until(|w| w.available(2) == 1), pause_by_hand()])
            .at(|w| w.step() == 0 && w.available(2) == 1 && w.phase() == "Paused")
            .then([room(4), until(|w| w.runs(2, 2)), unpause(), until(|w| w.at_pause(1)), promote()])
            .end(|w| w.done(2)),
        State::of("basic: another version while paused by hand", App::canary(halves()))
            .way([ship(2), until(|w| w.at_pause(1)), pause_by_hand(), until(|w| w.phase() == "Paused"), ship(3)])
            .at(|w| w.step() == 0 && w.size(3) == 0 && w.size(2) == 2 && w.phase() == "Paused")
            .then([unpause(), until(|w| w.at_pause(1) && w.runs(3, 2)), promote()])
            .end(|w| w.done(3)),
        State::before("basic: scaled half way", App::canary(halves()).gated())
            .way([room(4), create(), until(|w| w.done(1)), ship(2), until(|w| w.at_pause(1)), room(1), scale(8)])
            .at(|w| w.size(1) == 4 && w.available(1) == 3 && w.runs(2, 4))
            .then([room(4), until(|w| w.runs(1, 4)), promote()])
            .end(|w| w.done(2)),
        State::of("basic: scaled to nothing", App::canary(halves()))
            .way([scale(0)])
            .at(|w| w.runs(1, 0) && w.observed())
            .then([scale(4)]),
        State::of("basic: a third version half way", App::canary(halves()))
            .way([ship(2), until(|w| w.at_pause(1)), room(1), ship_gated(3)])
            .at(|w| w.step() == 0 && w.available(3) == 1 && w.size(3) == 2)
            .then([room(4), until(|w| w.at_pause(1)), promote()])
            .end(|w| w.done(3)),
        State::before("basic: the way back half way", App::canary(halves()).gated())
            .way([room(4), create(), until(|w| w.done(1)), ship(2), until(|w| w.at_pause(1)), room(1), ship_gated(1)])
            .at(|w| w.step() == 2 && w.size(1) == 4 && w.available(1) == 3 && w.phase() == "Progressing")
            .then([room(4)]),
        State::of("basic: promoted in full, half way", App::canary(halves()))
            .way([room(1), ship_gated(2), until(|w| w.available(2) == 1), promote_full()])
            .at(|w| w.status()["promoteFull"] == true && w.available(2) == 1 && w.size(2) > 2)
            .then([room(8)])
            .end(|w| w.done(2)),
        State::of(
            "basic: past the progress deadline",
            App::canary(halves()).spec(json!({"progressDeadlineSeconds": 5})),
        )
        .way([room(0), ship_gated(2)])
        .at(|w| w.phase() == "Degraded" && w.reason("Progressing") == "ProgressDeadlineExceeded")
        .then([room(4), until(|w| w.at_pause(1)), promote()])
        .end(|w| w.done(2)),
        State::of("basic: made invalid at a pause", App::canary(halves()))
            .way([ship(2), until(|w| w.at_pause(1)), strategy(json!({"maxSurge": 0, "maxUnavailable": 0}))])
            .at(|w| w.reason("InvalidSpec") == "InvalidSpec" && w.runs(2, 2))
            .then([strategy(json!({"maxSurge": null, "maxUnavailable": null})), until(|w| w.at_pause(1)), promote()])
            .end(|w| w.done(2)),
        State::before(
            "basic: invalid from the beginning",
            App::canary(json!([weight(50), {"pause": {"duration": "-1"}}])),
        )
        .way([create()])
        .at(|w| w.reason("InvalidSpec") == "InvalidSpec" && w.phase() == "Degraded")
        .then([strategy(json!({"steps": halves()}))]),
        State::of("basic: one pod", App::canary(halves()).spec(json!({"replicas": 1})))
            .way([ship(2)])
            .at(|w| w.at_pause(1) && w.runs(2, 1) && w.runs(1, 1))
            .then([promote()])
            .end(|w| w.done(2)),
    ]
}
