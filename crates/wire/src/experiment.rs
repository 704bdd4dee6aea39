//! `Experiment`: every field of spec/argo-rollouts 1.5.

use crate::analysis::Phase;
use crate::finding::Finding;
use crate::rollout::{Condition, DryRun, MeasurementRetention, PodTemplateMetadata, TemplateService, is_false};
use crate::{ObjectMeta, Time, analysis, read};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An Experiment: sets of pods side by side for a while, and analyses over them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Experiment {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What the user wants.
    pub spec: ExperimentSpec,
    /// What was reached.
    pub status: ExperimentStatus,
    /// What of the object could not be understood.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

impl Experiment {
    /// Reads an object leniently: what is wrong with its spec becomes findings.
    ///
    /// # Errors
    /// The text says what is wrong with `metadata`.
    pub fn read(object: &Value) -> Result<Experiment, String> {
        let metadata = read::metadata(object)?;
        let mut findings = Vec::new();
        let spec = read::part(object, "spec", &mut findings);
        let status = read::part(object, "status", &mut Vec::new());
        Ok(Experiment { metadata, spec, status, findings })
    }
}

/// `spec` of an Experiment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["templates"]))]
pub struct ExperimentSpec {
    /// Sets of pods.
    pub templates: Vec<TemplateSpec>,
    /// Go duration the sets run; absent: until the required analyses are done.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub duration: String,
    /// Seconds until a set that is not available counts as failed (600).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_deadline_seconds: Option<i32>,
    /// Ends the experiment.
    #[serde(skip_serializing_if = "is_false")]
    pub terminate: bool,
    /// Analyses over the sets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub analyses: Vec<TemplateAnalysis>,
    /// Seconds the sets stay afterwards (30).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_delay_seconds: Option<i32>,
    /// Metrics that do not count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    /// How many measurements are kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measurement_retention: Vec<MeasurementRetention>,
    /// Metadata of the runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analysis_run_metadata: Option<PodTemplateMetadata>,
}

/// One set of pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "selector", "template"]))]
pub struct TemplateSpec {
    /// Name, unique in the experiment.
    pub name: String,
    /// Pods (1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Seconds a pod must be ready before it counts (0).
    #[serde(skip_serializing_if = "crate::rollout::is_zero")]
    pub min_ready_seconds: i32,
    /// Which pods belong to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::crd::label_selector")]
    pub selector: Option<Value>,
    /// The pod template, raw.
    #[schemars(schema_with = "crate::crd::pod_template")]
    pub template: Value,
    /// A Service for the set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<TemplateService>,
}

/// One analysis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "templateName"]))]
pub struct TemplateAnalysis {
    /// Name, unique in the experiment.
    pub name: String,
    /// Template.
    pub template_name: String,
    /// The template is cluster-wide.
    #[serde(skip_serializing_if = "is_false")]
    pub cluster_scope: bool,
    /// Arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<analysis::Argument>,
    /// The experiment ends with it.
    #[serde(skip_serializing_if = "is_false")]
    pub required_for_completion: bool,
}

/// `status` of an Experiment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ExperimentStatus {
    /// Its phase; absent before it was looked at.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "analysis::maybe")]
    pub phase: Option<Phase>,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When all sets were available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_at: Option<Time>,
    /// One for each set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub template_statuses: Vec<TemplateStatus>,
    /// One for each analysis that was started.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub analysis_runs: Vec<ExperimentAnalysisRunStatus>,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// How one set stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["availableReplicas", "name", "readyReplicas", "replicas", "updatedReplicas"]))]
pub struct TemplateStatus {
    /// Name.
    pub name: String,
    /// Pods.
    pub replicas: i32,
    /// Pods of the wanted version.
    pub updated_replicas: i32,
    /// Ready pods.
    pub ready_replicas: i32,
    /// Available pods.
    pub available_replicas: i32,
    /// Salt of the hash after a collision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collision_count: Option<i32>,
    /// Phase.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "analysis::maybe")]
    pub status: Option<TemplatePhase>,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When `status` last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
    /// Its Service.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_name: String,
    /// Hash of its template.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod_template_hash: String,
}

/// Phase of one set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, with = "String")]
pub enum TemplatePhase {
    /// Its pods are not available yet.
    Progressing,
    /// All its pods are available.
    Running,
    /// Its time is over.
    Successful,
    /// Its pods did not become available in time.
    Failed,
    /// It could not be set up.
    Error,
}

impl TemplatePhase {
    /// Whether nothing more will happen.
    pub fn is_completed(self) -> bool {
        match self {
            TemplatePhase::Successful | TemplatePhase::Failed | TemplatePhase::Error => true,
            TemplatePhase::Progressing | TemplatePhase::Running => false,
        }
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            TemplatePhase::Progressing => "Progressing",
            TemplatePhase::Running => "Running",
            TemplatePhase::Successful => "Successful",
            TemplatePhase::Failed => "Failed",
            TemplatePhase::Error => "Error",
        }
    }
}

/// How one analysis stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["analysisRun", "name", "phase"]))]
pub struct ExperimentAnalysisRunStatus {
    /// Name of the analysis.
    pub name: String,
    /// Name of its run.
    pub analysis_run: String,
    /// Phase.
    #[serde(deserialize_with = "analysis::maybe", serialize_with = "analysis::or_empty")]
    #[schemars(with = "Phase")]
    pub phase: Option<Phase>,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}
