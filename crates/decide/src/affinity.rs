//! `antiAffinity`: pods of the wanted set keep away from the nodes of the stable one (spec 2.13).
//!
//! The term is put into the template of the wanted set and follows the stable set. It stays in a set that was promoted, and
//! does not count when templates are compared.

use crate::pass::Pass;
use crate::plan::{Kind, Op, Verdict};
use crate::status::difference;
use serde_json::{Value, json};
use serinus_wire::rollout::AntiAffinity;
use serinus_wire::{Rollout, keys, pod};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

fn of_strategy(rollout: &Rollout) -> Option<&AntiAffinity> {
    let strategy = &rollout.spec.strategy;
    let canary = strategy.canary.as_ref().and_then(|canary| canary.anti_affinity.as_ref());
    canary.or_else(|| strategy.blue_green.as_ref().and_then(|blue_green| blue_green.anti_affinity.as_ref()))
}

/// Puts the term into the template of the set with this hash, in place of an older one. Nothing happens while nothing else is stable.
pub fn inject(rollout: &Rollout, hash: &str, template: &mut Value) {
    let stable = rollout.status.stable_rs.as_str();
    let Some(affinity) = of_strategy(rollout).filter(|_| !stable.is_empty() && stable != hash) else { return };
    *template = without(template);
    let term = json!({
        "labelSelector": {"matchExpressions": [{"key": keys::HASH, "operator": "In", "values": [stable]}]},
        "namespaces": [rollout.metadata.namespace],
        "topologyKey": "kubernetes.io/hostname",
    });
    let (list, entry) = match &affinity.preferred_during_scheduling_ignored_during_execution {
        Some(preferred) => (PREFERRED, json!({"weight": preferred.weight, "podAffinityTerm": term})),
        None => (REQUIRED, term),
    };
    let spec = pod::child(template, "spec");
    let pod_anti_affinity = pod::child(pod::child(spec, "affinity"), "podAntiAffinity");
    if let Some(entries) = pod_anti_affinity.get_mut(list).and_then(Value::as_array_mut) {
        entries.push(entry);
    } else {
        pod_anti_affinity[list] = json!([entry]);
    }
}

/// The template without the term, and without what is empty because of that.
pub fn without(template: &Value) -> Value {
    let mut template = template.clone();
    let removed = remove(&mut template, &["spec", "affinity", "podAntiAffinity", REQUIRED])
        | remove(&mut template, &["spec", "affinity", "podAntiAffinity", PREFERRED]);
    if removed {
        prune(&mut template, &["spec", "affinity", "podAntiAffinity"]);
        prune(&mut template, &["spec", "affinity"]);
    }
    template
}

/// Takes the term out of a list, and the list when nothing is left; whether there was one.
fn remove(template: &mut Value, path: &[&str]) -> bool {
    let Some(list) = template.pointer_mut(&format!("/{}", path.join("/"))).and_then(Value::as_array_mut) else {
        return false;
    };
    let before = list.len();
    list.retain(|entry| !is_ours(entry.get("podAffinityTerm").unwrap_or(entry)));
    let removed = list.len() < before;
    if removed {
        prune(template, path);
    }
    removed
}

fn is_ours(term: &Value) -> bool {
    let expressions = term.pointer("/labelSelector/matchExpressions").and_then(Value::as_array);
    expressions
        .is_some_and(|all| matches!(all.as_slice(), [only] if only["key"] == keys::HASH && only["operator"] == "In"))
}

/// Removes what stands at the path when it is empty.
fn prune(template: &mut Value, path: &[&str]) {
    let Some((last, parents)) = path.split_last() else { return };
    let parent = template.pointer_mut(&format!("/{}", parents.join("/"))).and_then(Value::as_object_mut);
    let Some(parent) = parent else { return };
    let empty = |value: &Value| {
        value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty)
    };
    if parent.get(*last).is_some_and(empty) {
        parent.shift_remove(*last);
    }
}

/// Keeps the term of the wanted set in step with the stable one.
pub fn sync(pass: &mut Pass<'_>) {
    let Some(set) = pass.sets.new_set() else { return };
    let seen = set.seen;
    let mut template = seen.spec.template.clone();
    inject(&pass.rollout, set.hash(), &mut template);
    let of = |template: &Value| json!({"affinity": template.pointer("/spec/affinity")});
    let Some(change) = difference(&of(&seen.spec.template), &of(&template)) else { return };
    pass.report("affinity", Verdict::Acts, format!("ReplicaSet {} keeps away from the stable one", seen.metadata.name));
    pass.write(Kind::ReplicaSet, &seen.metadata, Op::Patch(json!({"spec": {"template": {"spec": change}}})));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(anti_affinity: Value) -> Rollout {
        let mut rollout = Rollout::default();
        rollout.metadata.namespace = "shop".to_string();
        rollout.status.stable_rs = "old".to_string();
        rollout.spec.strategy.canary = Some(serde_json::from_value(json!({"antiAffinity": anti_affinity})).unwrap());
        rollout
    }

    #[test]
    fn the_term_comes_and_goes_without_a_trace() {
        let own = json!({"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "other"}}});
        let templates = [
            json!({"spec": {"containers": []}}),
            json!({"spec": {"affinity": {"nodeAffinity": {}}}}),
            json!({"spec": {"affinity": {"podAntiAffinity": {REQUIRED: [own]}}}}),
            json!({"spec": {"affinity": {"podAntiAffinity": {PREFERRED: [{"weight": 1, "podAffinityTerm": own}]}}}}),
        ];
        for kind in [json!({REQUIRED: {}}), json!({PREFERRED: {"weight": 7}})] {
            for template in &templates {
                let mut with = template.clone();
                inject(&rollout(kind.clone()), "new", &mut with);
                assert!(with.to_string().contains("\"old\""), "{with}");
                assert_eq!(without(&with), *template);
                let mut twice = with.clone();
                inject(&rollout(kind.clone()), "new", &mut twice);
                assert_eq!(twice, with);
            }
        }
    }

    #[test]
    fn nothing_is_put_in_while_nothing_else_is_stable() {
        for stable in ["", "new"] {
            let mut rollout = rollout(json!({REQUIRED: {}}));
            rollout.status.stable_rs = stable.to_string();
            let mut template = json!({"spec": {}});
            inject(&rollout, "new", &mut template);
            assert_eq!(template, json!({"spec": {}}));
        }
    }

    #[test]
    fn the_term_is_what_the_peer_writes() {
        let mut template = json!({});
        inject(&rollout(json!({PREFERRED: {"weight": 7}})), "new", &mut template);
        let term = json!({
            "labelSelector": {"matchExpressions": [{"key": "rollouts-pod-template-hash", "operator": "In", "values": ["old"]}]},
            "namespaces": ["shop"], "topologyKey": "kubernetes.io/hostname",
        });
        let list = json!([{"weight": 7, "podAffinityTerm": term}]);
        assert_eq!(template, json!({"spec": {"affinity": {"podAntiAffinity": {PREFERRED: list}}}}));
    }
}
