//! The canary as a person sees it: sizes, Services, weights and events over whole updates.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use serde_json::{Value, json};
use serinus_decide::{Act, Kind, Op};
use serinus_wire::keys;
use world::{World, template};

fn routed(steps: Value) -> World {
    World::new(
        json!({
            "replicas": 5,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template("web:1"),
            "strategy": {"canary": {
                "canaryService": "web-canary", "stableService": "web-stable",
                "trafficRouting": {"nginx": {"stableIngress": "web"}},
                "steps": steps,
            }},
        }),
        &[],
    )
}

fn basic(steps: Value) -> World {
    World::new(
        json!({
            "replicas": 5,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template("web:1"),
            "strategy": {"canary": {"steps": steps}},
        }),
        &[],
    )
}

fn set_image(world: &mut World, image: &str) {
    world.edit_rollout(&json!({"spec": {"template": template(image)}}), false);
    world.events.clear();
}

fn promote(world: &mut World) {
    world.edit_rollout(&json!({"status": {"pauseConditions": null}}), true);
}

#[test]
fn the_first_version_goes_out_at_once_with_the_peers_events() {
    let mut world = basic(json!([{"setWeight": 20}, {"pause": {}}]));
    world.run();
    assert_eq!(world.phase(), "Healthy", "{}", world.plan().report);
    assert_eq!(world.sizes(), [("web:1".to_string(), 5)].into());
    assert_eq!(
        world.events,
        ["RolloutUpdated", "NewReplicaSetCreated", "RolloutNotCompleted", "ScalingReplicaSet", "RolloutCompleted"]
    );
}

#[test]
fn a_basic_update_pauses_aborts_and_is_retried_with_the_peers_events() {
    let mut world = basic(json!([{"setWeight": 20}, {"pause": {}}]));
    world.edit_rollout(
        &json!({"spec": {"replicas": 1, "strategy": {"canary": {"maxSurge": 1, "maxUnavailable": 0}}}}),
        false,
    );
    world.run();
    set_image(&mut world, "web:2");
    world.run();
    assert_eq!((world.phase(), world.sizes().len()), ("Paused", 2));
    world.edit_rollout(&json!({"status": {"abort": true}}), true);
    world.run();
    assert_eq!(world.phase(), "Degraded");
    assert_eq!(world.sizes(), [("web:1".to_string(), 1)].into());
    world.edit_rollout(&json!({"status": {"abort": false}}), true);
    world.run();
    assert_eq!(world.phase(), "Paused");
    promote(&mut world);
    world.run();
    assert_eq!(world.phase(), "Healthy");
    assert_eq!(world.sizes(), [("web:2".to_string(), 1)].into());
    assert_eq!(
        world.events,
        [
            "RolloutUpdated",
            "NewReplicaSetCreated",
            "RolloutNotCompleted",
            "ScalingReplicaSet",
            "RolloutStepCompleted",
            "RolloutPaused",
            "ScalingReplicaSet",
            "RolloutAborted",
            "ScalingReplicaSet",
            "RolloutStepCompleted",
            "RolloutPaused",
            "RolloutStepCompleted",
            "RolloutResumed",
            "ScalingReplicaSet",
            "RolloutCompleted"
        ]
    );
}

#[test]
fn a_routed_update_moves_the_weight_and_keeps_the_old_set_for_its_delay() {
    let mut world =
        routed(json!([{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": "10s"}}]));
    world.run();
    assert_eq!(world.canary_weight(), 0);
    set_image(&mut world, "web:2");
    world.run();
    assert_eq!((world.phase(), world.canary_weight()), ("Paused", 20));
    assert_eq!(world.sizes(), [("web:1".to_string(), 5), ("web:2".to_string(), 1)].into());
    assert_eq!((world.selected("web-stable"), world.selected("web-canary")), ("web:1".into(), "web:2".into()));
    promote(&mut world);
    world.run();
    assert_eq!((world.phase(), world.canary_weight()), ("Healthy", 0));
    assert_eq!(world.sizes(), [("web:2".to_string(), 5)].into());
    assert_eq!(world.selected("web-stable"), "web:2");
    assert_eq!(world.blind_weight, 0);
}

#[test]
fn an_abort_takes_the_weight_away_and_keeps_the_canary_for_its_delay() {
    let mut world = routed(json!([{"setWeight": 40}, {"pause": {}}]));
    world.run();
    set_image(&mut world, "web:2");
    world.run();
    world.edit_rollout(&json!({"status": {"abort": true}}), true);
    let plan = world.rest();
    assert_eq!(world.canary_weight(), 0);
    assert_eq!(world.selected("web-canary"), "web:1");
    assert_eq!(world.sizes(), [("web:1".to_string(), 5), ("web:2".to_string(), 2)].into());
    assert!(plan.wake.is_some(), "the delay must wake it");
    world.run();
    assert_eq!(world.sizes(), [("web:1".to_string(), 5)].into());
    assert_eq!(world.phase(), "Degraded");
    let message = &world.seen.rollout.status.message;
    assert_eq!(message, "RolloutAborted: Rollout aborted update to revision 2");
    // The deadline stays as a trace of when the canary went; a retry takes it away.
    let hash = world.seen.rollout.status.current_pod_hash.clone();
    let kept = |world: &World| world.set(&hash).unwrap().metadata.annotations.contains_key("scale-down-deadline");
    assert!(kept(&world));
    world.edit_rollout(&json!({"status": {"abort": false}}), true);
    world.run();
    assert!(!kept(&world));
}

/// The peer does so, before any weight and any pod; seen in the lab.
#[test]
fn an_aborted_canary_without_pods_is_marked_as_well() {
    let mut world = routed(json!([{"pause": {}}, {"setWeight": 40}]));
    world.run();
    set_image(&mut world, "web:2");
    world.run();
    let hash = world.seen.rollout.status.current_pod_hash.clone();
    let marked = |world: &World| world.set(&hash).unwrap().metadata.annotations.contains_key("scale-down-deadline");
    assert!(!marked(&world));
    world.edit_rollout(&json!({"status": {"abort": true}}), true);
    let plan = world.rest();
    assert!(marked(&world));
    assert_eq!(world.sizes(), [("web:1".to_string(), 5)].into());
    assert!(!plan.report.to_string().contains("is kept until"), "nothing is kept: {}", plan.report);
    world.run();
    assert!(marked(&world));
    world.edit_rollout(&json!({"status": {"abort": false}}), true);
    world.run();
    assert!(!marked(&world));
}

#[test]
fn a_third_version_half_way_takes_over_without_weight_on_a_set_that_goes() {
    let mut world = routed(json!([{"setWeight": 40}, {"pause": {}}]));
    world.run();
    set_image(&mut world, "web:2");
    world.run();
    assert_eq!(world.canary_weight(), 40);
    set_image(&mut world, "web:3");
    let _ = world.rest();
    assert_eq!(world.canary_weight(), 0, "nothing of the third version is ready yet");
    assert_eq!(world.sizes().get("web:2"), Some(&2), "its Service still selects it");
    world.run();
    assert_eq!((world.phase(), world.canary_weight()), ("Paused", 40));
    assert_eq!(world.sizes(), [("web:1".to_string(), 5), ("web:3".to_string(), 2)].into());
    assert_eq!(world.blind_weight, 0);
}

#[test]
fn a_third_version_gets_no_pods_for_the_weight_that_the_second_had() {
    let mut world = routed(json!([{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]));
    world.run();
    set_image(&mut world, "web:2");
    world.run();
    promote(&mut world);
    world.run();
    assert_eq!(world.canary_weight(), 60);
    set_image(&mut world, "web:3");
    for _ in 0..8 {
        let plan = world.plan();
        world.apply(&plan, usize::MAX);
        let third = world.sizes().get("web:3").copied().unwrap_or(0);
        assert!(third <= 1, "{third} pods for a step of 20 %");
    }
}

#[test]
fn back_to_the_stable_version_skips_the_steps() {
    let mut world = routed(json!([{"setWeight": 40}, {"pause": {}}]));
    world.run();
    set_image(&mut world, "web:2");
    world.run();
    set_image(&mut world, "web:1");
    world.run();
    assert_eq!((world.phase(), world.canary_weight()), ("Healthy", 0));
    assert_eq!(world.sizes(), [("web:1".to_string(), 5)].into());
    assert!(world.events.contains(&"SkipSteps".to_string()), "{:?}", world.events);
    assert_eq!(world.seen.rollout.metadata.annotations["rollout.argoproj.io/revision"], "3");
}

/// The Rollout's guard stops who looks at an old one: no set counts on for a template that is not wanted any more.
#[test]
fn a_set_counts_on_after_its_rollout() {
    let mut world = routed(json!([{"setWeight": 40}, {"pause": {}}]));
    world.run();
    set_image(&mut world, "web:2");
    world.run();
    set_image(&mut world, "web:1");
    let plan = world.plan();
    let counted = plan.acts.iter().filter_map(|act| match act {
        Act::Write(write) => match &write.op {
            Op::Patch(patch) if !patch["metadata"]["annotations"][keys::REVISION].is_null() => Some(write.target.kind),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(counted.collect::<Vec<_>>(), [Kind::Rollout, Kind::ReplicaSet]);
}

#[test]
fn full_promotion_skips_the_steps_that_are_left() {
    let mut world = routed(json!([{"setWeight": 20}, {"pause": {}}, {"setWeight": 40}, {"pause": {}}]));
    world.run();
    set_image(&mut world, "web:2");
    world.run();
    world.edit_rollout(&json!({"status": {"promoteFull": true}}), true);
    world.run();
    assert_eq!((world.phase(), world.canary_weight()), ("Healthy", 0));
    assert_eq!(world.sizes(), [("web:2".to_string(), 5)].into());
    assert!(!world.seen.rollout.status.promote_full);
}

#[test]
fn a_new_size_scales_both_sets_and_nothing_else() {
    let mut world = routed(json!([{"setWeight": 20}, {"pause": {}}]));
    world.run();
    set_image(&mut world, "web:2");
    world.run();
    world.edit_rollout(&json!({"spec": {"replicas": 10}}), false);
    world.run();
    assert_eq!(world.sizes(), [("web:1".to_string(), 10), ("web:2".to_string(), 2)].into());
    assert_eq!((world.phase(), world.canary_weight()), ("Paused", 20));
}

#[test]
fn a_workload_behind_the_rollout_gives_its_template() {
    let mut world = World::new(
        json!({
            "replicas": 2,
            "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "strategy": {"canary": {"steps": [{"setWeight": 50}]}},
        }),
        &[],
    )
    .behind_deployment(template("web:1"));
    world.run();
    assert_eq!(world.phase(), "Healthy", "{}", world.plan().report);
    assert_eq!(world.sizes(), [("web:1".to_string(), 2)].into());
    assert_eq!(world.seen.rollout.status.workload_observed_generation, "1");
}

#[test]
fn a_missing_workload_is_said_and_heals() {
    let mut world = World::new(
        json!({
            "replicas": 2,
            "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "strategy": {"canary": {}},
        }),
        &[],
    );
    world.seen.workload = serinus_decide::Workload::Missing;
    let plan = world.rest();
    assert_eq!(world.phase(), "Degraded");
    assert!(
        world.seen.rollout.status.message.contains("deployments.apps \"shop/web\" not found"),
        "{}",
        world.seen.rollout.status.message
    );
    assert!(plan.report.to_string().contains("create the workload"), "{}", plan.report);
    world = world.behind_deployment(template("web:1"));
    world.run();
    assert_eq!(world.phase(), "Healthy");
}

#[test]
fn a_bad_edit_leaves_pods_and_traffic_alone() {
    let mut world = routed(json!([{"setWeight": 40}, {"pause": {}}]));
    world.run();
    set_image(&mut world, "web:2");
    world.run();
    let before = (world.sizes(), world.canary_weight());
    world.edit_rollout(&json!({"spec": {"strategy": {"canary": {"steps": [{"setWeight": 140}]}}}}), false);
    world.run();
    assert_eq!(world.phase(), "Degraded");
    assert!(world.seen.rollout.status.message.contains("setWeight"), "{}", world.seen.rollout.status.message);
    assert_eq!((world.sizes(), world.canary_weight()), before);
    world
        .edit_rollout(&json!({"spec": {"strategy": {"canary": {"steps": [{"setWeight": 40}, {"pause": {}}]}}}}), false);
    world.run();
    assert_eq!((world.phase(), world.sizes(), world.canary_weight()), ("Paused", before.0, before.1));
}

#[test]
fn a_stuck_canary_is_degraded_after_its_deadline_and_says_why() {
    let mut world = routed(json!([{"setWeight": 40}, {"pause": {}}]));
    world.run();
    set_image(&mut world, "web:2");
    let _ = world.rest();
    let stuck = world.rest();
    let at = stuck.wake.expect("the deadline wakes it");
    world.now = at;
    let plan = world.rest();
    assert_eq!(world.phase(), "Degraded", "{}", plan.report);
    assert!(
        world.seen.rollout.status.message.starts_with("ProgressDeadlineExceeded"),
        "{}",
        world.seen.rollout.status.message
    );
    assert!(plan.report.to_string().contains("0 of 2 pods are available"), "{}", plan.report);
    world.run();
    assert_eq!(world.phase(), "Paused", "it recovers when the pods come");
}

#[test]
fn a_restart_evicts_old_pods_a_few_at_a_time() {
    let mut world = routed(json!([{"setWeight": 40}, {"pause": {}}]));
    world.run();
    let uid = world.seen.replica_sets[0].metadata.uid.clone();
    let pod = |name: &str, created: &str| {
        serde_json::from_value::<serinus_wire::k8s::Pod>(json!({"metadata": {
            "name": name, "namespace": "shop", "uid": format!("uid-{name}"), "resourceVersion": "1", "creationTimestamp": created,
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": uid, "controller": true}]}}))
        .unwrap()
    };
    world.edit_rollout(&json!({"spec": {"restartAt": "2026-01-01T00:00:00Z"}}), false);
    let old = "2025-12-31T00:00:00Z";
    world.seen.pods = Some(["a", "b", "c", "d", "e"].iter().map(|name| pod(name, old)).collect());
    let evicted: Vec<String> = world
        .plan()
        .writes()
        .filter(|write| matches!(write.op, serinus_decide::Op::Evict))
        .map(|write| write.target.name.clone())
        .collect();
    assert_eq!(evicted, ["a"], "25 % of 5, rounded down");
    world.seen.pods = Some(vec![pod("a", "2026-01-02T00:00:00Z")]);
    world.run();
    assert_eq!(world.phase(), "Healthy");
    assert_eq!(world.seen.rollout.status.restarted_at, world.seen.rollout.spec.restart_at);
}

/// The ReplicaSet's own count is a moment behind its pods.
#[test]
fn a_restart_counts_a_pod_that_was_just_evicted_as_gone() {
    let mut world = routed(json!([{"setWeight": 40}, {"pause": {}}]));
    world.run();
    let uid = world.seen.replica_sets[0].metadata.uid.clone();
    let pod = |name: &str, leaving: bool, status: &Value| {
        serde_json::from_value::<serinus_wire::k8s::Pod>(json!({"metadata": {
            "name": name, "namespace": "shop", "uid": format!("uid-{name}"), "resourceVersion": "1",
            "creationTimestamp": "2025-12-31T00:00:00Z",
            "deletionTimestamp": leaving.then_some("2026-01-01T00:00:00Z"),
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": uid, "controller": true}],
        }, "status": status}))
        .unwrap()
    };
    let ready = |is: &str| json!({"phase": "Running", "conditions": [{"type": "Ready", "status": is}]});
    world.edit_rollout(&json!({"spec": {"restartAt": "2026-01-01T00:00:00Z"}}), false);
    assert_eq!(world.seen.replica_sets[0].status.available_replicas, 5);
    for (told, first, allowed) in [
        ("all are up", Some(pod("a", false, &ready("True"))), 1),
        ("one leaves", Some(pod("a", true, &ready("True"))), 0),
        ("one is gone", None, 0),
        ("one waits for a node", Some(pod("a", false, &json!({"phase": "Pending"}))), 0),
        ("one is not ready", Some(pod("a", false, &ready("False"))), 0),
    ] {
        let others = ["b", "c", "d", "e"].iter().map(|name| pod(name, false, &ready("True")));
        world.seen.pods = Some(first.into_iter().chain(others).collect());
        let plan = world.plan();
        let evicted = plan.writes().filter(|write| matches!(write.op, serinus_decide::Op::Evict)).count();
        assert_eq!(evicted, allowed, "{told}");
    }
}

#[test]
fn empty_steps_are_none() {
    let hash = |steps: Value| {
        let mut world = basic(steps);
        world.run();
        let status = &world.seen.rollout.status;
        (status.current_step_hash.clone(), status.current_step_index)
    };
    // As the peer writes it.
    assert_eq!(hash(json!([])), ("5ffbfbbd64".to_string(), None));
    assert_eq!(hash(json!([])), hash(Value::Null));
}
