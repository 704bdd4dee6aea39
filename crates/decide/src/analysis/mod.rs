//! One look at one AnalysisRun (spec 4.3): what came back, what is to be measured now, how it all is judged.
//!
//! A measurement of a server is an ask: the shell measures and hands the answer in with the next look. Nothing of it is
//! written before it is done, so a measurement that a crash swallowed is simply taken again. A Job is an ordinary write.

mod assess;
mod conclude;
mod job;
mod limits;
mod look;
mod measure;
mod provider;
mod resolve;
mod rules;
mod seen;
mod stuck;
mod valid;

pub use provider::built_in;
pub use resolve::secrets;
pub use seen::{Answer, Ask, Decision, Job, Reading, Seen};
pub use valid::metric_count;

use crate::plan::{NoteType, Op, Verdict};
use jiff::{SignedDuration, Timestamp};
use look::Look;
use serde_json::json;
use serinus_wire::AnalysisRun;
use serinus_wire::analysis::Phase;

/// Decides what is to be done about one AnalysisRun now. Total: every input gives a decision.
pub fn decide(seen: &Seen, now: Timestamp) -> Decision {
    let mut look = Look::new(seen, now);
    if seen.run.metadata.deletion_timestamp.is_some() {
        look.report("run", Verdict::Done, "the run is being deleted");
    } else if let Some(phase) = seen.run.status.phase.filter(|phase| phase.is_completed()) {
        outlive(&mut look, phase);
    } else {
        under_way(&mut look);
    }
    look.into_decision()
}

/// A finished run is deleted when its time is over.
fn outlive(look: &mut Look<'_>, phase: Phase) {
    look.report("run", Verdict::Done, format!("the run is over: {phase}"));
    let run = &look.seen.run;
    job::sweep(look, &run.status);
    let Some((ended, seconds)) = run.status.completed_at.zip(lifetime(run, phase)) else { return };
    // Strictly later: a second that has begun is not over.
    let at = ended.0.saturating_add(SignedDuration::from_secs(i64::from(seconds) + 1)).unwrap_or(Timestamp::MAX);
    if look.now < at {
        look.wake_at(at);
    } else {
        look.write_run(Op::Delete);
        look.report("run", Verdict::Acts, format!("it ended more than {seconds} s ago (spec.ttlStrategy): deleted"));
    }
}

fn lifetime(run: &AnalysisRun, phase: Phase) -> Option<i32> {
    let ttl = run.spec.ttl_strategy.as_ref()?;
    match phase {
        Phase::Successful => ttl.seconds_after_success.or(ttl.seconds_after_completion),
        Phase::Failed => ttl.seconds_after_failure.or(ttl.seconds_after_completion),
        Phase::Error | Phase::Inconclusive => ttl.seconds_after_completion,
        Phase::Pending | Phase::Running => None,
    }
}

fn under_way(look: &mut Look<'_>) {
    match resolve::prepare(look.seen) {
        Ok(prepared) => {
            measure::take_in(look, &prepared);
            measure::measure(look, &prepared);
            conclude::conclude(look, &prepared);
        }
        Err(message) => refuse(look, &message),
    }
    if let Some(patch) = crate::status::difference(&as_json(&look.seen.run), &json!(look.status)) {
        look.write_run(Op::Patch(json!({"status": patch})));
    }
    let status = look.status.clone();
    job::sweep(look, &status);
}

fn as_json(run: &AnalysisRun) -> serde_json::Value {
    json!(run.status)
}

/// The run can't be carried out as it is written: it ends, without ever having begun.
fn refuse(look: &mut Look<'_>, message: &str) {
    look.status.phase = Some(Phase::Error);
    look.status.message = message.to_string();
    look.report("spec", Verdict::Refused, message);
    look.note(NoteType::Warning, "AnalysisRunError", message);
}
