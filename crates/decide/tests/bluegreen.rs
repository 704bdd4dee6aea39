//! Blue/green as a person sees it: sizes, Services, pauses and events over whole updates.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use jiff::SignedDuration;
use serde_json::{Value, json};
use serinus_decide::{Act, Plan};
use world::{World, template};

/// Five pods, both Services, and what the test adds.
fn blue_green(options: Value) -> World {
    let mut strategy = json!({"activeService": "web-active", "previewService": "web-preview"});
    strategy.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    World::new(
        json!({
            "replicas": 5,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template("web:1"),
            "strategy": {"blueGreen": strategy},
        }),
        &[],
    )
}

fn manual(options: Value) -> World {
    let mut world = blue_green(options);
    world.edit_rollout(&json!({"spec": {"strategy": {"blueGreen": {"autoPromotionEnabled": false}}}}), false);
    world
}

/// The first version is out, and a second one waits for its promotion.
fn waiting(options: Value) -> World {
    let mut world = manual(options);
    world.run();
    set_image(&mut world, "web:2");
    world.run();
    assert_eq!((world.phase(), message(&world)), ("Paused", "BlueGreenPause"), "{}", world.plan().report);
    world
}

/// A second later: sets are told apart by the second of their birth.
fn set_image(world: &mut World, image: &str) {
    world.now = world.now.checked_add(SignedDuration::from_secs(1)).unwrap();
    world.edit_rollout(&json!({"spec": {"template": template(image)}}), false);
    world.events.clear();
}

fn promote(world: &mut World) {
    world.edit_rollout(&json!({"status": {"pauseConditions": null}}), true);
}

fn abort(world: &mut World, abort: bool) {
    world.edit_rollout(&json!({"status": {"abort": abort}}), true);
}

fn message(world: &World) -> &str {
    &world.seen.rollout.status.message
}

fn sizes(world: &World) -> Vec<(String, i32)> {
    world.sizes().into_iter().collect()
}

fn of(sizes: &[(&str, i32)]) -> Vec<(String, i32)> {
    sizes.iter().map(|(image, size)| ((*image).to_string(), *size)).collect()
}

fn services(world: &World) -> (String, String) {
    (world.selected("web-active"), world.selected("web-preview"))
}

fn lead_to(active: &str, preview: &str) -> (String, String) {
    (active.to_string(), preview.to_string())
}

fn pass_time(world: &mut World, seconds: i64) -> Plan {
    world.now = world.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    world.rest()
}

#[test]
fn the_first_version_goes_out_at_once_with_the_peers_events() {
    let mut world = World::new(
        json!({
            "replicas": 5, "selector": {"matchLabels": {"app": "web"}}, "template": template("web:1"),
            "strategy": {"blueGreen": {"activeService": "web-active", "autoPromotionEnabled": false}},
        }),
        &[],
    );
    world.run();
    assert_eq!(world.phase(), "Healthy", "{}", world.plan().report);
    assert_eq!((sizes(&world), world.selected("web-active")), (of(&[("web:1", 5)]), "web:1".to_string()));
    assert_eq!(
        world.events,
        ["RolloutUpdated", "NewReplicaSetCreated", "ScalingReplicaSet", "RolloutCompleted", "SwitchService"]
    );
}

#[test]
fn an_update_goes_over_by_itself_and_the_old_set_lingers() {
    let mut world = blue_green(json!({}));
    world.run();
    set_image(&mut world, "web:2");
    let _ = world.rest();
    assert_eq!(services(&world), lead_to("web:1", "web:2"), "nothing of the new version is ready");
    world.settle_pods();
    let plan = world.rest();
    assert_eq!(services(&world), lead_to("web:2", "web:2"));
    assert_eq!((world.phase(), sizes(&world)), ("Healthy", of(&[("web:1", 5), ("web:2", 5)])), "{}", plan.report);
    assert_eq!(plan.wake.unwrap().duration_since(world.now).as_secs(), 30, "{}", plan.report);
    world.run();
    assert_eq!((world.phase(), sizes(&world)), ("Healthy", of(&[("web:2", 5)])));
    assert_eq!(
        world.events,
        [
            "RolloutUpdated",
            "NewReplicaSetCreated",
            "SwitchService",
            "RolloutNotCompleted",
            "ScalingReplicaSet",
            "SwitchService",
            "RolloutCompleted",
            "ScalingReplicaSet"
        ]
    );
}

#[test]
fn a_person_promotes_and_the_status_follows_the_active_set() {
    let mut world = waiting(json!({}));
    assert_eq!(services(&world), lead_to("web:1", "web:2"));
    let old = world.seen.rollout.status.clone();
    assert_eq!((old.replicas, old.updated_replicas, old.available_replicas, old.hpa_replicas), (10, 5, 5, 5));
    assert_eq!(old.selector, format!("app=web,rollouts-pod-template-hash={}", old.stable_rs));
    assert_eq!(
        (&old.blue_green.active_selector, &old.blue_green.preview_selector),
        (&old.stable_rs, &old.current_pod_hash)
    );
    promote(&mut world);
    world.run();
    let new = world.seen.rollout.status.clone();
    assert_eq!((world.phase(), services(&world)), ("Healthy", lead_to("web:2", "web:2")));
    assert_eq!(new.selector, format!("app=web,rollouts-pod-template-hash={}", old.current_pod_hash));
    assert_eq!((new.replicas, new.updated_replicas, new.available_replicas, new.hpa_replicas), (5, 5, 5, 5));
    assert!(!new.controller_pause);
}

#[test]
fn a_promotion_is_not_forgotten_while_a_pod_is_away() {
    let mut world = waiting(json!({}));
    world.settle_partly(&[4, 3]);
    promote(&mut world);
    let plan = world.rest();
    assert_eq!(services(&world), lead_to("web:1", "web:2"), "{}", plan.report);
    assert!(world.seen.rollout.status.controller_pause && world.seen.rollout.status.pause_conditions.is_empty());
    world.settle_pods();
    let _ = world.rest();
    assert_eq!((world.phase(), services(&world)), ("Healthy", lead_to("web:2", "web:2")));
}

#[test]
fn time_promotes_where_it_may() {
    let mut world = blue_green(json!({"autoPromotionSeconds": 60}));
    world.run();
    set_image(&mut world, "web:2");
    let _ = world.rest();
    world.settle_pods();
    let plan = world.rest();
    assert_eq!(world.phase(), "Paused");
    assert_eq!(plan.wake.unwrap().duration_since(world.now).as_secs(), 60);
    let _ = pass_time(&mut world, 60);
    assert_eq!((world.phase(), services(&world)), ("Healthy", lead_to("web:2", "web:2")));

    let mut world = waiting(json!({"autoPromotionSeconds": 60}));
    let _ = pass_time(&mut world, 600);
    assert_eq!(world.phase(), "Paused", "without autoPromotionEnabled only a person promotes");
}

#[test]
fn a_small_preview_grows_before_the_switch() {
    let mut world = waiting(json!({"previewReplicaCount": 2}));
    assert_eq!(sizes(&world), of(&[("web:1", 5), ("web:2", 2)]));
    assert!(!world.seen.rollout.status.blue_green.scale_up_preview_check_point);
    promote(&mut world);
    let _ = world.rest();
    assert!(world.seen.rollout.status.blue_green.scale_up_preview_check_point);
    assert_eq!((sizes(&world), world.selected("web-active")), (of(&[("web:1", 5), ("web:2", 5)]), "web:1".to_string()));
    assert_eq!((world.phase(), message(&world)), ("Progressing", "more replicas need to be updated"));
    world.settle_pods();
    let _ = world.rest();
    assert_eq!((world.phase(), services(&world)), ("Healthy", lead_to("web:2", "web:2")));
    assert!(!world.seen.rollout.status.blue_green.scale_up_preview_check_point);
}

#[test]
fn an_aborted_small_preview_is_asked_about_again_after_a_retry() {
    let mut world = waiting(json!({"previewReplicaCount": 2}));
    promote(&mut world);
    let _ = world.rest();
    abort(&mut world, true);
    world.run();
    assert_eq!((world.phase(), sizes(&world)), ("Degraded", of(&[("web:1", 5)])));
    abort(&mut world, false);
    world.run();
    assert_eq!((world.phase(), sizes(&world)), ("Paused", of(&[("web:1", 5), ("web:2", 2)])));
}

#[test]
fn full_promotion_skips_the_pause() {
    let mut world = waiting(json!({"previewReplicaCount": 2}));
    world.edit_rollout(&json!({"status": {"promoteFull": true}}), true);
    world.run();
    assert_eq!((world.phase(), sizes(&world)), ("Healthy", of(&[("web:2", 5)])));
    assert!(!world.seen.rollout.status.promote_full);
}

#[test]
fn an_abort_before_the_switch_keeps_the_preview_for_its_delay() {
    for (option, seconds) in [
        (json!({}), Some(30)),
        (json!({"abortScaleDownDelaySeconds": 7}), Some(7)),
        (json!({"abortScaleDownDelaySeconds": 0}), None),
    ] {
        let mut world = waiting(option);
        abort(&mut world, true);
        let plan = world.rest();
        assert_eq!(message(&world), "RolloutAborted: Rollout aborted update to revision 2");
        assert_eq!(sizes(&world), of(&[("web:1", 5), ("web:2", 5)]));
        assert_eq!(plan.wake.map(|at| at.duration_since(world.now).as_secs()), seconds);
        world.run();
        let left = if seconds.is_some() { of(&[("web:1", 5)]) } else { of(&[("web:1", 5), ("web:2", 5)]) };
        assert_eq!((world.phase(), sizes(&world)), ("Degraded", left));
        assert_eq!(services(&world), lead_to("web:1", "web:2"));
    }
}

/// Promoted, and aborted before the promotion was carried to its end: only a failed write or an analysis leaves that moment open.
fn aborted_after_the_switch(world: &mut World) {
    promote(world);
    let plan = world.plan();
    let switch = plan.writes().position(|write| write.target.name == "web-active").unwrap();
    world.apply(&plan, switch + 1);
    assert_eq!(world.selected("web-active"), "web:2");
    assert_ne!(world.seen.rollout.status.stable_rs, world.seen.rollout.status.current_pod_hash);
    abort(world, true);
}

#[test]
fn an_abort_after_the_switch_goes_back_even_when_the_new_pods_are_broken() {
    for new_pods in [4, 2, 0] {
        let mut world = waiting(json!({}));
        aborted_after_the_switch(&mut world);
        world.settle_partly(&[4, new_pods]);
        let _ = world.rest();
        assert_eq!((world.phase(), world.selected("web-active")), ("Degraded", "web:1".to_string()));
        assert_eq!(sizes(&world), of(&[("web:1", 5), ("web:2", 5)]));
        world.run();
        assert_eq!((world.phase(), sizes(&world)), ("Degraded", of(&[("web:1", 5)])));
    }
}

#[test]
fn the_way_back_waits_for_a_stable_set_that_can_carry_the_traffic() {
    let mut world = waiting(json!({}));
    aborted_after_the_switch(&mut world);
    world.settle_partly(&[1, 4]);
    let plan = world.rest();
    assert_eq!(world.selected("web-active"), "web:2");
    assert!(plan.report.to_string().contains("goes back when 4 pods of stable ReplicaSet"), "{}", plan.report);
    world.settle_pods();
    let _ = world.rest();
    assert_eq!(world.selected("web-active"), "web:1");
}

#[test]
fn back_to_a_version_that_lingers_takes_no_pause() {
    let mut world = waiting(json!({"previewReplicaCount": 1, "scaleDownDelaySeconds": 600}));
    promote(&mut world);
    let _ = world.rest();
    world.settle_pods();
    let _ = world.rest();
    assert_eq!((world.phase(), sizes(&world)), ("Healthy", of(&[("web:1", 5), ("web:2", 5)])));
    set_image(&mut world, "web:1");
    let _ = world.rest();
    assert_eq!((world.phase(), services(&world)), ("Healthy", lead_to("web:1", "web:1")));
    assert_eq!(sizes(&world), of(&[("web:1", 5), ("web:2", 5)]), "no pod was taken away on the way");
    assert_eq!(
        world.events,
        ["RolloutUpdated", "SwitchService", "RolloutNotCompleted", "SwitchService", "RolloutCompleted"]
    );
}

/// As the peer tells it: the rollback is named only where it leaves an analysis out.
#[test]
fn the_end_of_a_fast_way_back_without_an_analysis_is_an_ordinary_one() {
    let mut world = waiting(json!({"scaleDownDelaySeconds": 600}));
    promote(&mut world);
    let _ = world.rest();
    let _ = world.rest();
    set_image(&mut world, "web:1");
    let why = ": Completed blue-green update";
    let told = |plan: &Plan| plan.acts.iter().any(|act| matches!(act, Act::Note(note) if note.message.ends_with(why)));
    let said = (0..6).filter(|_| {
        let plan = world.plan();
        world.apply(&plan, usize::MAX);
        told(&plan)
    });
    assert_eq!(said.count(), 1);
}

#[test]
fn back_within_the_rollback_window_takes_no_pause() {
    for (window, phase) in [(1, "Healthy"), (0, "Paused")] {
        let mut world = waiting(json!({}));
        world.edit_rollout(&json!({"spec": {"rollbackWindow": {"revisions": window}}}), false);
        promote(&mut world);
        world.run();
        assert_eq!(sizes(&world), of(&[("web:2", 5)]));
        set_image(&mut world, "web:1");
        world.run();
        assert_eq!(world.phase(), phase, "{window} revisions");
    }
}

#[test]
fn back_to_the_stable_version_is_over_at_once() {
    let mut world = waiting(json!({}));
    set_image(&mut world, "web:1");
    let _ = world.rest();
    assert_eq!((world.phase(), services(&world)), ("Healthy", lead_to("web:1", "web:1")));
    world.run();
    assert_eq!(sizes(&world), of(&[("web:1", 5)]));
}

#[test]
fn a_third_version_takes_the_preview_over() {
    let mut world = waiting(json!({"previewReplicaCount": 2}));
    set_image(&mut world, "web:3");
    let _ = world.rest();
    world.settle_pods();
    let _ = world.rest();
    assert_eq!((world.phase(), services(&world)), ("Paused", lead_to("web:1", "web:3")));
    assert_eq!(sizes(&world), of(&[("web:1", 5), ("web:2", 2), ("web:3", 2)]));
    world.run();
    assert_eq!(sizes(&world), of(&[("web:1", 5), ("web:3", 2)]));
}

#[test]
fn sets_that_go_while_an_abort_lasts_keep_their_deadlines() {
    for (aborted, kept) in [(false, 0), (true, 2)] {
        let mut world = waiting(json!({}));
        set_image(&mut world, "web:3");
        let _ = world.rest();
        world.settle_pods();
        let _ = world.rest();
        if aborted {
            abort(&mut world, true);
        }
        let _ = world.rest();
        let _ = pass_time(&mut world, 31);
        let gone = world.seen.replica_sets.iter().filter(|set| set.spec.replicas == Some(0));
        let marked = gone.filter(|set| set.metadata.annotations.contains_key("scale-down-deadline"));
        assert_eq!(marked.count(), kept, "aborted: {aborted}");
    }
}

#[test]
fn no_more_old_sets_linger_than_asked_for() {
    for (limit, left) in [(0, of(&[("web:3", 5)])), (1, of(&[("web:2", 5), ("web:3", 5)]))] {
        let mut world = blue_green(json!({"scaleDownDelaySeconds": 3600, "scaleDownDelayRevisionLimit": limit}));
        for image in ["web:1", "web:2", "web:3"] {
            set_image(&mut world, image);
            for _ in 0..3 {
                let _ = world.rest();
                world.settle_pods();
            }
        }
        assert_eq!((world.phase(), sizes(&world)), ("Healthy", left), "limit {limit}");
    }
}

#[test]
fn without_a_delay_the_old_set_goes_when_no_endpoint_leads_to_it() {
    let mut world = blue_green(json!({"scaleDownDelaySeconds": 0}));
    world.run();
    set_image(&mut world, "web:2");
    let _ = world.rest();
    world.settle_pods();
    let plan = world.rest();
    assert_eq!(world.selected("web-active"), "web:2");
    assert_eq!(sizes(&world), of(&[("web:1", 5), ("web:2", 5)]));
    assert!(plan.report.to_string().contains("still lists 5 of its pods"), "{}", plan.report);
    let mut stale = world.clone();
    world.settle_pods();
    let _ = world.rest();
    assert_eq!(sizes(&world), of(&[("web:2", 5)]));
    let _ = pass_time(&mut stale, 600);
    assert_eq!(sizes(&stale), of(&[("web:2", 5)]), "no endpoint controller holds it for ever");
}

#[test]
fn paused_by_hand_sets_are_scaled_and_no_service_is_switched() {
    let mut world = waiting(json!({}));
    world.edit_rollout(&json!({"spec": {"paused": true}}), false);
    promote(&mut world);
    let _ = world.rest();
    assert_eq!((message(&world), services(&world)), ("manually paused", lead_to("web:1", "web:2")));
    set_image(&mut world, "web:3");
    let _ = world.rest();
    world.edit_rollout(&json!({"spec": {"replicas": 6}}), false);
    world.run();
    assert_eq!((message(&world), services(&world)), ("manually paused", lead_to("web:1", "web:2")));
    assert_eq!(sizes(&world), of(&[("web:1", 6), ("web:2", 5), ("web:3", 6)]), "the preview Service holds its set");
    world.edit_rollout(&json!({"spec": {"paused": false}}), false);
    world.run();
    assert_eq!((world.phase(), services(&world)), ("Paused", lead_to("web:1", "web:3")));
}

#[test]
fn a_replaced_active_service_is_given_back_to_the_stable_set() {
    let mut world = waiting(json!({}));
    world.unselect("web-active");
    let _ = world.rest();
    assert_eq!((world.phase(), services(&world)), ("Paused", lead_to("web:1", "web:2")));
}

#[test]
fn a_new_size_is_taken_up_by_every_set_that_may_serve() {
    let mut world = waiting(json!({"previewReplicaCount": 2}));
    world.edit_rollout(&json!({"spec": {"replicas": 8}}), false);
    world.run();
    assert_eq!((world.phase(), sizes(&world)), ("Paused", of(&[("web:1", 8), ("web:2", 2)])));

    let mut world = blue_green(json!({"scaleDownDelaySeconds": 600}));
    world.run();
    set_image(&mut world, "web:2");
    for _ in 0..3 {
        let _ = world.rest();
        world.settle_pods();
    }
    world.edit_rollout(&json!({"spec": {"replicas": 8}}), false);
    let _ = world.rest();
    assert_eq!(sizes(&world), of(&[("web:1", 8), ("web:2", 8)]), "the way back stays open");
}

#[test]
fn a_restart_evicts_within_max_unavailable_and_stops_nothing_else() {
    let mut world = blue_green(json!({"maxUnavailable": 2}));
    world.run();
    let uid = world.seen.replica_sets[0].metadata.uid.clone();
    let pod = |name: &str, created: &str| {
        serde_json::from_value::<serinus_wire::k8s::Pod>(json!({"metadata": {
            "name": name, "namespace": "shop", "uid": format!("uid-{name}"), "resourceVersion": "1", "creationTimestamp": created,
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": uid, "controller": true}]}}))
        .unwrap()
    };
    world.edit_rollout(&json!({"spec": {"restartAt": "2026-01-01T00:00:00Z"}}), false);
    world.seen.pods = Some(["a", "b", "c", "d", "e"].iter().map(|name| pod(name, "2025-12-31T00:00:00Z")).collect());
    let plan = world.plan();
    let evicted = plan.writes().filter(|write| matches!(write.op, serinus_decide::Op::Evict)).count();
    assert_eq!(evicted, 2);
    assert!(plan.writes().any(|write| matches!(write.op, serinus_decide::Op::PatchStatus(_))), "the pass goes on");
    world.seen.pods = Some(vec![pod("a", "2026-01-02T00:00:00Z")]);
    world.run();
    assert_eq!(
        (world.phase(), &world.seen.rollout.status.restarted_at),
        ("Healthy", &world.seen.rollout.spec.restart_at)
    );
}
