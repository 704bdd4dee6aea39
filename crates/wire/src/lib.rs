//! Types of the wire: what Serinus reads from and writes to the Kubernetes API.
//!
//! `rollout` holds `argoproj.io/v1alpha1` as the peers write it; `k8s` holds lenses over built-in kinds with only the
//! fields that are read; `keys` names every label and annotation. Nothing here does I/O or reads a clock.

pub mod crd;
pub mod k8s;
pub mod keys;
pub mod meta;
pub mod rollout;
pub mod scalar;

pub use meta::{ObjectMeta, OwnerReference};
pub use rollout::Rollout;
pub use scalar::{IntOrString, Time};
