//! The Job provider: a Job that succeeds is a good measurement, one that fails a bad one (spec 4.6).

use super::look::Look;
use super::measure::count;
use crate::plan::{Kind, Op, Verdict};
use serde_json::{Value, json};
use serinus_wire::analysis::{JobMetric, Measurement, Metric, MetricResult, Phase};
use serinus_wire::k8s::Job;
use serinus_wire::keys;
use std::collections::BTreeMap;

/// Keys under which a measurement names its Job.
const NAME: &str = "job-name";
const NAMESPACE: &str = "job-namespace";
/// Longest name: it becomes a label of the pods.
const LONGEST: usize = 63;

/// Name of the next Job: `<uid>.<metric>.<n>`, the metric cut so that the whole fits.
fn name(uid: &str, metric: &str, result: Option<&MetricResult>) -> String {
    let number = result.map_or(0, |result| result.count + result.error) + 1;
    let number = number.to_string();
    let room = LONGEST.saturating_sub(uid.len() + number.len() + 2);
    let cut: String = metric.chars().take(room).collect();
    format!("{uid}.{cut}.{number}")
}

/// Starts a measurement: creates the Job unless it is there already, and notes it down.
pub fn start(look: &mut Look<'_>, metric: &Metric, wanted: &JobMetric) {
    let run = &look.seen.run.metadata;
    let name = name(&run.uid, &metric.name, look.result(&metric.name));
    // A pass that was cut short may have made it.
    if !look.seen.jobs.iter().any(|job| job.metadata.name == name) {
        let object = object(look, metric, wanted, &name);
        look.create(Kind::Job, &name, object);
    }
    let metadata = BTreeMap::from([(NAME.to_string(), name.clone()), (NAMESPACE.to_string(), run.namespace.clone())]);
    let started_at = Some(look.wire_now());
    look.change(&metric.name, |result| {
        result.measurements.push(Measurement { phase: Phase::Running, started_at, metadata, ..Measurement::default() });
    });
    look.report("measure", Verdict::Waits, format!("metric {:?}: waits for Job {name}", metric.name));
}

fn object(look: &Look<'_>, metric: &Metric, wanted: &JobMetric, name: &str) -> Value {
    let run = &look.seen.run.metadata;
    let given = wanted.metadata.clone().unwrap_or_default();
    let mut labels = given.labels.unwrap_or_default();
    labels.insert(keys::JOB_RUN_UID.to_string(), run.uid.clone());
    let mut annotations = given.annotations.unwrap_or_default();
    annotations.insert(keys::JOB_RUN_NAME.to_string(), run.name.clone());
    annotations.insert(keys::JOB_RUN_NAMESPACE.to_string(), run.namespace.clone());
    annotations.insert(keys::JOB_METRIC_NAME.to_string(), metric.name.clone());
    let mut spec = wanted.spec.clone();
    if spec.is_object() {
        if !spec["template"]["metadata"]["labels"].is_object() {
            spec["template"]["metadata"]["labels"] = json!({});
        }
        spec["template"]["metadata"]["labels"][keys::JOB_RUN_UID] = json!(run.uid);
    }
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": run.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [{
                "apiVersion": keys::API_VERSION, "kind": "AnalysisRun", "name": run.name, "uid": run.uid,
                "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
    })
}

/// The Job of the measurement that is under way.
fn under_way(look: &Look<'_>, metric: &Metric) -> Option<String> {
    let last = look.result(&metric.name)?.measurements.last().filter(|last| !last.phase.is_completed())?;
    last.metadata.get(NAME).cloned()
}

/// Ends the measurement whose Job is done.
pub fn follow(look: &mut Look<'_>, metric: &Metric) {
    let Some(name) = under_way(look, metric) else { return };
    let job = look.seen.jobs.iter().find(|job| job.metadata.name == name);
    let (phase, message) = match job.map(outcome) {
        Some(Some(outcome)) => outcome,
        Some(None) => {
            look.report("measure", Verdict::Waits, format!("metric {:?}: waits for Job {name}", metric.name));
            return;
        }
        None => (Phase::Error, format!("jobs.batch \"{name}\" not found")),
    };
    finish(look, metric, phase, message);
}

/// Takes the Job of a measurement under way down. What did not fail until then counts as good, as with the peer.
pub fn terminate(look: &mut Look<'_>, metric: &Metric) {
    let Some(name) = under_way(look, metric) else { return };
    let seen = look.seen;
    if let Some(job) = seen.jobs.iter().find(|job| job.metadata.name == name) {
        look.write(Kind::Job, &job.metadata, Op::Delete);
    }
    finish(look, metric, Phase::Successful, "Metric Terminated".to_string());
}

fn finish(look: &mut Look<'_>, metric: &Metric, phase: Phase, message: String) {
    let finished_at = Some(look.wire_now());
    look.change(&metric.name, |result| {
        if let Some(last) = result.measurements.last_mut() {
            last.phase = phase;
            last.message = message;
            last.finished_at = finished_at;
        }
        count(result);
    });
}

/// How a Job ended; absent: it has not.
fn outcome(job: &Job) -> Option<(Phase, String)> {
    job.status.conditions.iter().filter(|condition| condition.status == "True").find_map(|condition| {
        match condition.kind.as_str() {
            "Complete" => Some((Phase::Successful, String::new())),
            "Failed" => Some((Phase::Failed, condition.message.clone())),
            _ => None,
        }
    })
}

/// Deletes the oldest Jobs of a metric beyond those that are kept.
pub fn forget(look: &mut Look<'_>, metric: &Metric, kept: usize) {
    let seen = look.seen;
    let of_metric = |job: &&Job| job.metadata.annotations.get(keys::JOB_METRIC_NAME) == Some(&metric.name);
    let mut jobs: Vec<&Job> = seen.jobs.iter().filter(of_metric).collect();
    jobs.sort_by(|a, b| {
        let created = |job: &Job| job.metadata.creation_timestamp;
        created(b).cmp(&created(a)).then_with(|| b.metadata.name.cmp(&a.metadata.name))
    });
    let old = jobs.into_iter().skip(kept);
    for job in old.filter(|job| job.metadata.deletion_timestamp.is_none() && outcome(job).is_some()) {
        look.write(Kind::Job, &job.metadata, Op::Delete);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_into_a_label() {
        let uid = "5f0c1a0e-7b1a-4f6e-9a63-1b2f4f7d9c11";
        assert_eq!(name(uid, "m", None), format!("{uid}.m.1"));
        let result = MetricResult { count: 8, error: 3, ..MetricResult::default() };
        let long = name(uid, "a-metric-with-a-very-long-name", Some(&result));
        assert_eq!(long.len(), 63);
        assert!(long.ends_with(".12"), "{long}");
    }
}
