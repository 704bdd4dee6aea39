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
        plays: &["experiment/*/lasting/end", "experiment/*/lasting/abort,retry,full"],
        holds: went_on,
    },
    Rule {
        row: "Experiment: a required analysis is over while another one runs",
        plays: &["experiment/*/two analyses/update", "alone/experiment/one of two required"],
        holds: over,
    },
    Rule {
        row: "Experiment: the Service of a template that is done",
        plays: &["experiment/*/service/update"],
        holds: named_on,
    },
    Rule {
        row: "Experiment: an analysis that is over at its first measurement",
        plays: &["experiment/*/4s,once/fail", "alone/experiment/4s,once/*"],
        holds: condition_between,
    },
    Rule {
        row: "Experiment: a Service that it can't have",
        plays: &["alone/experiment/service of another"],
        holds: with_pods_first,
    },
    Rule {
        row: "Experiment: the server refuses a ReplicaSet",
        plays: &["alone/experiment/selector of another"],
        holds: refused,
    },
    Rule {
        row: "Experiment: an analysis whose template does not exist",
        plays: &["alone/experiment/*none/missing", "experiment/*/no such analysis/update"],
        holds: without_pods,
    },
    Rule {
        row: "Experiment: a set that never has pods",
        plays: &[
            "experiment/*/no such analysis/update",
            "alone/experiment/no pods",
            "alone/experiment/service of another",
            "alone/experiment/ended at once",
        ],
        holds: unmarked,
    },
    Rule {
        row: "Experiment: retried after its end",
        plays: &["alone/experiment/one stuck,retry", "alone/experiment/required once/fail,retry"],
        holds: earlier_deadline,
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
    seen.after(|act| matches!(act, Act::EndExperiments | Act::Retry))
}

/// Argo waits for the other one, and so does its Rollout.
fn over(seen: &Seen<'_>) -> bool {
    let trial = [
        "Experiment R-trial status ",
        "course of Experiment R-trial",
        "events of R-trial",
        "place among the events of R-trial",
    ];
    !seen.scenario.title.starts_with("alone/") || seen.within(&trial)
}

/// The set of the template is none that anybody serves.
fn named_on(seen: &Seen<'_>) -> bool {
    let without = |text: &str| {
        let mut templates = serde_json::from_str::<Value>(text).unwrap_or_default();
        for template in templates.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            template.shift_remove("serviceName");
            template.shift_remove("podTemplateHash");
        }
        templates
    };
    seen.part() == "Experiment R-<2.0.0>-2-1 status templateStatuses"
        && without(&seen.difference.argo) == without(&seen.difference.ours)
        && !seen.difference.ours.contains("serviceName")
}

/// Of the Experiment that went from `Pending` to its end.
fn condition_between(seen: &Seen<'_>) -> bool {
    let of = |field: &str| seen.part().starts_with("Experiment R-") && seen.part().ends_with(field);
    let (argo, ours) = (seen.difference.argo.as_str(), seen.difference.ours.as_str());
    (of(" status conditions Progressing reason") && (argo, ours) == ("ReplicaSetUpdated", "NewReplicaSetAvailable"))
        || (of(" status conditions Progressing message") && argo.replace("progressing", "running") == ours)
}

/// And it goes wrong before it is called anything.
fn with_pods_first(seen: &Seen<'_>) -> bool {
    let (argo, ours) = (&seen.difference.argo, &seen.difference.ours);
    let turned = |event: &str, from: &str| {
        event.contains(&format!(" TemplateError: Template 'new' transitioned from {from} -> "))
    };
    let there = ours == "-" && (argo.contains(" ScalingReplicaSet: ") || turned(argo, ""));
    seen.within(&["course of ReplicaSet R-trial-new size"])
        || (seen.part() == "events of R-trial" && (there || (argo == "-" && turned(ours, "Progressing"))))
}

fn refused(seen: &Seen<'_>) -> bool {
    let (argo, ours) = (&seen.difference.argo, &seen.difference.ours);
    seen.part() == "events of R-trial"
        && ((ours == "-" && argo.starts_with("Normal ReplicaSetCreateError: "))
            || (argo == "-" && ours.starts_with("Warning ReplicaSetCreateError: ")))
}

/// What never had pods does not linger. Whether Argo calls it anything before it runs is chance.
fn unmarked(seen: &Seen<'_>) -> bool {
    let timeless = |text: &str| text.replace(r#""lastTransitionTime":"set","#, "");
    let (argo, ours) = (timeless(&seen.difference.argo), timeless(&seen.difference.ours));
    if seen.part() == "Experiment R-trial status templateStatuses" {
        let never = ["alone/experiment/no pods", "alone/experiment/ended at once"];
        return never.contains(&seen.scenario.title.as_str()) && argo == ours;
    }
    let set = seen.within(&["ReplicaSet R-<2.0.0>-2-1-", "ReplicaSet R-trial-"]);
    let whole = seen.scenario.title.ends_with("/ended at once") && seen.difference.argo.contains("\"size\":0,");
    set && (whole || seen.part().ends_with(" annotations scale-down-deadline")) && seen.difference.ours == "-"
}

fn without_pods(seen: &Seen<'_>) -> bool {
    let sets = ["ReplicaSet R-trial-", "course of ReplicaSet R-trial-", "course of ReplicaSet R-<2.0.0>-2-1-"];
    seen.within(&sets)
        || (matches!(seen.part(), "events of R-trial" | "events of R-<2.0.0>-2-1")
            && seen.difference.ours == "-"
            && seen.difference.argo.starts_with("Normal ScalingReplicaSet: Scaled "))
}

/// A second run of one analysis, where nobody asked for one; and a third where somebody asked for the second.
fn made_twice(seen: &Seen<'_>) -> bool {
    let (wanted, one_more) = if seen.after(|act| *act == Act::RetryExperiments) { (".1", ".2") } else { ("", ".1") };
    let (argo, ours) = (&seen.difference.argo, &seen.difference.ours);
    let extra = |part: &str| part.split(' ').any(|word| word.starts_with("R-") && word.ends_with(one_more));
    let noted = seen.part().ends_with(" status analysisRuns")
        && argo.replace(&format!("{one_more}\""), &format!("{wanted}\"")) == *ours;
    noted || (extra(seen.part()) && (ours == "-" || ours.is_empty()))
}

/// Pods that are there from before the retry go by the deadline that they had, and are missed.
fn earlier_deadline(seen: &Seen<'_>) -> bool {
    let (argo, ours) = (&seen.difference.argo, &seen.difference.ours);
    let moved = seen.part() == "place among the events of R-trial" && argo.contains(" ScalingReplicaSet: Scaled down ");
    let old = |event: &str| event.contains("Template 'old' transitioned from ");
    let told = seen.part() == "events of R-trial" && (old(argo) || old(ours));
    let failed = seen.part() == "Experiment R-trial status templateStatuses"
        && argo.contains("Template 'old' exceeded its progressDeadlineSeconds");
    let missed = seen.scenario.title.ends_with("/one stuck,retry") && (told || failed);
    seen.after(|act| *act == Act::RetryExperiments) && (moved || missed)
}
