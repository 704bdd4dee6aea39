//! What is wrong with an Experiment (spec 1.7), in the words of Argo Rollouts where it has some.

use jiff::SignedDuration;
use serde_json::Value;
use serinus_gocompat::duration as go;
use serinus_wire::Experiment;
use serinus_wire::experiment::TemplateSpec;

/// Seconds until a set that does not become available counts as failed, when the Experiment does not say it.
const PROGRESS_DEADLINE: i32 = 600;

/// Seconds until a set that does not become available counts as failed.
pub fn progress_deadline(experiment: &Experiment) -> i32 {
    experiment.spec.progress_deadline_seconds.unwrap_or(PROGRESS_DEADLINE)
}

/// How long its sets run; absent: until an analysis or a person ends it.
pub fn duration(experiment: &Experiment) -> Option<SignedDuration> {
    go::parse(&experiment.spec.duration).map(SignedDuration::from_nanos)
}

/// The first thing that is wrong, as the condition `InvalidSpec` says it.
pub fn check(experiment: &Experiment) -> Option<String> {
    if let Some(finding) = experiment.findings.first() {
        return Some(finding.to_string());
    }
    let spec = &experiment.spec;
    let name = &experiment.metadata.name;
    if !spec.duration.is_empty() && duration(experiment).is_none() {
        return Some(format!(
            "spec.duration: Invalid value: {:?}: not a duration: write one such as 90s, 5m or 1h30m",
            spec.duration
        ));
    }
    for (index, template) in spec.templates.iter().enumerate() {
        if selects_all(template) {
            return Some(format!(
                "This experiment is selecting all pods at index {index}. A non-empty selector is required."
            ));
        }
        if template.min_ready_seconds > progress_deadline(experiment) {
            return Some(format!(
                "MinReadySeconds cannot be longer than ProgressDeadlineSeconds. Check template index {index}"
            ));
        }
        if template.name.is_empty() {
            return Some(format!("Experiment {name} has empty template name at index {index}"));
        }
        if spec.templates.iter().take(index).any(|other| other.name == template.name) {
            return Some(format!("Experiment {name} has repeated template name '{}' in templates", template.name));
        }
    }
    let repeated = spec
        .analyses
        .iter()
        .enumerate()
        .find(|(index, analysis)| spec.analyses.iter().take(*index).any(|other| other.name == analysis.name));
    repeated.map(|(index, analysis)| {
        format!(
            "spec.analyses[{index}].name: Duplicate value: {:?}: give each analysis a name of its own",
            analysis.name
        )
    })
}

fn selects_all(template: &TemplateSpec) -> bool {
    let Some(selector) = &template.selector else { return true };
    let empty = |key: &str| match selector.get(key) {
        None | Some(Value::Null) => true,
        Some(Value::Object(labels)) => labels.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(_) => false,
    };
    empty("matchLabels") && empty("matchExpressions")
}
