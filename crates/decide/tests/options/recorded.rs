//! What a step starts is started once, whenever the controller dies, and however soon it is over.

use crate::world::World;
use crate::{routed, set_image};
use serde_json::{Value, json};
use serinus_decide::{Kind, Op, Plan};
use serinus_wire::analysis::Phase;

fn starts(plan: &Plan, kind: Kind) -> bool {
    plan.writes().any(|write| write.target.kind == kind && matches!(write.op, Op::Create(_)))
}

/// An update up to the plan that starts something.
fn about_to_start(step: &Value, kind: Kind) -> (World, Plan) {
    let mut world = routed(json!({"steps": [{"setWeight": 40}, step, {"pause": {}}]}));
    let metric = json!({"name": "m", "count": 1, "provider": {"web": {"url": "http://h/"}}});
    world.add_template("checks", &json!({"metrics": [metric]}));
    world.run();
    set_image(&mut world, "web:2");
    for _ in 0..60 {
        let plan = world.plan();
        if starts(&plan, kind) {
            return (world, plan);
        }
        if world.apply(&plan, usize::MAX) == 0 {
            world.settle_pods();
        }
    }
    panic!("nothing is started: {}", world.plan().report);
}

#[test]
fn a_controller_that_dies_starts_nothing_twice() {
    let analysis = json!({"analysis": {"templates": [{"templateName": "checks"}]}});
    let experiment = json!({"experiment": {"templates": [{"name": "new", "specRef": "canary"}]}});
    for (step, kind) in [(analysis, Kind::AnalysisRun), (experiment, Kind::Experiment)] {
        let (world, plan) = about_to_start(&step, kind);
        for writes in 0..=plan.writes().count() {
            let mut crashed = world.clone();
            crashed.apply(&plan, writes);
            crashed.verdict = Some(Phase::Failed);
            crashed.judgement = Some(Phase::Failed);
            // It is over before the next controller looks.
            crashed.settle_pods();
            crashed.run();
            let started = crashed.seen.runs.len() + crashed.seen.experiments.len();
            assert_eq!((started, crashed.phase()), (1, "Degraded"), "{kind:?}, dead after {writes} writes");
        }
    }
}
