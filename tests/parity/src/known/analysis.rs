//! Reasons of analysis.

use super::{Rule, Seen};
use crate::compare::Difference;

/// All of them.
pub const RULES: &[Rule] = &[
    Rule {
        row: "AnalysisRun: its first measurement is under way",
        plays: &["analysis/*", "alone/*", "experiment/*"],
        holds: running_first,
    },
    Rule {
        row: "AnalysisRun: a Job that fails",
        plays: &[
            "analysis/*/bad-job*/fail",
            "experiment/*/required bad-job/fail",
            "alone/*/required bad-job/fail",
            "alone/run/job/fail",
        ],
        holds: job_message,
    },
    Rule { row: "a run fails or can't tell", plays: &["analysis/background/*/fail"], holds: over_before },
    Rule {
        row: "AnalysisRun: an invalid spec",
        plays: &["alone/run/invalid/*", "alone/run/argued by *", "alone/run/secret/missing*"],
        holds: told_what_is_wrong,
    },
    Rule {
        row: "AnalysisRun: a Secret that is not there, or lacks a key",
        plays: &["alone/run/secret/missing*"],
        holds: |seen| {
            seen.part() == "AnalysisRun R-run status message" && seen.difference.ours.contains(" in secret 'R-")
        },
    },
    Rule {
        row: "AnalysisRun: a condition that can't be evaluated",
        plays: &["alone/run/conditions/nonsense", "alone/run/conditions/of another type"],
        holds: not_evaluated,
    },
    Rule {
        row: "AnalysisRun: several metrics",
        plays: &["analysis/step/*/dry/fail", "analysis/step/*/both/*", "analysis/step/*/slow-job/fail"],
        holds: side_by_side,
    },
    Rule {
        row: "event `AnalysisRunRunning` of a background analysis",
        plays: &["analysis/background/*"],
        holds: seen_to_run,
    },
];

/// What is told in the pass that is the first to see that a background run has begun, after the event's type.
pub const UNDER_WAY: &str = "AnalysisRunRunning: Background Analysis Run '";

/// The run is measured beside the Rollout: which of the Rollout's passes is the first to see it is a race, under either controller. Its verdict, and what
/// follows from that, come later all the same.
fn seen_to_run(seen: &Seen<'_>) -> bool {
    let later = |placed: &str| {
        let after = placed.split_once(", after ").and_then(|(_, before)| before.split_once(' ')).map(|(_, text)| text);
        after.is_some_and(|text| text.starts_with("AnalysisRun") || text.starts_with("RolloutAborted"))
    };
    let Difference { argo, ours, .. } = seen.difference;
    seen.part() == "place among the events" && seen.tells(&[UNDER_WAY]) && !later(argo) && !later(ours)
}

/// Argo measures in its first pass over a run, before it has a phase.
fn running_first(seen: &Seen<'_>) -> bool {
    let (argo, ours) = (&seen.difference.argo, &seen.difference.ours);
    if seen.part().starts_with("course of AnalysisRun ") {
        return argo.replacen("- → ", "- → Running → ", 1) == *ours;
    }
    let running = argo == "-" && ours.ends_with("Status New: 'Running' Previous: ''");
    let before = |event: &str, phase: &str| event.ends_with(&format!(" Previous: '{phase}'"));
    let ended = (argo == "-" && before(ours, "Running")) || (ours == "-" && before(argo, ""));
    seen.part() == "events" && seen.tells(&["AnalysisRun"]) && (running || ended)
}

/// The verdict is there before the new set has its first pod, and nothing is scaled any more.
fn over_before(seen: &Seen<'_>) -> bool {
    let course = seen.part() == "course of ReplicaSet R-<2.0.0> size" && seen.difference.argo == "0 → 1 → 0";
    let scaled =
        ["ScalingReplicaSet: Scaled up ReplicaSet R-<2.0.0>", "ScalingReplicaSet: Scaled down ReplicaSet R-<2.0.0>"];
    (course && seen.difference.ours.is_empty()) || (seen.difference.ours == "-" && seen.tells(&scaled))
}

fn told_what_is_wrong(seen: &Seen<'_>) -> bool {
    const OVER: &str = "Warning AnalysisRunError: Analysis Completed. Result: Error";
    let (argo, ours) = (&seen.difference.argo, &seen.difference.ours);
    let told = (argo == OVER && ours == "-") || (argo == "-" && ours.starts_with("Warning AnalysisRunError: "));
    seen.part() == "events of R-run" && told
}

fn not_evaluated(seen: &Seen<'_>) -> bool {
    seen.part() == "AnalysisRun R-run status metricResults"
        && seen.difference.ours.contains("failed to evaluate success condition")
        && seen.difference.argo.contains("\"phase\":\"Error\"")
}

fn side_by_side(seen: &Seen<'_>) -> bool {
    seen.part().starts_with("place among the events of R-<") && seen.difference.argo.contains(" Metric")
}

fn job_message(seen: &Seen<'_>) -> bool {
    const SAID: [&str; 4] = [
        ": \"Error Message: Job was active longer than specified deadline\"",
        // As a list in JSON has it.
        r#": \"Error Message: Job was active longer than specified deadline\""#,
        "\"message\":\"Job was active longer than specified deadline\",",
        "Job was active longer than specified deadline",
    ];
    let (argo, ours) = (&seen.difference.argo, &seen.difference.ours);
    let without = SAID.iter().fold(ours.clone(), |text, said| text.replace(said, ""));
    let judged = |event: &str| event.contains(" AnalysisRunFailed: AnalysisRun '");
    let told = seen.tells(&["RolloutAborted:"]) || judged(argo) || judged(ours);
    let event = told && (argo.contains("Metric \"job\"") || ours.contains(SAID[0]));
    without != *ours && without == *argo || event
}
