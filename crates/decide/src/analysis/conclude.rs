//! How the run stands after all of its metrics were looked at (spec 4.3, 7 to 11).

use super::look::Look;
use super::resolve::Prepared;
use super::{assess, job, measure};
use crate::plan::{NoteType, Verdict};
use serinus_wire::analysis::{Metric, Phase, RunSummary};

/// Judges metrics and run, trims what is kept, and says what is waited for.
pub fn conclude(look: &mut Look<'_>, prepared: &Prepared) {
    let terminating = measure::terminating(look, prepared);
    let mut worst: Option<(Phase, String)> = None;
    let mut all_done = true;
    for index in 0..prepared.metrics.len() {
        let Some((phase, text)) = judge(look, prepared, index, terminating) else {
            all_done = all_done && terminating;
            continue;
        };
        all_done = all_done && phase.is_completed();
        let worse = worst.as_ref().is_none_or(|(known, _)| phase.badness() > known.badness());
        if phase.is_completed() && !prepared.rule(index).dry_run && worse {
            worst = Some((phase, text));
        }
    }
    summarise(look, prepared);
    let (phase, mut message) = match (all_done, worst) {
        (false, _) => (Phase::Running, String::new()),
        (true, None) => (Phase::Successful, String::new()),
        (true, Some(worst)) => worst,
    };
    if phase == Phase::Successful && look.seen.run.spec.terminate {
        message = "Run Terminated".to_string();
    }
    settle(look, phase, message);
}

/// Judges one metric; absent when it was never measured.
fn judge(look: &mut Look<'_>, prepared: &Prepared, index: usize, terminating: bool) -> Option<(Phase, String)> {
    let (metric, limits) = prepared.metrics.get(index).zip(prepared.limits.get(index))?;
    let rule = prepared.rule(index);
    let before = look.result(&metric.name)?.clone();
    let (phase, reason) = assess::assess(&before, limits, &metric.interval, terminating);
    let text = message(metric, phase, &reason, &before.message);
    look.change(&metric.name, |result| {
        result.phase = phase;
        result.dry_run = rule.dry_run;
        if rule.dry_run && phase.is_completed() && !reason.is_empty() {
            result.message = format!("Metric assessed {phase} due to {reason}");
        }
        let surplus = result.measurements.len().saturating_sub(rule.kept);
        result.measurements.drain(..surplus);
    });
    if metric.provider.job.is_some() {
        job::forget(look, metric, rule.kept);
    }
    if phase.is_completed() && !before.phase.is_completed() {
        let kind = match phase {
            Phase::Failed | Phase::Error => NoteType::Warning,
            _ => NoteType::Normal,
        };
        look.note(kind, &format!("Metric{phase}"), format!("Metric '{}' Completed. Result: {phase}", metric.name));
    }
    Some((phase, text))
}

fn message(metric: &Metric, phase: Phase, reason: &str, last: &str) -> String {
    if reason.is_empty() {
        return String::new();
    }
    let detail = if last.is_empty() { String::new() } else { format!(": \"Error Message: {last}\"") };
    format!("Metric \"{}\" assessed {phase} due to {reason}{detail}", metric.name)
}

fn summarise(look: &mut Look<'_>, prepared: &Prepared) {
    let (mut run, mut dry) = (RunSummary::default(), RunSummary::default());
    for (index, metric) in prepared.metrics.iter().enumerate() {
        let summary = if prepared.rule(index).dry_run { &mut dry } else { &mut run };
        summary.count += 1;
        match look.result(&metric.name).map(|result| result.phase) {
            Some(Phase::Successful) => summary.successful += 1,
            Some(Phase::Failed) => summary.failed += 1,
            Some(Phase::Inconclusive) => summary.inconclusive += 1,
            Some(Phase::Error) => summary.error += 1,
            Some(Phase::Pending | Phase::Running) | None => {}
        }
    }
    look.status.run_summary = Some(run);
    look.status.dry_run_summary = (dry.count > 0).then_some(dry);
}

fn settle(look: &mut Look<'_>, phase: Phase, message: String) {
    look.status.phase = Some(phase);
    look.status.message = message;
    if phase.is_completed() {
        look.status.completed_at = Some(look.wire_now());
        let kind = match phase {
            Phase::Failed | Phase::Error => NoteType::Warning,
            _ => NoteType::Normal,
        };
        look.asks.clear();
        look.note(kind, &format!("AnalysisRun{phase}"), format!("Analysis Completed. Result: {phase}"));
        look.report("run", Verdict::Done, format!("the run is over: {phase}"));
    }
}
