//! A canary with a canary Ingress.

use serde_json::{Value, json};

use crate::takeover::app::App;
use crate::takeover::state::moves::*;
use crate::takeover::state::{SOON, State};

fn quarters() -> Value {
    json!([weight(25), pause(), weight(50), pause()])
}

/// Seconds of a delay that is to last longer than a takeover.
fn delay(name: &str) -> Value {
    json!({name: SOON})
}

pub fn all() -> Vec<State> {
    [steps(), aborts(), delays(), versions()].concat()
}

fn steps() -> Vec<State> {
    vec![
        State::of("nginx: fresh", App::nginx(quarters()))
            .at(|w| w.done(1) && w.weight() == 0)
            .then([ship(2)])
            .then(past_both_pauses())
            .end(|w| w.done(2)),
        State::of("nginx: at setWeight, no pod yet", App::nginx(quarters()))
            .way([room(0), ship_gated(2)])
            .at(|w| w.step() == 0 && w.size(2) == 1 && w.weight() == 0)
            .then([room(8)])
            .then(past_both_pauses())
            .end(|w| w.done(2)),
        State::of("nginx: between two weights", App::nginx(quarters()))
            .way([room(1), ship_gated(2), until(|w| w.at_pause(1)), promote()])
            .at(|w| w.step() == 2 && w.size(2) == 2 && w.available(2) == 1 && w.weight() == 25)
            .then([room(4), until(|w| w.at_pause(3)), promote()])
            .end(|w| w.done(2)),
        State::of("nginx: at a pause without an end", App::nginx(quarters()))
            .way([ship(2)])
            .at(|w| w.at_pause(1) && w.weight() == 25 && w.runs(2, 1))
            .then([promote(), until(|w| w.at_pause(3)), promote()])
            .end(|w| w.done(2)),
        State::of("nginx: in a timed pause", App::nginx(json!([weight(25), pause_for(SOON), weight(50), pause()])))
            .late([ship(2)])
            .at(|w| w.at_pause(1) && w.weight() == 25)
            .then([until(|w| w.at_pause(3) && w.weight() == 50), promote()])
            .end(|w| w.done(2)),
        State::of("nginx: all weight, at the last pause", App::nginx(json!([weight(100), pause()])))
            .way([ship(2)])
            .at(|w| w.at_pause(1) && w.weight() == 100 && w.runs(2, 4))
            .then([promote()])
            .end(|w| w.done(2)),
        State::of(
            "nginx: setCanaryScale in pods",
            App::nginx(json!([canary_scale(json!({"replicas": 3})), pause(), weight(25), pause()])),
        )
        .way([ship(2)])
        .at(|w| w.at_pause(1) && w.weight() == 0 && w.runs(2, 3))
        .then([promote(), until(|w| w.at_pause(3)), promote()])
        .end(|w| w.done(2)),
        State::of(
            "nginx: at setCanaryScale",
            App::nginx(json!([canary_scale(json!({"weight": 75})), weight(25), pause()])),
        )
        .way([room(1), ship_gated(2)])
        .at(|w| w.step() == 0 && w.weight() == 0 && w.size(2) == 3 && w.available(2) == 1)
        .then([room(4), until(|w| w.at_pause(2)), promote()])
        .end(|w| w.done(2)),
        State::of(
            "nginx: setCanaryScale as the weight again",
            App::nginx(json!([
                canary_scale(json!({"weight": 75})),
                weight(25),
                canary_scale(json!({"matchTrafficWeight": true})),
                pause()
            ])),
        )
        .way([ship(2)])
        .at(|w| w.at_pause(3) && w.weight() == 25 && w.runs(2, 1))
        .then([promote()])
        .end(|w| w.done(2)),
        State::of("nginx: paused by hand at a pause", App::nginx(quarters()))
            .way([ship(2), until(|w| w.at_pause(1)), pause_by_hand()])
            .at(|w| w.phase() == "Paused" && w.weight() == 25 && w.rollout()["spec"]["paused"] == true)
            .then([unpause()])
            .then(past_both_pauses())
            .end(|w| w.done(2)),
        State::of("nginx: promoted in full, half way", App::nginx(quarters()))
            .way([room(2), ship_gated(2), until(|w| w.at_pause(1)), promote_full()])
            .at(|w| w.status()["promoteFull"] == true && w.size(2) == 4 && w.available(2) == 2)
            .then([room(4)])
            .end(|w| w.done(2)),
    ]
}

fn aborts() -> Vec<State> {
    vec![
        State::of("nginx: aborted, its pods linger", App::nginx(quarters()).with(delay("abortScaleDownDelaySeconds")))
            .way([ship(2), until(|w| w.at_pause(1))])
            .late([abort()])
            .at(|w| w.aborted() && w.lingers(2) && w.runs(2, 1) && w.weight() == 0)
            .then([until(|w| w.size(2) == 0), retry(), until(|w| w.at_pause(1)), promote_full()])
            .end(|w| w.done(2)),
        State::of("nginx: aborted, its pods are gone", App::nginx(quarters()))
            .way([ship(2), until(|w| w.at_pause(1)), abort()])
            .at(|w| w.aborted() && w.runs(2, 0) && w.weight() == 0)
            .then([retry()])
            .then(past_both_pauses())
            .end(|w| w.done(2)),
        State::of(
            "nginx: aborted, without a delay",
            App::nginx(quarters()).with(json!({"abortScaleDownDelaySeconds": 0})),
        )
        .way([ship(2), until(|w| w.at_pause(1)), abort()])
        .at(|w| w.aborted() && w.runs(2, 0) && !w.lingers(2) && w.weight() == 0)
        .then([ship(1)])
        .end(|w| w.done(1)),
        State::of("nginx: aborted and tried again", App::nginx(quarters()))
            .way([
                ship(2),
                until(|w| w.at_pause(1)),
                promote(),
                until(|w| w.at_pause(3)),
                abort(),
                until(|w| w.aborted() && w.runs(2, 0)),
                retry(),
            ])
            .at(|w| w.at_pause(1) && w.weight() == 25 && w.runs(2, 1))
            .then([promote(), until(|w| w.at_pause(3)), promote()])
            .end(|w| w.done(2)),
        State::of("nginx: aborted, then a third version", App::nginx(quarters()))
            .way([ship(2), until(|w| w.at_pause(1)), abort(), until(|w| w.aborted()), ship(3)])
            .at(|w| w.at_pause(1) && w.weight() == 25 && w.runs(3, 1) && w.runs(2, 0))
            .then([promote_full()])
            .end(|w| w.done(3)),
        State::of(
            "nginx: past the progress deadline",
            App::nginx(quarters()).spec(json!({"progressDeadlineSeconds": 5})),
        )
        .way([room(0), ship_gated(2)])
        .at(|w| w.phase() == "Degraded" && w.reason("Progressing") == "ProgressDeadlineExceeded")
        .then([ship(1)]),
        State::of(
            "nginx: aborted by the progress deadline",
            App::nginx(quarters()).spec(json!({"progressDeadlineSeconds": 5, "progressDeadlineAbort": true})),
        )
        .way([room(0), ship_gated(2)])
        .at(|w| w.aborted() && w.runs(2, 0))
        .then([ship(1)]),
        State::of("nginx: made invalid at a pause", App::nginx(quarters()))
            .way([
                ship(2),
                until(|w| w.at_pause(1)),
                strategy(json!({"trafficRouting": {"nginx": {"stableIngress": "$R-nowhere"}}})),
            ])
            .at(|w| w.reason("InvalidSpec") == "InvalidSpec" && w.runs(2, 1) && w.weight() == 25)
            .then([
                strategy(json!({"trafficRouting": {"nginx": {"stableIngress": "$R-front"}}})),
                until(|w| w.at_pause(1)),
                promote_full(),
            ])
            .end(|w| w.done(2)),
    ]
}

fn delays() -> Vec<State> {
    vec![
        State::of("nginx: promoted, the old pods linger", App::nginx(quarters()).with(delay("scaleDownDelaySeconds")))
            .late(updated_in_full(2))
            .at(|w| w.promoted(2) && w.lingers(1) && w.runs(1, 4) && w.weight() == 0)
            .end(|w| w.done(2)),
        State::of("nginx: two old versions linger", App::nginx(quarters()).with(delay("scaleDownDelaySeconds")))
            .late(updated_in_full(2))
            .late([until(|w| w.promoted(2))])
            .late(updated_in_full(3))
            .at(|w| w.promoted(3) && w.runs(1, 4) && w.runs(2, 4) && w.lingers(1) && w.lingers(2))
            .end(|w| w.done(3)),
        State::of(
            "nginx: more old versions than may linger",
            App::nginx(quarters()).with(json!({"scaleDownDelaySeconds": SOON, "scaleDownDelayRevisionLimit": 1})),
        )
        .late(updated_in_full(2))
        .late([until(|w| w.promoted(2))])
        .late(updated_in_full(3))
        .at(|w| w.promoted(3) && w.runs(1, 0) && w.runs(2, 4) && w.lingers(2))
        .end(|w| w.done(3)),
        State::of("nginx: back to a version that lingers", App::nginx(quarters()).with(delay("scaleDownDelaySeconds")))
            .late(updated_in_full(2))
            .late([until(|w| w.promoted(2) && w.lingers(1)), ship(1)])
            .at(|w| w.at_pause(1) && w.runs(1, 1) && w.runs(2, 4) && w.weight() == 25)
            .then([promote_full()])
            .end(|w| w.done(1)),
    ]
}

fn versions() -> Vec<State> {
    vec![
        State::of("nginx: a third version, no pod yet", App::nginx(quarters()))
            .way([ship(2), until(|w| w.at_pause(1)), room(0), ship_gated(3)])
            .at(|w| w.step() == 0 && w.size(3) == 1 && w.available(3) == 0 && w.weight() == 0)
            .then([room(8), until(|w| w.at_pause(1)), promote_full()])
            .end(|w| w.done(3)),
        State::of("nginx: a third version at its pause", App::nginx(quarters()))
            .way([ship(2), until(|w| w.at_pause(1)), ship(3)])
            .at(|w| w.at_pause(1) && w.runs(3, 1) && w.runs(2, 0) && w.weight() == 25)
            .then([promote(), until(|w| w.at_pause(3)), promote()])
            .end(|w| w.done(3)),
        State::of("nginx: several old versions", App::nginx(quarters()).spec(json!({"revisionHistoryLimit": 2})))
            .way(updated_in_full(2))
            .way([until(|w| w.done(2))])
            .way(updated_in_full(3))
            .way([until(|w| w.done(3))])
            .way(updated_in_full(4))
            .way([until(|w| w.done(4))])
            .at(|w| w.done(4) && w.size(1) == -1 && w.size(2) == 0 && w.size(3) == 0)
            .then([ship(2)])
            .then(past_both_pauses())
            .end(|w| w.done(2)),
        State::of("nginx: scaled at a pause", App::nginx(quarters()))
            .way([ship(2), until(|w| w.at_pause(1)), scale(8)])
            .at(|w| w.at_pause(1) && w.runs(1, 8) && w.runs(2, 2) && w.weight() == 25)
            .then([scale(4), until(|w| w.runs(1, 4) && w.runs(2, 1)), promote_full()])
            .end(|w| w.done(2)),
        State::of("nginx: undone, old pods gone", App::nginx(quarters()))
            .way([ship(2), until(|w| w.at_pause(1)), ship(1)])
            .at(|w| w.done(1) && w.runs(2, 0) && w.weight() == 0)
            .then(updated_in_full(2))
            .end(|w| w.done(2)),
    ]
}
