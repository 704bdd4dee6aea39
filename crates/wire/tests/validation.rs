//! Validation against what Argo Rollouts says of the same specs.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use serde_json::{Value, json};
use serinus_wire::k8s::{Ingress, Service};
use serinus_wire::validate::{self, Around};
use serinus_wire::{Finding, Rollout};
use std::collections::BTreeMap;

/// Vectors about things that are looked at elsewhere, and where.
const LATER: &[(&str, &str)] = &[
    ("template missing", "templates are checked with their runs: decide/tests/runs.rs"),
    ("infinite inline", "templates are checked with their runs: decide/tests/runs.rs"),
    ("inline arg missing", "templates are checked with their runs: decide/tests/runs.rs"),
];

/// Vectors where we answer otherwise on purpose, and why.
const OTHERWISE: &[(&str, &str)] = &[
    ("bad selector", "Argo Rollouts says nothing at all and does nothing; the person gets the reason"),
    ("negative replicas", "the API server refuses it"),
    ("duplicate container", "the API server refuses it"),
    ("bad restartAt", "the API server refuses it"),
];

#[derive(Default)]
struct World {
    services: BTreeMap<String, Service>,
    ingresses: BTreeMap<String, Ingress>,
}

impl World {
    fn of(objects: &Value) -> World {
        let mut world = World::default();
        for object in objects.as_array().unwrap() {
            let name = object["metadata"]["name"].as_str().unwrap().to_string();
            match object["kind"].as_str().unwrap() {
                "Service" => drop(world.services.insert(name, serde_json::from_value(object.clone()).unwrap())),
                "Ingress" => drop(world.ingresses.insert(name, serde_json::from_value(object.clone()).unwrap())),
                _ => {}
            }
        }
        world
    }

    fn check(&self, spec: &Value) -> Option<Finding> {
        let object = json!({"metadata": {"name": "NAME", "namespace": "val"}, "spec": spec});
        let rollout = Rollout::read(object).unwrap();
        let around = Around { services: &self.services, ingresses: &self.ingresses, workload_resolved: false };
        validate::rollout(&rollout, &around)
    }
}

fn contains(list: &[(&str, &str)], note: &str) -> bool {
    list.iter().any(|(name, _)| *name == note)
}

#[test]
fn a_running_controller_says_the_same() {
    let vectors: Value = serde_json::from_str(include_str!("data/validation-vectors.json")).unwrap();
    let world = World::of(&vectors["objects"]);
    let mut wrong = Vec::new();
    for case in vectors["cases"].as_array().unwrap() {
        let note = case["note"].as_str().unwrap();
        if note.starts_with("AnalysisRun: ") || contains(LATER, note) || contains(OTHERWISE, note) {
            continue;
        }
        let finding = match note {
            "workloadRef missing object" => Some(validate::workload_missing("val", &reference(case))),
            "workloadRef kind" => Some(validate::workload_unsupported(&reference(case))),
            _ => world.check(&case["spec"]),
        };
        let ours = finding.map(|finding| validate::invalid_message("NAME", &finding));
        if ours.as_deref() != case["invalidSpec"].as_str() {
            wrong.push(format!("{note}:\n  ours {ours:?}\n  want {}", case["invalidSpec"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a Service must be, with the texts of the running controller.
#[test]
fn services_must_fit_the_pods_and_belong_to_nobody_else() {
    let spec = json!({
        "selector": {"matchLabels": {"app": "v2"}},
        "template": {"metadata": {"labels": {"app": "v2"}}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}},
        "strategy": {"canary": {"stableService": "v2-x"}},
    });
    let owned = json!({"argo-rollouts.argoproj.io/managed-by-rollouts": "somebody"});
    let ours = json!({"argo-rollouts.argoproj.io/managed-by-rollouts": "NAME"});
    let hashed = json!({"app": "v2", "rollouts-pod-template-hash": "abc"});
    for (annotations, selector, want) in [
        (&ours, hashed, None),
        (&ours, json!(null), None),
        (&owned, json!({"app": "v2", "zone": "q"}), Some("Service \"v2-x\" has unmatch label \"zone\" in rollout")),
        (&ours, json!({"app": "other"}), Some("Service \"v2-x\" has unmatch label \"app\" in rollout")),
        (&owned, json!({"app": "v2"}), Some("Service \"v2-x\" is managed by another Rollout")),
    ] {
        let metadata = json!({"name": "v2-x", "annotations": annotations});
        let service = json!({"kind": "Service", "metadata": metadata, "spec": {"selector": selector}});
        let world = World::of(&json!([service]));
        let want = want.map(|text| format!("spec.strategy.canary.stableService: Invalid value: \"v2-x\": {text}"));
        assert_eq!(world.check(&spec).map(|finding| finding.message), want, "{service}");
    }
}

/// What an Ingress must be, with the texts of the running controller: named once, there, and with a rule for the Service that the router starts from.
#[test]
fn ingresses_must_exist_and_lead_to_the_stable_service() {
    let service =
        |name: &str| json!({"kind": "Service", "metadata": {"name": name}, "spec": {"selector": {"app": "w"}}});
    let ingress = |name: &str, backend: &str| {
        let path = json!({"backend": {"service": {"name": backend, "port": {"number": 80}}}});
        json!({"kind": "Ingress", "metadata": {"name": name}, "spec": {
            // A default backend is no rule: no canary Ingress can be made of it.
            "defaultBackend": {"service": {"name": "stable", "port": {"number": 80}}},
            "rules": [{"http": {"paths": [path]}}],
        }})
    };
    let names = ["stable", "canary", "root"];
    let mut objects: Vec<Value> = names.iter().map(|name| service(name)).collect();
    objects.extend([ingress("to-stable", "stable"), ingress("to-root", "root"), ingress("elsewhere", "other")]);
    let world = World::of(&Value::Array(objects));
    let no_rules = |path: &str, name: &str, service: &str| {
        format!("{path}: Invalid value: {name:?}: ingress `{name}` has no rules using service {service} backend")
    };
    let either = |path: &str, [one, many]: [&str; 2], which: &str| {
        format!("{path}: Internal error: Either {one} or {many} must be configured. {which} configured.")
    };
    const NGINX: &str = "spec.strategy.canary.trafficRouting.nginx";
    const ALB: &str = "spec.strategy.canary.trafficRouting.alb";
    let (of_nginx, of_alb) = (["StableIngress", "StableIngresses"], ["Ingress", "Ingresses"]);
    for (router, settings, want) in [
        ("nginx", json!({"stableIngress": "to-stable"}), None),
        ("nginx", json!({"stableIngresses": ["to-stable"]}), None),
        ("nginx", json!({}), Some(either(NGINX, of_nginx, "Neither are"))),
        (
            "nginx",
            json!({"stableIngress": "to-stable", "stableIngresses": ["x"]}),
            Some(either(NGINX, of_nginx, "Both are")),
        ),
        (
            "nginx",
            json!({"stableIngress": "gone"}),
            Some(format!(
                "{NGINX}.stableIngress: Invalid value: \"gone\": ingress.networking.k8s.io \"gone\" not found"
            )),
        ),
        (
            "nginx",
            json!({"stableIngress": "elsewhere"}),
            Some(no_rules(&format!("{NGINX}.stableIngress"), "elsewhere", "stable")),
        ),
        (
            "nginx",
            json!({"stableIngresses": ["to-stable", "elsewhere"]}),
            Some(no_rules(&format!("{NGINX}.stableIngresses"), "elsewhere", "stable")),
        ),
        ("alb", json!({"ingress": "to-stable", "servicePort": 80}), None),
        ("alb", json!({"ingress": "to-root", "servicePort": 80, "rootService": "root"}), None),
        (
            "alb",
            json!({"ingress": "to-stable", "servicePort": 80, "rootService": "root"}),
            Some(no_rules(&format!("{ALB}.ingress"), "to-stable", "root")),
        ),
        (
            "alb",
            json!({"ingress": "to-root", "servicePort": 80}),
            Some(no_rules(&format!("{ALB}.ingress"), "to-root", "stable")),
        ),
        ("alb", json!({"servicePort": 80}), Some(either(ALB, of_alb, "Neither are"))),
        ("alb", json!({"servicePort": 80, "ingress": "a", "ingresses": ["b"]}), Some(either(ALB, of_alb, "Both are"))),
    ] {
        let spec = json!({
            "selector": {"matchLabels": {"app": "w"}},
            "template": {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}},
            "strategy": {"canary": {
                "stableService": "stable", "canaryService": "canary", "trafficRouting": {router: settings},
            }},
        });
        assert_eq!(world.check(&spec).map(|finding| finding.message), want, "{router}: {settings}");
    }
}

fn reference(case: &Value) -> serinus_wire::rollout::WorkloadRef {
    serde_json::from_value(case["spec"]["workloadRef"].clone()).unwrap()
}

/// Errors in the spec alone, from Argo Rollouts' own check. A line without a match below must give the same text.
#[test]
fn the_spec_alone_is_judged_alike() {
    let mut wrong = Vec::new();
    for line in include_str!("data/spec-errors.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let note = case["note"].as_str().unwrap();
        if let Some((_, why)) = LENIENT.iter().find(|(start, _)| note.starts_with(start)) {
            assert!(!why.is_empty());
            continue;
        }
        let ours = World::default().check(&case["spec"]).filter(|finding| !about_references(finding));
        let ours = ours.map(|finding| finding.message);
        if ours.as_deref() != case["error"].as_str() {
            wrong.push(format!("{note}:\n  ours {ours:?}\n  want {}", case["error"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Notes (by their beginning) where we say nothing, or something else, and why.
const LENIENT: &[(&str, &str)] = &[
    ("pp plugin", PLUGINS),
    ("mirror {\"plugins", PLUGINS),
    ("mirror two {\"plugins", PLUGINS),
    ("mirror path two {\"plugins", PLUGINS),
    ("mirror headers two {\"plugins", PLUGINS),
    ("mirror none {\"plugins", PLUGINS),
    ("mirror unmanaged {\"plugins", PLUGINS),
    ("mirror pct {\"plugins", PLUGINS),
    ("env bad path", AT_CREATION),
    ("env cm no name", AT_CREATION),
    ("env cm no key", AT_CREATION),
    ("sleep too long", AT_CREATION),
    ("res name", AT_CREATION),
    ("ext frac", AT_CREATION),
    ("ext req only", AT_CREATION),
    ("runasuser", AT_CREATION),
    ("dns none", AT_CREATION),
    ("topo", AT_CREATION),
    ("aff", AT_CREATION),
    ("gates", AT_CREATION),
    ("host alias", AT_CREATION),
];
const PLUGINS: &str = "newer Argo Rollouts take plugins here; these vectors are of 1.9.1";
const AT_CREATION: &str = "the API server says it when the ReplicaSet is created";

fn about_references(finding: &Finding) -> bool {
    let references = ["not found", "must be configured", "has no rules using"];
    finding.path.starts_with("spec.strategy.") && references.iter().any(|text| finding.message.contains(text))
}
