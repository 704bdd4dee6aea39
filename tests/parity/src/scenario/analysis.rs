//! Analysis of canaries and of blue/green: where it runs x what it finds x what is done meanwhile. Its metrics ask a server of the player's own, or
//! are Jobs.

use serde_json::{Value, json};

use super::judges::{ERROR, FAIL, PASS, UNSURE, run, templates};
use super::{Act, Scenario, Strategy, Version};

fn weight(weight: i32) -> Value {
    json!({"setWeight": weight})
}

fn pause() -> Value {
    json!({"pause": {}})
}

fn scenario(title: String, strategy: Strategy, fields: Value, acts: &[Act]) -> Scenario {
    let key = if strategy == Strategy::BlueGreen { "blueGreen" } else { "canary" };
    let script = [&[Act::Apply], acts, &[Act::Linger]].concat();
    let spec = json!({"strategy": {key: fields}});
    Scenario { title: format!("analysis/{title}"), strategy, spec, others: templates(), script }
}

const SHIP: Act = Act::Ship(Version::Good(2));

/// A step that is judged, with a pause before it and one after it.
fn steps() -> Vec<Scenario> {
    use Act::*;
    let mut all = Vec::new();
    for strategy in [Strategy::Basic, Strategy::Nginx] {
        let mut add = |template: &str, outcome: &str, acts: &[Act]| {
            let steps = [weight(25), json!({"analysis": run(template)}), weight(50), pause()];
            let title = format!("step/{strategy:?}/{template}/{outcome}").to_lowercase();
            all.push(scenario(title, strategy, json!({"steps": steps}), acts));
        };
        add("once", "pass", &[SHIP, PromoteFull]);
        add("once", "fail", &[FAIL, SHIP]);
        add("once", "fail,retry", &[FAIL, SHIP, PASS, Retry, PromoteFull]);
        add("once", "fail,third", &[FAIL, SHIP, PASS, Ship(Version::Good(3)), PromoteFull]);
        add("once", "fail,undo", &[FAIL, SHIP, Ship(Version::Good(1))]);
        add("once", "unsure", &[UNSURE, SHIP]);
        add("once", "unsure,promote", &[UNSURE, SHIP, Promote, PromoteFull]);
        add("once", "unsure,abort", &[UNSURE, SHIP, Abort]);
        add("once", "unsure,third", &[UNSURE, SHIP, PASS, Ship(Version::Good(3)), PromoteFull]);
        add("hasty", "error", &[ERROR, SHIP]);
        add("thrice", "pass", &[SHIP, PromoteFull]);
        add("thrice", "fail", &[FAIL, SHIP]);
        add("tolerant", "fail", &[FAIL, SHIP, PromoteFull]);
        add("tolerant", "unsure", &[UNSURE, SHIP, PromoteFull]);
        add("lasting", "fail", &[SHIP, FAIL]);
        add("lasting", "abort", &[SHIP, Abort]);
        add("lasting", "abort,retry", &[SHIP, Abort, Retry, PromoteFull]);
        add("lasting", "promote", &[SHIP, Promote, PromoteFull]);
        add("lasting", "full", &[SHIP, PromoteFull]);
        add("lasting", "third", &[SHIP, Ship(Version::Good(3)), PromoteFull]);
        add("lasting", "undo", &[SHIP, Ship(Version::Good(1))]);
        add("lasting", "terminate", &[SHIP, Terminate, PromoteFull]);
        add("lasting", "pause,unpause", &[SHIP, Pause, Unpause, PromoteFull]);
        add("lasting", "up", &[SHIP, Scale(7), PromoteFull]);
        add("dry", "fail", &[FAIL, SHIP, PromoteFull]);
        add("job", "pass", &[SHIP, PromoteFull]);
        add("bad-job", "fail", &[SHIP]);
        add("both", "fail", &[FAIL, SHIP]);
        add("slow-job", "fail", &[FAIL, SHIP]);
        add("both", "pass", &[SHIP, PromoteFull]);
    }
    let mut argued = run("argued");
    argued["args"] = json!([{"name": "path", "value": "$R"}]);
    let steps = [weight(25), json!({"analysis": argued}), pause()];
    all.push(scenario("step/argued/pass".into(), Strategy::Basic, json!({"steps": steps}), &[SHIP, PromoteFull]));
    all
}

/// A canary that is judged all the time.
fn background() -> Vec<Scenario> {
    use Act::*;
    let mut all = Vec::new();
    for strategy in [Strategy::Basic, Strategy::Nginx] {
        let mut add = |template: &str, starting: Option<i32>, outcome: &str, acts: &[Act]| {
            let mut analysis = run(template);
            if let Some(step) = starting {
                analysis["startingStep"] = json!(step);
            }
            let fields = json!({"analysis": analysis, "steps": [weight(25), pause(), weight(50), pause()]});
            let from = starting.map_or("at once".to_owned(), |step| format!("from {step}"));
            let title = format!("background/{strategy:?}/{template} {from}/{outcome}").to_lowercase();
            all.push(scenario(title, strategy, fields, acts));
        };
        for starting in [None, Some(2)] {
            add("endless", starting, "pass", &[SHIP, Promote, Promote]);
            add("endless", starting, "fail", &[FAIL, SHIP, Promote]);
            add("endless", starting, "fail later", &[SHIP, Promote, FAIL]);
            add("endless", starting, "abort", &[SHIP, Promote, Abort]);
        }
        add("endless", None, "fail,retry", &[SHIP, FAIL, PASS, Retry, PromoteFull]);
        add("endless", None, "full", &[SHIP, PromoteFull]);
        add("endless", None, "third", &[SHIP, Ship(Version::Good(3)), Promote, PromoteFull]);
        add("endless", None, "undo", &[SHIP, Ship(Version::Good(1))]);
        add("endless", None, "unsure", &[SHIP, UNSURE]);
        add("endless", None, "unsure,promote", &[SHIP, UNSURE, PASS, Promote, PromoteFull]);
        add("endless", None, "terminate", &[SHIP, Terminate, PromoteFull]);
        add("endless", None, "up", &[SHIP, Scale(7), PromoteFull]);
        add("once", None, "pass", &[SHIP, Promote, Promote]);
        add("once", None, "fail", &[FAIL, SHIP]);
        add("patient", None, "fail", &[FAIL, SHIP]);
        add("job", None, "pass", &[SHIP, PromoteFull]);
        add("bad-job", None, "fail", &[SHIP]);
    }
    all
}

/// Blue/green before and after the switch.
fn promotion() -> Vec<Scenario> {
    use Act::*;
    let mut all = Vec::new();
    let mut add = |site: &str, template: &str, more: Value, outcome: &str, acts: &[Act]| {
        let mut fields = more;
        fields[format!("{site}PromotionAnalysis")] = run(template);
        let manual = if fields["autoPromotionEnabled"] == false { "manual" } else { "auto" };
        let title = format!("{site}/{manual}/{template}/{outcome}");
        all.push(scenario(title, Strategy::BlueGreen, fields, acts));
    };
    let auto = || json!({});
    let manual = || json!({"autoPromotionEnabled": false});
    for site in ["pre", "post"] {
        add(site, "once", auto(), "pass", &[SHIP]);
        add(site, "once", auto(), "fail", &[FAIL, SHIP]);
        add(site, "once", auto(), "fail,retry", &[FAIL, SHIP, PASS, Retry]);
        add(site, "once", auto(), "fail,third", &[FAIL, SHIP, PASS, Ship(Version::Good(3))]);
        add(site, "once", auto(), "fail,undo", &[FAIL, SHIP, Ship(Version::Good(1))]);
        // After the switch Argo never rests: docs/differences.md, "status of a paused, complete Rollout".
        if site == "pre" {
            add(site, "once", auto(), "unsure", &[UNSURE, SHIP]);
            add(site, "once", auto(), "unsure,promote", &[UNSURE, SHIP, Promote]);
        }
        add(site, "lasting", auto(), "abort", &[SHIP, Abort]);
        add(site, "lasting", auto(), "full", &[SHIP, PromoteFull]);
        add(site, "lasting", auto(), "third", &[SHIP, Ship(Version::Good(3)), Abort]);
        add(site, "lasting", auto(), "undo", &[SHIP, Ship(Version::Good(1))]);
        add(site, "lasting", auto(), "fail", &[SHIP, FAIL]);
        add(site, "lasting", auto(), "terminate", &[SHIP, Terminate]);
        add(site, "once", auto(), "pass,back", &[SHIP, FAIL, Ship(Version::Good(1))]);
        add(site, "job", auto(), "pass", &[SHIP]);
        add(site, "bad-job", auto(), "fail", &[SHIP]);
        add(site, "once", manual(), "pass", &[SHIP, Promote]);
        add(site, "once", manual(), "fail", &[FAIL, SHIP, Promote]);
        add(site, "lasting", manual(), "promote", &[SHIP, Promote, Abort]);
    }
    let small = || json!({"autoPromotionEnabled": false, "previewReplicaCount": 1});
    add("pre", "thrice", small(), "pass small", &[SHIP, Promote]);
    add("pre", "thrice", small(), "fail small", &[FAIL, SHIP]);
    add("post", "once", json!({"scaleDownDelaySeconds": 5}), "pass delay 5", &[SHIP]);
    add("post", "lasting", json!({"scaleDownDelaySeconds": 5}), "fail delay 5", &[SHIP, FAIL]);
    all
}

/// How many runs are kept.
fn kept() -> Vec<Scenario> {
    let steps = [weight(25), json!({"analysis": run("once")})];
    let mut one = scenario(
        "kept/one of each".into(),
        Strategy::Basic,
        json!({"steps": steps}),
        &[
            SHIP,
            FAIL,
            Act::Ship(Version::Good(3)),
            PASS,
            Act::Ship(Version::Good(4)),
            FAIL,
            Act::Ship(Version::Good(5)),
        ],
    );
    one.spec["analysis"] = json!({"successfulRunHistoryLimit": 1, "unsuccessfulRunHistoryLimit": 1});
    vec![one]
}

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    [steps(), background(), promotion(), kept()].concat()
}
