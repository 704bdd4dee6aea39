//! What judges: metrics that ask a server of the player's own or are Jobs, and the AnalysisTemplates that every scenario with a judgement has.

use serde_json::{Value, json};

use super::Act;

/// From now on the server lets a measurement pass.
pub const PASS: Act = Act::Measure(Some(10));
/// From now on it lets one fail.
pub const FAIL: Act = Act::Measure(Some(-1));
/// From now on what it says is neither good nor bad.
pub const UNSURE: Act = Act::Measure(Some(1));
/// From now on it answers with an error of its own.
pub const ERROR: Act = Act::Measure(None);

/// A metric that asks the server, with further fields.
pub fn web(name: &str, fields: Value) -> Value {
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
pub fn job(name: &str, passes: bool) -> Value {
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
pub fn slow_job(name: &str) -> Value {
    let mut metric = job(name, false);
    if let Some(spec) = metric["provider"]["job"]["spec"].as_object_mut() {
        spec.remove("activeDeadlineSeconds");
    }
    metric
}

/// An AnalysisTemplate.
pub fn template(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
        "metadata": {"name": format!("$R-{name}")}, "spec": spec,
    })
}

/// All templates: each scenario has its own.
pub fn templates() -> Vec<Value> {
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
pub fn run(name: &str) -> Value {
    json!({"templates": [{"templateName": format!("$R-{name}")}]})
}
