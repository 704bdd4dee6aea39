//! Before, inside and after the experiment that a step starts.

use serde_json::{Value, json};

use crate::takeover::app::{App, BAD, GOOD};
use crate::takeover::state::moves::*;
use crate::takeover::state::{SOON, State};

/// A step: one pod of each version side by side, with these fields.
fn experiment(fields: Value) -> Value {
    let mut experiment = json!({"templates": [
        {"name": "before", "specRef": "stable"},
        {"name": "after", "specRef": "canary"},
    ]});
    if let (Some(all), Value::Object(fields)) = (experiment.as_object_mut(), fields) {
        all.extend(fields);
    }
    json!({"experiment": experiment})
}

/// Until its analysis is done.
fn judged_by(template: &str) -> Value {
    json!({"analyses": [{"name": "verdict", "templateName": template, "requiredForCompletion": true}]})
}

fn steps(fields: Value) -> Value {
    json!([weight(25), experiment(fields), weight(50), pause()])
}

fn judged_steps() -> Value {
    steps(judged_by("$R-judge"))
}

pub fn all() -> Vec<State> {
    [inside(), over()].concat()
}

fn inside() -> Vec<State> {
    vec![
        State::of("experiment: its pods come up", App::canary(judged_steps()))
            .way([room(1), ship_gated(2)])
            .at(|w| w.step() == 1 && w.experiment() == "Pending" && w.experiment_pods() == (2, 1))
            .then([room(4), say(GOOD), until(|w| w.at_pause(3)), promote()])
            .end(|w| w.done(2) && w.experiment() == "Successful" && w.experiment_pods() == (0, 0)),
        State::of("experiment: its analysis runs", App::nginx(judged_steps()))
            .way([ship(2)])
            .at(|w| w.step() == 1 && w.experiment() == "Running" && w.judged() == "Running" && w.weight() == 25)
            .then([say(GOOD), until(|w| w.at_pause(3)), promote()])
            .end(|w| w.done(2) && w.experiment() == "Successful" && w.experiment_pods() == (0, 0)),
        State::of("experiment: its analysis will fail", App::nginx(judged_steps()))
            .way([ship(2)])
            .at(|w| w.step() == 1 && w.experiment() == "Running" && w.judged() == "Running" && w.weight() == 25)
            .then([say(BAD)])
            .end(|w| w.aborted() && w.runs(2, 0) && w.weight() == 0 && w.experiment() == "Failed"),
        State::of("experiment: it lasts some seconds", App::nginx(steps(json!({"duration": format!("{SOON}s")}))))
            .late([ship(2)])
            .at(|w| w.step() == 1 && w.experiment() == "Running" && w.experiment_pods() == (2, 2))
            .then([until(|w| w.at_pause(3)), promote()])
            .end(|w| w.done(2) && w.experiment() == "Successful" && w.experiment_pods() == (0, 0)),
        State::of("experiment: it is skipped", App::canary(judged_steps()))
            .way([ship(2)])
            .at(|w| w.step() == 1 && w.experiment() == "Running" && w.judged() == "Running" && w.runs(2, 1))
            .then([promote(), until(|w| w.at_pause(3)), promote()])
            .end(|w| w.done(2) && w.experiment_pods() == (0, 0)),
        State::of("experiment: the update is aborted", App::nginx(judged_steps()))
            .way([ship(2)])
            .at(|w| w.step() == 1 && w.experiment() == "Running" && w.judged() == "Running" && w.weight() == 25)
            .then([abort(), until(|w| w.aborted() && w.experiment_pods() == (0, 0)), ship(1)])
            .end(|w| w.done(1)),
        State::of("experiment: another version replaces it", App::canary(judged_steps()))
            .way([ship(2)])
            .at(|w| w.step() == 1 && w.experiment() == "Running" && w.judged() == "Running" && w.runs(2, 1))
            .then([say(GOOD), ship(3), until(|w| w.at_pause(3)), promote()])
            .end(|w| w.done(3) && w.experiment_pods() == (0, 0)),
    ]
}

fn over() -> Vec<State> {
    let lingers = || json!({"duration": "5s", "scaleDownDelaySeconds": SOON});
    vec![
        State::of("experiment: it was a success", App::nginx(judged_steps()))
            .way([say(GOOD), ship(2)])
            .at(|w| w.at_pause(3) && w.experiment() == "Successful" && w.experiment_pods() == (0, 0))
            .then([promote()])
            .end(|w| w.done(2)),
        State::of("experiment: its pods linger", App::nginx(steps(lingers())))
            .late([ship(2), until(|w| w.at_pause(3))])
            .at(|w| w.at_pause(3) && w.experiment() == "Successful" && w.experiment_pods() == (2, 2))
            .then([promote(), until(|w| w.done(2))])
            .end(|w| w.done(2) && w.experiment_pods() == (0, 0)),
        State::of("experiment: it failed", App::nginx(judged_steps()))
            .way([ship(2), until(|w| w.step() == 1 && w.judged() == "Running"), say(BAD)])
            .at(|w| w.aborted() && w.runs(2, 0) && w.experiment() == "Failed" && w.experiment_pods() == (0, 0))
            .then([say(GOOD), retry(), until(|w| w.at_pause(3)), promote()])
            .end(|w| w.done(2) && w.experiment() == "Successful"),
    ]
}
