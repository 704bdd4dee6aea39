//! Rollouts that nobody would write.

use crate::choices::{Choices, break_one, names};
use crate::schema;
use crate::world::{World, template};
use serde_json::{Value, json};
use serinus_decide::{Kind, Op, Plan, Verdict, lint};
use serinus_wire::{Rollout, crd};

/// A spec that works, overlaid with whatever the definition has to offer.
fn spec(choices: &mut Choices) -> Value {
    static SCHEMA: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| schema(&crd::rollout(), "spec"));
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
fn world(choices: &mut Choices, spec: Value) -> World {
    static SCHEMA: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| schema(&crd::rollout(), "status"));
    let mut world = World::new(spec, &[]);
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
fn live(mut world: World) -> bool {
    for _ in 0..8 {
        let plan = world.plan();
        let broken = !world.seen.rollout.findings.is_empty()
            || plan.report.lines.iter().any(|line| line.part == "spec" && line.verdict == Verdict::Refused);
        if broken {
            assert!(only_status(&plan), "a broken Rollout is left alone: {world:?}\n{plan:#?}");
            world.apply(&plan, usize::MAX);
            assert!(world.plan().writes().next().is_none(), "says it once: {world:?}");
            return false;
        }
        world.apply(&plan, usize::MAX);
        if world.sizes().values().any(|pods| *pods > MOST_PODS) {
            // The world counts its pods one by one.
            return true;
        }
        world.settle_pods();
    }
    true
}

/// Whether it was acted on.
pub fn valid(seed: u64) -> bool {
    let mut choices = Choices::new(seed, false);
    let spec = spec(&mut choices);
    live(world(&mut choices, spec))
}

/// Anything may be wrong with it, at several places.
pub fn anyhow(seed: u64) {
    let mut choices = Choices::new(seed, true);
    let spec = spec(&mut choices);
    live(world(&mut choices, spec));
}

/// One field is wrong: the Rollout is left alone, and it is said which.
pub fn broken(seed: u64) -> bool {
    static SCHEMA: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| schema(&crd::rollout(), "spec"));
    let mut choices = Choices::new(seed, false);
    let mut spec = spec(&mut choices);
    let Some(path) = break_one(&mut choices, &SCHEMA, &mut spec, "spec") else { return false };
    let world = world(&mut choices, spec);
    let plan = world.plan();
    assert!(only_status(&plan), "a broken Rollout is left alone: {world:?}\n{plan:#?}");
    // The status says the first of all that is wrong, `lint` all of it.
    assert!(plan.report.lines.iter().any(|line| line.verdict == Verdict::Refused), "{world:?}\n{}", plan.report);
    let said: Vec<String> = lint(&world.seen).into_iter().map(|finding| finding.message).collect();
    assert!(said.iter().any(|text| names(text, &path)), "{path} is not named: {said:?}\n{world:?}");
    live(world);
    true
}
