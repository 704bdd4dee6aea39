//! The analyses of a canary: one in the background, and the one of the step under way (spec 4.1).

use super::{Site, cancel, follow, forget, keep, names_in_status, show};
use crate::canary::weight;
use crate::pass::Pass;
use crate::promotion;
use crate::status::pause::INCONCLUSIVE_RUN;
use serinus_wire::analysis::Phase;
use serinus_wire::rollout::RolloutAnalysis;

/// Starts, follows and ends the runs of a canary. Says whether a run has paused or aborted the update just now: nothing else
/// moves in that pass.
pub fn canary(pass: &mut Pass<'_>) -> bool {
    let before = (pass.pause.abort.is_some(), pass.pause.add.contains(&INCONCLUSIVE_RUN));
    if !is_over(pass) {
        background(pass);
        step(pass);
    } else if !promotion::fully_promoted(&pass.rollout) {
        // What became of them shows why it was aborted, until the update is done.
        show(pass, Site::Background);
        show(pass, Site::Step(0));
    }
    let kept = if is_over(pass) { vec![] } else { names_in_status(pass) };
    cancel(pass, &kept);
    forget(pass);
    let paused_before = pass.rollout.status.pause_conditions.iter().any(|pause| pause.reason == INCONCLUSIVE_RUN);
    let abort = pass.pause.abort.is_some() && !before.0;
    abort || (pass.pause.add.contains(&INCONCLUSIVE_RUN) && !before.1 && !paused_before)
}

/// Nothing is judged any more: all is promoted, aborted, or promoted without a look.
fn is_over(pass: &Pass<'_>) -> bool {
    promotion::fully_promoted(&pass.rollout)
        || pass.aborted()
        || pass.rollout.status.promote_full
        || promotion::in_rollback_window(pass)
        || pass.sets.new_is_stable()
}

fn background(pass: &mut Pass<'_>) {
    let Some(analysis) = pass.canary().analysis.clone() else { return };
    let begins = usize::try_from(analysis.starting_step.unwrap_or(0)).unwrap_or(0);
    if weight::current_index(&pass.rollout).is_none_or(|index| index >= begins) {
        follow(pass, Site::Background, &super::check::as_analysis(&analysis));
    }
}

fn step(pass: &mut Pass<'_>) {
    let Some((index, analysis)) = of_step(pass) else { return };
    if pass.rollout.status.pause_conditions.is_empty() {
        follow(pass, Site::Step(index), &analysis);
    } else {
        keep(pass, Site::Step(index));
    }
}

/// The analysis of the step under way.
fn of_step(pass: &Pass<'_>) -> Option<(usize, RolloutAnalysis)> {
    let index = weight::current_index(&pass.rollout)?;
    Some((index, weight::steps(&pass.rollout).get(index)?.analysis.clone()?))
}

/// The analysis of the step came out well, or there is nothing to analyse.
pub fn step_is_done(pass: &Pass<'_>, index: usize, analysis: &RolloutAnalysis) -> bool {
    analysis.templates.is_empty() || super::phase(pass, Site::Step(index)) == Some(Phase::Successful)
}
