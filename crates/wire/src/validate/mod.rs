//! Whether a Rollout can be acted on: from its spec and the objects around it to the first thing that is wrong.
//!
//! Order and texts are those of Argo Rollouts (spec 1.7), so that dashboards, alerts and people who grep for them keep working;
//! the remedy is in the finding's hint where the text lacks it.

mod canary;
mod references;
mod routes;
mod selector;
mod steps;
mod strategy;
mod template;

use crate::finding::Finding;
use crate::k8s::{Ingress, Service};
use crate::rollout::{Rollout, WorkloadRef};
use serde_json::Value;
use std::collections::BTreeMap;

/// The objects that a Rollout names, as far as they exist.
pub struct Around<'a> {
    /// Services by name.
    pub services: &'a BTreeMap<String, Service>,
    /// Ingresses by name.
    pub ingresses: &'a BTreeMap<String, Ingress>,
    /// Whether selector and template of the workload are filled in. Without `workloadRef` it says nothing.
    pub workload_resolved: bool,
}

/// The first thing that is wrong with a Rollout.
///
/// With a resolved `workloadRef` the Rollout is given with the workload's selector and template in it.
pub fn rollout(rollout: &Rollout, around: &Around<'_>) -> Option<Finding> {
    None.or_else(|| rollout.findings.first().cloned())
        .or_else(|| not_negative("spec.replicas", rollout.spec.replicas))
        .or_else(|| selector::check(rollout))
        .or_else(|| unresolved_template(rollout, around))
        .or_else(|| template_if_known(rollout, around))
        .or_else(|| numbers(rollout))
        .or_else(|| strategy::check(rollout))
        .or_else(|| references::check(rollout, around))
}

/// Everything that is wrong with a Rollout, as far as its parts can be judged one by one; for people who want to mend all
/// of it at once. Empty exactly when [`rollout`] finds nothing.
pub fn everything(rollout: &Rollout, around: &Around<'_>) -> Vec<Finding> {
    let mut all = rollout.findings.clone();
    let unread: Vec<String> = all.iter().map(|finding| finding.path.clone()).collect();
    let parts = [
        not_negative("spec.replicas", rollout.spec.replicas),
        selector::check(rollout),
        unresolved_template(rollout, around),
        template_if_known(rollout, around),
        numbers(rollout),
        strategy::check(rollout),
    ];
    let findings = parts.into_iter().flatten().chain(each_step(rollout)).chain(references::all(rollout, around));
    for finding in findings {
        // What could not be read was left out: that it is missing now is no finding of its own.
        let follows = unread.iter().any(|path| finding.path.starts_with(path) || path.starts_with(&finding.path));
        if !follows && !all.contains(&finding) {
            all.push(finding);
        }
    }
    all
}

fn each_step(rollout: &Rollout) -> impl Iterator<Item = Finding> {
    let canary = rollout.canary();
    let steps = canary.and_then(|canary| canary.steps.as_deref()).unwrap_or_default().iter().enumerate();
    steps.filter_map(move |(index, step)| steps::check(canary?, index, step))
}

/// The message of the `InvalidSpec` condition.
pub fn invalid_message(name: &str, finding: &Finding) -> String {
    format!("The Rollout \"{name}\" is invalid: {}", finding.message)
}

/// The workload behind `workloadRef` does not exist.
pub fn workload_missing(namespace: &str, reference: &WorkloadRef) -> Finding {
    let (group, _) = group_and_version(reference);
    let resource = format!("{}s", reference.kind.to_lowercase());
    let resource = if group.is_empty() { resource } else { format!("{resource}.{group}") };
    Finding {
        path: "spec.workloadRef.name".to_string(),
        message: format!("{resource} \"{namespace}/{}\" not found", reference.name),
        hint: Some("create the workload, or correct spec.workloadRef".to_string()),
    }
}

/// The kind behind `workloadRef` is not one that has a pod template.
pub fn workload_unsupported(reference: &WorkloadRef) -> Finding {
    let (group, _) = group_and_version(reference);
    Finding {
        path: "spec.workloadRef.kind".to_string(),
        message: format!("workload of type {group}/{} is not supported", reference.kind),
        hint: Some("refer to a Deployment or ReplicaSet of apps/v1, or to a PodTemplate of v1".to_string()),
    }
}

fn group_and_version(reference: &WorkloadRef) -> (&str, &str) {
    reference.api_version.split_once('/').unwrap_or(("", &reference.api_version))
}

/// A number that is given and below zero.
fn not_negative(path: &str, number: Option<i32>) -> Option<Finding> {
    let number = number.filter(|number| *number < 0)?;
    Some(Finding::invalid(path, &number.into(), "must be greater than or equal to 0"))
}

/// A Rollout has a template beside its `workloadRef`, and the workload is there: the peer names no field then.
pub fn template_beside_workload() -> Finding {
    Finding {
        path: "spec.template".to_string(),
        message: "template must be empty for workload reference rollout".to_string(),
        hint: Some("remove spec.template, or remove spec.workloadRef".to_string()),
    }
}

fn unresolved_template(rollout: &Rollout, around: &Around<'_>) -> Option<Finding> {
    let template = rollout.spec.template.as_ref()?;
    let beside = rollout.spec.workload_ref.is_some() && !around.workload_resolved && !is_unlabelled(template);
    beside.then(|| {
        Finding::internal("spec.template", "template must be empty for workload reference rollout")
            .hint("remove spec.template, or remove spec.workloadRef")
    })
}

/// A template counts as empty when it has neither labels nor annotations (spec 1.1).
fn is_unlabelled(template: &Value) -> bool {
    ["labels", "annotations"].iter().all(|key| {
        template.pointer(&format!("/metadata/{key}")).and_then(Value::as_object).is_none_or(serde_json::Map::is_empty)
    })
}

fn template_if_known(rollout: &Rollout, around: &Around<'_>) -> Option<Finding> {
    if rollout.spec.workload_ref.is_some() && !around.workload_resolved {
        return None;
    }
    template::check(rollout.spec.template.as_ref().unwrap_or(&Value::Null), rollout.spec.selector.as_ref())
}

fn numbers(rollout: &Rollout) -> Option<Finding> {
    const DEFAULT_PROGRESS_DEADLINE: i32 = 600;
    let spec = &rollout.spec;
    let deadline = spec.progress_deadline_seconds.unwrap_or(DEFAULT_PROGRESS_DEADLINE);
    let path = "spec.progressDeadlineSeconds";
    not_negative("spec.minReadySeconds", Some(spec.min_ready_seconds))
        .or_else(|| not_negative("spec.revisionHistoryLimit", spec.revision_history_limit))
        .or_else(|| not_negative(path, Some(deadline)))
        .or_else(|| {
            let late = deadline <= spec.min_ready_seconds;
            late.then(|| Finding::invalid(path, &deadline.into(), "must be greater than minReadySeconds"))
        })
}
