//! Specs that are wrong: from the start, or while an update is under way; and their repair.

use serde_json::{Value, json};

use super::{Act, Scenario, Strategy, Version};

/// What is wrong, with a merge patch of the spec that makes it so and one that mends it.
struct Fault {
    name: &'static str,
    strategy: Strategy,
    breaks: Value,
    mends: Value,
}

fn canary(fields: Value) -> Value {
    json!({"strategy": {"canary": fields}})
}

fn steps(steps: Value) -> Value {
    canary(json!({"steps": steps}))
}

fn bluegreen(fields: Value) -> Value {
    json!({"strategy": {"blueGreen": fields}})
}

fn nginx(fields: Value) -> Value {
    canary(json!({"trafficRouting": {"nginx": fields}}))
}

fn faults() -> Vec<Fault> {
    use Strategy::{Basic, BlueGreen, Nginx};
    let fault = |name, strategy, breaks, mends| Fault { name, strategy, breaks, mends };
    let good = || steps(json!([{"setWeight": 25}, {"pause": {}}]));
    let template = |name: &str| json!({"templates": [{"templateName": name}]});
    vec![
        fault("negative replicas", Basic, json!({"replicas": -1}), json!({"replicas": 4})),
        fault("weight 101", Basic, steps(json!([{"setWeight": 101}])), good()),
        fault("empty step", Basic, steps(json!([{}])), good()),
        fault("two in one step", Basic, steps(json!([{"setWeight": 10, "pause": {}}])), good()),
        fault("pause of -1", Basic, steps(json!([{"pause": {"duration": -1}}])), good()),
        fault("pause of what", Basic, steps(json!([{"pause": {"duration": "soon"}}])), good()),
        fault("scale without router", Basic, steps(json!([{"setCanaryScale": {"replicas": 1}}])), good()),
        fault(
            "delay without router",
            Basic,
            canary(json!({"scaleDownDelaySeconds": 5})),
            canary(json!({"scaleDownDelaySeconds": null})),
        ),
        fault(
            "dynamic without router",
            Basic,
            canary(json!({"dynamicStableScale": true})),
            canary(json!({"dynamicStableScale": null})),
        ),
        fault(
            "no surge, nothing unavailable",
            Basic,
            canary(json!({"maxSurge": 0, "maxUnavailable": "0%"})),
            canary(json!({"maxSurge": 1})),
        ),
        fault(
            "one service twice",
            Basic,
            canary(json!({"canaryService": "$R-stable"})),
            canary(json!({"canaryService": "$R-canary"})),
        ),
        fault(
            "missing service",
            Basic,
            canary(json!({"canaryService": "$R-other"})),
            canary(json!({"canaryService": "$R-canary"})),
        ),
        fault(
            "deadline before ready",
            Basic,
            json!({"progressDeadlineSeconds": 5, "minReadySeconds": 5}),
            json!({"minReadySeconds": 0}),
        ),
        fault("negative history", Basic, json!({"revisionHistoryLimit": -1}), json!({"revisionHistoryLimit": 5})),
        fault(
            "labels of another",
            Basic,
            json!({"template": {"metadata": {"labels": {"app": "other"}}}}),
            json!({"template": {"metadata": {"labels": {"app": "$R"}}}}),
        ),
        fault(
            "restart never",
            Basic,
            json!({"template": {"spec": {"restartPolicy": "Never"}}}),
            json!({"template": {"spec": {"restartPolicy": null}}}),
        ),
        fault("missing template", Basic, steps(json!([{"analysis": template("$R-none")}])), good()),
        fault(
            "weight of affinity",
            Basic,
            canary(json!({"antiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 101}}})),
            canary(json!({"antiAffinity": null})),
        ),
        fault(
            "missing ingress",
            Nginx,
            nginx(json!({"stableIngress": "$R-none"})),
            nginx(json!({"stableIngress": "$R-front"})),
        ),
        fault("no ingress", Nginx, nginx(json!({"stableIngress": null})), nginx(json!({"stableIngress": "$R-front"}))),
        fault(
            "no canary service",
            Nginx,
            canary(json!({"canaryService": null})),
            canary(json!({"canaryService": "$R-canary"})),
        ),
        fault(
            "delay and dynamic",
            Nginx,
            canary(json!({"scaleDownDelaySeconds": 5, "dynamicStableScale": true})),
            canary(json!({"scaleDownDelaySeconds": null})),
        ),
        fault(
            "ping pong with nginx",
            Nginx,
            canary(json!({"pingPong": {"pingService": "$R-stable", "pongService": "$R-canary"}})),
            canary(json!({"pingPong": null})),
        ),
        fault(
            "one service twice",
            BlueGreen,
            bluegreen(json!({"previewService": "$R-active"})),
            bluegreen(json!({"previewService": "$R-preview"})),
        ),
        fault(
            "missing service",
            BlueGreen,
            bluegreen(json!({"activeService": "$R-none"})),
            bluegreen(json!({"activeService": "$R-active"})),
        ),
        fault(
            "more old sets than history",
            BlueGreen,
            bluegreen(json!({"scaleDownDelayRevisionLimit": 11})),
            bluegreen(json!({"scaleDownDelayRevisionLimit": 2})),
        ),
        fault("both strategies", BlueGreen, json!({"strategy": {"canary": {}}}), json!({"strategy": {"canary": null}})),
        fault(
            "missing template",
            BlueGreen,
            bluegreen(json!({"prePromotionAnalysis": template("$R-none")})),
            bluegreen(json!({"prePromotionAnalysis": null})),
        ),
    ]
}

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    for Fault { name, strategy, breaks, mends } in faults() {
        let wrong = |moment: &str, spec: Value, script: Vec<Act>| {
            let title = format!("invalid/{strategy:?}/{name}/{moment}").to_lowercase();
            Scenario { title, strategy, spec, others: vec![], script }
        };
        let ship = || Act::Ship(Version::Good(2));
        all.push(wrong(
            "first",
            breaks.clone(),
            vec![Act::Apply, Act::Spec(mends.clone()), Act::Await("Healthy"), Act::Linger],
        ));
        let plain = match strategy {
            Strategy::Basic | Strategy::Nginx => steps(json!([{"setWeight": 25}, {"pause": {}}])),
            Strategy::BlueGreen => bluegreen(json!({"autoPromotionEnabled": false})),
        };
        let under_way = [
            Act::Apply,
            ship(),
            Act::Spec(breaks),
            Act::Spec(mends),
            Act::Await("Paused"),
            Act::PromoteFull,
            Act::Linger,
        ];
        all.push(wrong("under way", plain, under_way.to_vec()));
    }
    all
}
