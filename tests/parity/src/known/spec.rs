//! Reasons that have to do with what is written in a spec.

use super::{Rule, Seen};
use crate::scenario::Act;

/// All of them.
pub const RULES: &[Rule] = &[
    ("the text of an invalid spec ends with the remedy", remedy),
    ("an empty list in the spec stays as it was written", empty_steps),
    ("an invalid spec takes no Service out of use", kept_service),
    ("an abort by the progress deadline is one event, which names its cause", deadline),
    ("a complete Rollout that is paused by hand says so", paused_at_rest),
    ("the first ReplicaSet of a workload is made once, and told once", made_once),
    ("a Deployment is scaled down when pods are available, not when they are ready", counted),
];

fn remedy(seen: &Seen<'_>) -> bool {
    let rest = seen.difference.ours.strip_prefix(&seen.difference.argo);
    seen.part().ends_with("message") && rest.is_some_and(|rest| rest.starts_with(" (") && rest.ends_with(')'))
}

fn empty_steps(seen: &Seen<'_>) -> bool {
    seen.is("Rollout R spec strategy canary steps", "-", "[]")
}

fn kept_service(seen: &Seen<'_>) -> bool {
    let parts = ["Service R-canary", "course of Service R-canary", "Service R-preview", "course of Service R-preview"];
    let switched = [
        "SwitchService: Switched selector for service 'R-canary' from ''",
        "SwitchService: Switched selector for service 'R-preview' from ''",
    ];
    let names_another =
        seen.plays(&["one service twice/under way", "missing service/under way", "no canary service/under way"]);
    names_another && seen.after(|act| matches!(act, Act::Spec(_))) && (seen.within(&parts) || seen.tells(&switched))
}

fn deadline(seen: &Seen<'_>) -> bool {
    const CAUSE: &str = "ReplicaSet \"R-<2.0.0>\" has timed out progressing.";
    let (argo, ours) = (&seen.difference.argo, &seen.difference.ours);
    let message = seen.part().ends_with("message") && *ours == format!("{argo}: {CAUSE}");
    let place = seen.part() == "place among the events" && seen.tells(&["ScalingReplicaSet:"]);
    seen.scenario.title.contains("/deadline aborts/") && (message || seen.tells(&["RolloutAborted:"]) || place)
}

/// For Argo the condition stays as it was, or follows much later.
fn paused_at_rest(seen: &Seen<'_>) -> bool {
    seen.scenario.title.contains("/paused by hand/")
        && matches!(seen.act(), Some(Act::Pause | Act::Scale(_)))
        && seen.within(&["Rollout R status conditions Progressing"])
}

/// Argo may look before its cache has the set that it has just made: it then takes it for an older one.
fn made_once(seen: &Seen<'_>) -> bool {
    const HISTORY: &str = "ReplicaSet R-<1.0.0> annotations rollout.argoproj.io/revision-history";
    let (argo, ours) = (&seen.difference.argo, &seen.difference.ours);
    let history =
        seen.part() == HISTORY && argo.split(',').all(|one| one == "1") && (ours == "-" || argo.starts_with(ours));
    let event = seen.is("events", "-", "Normal NewReplicaSetCreated: Created ReplicaSet R-<1.0.0> (revision 1)");
    seen.scenario.title.starts_with("workload/") && (history || event)
}

/// On the way to 0 it has other sizes, and so another generation.
fn counted(seen: &Seen<'_>) -> bool {
    let generation =
        seen.part().ends_with("workload-generation") || seen.part().ends_with("workloadObservedGeneration");
    let ends =
        |course: &str| (course.split(" → ").next().map(str::to_owned), course.split(" → ").last().map(str::to_owned));
    let course = seen.part() == "course of Deployment R-workload size"
        && ends(&seen.difference.argo) == ends(&seen.difference.ours);
    seen.scenario.title.contains("/deployment,progressively/") && (generation || course)
}
