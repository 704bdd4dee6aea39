//! Pod template defaults against Kubernetes' own.

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
        let mut ours = pod::defaulted(&case["template"]);
        // The twin is written by the API server's conversion, which comes after the defaults.
        if let Some(spec) = ours["spec"].as_object_mut() {
            spec.remove("serviceAccount");
        }
        let (ours, theirs) = (spelled(&ours), spelled(&case["defaulted"]));
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
