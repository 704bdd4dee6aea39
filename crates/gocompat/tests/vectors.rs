//! What Go and Kubernetes themselves said: hashes from a running controller, spellings from their own libraries.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use serde_json::Value;
use serinus_gocompat::{duration, hash, quantity};

#[test]
fn pod_and_step_hashes_match() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("data/hash-vectors.json")).unwrap();
    assert!(cases.len() >= 38);
    for case in cases {
        assert_eq!(hash::pod_template(&case["template"], None), case["podHash"], "{}", case["template"]);
        assert_eq!(hash::steps(Some(&case["steps"])), case["stepsHash"], "{}", case["steps"]);
    }
}

/// Every kind of step, asked of Argo Rollouts' own types.
#[test]
fn all_kinds_of_steps_hash_alike() {
    let mut wrong = Vec::new();
    for line in include_str!("data/steps-hashes.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let ours = hash::steps(Some(&case["steps"]));
        if ours != case["stepsHash"] {
            wrong.push(format!("{ours}: {case}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn spellings_match() {
    let mut wrong = Vec::new();
    for line in include_str!("data/spellings.tsv").lines() {
        let [kind, text, expected] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("three columns: {line}") };
        let ours = match kind {
            "quantity" => quantity::canonical(text),
            _ => duration::parse(text).map(|nanoseconds| nanoseconds.to_string()),
        };
        let ours = ours.as_deref().unwrap_or("!");
        if ours != expected {
            wrong.push(format!("{kind} {text:?}: {ours} instead of {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_collision_count_salts_the_hash() {
    let template = serde_json::json!({"metadata": {"labels": {"app": "a"}}});
    let plain = hash::pod_template(&template, None);
    let zero = hash::pod_template(&template, Some(0));
    let one = hash::pod_template(&template, Some(1));
    assert!(plain != zero && zero != one && plain != one);
}

#[test]
fn what_does_not_fit_does_not_count() {
    let template = serde_json::json!({"metadata": {"labels": {"app": "a"}}});
    let table = [
        serde_json::json!({"metadata": {"labels": {"app": "a"}, "creationTimestamp": null}}),
        serde_json::json!({"metadata": {"labels": {"app": "a"}, "annotations": {}}, "spec": {"unheardOf": 1}}),
        serde_json::json!({"metadata": {"labels": {"app": "a"}}, "spec": {"hostNetwork": false, "volumes": [], "hostname": 7}}),
    ];
    for other in table {
        assert_eq!(hash::pod_template(&template, None), hash::pod_template(&other, None), "{other}");
    }
}

mod laws {
    use super::*;
    use proptest::prelude::*;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        let key =
            prop_oneof![Just("metadata"), Just("spec"), Just("containers"), Just("labels"), Just("ports"), Just("x")];
        leaf.prop_recursive(6, 64, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(key.clone().prop_map(String::from), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_has_a_hash(value in json()) {
            prop_assert!(!hash::pod_template(&value, None).is_empty());
            prop_assert!(!hash::steps(Some(&value)).is_empty());
        }

        #[test]
        fn any_text_is_a_quantity_or_not(text in "[-+]?[0-9.]{0,40}[numkKMGTie0-9+-]{0,5}|.*") {
            if let Some(canonical) = quantity::canonical(&text) {
                prop_assert_eq!(quantity::worth(&text), quantity::worth(&canonical));
            }
        }

        #[test]
        fn order_follows_the_numbers(a in -100_000_i64..100_000, b in -100_000_i64..100_000) {
            let in_thousandths = |n: i64| format!("{n}m");
            prop_assert_eq!(quantity::compare(&in_thousandths(a), &in_thousandths(b)), Some(a.cmp(&b)));
            prop_assert_eq!(quantity::compare(&format!("{a}Ki"), &(b * 1024).to_string()), Some(a.cmp(&b)));
        }

        #[test]
        fn any_text_is_a_duration_or_not(text in "[-+]?([0-9]{0,25}[.]?[0-9]{0,25}(ns|us|ms|s|m|h)?){0,4}|.*") {
            let _ = duration::parse(&text);
        }

        #[test]
        fn nanoseconds_come_back(n in any::<i64>()) {
            prop_assert_eq!(duration::parse(&format!("{n}ns")), Some(n));
        }
    }
}
