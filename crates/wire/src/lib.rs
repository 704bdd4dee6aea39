//! Types of the wire: what Serinus reads from and writes to the Kubernetes API.
//!
//! `rollout`, `analysis` and `experiment` hold `argoproj.io/v1alpha1` as the peers write it; `image_update` is ours; `keel` is what
//! people say to Keel; `k8s` holds lenses over built-in kinds with only the
//! fields that are read; `pod` and `selector` understand what stays raw; `validate` says what is wrong with a Rollout;
//! `crd` tells the API server about our types; `keys` names every label and annotation. Nothing here does I/O or reads a clock.

pub mod analysis;
pub mod crd;
pub mod experiment;
pub mod finding;
pub mod image_update;
pub mod k8s;
pub mod keel;
pub mod keys;
pub mod meta;
pub mod names;
pub mod pod;
mod read;
pub mod rollout;
pub mod scalar;
pub mod selector;
pub mod validate;

pub use analysis::{AnalysisRun, AnalysisTemplate};
pub use experiment::Experiment;
pub use finding::Finding;
pub use image_update::ImageUpdate;
pub use meta::{ObjectMeta, OwnerReference};
pub use rollout::Rollout;
pub use scalar::{IntOrString, MicroTime, Time};
