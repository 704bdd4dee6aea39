//! Labels, annotations and names that are part of the contract (spec: argo-rollouts 1.6).

/// API group and version of the peers' objects.
pub const API_VERSION: &str = "argoproj.io/v1alpha1";
/// Label on ReplicaSets, their pods and Service selectors: the pod-template hash.
pub const HASH: &str = "rollouts-pod-template-hash";
/// ReplicaSet annotation, RFC 3339 UTC: when the set may be scaled down.
pub const SCALE_DOWN_DEADLINE: &str = "scale-down-deadline";
/// Annotation on Services: the Rollout that manages the selector.
pub const MANAGED_BY: &str = "argo-rollouts.argoproj.io/managed-by-rollouts";
/// Label: which controller instance an object belongs to.
pub const INSTANCE_ID: &str = "argo-rollouts.argoproj.io/controller-instance-id";
/// Annotation on Rollouts and ReplicaSets: revision number.
pub const REVISION: &str = "rollout.argoproj.io/revision";
/// Annotation on ReplicaSets: former revisions, comma separated.
pub const REVISION_HISTORY: &str = "rollout.argoproj.io/revision-history";
/// Annotation on ReplicaSets: `spec.replicas` of the Rollout at the last touch.
pub const DESIRED_REPLICAS: &str = "rollout.argoproj.io/desired-replicas";
/// Annotation on Rollouts: generation of the workload behind `workloadRef`.
pub const WORKLOAD_GENERATION: &str = "rollout.argoproj.io/workload-generation";
/// Annotation on ReplicaSets: JSON `{labels, annotations}` that was injected.
pub const EPHEMERAL_METADATA: &str = "rollout.argoproj.io/ephemeral-metadata";
/// Annotation of kubectl; never copied to ReplicaSets.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Annotation of the notification engine; never copied to ReplicaSets.
pub const NOTIFIED: &str = "notified.notifications.argoproj.io";
/// Label on AnalysisRuns: `Step`, `Background`, `PrePromotion` or `PostPromotion`.
pub const ROLLOUT_TYPE: &str = "rollout-type";
/// Label on AnalysisRuns of steps: the step's place, from 0.
pub const STEP_INDEX: &str = "step-index";
/// Annotation on an experiment's ReplicaSets and Services: the Experiment.
pub const EXPERIMENT_NAME: &str = "experiment.argoproj.io/name";
/// Annotation on an experiment's ReplicaSets and Services: the template.
pub const EXPERIMENT_TEMPLATE_NAME: &str = "experiment.argoproj.io/template-name";
/// Label on the Jobs of a metric and on their pods: uid of the AnalysisRun.
pub const JOB_RUN_UID: &str = "analysisrun.argoproj.io/uid";
/// Annotation on the Jobs of a metric: name of the AnalysisRun.
pub const JOB_RUN_NAME: &str = "analysisrun.argoproj.io/name";
/// Annotation on the Jobs of a metric: namespace of the AnalysisRun.
pub const JOB_RUN_NAMESPACE: &str = "analysisrun.argoproj.io/namespace";
/// Annotation on the Jobs of a metric: the metric.
pub const JOB_METRIC_NAME: &str = "analysisrun.argoproj.io/metric-name";
/// Annotation on ReplicaSets, ours: while its pods still follow the injected metadata, JSON of what they may have from before.
pub const EPHEMERAL_BEFORE: &str = "serinus.dev/ephemeral-metadata-before";
