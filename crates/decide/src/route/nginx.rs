//! nginx: a second Ingress with canary annotations beside each stable one (spec 3.1). Never deleted; weight 0 rests it.

use crate::pass::Pass;
use crate::plan::{Kind, Op, Verdict};
use crate::seen::canary_ingress_name;
use serde_json::{Map, Value, json};
use serinus_wire::k8s::Ingress;
use serinus_wire::keys;
use serinus_wire::rollout::NginxRouting;
use std::collections::BTreeMap;

/// Annotation that names the class of an Ingress, older than `ingressClassName`.
const CLASS: &str = "kubernetes.io/ingress.class";

/// Creates or patches the canary Ingress of each stable one.
pub fn reconcile(pass: &mut Pass<'_>, weight: i32) {
    let Some(nginx) = pass.canary().traffic_routing.as_ref().and_then(|routing| routing.nginx.clone()) else { return };
    let names: Vec<String> = nginx.stable_names().map(str::to_string).collect();
    for stable_name in names {
        let Some(stable) = pass.seen.ingresses.get(&stable_name) else { continue };
        let name = canary_ingress_name(&pass.rollout.metadata.name, &stable_name);
        let annotations = annotations(pass, &nginx, stable, weight);
        let spec = spec(pass, stable);
        match pass.seen.ingresses.get(&name) {
            None => create(pass, &name, annotations, spec, weight),
            Some(present) => patch(pass, present, &annotations, &spec, weight),
        }
    }
}

fn annotations(pass: &Pass<'_>, nginx: &NginxRouting, stable: &Ingress, weight: i32) -> BTreeMap<String, String> {
    let prefix = nginx.prefix();
    let mut all = BTreeMap::new();
    if let Some(class) = stable.metadata.annotations.get(CLASS) {
        all.insert(CLASS.to_string(), class.clone());
    }
    for (key, value) in nginx.additional_ingress_annotations.iter().flatten() {
        let key = if key.starts_with(prefix) { key.clone() } else { format!("{prefix}/{key}") };
        all.insert(key, value.clone());
    }
    for (key, value) in nginx.canary_ingress_annotations.iter().flatten() {
        all.insert(key.clone(), value.clone());
    }
    all.insert(format!("{prefix}/canary"), "true".to_string());
    all.insert(format!("{prefix}/canary-weight"), weight.to_string());
    let total = pass.canary().traffic_routing.as_ref().and_then(|routing| routing.max_traffic_weight);
    if let Some(total) = total {
        all.insert(format!("{prefix}/canary-weight-total"), total.to_string());
    }
    all
}

/// TLS, class, and those rules that lead to the stable Service, with the canary Service in its place.
fn spec(pass: &Pass<'_>, stable: &Ingress) -> Value {
    let (from, to) = (pass.canary().stable_service.as_str(), pass.canary().canary_service.as_str());
    let mut spec = Map::new();
    for key in ["ingressClassName", "tls"] {
        if let Some(value) = stable.spec.get(key).filter(|value| !value.is_null()) {
            spec.insert(key.to_string(), value.clone());
        }
    }
    let rules = stable.spec.get("rules").and_then(Value::as_array);
    let rules: Vec<Value> = rules.into_iter().flatten().filter_map(|rule| canary_rule(rule, from, to)).collect();
    spec.insert("rules".to_string(), Value::Array(rules));
    Value::Object(spec)
}

fn canary_rule(rule: &Value, from: &str, to: &str) -> Option<Value> {
    let mut rule = rule.clone();
    let mut found = false;
    for path in rule.pointer_mut("/http/paths")?.as_array_mut()? {
        if let Some(name) = path.pointer_mut("/backend/service/name")
            && name == from
        {
            *name = json!(to);
            found = true;
        }
    }
    found.then_some(rule)
}

fn create(pass: &mut Pass<'_>, name: &str, annotations: BTreeMap<String, String>, spec: Value, weight: i32) {
    let rollout = &pass.rollout.metadata;
    let object = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": name,
            "namespace": rollout.namespace,
            "annotations": annotations,
            "ownerReferences": [{
                "apiVersion": keys::API_VERSION,
                "kind": "Rollout",
                "name": rollout.name,
                "uid": rollout.uid,
                "controller": true,
                "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
    });
    let text = format!("Creating canary ingress `{name}` with weight `{weight}`");
    pass.report("traffic", Verdict::Acts, text.clone());
    pass.tell("CreatingCanaryIngress", text);
    pass.create(Kind::Ingress, name, object);
}

/// Only what differs is patched; annotations of others stay.
fn patch(pass: &mut Pass<'_>, present: &Ingress, annotations: &BTreeMap<String, String>, spec: &Value, weight: i32) {
    let controlled = present.metadata.controller().is_some_and(|owner| owner.uid == pass.rollout.metadata.uid);
    let name = present.metadata.name.clone();
    if !controlled {
        pass.report(
            "traffic",
            Verdict::Refused,
            format!("Ingress {name} exists and is not controlled by this Rollout: delete it or rename the Rollout"),
        );
        pass.traffic_waits = Some(format!("Ingress {name} belongs to somebody else"));
        return;
    }
    let changed: Map<String, Value> = annotations
        .iter()
        .filter(|(key, value)| present.metadata.annotations.get(*key) != Some(*value))
        .map(|(key, value)| (key.clone(), json!(value)))
        .collect();
    let mut patch = Map::new();
    if !changed.is_empty() {
        patch.insert("metadata".to_string(), json!({"annotations": changed}));
    }
    if present.spec != *spec {
        let mut differing = Map::new();
        for (key, value) in spec.as_object().into_iter().flatten() {
            if present.spec.get(key) != Some(value) {
                differing.insert(key.clone(), value.clone());
            }
        }
        if !differing.is_empty() {
            patch.insert("spec".to_string(), Value::Object(differing));
        }
    }
    if patch.is_empty() {
        return;
    }
    let text = format!("Updating Ingress `{name}` to desiredWeight '{weight}'");
    pass.report("traffic", Verdict::Acts, text.clone());
    pass.tell("PatchingCanaryIngress", text);
    pass.write(Kind::Ingress, &present.metadata, Op::Patch(Value::Object(patch)));
}
