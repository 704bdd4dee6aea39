//! Fields of a Rollout that change how any canary goes: each x what is done to it.

use serde_json::{Value, json};

use super::{Act, Scenario, Strategy, Version};
use crate::manifests::{ingress, service};

const SHIP: Act = Act::Ship(Version::Good(2));
const THIRD: Act = Act::Ship(Version::Good(3));
const UNDO: Act = Act::Ship(Version::Good(1));

fn weights(weights: &[i32]) -> Value {
    weights.iter().flat_map(|weight| [json!({"setWeight": weight}), json!({"pause": {}})]).collect()
}

/// A canary of two weights, each with a pause, with further fields of the strategy.
fn canary(title: &str, strategy: Strategy, fields: Value, acts: &[Act]) -> Scenario {
    let mut canary = json!({"steps": weights(&[25, 75])});
    if let (Value::Object(canary), Value::Object(fields)) = (&mut canary, fields) {
        canary.extend(fields);
    }
    Scenario {
        title: format!("options/{title}"),
        strategy,
        spec: json!({"strategy": {"canary": canary}}),
        others: vec![],
        script: [&[Act::Apply], acts, &[Act::Linger]].concat(),
    }
}

/// The same, with further fields of the spec.
fn spec(title: &str, strategy: Strategy, fields: Value, acts: &[Act]) -> Scenario {
    let mut scenario = canary(title, strategy, json!({}), acts);
    if let (Value::Object(spec), Value::Object(fields)) = (&mut scenario.spec, fields) {
        spec.extend(fields);
    }
    scenario
}

/// What is done at the first pause.
fn at_the_pause() -> Vec<(&'static str, Vec<Act>)> {
    use Act::*;
    vec![
        ("update", vec![Promote, Promote]),
        ("full", vec![PromoteFull]),
        ("abort", vec![Promote, Abort]),
        ("abort,retry,full", vec![Abort, Retry, PromoteFull]),
        ("abort,third", vec![Abort, THIRD, PromoteFull]),
        ("undo", vec![Promote, UNDO]),
        ("third", vec![THIRD, Promote, PromoteFull]),
        ("up", vec![Scale(7), PromoteFull]),
        ("down", vec![Scale(2), PromoteFull]),
    ]
}

fn routed() -> Vec<Scenario> {
    let mut all = Vec::new();
    for (name, fields) in [
        ("dynamic stable", json!({"dynamicStableScale": true})),
        ("dynamic stable,abort delay 15", json!({"dynamicStableScale": true, "abortScaleDownDelaySeconds": 15})),
        ("no abort delay", json!({"abortScaleDownDelaySeconds": 0})),
        ("abort delay 15", json!({"abortScaleDownDelaySeconds": 15})),
        ("no delay", json!({"scaleDownDelaySeconds": 0})),
        ("least pods", json!({"minPodsPerReplicaSet": 3})),
        ("least pods,dynamic stable", json!({"minPodsPerReplicaSet": 2, "dynamicStableScale": true})),
        (
            "all weight is 1000",
            json!({"steps": weights(&[250, 750]), "trafficRouting": {"nginx": {"stableIngress": "$R-front"}, "maxTrafficWeight": 1000}}),
        ),
    ] {
        for (action, acts) in at_the_pause() {
            let acts = [&[SHIP], &acts[..]].concat();
            all.push(canary(&format!("{name}/{action}"), Strategy::Nginx, fields.clone(), &acts));
        }
    }
    let dynamic = json!({"dynamicStableScale": true});
    let stuck = [SHIP, Act::Promote, Act::Ship(Version::Stuck(3)), Act::Abort];
    all.push(canary("dynamic stable/stuck third,abort", Strategy::Nginx, dynamic, &stuck));
    all.extend(ingresses());
    all
}

/// Further Ingresses and annotations.
fn ingresses() -> Vec<Scenario> {
    let nginx = |nginx: Value| json!({"trafficRouting": {"nginx": nginx}});
    let acts = [SHIP, Act::Promote, Act::Promote];
    let added = nginx(json!({
        "stableIngress": "$R-front",
        "additionalIngressAnnotations": {"canary-by-header": "X-Canary"},
        "canaryIngressAnnotations": {"example.com/told": "canary"},
    }));
    let added = canary("annotations/update", Strategy::Nginx, added, &acts);
    let mut two = nginx(json!({"stableIngresses": ["$R-front", "$R-back"]}));
    two["trafficRouting"]["nginx"]["stableIngress"] = Value::Null;
    let mut two = canary("two ingresses/update", Strategy::Nginx, two, &acts);
    two.others = vec![ingress("$R-back")];
    let prefix = nginx(json!({"stableIngress": "$R-front", "annotationPrefix": "example.com"}));
    let prefix = canary("annotation prefix/update", Strategy::Nginx, prefix, &acts);
    vec![added, two, prefix]
}

/// What any canary can have.
fn of_any_canary() -> Vec<Scenario> {
    use Act::*;
    let mut all = Vec::new();
    let metadata = json!({
        "canaryMetadata": {"labels": {"role": "canary"}, "annotations": {"told": "canary"}},
        "stableMetadata": {"labels": {"role": "stable"}},
    });
    let apart = |kind: &str, term: Value| json!({"antiAffinity": {kind: term}});
    for strategy in [Strategy::Basic, Strategy::Nginx] {
        let of = |title: &str| format!("{}/{title}", format!("{strategy:?}").to_lowercase());
        for (action, acts) in [
            ("update", vec![SHIP, Promote, Promote]),
            ("abort,retry", vec![SHIP, Abort, Retry, PromoteFull]),
            ("third", vec![SHIP, THIRD, PromoteFull]),
            ("back", vec![SHIP, PromoteFull, UNDO, PromoteFull]),
        ] {
            all.push(canary(&of(&format!("metadata/{action}")), strategy, metadata.clone(), &acts));
            let preferred = apart("preferredDuringSchedulingIgnoredDuringExecution", json!({"weight": 50}));
            all.push(canary(&of(&format!("preferred apart/{action}")), strategy, preferred, &acts));
            let required = apart("requiredDuringSchedulingIgnoredDuringExecution", json!({}));
            all.push(canary(&of(&format!("required apart/{action}")), strategy, required, &acts));
        }
        let deadline = json!({"progressDeadlineSeconds": 5, "progressDeadlineAbort": true});
        let late = json!({"progressDeadlineSeconds": 5});
        let stuck = Ship(Version::Stuck(2));
        for (name, fields) in [("deadline aborts", deadline), ("deadline", late)] {
            let mut add = |action: &str, acts: &[Act]| {
                all.push(spec(&of(&format!("{name}/{action}")), strategy, fields.clone(), acts));
            };
            add("stuck", &[stuck.clone(), Await("Degraded")]);
            add("stuck,undo", &[stuck.clone(), Await("Degraded"), UNDO]);
            add("stuck,third", &[stuck.clone(), Await("Degraded"), THIRD, PromoteFull]);
            add("stuck,retry", &[stuck.clone(), Await("Degraded"), Retry, Await("Degraded")]);
            add("paused", &[SHIP, Promote]);
        }
        let window = json!({"rollbackWindow": {"revisions": 2}});
        let two = [SHIP, PromoteFull, THIRD, PromoteFull];
        let mut add = |title: &str, fields: &Value, acts: &[Act]| {
            all.push(spec(&of(title), strategy, fields.clone(), acts));
        };
        add("window/back", &window, &[&two[..], &[UNDO]].concat());
        add("window/back while pausing", &window, &[SHIP, PromoteFull, THIRD, UNDO]);
        let narrow = json!({"rollbackWindow": {"revisions": 1}});
        add("narrow window/back", &narrow, &[&two[..], &[UNDO]].concat());
        let history = json!({"revisionHistoryLimit": 1});
        let fourth = Ship(Version::Good(4));
        add("history 1/four", &history, &[&two[..], &[Linger, fourth.clone(), PromoteFull]].concat());
        add("history 0/three", &json!({"revisionHistoryLimit": 0}), &[&two[..], &[Linger]].concat());
        add("restart/at rest", &json!({}), &[Restart]);
        add("restart/pausing", &json!({}), &[SHIP, Restart, PromoteFull]);
        add("restart/stuck", &json!({}), &[stuck, Restart, UNDO]);
        add("paused by hand/first", &json!({"paused": true}), &[Unpause]);
        add("paused by hand/ship", &json!({}), &[Pause, SHIP, Unpause, PromoteFull]);
        add("paused by hand/abort", &json!({}), &[SHIP, Pause, Abort, Unpause]);
        add("paused by hand/up", &json!({}), &[Pause, Scale(6), Unpause]);
        add("autoscaler/at rest", &json!({}), &[Autoscale(6), Autoscale(2)]);
        add("autoscaler/pausing", &json!({}), &[SHIP, Autoscale(8), Autoscale(3), Promote, Promote]);
        add("autoscaler/aborted", &json!({}), &[SHIP, Abort, Autoscale(6)]);
        add("autoscaler/stuck", &json!({}), &[Ship(Version::Stuck(2)), Autoscale(6), UNDO]);
        add("nothing/update", &json!({"replicas": 0}), &[SHIP, Promote, Promote]);
        add("nothing/up", &json!({"replicas": 0}), &[SHIP, Scale(4)]);
        add("to nothing/pausing", &json!({}), &[SHIP, Scale(0), Scale(4), PromoteFull]);
        add("no number/update", &json!({"replicas": null}), &[SHIP, Promote, Promote]);
        add("ready later/update", &json!({"minReadySeconds": 1}), &[SHIP, Promote, Promote]);
        let percent = json!({"replicaProgressThreshold": {"type": "Percent", "value": 50}});
        all.push(canary(&of("threshold/update"), strategy, percent, &[SHIP, Promote, Promote]));
    }
    all
}

/// How many pods may be more or fewer.
fn fences() -> Vec<Scenario> {
    use Act::*;
    let mut all = Vec::new();
    for (surge, unavailable) in [("1", "0"), ("0", "1"), ("25%", "25%"), ("100%", "0"), ("0", "100%"), ("50%", "1")] {
        let number = |text: &str| text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number));
        for (steps, list) in [("w25,w75", weights(&[25, 75])), ("none", Value::Null)] {
            let fields = json!({"maxSurge": number(surge), "maxUnavailable": number(unavailable), "steps": list});
            let title = |action: &str| format!("surge {surge},unavailable {unavailable}/{steps}/{action}");
            let mut add = |action: &str, acts: &[Act]| {
                all.push(canary(&title(action), Strategy::Basic, fields.clone(), acts));
            };
            add("update", &[SHIP, Promote, Promote]);
            add("abort", &[SHIP, Promote, Abort]);
            add("stuck,undo", &[Ship(Version::Stuck(2)), UNDO]);
        }
    }
    all
}

/// Services that take turns.
fn ping_pong() -> Vec<Scenario> {
    use Act::*;
    let fields = json!({
        "stableService": null, "canaryService": null, "pingPong": {"pingService": "$R-ping", "pongService": "$R-pong"},
    });
    let of = |action: &str, acts: &[Act]| {
        let mut scenario = canary(&format!("ping pong/{action}"), Strategy::Basic, fields.clone(), acts);
        scenario.others = vec![service("$R-ping"), service("$R-pong")];
        scenario
    };
    vec![of("update,back", &[SHIP, Promote, Promote, UNDO, PromoteFull]), of("abort", &[SHIP, Promote, Abort])]
}

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    [routed(), of_any_canary(), fences(), ping_pong()].concat()
}
