//! The Services and Ingresses that a Rollout names: they must exist, fit its pods, and belong to nobody else.

use super::Around;
use crate::finding::Finding;
use crate::k8s::Service;
use crate::keys;
use crate::rollout::{CanaryStrategy, Rollout};
use serde_json::Value;

/// The first thing that is wrong with what the Rollout refers to.
pub(super) fn check(rollout: &Rollout, around: &Around<'_>) -> Option<Finding> {
    all(rollout, around).into_iter().next()
}

/// What is wrong with each object that the Rollout refers to.
pub(super) fn all(rollout: &Rollout, around: &Around<'_>) -> Vec<Finding> {
    let services = services(rollout).into_iter().filter_map(|(path, name)| service(rollout, around, path, name));
    let routed = rollout.canary().map(|canary| [nginx(canary, around), alb(canary, around)]);
    services.chain(routed.into_iter().flatten().flatten()).collect()
}

/// Path and name of each Service that is named.
fn services(rollout: &Rollout) -> Vec<(&'static str, &str)> {
    let mut named = Vec::new();
    if let Some(blue_green) = &rollout.spec.strategy.blue_green {
        named.push(("spec.strategy.blueGreen.activeService", blue_green.active_service.as_str()));
        named.push(("spec.strategy.blueGreen.previewService", blue_green.preview_service.as_str()));
    }
    if let Some(canary) = rollout.canary() {
        named.push(("spec.strategy.canary.stableService", canary.stable_service.as_str()));
        named.push(("spec.strategy.canary.canaryService", canary.canary_service.as_str()));
        if let Some(pair) = &canary.ping_pong {
            named.push(("spec.strategy.canary.pingPong.pingService", pair.ping_service.as_str()));
            named.push(("spec.strategy.canary.pingPong.pongService", pair.pong_service.as_str()));
        }
    }
    named.retain(|(_, name)| !name.is_empty());
    named
}

fn service(rollout: &Rollout, around: &Around<'_>, path: &str, name: &str) -> Option<Finding> {
    let Some(found) = around.services.get(name) else {
        let text = format!("service {name:?} not found");
        return Some(Finding::invalid(path, &name.into(), text).hint("create the Service, or correct the name"));
    };
    selected(rollout, found, path, name).or_else(|| owner(rollout, found, path, name))
}

fn owner(rollout: &Rollout, service: &Service, path: &str, name: &str) -> Option<Finding> {
    let owner = service.metadata.annotations.get(keys::MANAGED_BY).filter(|owner| **owner != rollout.metadata.name)?;
    let text = format!("Service {name:?} is managed by another Rollout");
    Some(Finding::invalid(path, &name.into(), text).hint(format!(
        "use a Service of its own for each Rollout; this one has the annotation {}: {owner}",
        keys::MANAGED_BY
    )))
}

fn selected(rollout: &Rollout, service: &Service, path: &str, name: &str) -> Option<Finding> {
    let template = rollout.spec.template.as_ref();
    let labels = template.and_then(|template| template.pointer("/metadata/labels"));
    let wrong = service.spec.selector.iter().find(|(key, value)| {
        key.as_str() != keys::HASH
            && labels.and_then(|labels| labels.get(key.as_str())).and_then(Value::as_str) != Some(value.as_str())
    });
    let (key, value) = wrong?;
    let text = format!("Service {name:?} has unmatch label {key:?} in rollout");
    Some(
        Finding::invalid(path, &name.into(), text)
            .hint(format!("give the pod template the label {key}: {value}, or take it out of the Service's selector")),
    )
}

fn nginx(canary: &CanaryStrategy, around: &Around<'_>) -> Option<Finding> {
    const PATH: &str = "spec.strategy.canary.trafficRouting.nginx";
    let nginx = canary.traffic_routing.as_ref()?.nginx.as_ref()?;
    let lists = (nginx.stable_ingress.as_str(), nginx.stable_ingresses.as_slice());
    ingresses(PATH, ["stableIngress", "stableIngresses"], lists, &canary.stable_service, around)
}

fn alb(canary: &CanaryStrategy, around: &Around<'_>) -> Option<Finding> {
    const PATH: &str = "spec.strategy.canary.trafficRouting.alb";
    let alb = canary.traffic_routing.as_ref()?.alb.as_ref()?;
    let lists = (alb.ingress.as_str(), alb.ingresses.as_slice());
    let backend = if alb.root_service.is_empty() { &canary.stable_service } else { &alb.root_service };
    ingresses(PATH, ["ingress", "ingresses"], lists, backend, around)
}

/// One Ingress or a list of them, never both; each exists and has a rule for the Service.
fn ingresses(
    path: &str,
    [one, many]: [&str; 2],
    (single, list): (&str, &[String]),
    backend: &str,
    around: &Around<'_>,
) -> Option<Finding> {
    let names: Vec<(String, &str)> = match (single.is_empty(), list.is_empty()) {
        (true, true) | (false, false) => {
            let which = if single.is_empty() { "Neither are" } else { "Both are" };
            let (one, many) = (title(one), title(many));
            let text = format!("Either {one} or {many} must be configured. {which} configured.");
            return Some(Finding::internal(path, text));
        }
        (false, true) => vec![(format!("{path}.{one}"), single)],
        (true, false) => list.iter().map(|name| (format!("{path}.{many}"), name.as_str())).collect(),
    };
    names.into_iter().find_map(|(path, name)| {
        let Some(found) = around.ingresses.get(name) else {
            let text = format!("ingress.networking.k8s.io {name:?} not found");
            return Some(Finding::invalid(path, &name.into(), text).hint("create the Ingress, or correct the name"));
        };
        (!routes_to(&found.spec, backend)).then(|| {
            let text = format!("ingress `{name}` has no rules using service {backend} backend");
            Finding::invalid(path, &name.into(), text)
                .hint(format!("add a rule to the Ingress whose backend is the Service {backend}"))
        })
    })
}

/// Whether a rule leads to the Service; the default backend does not count.
fn routes_to(spec: &Value, service: &str) -> bool {
    let names = |backend: Option<&Value>| {
        backend.and_then(|backend| backend.pointer("/service/name")).and_then(Value::as_str) == Some(service)
    };
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    list(spec.get("rules"))
        .iter()
        .any(|rule| list(rule.pointer("/http/paths")).iter().any(|path| names(path.get("backend"))))
}

fn title(field: &str) -> String {
    let mut chars = field.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
