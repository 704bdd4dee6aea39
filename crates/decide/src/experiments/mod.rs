//! Experiments that the steps of a canary start and follow (spec 5, the last point).

mod check;
mod make;

pub use check::check;

use crate::canary::weight;
use crate::pass::Pass;
use crate::plan::{Kind, Op, Verdict};
use crate::promotion;
use crate::runs;
use crate::status::conditions::{self, names};
use crate::status::pause::{INCONCLUSIVE_EXPERIMENT, pause_of};
use serde_json::json;
use serinus_wire::Experiment;
use serinus_wire::analysis::Phase;
use serinus_wire::experiment::TemplatePhase;
use serinus_wire::rollout::{ExperimentStep, WeightDestination};

/// Starts, follows and ends the Experiments of a canary. Says whether one has paused or aborted the update just now: nothing
/// else moves in that pass.
pub fn canary(pass: &mut Pass<'_>) -> bool {
    let before = (pass.pause.abort.is_some(), pause_of(&pass.rollout.status, INCONCLUSIVE_EXPERIMENT).is_some());
    if !is_over(pass)
        && let Some((index, step)) = of_step(pass)
    {
        follow(pass, index, &step);
    }
    cancel_others(pass);
    forget(pass);
    let abort = pass.pause.abort.is_some() && !before.0;
    abort || (pass.pause.add.contains(&INCONCLUSIVE_EXPERIMENT) && !before.1)
}

/// Nothing is tried any more: all is promoted, aborted, or promoted without a look.
fn is_over(pass: &Pass<'_>) -> bool {
    promotion::fully_promoted(&pass.rollout)
        || pass.aborted()
        || pass.rollout.status.promote_full
        || promotion::in_rollback_window(pass)
        || pass.sets.new_is_stable()
}

/// The Experiment of the step under way.
fn of_step(pass: &Pass<'_>) -> Option<(usize, ExperimentStep)> {
    let index = weight::current_index(&pass.rollout)?;
    Some((index, weight::steps(&pass.rollout).get(index)?.experiment.clone()?))
}

/// The Experiments that the Rollout owns.
fn own<'a>(pass: &Pass<'a>) -> impl Iterator<Item = &'a Experiment> + use<'a> {
    let (seen, uid) = (pass.seen, pass.seen.rollout.metadata.uid.as_str());
    seen.experiments.iter().filter(move |it| it.metadata.controller().is_some_and(|owner| owner.uid == uid))
}

/// The Experiment that the status names, if it was made for this step of this revision.
fn current<'a>(pass: &Pass<'a>, index: usize) -> Option<&'a Experiment> {
    let recorded = pass.rollout.status.canary.current_experiment.as_str();
    let base = make::base(pass, index);
    let of_step = recorded == base || recorded.strip_prefix(&base).is_some_and(|rest| rest.starts_with('-'));
    own(pass).find(|experiment| of_step && experiment.metadata.name == recorded)
}

fn follow(pass: &mut Pass<'_>, index: usize, step: &ExperimentStep) {
    if let Some(current) = current(pass, index) {
        return take_over(pass, current);
    }
    if pause_of(&pass.rollout.status, INCONCLUSIVE_EXPERIMENT).is_some() {
        pass.waits("experiment", "the last experiment could not tell: promote to try another, or abort");
        return;
    }
    match make::experiment(pass, index, step) {
        Ok(Some(name)) => pass.status.canary.current_experiment = name,
        Ok(None) => pass.waits("experiment", "it is started as soon as a ReplicaSet is stable"),
        Err(error) => pass.report("experiment", Verdict::Refused, format!("the experiment can't start: {error}")),
    }
}

fn take_over(pass: &mut Pass<'_>, current: &Experiment) {
    let name = &current.metadata.name;
    let message = &current.status.message;
    let invalid = conditions::find(&current.status.conditions, names::INVALID_SPEC);
    let bad = |pass: &mut Pass<'_>, message: &str| {
        let colon = if message.is_empty() { "" } else { ": " };
        pass.report("experiment", Verdict::Acts, format!("experiment {name} went badly: the update is aborted"));
        pass.pause.abort = Some(format!("Experiment analysis phase is error/failed{colon}{message}"));
    };
    match current.status.phase {
        Some(Phase::Failed | Phase::Error) => bad(pass, message),
        Some(Phase::Inconclusive) => {
            pass.pause.add.push(INCONCLUSIVE_EXPERIMENT);
            pass.waits("experiment", format!("experiment {name} could not tell: promote to try another, or abort"));
        }
        Some(Phase::Successful) => {
            pass.status.canary.current_experiment.clone_from(name);
            pass.report("experiment", Verdict::Done, format!("experiment {name} was successful"));
        }
        Some(Phase::Pending | Phase::Running) | None => {
            if let Some(invalid) = invalid {
                return bad(pass, &invalid.message);
            }
            pass.status.canary.current_experiment.clone_from(name);
            pass.waits("experiment", format!("experiment {name} is under way"));
        }
    }
}

/// The Experiment of the step came out well.
pub fn step_is_done(pass: &Pass<'_>, index: usize) -> bool {
    current(pass, index).is_some_and(|experiment| experiment.status.phase == Some(Phase::Successful))
}

/// Ends every Experiment of the Rollout that is under way, but the one that the new status names.
fn cancel_others(pass: &mut Pass<'_>) {
    let kept = pass.status.canary.current_experiment.clone();
    let under_way = own(pass).filter(|experiment| {
        let done = experiment.status.phase.is_some_and(Phase::is_completed) || experiment.spec.terminate;
        !done && experiment.metadata.deletion_timestamp.is_none() && experiment.metadata.name != kept
    });
    for experiment in under_way.collect::<Vec<_>>() {
        pass.write(Kind::Experiment, &experiment.metadata, Op::Patch(json!({"spec": {"terminate": true}})));
        let text = format!("experiment {} is no longer needed: terminated", experiment.metadata.name);
        pass.report("experiment", Verdict::Acts, text);
    }
}

/// Deletes old Experiments, never the one that a status names.
fn forget(pass: &mut Pass<'_>) {
    let statuses = [&pass.status, &pass.rollout.status];
    let kept: Vec<String> = statuses.iter().map(|status| status.canary.current_experiment.clone()).collect();
    let all = own(pass).map(|experiment| (&experiment.metadata, experiment.status.phase));
    for old in runs::old(pass, &kept, all) {
        pass.write(Kind::Experiment, old, Op::Delete);
        pass.report("experiment", Verdict::Acts, format!("experiment {} is old: deleted", old.name));
    }
}

/// The traffic that sets of an Experiment under way ask for: that of the nearest step that starts one, at or before the step
/// under way (spec 3.0).
pub fn destinations(pass: &Pass<'_>) -> Vec<WeightDestination> {
    let Some(index) = weight::current_index(&pass.rollout) else { return Vec::new() };
    let steps = weight::steps(&pass.rollout).get(..=index).unwrap_or_default();
    let Some(step) = steps.iter().rev().find_map(|step| step.experiment.as_ref()) else { return Vec::new() };
    let Some(experiment) = own(pass).find(|it| it.metadata.name == pass.rollout.status.canary.current_experiment)
    else {
        return Vec::new();
    };
    if experiment.status.phase != Some(Phase::Running) {
        return Vec::new();
    }
    let destination = |template: &serinus_wire::rollout::ExperimentTemplate| {
        let weight = template.weight?;
        let set = experiment.status.template_statuses.iter().find(|set| set.name == template.name)?;
        (set.status == Some(TemplatePhase::Running) && !set.service_name.is_empty()).then(|| WeightDestination {
            weight,
            service_name: set.service_name.clone(),
            pod_template_hash: set.pod_template_hash.clone(),
        })
    };
    step.templates.iter().filter_map(destination).collect()
}
