//! AnalysisRuns, both kinds of AnalysisTemplate and Experiments that nobody would write.

use crate::choices::{Choices, break_one, names};
use crate::schema;
use crate::world::{World, start, template};
use jiff::SignedDuration;
use serde_json::{Value, json};
use serinus_decide::{Op, Verdict, analysis, experiment};
use serinus_wire::{AnalysisRun, AnalysisTemplate, Experiment, crd};
use std::sync::LazyLock;

/// A spec that the definition allows, and which of its fields was made wrong.
fn spec(definition: &Value, seed: u64, broken: bool) -> (Value, Option<String>) {
    let schema = schema(definition, "spec");
    let mut choices = Choices::new(seed, false);
    let mut spec = choices.value(&schema, 0);
    // What is to end anyway may, whatever it says.
    spec.as_object_mut().unwrap().remove("terminate");
    let path = if broken { break_one(&mut choices, &schema, &mut spec, "spec") } else { None };
    (spec, path)
}

fn object(spec: &Value) -> Value {
    json!({"metadata": {"name": "x", "namespace": "shop", "uid": "uid-x", "resourceVersion": "1",
        "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": spec})
}

/// An AnalysisRun, looked at a few times. A broken one ends and says why.
pub fn run(seed: u64, broken: bool) -> bool {
    static DEFINITION: LazyLock<Value> = LazyLock::new(crd::analysis_run);
    let (spec, path) = spec(&DEFINITION, seed, broken);
    let mut seen = analysis::Seen { run: AnalysisRun::read(&object(&spec)).unwrap(), ..analysis::Seen::default() };
    let mut now = start();
    for _ in 0..4 {
        let decision = analysis::decide(&seen, now);
        for write in decision.plan.writes() {
            if let Op::Patch(patch) = &write.op {
                let findings = std::mem::take(&mut seen.run.findings);
                seen.run = crate::world::patched(&seen.run, patch);
                seen.run.findings = findings;
            }
        }
        let answer = |ask: &analysis::Ask| analysis::Answer {
            metric: ask.metric.clone(),
            started_at: now,
            finished_at: now,
            result: Err("nobody answers".to_string()),
        };
        seen.answers = decision.asks.iter().map(answer).collect();
        now += SignedDuration::from_secs(10);
    }
    let Some(path) = path else { return !broken };
    let status = &seen.run.status;
    assert!(names(&status.message, &path), "{path} is not named: {:?}\n{spec}", status.message);
    assert!(status.phase.is_some_and(|phase| phase.is_completed()), "{spec}");
    true
}

/// A template that a Rollout names for its canary. When it is broken, the Rollout says why, and is left alone.
pub fn analysis_template(seed: u64, broken: bool, cluster: bool) -> bool {
    static DEFINITION: LazyLock<Value> = LazyLock::new(crd::analysis_template);
    static WIDE: LazyLock<Value> = LazyLock::new(crd::cluster_analysis_template);
    let (spec, path) = spec(if cluster { &WIDE } else { &DEFINITION }, seed, broken);
    let analysis = json!({"templates": [{"templateName": "x", "clusterScope": cluster}]});
    let mut world = World::new(
        json!({
            "replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template("web:1"),
            "strategy": {"canary": {"analysis": analysis, "steps": [{"setWeight": 50}, {"pause": {}}]}},
        }),
        &[],
    );
    let read = AnalysisTemplate::read(&object(&spec)).unwrap();
    let templates = if cluster { &mut world.seen.cluster_templates } else { &mut world.seen.templates };
    templates.insert("x".to_string(), read);
    world.run();
    let Some(path) = path else { return !broken };
    let plan = world.plan();
    let mut refused = plan.report.lines.iter().filter(|line| line.verdict == Verdict::Refused);
    assert!(refused.any(|line| names(&line.text, &path)), "{path} is not named: {}\n{spec}", plan.report);
    assert!(world.sizes().is_empty(), "it is left alone");
    true
}

/// An Experiment, looked at once. A broken one says why, and starts nothing.
pub fn experiment(seed: u64, broken: bool) -> bool {
    static DEFINITION: LazyLock<Value> = LazyLock::new(crd::experiment);
    let (spec, path) = spec(&DEFINITION, seed, broken);
    let experiment = Experiment::read(&object(&spec)).unwrap();
    let plan = experiment::decide(&experiment::Seen { experiment, ..experiment::Seen::default() }, start());
    let Some(path) = path else { return !broken };
    let text = serde_json::to_string(&plan).unwrap();
    assert!(names(&text, &path), "{path} is not named: {}\n{spec}", plan.report);
    assert!(plan.writes().all(|write| matches!(write.op, Op::Patch(_))), "{text}");
    true
}
