//! Experiments that a step of a canary starts: what is tried x how it is judged x what is done meanwhile.

use serde_json::{Value, json};

use super::judges::{ERROR, FAIL, PASS, templates};
use super::{Act, Scenario, Strategy, Version};

const SHIP: Act = Act::Ship(Version::Good(2));

/// A step that tries one pod of each version, with further fields.
fn tried(fields: Value) -> Value {
    let mut experiment = json!({"templates": [
        {"name": "before", "specRef": "stable"},
        {"name": "after", "specRef": "canary"},
    ]});
    if let (Value::Object(experiment), Value::Object(fields)) = (&mut experiment, fields) {
        experiment.extend(fields);
    }
    json!({"experiment": experiment})
}

/// Judged by a template, without whose verdict it does not end.
fn required(template: &str) -> Value {
    json!({"analyses": [{"name": "verdict", "templateName": format!("$R-{template}"), "requiredForCompletion": true}]})
}

/// Judged by a template, and over after a time.
fn judged_for(duration: &str, template: &str) -> Value {
    json!({"duration": duration, "analyses": [{"name": "verdict", "templateName": format!("$R-{template}")}]})
}

/// A canary with an experiment between two weights.
fn between(strategy: Strategy, name: &str, fields: Value, action: &str, acts: &[Act]) -> Scenario {
    let steps = json!([{"setWeight": 25}, tried(fields), {"setWeight": 50}, {"pause": {}}]);
    of_steps(strategy, &format!("{name}/{action}"), steps, acts)
}

fn of_steps(strategy: Strategy, title: &str, steps: Value, acts: &[Act]) -> Scenario {
    Scenario {
        title: format!("experiment/{strategy:?}/{title}").to_lowercase(),
        strategy,
        spec: json!({"strategy": {"canary": {"steps": steps}}}),
        others: templates(),
        script: [&[Act::Apply], acts, &[Act::Linger]].concat(),
    }
}

/// What is done while an experiment goes on.
fn meanwhile() -> Vec<(&'static str, Vec<Act>)> {
    use Act::*;
    use Version::*;
    vec![
        ("promote", vec![SHIP, Promote, PromoteFull]),
        ("full", vec![SHIP, PromoteFull]),
        ("abort", vec![SHIP, Abort]),
        ("abort,retry,full", vec![SHIP, Abort, Retry, PromoteFull]),
        ("abort,undo", vec![SHIP, Abort, Ship(Good(1))]),
        ("third", vec![SHIP, Ship(Good(3)), PromoteFull]),
        ("third,second", vec![SHIP, Ship(Good(3)), SHIP, PromoteFull]),
        ("undo", vec![SHIP, Ship(Good(1))]),
        ("pause,unpause", vec![SHIP, Pause, Unpause, PromoteFull]),
        ("up", vec![SHIP, Scale(7), PromoteFull]),
        ("end", vec![SHIP, EndExperiments, PromoteFull]),
    ]
}

/// How experiments end by what they find. One that can't tell is not among them: the Argo controller starts one after the other then, and never rests.
fn verdicts(strategy: Strategy) -> Vec<Scenario> {
    use Act::*;
    let third = Ship(Version::Good(3));
    let mut all = Vec::new();
    for (template, outcome, acts) in [
        ("once", "pass", vec![SHIP, PromoteFull]),
        ("once", "fail", vec![FAIL, SHIP]),
        ("once", "fail,retry", vec![FAIL, SHIP, PASS, Retry, PromoteFull]),
        ("once", "fail,third", vec![FAIL, SHIP, PASS, third, PromoteFull]),
        ("once", "fail,undo", vec![FAIL, SHIP, Ship(Version::Good(1))]),
        ("hasty", "error", vec![ERROR, SHIP]),
        ("thrice", "pass", vec![SHIP, PromoteFull]),
        ("thrice", "fail", vec![FAIL, SHIP]),
        ("lasting", "fail", vec![SHIP, FAIL]),
        ("lasting", "terminate", vec![SHIP, Terminate, PromoteFull]),
        ("job", "pass", vec![SHIP, PromoteFull]),
        ("bad-job", "fail", vec![SHIP]),
        ("both", "pass", vec![SHIP, PromoteFull]),
    ] {
        all.push(between(strategy, &format!("required {template}"), required(template), outcome, &acts));
    }
    for (template, outcome, acts) in [
        ("once", "pass", vec![SHIP, PromoteFull]),
        ("once", "fail", vec![FAIL, SHIP]),
        ("endless", "pass", vec![SHIP, PromoteFull]),
        ("endless", "fail", vec![SHIP, FAIL]),
    ] {
        all.push(between(strategy, &format!("4s,{template}"), judged_for("4s", template), outcome, &acts));
    }
    all
}

/// What an experiment can have besides.
fn fields(strategy: Strategy) -> Vec<Scenario> {
    use Act::*;
    let named = |name: &str, more: Value| {
        let mut template = json!({"name": name, "specRef": if name == "before" { "stable" } else { "canary" }});
        if let (Value::Object(template), Value::Object(more)) = (&mut template, more) {
            template.extend(more);
        }
        template
    };
    let of_both =
        |more: Value| json!({"duration": "2s", "templates": [named("before", more.clone()), named("after", more)]});
    let metadata = json!({"metadata": {"labels": {"role": "tried"}, "annotations": {"told": "tried"}}});
    let argued = json!([
        {"name": "path", "value": "$R"},
        {"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}},
    ]);
    let argued = json!({"analyses": [
        {"name": "verdict", "templateName": "$R-argued", "args": argued, "requiredForCompletion": true},
    ]});
    let two = json!({"analyses": [
        {"name": "short", "templateName": "$R-once", "requiredForCompletion": true},
        {"name": "long", "templateName": "$R-endless"},
    ]});
    let mut dry = required("thrice");
    dry["dryRun"] = json!([{"metricName": "thrice"}]);
    let mut of_whom = required("once");
    of_whom["analysisRunMetadata"] = json!({"labels": {"of": "experiment"}, "annotations": {"told": "run"}});
    [
        ("2s", json!({"duration": "2s"})),
        ("2s,no delay", json!({"duration": "2s", "scaleDownDelaySeconds": 0})),
        ("2s,delay 5", json!({"duration": "2s", "scaleDownDelaySeconds": 5})),
        ("two pods each", of_both(json!({"replicas": 2}))),
        ("metadata", of_both(metadata)),
        ("service", of_both(json!({"service": {}}))),
        ("selector", of_both(json!({"selector": {"matchLabels": {"app": "$R"}}}))),
        ("canary alone", json!({"duration": "2s", "templates": [named("after", json!({}))]})),
        ("argued", argued),
        ("two analyses", two),
        ("dry", dry),
        ("metadata of the run", of_whom),
        ("no such analysis", required("none")),
        ("weighted", of_both(json!({"weight": 10}))),
    ]
    .into_iter()
    .map(|(name, fields)| between(strategy, name, fields, "update", &[SHIP, PromoteFull]))
    .collect()
}

/// A version that never comes up, tried before it gets any weight.
fn stuck(strategy: Strategy) -> Vec<Scenario> {
    use Act::*;
    let stuck = || Ship(Version::Stuck(2));
    let mut all = Vec::new();
    for (name, deadline) in [("deadline 5", json!(5)), ("late", Value::Null)] {
        for (action, acts) in [
            ("wait", vec![stuck()]),
            ("undo", vec![stuck(), Ship(Version::Good(1))]),
            ("third", vec![stuck(), Ship(Version::Good(3)), PromoteFull]),
            ("abort", vec![stuck(), Abort]),
        ] {
            let steps = json!([tried(json!({"duration": "2s"})), {"setWeight": 50}, {"pause": {}}]);
            let mut scenario = of_steps(strategy, &format!("stuck,{name}/{action}"), steps, &acts);
            if !deadline.is_null() {
                scenario.spec["progressDeadlineSeconds"] = deadline.clone();
            }
            all.push(scenario);
        }
    }
    all
}

/// Two experiments, one after the other, and many of them.
fn several(strategy: Strategy) -> Vec<Scenario> {
    let steps = json!([tried(required("once")), {"setWeight": 25}, tried(json!({"duration": "2s"})), {"pause": {}}]);
    let twice = of_steps(strategy, "twice/update", steps.clone(), &[SHIP, Act::PromoteFull]);
    let acts = [
        SHIP,
        Act::PromoteFull,
        FAIL,
        Act::Ship(Version::Good(3)),
        PASS,
        Act::Ship(Version::Good(4)),
        Act::PromoteFull,
    ];
    let mut kept = of_steps(strategy, "kept/one of each", steps, &acts);
    kept.spec["analysis"] = json!({"successfulRunHistoryLimit": 1, "unsuccessfulRunHistoryLimit": 1});
    vec![twice, kept]
}

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    for strategy in [Strategy::Basic, Strategy::Nginx] {
        for (name, fields) in [("endless", json!({})), ("lasting", required("lasting"))] {
            for (action, acts) in meanwhile() {
                all.push(between(strategy, name, fields.clone(), action, &acts));
            }
        }
        all.extend([verdicts(strategy), fields(strategy), stuck(strategy), several(strategy)].concat());
    }
    all
}
