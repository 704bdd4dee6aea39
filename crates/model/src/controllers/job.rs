//! Jobs: pods until enough of them have ended well, or too many badly.

use super::{by_controller, condition, controller_reference, create, delete, is_true, write_status};
use crate::object::{Fields, stamp};
use crate::state::State;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

const NAME: &str = "job";

pub fn round(state: &mut State) -> Option<Timestamp> {
    let mut pods = by_controller(state.all("", "pods"));
    let mut wake = None;
    for job in state.all("batch", "jobs").into_iter().filter(|job| !job.is_leaving()) {
        let own = pods.remove(job.uid()).unwrap_or_default();
        if is_true(&job, "Complete") || is_true(&job, "Failed") {
            wake = [wake, expire(state, &job)].into_iter().flatten().min();
        } else {
            work(state, &job, &own);
            let due = deadline(&job).filter(|at| *at > state.now);
            wake = [wake, due].into_iter().flatten().min();
        }
    }
    wake
}

fn deadline(job: &Value) -> Option<Timestamp> {
    let seconds = job.int("/spec/activeDeadlineSeconds")?;
    job.time("/status/startTime")?.checked_add(SignedDuration::from_secs(seconds)).ok()
}

/// Deletes a finished job when its time to live is over.
fn expire(state: &mut State, job: &Value) -> Option<Timestamp> {
    let seconds = job.int("/spec/ttlSecondsAfterFinished")?;
    let ended = job.items("/status/conditions").iter().filter_map(|one| one.time("/lastTransitionTime")).max()?;
    let due = ended.checked_add(SignedDuration::from_secs(seconds)).ok()?;
    if due > state.now {
        return Some(due);
    }
    delete(state, NAME, ("batch", "Job"), job, None);
    None
}

fn work(state: &mut State, job: &Value, own: &[Arc<Value>]) {
    let suspended = job.pointer("/spec/suspend") == Some(&Value::Bool(true));
    let ended = |phase: &str| own.iter().filter(|pod| pod.text("/status/phase") == phase).count();
    let (succeeded, failed) = (ended("Succeeded"), ended("Failed"));
    let active: Vec<&Arc<Value>> = own
        .iter()
        .filter(|pod| !pod.is_leaving() && !matches!(pod.text("/status/phase"), "Succeeded" | "Failed"))
        .collect();
    let number = |pointer: &str, other: i64| usize::try_from(job.int(pointer).unwrap_or(other)).unwrap_or(0);
    let wanted = number("/spec/completions", 1);
    let late = deadline(job).is_some_and(|at| at <= state.now);
    let too_many = failed > number("/spec/backoffLimit", 6);
    let done = succeeded >= wanted;
    let mut running = active.len();
    if suspended || late || too_many || done {
        for pod in &active {
            delete(state, NAME, ("", "Pod"), pod, None);
        }
        running = 0;
    } else {
        let goal = number("/spec/parallelism", 1).min(wanted - succeeded);
        while running < goal && create(state, NAME, ("", "Pod"), job.namespace(), pod_of(job)).is_ok() {
            running += 1;
        }
    }
    let mut status = json!({});
    if !suspended {
        let began = job.text("/status/startTime");
        status.put(&["startTime"], if began.is_empty() { stamp(state.now) } else { began.to_string() });
    }
    for (name, count) in [("active", running), ("succeeded", succeeded), ("failed", failed)] {
        if count > 0 {
            status.put(&[name], count);
        }
    }
    let verdict = match () {
        () if done => Some(("Complete", "CompletionsReached", "Reached expected number of succeeded pods")),
        () if too_many => Some(("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")),
        () if late => Some(("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")),
        () if suspended => Some(("Suspended", "JobSuspended", "Job suspended")),
        () => None,
    };
    if let Some((kind, reason, message)) = verdict {
        status.put(&["conditions"], vec![condition(job, state.now, kind, true, reason, message)]);
    }
    if done {
        status.put(&["completionTime"], stamp(state.now));
    }
    write_status(state, NAME, job, status);
}

fn pod_of(job: &Value) -> Value {
    let template = job.pointer("/spec/template").cloned().unwrap_or_else(|| json!({}));
    let mut pod = json!({"metadata": {"generateName": format!("{}-", job.name()), "ownerReferences": [controller_reference(job)]}});
    for field in ["labels", "annotations"] {
        if let Some(value) = template.pointer(&format!("/metadata/{field}")) {
            pod.put(&["metadata", field], value.clone());
        }
    }
    pod.put(&["spec"], template.get("spec").cloned().unwrap_or_else(|| json!({})));
    pod
}
