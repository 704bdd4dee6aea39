//! `Rollout`: every field of spec/argo-rollouts 1.1 and 1.2.
//!
//! The pod template stays raw JSON: it is hashed and copied, never rewritten through our types.

mod analysis;
mod spec;
mod status;
mod step;
mod traffic;

pub use analysis::*;
pub use spec::*;
pub(crate) use spec::{is_false, is_zero};
pub use status::*;
pub use step::*;
pub use traffic::*;

use crate::ObjectMeta;
pub use crate::finding::Finding;
use crate::read;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A Rollout as it stands in the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rollout {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What the user wants.
    pub spec: RolloutSpec,
    /// What was reached.
    pub status: RolloutStatus,
    /// What of the object could not be understood: it becomes the `InvalidSpec` condition.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

impl Rollout {
    /// Reads an object leniently: what is wrong with its spec becomes findings. Only an object without readable metadata
    /// is refused.
    ///
    /// # Errors
    /// The text says what is wrong with `metadata`.
    pub fn read(object: Value) -> Result<Rollout, String> {
        let metadata = read::metadata(&object)?;
        let mut findings = Vec::new();
        let spec = read::part(&object, "spec", &mut findings);
        // The status is ours: what an older or foreign controller left there is no fault of the user's.
        let status = read::part(&object, "status", &mut Vec::new());
        Ok(Rollout { metadata, spec, status, findings })
    }

    /// Wanted pods; 1 when not given.
    pub fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }

    /// The canary strategy, if it is the one in force.
    pub fn canary(&self) -> Option<&CanaryStrategy> {
        self.spec.strategy.canary.as_ref()
    }
}
