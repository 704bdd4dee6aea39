//! `spec.strategy`: exactly one of the two, and what blue/green may say.

use super::canary;
use crate::finding::Finding;
use crate::rollout::{AntiAffinity, BlueGreenStrategy, Rollout};

const DEFAULT_HISTORY: i32 = 10;

/// The first thing that is wrong in the strategy itself.
pub(super) fn check(rollout: &Rollout) -> Option<Finding> {
    // The doubled word is how Argo Rollouts writes the path.
    const PATH: &str = "spec.strategy.strategy";
    let strategy = &rollout.spec.strategy;
    match (&strategy.blue_green, &strategy.canary) {
        (None, None) => {
            let text = "Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'";
            Some(Finding::required(PATH, text).hint("add one of the two"))
        }
        (Some(_), Some(_)) => {
            let both = "blueGreen: true canary: true";
            Some(
                Finding::invalid(PATH, &both.into(), "Multiple Strategies can not be listed")
                    .hint("remove spec.strategy.blueGreen or spec.strategy.canary"),
            )
        }
        (Some(blue_green), None) => check_blue_green(rollout, blue_green),
        (None, Some(canary)) => canary::check(canary),
    }
}

fn check_blue_green(rollout: &Rollout, blue_green: &BlueGreenStrategy) -> Option<Finding> {
    if blue_green.active_service == blue_green.preview_service {
        let text = "This rollout uses the same service for the active and preview services, but two different services are required.";
        return Some(Finding::invalid("spec.strategy.activeService", &blue_green.active_service.clone().into(), text));
    }
    let history = rollout.spec.revision_history_limit.unwrap_or(DEFAULT_HISTORY);
    if let Some(limit) = blue_green.scale_down_delay_revision_limit.filter(|limit| *limit > history) {
        let text = "This rollout's revision history limit can not be smaller than the rollout's scale down limit";
        return Some(
            Finding::invalid("spec.strategy.scaleDownDelayRevisionLimit", &limit.into(), text)
                .hint(format!("lower it to {history} or raise spec.revisionHistoryLimit")),
        );
    }
    anti_affinity(blue_green.anti_affinity.as_ref())
}

/// Exactly one of the two kinds, with a weight that the scheduler takes.
pub(super) fn anti_affinity(affinity: Option<&AntiAffinity>) -> Option<Finding> {
    let affinity = affinity?;
    let preferred = affinity.preferred_during_scheduling_ignored_during_execution.as_ref();
    let required = affinity.required_during_scheduling_ignored_during_execution.is_some();
    if preferred.is_some() == required {
        let value = format!(
            "antiAffinity.PreferredDuringSchedulingIgnoredDuringExecution: {required} antiAffinity.RequiredDuringSchedulingIgnoredDuringExecution: {required}"
        );
        let text = "AntiAffinity must have exactly one strategy listed";
        return Some(
            Finding::invalid("spec.strategy.antiAffinity", &value.into(), text)
                .hint("keep either preferredDuringSchedulingIgnoredDuringExecution or requiredDuringSchedulingIgnoredDuringExecution"),
        );
    }
    let weight = preferred?.weight;
    (!(1..=100).contains(&weight)).then(|| {
        let text = "AntiAffinity weight must be between 1-100";
        Finding::invalid("spec.strategy.antiAffinity.weight", &weight.into(), text)
    })
}
