//! Reasons that have to do with what is written in a spec.

use super::{Rule, Seen};
use crate::scenario::Act;

/// All of them.
pub const RULES: &[Rule] = &[
    Rule {
        row: "text of `InvalidSpec`",
        plays: &["invalid/*", "workload/basic/deployment and template", "workload/*/missing/*"],
        holds: remedy,
    },
    Rule {
        row: "an empty list in the spec (`steps: []`)",
        plays: &["basic/none/*", "nginx/none/*"],
        holds: empty_steps,
    },
    Rule {
        row: "an invalid spec that names another Service",
        plays: &[
            "invalid/*/one service twice/under way",
            "invalid/*/missing service/under way",
            "invalid/*/no canary service/under way",
        ],
        holds: kept_service,
    },
    Rule { row: "`progressDeadlineAbort`", plays: &["options/*/deadline aborts/*"], holds: deadline },
    Rule { row: "status of a paused, complete Rollout", plays: &["options/*/paused by hand/*"], holds: paused_at_rest },
    Rule { row: "first ReplicaSet behind a `workloadRef`", plays: &["workload/*"], holds: made_once },
    Rule {
        row: "`workloadRef.scaleDown: progressively`: `workload-generation`",
        plays: &["workload/*/deployment,progressively/*"],
        holds: counted,
    },
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
    seen.after(|act| matches!(act, Act::Spec(_))) && (seen.within(&parts) || seen.tells(&switched))
}

fn deadline(seen: &Seen<'_>) -> bool {
    const CAUSE: &str = "ReplicaSet \"R-<2.0.0>\" has timed out progressing.";
    let (argo, ours) = (&seen.difference.argo, &seen.difference.ours);
    let message = seen.part().ends_with("message") && *ours == format!("{argo}: {CAUSE}");
    let place = seen.part() == "place among the events" && seen.tells(&["ScalingReplicaSet:"]);
    message || seen.tells(&["RolloutAborted:"]) || place
}

/// For Argo the condition stays as it was, or follows much later.
fn paused_at_rest(seen: &Seen<'_>) -> bool {
    matches!(seen.act(), Some(Act::Pause | Act::Scale(_))) && seen.within(&["Rollout R status conditions Progressing"])
}

/// Argo may look before its cache has the set that it has just made: it then takes it for an older one.
fn made_once(seen: &Seen<'_>) -> bool {
    const HISTORY: &str = "ReplicaSet R-<1.0.0> annotations rollout.argoproj.io/revision-history";
    let (argo, ours) = (&seen.difference.argo, &seen.difference.ours);
    let history =
        seen.part() == HISTORY && argo.split(',').all(|one| one == "1") && (ours == "-" || argo.starts_with(ours));
    let event = seen.is("events", "-", "Normal NewReplicaSetCreated: Created ReplicaSet R-<1.0.0> (revision 1)");
    history || event
}

/// On the way to 0 it has other sizes, and so another generation.
fn counted(seen: &Seen<'_>) -> bool {
    let generation =
        seen.part().ends_with("workload-generation") || seen.part().ends_with("workloadObservedGeneration");
    let ends =
        |course: &str| (course.split(" → ").next().map(str::to_owned), course.split(" → ").last().map(str::to_owned));
    let course = seen.part() == "course of Deployment R-workload size"
        && ends(&seen.difference.argo) == ends(&seen.difference.ours);
    generation || course
}
