//! Lenses over built-in kinds: only the fields that are read, so that caches stay small.

use crate::meta::null_as_default;
use crate::{ObjectMeta, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// `apps/v1` ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSet {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Wanted state.
    pub spec: ReplicaSetSpec,
    /// Reached state.
    pub status: ReplicaSetStatus,
}

/// `spec` of a ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSetSpec {
    /// Wanted pods; absent means 1.
    pub replicas: Option<i32>,
    /// Seconds a pod must be ready before it counts as available.
    pub min_ready_seconds: i32,
    /// Label selector, raw.
    pub selector: Value,
    /// Pod template, raw and never rewritten.
    pub template: Value,
}

/// `status` of a ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSetStatus {
    /// Pods that exist.
    pub replicas: i32,
    /// Pods that are ready.
    pub ready_replicas: i32,
    /// Pods that are ready for `minReadySeconds`.
    pub available_replicas: i32,
    /// Generation the counts belong to.
    pub observed_generation: i64,
    /// Conditions, for example `ReplicaFailure`.
    #[serde(deserialize_with = "null_as_default")]
    pub conditions: Vec<ReplicaSetCondition>,
}

/// One condition of a ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSetCondition {
    /// `ReplicaFailure`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One word.
    pub reason: String,
    /// One sentence.
    pub message: String,
    /// When `status` last changed.
    pub last_transition_time: Option<Time>,
}

/// `v1` Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Wanted state.
    pub spec: ServiceSpec,
}

/// `spec` of a Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// Pods with all these labels get the traffic.
    #[serde(deserialize_with = "null_as_default")]
    pub selector: BTreeMap<String, String>,
    /// Ports, raw.
    pub ports: Value,
}

/// `networking.k8s.io/v1` Ingress. The spec stays raw: it is copied, not interpreted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ingress {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Wanted state, raw.
    pub spec: Value,
}

/// What stands behind a `workloadRef`: a Deployment, a ReplicaSet or a PodTemplate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Workload {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Wanted state.
    pub spec: WorkloadSpec,
}

/// The part of a workload's `spec` that a Rollout takes over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadSpec {
    /// Wanted pods.
    pub replicas: Option<i32>,
    /// Label selector, raw.
    pub selector: Value,
    /// Pod template, raw.
    pub template: Value,
}

/// `v1` Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Reached state, raw.
    pub status: Value,
}

/// `discovery.k8s.io/v1` EndpointSlice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointSlice {
    /// Metadata; the label `kubernetes.io/service-name` names the Service.
    pub metadata: ObjectMeta,
    /// Endpoints.
    #[serde(deserialize_with = "null_as_default")]
    pub endpoints: Vec<Endpoint>,
}

/// One endpoint of a slice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Endpoint {
    /// Addresses.
    #[serde(deserialize_with = "null_as_default")]
    pub addresses: Vec<String>,
    /// Whether it takes traffic.
    pub conditions: EndpointConditions,
    /// The pod behind it.
    pub target_ref: Option<TargetRef>,
}

/// Conditions of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointConditions {
    /// Takes new connections; absent means yes.
    pub ready: Option<bool>,
    /// Still serves, perhaps while it terminates.
    pub serving: Option<bool>,
    /// Is on its way out.
    pub terminating: Option<bool>,
}

/// The object behind an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetRef {
    /// `Pod`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// `batch/v1` Job, as far as an analysis looks at it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Job {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// Reached state.
    pub status: JobStatus,
}

/// `status` of a Job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobStatus {
    /// Conditions: `Complete` or `Failed` when it is over.
    #[serde(deserialize_with = "null_as_default")]
    pub conditions: Vec<JobCondition>,
    /// Pods that are on their way or run.
    pub active: i32,
    /// Pods that ended well.
    pub succeeded: i32,
    /// Pods that ended badly.
    pub failed: i32,
}

/// One condition of a Job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobCondition {
    /// `Complete`, `Failed` …
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One sentence.
    pub message: String,
}
