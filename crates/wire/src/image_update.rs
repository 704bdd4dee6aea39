//! `ImageUpdate` (`serinus.dev/v1alpha1`): one proposed change of one workload's images. It is the durable queue, the approvals
//! store and the audit trail in one.
//!
//! `spec` holds what was proposed and what people say to it; `status` is the controller's alone.

use crate::meta::null_as_default;
use crate::scalar::MicroTime;
use crate::{ObjectMeta, Time};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// API group and version.
pub const API_VERSION: &str = "serinus.dev/v1alpha1";
/// Kind.
pub const KIND: &str = "ImageUpdate";
/// Annotation on a workload: the updates that were written into it, newest first.
pub const APPLIED: &str = "serinus.dev/image-updates";

/// One proposed change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageUpdate {
    /// Metadata.
    pub metadata: ObjectMeta,
    /// What was proposed, and what people say to it.
    pub spec: ImageUpdateSpec,
    /// What became of it.
    pub status: ImageUpdateStatus,
}

/// What was proposed, and what people say to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageUpdateSpec {
    /// The workload that is changed.
    pub workload: WorkloadName,
    /// Registry and path of the image, for example `172.16.77.115:5000/pregap`.
    pub repository: String,
    /// The tag that is proposed.
    pub tag: String,
    /// The digest behind the tag, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The tag that ran when it was proposed.
    pub from_tag: String,
    /// Containers, init containers and image volumes that change.
    #[serde(deserialize_with = "null_as_default")]
    pub changes: Vec<Change>,
    /// The policy that let it through.
    pub policy: String,
    /// What proposed it.
    pub source: Source,
    /// Counts proposals of the same change, from 0.
    #[schemars(with = "i32", range(min = 0))]
    pub round: u32,
    /// Votes that are needed.
    #[schemars(with = "i32", range(min = 0))]
    pub required_approvals: u32,
    /// After this no vote counts; absent when none is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Time>,
    /// Votes that were given, in order.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub votes: Vec<Vote>,
    /// Somebody allows a change again that was rejected or rolled back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Allowance>,
    /// Put away: an open one is withdrawn, a finished one no longer refuses anything.
    #[serde(skip_serializing_if = "is_false")]
    pub archived: bool,
}

/// A workload in the namespace of the update.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadName {
    /// `Deployment`, `StatefulSet`, `DaemonSet`, `CronJob` or `Rollout`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// One image that changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Change {
    /// Where the image stands.
    #[schemars(schema_with = "places")]
    pub place: Place,
    /// Name of the container or volume.
    pub name: String,
    /// The image as it was.
    pub from: String,
    /// The image as it will be.
    pub to: String,
}

/// Where an image stands in a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Place {
    /// `containers`.
    #[default]
    Container,
    /// `initContainers`.
    InitContainer,
    /// `volumes`, by `image.reference`.
    Volume,
}

/// What proposed a change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Source {
    /// `native`, `dockerhub`, …, `registry-notification`, `poll` or `ship`.
    pub trigger: String,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<MicroTime>,
    /// The sender's idempotency key: a second request with it is the same one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The source of webhooks that told of it, by its name; empty where sources have none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sender: String,
}

/// One vote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Vote {
    /// Who: the user that was authenticated.
    pub voter: String,
    /// For or against.
    #[schemars(schema_with = "decisions")]
    pub decision: Decision,
    /// When.
    pub at: Time,
    /// What the voter was asked under another name than his own, for example by a chat bot.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub on_behalf_of: String,
}

/// For or against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// For.
    Approve,
    /// Against: one is enough.
    Reject,
}

/// Somebody allows a change again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Allowance {
    /// Who.
    pub by: String,
    /// When.
    pub at: Time,
}

/// What became of a change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageUpdateStatus {
    /// How far it is.
    #[schemars(schema_with = "phases")]
    pub phase: Phase,
    /// Why, in one sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The update that took its place.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub superseded_by: String,
    /// When it was written into the workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<Time>,
    /// What it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Started>,
    /// When the verdict fell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// When the verdict was told to all who receive verdicts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Time>,
}

/// The rollout that an update started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Started {
    /// Kind of what rolls out: `Rollout`, or that of the workload.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Hash of the pods that it brings, once a Rollout has observed the change.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod_hash: String,
}

/// How far an update is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Not looked at yet, or it waits for votes.
    #[default]
    Pending,
    /// Written into the workload; the verdict is open.
    RollingOut,
    /// All traffic, or all pods, have it.
    Promoted,
    /// Taken back by an analysis or a person. It is refused from now on.
    RolledBack,
    /// It did not become healthy, and nobody took it back.
    Failed,
    /// People voted against it. It is refused from now on.
    Rejected,
    /// The votes did not come in time.
    Expired,
    /// A later one took its place.
    Superseded,
    /// The policy does not take it any more.
    Refused,
    /// Put away by a person before it was applied.
    Withdrawn,
}

impl Phase {
    /// The verdict fell.
    pub fn is_final(self) -> bool {
        !matches!(self, Phase::Pending | Phase::RollingOut)
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Phase::Pending => "Pending",
            Phase::RollingOut => "RollingOut",
            Phase::Promoted => "Promoted",
            Phase::RolledBack => "RolledBack",
            Phase::Failed => "Failed",
            Phase::Rejected => "Rejected",
            Phase::Expired => "Expired",
            Phase::Superseded => "Superseded",
            Phase::Refused => "Refused",
            Phase::Withdrawn => "Withdrawn",
        })
    }
}

impl ImageUpdate {
    /// Voters who are for it, each once, whose vote came before the deadline.
    pub fn approvers(&self) -> Vec<&str> {
        let mut voters: Vec<&str> = self.timely(Decision::Approve).map(|vote| vote.voter.as_str()).collect();
        voters.sort_unstable();
        voters.dedup();
        voters
    }

    /// The first vote against it that came before the deadline.
    pub fn rejection(&self) -> Option<&Vote> {
        self.timely(Decision::Reject).next()
    }

    fn timely(&self, decision: Decision) -> impl Iterator<Item = &Vote> {
        let in_time = |vote: &&Vote| self.spec.deadline.is_none_or(|deadline| vote.at <= deadline);
        self.spec.votes.iter().filter(move |vote| vote.decision == decision).filter(in_time)
    }

    /// It was rejected or rolled back, and nobody has allowed it since: the same change is refused.
    pub fn refuses_again(&self) -> bool {
        matches!(self.status.phase, Phase::Rejected | Phase::RolledBack)
            && self.spec.allowed.is_none()
            && !self.spec.archived
    }

    /// The name that Keel knows it by: `deployment/ns/name:tag`.
    pub fn identifier(&self) -> String {
        let WorkloadName { kind, name } = &self.spec.workload;
        format!("{}/{}/{name}:{}", kind.to_lowercase(), self.metadata.namespace, self.spec.tag)
    }

    /// Orders proposals: when they came, then by name.
    pub fn order(&self) -> (Option<MicroTime>, u32, &str) {
        (self.spec.source.at, self.spec.round, self.metadata.name.as_str())
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn places(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["Container", "InitContainer", "Volume"]})
}

fn decisions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": ["Approve", "Reject"]})
}

fn phases(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": [
        "Pending", "RollingOut", "Promoted", "RolledBack", "Failed", "Rejected", "Expired", "Superseded", "Refused", "Withdrawn",
    ]})
}
