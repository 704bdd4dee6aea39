//! Reasons of blue/green.

use super::{Rule, Seen};
use crate::scenario::{Act, Strategy, Version};

/// All of them.
pub const RULES: &[Rule] = &[
    ("a fast rollback leads to an older set: who goes on, or retries, is asked again", fast_forward),
    ("a fast rollback keeps the pods of a set that was smaller as a preview", fast_with_preview),
    ("a small preview that a third version replaces keeps its size", small_preview),
    ("a promotion during a timed pause is one", timed),
    ("the failed run of an aborted update does not judge its retry", judged_again),
    ("an active Service that has lost its hash is given back to the stable set", given_back),
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
    let plays = seen.plays(&["/abort,retry,promote", "/third,second", "/back,again"]);
    let again = |act: &Act| matches!(act, Act::Retry | Act::Ship(Version::Good(2)));
    // The act that leads back, the promotion after it, and all events.
    let place = seen.scenario.script.iter().rposition(again);
    let near = place.is_some_and(|place| (place..=place + 1).contains(&seen.act)) || seen.last();
    seen.scenario.strategy == Strategy::BlueGreen && plays && near && switched(seen)
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
    seen.plays(&["bluegreen/small preview/switched/back"]) && (switched(seen) || seen.within(&sizes) || scaled)
}

fn small_preview(seen: &Seen<'_>) -> bool {
    let sizes = ["ReplicaSet R-<2.0.0>", "Rollout R status replicas", "course of ReplicaSet R-<2.0.0> size"];
    let scaled = seen.tells(&[
        "ScalingReplicaSet: Scaled down ReplicaSet R-<2.0.0>",
        "ScalingReplicaSet: Scaled up ReplicaSet R-<2.0.0>",
    ]);
    seen.scenario.title.starts_with("bluegreen/small preview")
        && seen.scenario.title.contains("third")
        && (seen.within(&sizes) || scaled)
}

/// For Argo the pause begins anew.
fn timed(seen: &Seen<'_>) -> bool {
    seen.plays(&["bluegreen/timed/waiting/promote"]) && switched(seen)
}

/// Argo switches at the retry, because of the abort's deadline, and then aborts again, because of the failed run.
fn judged_again(seen: &Seen<'_>) -> bool {
    let parts = [
        "AnalysisRun R-<2.0.0>-2-pre.1",
        "course of AnalysisRun R-<2.0.0>-2-pre.1",
        "events of R-<2.0.0>-2-pre.1",
        "Rollout R status abort",
        "Rollout R status blueGreen prePromotionAnalysisRunStatus",
    ];
    let events = ["RolloutAborted:", "AnalysisRun"];
    seen.scenario.title.starts_with("analysis/pre/")
        && seen.plays(&["/fail,retry"])
        && seen.after(|act| *act == Act::Retry)
        && (seen.within(&parts) || seen.tells(&events))
}

/// Argo takes the hash off a Service that an invalid spec does not name, and switches to the new set when it names it again.
fn given_back(seen: &Seen<'_>) -> bool {
    let parts = ["Service R-active", "course of Service R-active"];
    seen.plays(&["invalid/bluegreen/missing service/under way"]) && (switched(seen) || seen.within(&parts))
}
