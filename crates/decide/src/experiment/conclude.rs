//! How the Experiment as a whole stands after its parts were looked at (spec 5): phase, conditions, and when to look again.

use super::look::{Look, is_bad, required_are_done, severity};
use crate::plan::{Op, Verdict};
use crate::status::conditions::{self, condition, names};
use serde_json::json;
use serinus_wire::Time;
use serinus_wire::analysis::Phase;
use serinus_wire::experiment::{ExperimentStatus, TemplatePhase};

/// Concludes a look.
pub fn conclude(look: &mut Look<'_>) {
    let before = look.experiment().status.phase;
    if before.is_none_or(|phase| !phase.is_completed()) {
        let (phase, message) = phase(look, before);
        look.status.phase = Some(phase);
        look.status.message = message;
        if phase == Phase::Running && look.status.available_at.is_none() {
            look.status.available_at = Some(look.wire_now());
        }
        progressing(look);
    }
    let after = look.status.phase;
    if before != after
        && let Some(phase) = after
    {
        let from = before.map_or("", Phase::as_str);
        let text = format!("Experiment transitioned from {from} -> {phase}");
        look.note(severity(is_bad(phase)), &format!("Experiment{phase}"), text);
    }
    explain(look);
}

/// The phase, and why. An Experiment that nobody looked at yet only begins.
fn phase(look: &Look<'_>, before: Option<Phase>) -> (Phase, String) {
    if before.is_none() {
        return (Phase::Pending, String::new());
    }
    let (experiment, status) = (look.experiment(), &look.status);
    let failed = status.template_statuses.iter().filter_map(|set| match set.status? {
        TemplatePhase::Failed => Some((Phase::Failed, set.message.clone())),
        TemplatePhase::Error => Some((Phase::Error, set.message.clone())),
        TemplatePhase::Progressing | TemplatePhase::Running | TemplatePhase::Successful => None,
    });
    let bad = status
        .analysis_runs
        .iter()
        .filter_map(|run| Some((run.phase.filter(|phase| is_bad(*phase))?, run.message.clone())));
    let worst = |worst: Option<(Phase, String)>, next: (Phase, String)| match worst {
        Some(known) if known.0.badness() >= next.0.badness() => Some(known),
        _ => Some(next),
    };
    if let Some(worst) = failed.fold(None, worst).or_else(|| bad.fold(None, worst)) {
        return worst;
    }
    if required_are_done(experiment, status) {
        return (Phase::Successful, "Required AnalysisRuns completed".to_string());
    }
    let is = |phase: TemplatePhase| move |set: &serinus_wire::experiment::TemplateStatus| set.status == Some(phase);
    let sets = &status.template_statuses;
    let waits = experiment.spec.analyses.iter().any(|analysis| analysis.required_for_completion);
    // A person's word counts, whatever an analysis was required for.
    if sets.iter().all(is(TemplatePhase::Successful)) && (!waits || experiment.spec.terminate) {
        return (Phase::Successful, String::new());
    }
    let phase = if sets.iter().any(is(TemplatePhase::Progressing)) { Phase::Pending } else { Phase::Running };
    (phase, String::new())
}

/// The condition `Progressing`, of an Experiment that is not over before this look. An Experiment without sets has none until
/// its end.
fn progressing(look: &mut Look<'_>) {
    look.status.conditions.retain(|condition| condition.kind != names::INVALID_SPEC);
    let name = &look.experiment().metadata.name;
    let steady = |status: &ExperimentStatus| {
        let fine = |phase| matches!(phase, Some(TemplatePhase::Running | TemplatePhase::Successful));
        !status.template_statuses.is_empty() && status.template_statuses.iter().all(|set| fine(set.status))
    };
    let (truth, reason, text) = if look.status.phase == Some(Phase::Successful) {
        ("False", "ExperimentCompleted", format!("Experiment \"{name}\" has successfully ran and completed."))
    } else if look.moved {
        ("True", "ReplicaSetUpdated", format!("Experiment \"{name}\" is progressing."))
    } else if steady(&look.status) {
        ("True", "NewReplicaSetAvailable", format!("Experiment \"{name}\" is running."))
    } else {
        return;
    };
    let next = condition(names::PROGRESSING, truth, reason, text, look.now);
    let old = conditions::find(&look.status.conditions, names::PROGRESSING).cloned();
    if let Some(old) = old.filter(|old| old.status == next.status && old.reason == next.reason) {
        // News of the same kind: only its time is new.
        if look.moved && old.last_update_time != next.last_update_time {
            let (kind, at) = (old.kind, next.last_update_time);
            for known in look.status.conditions.iter_mut().filter(|known| known.kind == kind) {
                known.last_update_time = at;
            }
        }
        return;
    }
    conditions::set(&mut look.status.conditions, next);
}

/// Says what it waits for as a whole.
fn explain(look: &mut Look<'_>) {
    match look.status.phase {
        Some(phase) if phase.is_completed() => {
            let verdict = if is_bad(phase) { Verdict::Refused } else { Verdict::Done };
            let why = if look.status.message.is_empty() { String::new() } else { format!(": {}", look.status.message) };
            look.report("experiment", verdict, format!("the experiment is over: {phase}{why}"));
        }
        Some(Phase::Running) => match look.ends_at() {
            Some(end) if end > look.now => {
                look.report("experiment", Verdict::Waits, format!("the sets run until {}", Time(end)));
            }
            _ => look.report(
                "experiment",
                Verdict::Waits,
                "it runs until its analyses, or a person, end it (spec.terminate)",
            ),
        },
        _ => look.report("experiment", Verdict::Waits, "its sets are not available yet"),
    }
}

/// The Experiment can't be understood: that is said, and nothing is touched.
pub fn refuse(look: &mut Look<'_>, message: &str) {
    let found = condition(names::INVALID_SPEC, "True", "InvalidSpec", message.to_string(), look.now);
    let known = conditions::find(&look.status.conditions, names::INVALID_SPEC);
    if known.is_none_or(|known| known.message != message) {
        look.status.conditions.retain(|condition| condition.kind != names::INVALID_SPEC);
        look.status.conditions.push(found);
    }
    look.report("spec", Verdict::Refused, message);
}

/// Writes what is new of the status.
pub fn write_status(look: &mut Look<'_>) {
    let (old, new) = (json!(look.experiment().status), json!(look.status));
    if let Some(patch) = crate::status::difference(&old, &new) {
        let seen = look.seen;
        look.write(crate::plan::Kind::Experiment, &seen.experiment.metadata, Op::Patch(json!({"status": patch})));
    }
}
