//! Measurements: those that came back, and those that are due (spec 4.3, 4 to 6).

use super::look::Look;
use super::resolve::{Prepared, with_secrets};
use super::seen::{Answer, Ask};
use super::{assess, built_in, job};
use crate::plan::Verdict;
use jiff::{SignedDuration, Timestamp};
use serinus_gocompat::duration;
use serinus_gocompat::expr::{self, Verdict as Judged};
use serinus_wire::Time;
use serinus_wire::analysis::{Measurement, Metric, MetricResult, Phase};

/// Pause after an error, whatever the interval is.
const AFTER_ERROR: SignedDuration = SignedDuration::from_secs(10);

/// Longest value that a status keeps of a measurement, in bytes.
const LONGEST_VALUE: usize = 16 * 1024;
/// Longest message, in bytes.
const LONGEST_TEXT: usize = 4 * 1024;

/// Takes the answers in that came back, and looks after the Jobs.
pub fn take_in(look: &mut Look<'_>, prepared: &Prepared) {
    if look.status.started_at.is_none() {
        look.status.started_at = Some(look.wire_now());
    }
    for answer in &look.seen.answers {
        let under_way = look.result(&answer.metric).is_none_or(|result| !result.phase.is_completed());
        if let Some(metric) = prepared.metrics.iter().find(|metric| metric.name == answer.metric && under_way) {
            let measurement = measurement(metric, answer, prepared);
            look.change(&metric.name, |result| {
                result.measurements.push(measurement);
                count(result);
            });
        }
    }
    for metric in &prepared.metrics {
        job::follow(look, metric);
    }
}

/// The measurement that an answer makes, judged by the metric's conditions.
fn measurement(metric: &Metric, answer: &Answer, prepared: &Prepared) -> Measurement {
    let mut measurement = Measurement {
        started_at: Some(Time::whole_seconds(answer.started_at)),
        finished_at: Some(Time::whole_seconds(answer.finished_at)),
        ..Measurement::default()
    };
    let judged = answer.result.as_ref().map_err(Clone::clone).and_then(|reading| {
        measurement.value = cut(prepared.without_secrets(&reading.value), LONGEST_VALUE);
        let metadata = reading.metadata.iter();
        let metadata = metadata.map(|(key, text)| (key.clone(), cut(prepared.without_secrets(text), LONGEST_TEXT)));
        measurement.metadata = metadata.collect();
        expr::judge(&metric.success_condition, &metric.failure_condition, &reading.result, answer.finished_at)
    });
    measurement.phase = match judged {
        Ok(Judged::Successful) => Phase::Successful,
        Ok(Judged::Failed) => Phase::Failed,
        Ok(Judged::Inconclusive) => Phase::Inconclusive,
        Err(message) => {
            measurement.message = cut(prepared.without_secrets(&message), LONGEST_TEXT);
            Phase::Error
        }
    };
    measurement
}

/// A text that fits into a status; a longer one ends in an ellipsis. The API server would not take an enormous one, and the
/// run would stand still.
fn cut(mut text: String, longest: usize) -> String {
    if text.len() > longest {
        let end = (0..=longest).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Counts the last measurement, which is done.
pub fn count(result: &mut MetricResult) {
    let Some(last) = result.measurements.last() else { return };
    result.message.clone_from(&last.message);
    match last.phase {
        Phase::Successful => {
            result.successful += 1;
            result.count += 1;
            result.consecutive_success += 1;
            result.consecutive_error = 0;
        }
        Phase::Failed | Phase::Inconclusive => {
            *(if last.phase == Phase::Failed { &mut result.failed } else { &mut result.inconclusive }) += 1;
            result.count += 1;
            result.consecutive_success = 0;
            result.consecutive_error = 0;
        }
        Phase::Error => {
            result.error += 1;
            result.consecutive_error += 1;
            result.consecutive_success = 0;
        }
        Phase::Pending | Phase::Running => {}
    }
}

/// Starts the measurements that are due, and says when the next ones are.
pub fn measure(look: &mut Look<'_>, prepared: &Prepared) {
    if terminating(look, prepared) {
        for metric in &prepared.metrics {
            job::terminate(look, metric);
        }
        return;
    }
    for (metric, limits) in prepared.metrics.iter().zip(&prepared.limits) {
        let result = look.result(&metric.name);
        let assessed = result
            .map_or((Phase::Pending, String::new()), |result| assess::assess(result, limits, &metric.interval, false));
        let in_flight =
            result.and_then(|result| result.measurements.last()).is_some_and(|last| !last.phase.is_completed());
        if assessed.0.is_completed() || in_flight {
            continue;
        }
        if look.seen.asked.contains(&metric.name) && !answered(look, metric) {
            look.report(
                "measure",
                Verdict::Waits,
                format!("metric {:?}: waits for the provider's answer", metric.name),
            );
            continue;
        }
        match due(look, metric) {
            Some(at) if at > look.now => {
                look.wake_at(at);
                let text = format!("metric {:?}: the next measurement is at {}", metric.name, Time(at));
                look.report("measure", Verdict::Waits, text);
            }
            _ => start(look, metric),
        }
    }
}

fn answered(look: &Look<'_>, metric: &Metric) -> bool {
    look.seen.answers.iter().any(|answer| answer.metric == metric.name)
}

/// The run comes to its end: a person asked for it, or a metric that counts did not come out well.
pub fn terminating(look: &Look<'_>, prepared: &Prepared) -> bool {
    let spoiled = |(index, metric): (usize, &Metric)| {
        let limits = prepared.limits.get(index);
        let result = look.result(&metric.name).zip(limits);
        let phase = result.map(|(result, limits)| assess::assess(result, limits, &metric.interval, false).0);
        !prepared.rule(index).dry_run && matches!(phase, Some(Phase::Failed | Phase::Error | Phase::Inconclusive))
    };
    look.seen.run.spec.terminate || prepared.metrics.iter().enumerate().any(spoiled)
}

/// When the next measurement is due; absent: now.
fn due(look: &Look<'_>, metric: &Metric) -> Option<Timestamp> {
    let span = |text: &str| duration::parse(text).map(SignedDuration::from_nanos);
    let last = look.result(&metric.name).and_then(|result| result.measurements.last());
    let (from, pause) = match last {
        None => (look.status.started_at?.0, span(&metric.initial_delay)?),
        Some(last) if last.phase == Phase::Error => (last.finished_at?.0, AFTER_ERROR),
        Some(last) => (last.finished_at?.0, span(&metric.interval)?),
    };
    Some(from.saturating_add(pause).unwrap_or(Timestamp::MAX))
}

fn start(look: &mut Look<'_>, metric: &Metric) {
    let filled = match with_secrets(look.seen, &metric.name) {
        Ok(filled) => filled,
        Err(message) => return fail(look, metric, &message),
    };
    if let Some(wanted) = &filled.provider.job {
        return job::start(look, metric, wanted);
    }
    if let Err(message) = built_in(&filled.provider) {
        return fail(look, metric, &message);
    }
    look.report("measure", Verdict::Waits, format!("metric {:?}: asks its provider", metric.name));
    look.asks.push(Ask { metric: metric.name.clone(), provider: filled.provider });
}

/// A measurement that failed before it began.
pub fn fail(look: &mut Look<'_>, metric: &Metric, message: &str) {
    let now = Some(look.wire_now());
    let (phase, message) = (Phase::Error, message.to_string());
    look.change(&metric.name, |result| {
        let measurement = Measurement { phase, message, started_at: now, finished_at: now, ..Measurement::default() };
        result.measurements.push(measurement);
        count(result);
    });
    if let Some(at) = due(look, metric) {
        look.wake_at(at);
    }
}
