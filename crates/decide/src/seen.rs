//! `Seen`: everything that is known about one Rollout, as plain data, and the names that the shell must look up for it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serinus_wire::k8s::{EndpointSlice, Ingress, Pod, ReplicaSet, Service};
use serinus_wire::rollout::AnalysisTemplateRef;
use serinus_wire::{AnalysisRun, AnalysisTemplate, Experiment, Rollout, k8s, keys};
use std::collections::{BTreeMap, BTreeSet};

/// Everything known about one Rollout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The Rollout itself.
    pub rollout: Rollout,
    /// What stands behind its `workloadRef`.
    pub workload: Workload,
    /// ReplicaSets with the hash label that the Rollout owns, and orphans that its selector matches; in no order.
    pub replica_sets: Vec<ReplicaSet>,
    /// Services that the Rollout names and that exist, by name.
    pub services: BTreeMap<String, Service>,
    /// Services that are marked as this Rollout's and that it does not name.
    pub released: Vec<Service>,
    /// Ingresses that the Rollout names or derives and that exist, by name.
    pub ingresses: BTreeMap<String, Ingress>,
    /// EndpointSlices of those Services, by the Service's name. A Service without slices has no entry.
    pub endpoints: BTreeMap<String, Vec<EndpointSlice>>,
    /// AnalysisTemplates that its analyses name, and those that these name, by name.
    pub templates: BTreeMap<String, AnalysisTemplate>,
    /// The same of ClusterAnalysisTemplates.
    pub cluster_templates: BTreeMap<String, AnalysisTemplate>,
    /// AnalysisRuns that it owns, in no order.
    pub runs: Vec<AnalysisRun>,
    /// Experiments that it owns, in no order.
    pub experiments: Vec<Experiment>,
    /// Names that AnalysisRuns of somebody else have, as far as they were in the way.
    pub taken_runs: BTreeSet<String>,
    /// What stood in the way when a ReplicaSet was to be created, by name.
    pub in_the_way: BTreeMap<String, ReplicaSet>,
    /// Pods of its ReplicaSets, looked up only when `needs_pods` says so.
    pub pods: Option<Vec<Pod>>,
    /// Since when its counts are held back, as the last plan said (`Plan::held_since`). It may be forgotten.
    pub held_since: Option<Timestamp>,
}

/// What stands behind a `workloadRef`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Workload {
    /// The Rollout has a template of its own.
    #[default]
    NotReferenced,
    /// The kind is not one that can be referenced.
    Unsupported,
    /// No such object.
    Missing,
    /// The object.
    Found(Box<k8s::Workload>),
}

/// The objects around a Rollout, by name, all in its namespace. The shell looks them up and indexes its watches by them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Services.
    pub services: BTreeSet<String>,
    /// Ingresses, the stable ones and the derived canary ones.
    pub ingresses: BTreeSet<String>,
    /// Workload as (apiVersion, kind, name).
    pub workload: Option<(String, String, String)>,
}

/// Whether the decision needs the pods of the ReplicaSets: for a restart, or because they follow metadata of their set.
pub fn needs_pods(seen: &Seen) -> bool {
    crate::restart::is_asked(&seen.rollout) || crate::metadata::needs_pods(seen)
}

/// Whether the workload that was seen is older than one that was decided on already: the Rollout tells of a later generation. A
/// decision would take the old template for what is wanted. One that was deleted and made anew looks the same, so who asks
/// reads it once more.
pub fn is_behind(seen: &Seen) -> bool {
    let Workload::Found(workload) = &seen.workload else { return false };
    let told =
        seen.rollout.metadata.annotations.get(keys::WORKLOAD_GENERATION).and_then(|text| text.parse::<i64>().ok());
    told.is_some_and(|told| workload.metadata.generation < told)
}

/// Which objects a Rollout's decision depends on.
pub fn names(rollout: &Rollout) -> Named {
    let mut named = Named::default();
    let mut service = |name: &str| {
        if !name.is_empty() {
            named.services.insert(name.to_string());
        }
    };
    if let Some(canary) = rollout.canary() {
        service(&canary.canary_service);
        service(&canary.stable_service);
        if let Some(ping_pong) = &canary.ping_pong {
            service(&ping_pong.ping_service);
            service(&ping_pong.pong_service);
        }
        if let Some(nginx) = canary.traffic_routing.as_ref().and_then(|routing| routing.nginx.as_ref()) {
            for ingress in nginx.stable_names() {
                named.ingresses.insert(canary_ingress_name(&rollout.metadata.name, ingress));
                named.ingresses.insert(ingress.to_string());
            }
        }
    }
    if let Some(blue_green) = &rollout.spec.strategy.blue_green {
        service(&blue_green.active_service);
        service(&blue_green.preview_service);
    }
    if let Some(reference) = &rollout.spec.workload_ref {
        named.workload = Some((reference.api_version.clone(), reference.kind.clone(), reference.name.clone()));
    }
    named
}

/// Name of the canary Ingress: `<rollout>-<ingress>-canary`, its first part cut so that the whole fits 253 (spec 3.1).
pub fn canary_ingress_name(rollout: &str, ingress: &str) -> String {
    let mut prefix = format!("{rollout}-{ingress}");
    prefix.truncate(253 - "-canary".len());
    format!("{prefix}-canary")
}

/// The analysis templates that a Rollout names itself.
pub fn analysis_templates(rollout: &Rollout) -> Vec<AnalysisTemplateRef> {
    let mut named = Vec::new();
    if let Some(blue_green) = &rollout.spec.strategy.blue_green {
        let analyses = blue_green.pre_promotion_analysis.iter().chain(&blue_green.post_promotion_analysis);
        named.extend(analyses.flat_map(|analysis| analysis.templates.iter().cloned()));
    }
    if let Some(canary) = &rollout.spec.strategy.canary {
        named.extend(canary.analysis.iter().flat_map(|analysis| analysis.templates.iter().cloned()));
        let steps = canary.steps.iter().flatten().filter_map(|step| step.analysis.as_ref());
        named.extend(steps.flat_map(|analysis| analysis.templates.iter().cloned()));
    }
    named
}

/// Puts the templates that a Rollout needs into what is seen of it; `get` finds one in the cluster or the namespace.
pub fn fill_templates(seen: &mut Seen, get: impl Fn(bool, &str) -> Option<AnalysisTemplate>) {
    (seen.templates, seen.cluster_templates) = open_templates(analysis_templates(&seen.rollout), get);
}

/// AnalysisTemplates or ClusterAnalysisTemplates, by name.
pub type Templates = BTreeMap<String, AnalysisTemplate>;

/// The templates that are named and those that they name, as far as they exist: of the namespace, and of the cluster. `get`
/// finds one in the cluster or the namespace.
pub fn open_templates(
    named: Vec<AnalysisTemplateRef>,
    get: impl Fn(bool, &str) -> Option<AnalysisTemplate>,
) -> (Templates, Templates) {
    let (mut namespaced, mut everywhere) = (Templates::new(), Templates::new());
    let mut next = named;
    while let Some(reference) = next.pop() {
        let cluster = reference.cluster_scope == Some(true);
        let known = if cluster { &mut everywhere } else { &mut namespaced };
        if known.contains_key(&reference.template_name) {
            continue;
        }
        if let Some(template) = get(cluster, &reference.template_name) {
            next.extend(template.spec.templates.iter().cloned());
            known.insert(reference.template_name, template);
        }
    }
    (namespaced, everywhere)
}
