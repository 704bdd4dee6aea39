//! Which metrics do not count, and how many measurements of each are kept. A rule names metrics by a regular expression.

use super::resolve::Prepared;
use serinus_gocompat::regex;
use serinus_wire::analysis::{AnalysisRunSpec, Metric};

/// Measurements that are kept without a rule.
const KEPT: usize = 10;

/// What the rules say about one metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// It does not count.
    pub dry_run: bool,
    /// Measurements that are kept.
    pub kept: usize,
}

/// What the rules say about each metric, in the order of the metrics.
///
/// # Errors
/// A rule that is no regular expression, or that is about no metric.
pub fn rules(spec: &AnalysisRunSpec, metrics: &[Metric]) -> Result<Vec<Rule>, String> {
    let mut rules = vec![Rule { dry_run: false, kept: KEPT }; metrics.len()];
    for (index, rule) in spec.dry_run.iter().enumerate() {
        apply("dryRun", index, &rule.metric_name, metrics, &mut rules, |rule| rule.dry_run = true)?;
    }
    for (index, rule) in spec.measurement_retention.iter().enumerate() {
        let kept = usize::try_from(rule.limit).ok().filter(|limit| *limit > 0);
        let apply_limit = |rule: &mut Rule| rule.kept = kept.unwrap_or(rule.kept);
        apply("measurementRetention", index, &rule.metric_name, metrics, &mut rules, apply_limit)?;
    }
    Ok(rules)
}

fn apply(
    field: &str,
    index: usize,
    pattern: &str,
    metrics: &[Metric],
    rules: &mut [Rule],
    mut change: impl FnMut(&mut Rule),
) -> Result<(), String> {
    let regex = regex::compile(pattern).map_err(|error| format!("{field}[{index}]: {error}"))?;
    let mut found = false;
    for (metric, rule) in metrics.iter().zip(rules) {
        if regex.is_match(&metric.name) {
            found = true;
            change(rule);
        }
    }
    if found { Ok(()) } else { Err(format!("{field}[{index}]: Rule didn't match any metric name(s)")) }
}

impl Prepared {
    /// What the rules say about a metric.
    pub fn rule(&self, index: usize) -> Rule {
        self.rules.get(index).copied().unwrap_or(Rule { dry_run: false, kept: KEPT })
    }
}
