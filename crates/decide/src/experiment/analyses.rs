//! The analyses of an Experiment (spec 5): their AnalysisRuns, and how they stand.

use super::look::{Look, is_bad, terminating};
use super::seen::{Seen, part_name};
use crate::plan::{Kind, NoteType, Op, Verdict};
use crate::templates::{Caller, Library, Trouble, merge, run_spec};
use jiff::Timestamp;
use serde_json::json;
use serinus_gocompat::template::fill;
use serinus_wire::analysis::{AnalysisRunSpec, Argument, Phase, ValueFrom};
use serinus_wire::experiment::{ExperimentAnalysisRunStatus, TemplateAnalysis};
use serinus_wire::rollout::AnalysisTemplateRef;
use serinus_wire::{AnalysisRun, Time, keys};

/// Starts the analyses once all sets are available, follows them, and ends them with the Experiment.
pub fn reconcile(look: &mut Look<'_>) {
    if look.terminating {
        return terminate(look);
    }
    for analysis in &look.experiment().spec.analyses {
        let mut next = look.analysis(&analysis.name);
        if next.phase.is_some_and(Phase::is_completed) {
            continue;
        }
        let fault = if look.experiment().status.available_at.is_none() {
            verify(look, analysis)
        } else if next.analysis_run.is_empty() {
            start(look, analysis, &mut next)
        } else {
            follow(look, &mut next)
        };
        if let Err(message) = fault {
            look.report("analysis", Verdict::Refused, message.clone());
            next.phase = Some(Phase::Error);
            next.message = message;
        }
        look.keep_analysis(next);
    }
}

/// Whether what was seen is older than the Experiment: a run that it names and waits for is not there, or a template that it is about to need. A
/// decision would take it for gone, and end the Experiment. What is really gone looks the same, so who asks reads it once more.
pub fn is_behind(seen: &Seen) -> bool {
    let experiment = &seen.experiment;
    let library = library(seen);
    let is_missing = |analysis: &TemplateAnalysis| {
        let known = experiment.status.analysis_runs.iter().find(|status| status.name == analysis.name);
        if known.and_then(|known| known.phase).is_some_and(Phase::is_completed) {
            return false;
        }
        match known.filter(|known| !known.analysis_run.is_empty()) {
            Some(known) => !seen.runs.iter().any(|run| run.metadata.name == known.analysis_run),
            None => matches!(library.open(&[reference(analysis)]), Err(Trouble::Missing { .. })),
        }
    };
    !terminating(experiment) && experiment.spec.analyses.iter().any(is_missing)
}

fn reference(analysis: &TemplateAnalysis) -> AnalysisTemplateRef {
    AnalysisTemplateRef { template_name: analysis.template_name.clone(), cluster_scope: Some(analysis.cluster_scope) }
}

fn library(seen: &Seen) -> Library<'_> {
    Library { namespaced: &seen.templates, cluster: &seen.cluster_templates }
}

/// Before it is time, nothing is asked but that the templates are there.
fn verify(look: &mut Look<'_>, analysis: &TemplateAnalysis) -> Result<(), String> {
    let found = library(look.seen).open(&[reference(analysis)]).and_then(|found| merge(&found));
    found.map_err(|trouble| {
        format!("AnalysisTemplate verification failed for analysis '{}': {}", analysis.name, said(&trouble))
    })?;
    look.report("analysis", Verdict::Waits, format!("analysis {:?} begins when all sets are available", analysis.name));
    Ok(())
}

/// A missing template as the API server says it.
fn said(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Missing { cluster: false, name } => format!("analysistemplates.argoproj.io {name:?} not found"),
        Trouble::Missing { cluster: true, name } => format!("clusteranalysistemplates.argoproj.io {name:?} not found"),
        Trouble::Broken { .. } | Trouble::Merge(_) => trouble.to_string(),
    }
}

/// Creates the run, or finds the one that an earlier look has created without living to note it.
fn start(
    look: &mut Look<'_>,
    analysis: &TemplateAnalysis,
    next: &mut ExperimentAnalysisRunStatus,
) -> Result<(), String> {
    let failed = |why: String| format!("Failed to create AnalysisRun for analysis '{}': {why}", analysis.name);
    let spec = spec(look, analysis).map_err(failed)?;
    let base = part_name(look.experiment(), &analysis.name);
    let (mut name, mut number) = (base.clone(), 0);
    while let Some(there) = look.seen.runs.iter().find(|run| run.metadata.name == name) {
        if is_this_one(look, there, &spec) {
            next.analysis_run = name;
            return follow(look, next);
        }
        number += 1;
        name = format!("{base}.{number}");
    }
    if let Some(refusal) = look.refused(Kind::AnalysisRun, &name) {
        return Err(failed(refusal.to_string()));
    }
    let given = look.experiment().spec.analysis_run_metadata.clone().unwrap_or_default();
    let mut labels = given.labels.unwrap_or_default();
    if let Some(instance) = look.experiment().metadata.labels.get(keys::INSTANCE_ID) {
        labels.insert(keys::INSTANCE_ID.to_string(), instance.clone());
    }
    let mut metadata = json!({});
    if !labels.is_empty() {
        metadata["labels"] = json!(labels);
    }
    if let Some(annotations) = given.annotations {
        metadata["annotations"] = json!(annotations);
    }
    look.create(Kind::AnalysisRun, &name, json!({"metadata": metadata, "spec": spec}));
    look.report("analysis", Verdict::Acts, format!("run {name} is started for analysis {:?}", analysis.name));
    next.analysis_run = name;
    next.phase = Some(Phase::Pending);
    Ok(())
}

/// A run of this life of the Experiment, for the same question. An earlier life ended before the sets became available again.
fn is_this_one(look: &Look<'_>, there: &AnalysisRun, spec: &AnalysisRunSpec) -> bool {
    let since = look.experiment().status.available_at;
    look.is_own(&there.metadata)
        && there.metadata.deletion_timestamp.is_none()
        && there.metadata.creation_timestamp.zip(since).is_some_and(|(created, since)| created >= since)
        && !look.status.analysis_runs.iter().any(|other| other.analysis_run == there.metadata.name)
        && there.spec.metrics == spec.metrics
        && there.spec.args == spec.args
        && there.spec.dry_run == spec.dry_run
        && there.spec.measurement_retention == spec.measurement_retention
}

fn spec(look: &Look<'_>, analysis: &TemplateAnalysis) -> Result<AnalysisRunSpec, String> {
    let found = library(look.seen).open(&[reference(analysis)]).and_then(|found| merge(&found));
    let whole = found.map_err(|trouble| said(&trouble))?;
    let args = analysis.args.iter().map(|argument| filled(look, argument)).collect::<Result<Vec<_>, _>>()?;
    let wanted = &look.experiment().spec;
    let caller = Caller { args, dry_run: &wanted.dry_run, retention: &wanted.measurement_retention };
    run_spec(&whole, &caller).map_err(|trouble| said(&trouble))
}

/// An argument with what its value asks for filled in. A Secret is the run's own business.
fn filled(look: &Look<'_>, argument: &Argument) -> Result<Argument, String> {
    let value = argument.value.as_ref().map(|text| fill(text, |tag| known(look, tag))).transpose()?;
    let secret = argument.value_from.as_ref().and_then(|from| from.secret_key_ref.clone());
    let value_from = secret.map(|secret| ValueFrom { secret_key_ref: Some(secret), field_ref: None });
    Ok(Argument { name: argument.name.clone(), value, value_from })
}

/// What placeholders stand for.
fn known(look: &Look<'_>, tag: &str) -> Option<String> {
    let time = |at: Timestamp| Time::whole_seconds(at).to_string();
    match tag {
        "experiment.availableAt" => return look.experiment().status.available_at.map(|at| time(at.0)),
        "experiment.finishedAt" => return look.ends_at().map(time),
        _ => {}
    }
    let (template, field) = tag.strip_prefix("templates.")?.split_once('.')?;
    look.experiment().spec.templates.iter().find(|known| known.name == template)?;
    let name = part_name(look.experiment(), template);
    let set = look.seen.replica_sets.iter().find(|set| set.metadata.name == name && look.is_own(&set.metadata))?;
    match field {
        "podTemplateHash" => set.metadata.labels.get(keys::HASH).cloned(),
        "replicaset.name" => Some(name),
        _ => None,
    }
}

fn follow(look: &mut Look<'_>, next: &mut ExperimentAnalysisRunStatus) -> Result<(), String> {
    let name = &next.analysis_run;
    let Some(run) = look.seen.runs.iter().find(|run| run.metadata.name == *name && look.is_own(&run.metadata)) else {
        return Err(format!("AnalysisRun {name} is gone before it came to an end"));
    };
    next.phase = Some(run.status.phase.unwrap_or(Phase::Pending));
    next.message.clone_from(&run.status.message);
    match next.phase {
        Some(phase) if phase.is_completed() => {
            let verdict = if is_bad(phase) { Verdict::Refused } else { Verdict::Done };
            look.report("analysis", verdict, format!("run {name} is over: {phase}"));
        }
        _ => look.report("analysis", Verdict::Waits, format!("run {name} is under way")),
    }
    Ok(())
}

/// The Experiment is over: so are its runs, also those that nobody noted.
fn terminate(look: &mut Look<'_>) {
    for analysis in &look.experiment().spec.analyses {
        let next = look.analysis(&analysis.name);
        look.keep_analysis(next);
    }
    let seen = look.seen;
    for run in &seen.runs {
        let over = run.status.phase.is_some_and(Phase::is_completed) || run.spec.terminate;
        if over || !look.is_own(&run.metadata) || run.metadata.deletion_timestamp.is_some() {
            continue;
        }
        let name = &run.metadata.name;
        let noted = look.status.analysis_runs.iter().find(|noted| noted.analysis_run == *name);
        let analysis = noted.map_or(name.clone(), |noted| noted.name.clone());
        look.note(NoteType::Normal, "AnalysisRunTerminating", format!("Terminating {analysis} ({name})"));
        look.report("analysis", Verdict::Acts, format!("run {name} is no longer needed: terminated"));
        look.write_first(Kind::AnalysisRun, &run.metadata, Op::Patch(json!({"spec": {"terminate": true}})));
    }
}
