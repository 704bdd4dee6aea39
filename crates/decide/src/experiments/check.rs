//! What is wrong with the experiment steps of a Rollout: what would only be found when the step comes, is said at once.

use crate::canary::weight;
use serinus_gocompat::duration;
use serinus_wire::Rollout;
use serinus_wire::rollout::{ExperimentStep, Finding};

/// The first thing that is wrong.
pub fn check(rollout: &Rollout) -> Option<Finding> {
    let steps = weight::steps(rollout).iter().enumerate();
    let mut experiments = steps.filter_map(|(index, step)| Some((index, step.experiment.as_ref()?)));
    experiments.find_map(|(index, step)| one(&format!("spec.strategy.canary.steps[{index}].experiment"), step))
}

fn one(path: &str, step: &ExperimentStep) -> Option<Finding> {
    if step.templates.is_empty() {
        let text = "an experiment needs a set of pods";
        return Some(
            Finding::required(format!("{path}.templates"), text).hint("add a template with specRef canary or stable"),
        );
    }
    if !step.duration.is_empty() && duration::parse(&step.duration).is_none() {
        let path = format!("{path}.duration");
        let finding = Finding::invalid(path, &step.duration.as_str().into(), "not a duration");
        return Some(finding.hint("write a duration such as 90s, 5m or 1h30m"));
    }
    for (index, template) in step.templates.iter().enumerate() {
        if !matches!(template.spec_ref.as_str(), "canary" | "stable") {
            let path = format!("{path}.templates[{index}].specRef");
            let finding = Finding::invalid(path, &template.spec_ref.as_str().into(), "no such version");
            return Some(finding.hint("use canary or stable"));
        }
        let name = template.name.as_str();
        if name.is_empty() || step.templates.iter().take(index).any(|other| other.name == name) {
            let path = format!("{path}.templates[{index}].name");
            return Some(
                Finding::invalid(path, &name.into(), "not a name of its own").hint("give each template another name"),
            );
        }
    }
    let (index, analysis) = step.analyses.iter().enumerate().find(|(index, analysis)| {
        analysis.name.is_empty() || step.analyses.iter().take(*index).any(|other| other.name == analysis.name)
    })?;
    let path = format!("{path}.analyses[{index}].name");
    let finding = Finding::invalid(path, &analysis.name.as_str().into(), "not a name of its own");
    Some(finding.hint("give each analysis another name"))
}
