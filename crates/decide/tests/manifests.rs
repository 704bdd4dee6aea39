//! Rollouts that nobody would write: whatever the definition allows, and what it does not. A decision never panics, and one
//! about a broken Rollout writes its status and nothing else.
//!
//! `PROPTEST_CASES=10000 cargo test -p serinus-decide --test manifests` is the heavy run.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod world;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::{Map, Value, json};
use serinus_decide::{Kind, Op, Plan};
use serinus_wire::{Rollout, crd};
use world::{World, template};

/// Choices, taken from bytes that proptest can shrink. When they are used up, every choice is the first.
struct Choices<'b> {
    bytes: std::slice::Iter<'b, u8>,
    broken: bool,
}

impl Choices<'_> {
    fn below(&mut self, limit: usize) -> usize {
        usize::from(*self.bytes.next().unwrap_or(&0)) % limit.max(1)
    }

    fn pick(&mut self, values: &[Value]) -> Value {
        values[self.below(values.len())].clone()
    }

    /// A value of a schema; once in a while of none.
    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        if self.broken && self.below(24) == 23 {
            return self.pick(&[
                json!(null),
                json!("x"),
                json!(-7),
                json!([1]),
                json!({"a": {}}),
                json!(1.5),
                json!(true),
            ]);
        }
        if let Some(values) = schema["enum"].as_array() {
            return self.pick(values);
        }
        if schema["x-kubernetes-int-or-string"] == true {
            return self.pick(&[json!(1), json!("25%"), json!(0), json!("0%"), json!("1m"), json!(-1), json!("∞")]);
        }
        match schema["type"].as_str() {
            Some("integer") => self.pick(&[
                json!(1),
                json!(0),
                json!(2),
                json!(20),
                json!(100),
                json!(-1),
                json!(600),
                json!(i32::MAX),
                json!(i32::MIN),
            ]),
            Some("number") => self.pick(&[json!(0.5), json!(1e300)]),
            Some("boolean") => self.pick(&[json!(true), json!(false)]),
            Some("array") => (0..self.below(4)).map(|_| self.value(&schema["items"], depth + 1)).collect(),
            Some("object") => self.object(schema, depth),
            Some("string") => self.text(),
            _ => self.pick(&[json!({}), json!({"any": [1, {"thing": "x"}]}), json!("text"), json!(null)]),
        }
    }

    fn text(&mut self) -> Value {
        let words = [
            "web-stable",
            "web-canary",
            "web",
            "web-active",
            "web-ping",
            "",
            "Percent",
            "Pods",
            "20",
            "10s",
            "-5h",
            "canary",
            "apps/v1",
            "Deployment",
            "2026-01-01T00:00:00Z",
            "rollouts-pod-template-hash",
            "a b",
            "é\u{2028}<&>",
            "progressively",
        ];
        if self.below(64) == 63 {
            return json!("x".repeat(300));
        }
        json!(words[self.below(words.len())])
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut object = Map::new();
        let Some(properties) = schema["properties"].as_object() else {
            let names = ["app", "role", "note"];
            let inner = schema.get("additionalProperties").cloned().unwrap_or(json!({"type": "string"}));
            for name in names.iter().take(self.below(3)) {
                object.insert((*name).to_string(), self.value(&inner, depth + 1));
            }
            return Value::Object(object);
        };
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        // As many keys as a person gives, at each depth.
        for _ in 0..self.below(if depth < 2 { 7 } else { 4 }) {
            let (key, inner) = properties.iter().nth(self.below(properties.len())).unwrap();
            object.insert(key.clone(), self.value(inner, depth + 1));
        }
        for key in required {
            let forgotten = self.broken && self.below(16) == 15;
            if !forgotten && !object.contains_key(key) {
                let inner = self.value(&properties[key], depth + 1);
                object.insert(key.to_string(), inner);
            }
        }
        if self.broken && self.below(48) == 47 {
            object.insert("mispelt".to_string(), json!(1));
        }
        Value::Object(object)
    }
}

fn schema(part: &str) -> Value {
    let definition = crd::rollout();
    definition.pointer(&format!("/spec/versions/0/schema/openAPIV3Schema/properties/{part}")).unwrap().clone()
}

/// A spec that works, overlaid with whatever the definition has to offer.
fn spec(choices: &mut Choices<'_>) -> Value {
    static SCHEMA: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| schema("spec"));
    let mut spec = json!({"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template("web:1")});
    let strategy = &SCHEMA["properties"]["strategy"]["properties"];
    spec["strategy"] = match choices.below(4) {
        0 => json!({"canary": choices.value(&strategy["canary"], 0)}),
        1 => json!({"blueGreen": choices.value(&strategy["blueGreen"], 0)}),
        2 => {
            let mut canary = choices.value(&strategy["canary"], 0);
            if canary.is_object() {
                canary["stableService"] = json!("web-stable");
                canary["canaryService"] = json!("web-canary");
                canary["trafficRouting"] = json!({"nginx": {"stableIngress": "web"}});
            }
            json!({ "canary": canary })
        }
        _ => choices.value(&SCHEMA["properties"]["strategy"], 0),
    };
    if let (Value::Object(spec), Value::Object(more)) = (&mut spec, choices.value(&SCHEMA, 1)) {
        let kept = ["strategy", "selector", "template", "workloadRef"];
        let overlaid = choices.below(4) == 3;
        spec.extend(more.into_iter().filter(|(key, _)| overlaid || !kept.contains(&key.as_str())));
    }
    spec
}

/// The world around it, with a status that somebody left there.
fn world(bytes: &[u8], broken: bool) -> World {
    static SCHEMA: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| schema("status"));
    let mut choices = Choices { bytes: bytes.iter(), broken };
    let mut world = World::new(spec(&mut choices), &[]);
    if choices.below(3) == 2 {
        let status = choices.value(&SCHEMA, 1);
        let read = Rollout::read(json!({"metadata": {"name": "web"}, "status": status})).unwrap();
        world.seen.rollout.status = read.status;
    }
    world
}

fn only_status(plan: &Plan) -> bool {
    plan.writes().all(|write| write.target.kind == Kind::Rollout && matches!(write.op, Op::PatchStatus(_)))
}

/// More pods than this are not played through.
const MOST_PODS: i32 = 1000;

/// Rounds of a plan and its effects, as long as nothing is said to be broken.
fn live(mut world: World) -> Result<bool, TestCaseError> {
    for _ in 0..8 {
        let plan = world.plan();
        let broken = !world.seen.rollout.findings.is_empty()
            || plan
                .report
                .lines
                .iter()
                .any(|line| line.part == "spec" && line.verdict == serinus_decide::Verdict::Refused);
        if broken {
            prop_assert!(only_status(&plan), "a broken Rollout is left alone: {:?}\n{:#?}", world, plan);
            world.apply(&plan, usize::MAX);
            prop_assert!(world.plan().writes().next().is_none(), "says it once: {:?}", world);
            return Ok(false);
        }
        world.apply(&plan, usize::MAX);
        if world.sizes().values().any(|pods| *pods > MOST_PODS) {
            // The world counts its pods one by one.
            return Ok(true);
        }
        world.settle_pods();
    }
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_definition_allows_is_decided(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        live(world(&bytes, false))?;
    }

    #[test]
    fn whatever_is_broken_is_left_alone(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        live(world(&bytes, true))?;
    }
}

/// The generator must reach both sides, or the laws above say little.
#[test]
fn both_good_and_bad_ones_are_made() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut good, mut bad) = (0, 0);
    for _ in 0..300 {
        let bytes = proptest::collection::vec(any::<u8>(), 0..300).new_tree(&mut runner).unwrap().current();
        match live(world(&bytes, false)) {
            Ok(true) => good += 1,
            _ => bad += 1,
        }
    }
    assert!(good > 20 && bad > 20, "{good} good, {bad} bad");
}
