//! One step of a canary: which keys it has and what they say.

use super::canary::{full_weight, has_plugins};
use super::routes;
use crate::finding::Finding;
use crate::rollout::{AnalysisArgument, CanaryStep, CanaryStrategy, ExperimentStep};
use crate::scalar::IntOrString;
use serde_json::Value;

/// The first thing that is wrong with the step.
pub(super) fn check(canary: &CanaryStrategy, index: usize, step: &CanaryStep) -> Option<Finding> {
    let path = format!("spec.strategy.steps[{index}]");
    one_key(&path, step)
        .or_else(|| weight(&path, canary, step))
        .or_else(|| pause(&path, step))
        .or_else(|| scale(canary, step))
        .or_else(|| routes::header(&path, canary, step.set_header_route.as_ref()?))
        .or_else(|| routes::mirror(&path, canary, step.set_mirror_route.as_ref()?))
        .or_else(|| experiment(&path, canary, step.experiment.as_ref()?))
        .or_else(|| arguments(&path, &step.analysis.as_ref()?.args))
}

/// Only the four oldest keys exclude one another; the later ones were never added to that rule.
fn one_key(path: &str, step: &CanaryStep) -> Option<Finding> {
    let keys = [
        ("Experiment", step.experiment.is_some()),
        ("Pause", step.pause.is_some()),
        ("SetWeight", step.set_weight.is_some()),
        ("Analysis", step.analysis.is_some()),
        ("SetCanaryScale", step.set_canary_scale.is_some()),
        ("SetHeaderRoute", step.set_header_route.is_some()),
        ("SetMirrorRoute", step.set_mirror_route.is_some()),
        ("Plugin", step.plugin.is_some()),
    ];
    let (oldest, _) = keys.split_at(4);
    let spelled: Vec<String> = if oldest.iter().filter(|(_, set)| *set).count() > 1 {
        oldest.iter().map(|(name, set)| format!("step.{name}: {set}")).collect()
    } else if keys.iter().all(|(_, set)| !set) {
        // Here the words say which keys are absent.
        keys.iter().map(|(name, set)| format!("step.{name}: {}", !set)).collect()
    } else {
        return None;
    };
    let text = "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause";
    Some(
        Finding::invalid(path, &spelled.join(" ").into(), text)
            .hint("give each step of spec.strategy.canary.steps one key"),
    )
}

fn weight(path: &str, canary: &CanaryStrategy, step: &CanaryStep) -> Option<Finding> {
    let weight = step.set_weight?;
    let full = full_weight(canary);
    (!(0..=full).contains(&weight)).then(|| {
        let text = format!("SetWeight needs to be between 0 and {full}");
        Finding::invalid(format!("{path}.setWeight"), &weight.into(), text)
    })
}

fn pause(path: &str, step: &CanaryStep) -> Option<Finding> {
    let seconds = seconds(step.pause.as_ref()?.duration.as_ref()?);
    (seconds < 0).then(|| {
        Finding::invalid(format!("{path}.pause.duration"), &seconds.into(), "Duration needs to be greater than 0")
            .hint("write seconds (30), or a duration such as 90s, 5m or 1h30m")
    })
}

/// Seconds of a pause; what can't be read, or is longer than Kubernetes can count, is -1.
fn seconds(duration: &IntOrString) -> i64 {
    let seconds = match duration {
        IntOrString::Int(seconds) => *seconds,
        IntOrString::String(text) => match text.parse() {
            Ok(seconds) => seconds,
            Err(_) => serinus_gocompat::duration::parse(text).map_or(-1, |nanoseconds| nanoseconds / 1_000_000_000),
        },
    };
    if i32::try_from(seconds).is_ok() { seconds } else { -1 }
}

fn scale(canary: &CanaryStrategy, step: &CanaryStep) -> Option<Finding> {
    (step.set_canary_scale.is_some() && canary.traffic_routing.is_none()).then(|| {
        let text = "SetCanaryScale requires TrafficRouting to be set";
        Finding::required("spec.strategy.trafficRouting", text)
            .hint("add spec.strategy.canary.trafficRouting or remove the setCanaryScale step")
    })
}

fn experiment(path: &str, canary: &CanaryStrategy, step: &ExperimentStep) -> Option<Finding> {
    let problem = match &canary.traffic_routing {
        None => Some("Experiment template weight cannot be set unless TrafficRouting is enabled"),
        Some(routing) => {
            let splits =
                routing.smi.is_some() || routing.alb.is_some() || routing.istio.is_some() || has_plugins(routing);
            (!splits).then_some(
                "Experiment template weight is only available for TrafficRouting with SMI, ALB, Istio and Plugins at this time",
            )
        }
    };
    let weights = step.templates.iter().enumerate().find_map(|(index, template)| {
        let (weight, text) = (template.weight?, problem?);
        Some(Finding::invalid(format!("{path}.experiment.templates[{index}].weight"), &weight.into(), text))
    });
    weights.or_else(|| step.analyses.iter().find_map(|analysis| arguments(path, &analysis.args)))
}

/// References to metadata must be such as the downward API takes.
fn arguments(path: &str, args: &[AnalysisArgument]) -> Option<Finding> {
    let wrong = args.iter().any(|arg| {
        let field = arg.value_from.as_ref().and_then(|from| from.field_ref.as_ref());
        field.is_some_and(|field| field.field_path.starts_with("metadata") && !is_metadata(&field.field_path))
    });
    wrong.then(|| {
        let value = serde_json::to_value(args).unwrap_or(Value::Null);
        let text = "Analyses arguments must refer to valid object metadata supported by downwardAPI";
        Finding::invalid(format!("{path}.analyses"), &value, text)
            .hint("use metadata.name, metadata.namespace, metadata.uid, metadata.labels['<key>'] or metadata.annotations['<key>']")
    })
}

fn is_metadata(path: &str) -> bool {
    let subscripted = |field: &str| {
        let rest = path.strip_prefix(field)?;
        rest.strip_prefix("['")?.strip_suffix("']")
    };
    if let Some(key) = subscripted("metadata.annotations") {
        return crate::names::qualified_name(&key.to_lowercase()).is_empty();
    }
    if let Some(key) = subscripted("metadata.labels") {
        return crate::names::qualified_name(key).is_empty();
    }
    matches!(path, "metadata.annotations" | "metadata.labels" | "metadata.name" | "metadata.namespace" | "metadata.uid")
}
