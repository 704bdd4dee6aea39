//! What people do and what happens to a world.

use crate::generate::step;
use crate::safe::is_blue_green;
use crate::world::{World, template};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};
use serinus_wire::Time;
use serinus_wire::analysis::Phase;

/// What happens to a world from outside.
#[derive(Clone, Debug)]
pub enum Happening {
    Image(u8),
    Replicas(i32),
    Promote,
    PromoteFull,
    Abort,
    Retry,
    Pause(bool),
    Steps(Value),
    /// Somebody replaces the active Service by its manifest: the selector of the controller is gone.
    Unselect,
    PodsReady,
    PodsPartly(Vec<u8>),
    Time(u16),
    /// How experiments end from now on.
    Verdict(Phase),
    /// How analyses end from now on.
    Judgement(Phase),
    /// Pods that were born before so many seconds from now are to go.
    Restart(u8),
    /// The controller applies only so many writes of its next plan and dies.
    Crash(usize),
}

pub fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => (0..4u8).prop_map(Happening::Image),
        1 => (0..7i32).prop_map(Happening::Replicas),
        3 => Just(Happening::Promote),
        1 => Just(Happening::PromoteFull),
        1 => Just(Happening::Abort),
        1 => Just(Happening::Retry),
        1 => any::<bool>().prop_map(Happening::Pause),
        1 => proptest::collection::vec(step(), 0..4).prop_map(|steps| Happening::Steps(json!(steps))),
        1 => Just(Happening::Unselect),
        5 => Just(Happening::PodsReady),
        3 => proptest::collection::vec(0..5u8, 1..4).prop_map(Happening::PodsPartly),
        3 => (0..120u16).prop_map(Happening::Time),
        2 => phase().prop_map(Happening::Verdict),
        2 => phase().prop_map(Happening::Judgement),
        1 => (0..40u8).prop_map(Happening::Restart),
        3 => (0..3usize).prop_map(Happening::Crash),
    ]
}

fn phase() -> impl Strategy<Value = Phase> {
    prop_oneof![Just(Phase::Successful), Just(Phase::Failed), Just(Phase::Inconclusive), Just(Phase::Error)]
}

pub fn happen(world: &mut World, what: &Happening) {
    match what {
        Happening::Image(tag) => ship(world, &template(&format!("web:{tag}"))),
        Happening::Replicas(n) => world.edit_rollout(&json!({"spec": {"replicas": n}}), false),
        Happening::Promote => world.edit_rollout(&json!({"status": {"pauseConditions": null}}), true),
        Happening::PromoteFull => world.edit_rollout(&json!({"status": {"promoteFull": true}}), true),
        Happening::Abort => world.edit_rollout(&json!({"status": {"abort": true}}), true),
        Happening::Retry => world.edit_rollout(&json!({"status": {"abort": false}}), true),
        Happening::Pause(paused) => world.edit_rollout(&json!({"spec": {"paused": paused}}), false),
        Happening::Steps(_) if is_blue_green(world) => {}
        Happening::Steps(steps) => {
            world.edit_rollout(&json!({"spec": {"strategy": {"canary": {"steps": steps}}}}), false);
        }
        Happening::Unselect => world.unselect("web-active"),
        Happening::Verdict(phase) => world.verdict = Some(*phase),
        Happening::Judgement(phase) => world.judgement = Some(*phase),
        Happening::Restart(seconds) => {
            let at = world.now.checked_add(SignedDuration::from_secs(i64::from(*seconds))).unwrap();
            world.edit_rollout(&json!({"spec": {"restartAt": Time::whole_seconds(at)}}), false);
        }
        Happening::PodsReady => world.settle_pods(),
        Happening::PodsPartly(parts) => world.settle_partly(parts),
        Happening::Time(seconds) => {
            world.now = world.now.checked_add(SignedDuration::from_secs(i64::from(*seconds))).unwrap();
        }
        Happening::Crash(writes) => {
            let plan = world.plan();
            world.apply(&plan, *writes);
        }
    }
}

/// A new template, written where the Rollout takes it from.
fn ship(world: &mut World, template: &Value) {
    let Some(workload) = world.workload() else {
        return world.edit_rollout(&json!({"spec": {"template": template}}), false);
    };
    if workload.spec.template != *template {
        workload.spec.template = template.clone();
        workload.metadata.generation += 1;
        workload.metadata.resource_version.push('0');
    }
}
