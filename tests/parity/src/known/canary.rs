//! Reasons of canaries.

use super::{Rule, Seen};
use crate::compare::Difference;
use crate::scenario::{Act, Strategy};

/// All of them.
pub const RULES: &[Rule] = &[
    Rule {
        row: "aborted update with a router",
        plays: &[
            "nginx/*",
            "options/*",
            "analysis/step/nginx/*",
            "analysis/background/nginx/*",
            "experiment/nginx/*",
            "workload/nginx/*",
        ],
        holds: canary_service,
    },
    Rule { row: "event `RolloutResumed`", plays: &["*"], holds: resumed },
    Rule { row: "a step that lowers the weight", plays: &["nginx/p,w60,w10,p/*"], holds: lowered_first },
    Rule {
        row: "abort of a canary without `abortScaleDownDelaySeconds`",
        plays: &["options/no abort delay/*"],
        holds: lowered_first,
    },
    Rule {
        row: "aborted update that is scaled while its pods wait for their end",
        plays: &["nginx/*/abort,down", "options/nginx/autoscaler/aborted"],
        holds: aborted_and_scaled,
    },
    Rule {
        row: "`scaleDownDelaySeconds: 0`",
        plays: &["options/no delay/*", "bluegreen/no delay/*"],
        holds: without_delay,
    },
    Rule {
        row: "`dynamicStableScale` with `abortScaleDownDelaySeconds`, aborted",
        plays: &["options/dynamic stable,abort delay 15/*"],
        holds: waits_for_itself,
    },
    Rule {
        row: "`dynamicStableScale`: the weight falls (abort, rollback, promotion)",
        plays: &["options/dynamic stable/undo", "options/dynamic stable/abort"],
        holds: follows_pods,
    },
    Rule {
        row: "canary without a single available pod",
        plays: &["options/nginx/restart/pausing", "options/dynamic stable/third"],
        holds: without_pods,
    },
    Rule { row: "weight rises", plays: &["options/nginx/window/back while pausing"], holds: not_reached },
    Rule { row: "weight rises", plays: &["experiment/nginx/*/third*"], holds: endpoints_first },
    Rule {
        row: "an older set that the canary Service has just left (a third version)",
        plays: &["nginx/scale2,p,w50,p,match,p/*third*"],
        holds: switch_was_seen,
    },
];

/// Whether the update is aborted by somebody.
fn aborts(seen: &Seen<'_>) -> bool {
    let title = &seen.scenario.title;
    let by_itself = ["fail", "error", "deadline aborts", "no such analysis"].iter().any(|word| title.contains(word));
    by_itself || seen.after(|act| *act == Act::Abort)
}

/// Argo points the canary Service of an aborted update to the stable set and back to the new one in each pass, until that has no pods any more.
fn canary_service(seen: &Seen<'_>) -> bool {
    let Difference { part, argo, ours } = seen.difference;
    if seen.scenario.strategy != Strategy::Nginx || !aborts(seen) {
        return false;
    }
    let (there, here) = (values(argo), values(ours));
    let between_two = there.len() <= 2 && there.contains(&STABLE) && here.iter().all(|value| there.contains(value));
    // Which way it points when an act's part ends, and so when the next one's begins, is chance, as long as the new set has pods.
    let course = part == "course of Service R-canary selector"
        && (between_two || unturned(argo) == unturned(ours) || from_stable(argo) == unturned(ours));
    let moment = part == "Service R-canary selector rollouts-pod-template-hash" && !seen.last() && ours == STABLE;
    // Who retries may find it where it has to be.
    let only_one = ours == "-" || (argo == "-" && seen.after(|act| *act == Act::Retry));
    course || moment || (only_one && seen.tells(&["SwitchService: Switched selector for service 'R-canary'"]))
}

/// A course without its turns, from where it first points to the stable set.
fn from_stable(course: &str) -> Vec<&str> {
    let course = unturned(course);
    let start = usize::from(course.get(1) == Some(&STABLE));
    course[start..].to_vec()
}

/// The version that every scenario begins with.
const STABLE: &str = "<1.0.0>";

/// The different values of a course.
fn values(course: &str) -> Vec<&str> {
    let mut values: Vec<&str> = course.split(" → ").filter(|value| !value.is_empty()).collect();
    values.sort_unstable();
    values.dedup();
    values
}

/// A course without its turns there and back.
fn unturned(course: &str) -> Vec<&str> {
    let mut out: Vec<&str> = Vec::new();
    for value in course.split(" → ") {
        match out[..] {
            [.., before, _] if before == value => {
                out.pop();
            }
            _ => out.push(value),
        }
    }
    // There and back again is nothing at all.
    if out.len() == 1 { vec![""] } else { out }
}

fn resumed(seen: &Seen<'_>) -> bool {
    seen.is("events", "-", "Normal RolloutResumed: Rollout is resumed") && seen.after(|act| *act == Act::Promote)
}

fn lowered_first(seen: &Seen<'_>) -> bool {
    seen.part() == "place among the events" && seen.tells(&["ScalingReplicaSet: Scaled down", "RolloutAborted:"])
}

/// Argo does nothing but scale while a ReplicaSet with pods has another number of wanted replicas in its annotation.
fn aborted_and_scaled(seen: &Seen<'_>) -> bool {
    let scales = |act: &Act| matches!(act, Act::Scale(_) | Act::Autoscale(_));
    let counts = ["status replicas", "status readyReplicas"].iter().any(|part| seen.part().ends_with(part));
    // Nothing calls for another pass over a set without pods: there it stays.
    let wanted = seen.part().ends_with("annotations rollout.argoproj.io/desired-replicas");
    let scaled = (counts && seen.act().is_some_and(scales)) || (wanted && seen.after(scales));
    seen.after(|act| *act == Act::Abort) && scaled
}

/// Argo never scales the old set down, and so never calls the Rollout healthy.
fn without_delay(seen: &Seen<'_>) -> bool {
    let counts = ["replicas", "readyReplicas", "availableReplicas", "HPAReplicas"];
    let counts = counts.iter().any(|count| seen.part() == format!("Rollout R status {count}"));
    let set = seen.within(&[
        "ReplicaSet R-<1.0.0>",
        "course of ReplicaSet R-<1.0.0>",
        "ReplicaSet R-<2.0.0>",
        "course of ReplicaSet R-<2.0.0>",
    ]);
    let healthy = [
        "Rollout R status conditions Healthy",
        "Rollout R status conditions Progressing",
        "Rollout R status phase",
        "Rollout R status message",
    ];
    let told = seen.difference.argo == "-" && seen.tells(&["ScalingReplicaSet: Scaled down ReplicaSet"]);
    counts || set || seen.within(&healthy) || told
}

/// Argo keeps the weight for pods that it keeps for the weight.
fn waits_for_itself(seen: &Seen<'_>) -> bool {
    let parts = [
        "Ingress R-R-front-canary annotations",
        "ReplicaSet R-",
        "Rollout R status HPAReplicas",
        "Rollout R status availableReplicas",
        "Rollout R status readyReplicas",
        "Rollout R status replicas",
        "Rollout R status updatedReplicas",
        "Rollout R status canary weights",
        "course of ",
        "Service R-canary selector",
    ];
    let events = ["PatchingCanaryIngress:", "ScalingReplicaSet:", "SwitchService:", "TrafficWeightUpdated:"];
    seen.after(|act| *act == Act::Abort) && (seen.within(&parts) || seen.tells(&events))
}

/// With `dynamicStableScale` on the way back: the same ends, and no turn between them.
fn follows_pods(seen: &Seen<'_>) -> bool {
    let numbers =
        |course: &str| course.split(" → ").map(str::parse).collect::<Result<Vec<i32>, _>>().unwrap_or_default();
    let (argo, ours) = (numbers(&seen.difference.argo), numbers(&seen.difference.ours));
    let falls = |course: &[i32]| course.len() > 1 && course.is_sorted_by(|a, b| a > b);
    let ends = argo.first() == ours.first() && argo.last() == ours.last();
    let course = seen.within(&["course of Ingress R-R-front-canary weight", "course of Rollout R weight"]);
    let told = seen.tells(&["PatchingCanaryIngress:", "TrafficWeightUpdated: Traffic weight updated from"]);
    (course && ends && falls(&argo) && falls(&ours)) || told
}

fn without_pods(seen: &Seen<'_>) -> bool {
    let parts =
        ["course of Ingress R-R-front-canary weight", "course of Rollout R weight", "course of ReplicaSet R-<1.0.0>"];
    let events = ["PatchingCanaryIngress:", "TrafficWeightUpdated:", "ScalingReplicaSet:", "RolloutStepCompleted:"];
    seen.within(&parts) || seen.tells(&events)
}

fn not_reached(seen: &Seen<'_>) -> bool {
    let parts = ["course of Ingress R-R-front-canary weight", "course of Rollout R weight"];
    seen.within(&parts) || seen.tells(&["PatchingCanaryIngress:", "TrafficWeightUpdated:"])
}

/// The canary Service has just been pointed to the new set, and its endpoints have to follow: the set before goes first.
fn endpoints_first(seen: &Seen<'_>) -> bool {
    let Difference { argo, ours, .. } = seen.difference;
    seen.part() == "place among the events"
        && seen.tells(&["ScalingReplicaSet: Scaled down "])
        && argo.contains(", after Normal TrafficWeightUpdated: Traffic weight updated from 0 to ")
        && ours.contains(", after Normal SwitchService: Switched selector for service 'R-canary' ")
}

/// The Service was turned away from the set, and the pass that did it has ended something as well.
fn switch_was_seen(seen: &Seen<'_>) -> bool {
    let Difference { argo, ours, .. } = seen.difference;
    let set = argo.split_once(" ReplicaSet R-").and_then(|(_, rest)| rest.split_once(' ')).map_or("", |(set, _)| set);
    let left = format!(", after Normal SwitchService: Switched selector for service 'R-canary' from '{set}' to ");
    let ended = [", after Normal RolloutStepCompleted: ", ", after Warning RolloutAborted: "];
    seen.part() == "place among the events"
        && seen.tells(&["ScalingReplicaSet: Scaled down "])
        && argo.contains(&left)
        && ended.iter().any(|what| ours.contains(what))
}
