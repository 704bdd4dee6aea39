//! `AnalysisTemplate`, `ClusterAnalysisTemplate` and `AnalysisRun`: every field of spec/argo-rollouts 1.3 and 1.4.

mod metric;
mod phase;
mod provider;
mod spec;
mod status;

pub use metric::*;
pub use phase::Phase;
pub(crate) use phase::{maybe, or_empty};
pub use provider::*;
pub use spec::*;
pub use status::*;

use crate::finding::Finding;
use crate::{ObjectMeta, read};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An AnalysisTemplate, or a ClusterAnalysisTemplate when it has no namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AnalysisTemplate {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What is measured.
    pub spec: AnalysisTemplateSpec,
    /// What of the object could not be understood.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

impl AnalysisTemplate {
    /// Reads an object leniently: what is wrong with its spec becomes findings.
    ///
    /// # Errors
    /// The text says what is wrong with `metadata`.
    pub fn read(object: &Value) -> Result<AnalysisTemplate, String> {
        let metadata = read::metadata(object)?;
        let mut findings = Vec::new();
        let spec = read::part(object, "spec", &mut findings);
        Ok(AnalysisTemplate { metadata, spec, findings })
    }
}

/// An AnalysisRun: one analysis under way or done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AnalysisRun {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What is measured.
    pub spec: AnalysisRunSpec,
    /// What came out so far.
    pub status: AnalysisRunStatus,
    /// What of the object could not be understood: the run ends in phase `Error` with it.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

impl AnalysisRun {
    /// Reads an object leniently: what is wrong with its spec becomes findings.
    ///
    /// # Errors
    /// The text says what is wrong with `metadata`.
    pub fn read(object: &Value) -> Result<AnalysisRun, String> {
        let metadata = read::metadata(object)?;
        let mut findings = Vec::new();
        let spec = read::part(object, "spec", &mut findings);
        let status = read::part(object, "status", &mut Vec::new());
        Ok(AnalysisRun { metadata, spec, status, findings })
    }
}
