//! The Job provider: a Job that succeeds is a good measurement, one that fails a bad one (spec 4.6).

use super::look::Look;
use super::measure::count;
use super::stuck::stuck;
use crate::plan::{Kind, Op, Verdict};
use serde_json::{Value, json};
use serinus_wire::analysis::{AnalysisRunStatus, JobMetric, Measurement, Metric, MetricResult, Phase};
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
    let seen = look.seen;
    let run = &seen.run.metadata;
    let place = if seen.job_namespace.is_empty() { &run.namespace } else { &seen.job_namespace };
    let name = name(&run.uid, &metric.name, look.result(&metric.name));
    // A pass that was cut short may have made it.
    if !seen.jobs.iter().any(|job| job.metadata.name == name) {
        let object = object(look, metric, wanted, place, &name);
        look.create(Kind::Job, place, &name, object);
    }
    let metadata = BTreeMap::from([(NAME.to_string(), name.clone()), (NAMESPACE.to_string(), place.clone())]);
    let started_at = Some(look.wire_now());
    look.change(&metric.name, |result| {
        result.measurements.push(Measurement { phase: Phase::Running, started_at, metadata, ..Measurement::default() });
    });
    look.report("measure", Verdict::Waits, format!("metric {:?}: waits for Job {name}", metric.name));
}

fn object(look: &Look<'_>, metric: &Metric, wanted: &JobMetric, place: &str, name: &str) -> Value {
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
    let mut object = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": place, "labels": labels, "annotations": annotations},
        "spec": spec,
    });
    // An owner in another namespace counts as one that is gone.
    if place == run.namespace {
        object["metadata"]["ownerReferences"] = json!([{
            "apiVersion": keys::API_VERSION, "kind": "AnalysisRun", "name": run.name, "uid": run.uid,
            "controller": true, "blockOwnerDeletion": true,
        }]);
    }
    object
}

/// The Job of the measurement that is under way.
fn under_way(result: &MetricResult) -> Option<&String> {
    result.measurements.last().filter(|last| !last.phase.is_completed())?.metadata.get(NAME)
}

/// Ends the measurement whose Job is done, is gone, or has a pod that will not start.
pub fn follow(look: &mut Look<'_>, metric: &Metric) {
    let seen = look.seen;
    let Some(name) = look.result(&metric.name).and_then(under_way).cloned() else { return };
    let Some(job) = seen.jobs.iter().find(|job| job.metadata.name == name) else {
        return finish(look, metric, Phase::Error, format!("jobs.batch \"{name}\" not found"));
    };
    if let Some((phase, message)) = outcome(job) {
        return finish(look, metric, phase, message);
    }
    match stuck(seen, job) {
        Some(stuck) if stuck.until <= look.now => {
            finish(look, metric, Phase::Inconclusive, format!("Job {name}: {}", stuck.why));
        }
        Some(stuck) => {
            look.wake_at(stuck.until);
            look.report("measure", Verdict::Waits, format!("metric {:?}: Job {name}: {}", metric.name, stuck.why));
        }
        None => look.report("measure", Verdict::Waits, format!("metric {:?}: waits for Job {name}", metric.name)),
    }
}

/// Ends a measurement under way; its Job goes with the others that nobody waits for. What did not fail until then counts as
/// good, as with the peer.
pub fn terminate(look: &mut Look<'_>, metric: &Metric) {
    if look.result(&metric.name).and_then(under_way).is_some() {
        finish(look, metric, Phase::Successful, "Metric Terminated".to_string());
    }
}

/// Deletes the Jobs under way that no measurement of `status` waits for: those of measurements that were ended, and of a run
/// that is over. It follows from what is there, so a pass that was cut short is made up for by the next.
pub fn sweep(look: &mut Look<'_>, status: &AnalysisRunStatus) {
    let seen = look.seen;
    let over = status.phase.is_some_and(Phase::is_completed);
    let waited = |name: &String| !over && status.metric_results.iter().filter_map(under_way).any(|known| known == name);
    for job in seen.jobs.iter().filter(|job| outcome(job).is_none() && job.metadata.deletion_timestamp.is_none()) {
        if !waited(&job.metadata.name) {
            look.write(Kind::Job, &job.metadata, Op::Delete);
            let text = format!("nobody waits for Job {} any more: deleted", job.metadata.name);
            look.report("measure", Verdict::Acts, text);
        }
    }
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
    // The one that this look makes is not seen yet.
    let making = look.result(&metric.name).and_then(under_way);
    let making = making.is_some_and(|name| jobs.iter().all(|job| job.metadata.name != *name));
    let old = jobs.into_iter().skip(kept.saturating_sub(usize::from(making)));
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
