//! Reasons of blue/green.

use super::{Rule, Seen};
use crate::scenario::{Act, Version};

/// All of them.
pub const RULES: &[Rule] = &[
    Rule {
        row: "blue/green: a set that waits for its end is wanted again (abort and retry; second, third, second; back and forth)",
        plays: &["bluegreen/*/abort,retry,promote", "bluegreen/*/third,second", "bluegreen/*/back,again"],
        holds: fast_forward,
    },
    Rule {
        row: "blue/green: fast rollback with `previewReplicaCount`",
        plays: &["bluegreen/small preview/switched/back"],
        holds: fast_with_preview,
    },
    Rule {
        row: "blue/green: a small preview that a third version replaces",
        plays: &["bluegreen/small preview*third*"],
        holds: small_preview,
    },
    Rule {
        row: "blue/green: promoted while a pod is not ready, while paused by hand, or during a timed pause",
        plays: &["bluegreen/timed/waiting/promote"],
        holds: switched,
    },
    Rule {
        row: "blue/green: retry after a failed pre- or post-promotion analysis",
        plays: &["analysis/pre/*/fail,retry", "analysis/post/*/fail,retry"],
        holds: judged_again,
    },
    Rule {
        row: "an invalid spec that names another Service",
        plays: &["invalid/bluegreen/missing service/under way"],
        holds: given_back,
    },
];

/// Whether the part tells that the switch is done, or not yet.
fn switched(seen: &Seen<'_>) -> bool {
    let parts = [
        "ReplicaSet R-<1.0.0> annotations scale-down-deadline",
        "ReplicaSet R-<2.0.0> annotations scale-down-deadline",
        "Rollout R status blueGreen activeSelector",
        "Rollout R status conditions Completed",
        "Rollout R status conditions Healthy",
        "Rollout R status conditions Paused",
        "Rollout R status conditions Progressing",
        "Rollout R status controllerPause",
        "Rollout R status message",
        "Rollout R status pauseConditions",
        "Rollout R status phase",
        "Rollout R status selector",
        "Rollout R status stableRS",
        "Service R-active selector",
        "course of Rollout R active",
        "course of Rollout R stable",
        "course of Service R-active selector",
    ];
    let events = [
        "RolloutPaused:",
        "RolloutResumed:",
        "SwitchService: Switched selector for service 'R-active'",
        "RolloutCompleted:",
    ];
    seen.within(&parts) || seen.tells(&events)
}

/// Argo takes any deadline for a fast rollback: that of an abort, and that of a newer set.
fn fast_forward(seen: &Seen<'_>) -> bool {
    let again = |act: &Act| matches!(act, Act::Retry | Act::Ship(Version::Good(2)));
    // The act that leads back, the promotion after it, and all events.
    let place = seen.scenario.script.iter().rposition(again);
    let near = place.is_some_and(|place| (place..=place + 1).contains(&seen.act)) || seen.last();
    near && switched(seen)
}

fn fast_with_preview(seen: &Seen<'_>) -> bool {
    let sizes = [
        "ReplicaSet R-<1.0.0>",
        "Rollout R status replicas",
        "Rollout R status updatedReplicas",
        "course of ReplicaSet R-<1.0.0> size",
    ];
    let scaled = seen.tells(&[
        "ScalingReplicaSet: Scaled down ReplicaSet R-<1.0.0>",
        "ScalingReplicaSet: Scaled up ReplicaSet R-<1.0.0>",
    ]);
    switched(seen) || seen.within(&sizes) || scaled
}

fn small_preview(seen: &Seen<'_>) -> bool {
    let is_of = |set: &str| {
        let (sizes, course) = (format!("ReplicaSet R-{set}"), format!("course of ReplicaSet R-{set} size"));
        let ways = ["down", "up"].map(|way| format!("ScalingReplicaSet: Scaled {way} ReplicaSet R-{set}"));
        seen.within(&[&sizes, &course]) || seen.tells(&ways.each_ref().map(String::as_str))
    };
    // A fourth version, or the first one again, replaces the third in its turn.
    let third = seen.scenario.title.contains("third,") && is_of("<3.0.0>");
    is_of("<2.0.0>") || third || seen.within(&["Rollout R status replicas"])
}

/// Argo switches at the retry, because of the abort's deadline, and then aborts again, because of the failed run.
fn judged_again(seen: &Seen<'_>) -> bool {
    let after = seen.scenario.title.starts_with("analysis/post/");
    let site = if after { "post" } else { "pre" };
    let run = format!("R-<2.0.0>-2-{site}.1");
    let parts = [
        format!("AnalysisRun {run}"),
        format!("course of AnalysisRun {run}"),
        format!("events of {run}"),
        "Rollout R status abort".to_owned(),
        format!("Rollout R status blueGreen {site}PromotionAnalysisRunStatus"),
    ];
    let parts = parts.each_ref().map(String::as_str);
    // After the switch the update is called complete before the failed run is looked at.
    let completed = after && seen.tells(&["RolloutCompleted:"]);
    let told = completed || seen.tells(&["RolloutAborted:", "AnalysisRun"]);
    seen.after(|act| *act == Act::Retry) && (seen.within(&parts) || told)
}

/// Argo takes the hash off a Service that an invalid spec does not name, and switches to the new set when it names it again.
fn given_back(seen: &Seen<'_>) -> bool {
    let parts = ["Service R-active", "course of Service R-active"];
    switched(seen) || seen.within(&parts)
}
