//! What is wrong with the metrics of a run (spec 1.7), in the words of Argo Rollouts.

use super::limits::Limits;
use serinus_gocompat::duration;
use serinus_wire::analysis::Metric;
use std::collections::BTreeSet;

/// Checks all metrics and reads their numbers.
///
/// # Errors
/// The first thing that is wrong.
pub fn metrics(metrics: &[Metric]) -> Result<Vec<Limits>, String> {
    if metrics.is_empty() {
        return Err("no metrics specified".to_string());
    }
    let mut names = BTreeSet::new();
    let mut all = Vec::new();
    for (index, metric) in metrics.iter().enumerate() {
        if !names.insert(&metric.name) {
            return Err(format!("metrics[{index}]: duplicate name '{}'", metric.name));
        }
        all.push(limits(metric).map_err(|error| format!("metrics[{index}]: {error}"))?);
    }
    Ok(all)
}

fn limits(metric: &Metric) -> Result<Limits, String> {
    let limits = Limits::of(metric)?;
    let Limits { count, failure, inconclusive, consecutive_error, consecutive_success } = limits;
    let wrong = |text: &str| Err(text.to_string());
    if consecutive_success < 0 {
        return wrong("consecutiveSuccessLimit must be >= 0");
    }
    if failure < -1 {
        return wrong("failureLimit must be >= 0, or -1 to be disabled");
    }
    if failure == -1 && consecutive_success == 0 {
        return wrong("failureLimit and consecutiveSuccessLimit cannot both be disabled");
    }
    if inconclusive < 0 {
        return wrong("inconclusiveLimit must be >= 0");
    }
    if consecutive_error < 0 {
        return wrong("consecutiveErrorLimit must be >= 0");
    }
    if count > 0 && failure >= 0 && count < failure.saturating_add(consecutive_success) {
        return Err(format!(
            "count ({count}) must be >= failureLimit + consecutiveSuccessLimit ({failure} + {consecutive_success}) if both >= 0"
        ));
    }
    if count > 0 && count < consecutive_success {
        return Err(format!("count ({count}) must be >= consecutiveSuccessLimit ({consecutive_success})"));
    }
    if count > 0 && count < inconclusive {
        return Err(format!("count ({count}) must be >= inconclusiveLimit ({inconclusive})"));
    }
    if count > 1 && metric.interval.is_empty() {
        return wrong("interval must be specified when count > 1");
    }
    for (field, text) in [("interval", &metric.interval), ("startDelay", &metric.initial_delay)] {
        if !text.is_empty() && duration::parse(text).is_none() {
            return Err(format!("invalid {field} string: time: invalid duration {text:?}"));
        }
    }
    match metric.provider.names().len() {
        0 => wrong("no provider specified"),
        1 => Ok(limits),
        _ => wrong("multiple providers specified"),
    }
}

/// How many measurements a metric takes; absent: no end of them, or a number that can't be read yet.
pub fn metric_count(metric: &Metric) -> Option<i64> {
    Limits::of(metric).ok()?.effective_count(&metric.interval)
}
