//! Plays the same scenarios under the Argo Rollouts controller and under ours, in two namespaces of one cluster with pretended pods, and
//! compares what happened. `lab/parity` brings the cluster up and runs it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod answers;
pub mod compare;
pub mod known;
pub mod manifests;
pub mod normal;
pub mod play;
pub mod pulse;
pub mod record;
pub mod scenario;
pub mod summary;
pub mod takeover;
pub mod told;
