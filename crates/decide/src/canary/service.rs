//! Selectors of the canary and the stable Service (spec 2.9).

use crate::pass::Pass;
use crate::plan::{Kind, Op, Verdict};
use serde_json::json;
use serinus_wire::keys;

/// How much of a set must be available before a Service may point to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// All of it the first time, one pod later.
    Checked,
    /// Nothing: the switch only takes traffic away from worse.
    Unchecked,
}

/// Points both Services to their sets.
pub fn reconcile(pass: &mut Pass<'_>) {
    if pass.rollout.spec.paused {
        return;
    }
    let (stable_service, canary_service) = (pass.canary().stable_service.clone(), pass.canary().canary_service.clone());
    point(pass, &stable_service, pass.sets.stable_index(), Care::Checked);
    if pass.aborted() {
        // With a router the weight goes first: the route takes care of the canary Service.
        if !pass.has_router() {
            point(pass, &canary_service, pass.sets.stable_index(), Care::Checked);
        }
        return;
    }
    point(pass, &canary_service, pass.sets.new_index(), Care::Checked);
}

/// Points a Service to a set, if the set can take its traffic.
pub fn point(pass: &mut Pass<'_>, service: &str, set: Option<usize>, care: Care) {
    let Some(set) = set.and_then(|index| pass.set(index)) else { return };
    let Some(seen) = pass.seen.services.get(service) else { return };
    let (hash, name) = (set.hash().to_string(), set.name().to_string());
    let selected = pass.selectors.get(service).and_then(|selector| selector.get(keys::HASH)).cloned();
    if selected.as_deref() == Some(hash.as_str()) {
        return;
    }
    let managed = seen.metadata.annotations.contains_key(keys::MANAGED_BY);
    let ready = match care {
        Care::Unchecked => true,
        Care::Checked if managed => set.available() >= 1,
        Care::Checked => set.fully_available(),
    };
    if !ready {
        let need = if managed { "a pod" } else { "all pods" };
        let text = format!(
            "Service {service} is switched when {need} of ReplicaSet {name} is available ({} of {})",
            set.available(),
            set.replicas
        );
        pass.waits("service", text);
        return;
    }
    let mut patch = json!({"spec": {"selector": {keys::HASH: hash}}});
    if !managed {
        patch["metadata"] = json!({"annotations": {keys::MANAGED_BY: pass.rollout.metadata.name}});
    }
    pass.write(Kind::Service, &seen.metadata, Op::Patch(patch));
    pass.selectors.entry(service.to_string()).or_default().insert(keys::HASH.to_string(), hash.clone());
    let from = selected.unwrap_or_default();
    let text = format!("Switched selector for service '{service}' from '{from}' to '{hash}'");
    pass.report("service", Verdict::Acts, text.clone());
    pass.tell("SwitchService", text);
}
