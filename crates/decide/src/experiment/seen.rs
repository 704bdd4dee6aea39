//! What is known about one Experiment.

use crate::plan::Target;
use serinus_wire::k8s::{ReplicaSet, Service};
use serinus_wire::rollout::AnalysisTemplateRef;
use serinus_wire::{AnalysisRun, AnalysisTemplate, Experiment, ObjectMeta};
use std::collections::{BTreeMap, BTreeSet};

/// Everything known about one Experiment.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The Experiment itself.
    pub experiment: Experiment,
    /// ReplicaSets that it controls, and those that stand where its own would, in no order.
    pub replica_sets: Vec<ReplicaSet>,
    /// Services under the names that its sets want, by name.
    pub services: BTreeMap<String, Service>,
    /// AnalysisTemplates that its analyses name, and those that these name, by name.
    pub templates: BTreeMap<String, AnalysisTemplate>,
    /// The same of ClusterAnalysisTemplates.
    pub cluster_templates: BTreeMap<String, AnalysisTemplate>,
    /// AnalysisRuns that it controls, and those that stand where its own would, in no order.
    pub runs: Vec<AnalysisRun>,
    /// What the API server would not have of the last plan, in its words.
    pub refused: BTreeMap<Target, String>,
}

/// Name of a ReplicaSet or of an AnalysisRun of an Experiment.
pub fn part_name(experiment: &Experiment, part: &str) -> String {
    format!("{}-{part}", experiment.metadata.name)
}

/// Names of the Services that the sets of an Experiment want.
pub fn services(experiment: &Experiment) -> BTreeSet<String> {
    let wanted = experiment.spec.templates.iter().filter_map(|template| {
        let service = template.service.as_ref()?;
        Some(if service.name.is_empty() { part_name(experiment, &template.name) } else { service.name.clone() })
    });
    wanted.collect()
}

/// The analysis templates that an Experiment names itself.
pub fn analysis_templates(experiment: &Experiment) -> Vec<AnalysisTemplateRef> {
    let analyses = experiment.spec.analyses.iter();
    let reference = |analysis: &serinus_wire::experiment::TemplateAnalysis| AnalysisTemplateRef {
        template_name: analysis.template_name.clone(),
        cluster_scope: Some(analysis.cluster_scope),
    };
    analyses.map(reference).collect()
}

/// Whether an object is controlled by the Experiment.
pub fn is_own(experiment: &Experiment, meta: &ObjectMeta) -> bool {
    meta.controller().is_some_and(|owner| owner.uid == experiment.metadata.uid)
}
