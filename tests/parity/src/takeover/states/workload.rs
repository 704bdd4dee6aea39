//! Rollouts whose pods a Deployment describes, in each way to take the pods over from it.

use serde_json::{Value, json};

use crate::takeover::app::App;
use crate::takeover::state::State;
use crate::takeover::state::moves::*;

fn halves() -> Value {
    json!([weight(50), pause()])
}

pub fn all() -> Vec<State> {
    [of_deployments(), of_others()].concat()
}

/// Described by an object that has no pods: nothing is scaled down. With the third mode the Argo Rollouts controller does not get through the first
/// version.
fn of_others() -> Vec<State> {
    [
        ("workloadRef never to a ReplicaSet, at a pause", "ReplicaSet", "never"),
        ("workloadRef onsuccess to a ReplicaSet, at a pause", "ReplicaSet", "onsuccess"),
        ("workloadRef never to a PodTemplate, at a pause", "PodTemplate", "never"),
        ("workloadRef onsuccess to a PodTemplate, at a pause", "PodTemplate", "onsuccess"),
    ]
    .map(|(title, kind, scale_down)| {
        State::of(title, App::nginx(halves()).described_by(kind, scale_down))
            .way([ship(2)])
            .at(|w| w.at_pause(1) && w.runs(2, 2) && w.weight() == 50)
            .then([promote(), until(|w| w.done(2))])
            .then(updated(3))
            .end(|w| w.done(3))
    })
    .to_vec()
}

fn of_deployments() -> Vec<State> {
    vec![
        State::of("workloadRef never: fresh", App::canary(halves()).of_deployment("never"))
            .at(|w| w.done(1) && w.deployment() == 4)
            .then(updated(2))
            .end(|w| w.done(2) && w.deployment() == 4),
        State::of("workloadRef never: another version, at a pause", App::nginx(halves()).of_deployment("never"))
            .way([ship(2)])
            .at(|w| w.at_pause(1) && w.runs(2, 2) && w.weight() == 50)
            .then([promote()])
            .end(|w| w.done(2) && w.deployment() == 4),
        State::before("workloadRef onsuccess: half way", App::canary(halves()).gated().of_deployment("onsuccess"))
            .way([room(4), until(|w| w.deployed() == 4), room(2), create()])
            .at(|w| w.deployment() == 4 && w.size(1) == 4 && w.available(1) == 2)
            .then([room(2)])
            .end(|w| w.deployment() == 0 && w.available(1) == 4 && w.phase() == "Healthy"),
        State::of("workloadRef onsuccess: taken over, at a pause", App::canary(halves()).of_deployment("onsuccess"))
            .way([until(|w| w.deployment() == 0), ship(2)])
            .at(|w| w.at_pause(1) && w.runs(2, 2) && w.deployment() == 0)
            .then([promote()])
            .end(|w| w.done(2) && w.deployment() == 0),
        State::before(
            "workloadRef progressively: half way",
            App::canary(halves()).gated().of_deployment("progressively"),
        )
        .way([room(4), until(|w| w.deployed() == 4), room(2), create()])
        .at(|w| w.deployment() == 2 && w.size(1) == 4 && w.available(1) == 2)
        .then([room(2)])
        .end(|w| w.deployment() == 0 && w.available(1) == 4 && w.phase() == "Healthy"),
        State::of("workloadRef progressively: taken over", App::blue_green(json!({})).of_deployment("progressively"))
            .way([until(|w| w.deployment() == 0)])
            .at(|w| w.done(1) && w.deployment() == 0)
            .then([ship(2)])
            .end(|w| w.done(2) && w.deployment() == 0),
    ]
}
