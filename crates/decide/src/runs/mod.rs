//! AnalysisRuns that a Rollout starts and follows (spec 4.1): in the background, by a step, before and after a switch.

mod args;
mod canary;
mod check;
mod forget;
mod make;

pub use args::{Hashes, resolve};
pub use canary::{canary, step_is_done};
pub use check::check;
pub use forget::{forget, old};

use crate::pass::Pass;
use crate::plan::{Kind, NoteType, Op, Verdict};
use crate::status::pause::{BLUE_GREEN, CANARY_STEP, INCONCLUSIVE_RUN};
use serde_json::json;
use serinus_wire::analysis::Phase;
use serinus_wire::rollout::{AnalysisRunRef, RolloutAnalysis, RolloutStatus};
use serinus_wire::{AnalysisRun, keys};

/// Where a Rollout runs an analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// `canary.analysis`.
    Background,
    /// A step, by its place.
    Step(usize),
    /// Before the switch of a blue/green.
    PrePromotion,
    /// After it.
    PostPromotion,
}

impl Site {
    /// Value of the label `rollout-type`.
    pub fn label(self) -> &'static str {
        match self {
            Site::Background => "Background",
            Site::Step(_) => "Step",
            Site::PrePromotion => "PrePromotion",
            Site::PostPromotion => "PostPromotion",
        }
    }

    /// Whether a run was made for this site: one of another step was not.
    fn is_of(self, run: &AnalysisRun) -> bool {
        match self {
            Site::Step(index) => run.metadata.labels.get(keys::STEP_INDEX) == Some(&index.to_string()),
            Site::Background | Site::PrePromotion | Site::PostPromotion => true,
        }
    }

    /// What the name of a run ends with.
    fn suffix(self) -> String {
        match self {
            Site::Background => String::new(),
            Site::Step(index) => format!("-{index}"),
            Site::PrePromotion => "-pre".to_string(),
            Site::PostPromotion => "-post".to_string(),
        }
    }

    /// How an abort names it.
    fn words(self) -> &'static str {
        match self {
            Site::Background => "Background analysis",
            Site::Step(_) => "Step-based analysis",
            Site::PrePromotion => "Blue/green pre-promotion analysis",
            Site::PostPromotion => "Blue/green post-promotion analysis",
        }
    }

    /// The run that a status names.
    pub fn recorded(self, status: &RolloutStatus) -> Option<&AnalysisRunRef> {
        match self {
            Site::Background => status.canary.current_background_analysis_run_status.as_ref(),
            Site::Step(_) => status.canary.current_step_analysis_run_status.as_ref(),
            Site::PrePromotion => status.blue_green.pre_promotion_analysis_run_status.as_ref(),
            Site::PostPromotion => status.blue_green.post_promotion_analysis_run_status.as_ref(),
        }
    }

    fn record(self, status: &mut RolloutStatus, run: Option<AnalysisRunRef>) {
        *match self {
            Site::Background => &mut status.canary.current_background_analysis_run_status,
            Site::Step(_) => &mut status.canary.current_step_analysis_run_status,
            Site::PrePromotion => &mut status.blue_green.pre_promotion_analysis_run_status,
            Site::PostPromotion => &mut status.blue_green.post_promotion_analysis_run_status,
        } = run;
    }
}

/// A run of the Rollout by name.
pub fn run<'a>(pass: &Pass<'a>, name: &str) -> Option<&'a AnalysisRun> {
    own(pass).find(|run| run.metadata.name == name)
}

/// The runs that the Rollout owns.
fn own<'a>(pass: &Pass<'a>) -> impl Iterator<Item = &'a AnalysisRun> + use<'a> {
    let (seen, uid) = (pass.seen, pass.seen.rollout.metadata.uid.as_str());
    seen.runs.iter().filter(move |run| run.metadata.controller().is_some_and(|owner| owner.uid == uid))
}

/// Phase of the run that a site's status names.
pub fn phase(pass: &Pass<'_>, site: Site) -> Option<Phase> {
    let recorded = site.recorded(&pass.rollout.status)?;
    run(pass, &recorded.name).filter(|run| site.is_of(run))?.status.phase
}

/// Starts the site's run or follows the one that there is: pauses when it can't tell, aborts when it went badly.
pub fn follow(pass: &mut Pass<'_>, site: Site, analysis: &RolloutAnalysis) {
    if analysis.templates.is_empty() {
        return;
    }
    let recorded = site.recorded(&pass.rollout.status).cloned();
    let current = recorded.as_ref().and_then(|recorded| run(pass, &recorded.name));
    let current = current.filter(|current| site.is_of(current));
    if let Some(current) = current.filter(|current| !needs_another(pass, current)) {
        take_over(pass, site, recorded, current);
        return;
    }
    match make::run(pass, site, analysis) {
        Ok(name) => {
            let status = AnalysisRunRef { name, ..AnalysisRunRef::default() };
            site.record(&mut pass.status, Some(status));
        }
        Err(error) => {
            site.record(&mut pass.status, recorded);
            pass.report("analysis", Verdict::Refused, format!("{} can't start: {error}", site.words()));
        }
    }
}

/// A person resumed after a run that could not tell, or retries after an abort.
fn needs_another(pass: &Pass<'_>, current: &AnalysisRun) -> bool {
    let status = &pass.rollout.status;
    let paused = |reason: &str| status.pause_conditions.iter().any(|pause| pause.reason == reason);
    if paused(INCONCLUSIVE_RUN) {
        return false;
    }
    let inconclusive = current.status.phase == Some(Phase::Inconclusive);
    let resumed = status.controller_pause && !paused(CANARY_STEP) && !paused(BLUE_GREEN);
    (resumed && inconclusive) || status.aborted_at.is_some()
}

fn take_over(pass: &mut Pass<'_>, site: Site, recorded: Option<AnalysisRunRef>, current: &AnalysisRun) {
    let phase = current.status.phase;
    let (name, message) = (current.metadata.name.clone(), current.status.message.clone());
    let status = phase.map_or_else(String::new, |phase| phase.to_string());
    tell(pass, site, recorded.as_ref(), &name, &status);
    let words = site.words();
    match phase {
        Some(Phase::Inconclusive) => {
            pass.pause.add.push(INCONCLUSIVE_RUN);
            pass.waits("analysis", format!("{words} {name} could not tell: promote to go on, or abort"));
        }
        Some(bad @ (Phase::Failed | Phase::Error)) => {
            let colon = if message.is_empty() { "" } else { ": " };
            let how = if bad == Phase::Failed { "failed" } else { "error" };
            let text = format!("{words} phase error/failed{colon}{message}");
            pass.report("analysis", Verdict::Acts, format!("{words} {name}: {how}: the update is aborted"));
            if !pass.aborted() {
                pass.pause.abort = Some(text);
            }
        }
        Some(Phase::Successful) => pass.report("analysis", Verdict::Done, format!("{words} {name} was successful")),
        Some(Phase::Pending | Phase::Running) | None => {
            if site == Site::Background {
                pass.report("analysis", Verdict::Done, format!("{words} {name} is under way"));
            } else {
                pass.waits("analysis", format!("{words} {name} is under way"));
            }
        }
    }
    site.record(&mut pass.status, Some(AnalysisRunRef { name, status, message }));
}

/// One event when the recorded phase changes.
fn tell(pass: &mut Pass<'_>, site: Site, recorded: Option<&AnalysisRunRef>, name: &str, status: &str) {
    let recorded = recorded.filter(|recorded| recorded.name == name);
    // A run is on record before it has a phase.
    let before = recorded.map_or("NoPreviousStatus", |recorded| recorded.status.as_str());
    if before == status || status.is_empty() {
        return;
    }
    let kind = if matches!(status, "Failed" | "Error") { NoteType::Warning } else { NoteType::Normal };
    let text = format!("{} Analysis Run '{name}' Status New: '{status}' Previous: '{before}'", site.label());
    pass.note(kind, &format!("AnalysisRun{status}"), text);
}

/// Keeps the run in the status as it stands, without starting another.
pub fn keep(pass: &mut Pass<'_>, site: Site) {
    let recorded = site.recorded(&pass.rollout.status).cloned();
    site.record(&mut pass.status, recorded);
}

/// Shows in the status what became of a run that nobody waits for any more.
pub fn show(pass: &mut Pass<'_>, site: Site) {
    let Some(recorded) = site.recorded(&pass.rollout.status).cloned() else { return };
    let seen = run(pass, &recorded.name).map(|run| AnalysisRunRef {
        name: recorded.name.clone(),
        status: run.status.phase.map_or_else(String::new, |phase| phase.to_string()),
        message: run.status.message.clone(),
    });
    site.record(&mut pass.status, Some(seen.unwrap_or(recorded)));
}

/// The same for a run that the update has waited for until just now: its end is told.
pub fn conclude(pass: &mut Pass<'_>, site: Site) {
    show(pass, site);
    let recorded = site.recorded(&pass.rollout.status).cloned();
    if let Some(shown) = site.recorded(&pass.status).cloned() {
        tell(pass, site, recorded.as_ref(), &shown.name, &shown.status);
    }
}

/// Names of the runs that the new status speaks of.
pub fn names_in_status(pass: &Pass<'_>) -> Vec<String> {
    let sites = [Site::Background, Site::Step(0), Site::PrePromotion, Site::PostPromotion];
    sites.iter().filter_map(|site| site.recorded(&pass.status)).map(|run| run.name.clone()).collect()
}

/// Ends every run of the Rollout that is under way, but those that the new status names.
pub fn cancel_others(pass: &mut Pass<'_>) {
    cancel(pass, &names_in_status(pass));
}

/// Ends every run of the Rollout that is under way, but those of these names.
pub fn cancel(pass: &mut Pass<'_>, kept: &[String]) {
    let under_way = own(pass).filter(|run| {
        let done = run.status.phase.is_some_and(Phase::is_completed);
        !done && !run.spec.terminate && run.metadata.deletion_timestamp.is_none() && !kept.contains(&run.metadata.name)
    });
    for run in under_way.collect::<Vec<_>>() {
        pass.write(Kind::AnalysisRun, &run.metadata, Op::Patch(json!({"spec": {"terminate": true}})));
        pass.report("analysis", Verdict::Acts, format!("run {} is no longer needed: terminated", run.metadata.name));
    }
}
