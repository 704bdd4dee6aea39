//! Phase and message as a client shows them: what the controller wrote, unless it can't have seen the newest object yet.

use super::icon::Icon;
use serinus_wire::{Rollout, keys};

/// Phase of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// As it should be.
    Healthy,
    /// Aborted, invalid, or stuck.
    Degraded,
    /// Under way.
    Progressing,
    /// Held.
    Paused,
}

impl Phase {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Healthy => "Healthy",
            Phase::Degraded => "Degraded",
            Phase::Progressing => "Progressing",
            Phase::Paused => "Paused",
        }
    }

    /// The sign for it.
    pub fn icon(self) -> Icon {
        match self {
            Phase::Healthy => Icon::Good,
            Phase::Degraded => Icon::Bad,
            Phase::Progressing => Icon::Working,
            Phase::Paused => Icon::Paused,
        }
    }
}

/// Phase and message.
pub fn phase(rollout: &Rollout) -> (Phase, String) {
    let status = &rollout.status;
    if !observed(&status.observed_generation, rollout.metadata.generation) {
        return (Phase::Progressing, "waiting for rollout spec update to be observed".to_string());
    }
    if status.controller_pause && status.pause_conditions.is_empty() {
        return (Phase::Progressing, "waiting for rollout to unpause".to_string());
    }
    let workload = rollout.metadata.annotations.get(keys::WORKLOAD_GENERATION);
    if rollout.spec.workload_ref.is_some()
        && workload.is_some_and(|wanted| *wanted != status.workload_observed_generation)
    {
        let message = "waiting for rollout spec update to be observed for the reference workload";
        return (Phase::Progressing, message.to_string());
    }
    let phase = match status.phase.as_str() {
        "Healthy" => Phase::Healthy,
        "Degraded" => Phase::Degraded,
        "Paused" => Phase::Paused,
        "Progressing" => Phase::Progressing,
        _ => return (Phase::Progressing, "more replicas need to be updated".to_string()),
    };
    (phase, status.message.clone())
}

/// Very old controllers wrote a hash there; it counts as observed, as does what is ahead of us.
fn observed(observed: &str, generation: i64) -> bool {
    observed.parse::<i64>().map_or(true, |observed| observed >= generation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_the_controller_has_not_seen_is_progress() {
        let seen = |generation: i64, annotations: Value, spec: Value, status: Value| {
            let object = json!({"metadata": {"generation": generation, "annotations": annotations}, "spec": spec, "status": status});
            let (phase, message) = phase(&Rollout::read(object).unwrap());
            (phase.word(), message)
        };
        let healthy = |observed: &str| json!({"observedGeneration": observed, "phase": "Healthy"});
        let none = json!({});
        let reference = json!({"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}});
        let at = |generation: &str| json!({keys::WORKLOAD_GENERATION: generation});
        let unobserved = "waiting for rollout spec update to be observed";
        let workload = "waiting for rollout spec update to be observed for the reference workload";
        for (generation, annotations, spec, status, wanted) in [
            (2, none.clone(), none.clone(), healthy("2"), ("Healthy", "")),
            (2, none.clone(), none.clone(), healthy("1"), ("Progressing", unobserved)),
            (2, none.clone(), none.clone(), healthy("3"), ("Healthy", "")),
            (2, none.clone(), none.clone(), healthy("6f8d"), ("Healthy", "")),
            (
                1,
                none.clone(),
                none.clone(),
                json!({"phase": "Paused", "message": "CanaryPauseStep", "controllerPause": true}),
                ("Progressing", "waiting for rollout to unpause"),
            ),
            (
                1,
                none.clone(),
                none.clone(),
                json!({"phase": "Paused", "message": "CanaryPauseStep", "controllerPause": true,
                    "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:00Z"}]}),
                ("Paused", "CanaryPauseStep"),
            ),
            (
                1,
                at("4"),
                reference.clone(),
                json!({"phase": "Healthy", "workloadObservedGeneration": "4"}),
                ("Healthy", ""),
            ),
            (
                1,
                at("5"),
                reference,
                json!({"phase": "Healthy", "workloadObservedGeneration": "4"}),
                ("Progressing", workload),
            ),
            (1, at("5"), none.clone(), json!({"phase": "Healthy", "workloadObservedGeneration": "4"}), ("Healthy", "")),
            (1, none.clone(), none.clone(), none.clone(), ("Progressing", "more replicas need to be updated")),
        ] {
            assert_eq!(seen(generation, annotations, spec, status), (wanted.0, wanted.1.to_string()));
        }
    }
}
