//! Reasons of Experiments.

use serde_json::Value;

use super::{Rule, Seen};
use crate::normal::without_nothing;
use crate::scenario::Act;

/// All of them.
pub const RULES: &[Rule] = &[
    Rule {
        row: "empty objects in the spec's steps (`metadata: {}` of an experiment's template)",
        plays: &["experiment/*"],
        holds: empty_objects,
    },
    Rule {
        row: "Experiment: an analysis that is over at its first measurement",
        plays: &["experiment/*", "alone/experiment/*"],
        holds: running_between,
    },
    Rule { row: "Experiment: events of its analyses on the Rollout", plays: &["experiment/*"], holds: severity },
    Rule {
        row: "Experiment: `spec.terminate` while a required analysis runs",
        plays: &["experiment/*/lasting/*", "alone/experiment/required lasting/end"],
        holds: ended,
    },
    Rule {
        row: "Experiment: `spec.terminate` while a required analysis runs",
        plays: &["experiment/*/lasting/end"],
        holds: went_on,
    },
    Rule {
        row: "Experiment: an analysis whose template does not exist",
        plays: &["alone/experiment/*none/missing"],
        holds: without_pods,
    },
    Rule {
        row: "Experiment: an analysis whose template does not exist",
        plays: &["experiment/*/no such analysis/update"],
        holds: unmarked,
    },
    Rule {
        row: "Experiment: a run that was just made",
        plays: &["experiment/*", "alone/experiment/*"],
        holds: made_twice,
    },
];

fn empty_objects(seen: &Seen<'_>) -> bool {
    let steps = |text: &str| serde_json::from_str::<Value>(text).ok().map(without_nothing);
    let (argo, ours) = (steps(&seen.difference.argo), steps(&seen.difference.ours));
    seen.part() == "Rollout R spec strategy canary steps" && argo.is_some() && argo == ours
}

/// Argo measures in its first pass over a run, which was `Pending` until then.
fn running_between(seen: &Seen<'_>) -> bool {
    let (argo, ours) = (&seen.difference.argo, &seen.difference.ours);
    if seen.part().starts_with("course of AnalysisRun R-") {
        return argo.replacen("Pending → ", "Pending → Running → ", 1) == *ours;
    }
    let events = seen.part() == "events" || seen.part().starts_with("events of R-");
    let turns = |event: &str, turn: &str| event.contains("AnalysisRun '") && event.contains(turn);
    let there =
        ours == "-" && (turns(argo, " from Pending -> ") || turns(argo, " from  -> ")) && !argo.contains("-> Pending");
    let between = [" from  -> Pending", " from Pending -> Running", " from Running -> "];
    let here = argo == "-" && between.iter().any(|turn| turns(ours, turn));
    events && (there || here)
}

/// Of an analysis that goes well.
fn severity(seen: &Seen<'_>) -> bool {
    let good = [
        "AnalysisRunPending: AnalysisRun '",
        "AnalysisRunRunning: AnalysisRun '",
        "AnalysisRunSuccessful: AnalysisRun '",
    ];
    let (argo, ours) = (&seen.difference.argo, &seen.difference.ours);
    let one = (ours == "-" && argo.starts_with("Warning ")) || (argo == "-" && ours.starts_with("Normal "));
    seen.part() == "events" && seen.tells(&good) && one
}

/// Argo never comes to its verdict.
fn ended(seen: &Seen<'_>) -> bool {
    let (argo, ours) = (&seen.difference.argo, &seen.difference.ours);
    let of_experiment = |rest: &str| seen.part().starts_with("Experiment R-") && seen.part().ends_with(rest);
    let phase = of_experiment(" status phase") && argo == "Running" && ours == "Successful";
    let condition = seen.part().starts_with("Experiment R-") && seen.part().contains(" status conditions Progressing ");
    let course = seen.part().starts_with("course of Experiment R-") && ours.ends_with(" → Successful");
    let told = seen.part().starts_with("events of R-")
        && argo == "-"
        && ours == "Normal ExperimentSuccessful: Experiment transitioned from Running -> Successful";
    phase || condition || course || told
}

/// Its Rollout waits for that verdict for ever, and ours goes on.
fn went_on(seen: &Seen<'_>) -> bool {
    seen.after(|act| *act == Act::EndExperiments)
}

/// What never had pods does not linger.
fn unmarked(seen: &Seen<'_>) -> bool {
    seen.within(&["ReplicaSet R-<2.0.0>-2-1-"])
        && seen.part().ends_with(" annotations scale-down-deadline")
        && seen.difference.ours == "-"
}

fn without_pods(seen: &Seen<'_>) -> bool {
    seen.within(&["ReplicaSet R-trial-", "course of ReplicaSet R-trial-"])
        || (seen.part() == "events of R-trial"
            && seen.difference.ours == "-"
            && seen.difference.argo.starts_with("Normal ScalingReplicaSet: Scaled "))
}

/// A second run of one analysis, where nobody asked for one.
fn made_twice(seen: &Seen<'_>) -> bool {
    let retried = seen.after(|act| matches!(act, Act::Retry | Act::RetryExperiments));
    let (argo, ours) = (&seen.difference.argo, &seen.difference.ours);
    let second = |part: &str| part.split(' ').any(|word| word.starts_with("R-") && word.ends_with(".1"));
    let extra = second(seen.part()) && (ours == "-" || ours.is_empty());
    let noted = seen.part().ends_with(" status analysisRuns") && argo.replace(".1\"", "\"") == *ours;
    !retried && (extra || noted)
}
