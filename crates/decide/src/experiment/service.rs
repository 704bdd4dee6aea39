//! The Service of one set of an Experiment (spec 5): it is there while the set has pods.

use super::look::Look;
use super::seen::part_name;
use super::set;
use crate::plan::{Kind, Op, Verdict};
use serde_json::{Map, Value, json};
use serinus_wire::experiment::{TemplateSpec, TemplateStatus};
use serinus_wire::k8s::{ReplicaSet, Service};
use serinus_wire::keys;

/// Creates the Service while pods are wanted, and removes it when the last one has gone.
///
/// # Errors
/// There can't be one: why.
pub fn reconcile(
    look: &mut Look<'_>,
    template: &TemplateSpec,
    set: &ReplicaSet,
    desired: i32,
    next: &mut TemplateStatus,
) -> Result<(), String> {
    let Some(name) = name(look, template) else { return Ok(()) };
    if desired <= 0 {
        if set.status.available_replicas == 0 {
            remove(look, template, next);
        }
        return Ok(());
    }
    let ports = ports(set);
    if ports.is_empty() {
        return Ok(());
    }
    let failed = |why: String| format!("Failed to create Service {name} for template '{}': {why}", template.name);
    match look.seen.services.get(&name) {
        Some(service) if is_own(look, service, template) => {}
        Some(_) => {
            let why =
                format!("service {name} already exists and is not owned by experiment template {}", template.name);
            return Err(failed(why));
        }
        None => {
            if let Some(refusal) = look.refused(Kind::Service, &name) {
                return Err(failed(refusal.to_string()));
            }
            let object = json!({
                "metadata": {"annotations": set::annotations(look, template)},
                "spec": {"selector": set.metadata.labels, "ports": ports},
            });
            look.create(Kind::Service, &name, object);
            look.report(
                "service",
                Verdict::Acts,
                format!("Service {name} is created for template {:?}", template.name),
            );
        }
    }
    next.service_name = name;
    next.pod_template_hash = set.metadata.labels.get(keys::HASH).cloned().unwrap_or_default();
    Ok(())
}

/// Removes the Service of a set without pods.
pub fn remove(look: &mut Look<'_>, template: &TemplateSpec, next: &mut TemplateStatus) {
    let Some(name) = name(look, template) else { return };
    if let Some(service) = look.seen.services.get(&name)
        && is_own(look, service, template)
        && service.metadata.deletion_timestamp.is_none()
    {
        look.write(Kind::Service, &service.metadata, Op::Delete);
        look.report("service", Verdict::Acts, format!("Service {name} is no longer needed: deleted"));
    }
    next.service_name.clear();
    next.pod_template_hash.clear();
}

/// Name of the Service; absent: the set wants none.
fn name(look: &Look<'_>, template: &TemplateSpec) -> Option<String> {
    let wanted = template.service.as_ref()?;
    Some(if wanted.name.is_empty() { part_name(look.experiment(), &template.name) } else { wanted.name.clone() })
}

fn is_own(look: &Look<'_>, service: &Service, template: &TemplateSpec) -> bool {
    look.is_own(&service.metadata)
        && service.metadata.annotations.get(keys::EXPERIMENT_TEMPLATE_NAME) == Some(&template.name)
}

/// Every port of every container, under its own name and number.
fn ports(set: &ReplicaSet) -> Vec<Value> {
    let containers = set.spec.template.pointer("/spec/containers").and_then(Value::as_array);
    let ports = containers.into_iter().flatten().filter_map(|container| container.get("ports")?.as_array());
    ports.flatten().filter_map(port).collect()
}

fn port(container: &Value) -> Option<Value> {
    let number = container.get("containerPort")?;
    let mut port = Map::new();
    for key in ["name", "protocol"] {
        if let Some(value) = container.get(key) {
            port.insert(key.to_string(), value.clone());
        }
    }
    port.insert("port".to_string(), number.clone());
    port.insert("targetPort".to_string(), number.clone());
    Some(Value::Object(port))
}
