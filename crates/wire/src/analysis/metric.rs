//! One metric.

use super::MetricProvider;
use crate::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is measured, how often, and how it is judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "provider"]))]
pub struct Metric {
    /// Name, unique in its run.
    pub name: String,
    /// Go duration between two measurements; absent: it is measured once.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interval: String,
    /// Go duration before the first measurement.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub initial_delay: String,
    /// Measurements to take (1 without an interval, else until the run is terminated).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<IntOrString>,
    /// Expression that is true for a good measurement.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub success_condition: String,
    /// Expression that is true for a bad measurement.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub failure_condition: String,
    /// Bad measurements that are put up with (0); -1 puts up with all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_limit: Option<IntOrString>,
    /// Undecided measurements that are put up with (0).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inconclusive_limit: Option<IntOrString>,
    /// Errors in a row that are put up with (4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive_error_limit: Option<IntOrString>,
    /// Good measurements in a row that are enough (0: off).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive_success_limit: Option<IntOrString>,
    /// Who measures.
    pub provider: MetricProvider,
}
