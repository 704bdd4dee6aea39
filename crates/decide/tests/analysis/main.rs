//! AnalysisRuns: tables and laws over whole runs, with the outside world played by the test.

#![allow(clippy::unwrap_used)]

mod jobs;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use serinus_decide::analysis::{Answer, Decision, Reading, Seen, decide};
use serinus_decide::{Act, Guard, Kind, Op};
use serinus_gocompat::expr::Value;
use serinus_wire::AnalysisRun;
use serinus_wire::analysis::{Phase, SecretKeyRef};
use serinus_wire::k8s::{Job, JobCondition};

const UID: &str = "5f0c1a0e-7b1a-4f6e-9a63-1b2f4f7d9c11";

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn run(spec: Json) -> AnalysisRun {
    let metadata = json!({"name": "r", "namespace": "n", "uid": UID, "resourceVersion": "1"});
    AnalysisRun::read(&json!({"metadata": metadata, "spec": spec})).unwrap()
}

fn web(name: &str) -> Json {
    json!({"name": name, "provider": {"web": {"url": "http://h/"}}})
}

/// A world with one run in it. Each measurement gets the next of `readings`; when they end, the provider is out of reach.
struct World {
    seen: Seen,
    now: Timestamp,
    readings: Vec<f64>,
    events: Vec<String>,
    measured: Vec<(i64, String)>,
}

impl World {
    fn new(spec: Json, readings: &[f64]) -> World {
        let seen = Seen { run: run(spec), ..Seen::default() };
        World { seen, now: start(), readings: readings.to_vec(), events: Vec::new(), measured: Vec::new() }
    }

    /// One look, carried out. Says whether anything was written, and when to look again.
    fn look(&mut self) -> Decision {
        let decision = decide(&self.seen, self.now);
        self.seen.answers.clear();
        for act in &decision.plan.acts {
            match act {
                Act::Note(note) | Act::NoteOwner(note) => self.events.push(note.reason.clone()),
                Act::Write(write) => {
                    assert!(matches!(write.guard, Guard::Is { .. }) || matches!(write.op, Op::Create(_)), "{write:?}");
                    self.carry_out(write.target.kind, &write.target.name, &write.op);
                }
            }
        }
        for ask in &decision.asks {
            self.seen.asked.insert(ask.metric.clone());
        }
        decision
    }

    /// One look whose decision nobody asks about.
    fn step(&mut self) {
        drop(self.look());
    }

    fn carry_out(&mut self, kind: Kind, name: &str, op: &Op) {
        match (kind, op) {
            (Kind::AnalysisRun, Op::Patch(patch)) => {
                let mut object = json!(self.seen.run);
                merge(&mut object, patch);
                self.seen.run = AnalysisRun::read(&object).unwrap();
            }
            (Kind::Job, Op::Create(object)) => {
                let metadata = serde_json::from_value(object["metadata"].clone()).unwrap();
                self.seen.jobs.push(Job { metadata, ..Job::default() });
            }
            (Kind::Job, Op::Delete) => self.seen.jobs.retain(|job| job.metadata.name != name),
            other => panic!("unexpected {other:?}"),
        }
    }

    /// All that was asked is answered.
    fn answer(&mut self) {
        for metric in std::mem::take(&mut self.seen.asked) {
            self.measured.push((self.now.duration_since(start()).as_secs(), metric.clone()));
            let result = match (!self.readings.is_empty()).then(|| self.readings.remove(0)) {
                Some(number) => {
                    Ok(Reading { result: Value::Float(number), value: number.to_string(), ..Reading::default() })
                }
                None => Err("connection refused".to_string()),
            };
            self.seen.answers.push(Answer { metric, started_at: self.now, finished_at: self.now, result });
        }
    }

    /// Looks, answers and waits until the run is over, or there is nothing to wait for, or two hours have gone.
    fn finish(mut self) -> World {
        let end = start() + SignedDuration::from_hours(2);
        for _ in 0..2_000 {
            let decision = self.look();
            let over = self.phase().is_completed();
            if !self.seen.asked.is_empty() {
                self.answer();
            } else if decision.plan.writes().next().is_some() {
                continue;
            } else {
                match decision.plan.wake.filter(|wake| !over && *wake < end) {
                    Some(wake) => self.now = wake,
                    None => return self,
                }
            }
        }
        panic!("the run does not come to rest: {:?}", self.seen.run.status);
    }

    fn phase(&self) -> Phase {
        self.seen.run.status.phase.unwrap_or_default()
    }
    fn message(&self) -> &str {
        &self.seen.run.status.message
    }
}

fn merge(into: &mut Json, patch: &Json) {
    let Some(patch) = patch.as_object() else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            into.as_object_mut().unwrap().shift_remove(key);
        } else {
            merge(&mut into[key], value);
        }
    }
}

#[test]
fn one_measurement_decides() {
    let table = [
        ("result > 1", 2.0, Phase::Successful, ""),
        ("result > 1", 1.0, Phase::Failed, "Metric \"m\" assessed Failed due to failed (1) > failureLimit (0)"),
    ];
    for (condition, reading, phase, message) in table {
        let mut metric = web("m");
        metric["successCondition"] = json!(condition);
        let world = World::new(json!({"metrics": [metric]}), &[reading]).finish();
        assert_eq!((world.phase(), world.message()), (phase, message));
        assert_eq!(world.events, [format!("Metric{phase}"), format!("AnalysisRun{phase}")]);
        let status = &world.seen.run.status;
        assert!(status.started_at.is_some() && status.completed_at.is_some());
        let summary = status.run_summary.as_ref().unwrap();
        assert_eq!((summary.count, summary.successful + summary.failed), (1, 1));
    }
}

#[test]
fn errors_in_a_row_end_a_run() {
    let world = World::new(json!({"metrics": [web("m")]}), &[]).finish();
    let text = "Metric \"m\" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4): \"Error Message: connection refused\"";
    assert_eq!((world.phase(), world.message()), (Phase::Error, text));
    let times: Vec<i64> = world.measured.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 10, 20, 30, 40]);
}

#[test]
fn intervals_delays_and_counts_set_the_pace() {
    let mut metric = web("m");
    merge(
        &mut metric,
        &json!({"interval": "30s", "count": "{{args.n}}", "initialDelay": "1m", "failureLimit": 1, "successCondition": "result > 1"}),
    );
    let world =
        World::new(json!({"metrics": [metric], "args": [{"name": "n", "value": "3"}]}), &[2.0, 0.0, 2.0]).finish();
    assert_eq!(world.phase(), Phase::Successful);
    assert_eq!(world.measured.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [60, 90, 120]);
}

#[test]
fn one_bad_metric_ends_the_others_and_a_dry_one_does_not_count() {
    let mut bad = web("bad");
    bad["successCondition"] = json!("result > 1");
    let mut long = web("long");
    long["interval"] = json!("10s");
    let world = World::new(json!({"metrics": [bad.clone(), long.clone()]}), &[0.0, 5.0]).finish();
    assert_eq!(world.phase(), Phase::Failed);
    long["count"] = json!(2);
    let spec = json!({"metrics": [bad, long], "dryRun": [{"metricName": "^b"}]});
    let world = World::new(spec, &[0.0, 5.0, 5.0]).finish();
    assert_eq!((world.phase(), world.message()), (Phase::Successful, ""));
    let status = &world.seen.run.status;
    assert_eq!(status.dry_run_summary.as_ref().unwrap().failed, 1);
    assert_eq!(status.metric_results[0].message, "Metric assessed Failed due to failed (1) > failureLimit (0)");
}

#[test]
fn a_terminated_run_ends_with_what_it_has() {
    let mut metric = web("m");
    metric["interval"] = json!("10s");
    let mut world = World::new(json!({"metrics": [metric]}), &[1.0, 1.0]);
    world.step();
    world.answer();
    world.step();
    assert_eq!(world.phase(), Phase::Running);
    world.seen.run.spec.terminate = true;
    let world = world.finish();
    assert_eq!((world.phase(), world.message()), (Phase::Successful, "Run Terminated"));
}

/// What can't be measured says why, in the measurement and in the run, and costs no more than a few looks.
#[test]
fn what_can_not_be_measured_is_said() {
    let condition = |text: &str| {
        let mut metric = web("m");
        metric["successCondition"] = json!(text);
        metric
    };
    let provider = |provider: Json| json!({"name": "m", "provider": provider});
    let table = [
        (condition("result >"), "result >"),
        (condition("result.x > 1"), "result.x > 1"),
        (condition("result + 1"), "result + 1"),
        (provider(json!({"plugin": {"org/check": {"any": 1}}})), "the plugin \"org/check\" is not built in"),
        (provider(json!({"datadog": {"query": "q"}})), "the metric provider datadog is not supported"),
    ];
    for (metric, text) in table {
        let world = World::new(json!({"metrics": [metric]}), &[1.0; 9]).finish();
        assert_eq!(world.phase(), Phase::Error, "{text}");
        assert!(world.message().contains(text), "{}", world.message());
        let measurements = &world.seen.run.status.metric_results[0].measurements;
        assert_eq!(measurements.len(), 5, "{text}");
        assert!(
            measurements.iter().all(|one| one.phase == Phase::Error && one.message.contains(text)),
            "{measurements:?}"
        );
    }
}

/// The API server refuses enormous objects; a run must not stand still because of what a server said.
#[test]
fn enormous_values_and_messages_are_cut() {
    let enormous = "ä".repeat(3 << 20);
    for result in [Ok(Reading { value: enormous.clone(), ..Reading::default() }), Err(enormous)] {
        let mut world = World::new(json!({"metrics": [web("m")]}), &[]);
        world.step();
        world.seen.asked.clear();
        world.seen.answers.push(Answer { metric: "m".into(), started_at: start(), finished_at: start(), result });
        world.step();
        let size = json!(world.seen.run.status).to_string().len();
        assert!((4_000..40_000).contains(&size), "{size}");
        let one = &world.seen.run.status.metric_results[0].measurements[0];
        assert!(one.value.ends_with("ä…") || one.message.ends_with("ä…"));
    }
}

#[test]
fn secrets_are_used_and_never_shown() {
    let mut metric = web("m");
    metric["provider"]["web"]["url"] = json!("http://h/?{{args.s}}");
    let spec =
        json!({"metrics": [metric], "args": [{"name": "s", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]});
    let mut world = World::new(spec.clone(), &[]);
    world.seen.secrets.insert(SecretKeyRef { name: "a".into(), key: "b".into() }, "pass\"word".into());
    let decision = world.look();
    assert_eq!(decision.asks[0].provider.web.as_ref().unwrap().url, "http://h/?pass\"word");
    assert!(!format!("{decision:?}").contains("pass"));
    world.seen.answers.push(Answer {
        metric: "m".into(),
        started_at: start(),
        finished_at: start(),
        result: Err("no way to http://h/?pass\"word".into()),
    });
    world.step();
    assert_eq!(world.seen.run.status.metric_results[0].message, "no way to http://h/?*****");

    let world = World::new(spec, &[]).finish();
    let text = "Unable to resolve metric arguments: key 'b' does not exist in secret 'a' of namespace 'n'";
    assert_eq!((world.phase(), world.message()), (Phase::Error, text));
    assert!(world.seen.run.status.completed_at.is_none());
}

#[test]
fn finished_runs_go_when_their_time_is_over() {
    let mut world =
        World::new(json!({"metrics": [web("m")], "ttlStrategy": {"secondsAfterCompletion": 60}}), &[1.0]).finish();
    let wake = decide(&world.seen, world.now).plan.wake.unwrap();
    assert_eq!(wake, world.now + SignedDuration::from_secs(61));
    world.now = wake;
    let decision = decide(&world.seen, world.now);
    assert!(matches!(decision.plan.writes().next().unwrap().op, Op::Delete));
}

/// What Argo Rollouts says of the same specs; the vectors stand with those of Rollouts.
#[test]
fn a_running_controller_says_the_same_of_bad_specs() {
    let vectors: Json = serde_json::from_str(include_str!("../../../wire/tests/data/validation-vectors.json")).unwrap();
    let mut looked_at = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let note = case["note"].as_str().unwrap();
        // The text of a refused connection is the transport's.
        if !note.starts_with("AnalysisRun: ") || note.ends_with("both off") {
            continue;
        }
        let world = World::new(case["spec"].clone(), &[]).finish();
        assert_eq!(world.phase().as_str(), case["phase"].as_str().unwrap(), "{note}");
        assert_eq!(world.message(), case["message"].as_str().unwrap(), "{note}");
        looked_at += 1;
    }
    assert!(looked_at >= 10);
}

/// The rules of a run that the vectors above leave out.
#[test]
fn each_rule_of_a_run_has_its_text() {
    let with = |fields: Json| {
        let mut metric = web("m");
        merge(&mut metric, &fields);
        json!({"metrics": [metric]})
    };
    let ruled = |field: &str, pattern: &str| {
        let mut spec = json!({"metrics": [web("m")]});
        spec[field] = json!([{"metricName": pattern, "limit": 1}]);
        spec
    };
    let table = [
        (json!({"metrics": []}), "no metrics specified"),
        (with(json!({"consecutiveSuccessLimit": -1})), "metrics[0]: consecutiveSuccessLimit must be >= 0"),
        (with(json!({"inconclusiveLimit": -1})), "metrics[0]: inconclusiveLimit must be >= 0"),
        (
            with(json!({"count": 3, "interval": "1s", "failureLimit": 2, "consecutiveSuccessLimit": 2})),
            "metrics[0]: count (3) must be >= failureLimit + consecutiveSuccessLimit (2 + 2) if both >= 0",
        ),
        (
            with(json!({"count": 1, "failureLimit": -1, "consecutiveSuccessLimit": 2})),
            "metrics[0]: count (1) must be >= consecutiveSuccessLimit (2)",
        ),
        (with(json!({"count": 1, "inconclusiveLimit": 2})), "metrics[0]: count (1) must be >= inconclusiveLimit (2)"),
        (
            with(json!({"initialDelay": "soon"})),
            "metrics[0]: invalid startDelay string: time: invalid duration \"soon\"",
        ),
        (ruled("dryRun", "other"), "dryRun[0]: Rule didn't match any metric name(s)"),
        (ruled("measurementRetention", "other"), "measurementRetention[0]: Rule didn't match any metric name(s)"),
        (ruled("dryRun", "("), "dryRun[0]: "),
    ];
    for (mut spec, text) in table {
        if let Some(rules) = spec.get_mut("dryRun").and_then(Json::as_array_mut) {
            rules[0].as_object_mut().unwrap().shift_remove("limit");
        }
        let world = World::new(spec, &[1.0]).finish();
        assert_eq!(world.phase(), Phase::Error, "{text}");
        let text = format!("Analysis spec invalid: {text}");
        assert!(world.message().starts_with(&text), "{} is not {text}", world.message());
        assert!(world.measured.is_empty() && world.seen.jobs.is_empty(), "nothing is measured: {text}");
        assert_eq!(world.events, ["AnalysisRunError"]);
    }
}

fn metrics() -> impl Strategy<Value = Json> {
    let metric = (0..4_i64, -1..3_i64, 0..2_i64, 0..3_i64, 0..3_i64, any::<bool>(), any::<bool>(), any::<bool>());
    proptest::collection::vec(metric, 1..3).prop_map(|metrics| {
        metrics
            .into_iter()
            .enumerate()
            .map(|(index, (count, failure, inconclusive, errors, row, interval, delay, job))| {
                let mut metric = json!({
                    "name": format!("m{index}"), "failureLimit": failure, "inconclusiveLimit": inconclusive,
                    "consecutiveErrorLimit": errors, "consecutiveSuccessLimit": row,
                    "successCondition": "result > 1", "failureCondition": "result < 1",
                    "provider": {"web": {"url": "http://h/"}},
                });
                if count > 0 {
                    metric["count"] = json!(count);
                }
                if interval {
                    metric["interval"] = json!("10s");
                }
                if delay {
                    metric["initialDelay"] = json!("5s");
                }
                if job {
                    metric["provider"] = json!({"job": {"spec": {"template": {"spec": {}}}}});
                }
                metric
            })
            .collect()
    })
}

proptest! {
    /// Deterministic, fixpoint, wake-up and explained, at every look of a whole run.
    #[test]
    fn laws(metrics in metrics(), readings in proptest::collection::vec(0..3_u8, 0..12), dry: bool, terminate: bool) {
        let mut spec = json!({"metrics": metrics, "terminate": terminate});
        if dry {
            spec["dryRun"] = json!([{"metricName": "m0"}]);
        }
        let readings: Vec<f64> = readings.into_iter().map(f64::from).collect();
        let mut world = World::new(spec, &readings);
        for step in 0..60 {
            let (one, two) = (decide(&world.seen, world.now), decide(&world.seen, world.now));
            prop_assert_eq!(format!("{one:?}"), format!("{two:?}"));
            world.step();
            // What an answer brought is written; what is decided again writes nothing.
            let again = decide(&world.seen, world.now);
            prop_assert!(again.plan.acts.is_empty(), "not a fixpoint: {:?}", again.plan.acts);
            prop_assert!(again.asks.is_empty(), "asked twice: {:?}", again.asks);
            let over = world.phase().is_completed();
            if !over {
                prop_assert!(again.plan.report.waits().next().is_some(), "waits for nothing");
            }
            if let Some(wake) = again.plan.wake {
                let before = decide(&world.seen, wake - SignedDuration::from_millis(1));
                prop_assert!(before.plan.acts.is_empty() && before.asks.is_empty(), "time changed something before the wake-up");
            } else if !over && world.seen.asked.is_empty() {
                prop_assert!(world.seen.jobs.iter().any(|job| job.status.conditions.is_empty()), "nothing will ever wake it");
            }
            if !world.seen.asked.is_empty() {
                world.answer();
            } else if let Some(job) = world.seen.jobs.iter_mut().find(|job| job.status.conditions.is_empty()) {
                let kind = if step % 3 == 0 { "Failed" } else { "Complete" };
                job.status.conditions.push(JobCondition { kind: kind.into(), status: "True".into(), message: String::new() });
            } else if let Some(wake) = again.plan.wake {
                world.now = wake;
            }
        }
    }
}
