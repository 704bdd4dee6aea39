//! From the object as written to a Rollout that can be acted on: the workload's template filled in, everything validated.

use crate::seen::{Seen, Workload, canary_ingress_name};
use serinus_wire::Rollout;
use serinus_wire::rollout::{CanaryStrategy, Finding};
use serinus_wire::validate::{self, Around};

/// The Rollout with template and selector of its workload, or what is wrong with it.
pub fn effective(seen: &Seen) -> Result<Rollout, Box<(Rollout, Finding)>> {
    let mut rollout = seen.rollout.clone();
    if let Some(reference) = &seen.rollout.spec.workload_ref {
        match &seen.workload {
            Workload::Found(workload) => {
                if !rollout.spec.template.as_ref().is_none_or(is_empty_template) {
                    return Err(Box::new((rollout, validate::template_beside_workload())));
                }
                rollout.spec.template = Some(workload.spec.template.clone());
                if rollout.spec.selector.is_none() && !workload.spec.selector.is_null() {
                    rollout.spec.selector = Some(workload.spec.selector.clone());
                }
            }
            Workload::Missing | Workload::NotReferenced => {
                let finding = validate::workload_missing(&rollout.metadata.namespace, reference);
                return Err(Box::new((rollout, finding)));
            }
            Workload::Unsupported => return Err(Box::new((rollout, validate::workload_unsupported(reference)))),
        }
    }
    let around = Around { services: &seen.services, ingresses: &seen.ingresses, workload_resolved: true };
    if let Some(finding) = validate::rollout(&rollout, &around)
        .or_else(|| unsupported(&rollout))
        .or_else(|| crate::runs::check(seen, &rollout))
        .or_else(|| crate::experiments::check(&rollout))
        .or_else(|| taken(&rollout, seen))
    {
        return Err(Box::new((rollout, finding)));
    }
    Ok(rollout)
}

/// A canary Ingress of ours would have a name that another object controls already.
fn taken(rollout: &Rollout, seen: &Seen) -> Option<Finding> {
    let nginx = rollout.canary()?.traffic_routing.as_ref()?.nginx.as_ref()?;
    nginx.stable_names().find_map(|stable| {
        let name = canary_ingress_name(&rollout.metadata.name, stable);
        let present = seen.ingresses.get(&name)?;
        if present.metadata.controller().is_some_and(|owner| owner.uid == rollout.metadata.uid) {
            return None;
        }
        let path = "spec.strategy.canary.trafficRouting.nginx.stableIngress";
        let text = format!("canary ingress `{name}` exists and is not controlled by this Rollout");
        Some(
            Finding::invalid(path, &stable.into(), text)
                .hint(format!("delete the Ingress {name}, or rename the Rollout")),
        )
    })
}

/// Labels and annotations decide whether a template counts as given (spec 1.1).
fn is_empty_template(template: &serde_json::Value) -> bool {
    let empty = |key: &str| {
        template
            .get("metadata")
            .and_then(|meta| meta.get(key))
            .and_then(serde_json::Value::as_object)
            .is_none_or(serde_json::Map::is_empty)
    };
    empty("labels") && empty("annotations")
}

/// What the contract knows and this version does not act on yet. It is refused openly, with pods and traffic left alone.
pub(crate) fn unsupported(rollout: &Rollout) -> Option<Finding> {
    let refuse = |path: &str| {
        Some(Finding {
            path: path.to_string(),
            message: format!("{path}: Forbidden: not supported by this version of Serinus yet"),
            hint: Some("remove the field, or leave this Rollout with its present controller".to_string()),
        })
    };
    let canary = rollout.canary()?;
    if let Some(plugin) = plugins(canary).into_iter().next() {
        return Some(plugin);
    }
    if let Some(routing) = &canary.traffic_routing {
        for (set, field) in [
            (routing.istio.is_some(), "istio"),
            (routing.alb.is_some(), "alb"),
            (routing.smi.is_some(), "smi"),
            (routing.ambassador.is_some(), "ambassador"),
            (routing.app_mesh.is_some(), "appMesh"),
            (routing.traefik.is_some(), "traefik"),
            (routing.apisix.is_some(), "apisix"),
        ] {
            if set {
                return refuse(&format!("spec.strategy.canary.trafficRouting.{field}"));
            }
        }
    }
    for (index, step) in crate::canary::weight::steps(rollout).iter().enumerate() {
        for (set, field) in
            [(step.set_header_route.is_some(), "setHeaderRoute"), (step.set_mirror_route.is_some(), "setMirrorRoute")]
        {
            if set {
                return refuse(&format!("spec.strategy.canary.steps[{index}].{field}"));
            }
        }
    }
    None
}

/// Plugins by place and name. None is built in: a Rollout that needs one says so, and is left alone.
fn plugins(canary: &CanaryStrategy) -> Vec<Finding> {
    let routers = canary.traffic_routing.iter().flat_map(|routing| routing.plugins.iter().flatten());
    let routers =
        routers.map(|(name, _)| (format!("spec.strategy.canary.trafficRouting.plugins[{name}]"), name.as_str()));
    let steps = canary.steps.iter().flatten().enumerate();
    let steps = steps.filter_map(|(index, step)| {
        let plugin = step.plugin.as_ref()?;
        Some((format!("spec.strategy.canary.steps[{index}].plugin.name"), plugin.name.as_str()))
    });
    let finding = |(path, name): (String, &str)| {
        let text = format!("the plugin {name:?} is not built in");
        Finding::forbidden(path, text).hint("use what is built in, or leave this Rollout with its present controller")
    };
    routers.chain(steps).map(finding).collect()
}
