//! `status` of a run.

use super::Phase;
use super::phase::maybe;
use crate::Time;
use crate::rollout::{is_false, is_zero};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What came out so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["phase"]))]
pub struct AnalysisRunStatus {
    /// The run's phase; absent before it was looked at.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "maybe")]
    pub phase: Option<Phase>,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// One for each metric that was measured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metric_results: Vec<MetricResult>,
    /// Start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// Counts over the metrics that count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_summary: Option<RunSummary>,
    /// Counts over the metrics that do not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run_summary: Option<RunSummary>,
    /// End.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
}

/// How many metrics there are, and how many of them came out how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RunSummary {
    /// All.
    #[serde(skip_serializing_if = "is_zero")]
    pub count: i32,
    /// Good ones.
    #[serde(skip_serializing_if = "is_zero")]
    pub successful: i32,
    /// Bad ones.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: i32,
    /// Undecided ones.
    #[serde(skip_serializing_if = "is_zero")]
    pub inconclusive: i32,
    /// Those that could not be measured.
    #[serde(skip_serializing_if = "is_zero")]
    pub error: i32,
}

/// What came out of one metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "phase"]))]
pub struct MetricResult {
    /// The metric.
    pub name: String,
    /// Its phase.
    pub phase: Phase,
    /// The last measurements, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<Measurement>,
    /// Message of the last measurement.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Measurements without error.
    #[serde(skip_serializing_if = "is_zero")]
    pub count: i32,
    /// Good ones.
    #[serde(skip_serializing_if = "is_zero")]
    pub successful: i32,
    /// Bad ones.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: i32,
    /// Undecided ones.
    #[serde(skip_serializing_if = "is_zero")]
    pub inconclusive: i32,
    /// Errors.
    #[serde(skip_serializing_if = "is_zero")]
    pub error: i32,
    /// Errors since the last measurement without one.
    #[serde(skip_serializing_if = "is_zero")]
    pub consecutive_error: i32,
    /// It does not count.
    #[serde(skip_serializing_if = "is_false")]
    pub dry_run: bool,
    /// What the provider says of the metric, the resolved query for example.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Good ones since the last that was not.
    #[serde(skip_serializing_if = "is_zero")]
    pub consecutive_success: i32,
}

/// One measurement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["phase"]))]
pub struct Measurement {
    /// How it came out.
    pub phase: Phase,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// End.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// What was measured.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// What the provider keeps of it, the name of a Job for example.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// When to look at it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume_at: Option<Time>,
}
