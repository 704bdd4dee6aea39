//! From analysis templates to the spec of a run (spec 4.2): nested ones opened, everything merged, arguments filled in.

use serinus_wire::AnalysisTemplate;
use serinus_wire::analysis::{AnalysisRunSpec, AnalysisTemplateSpec, Argument};
use serinus_wire::rollout::{AnalysisTemplateRef, DryRun, MeasurementRetention};
use std::collections::{BTreeMap, BTreeSet};

/// The templates that exist.
#[derive(Clone, Copy)]
pub struct Library<'a> {
    /// Those of the namespace.
    pub namespaced: &'a BTreeMap<String, AnalysisTemplate>,
    /// Those of the cluster.
    pub cluster: &'a BTreeMap<String, AnalysisTemplate>,
}

/// Why templates do not make a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A template is not there.
    Missing {
        /// It was looked for in the cluster.
        cluster: bool,
        /// Its name.
        name: String,
    },
    /// What a template says can't be read: with what is left of it something else would be measured.
    Broken {
        /// It was looked for in the cluster.
        cluster: bool,
        /// Its name.
        name: String,
        /// The first field that can't be read, and why.
        finding: String,
    },
    /// They do not go together.
    Merge(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Missing { cluster, name } => write!(f, "{} '{name}' not found", kind(*cluster)),
            Trouble::Broken { cluster, name, finding } => write!(f, "{} '{name}': {finding}", kind(*cluster)),
            Trouble::Merge(text) => f.write_str(text),
        }
    }
}

/// Kind of a template.
pub fn kind(cluster: bool) -> &'static str {
    if cluster { "ClusterAnalysisTemplate" } else { "AnalysisTemplate" }
}

impl<'a> Library<'a> {
    /// The templates that are named and those that they name, each once.
    ///
    /// # Errors
    /// One of them is not there, or can't be read.
    pub fn open(self, named: &[AnalysisTemplateRef]) -> Result<Vec<&'a AnalysisTemplate>, Trouble> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        let mut next: Vec<AnalysisTemplateRef> = named.iter().rev().cloned().collect();
        while let Some(reference) = next.pop() {
            let cluster = reference.cluster_scope == Some(true);
            if !seen.insert((cluster, reference.template_name.clone())) {
                continue;
            }
            let from = if cluster { self.cluster } else { self.namespaced };
            let missing = || Trouble::Missing { cluster, name: reference.template_name.clone() };
            let template = from.get(&reference.template_name).ok_or_else(missing)?;
            if let Some(finding) = template.findings.first() {
                let (name, finding) = (reference.template_name.clone(), finding.to_string());
                return Err(Trouble::Broken { cluster, name, finding });
            }
            next.extend(template.spec.templates.iter().rev().cloned());
            found.push(template);
        }
        Ok(found)
    }
}

/// One template out of several.
///
/// # Errors
/// Two of them contradict each other.
pub fn merge(templates: &[&AnalysisTemplate]) -> Result<AnalysisTemplateSpec, Trouble> {
    let mut whole = AnalysisTemplateSpec::default();
    for template in templates {
        for metric in &template.spec.metrics {
            if whole.metrics.iter().any(|known| known.name == metric.name) {
                return Err(Trouble::Merge(format!("two metrics have the same name '{}'", metric.name)));
            }
            whole.metrics.push(metric.clone());
        }
        for argument in &template.spec.args {
            add_argument(&mut whole.args, argument)?;
        }
        add_dry_run(&mut whole.dry_run, &template.spec.dry_run)?;
        add_retention(&mut whole.measurement_retention, &template.spec.measurement_retention)?;
    }
    Ok(whole)
}

fn add_argument(args: &mut Vec<Argument>, argument: &Argument) -> Result<(), Trouble> {
    let Some(known) = args.iter_mut().find(|known| known.name == argument.name) else {
        args.push(argument.clone());
        return Ok(());
    };
    match (&known.value, &argument.value) {
        (Some(one), Some(two)) if one != two => {
            let text =
                format!("Argument '{}' specified multiple times with different values: '{one}', '{two}'", known.name);
            return Err(Trouble::Merge(text));
        }
        (None, Some(_)) => known.value.clone_from(&argument.value),
        _ => {}
    }
    if known.value_from.is_none() {
        known.value_from.clone_from(&argument.value_from);
    }
    Ok(())
}

fn add_dry_run(rules: &mut Vec<DryRun>, more: &[DryRun]) -> Result<(), Trouble> {
    for rule in more {
        if rules.iter().any(|known| known.metric_name == rule.metric_name) {
            return Err(Trouble::Merge(format!("two Dry-Run metric rules have the same name '{}'", rule.metric_name)));
        }
        rules.push(rule.clone());
    }
    Ok(())
}

fn add_retention(rules: &mut Vec<MeasurementRetention>, more: &[MeasurementRetention]) -> Result<(), Trouble> {
    for rule in more {
        if rules.iter().any(|known| known.metric_name == rule.metric_name) {
            let text = format!("two Measurement Retention metric rules have the same name '{}'", rule.metric_name);
            return Err(Trouble::Merge(text));
        }
        rules.push(rule.clone());
    }
    Ok(())
}

/// What whoever starts a run says himself.
#[derive(Clone, Debug, Default)]
pub struct Caller<'a> {
    /// Arguments with values.
    pub args: Vec<Argument>,
    /// Metrics that do not count.
    pub dry_run: &'a [DryRun],
    /// How many measurements are kept.
    pub retention: &'a [MeasurementRetention],
}

/// The spec of a run. The caller's arguments go before those of the templates; what no template declares is dropped.
///
/// # Errors
/// An argument without a value, or rules that contradict each other.
pub fn run_spec(whole: &AnalysisTemplateSpec, caller: &Caller<'_>) -> Result<AnalysisRunSpec, Trouble> {
    let mut args = Vec::new();
    for declared in &whole.args {
        let mut argument = declared.clone();
        if let Some(given) = caller.args.iter().find(|given| given.name == declared.name)
            && (given.value.is_some() || given.value_from.is_some())
        {
            argument.value.clone_from(&given.value);
            argument.value_from.clone_from(&given.value_from);
        }
        if argument.value.is_none() && argument.value_from.is_none() {
            return Err(Trouble::Merge(format!("args.{} was not resolved", argument.name)));
        }
        args.push(argument);
    }
    let mut dry_run = caller.dry_run.to_vec();
    add_dry_run(&mut dry_run, &whole.dry_run)?;
    let mut measurement_retention = caller.retention.to_vec();
    add_retention(&mut measurement_retention, &whole.measurement_retention)?;
    Ok(AnalysisRunSpec {
        metrics: whole.metrics.clone(),
        args,
        dry_run,
        measurement_retention,
        ..AnalysisRunSpec::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn library(templates: Value) -> BTreeMap<String, AnalysisTemplate> {
        let templates = templates.as_object().unwrap().iter();
        let read = |spec: &Value| AnalysisTemplate::read(&json!({"metadata": {}, "spec": spec})).unwrap();
        templates.map(|(name, spec)| (name.clone(), read(spec))).collect()
    }

    fn named(name: &str, cluster: bool) -> AnalysisTemplateRef {
        AnalysisTemplateRef { template_name: name.to_string(), cluster_scope: cluster.then_some(true) }
    }

    fn made(templates: Value, names: &[&str], caller: &[(&str, &str)]) -> Result<AnalysisRunSpec, String> {
        let (namespaced, cluster) = (library(templates), library(json!({"c": {"metrics": [{"name": "mc"}]}})));
        let library = Library { namespaced: &namespaced, cluster: &cluster };
        let names: Vec<_> = names.iter().map(|name| named(name, *name == "c")).collect();
        let argument = |(name, value): &(&str, &str)| Argument {
            name: (*name).to_string(),
            value: Some((*value).to_string()),
            value_from: None,
        };
        let caller = Caller { args: caller.iter().map(argument).collect(), ..Caller::default() };
        let whole = library.open(&names).and_then(|templates| merge(&templates));
        whole.and_then(|whole| run_spec(&whole, &caller)).map_err(|trouble| trouble.to_string())
    }

    fn metrics(spec: &AnalysisRunSpec) -> Vec<&str> {
        spec.metrics.iter().map(|metric| metric.name.as_str()).collect()
    }

    #[test]
    fn nested_templates_are_opened_once() {
        let templates = json!({
            "a": {"metrics": [{"name": "ma"}], "templates": [{"templateName": "b"}, {"templateName": "c", "clusterScope": true}]},
            "b": {"metrics": [{"name": "mb"}], "templates": [{"templateName": "a"}]},
        });
        assert_eq!(metrics(&made(templates.clone(), &["a", "b"], &[]).unwrap()), ["ma", "mb", "mc"]);
        assert_eq!(made(templates.clone(), &["x"], &[]).unwrap_err(), "AnalysisTemplate 'x' not found");
    }

    #[test]
    fn arguments_are_merged_and_filled_in() {
        let templates = json!({
            "a": {"metrics": [{"name": "ma"}], "args": [{"name": "x"}, {"name": "y", "value": "1"}]},
            "b": {"metrics": [{"name": "mb"}], "args": [{"name": "x", "value": "2"}]},
            "d": {"metrics": [{"name": "md"}], "args": [{"name": "y", "value": "3"}]},
        });
        let spec = made(templates.clone(), &["a", "b"], &[("y", "9"), ("undeclared", "0")]).unwrap();
        let args: Vec<_> = spec.args.iter().map(|arg| (arg.name.as_str(), arg.value.as_deref())).collect();
        assert_eq!(args, [("x", Some("2")), ("y", Some("9"))]);
        let table = [
            (&["a"][..], "args.x was not resolved"),
            (&["a", "d"], "Argument 'y' specified multiple times with different values: '1', '3'"),
        ];
        for (names, error) in table {
            assert_eq!(made(templates.clone(), names, &[]).unwrap_err(), error);
        }
        let twice = json!({"a": {"metrics": [{"name": "m"}]}, "b": {"metrics": [{"name": "m"}]}});
        assert_eq!(made(twice, &["a", "b"], &[]).unwrap_err(), "two metrics have the same name 'm'");
    }
}
