//! `Rollout`: every field of spec/argo-rollouts 1.1 and 1.2.
//!
//! The pod template stays raw JSON: it is hashed and copied, never rewritten through our types.

mod read;
mod spec;
mod status;
mod traffic;

pub use spec::*;
pub use status::*;
pub use traffic::*;

use crate::ObjectMeta;
pub use crate::finding::Finding;
use serde::{Deserialize, Serialize};

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
    /// Wanted pods; 1 when not given.
    pub fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }

    /// The canary strategy, if it is the one in force.
    pub fn canary(&self) -> Option<&CanaryStrategy> {
        self.spec.strategy.canary.as_ref()
    }
}
