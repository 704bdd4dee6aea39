//! Services and the sets that they select (spec 2.9).

use crate::pass::Pass;
use crate::plan::{Kind, Op, Verdict};
use crate::sets::SetView;
use serde_json::json;
use serinus_wire::k8s::{Endpoint, EndpointConditions};
use serinus_wire::keys;

/// How much of a set must be available before a Service may point to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// All of it the first time, one pod later.
    Checked,
    /// Nothing: the switch only takes traffic away from worse.
    Unchecked,
    /// Nothing: the caller has looked. A Service that selects the set already, but was never marked as ours, is marked.
    Direct,
}

/// Points a Service to a set, if the set can take its traffic.
pub fn point(pass: &mut Pass<'_>, service: &str, set: Option<usize>, care: Care) {
    let Some(set) = set.and_then(|index| pass.set(index)) else { return };
    let Some(seen) = pass.seen.services.get(service) else { return };
    let (hash, name) = (set.hash().to_string(), set.name().to_string());
    let selected = pass.selectors.get(service).and_then(|selector| selector.get(keys::HASH)).cloned();
    let managed = seen.metadata.annotations.contains_key(keys::MANAGED_BY);
    let right = selected.as_deref() == Some(hash.as_str());
    if right && (managed || care != Care::Direct) {
        return;
    }
    let ready = match care {
        Care::Unchecked | Care::Direct => true,
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

/// A Service, as it was seen, selects the set. A switch in this very plan has not reached anybody yet.
pub fn selects(pass: &Pass<'_>, service: &str, index: usize) -> bool {
    let selected = pass.seen.services.get(service).and_then(|service| service.spec.selector.get(keys::HASH));
    pass.set(index).is_some_and(|set| selected.is_some_and(|hash| hash == set.hash()))
}

/// Who may still send traffic to a set: a Service of the Rollout, as seen or as this plan leaves it, or what the last status
/// says about them.
pub fn sender(pass: &Pass<'_>, index: usize) -> Option<String> {
    let hash = pass.set(index)?.hash();
    for service in pass.seen.services.keys() {
        let planned = pass.selectors.get(service).and_then(|selector| selector.get(keys::HASH));
        if selects(pass, service, index) || planned.is_some_and(|it| it == hash) {
            return Some(format!("Service {service}"));
        }
    }
    let old = &pass.rollout.status;
    let (weights, blue_green) = (old.canary.weights.as_ref(), &old.blue_green);
    let routed = weights.is_some_and(|weights| {
        weights.canary.pod_template_hash == hash
            || weights.stable.pod_template_hash == hash
            || weights.additional.iter().any(|extra| extra.pod_template_hash == hash)
    });
    let recorded = [&old.stable_rs, &old.current_pod_hash, &blue_green.active_selector, &blue_green.preview_selector];
    (routed || recorded.iter().any(|it| it.as_str() == hash)).then(|| "the route".to_string())
}

/// Why a set would not be reached through a Service: it points elsewhere, or not all available pods are endpoints yet.
/// A Service without any EndpointSlice is not judged.
pub fn unreachable(pass: &Pass<'_>, service: &str, set: &SetView<'_>) -> Option<String> {
    let selected = pass.selectors.get(service)?.get(keys::HASH).map_or("", String::as_str);
    if selected != set.hash() {
        return Some(format!("Service {service} does not select ReplicaSet {} yet", set.name()));
    }
    let ready = endpoints(pass, service, set, |conditions| {
        conditions.ready != Some(false) && conditions.terminating != Some(true)
    })?;
    (ready < set.available())
        .then(|| format!("Service {service} has {ready} of {} endpoints of ReplicaSet {}", set.available(), set.name()))
}

/// Pods of a set that a Service still lists as able to take a request; absent when the Service has no EndpointSlice.
pub fn listed(pass: &Pass<'_>, service: &str, set: &SetView<'_>) -> Option<i32> {
    endpoints(pass, service, set, |conditions| conditions.ready != Some(false))
}

/// How many pods of a set are endpoints of a Service; absent when the Service has no EndpointSlice.
fn endpoints(
    pass: &Pass<'_>,
    service: &str,
    set: &SetView<'_>,
    counts: impl Fn(&EndpointConditions) -> bool,
) -> Option<i32> {
    let slices = pass.seen.endpoints.get(service)?;
    let of_set = |endpoint: &&Endpoint| endpoint.target_ref.as_ref().is_none_or(|pod| is_pod_of(&pod.name, set.name()));
    let endpoints = slices.iter().flat_map(|slice| &slice.endpoints).filter(of_set);
    Some(i32::try_from(endpoints.filter(|endpoint| counts(&endpoint.conditions)).count()).unwrap_or(i32::MAX))
}

/// Pods are named `<set>-<five characters>`; a long name of the set is cut to 58 characters before that.
fn is_pod_of(pod: &str, set: &str) -> bool {
    let base: String = format!("{set}-").chars().take(58).collect();
    pod.starts_with(&base)
}
