//! Experiments and AnalysisRuns that nobody but a person made: fields x what they find x what is done meanwhile. A Rollout without pods stands beside
//! them, because every play has one.

use serde_json::{Value, json};

use super::judges::{ERROR, FAIL, PASS, UNSURE, job, templates, web};
use super::{Act, Scenario, Strategy, Version};
use crate::manifests;

fn scenario(title: &str, object: Value, before: &[Act], after: &[Act]) -> Scenario {
    let mut others = templates();
    // What the arguments of a run may come from.
    others.push(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "$R-secret"}, "stringData": {"path": "$R"},
    }));
    Scenario {
        title: format!("alone/{title}"),
        strategy: Strategy::Basic,
        spec: json!({"replicas": 0}),
        others,
        script: [&[Act::Apply], before, &[Act::Create(object)], after, &[Act::Linger]].concat(),
    }
}

/// A set of pods with a label of its own, and further fields.
fn set(name: &str, version: Version, fields: Value) -> Value {
    let app = format!("$R-{name}");
    let mut set = json!({
        "name": name, "selector": {"matchLabels": {"app": app}}, "template": manifests::template(&app, version),
    });
    if let (Value::Object(set), Value::Object(fields)) = (&mut set, fields) {
        set.extend(fields);
    }
    set
}

/// Two sets, each with these fields.
fn sets(fields: Value) -> Value {
    json!([set("old", Version::Good(1), fields.clone()), set("new", Version::Good(2), fields)])
}

/// An Experiment of two sets, with further fields.
fn experiment(fields: Value) -> Value {
    let mut spec = json!({"templates": sets(json!({}))});
    if let (Value::Object(spec), Value::Object(fields)) = (&mut spec, fields) {
        spec.extend(fields);
    }
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Experiment", "metadata": {"name": "$R-trial"}, "spec": spec})
}

fn analysis(name: &str, template: &str, required: bool) -> Value {
    let mut analysis = json!({"name": name, "templateName": format!("$R-{template}")});
    if required {
        analysis["requiredForCompletion"] = json!(true);
    }
    analysis
}

fn required(template: &str) -> Value {
    json!({"analyses": [analysis("verdict", template, true)]})
}

fn judged_for(duration: &str, template: &str) -> Value {
    json!({"duration": duration, "analyses": [analysis("verdict", template, false)]})
}

/// How it ends by itself, or by somebody.
fn lives() -> Vec<Scenario> {
    use Act::*;
    let stuck = |deadline: i32, more: Value| {
        let mut fields = json!({"progressDeadlineSeconds": deadline, "duration": "2s"});
        fields["templates"] = json!([set("old", Version::Good(1), json!({})), set("new", Version::Stuck(2), more)]);
        fields
    };
    let mut all = Vec::new();
    let mut add = |name: &str, fields: Value, before: &[Act], after: &[Act]| {
        all.push(scenario(&format!("experiment/{name}"), experiment(fields), before, after));
    };
    add("endless", json!({}), &[], &[]);
    add("endless,end", json!({}), &[], &[EndExperiments]);
    add("endless,end,retry", json!({}), &[], &[EndExperiments, RetryExperiments]);
    add("2s", json!({"duration": "2s"}), &[], &[]);
    add("2s,retry", json!({"duration": "2s"}), &[], &[RetryExperiments]);
    add("2s,no delay", json!({"duration": "2s", "scaleDownDelaySeconds": 0}), &[], &[]);
    add("2s,no delay,retry", json!({"duration": "2s", "scaleDownDelaySeconds": 0}), &[], &[RetryExperiments]);
    add("2s,delay 5", json!({"duration": "2s", "scaleDownDelaySeconds": 5}), &[], &[]);
    add("ended at once", json!({"terminate": true}), &[], &[]);
    add("one stuck", stuck(5, json!({})), &[], &[]);
    add("one stuck,end", stuck(600, json!({})), &[], &[EndExperiments]);
    add("one stuck,retry", stuck(5, json!({})), &[], &[RetryExperiments]);
    add("one stuck,service", stuck(5, json!({"service": {}})), &[], &[]);
    for (template, outcome, before, after) in [
        ("once", "pass", vec![], vec![]),
        ("once", "fail", vec![FAIL], vec![]),
        ("once", "fail,retry", vec![FAIL], vec![PASS, RetryExperiments]),
        ("once", "unsure", vec![UNSURE], vec![]),
        ("hasty", "error", vec![ERROR], vec![]),
        ("thrice", "pass", vec![], vec![]),
        ("thrice", "fail", vec![FAIL], vec![]),
        ("lasting", "fail", vec![], vec![FAIL]),
        ("lasting", "terminate", vec![], vec![Terminate]),
        ("lasting", "end", vec![], vec![EndExperiments]),
        ("patient", "fail", vec![FAIL], vec![]),
        ("job", "pass", vec![], vec![]),
        ("bad-job", "fail", vec![], vec![]),
        ("none", "missing", vec![], vec![]),
    ] {
        add(&format!("required {template}/{outcome}"), required(template), &before, &after);
    }
    for (template, outcome, before, after) in [
        ("once", "pass", vec![], vec![]),
        ("once", "fail", vec![FAIL], vec![]),
        ("once", "unsure", vec![UNSURE], vec![]),
        ("endless", "pass", vec![], vec![]),
        ("endless", "fail", vec![], vec![FAIL]),
        ("none", "missing", vec![], vec![]),
    ] {
        add(&format!("4s,{template}/{outcome}"), judged_for("4s", template), &before, &after);
    }
    add("once without an end/pass", json!({"analyses": [analysis("verdict", "once", false)]}), &[], &[EndExperiments]);
    all
}

/// What else it can have, and what is wrong with it.
fn fields() -> Vec<Scenario> {
    let for_a_while = |templates: Value| json!({"duration": "2s", "templates": templates});
    let one = |fields: Value| json!([set("new", Version::Good(2), fields)]);
    let twice = json!([set("old", Version::Good(1), json!({})), set("old", Version::Good(2), json!({}))]);
    let argued = |value: &str| {
        let mut fields = required("argued");
        fields["analyses"][0]["args"] = json!([{"name": "path", "value": value}]);
        fields
    };
    let mut two = json!({"analyses": [analysis("short", "once", true), analysis("long", "endless", false)]});
    let both = two.clone();
    two["analyses"][1]["requiredForCompletion"] = json!(true);
    two["analyses"][1]["templateName"] = json!("$R-thrice");
    let mut dry = required("thrice");
    dry["dryRun"] = json!([{"metricName": "thrice"}]);
    let mut told = required("once");
    told["analysisRunMetadata"] = json!({"labels": {"of": "experiment"}, "annotations": {"told": "run"}});
    let mut kept = required("thrice");
    kept["measurementRetention"] = json!([{"metricName": "thrice", "limit": 2}]);
    [
        ("three pods each", for_a_while(sets(json!({"replicas": 3})))),
        ("no pods", for_a_while(sets(json!({"replicas": 0})))),
        ("ready later", for_a_while(sets(json!({"minReadySeconds": 1})))),
        ("service", for_a_while(sets(json!({"service": {}})))),
        ("named service", for_a_while(one(json!({"service": {"name": "$R-own"}})))),
        ("service of another", for_a_while(one(json!({"service": {"name": "$R-stable"}})))),
        ("one set", for_a_while(one(json!({})))),
        ("one name twice", for_a_while(twice)),
        ("empty selector", for_a_while(one(json!({"selector": {}})))),
        ("selector of another", for_a_while(one(json!({"selector": {"matchLabels": {"app": "other"}}})))),
        ("deadline before ready", {
            let mut fields = for_a_while(sets(json!({"minReadySeconds": 9})));
            fields["progressDeadlineSeconds"] = json!(5);
            fields
        }),
        ("argued", argued("$R")),
        ("argued by a template", argued("{{templates.new.replicaset.name}}")),
        ("two required", two),
        ("one of two required", both),
        ("dry", dry),
        ("metadata of the run", told),
        ("kept measurements", kept),
    ]
    .into_iter()
    .map(|(name, fields)| scenario(&format!("experiment/{name}"), experiment(fields), &[], &[]))
    .collect()
}

/// A run of these metrics, with further fields.
fn run(metrics: &[Value], fields: Value) -> Value {
    let mut spec = json!({"metrics": metrics});
    if let (Value::Object(spec), Value::Object(fields)) = (&mut spec, fields) {
        spec.extend(fields);
    }
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": "$R-run"}, "spec": spec})
}

fn runs() -> Vec<Scenario> {
    use Act::*;
    let mut all = Vec::new();
    let mut add = |name: &str, metrics: &[Value], fields: Value, before: &[Act], after: &[Act]| {
        all.push(scenario(&format!("run/{name}"), run(metrics, fields), before, after));
    };
    let thrice = || json!({"interval": "1s", "count": 3, "failureLimit": 1});
    let lasting = || json!({"interval": "1s", "count": 1000});
    let none = || json!({});
    for (outcome, act) in [("pass", PASS), ("fail", FAIL), ("unsure", UNSURE)] {
        add(&format!("once/{outcome}"), &[web("m", none())], none(), std::slice::from_ref(&act), &[]);
        add(&format!("thrice/{outcome}"), &[web("m", thrice())], none(), std::slice::from_ref(&act), &[]);
    }
    add("hasty/error", &[web("m", json!({"consecutiveErrorLimit": 0}))], none(), &[ERROR], &[]);
    add("lasting/terminate", &[web("m", lasting())], none(), &[], &[Terminate]);
    add("lasting/fail", &[web("m", lasting())], none(), &[], &[FAIL]);
    add("endless/terminate", &[web("m", json!({"interval": "1s"}))], none(), &[], &[Terminate]);
    add("endless/unsure", &[web("m", json!({"interval": "1s"}))], none(), &[], &[UNSURE]);
    add("patient/pass", &[web("m", json!({"initialDelay": "3s"}))], none(), &[], &[]);
    add("patient/terminate", &[web("m", json!({"initialDelay": "300s"}))], none(), &[], &[Terminate]);
    add("ended at once", &[web("m", none())], json!({"terminate": true}), &[], &[]);
    add("dry/fail", &[web("m", none()), web("n", thrice())], json!({"dryRun": [{"metricName": "m"}]}), &[FAIL], &[]);
    add("all dry/fail", &[web("m", none())], json!({"dryRun": [{"metricName": ".*"}]}), &[FAIL], &[]);
    add(
        "kept/pass",
        &[web("m", thrice())],
        json!({"measurementRetention": [{"metricName": "m", "limit": 1}]}),
        &[],
        &[],
    );
    add(
        "in a row/pass",
        &[web("m", json!({"interval": "1s", "consecutiveSuccessLimit": 2, "failureLimit": -1}))],
        none(),
        &[],
        &[],
    );
    add("unlimited/fail", &[web("m", json!({"interval": "1s", "count": 3, "failureLimit": 3}))], none(), &[FAIL], &[]);
    add("job/pass", &[job("m", true)], none(), &[], &[]);
    add("job/fail", &[job("m", false)], none(), &[], &[]);
    add("both/pass", &[job("m", true), web("n", none())], none(), &[], &[]);
    add("both/fail", &[web("m", none()), web("n", lasting())], none(), &[FAIL], &[]);
    let asks = |path: &str| {
        let provider = json!({"web": {"url": format!("http://$WEB/$NS/{path}"), "jsonPath": "{$.value}"}});
        web("m", json!({"provider": provider}))
    };
    let from = |arg: Value| json!({"args": [arg]});
    add("argued/pass", &[asks("{{args.path}}")], from(json!({"name": "path", "value": "$R"})), &[], &[]);
    add("argued by none", &[asks("{{args.path}}")], from(json!({"name": "path"})), &[], &[]);
    add("argued by another", &[asks("{{args.path}}")], from(json!({"name": "other", "value": "$R"})), &[], &[]);
    let secret = |name: &str, key: &str| {
        from(json!({"name": "path", "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}))
    };
    add("secret/pass", &[asks("{{args.path}}")], secret("$R-secret", "path"), &[], &[]);
    add("secret/missing", &[asks("{{args.path}}")], secret("$R-none", "path"), &[], &[]);
    add("secret/missing key", &[asks("{{args.path}}")], secret("$R-secret", "other"), &[], &[]);
    for (name, metric) in [
        ("success alone/unsure", json!({"failureCondition": null})),
        ("failure alone/unsure", json!({"successCondition": null})),
        ("no condition", json!({"successCondition": null, "failureCondition": null})),
        ("nonsense", json!({"successCondition": "result ="})),
        ("of another type", json!({"successCondition": "result.x == 1"})),
        ("both hold", json!({"successCondition": "true", "failureCondition": "true"})),
    ] {
        add(&format!("conditions/{name}"), &[web("m", metric)], none(), &[UNSURE], &[]);
    }
    for (name, metric) in [
        ("interval", json!({"interval": "soon"})),
        ("delay", json!({"initialDelay": "soon"})),
        ("count without interval", json!({"count": 2})),
        ("limits", json!({"interval": "1s", "count": 1, "failureLimit": 2})),
        ("negative limit", json!({"failureLimit": -2})),
        ("no provider", json!({"provider": {}})),
        (
            "two providers",
            json!({"provider": {"web": {"url": "http://$WEB/"}, "prometheus": {"address": "http://$WEB", "query": "up"}}}),
        ),
    ] {
        add(&format!("invalid/{name}"), &[web("m", metric)], none(), &[], &[]);
    }
    add("invalid/no metrics", &[], none(), &[], &[]);
    add("invalid/one name twice", &[web("m", none()), web("m", none())], none(), &[], &[]);
    add("invalid/dry run of none", &[web("m", none())], json!({"dryRun": [{"metricName": "x"}]}), &[], &[]);
    all
}

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    [lives(), fields(), runs()].concat()
}
