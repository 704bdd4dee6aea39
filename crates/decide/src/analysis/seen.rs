//! What is known about one AnalysisRun, and what a decision about it consists of.

use crate::plan::Plan;
use jiff::Timestamp;
use serinus_gocompat::expr::Value;
use serinus_wire::AnalysisRun;
use serinus_wire::analysis::{MetricProvider, SecretKeyRef};
use serinus_wire::k8s;
use std::collections::{BTreeMap, BTreeSet};

/// Everything known about one AnalysisRun.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The run itself.
    pub run: AnalysisRun,
    /// Values of the Secrets that its arguments name, as far as they exist.
    pub secrets: BTreeMap<SecretKeyRef, String>,
    /// Jobs with the run's uid in their label, in no order.
    pub jobs: Vec<Job>,
    /// Pods of those Jobs, in no order.
    pub pods: Vec<k8s::Pod>,
    /// Namespace that Jobs are made in; empty: the run's.
    pub job_namespace: String,
    /// Measurements that came back and are not in the status yet.
    pub answers: Vec<Answer>,
    /// Metrics that are being measured at this moment.
    pub asked: BTreeSet<String>,
}

/// A Job of a run, as far as it is looked at.
pub type Job = k8s::Job;

/// A measurement that came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The metric.
    pub metric: String,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// When the answer was there.
    pub finished_at: Timestamp,
    /// What was measured, or why it could not be.
    pub result: Result<Reading, String>,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// As the conditions see it.
    pub result: Value,
    /// As the status shows it.
    pub value: String,
    /// What the provider adds to the measurement.
    pub metadata: BTreeMap<String, String>,
}

/// Measure this now.
#[derive(Clone)]
pub struct Ask {
    /// The metric.
    pub metric: String,
    /// Whom to ask what, with all arguments filled in.
    pub provider: MetricProvider,
}

/// Requests may carry credentials: only the metric is shown.
impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask").field("metric", &self.metric).finish_non_exhaustive()
    }
}

/// What is to be done about a run.
#[derive(Clone, Debug, Default)]
#[must_use = "a decision that nobody carries out does nothing"]
pub struct Decision {
    /// Writes, events, the next look, and why.
    pub plan: Plan,
    /// What to measure, once the plan is carried out.
    pub asks: Vec<Ask>,
}
