//! Pod template defaults against Kubernetes' own.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use serde_json::Value;
use serinus_gocompat::json::{self, Quantities};
use serinus_gocompat::shape;
use serinus_wire::pod;

#[test]
fn defaults_are_those_of_kubernetes() {
    let spelled = |template: &Value| json::encode(&shape::POD_TEMPLATE, template, Quantities::AsPrinted);
    let mut wrong = Vec::new();
    for line in include_str!("data/pod-defaults.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        // The twins are kept alike by the API server's conversion, which comes after the defaults.
        let without_twins = |mut template: Value| {
            if let Some(spec) = template["spec"].as_object_mut() {
                spec.retain(|key, _| !key.starts_with("serviceAccount"));
            }
            template
        };
        let ours = spelled(&without_twins(pod::defaulted(&case["template"])));
        let theirs = spelled(&without_twins(case["defaulted"].clone()));
        if ours != theirs {
            wrong.push(format!("ours   {ours}\ntheirs {theirs}"));
        }
        assert!(pod::same(&case["defaulted"], &case["template"]), "{line}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn defaults_are_a_fixpoint() {
    for line in include_str!("data/pod-defaults.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let once = pod::defaulted(&case["template"]);
        assert_eq!(pod::defaulted(&once), once);
    }
}

/// ReplicaSets as a kube-apiserver 1.36 stored them.
#[test]
fn stored_templates_are_what_we_expect() {
    let mut wrong = Vec::new();
    for line in include_str!("data/stored-templates.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let spelled = |template: &Value| json::encode(&shape::POD_TEMPLATE, template, Quantities::AsPrinted);
        let (ours, theirs) = (spelled(&pod::defaulted(&case["template"])), spelled(&case["stored"]));
        if ours != theirs {
            wrong.push(format!("ours   {ours}\nstored {theirs}"));
        }
        assert!(pod::same(&case["stored"], &case["template"]), "{line}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
