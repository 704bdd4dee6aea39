//! During and after analyses.

use serde_json::{Value, json};

use crate::takeover::app::{App, BAD, GOOD};
use crate::takeover::state::State;
use crate::takeover::state::moves::*;

fn steps(template: &str) -> Value {
    json!([weight(50), analysis(template), weight(75), pause()])
}

fn watched(starting_step: i32) -> Value {
    let mut analysis = judged("$R-judge-always");
    analysis["startingStep"] = json!(starting_step);
    json!({"analysis": analysis})
}

fn blue_green(site: &str, template: &str) -> App {
    App::blue_green(json!({site: judged(template)}))
}

pub fn all() -> Vec<State> {
    [of_canaries(), of_blue_green()].concat()
}

fn of_canaries() -> Vec<State> {
    vec![
        State::of("basic: an analysis step that will succeed", App::canary(steps("$R-judge")))
            .way([ship(2)])
            .at(|w| w.step() == 1 && w.run("Step") == "Running" && w.runs(2, 2))
            .then([say(GOOD), until(|w| w.at_pause(3)), promote()])
            .end(|w| w.done(2)),
        State::of("nginx: an analysis step that will fail", App::nginx(steps("$R-judge")))
            .way([ship(2)])
            .at(|w| w.step() == 1 && w.run("Step") == "Running" && w.weight() == 50)
            .then([say(BAD)])
            .end(|w| w.aborted() && w.runs(2, 0) && w.weight() == 0 && w.run("Step") == "Failed"),
        State::of("nginx: an analysis step that is skipped", App::nginx(steps("$R-judge")))
            .way([ship(2)])
            .at(|w| w.step() == 1 && w.run("Step") == "Running" && w.weight() == 50)
            .then([promote(), until(|w| w.at_pause(3)), promote()])
            .end(|w| w.done(2)),
        State::of("nginx: an analysis step that failed", App::nginx(steps("$R-judge")))
            .way([ship(2), until(|w| w.step() == 1 && w.run("Step") == "Running"), say(BAD)])
            .at(|w| w.aborted() && w.runs(2, 0) && w.run("Step") == "Failed")
            .then([say(GOOD), retry(), until(|w| w.at_pause(3)), promote()])
            .end(|w| w.done(2)),
        State::of("nginx: an analysis that can't tell", App::nginx(steps("$R-judge-unsure")))
            .way([ship(2)])
            .at(|w| w.paused_by("InconclusiveAnalysisRun") && w.step() == 1 && w.run("Step") == "Inconclusive")
            .then([say(GOOD), promote(), until(|w| w.at_pause(3)), promote()])
            .end(|w| w.done(2)),
        State::of("nginx: an analysis in the background", App::nginx(json!([weight(25), pause()])).with(watched(0)))
            .way([say(GOOD), ship(2)])
            .at(|w| w.at_pause(1) && w.run("Background") == "Running" && w.weight() == 25)
            .then([promote()])
            .end(|w| w.done(2) && w.run("Background") == "Successful"),
        State::of(
            "nginx: an analysis in the background that will fail",
            App::nginx(json!([weight(25), pause()])).with(watched(1)),
        )
        .way([say(GOOD), ship(2)])
        .at(|w| w.at_pause(1) && w.run("Background") == "Running" && w.weight() == 25)
        .then([say(BAD)])
        .end(|w| w.aborted() && w.runs(2, 0) && w.weight() == 0 && w.run("Background") == "Failed"),
        State::of(
            "nginx: an analysis in the background that failed",
            App::nginx(json!([weight(25), pause()])).with(watched(0)),
        )
        .way([say(GOOD), ship(2), until(|w| w.at_pause(1) && w.run("Background") == "Running"), say(BAD)])
        .at(|w| w.aborted() && w.runs(2, 0) && w.run("Background") == "Failed")
        .then([say(GOOD), retry(), until(|w| w.at_pause(1) && w.run("Background") == "Running"), promote()])
        .end(|w| w.done(2)),
        State::of(
            "basic: before the background analysis begins",
            App::canary(json!([weight(25), pause(), weight(50), pause()])).with(watched(2)),
        )
        .way([say(GOOD), ship(2)])
        .at(|w| w.at_pause(1) && w.run("Background").is_empty())
        .then([promote(), until(|w| w.at_pause(3) && w.run("Background") == "Running"), promote()])
        .end(|w| w.done(2)),
    ]
}

fn of_blue_green() -> Vec<State> {
    vec![
        State::of("blue/green: pre-promotion analysis", blue_green("prePromotionAnalysis", "$R-judge"))
            .way([ship(2)])
            .at(|w| w.run("PrePromotion") == "Running" && w.serves("active") == 1 && w.runs(2, 4))
            .then([say(GOOD)])
            .end(|w| w.done(2)),
        State::of("blue/green: pre-promotion analysis that failed", blue_green("prePromotionAnalysis", "$R-judge"))
            .way([ship(2), until(|w| w.run("PrePromotion") == "Running"), say(BAD)])
            .at(|w| w.aborted() && w.run("PrePromotion") == "Failed" && w.serves("active") == 1 && w.runs(2, 0))
            .then([say(GOOD), retry()])
            .end(|w| w.done(2)),
        State::of(
            "blue/green: pre-promotion analysis that can't tell",
            blue_green("prePromotionAnalysis", "$R-judge-unsure"),
        )
        .way([ship(2)])
        .at(|w| w.paused_by("InconclusiveAnalysisRun") && w.serves("active") == 1)
        .then([say(GOOD), promote()])
        .end(|w| w.done(2)),
        State::of("blue/green: post-promotion analysis", blue_green("postPromotionAnalysis", "$R-judge"))
            .way([ship(2)])
            .at(|w| w.run("PostPromotion") == "Running" && w.serves("active") == 2 && w.stable() == 1)
            .then([say(GOOD)])
            .end(|w| w.done(2)),
        State::of(
            "blue/green: post-promotion analysis that will fail",
            blue_green("postPromotionAnalysis", "$R-judge"),
        )
        .way([ship(2)])
        .at(|w| w.run("PostPromotion") == "Running" && w.serves("active") == 2 && w.stable() == 1)
        .then([say(BAD)])
        .end(|w| w.aborted() && w.serves("active") == 1 && w.runs(1, 4) && w.runs(2, 0)),
        State::of("blue/green: aborted after the switch", blue_green("postPromotionAnalysis", "$R-judge"))
            .way([ship(2), until(|w| w.run("PostPromotion") == "Running"), abort()])
            .at(|w| w.aborted() && w.serves("active") == 1 && w.runs(1, 4) && w.runs(2, 0))
            .then([ship(1)])
            .end(|w| w.done(1)),
    ]
}
