//! From a run as written to metrics that can be measured: arguments filled in, everything validated.

use super::limits::Limits;
use super::rules::{Rule, rules};
use super::seen::Seen;
use super::valid;
use serinus_gocompat::template::{fill, quoted};
use serinus_wire::AnalysisRun;
use serinus_wire::analysis::{Argument, Metric, SecretKeyRef};
use std::collections::BTreeSet;

/// Stands for a secret while the spec is looked at.
const DUMMY: &str = "dummy-secret";

/// Metrics that can be measured.
pub struct Prepared {
    /// Metrics with all arguments but the secret ones filled in.
    pub metrics: Vec<Metric>,
    /// Their numbers.
    pub limits: Vec<Limits>,
    /// What the rules say of them.
    pub rules: Vec<Rule>,
    /// Secret values that must not be shown.
    pub hidden: Vec<String>,
}

/// The keys of Secrets whose values a run needs; none when it is over.
pub fn secrets(run: &AnalysisRun) -> BTreeSet<SecretKeyRef> {
    if run.status.phase.is_some_and(|phase| phase.is_completed()) {
        return BTreeSet::new();
    }
    run.spec.args.iter().filter_map(secret_of).cloned().collect()
}

fn secret_of(argument: &Argument) -> Option<&SecretKeyRef> {
    argument.value_from.as_ref()?.secret_key_ref.as_ref()
}

/// Fills the arguments in and checks what came out.
///
/// # Errors
/// Why the run can't be carried out, as its status says it.
pub fn prepare(seen: &Seen) -> Result<Prepared, String> {
    let run = &seen.run;
    if let Some(finding) = run.findings.first() {
        return Err(format!("Analysis spec invalid: {finding}"));
    }
    let unresolved = |error: String| format!("Unable to resolve metric arguments: {error}");
    for argument in &run.spec.args {
        if argument.value.is_none() && secret_of(argument).is_none() {
            return Err(unresolved(format!("argument \"{}\" was not supplied", argument.name)));
        }
    }
    let shown = |argument: &Argument| Some(argument.value.clone().unwrap_or_else(|| DUMMY.to_string()));
    let metrics = run.spec.metrics.iter().map(|metric| filled(metric, &run.spec.args, shown));
    let metrics = metrics.collect::<Result<Vec<_>, _>>().map_err(unresolved)?;
    let invalid = |error: String| format!("Analysis spec invalid: {error}");
    let limits = valid::metrics(&metrics).map_err(invalid)?;
    let rules = rules(&run.spec, &metrics).map_err(invalid)?;
    for argument in &run.spec.args {
        if let Some(key) = secret_of(argument).filter(|key| !seen.secrets.contains_key(key)) {
            return Err(unresolved(format!(
                "key '{}' does not exist in secret '{}' of namespace '{}'",
                key.key, key.name, run.metadata.namespace
            )));
        }
    }
    let hidden = seen.secrets.values().filter(|value| !value.is_empty()).cloned().collect();
    Ok(Prepared { metrics, limits, rules, hidden })
}

/// The metric with its secrets, to be measured.
///
/// # Errors
/// An argument that nobody knows.
pub fn with_secrets(seen: &Seen, name: &str) -> Result<Metric, String> {
    let metric = seen.run.spec.metrics.iter().find(|metric| metric.name == name);
    let metric = metric.ok_or_else(|| format!("metric {name:?} is gone"))?;
    filled(metric, &seen.run.spec.args, |argument| match secret_of(argument) {
        Some(key) if argument.value.is_none() => seen.secrets.get(key).cloned(),
        _ => argument.value.clone(),
    })
}

/// Fills the placeholders of one metric, in its JSON: a number may come from an argument too.
fn filled(metric: &Metric, args: &[Argument], value: impl Fn(&Argument) -> Option<String>) -> Result<Metric, String> {
    let text = serde_json::to_string(metric).map_err(|error| error.to_string())?;
    let text = fill(&text, |tag| {
        let name = tag.strip_prefix("args.")?;
        let argument = args.iter().find(|argument| argument.name == name)?;
        value(argument).map(|value| quoted(&value))
    })?;
    serde_json::from_str(&text).map_err(|error| format!("metric {:?}: {error}", metric.name))
}

impl Prepared {
    /// A text without secrets.
    pub fn without_secrets(&self, text: &str) -> String {
        self.hidden.iter().fold(text.to_string(), |text, secret| text.replace(secret.as_str(), "*****"))
    }
}
