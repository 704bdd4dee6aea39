//! The laws themselves: what must hold of each round, at rest, and at the end.

use crate::hold::lawful_hold;
use crate::safe::{both, canary_need, capacity, floor, is_reached, left, selected, serving};
use crate::world::World;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::Value;
use serinus_decide::{Plan, Verdict, decide};
use serinus_wire::analysis::Phase;

fn texts(plan: &Plan) -> String {
    serde_json::to_string(plan).unwrap()
}

/// Applies the next plan and checks what must hold for every single one.
pub fn lawful_round(world: &mut World) -> Result<bool, TestCaseError> {
    let plan = world.plan();
    prop_assert_eq!(texts(&plan), texts(&world.plan()), "1: not deterministic");
    lawful_hold(world, &plan)?;
    let n = world.seen.rollout.replicas();
    let before = serving(world);
    let active = selected(world, "web-active");
    let (left_before, both_before) = (left(world), both(world));
    let stable = world.seen.rollout.status.stable_rs.clone();
    let (canary, need) = (selected(world, "web-canary"), canary_need(world, n));
    let wrote = world.apply(&plan, usize::MAX) > 0;
    let floor = floor(world, n).max(0).min(before);
    let after = serving(world);
    let notes: Vec<_> = plan.notes().collect();
    if left(world) < left_before {
        let kept = both(world) >= both_before.min(n);
        prop_assert!(kept, "6: the workload gives up what nobody has taken over\n{}", plan.report);
    }
    prop_assert!(after >= floor, "6: capacity {before} -> {after} below {floor}\n{}\n{notes:#?}", plan.report);
    if let Some(canary) = canary.filter(|_| n == world.seen.rollout.replicas()) {
        let left = capacity(world, Some(&canary));
        prop_assert!(left >= need, "6: canary {left} below {need}, its weight\n{}\n{notes:#?}", plan.report);
    }
    if selected(world, "web-active") != active {
        prop_assert!(
            is_reached(world, n, &stable),
            "6: the active Service leads to what is not ready\n{}",
            plan.report
        );
    }
    prop_assert_eq!(world.blind_weight, 0, "6: weight on a canary without endpoints\n{}", plan.report);
    if let Some(wake) = plan.wake {
        prop_assert!(wake > world.now, "3: wakes in the past");
    }
    Ok(wrote)
}

fn lawful_rest(world: &mut World) -> Result<Plan, TestCaseError> {
    for _ in 0..40 {
        if !lawful_round(world)? {
            let plan = world.plan();
            prop_assert!(plan.writes().next().is_none(), "2: no fixpoint");
            check_wake(world, &plan)?;
            check_explained(world, &plan)?;
            return Ok(plan);
        }
    }
    Err(TestCaseError::fail(format!("2: no rest after 40 rounds\n{:#?}", world.plan())))
}

/// Until `wake`, time alone changes nothing.
fn check_wake(world: &World, plan: &Plan) -> Result<(), TestCaseError> {
    let far = world.now.checked_add(SignedDuration::from_hours(24 * 30)).unwrap();
    let end = plan.wake.unwrap_or(far);
    let span = end.as_second() - world.now.as_second();
    for at in [world.now.as_second() + span / 3, world.now.as_second() + span * 2 / 3, end.as_second() - 1] {
        let at = Timestamp::from_second(at).unwrap().max(world.now);
        let later = decide(&world.look(), at);
        prop_assert!(later.writes().next().is_none(), "3: missed wake-up: at {at} it would write\n{:#?}", later);
    }
    Ok(())
}

fn check_explained(world: &World, plan: &Plan) -> Result<(), TestCaseError> {
    let said = plan.report.lines.iter().any(|line| line.verdict != Verdict::Acts && !line.text.is_empty());
    prop_assert!(said, "5: {} without a word", world.phase());
    if world.phase() != "Healthy" {
        prop_assert!(
            plan.report.waits().next().is_some(),
            "5: {} and waits for nothing\n{}",
            world.phase(),
            plan.report
        );
    }
    Ok(())
}

/// The world behaves from now on: it must come to an end that a person understands.
pub fn lawful_end(world: &mut World) -> Result<(), TestCaseError> {
    for _ in 0..150 {
        let plan = lawful_rest(world)?;
        let before = world.seen.clone();
        world.settle_pods();
        if world.seen == before {
            match plan.wake {
                Some(at) => world.now = at,
                None => {
                    prop_assert!(
                        ["Healthy", "Paused", "Degraded"].contains(&world.phase()),
                        "7: rests as {}: {}\n{}",
                        world.phase(),
                        world.seen.rollout.status.message,
                        plan.report
                    );
                    return Ok(());
                }
            }
        }
    }
    Err(TestCaseError::fail(format!("7: no end\n{}", world.plan().report)))
}

/// Every pod has the metadata that its set was given, and none of another role.
pub fn check_pods(world: &World) -> Result<(), TestCaseError> {
    for pod in &world.pods {
        let owner = &pod.metadata.controller().unwrap().uid;
        let set = world.seen.replica_sets.iter().find(|set| &set.metadata.uid == owner).unwrap();
        let role = set.spec.template.pointer("/metadata/labels/role").and_then(Value::as_str);
        let has = pod.metadata.labels.get("role").map(String::as_str);
        prop_assert_eq!(has, role, "a pod of {} follows", set.metadata.name);
        prop_assert!(!set.metadata.annotations.contains_key(serinus_wire::keys::EPHEMERAL_BEFORE), "left behind");
    }
    Ok(())
}

/// No experiment and no analysis goes on beside a Rollout that has come to its end.
pub fn check_companions(world: &World) -> Result<(), TestCaseError> {
    let current = &world.seen.rollout.status.canary.current_experiment;
    for experiment in world.seen.experiments.iter().filter(|it| it.metadata.name != *current) {
        let over = experiment.status.phase.is_some_and(Phase::is_completed) || experiment.spec.terminate;
        prop_assert!(over, "{} goes on", experiment.metadata.name);
    }
    let status = &world.seen.rollout.status;
    let named = [
        &status.canary.current_background_analysis_run_status,
        &status.canary.current_step_analysis_run_status,
        &status.blue_green.pre_promotion_analysis_run_status,
        &status.blue_green.post_promotion_analysis_run_status,
    ];
    for run in &world.seen.runs {
        let over = run.status.phase.is_some_and(Phase::is_completed) || run.spec.terminate;
        let wanted = named.iter().any(|named| named.as_ref().is_some_and(|it| it.name == run.metadata.name));
        prop_assert!(over || wanted, "{} goes on", run.metadata.name);
    }
    Ok(())
}
