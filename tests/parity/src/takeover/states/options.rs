//! What can be set beside the steps.

use serde_json::{Value, json};

use crate::takeover::app::App;
use crate::takeover::state::State;
use crate::takeover::state::moves::*;

fn halves() -> Value {
    json!([weight(50), pause()])
}

fn metadata(role: &str) -> Value {
    json!({"labels": {"role": role}, "annotations": {"lab/role": role}})
}

fn dynamic() -> App {
    App::nginx(halves())
        .with(json!({"dynamicStableScale": true, "scaleDownDelaySeconds": null, "abortScaleDownDelaySeconds": null}))
}

fn preferred() -> Value {
    json!({"antiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 1}}})
}

pub fn all() -> Vec<State> {
    [sizes(), pods(), ways_back()].concat()
}

fn sizes() -> Vec<State> {
    vec![
        State::of("dynamicStableScale: at a pause", dynamic())
            .way([ship(2)])
            .at(|w| w.at_pause(1) && w.runs(1, 2) && w.runs(2, 2) && w.weight() == 50)
            .then([promote()])
            .end(|w| w.done(2)),
        State::before("dynamicStableScale: aborted half way", dynamic().gated())
            .way([room(4), create(), until(|w| w.done(1)), ship(2), until(|w| w.at_pause(1)), room(1), abort()])
            .at(|w| w.status()["abort"] == true && w.size(1) == 4 && w.available(1) == 3 && w.available(2) == 1)
            .then([room(4)])
            .end(|w| w.aborted() && w.runs(1, 4) && w.runs(2, 0) && w.weight() == 0),
        State::of("dynamicStableScale: promoted half way", dynamic())
            .way([room(3), ship_gated(2), until(|w| w.at_pause(1)), promote()])
            .at(|w| w.step() == 2 && w.size(2) == 4 && w.available(2) == 3)
            .then([room(4)])
            .end(|w| w.done(2)),
        State::of(
            "minPodsPerReplicaSet and maxTrafficWeight",
            App::nginx(json!([weight(1), pause()])).with(json!({
                "minPodsPerReplicaSet": 2,
                "trafficRouting": {"maxTrafficWeight": 1000},
            })),
        )
        .way([ship(2)])
        .at(|w| w.at_pause(1) && w.runs(2, 2) && w.weight() == 1)
        .then([promote()])
        .end(|w| w.done(2)),
        State::of(
            "replicaProgressThreshold",
            App::nginx(halves()).with(json!({"replicaProgressThreshold": {"type": "Percent", "value": 50}})),
        )
        .way([room(1), ship_gated(2)])
        .at(|w| w.at_pause(1) && w.size(2) == 2 && w.available(2) == 1)
        .then([room(4), until(|w| w.runs(2, 2)), promote()])
        .end(|w| w.done(2)),
    ]
}

fn pods() -> Vec<State> {
    vec![
        State::of(
            "metadata of canary and stable, at a pause",
            App::nginx(halves())
                .with(json!({"canaryMetadata": metadata("canary"), "stableMetadata": metadata("stable")})),
        )
        .way([ship(2)])
        .at(|w| w.at_pause(1) && w.runs(2, 2))
        .then([promote(), until(|w| w.done(2))])
        .then(updated(3))
        .end(|w| w.done(3)),
        State::of(
            "metadata of preview and active, at the pause",
            App::blue_green(json!({
                "autoPromotionEnabled": false,
                "previewMetadata": metadata("preview"),
                "activeMetadata": metadata("active"),
            })),
        )
        .way([ship(2)])
        .at(|w| w.paused_by("BlueGreenPause") && w.runs(2, 4))
        .then([promote()])
        .end(|w| w.done(2)),
        State::of("anti-affinity, at a pause", App::canary(halves()).with(preferred()))
            .way([ship(2)])
            .at(|w| w.at_pause(1) && w.runs(2, 2))
            .then([promote()])
            .end(|w| w.done(2)),
        State::of("anti-affinity, promoted", App::canary(halves()).with(preferred()))
            .way(updated(2))
            .at(|w| w.done(2))
            .then(updated(3))
            .end(|w| w.done(3)),
        State::before("restarted half way", App::canary(halves()).gated())
            .way([room(4), create(), until(|w| w.done(1)), room(0), restart()])
            .at(|w| w.size(1) == 4 && w.available(1) == 3 && w.status()["restartedAt"].is_null())
            .then([room(4)])
            .end(|w| w.done(1) && w.status()["restartedAt"] == w.rollout()["spec"]["restartAt"]),
        State::of("restarted", App::nginx(halves()))
            .way([restart()])
            .at(|w| w.done(1) && w.status()["restartedAt"] == w.rollout()["spec"]["restartAt"] && w.observed())
            .then(updated(2))
            .end(|w| w.done(2)),
    ]
}

fn ways_back() -> Vec<State> {
    let window = || json!({"rollbackWindow": {"revisions": 3}});
    vec![
        State::of("rollbackWindow: before the way back", App::nginx(halves()).spec(window()))
            .way(updated(2))
            .at(|w| w.done(2))
            .then([ship(1)])
            .end(|w| w.done(1)),
        State::before("rollbackWindow: back half way", App::canary(halves()).spec(window()).gated())
            .way([room(4), create(), until(|w| w.done(1))])
            .way(updated(2))
            .way([until(|w| w.done(2)), room(1), ship_gated(1)])
            .at(|w| w.available(1) == 1 && w.size(1) > 1 && w.phase() == "Progressing")
            .then([room(8)])
            .end(|w| w.done(1)),
    ]
}
