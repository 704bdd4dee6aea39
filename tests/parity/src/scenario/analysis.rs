//! Analysis of canaries and of blue/green: where it runs x what it finds x what is done meanwhile. Its metrics ask a server of the player's own, or
//! are Jobs.

use serde_json::{Value, json};

use super::{Act, Scenario, Strategy, Version};

/// Measurements of the server that pass, fail, or say neither.
const PASS: Act = Act::Measure(Some(10));
const FAIL: Act = Act::Measure(Some(-1));
const UNSURE: Act = Act::Measure(Some(1));
const ERROR: Act = Act::Measure(None);

/// A metric that asks the server, with further fields.
fn web(name: &str, fields: Value) -> Value {
    let mut metric = json!({
        "name": name,
        "successCondition": "result >= 10",
        "failureCondition": "result < 0",
        "provider": {"web": {"url": "http://$WEB/$NS/$R", "jsonPath": "{$.value}"}},
    });
    if let (Value::Object(metric), Value::Object(fields)) = (&mut metric, fields) {
        metric.extend(fields);
    }
    metric
}

/// A metric that is a Job; one that fails has a pod that no node takes.
fn job(name: &str, passes: bool) -> Value {
    let os = if passes { "linux" } else { "none" };
    let pod = json!({
        "nodeSelector": {"kubernetes.io/os": os}, "restartPolicy": "Never",
        "containers": [{"name": "check", "image": "serinus/web:1.0.0"}],
    });
    let mut spec = json!({"backoffLimit": 0, "template": {"spec": pod}});
    if !passes {
        spec["activeDeadlineSeconds"] = json!(1);
    }
    json!({"name": name, "provider": {"job": {"spec": spec}}})
}

/// A metric whose Job never ends.
fn slow_job(name: &str) -> Value {
    let mut metric = job(name, false);
    if let Some(spec) = metric["provider"]["job"]["spec"].as_object_mut() {
        spec.remove("activeDeadlineSeconds");
    }
    metric
}

fn template(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
        "metadata": {"name": format!("$R-{name}")}, "spec": spec,
    })
}

/// All templates: each scenario has its own.
fn templates() -> Vec<Value> {
    let metrics = |metrics: Vec<Value>| json!({"metrics": metrics});
    let of = |name: &str, fields: Value| template(name, metrics(vec![web(name, fields)]));
    let argued = json!({
        "args": [{"name": "path"}, {"name": "wanted", "value": "10"}],
        "metrics": [{
            "name": "argued", "successCondition": "result >= {{args.wanted}}",
            "provider": {"web": {"url": "http://$WEB/$NS/{{args.path}}", "jsonPath": "{$.value}"}},
        }],
    });
    vec![
        of("once", json!({})),
        of("thrice", json!({"interval": "1s", "count": 3, "failureLimit": 1})),
        of("lasting", json!({"interval": "1s", "count": 1000})),
        of("endless", json!({"interval": "1s"})),
        of("patient", json!({"interval": "1s", "initialDelay": "4s"})),
        of("hasty", json!({"consecutiveErrorLimit": 0})),
        of("tolerant", json!({"interval": "1s", "count": 3, "failureLimit": 3, "inconclusiveLimit": 3})),
        template(
            "dry",
            json!({"metrics": [web("dry", json!({})), web("real", json!({"failureLimit": 1, "count": 1}))],
            "dryRun": [{"metricName": "dry"}]}),
        ),
        template("argued", argued),
        template("job", metrics(vec![job("job", true)])),
        template("bad-job", metrics(vec![job("job", false)])),
        template("slow-job", metrics(vec![slow_job("job"), web("web", json!({}))])),
        template("both", metrics(vec![job("job", true), web("web", json!({}))])),
    ]
}

/// A reference to a template.
fn run(name: &str) -> Value {
    json!({"templates": [{"templateName": format!("$R-{name}")}]})
}

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
        add(site, "once", auto(), "unsure", &[UNSURE, SHIP]);
        add(site, "once", auto(), "unsure,promote", &[UNSURE, SHIP, Promote]);
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
