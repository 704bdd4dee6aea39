//! `Rollout`: every field of spec/argo-rollouts 1.1 and 1.2.
//!
//! The pod template stays raw JSON: it is hashed and copied, never rewritten through our types.

mod spec;
mod status;
mod traffic;

pub use spec::*;
pub use status::*;
pub use traffic::*;

use crate::ObjectMeta;
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

/// One thing that is wrong with an object, in words for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Path of the field, for example `spec.strategy.canary.steps[0].setWeight`.
    pub path: String,
    /// The full text as it is shown, path and value included.
    pub message: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl Rollout {
    /// Reads an object leniently: a field that can't be read takes its default and becomes a finding, as does a field
    /// that nobody knows; the rest of the object is kept. Only an object without readable metadata is refused.
    ///
    /// # Errors
    /// The text says what is wrong with `metadata`.
    pub fn read(object: Value) -> Result<Rollout, String> {
        let mut findings = Vec::new();
        let mut unknown = Vec::new();
        let metadata: ObjectMeta = match object.get("metadata") {
            Some(meta) => ObjectMeta::deserialize(meta).map_err(|error| format!("metadata: {error}"))?,
            None => return Err("metadata: Required value".to_string()),
        };
        let mut read_part = |name: &str| {
            let part = object.get(name).cloned().unwrap_or(Value::Null);
            (if part.is_null() { Value::Object(serde_json::Map::new()) } else { part }, name.to_string())
        };
        let (spec_value, _) = read_part("spec");
        let spec = match serde_path_to_error::deserialize::<_, RolloutSpec>(&spec_value) {
            Ok(spec) => {
                let _ = serde_ignored::deserialize::<_, _, RolloutSpec>(&spec_value, |path| unknown.push(dotted(&path)));
                spec
            }
            Err(error) => {
                let path = format!("spec.{}", error.path());
                findings.push(Finding { message: format!("{path}: Invalid value: {}", error.inner()), path });
                RolloutSpec::default()
            }
        };
        let (status_value, _) = read_part("status");
        let status = RolloutStatus::deserialize(&status_value).unwrap_or_default();
        for path in unknown {
            let path = format!("spec.{path}");
            let message = format!("{path}: Invalid value: unknown field: remove it or correct its spelling");
            findings.push(Finding { path, message });
        }
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

/// `serde_ignored` paths name the options and newtypes they pass through (`?`); people do not want to see them.
fn dotted(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    let (parent, last) = match path {
        Path::Root => return String::new(),
        Path::Seq { parent, index } => return format!("{}[{index}]", dotted(parent)),
        Path::Map { parent, key } => (dotted(parent), key.clone()),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => return dotted(parent),
    };
    if parent.is_empty() { last } else { format!("{parent}.{last}") }
}
