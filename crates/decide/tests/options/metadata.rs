//! `canaryMetadata` and `stableMetadata`: templates, pods, and what is taken back.

use crate::world::World;
use crate::{abort, basic, promote, set_image};
use serde_json::{Value, json};
use serinus_decide::{Kind, Op};
use serinus_wire::keys;

const STABLE: &str = "role=stable,note=old";
const CANARY: &str = "role=canary";

fn labelled() -> World {
    let mut world = basic(json!({
        "canaryMetadata": {"labels": {"role": "canary"}},
        "stableMetadata": {"labels": {"role": "stable"}, "annotations": {"note": "old"}},
        "steps": [{"setWeight": 20}, {"pause": {}}],
    }));
    world.run();
    world
}

fn told(world: &World) -> Vec<(String, Vec<String>)> {
    world.pod_metadata().into_iter().collect()
}

fn pods(image: &str, told: &str) -> (String, Vec<String>) {
    (image.to_string(), vec![told.to_string()])
}

#[test]
fn pods_have_the_metadata_of_their_role_and_lose_it_with_the_role() {
    let mut world = labelled();
    assert_eq!(told(&world), [pods("web:1", STABLE)]);
    set_image(&mut world, "web:2");
    world.run();
    assert_eq!(told(&world), [pods("web:1", STABLE), pods("web:2", CANARY)]);
    promote(&mut world);
    world.run();
    assert_eq!((world.phase(), told(&world)), ("Healthy", vec![pods("web:2", STABLE)]));
    let old = world.seen.replica_sets.iter().find(|set| set.spec.replicas == Some(0)).unwrap();
    assert_eq!(old.spec.template.pointer("/metadata/labels/role"), None);
    assert!(!old.metadata.annotations.contains_key(keys::EPHEMERAL_METADATA));
    for set in &world.seen.replica_sets {
        assert!(!set.metadata.annotations.contains_key(keys::EPHEMERAL_BEFORE), "{set:?}");
    }
}

#[test]
fn an_abort_leaves_the_roles_as_they_are() {
    let mut world = labelled();
    set_image(&mut world, "web:2");
    world.run();
    abort(&mut world);
    world.run();
    assert_eq!(told(&world), [pods("web:1", STABLE)]);
    set_image(&mut world, "web:1");
    world.run();
    assert_eq!((world.phase(), told(&world)), ("Healthy", vec![pods("web:1", STABLE)]));
}

#[test]
fn metadata_that_is_set_changed_and_removed_reaches_living_pods() {
    let table: [(Value, &str); 4] = [
        (json!({"labels": {"role": "main"}}), "role=main"),
        (json!({"labels": {"tier": "1"}, "annotations": {"note": "x"}}), "tier=1,note=x"),
        (json!({"labels": {"role": "stable", "rollouts-pod-template-hash": "stolen"}}), "role=stable"),
        (Value::Null, ""),
    ];
    let mut world = labelled();
    for (metadata, want) in table {
        // A merge patch keeps the keys that it does not name.
        world.edit_rollout(&json!({"spec": {"strategy": {"canary": {"stableMetadata": null}}}}), false);
        world.edit_rollout(&json!({"spec": {"strategy": {"canary": {"stableMetadata": metadata}}}}), false);
        world.run();
        assert_eq!((world.phase(), told(&world)), ("Healthy", vec![pods("web:1", want)]), "{metadata}");
    }
    assert_eq!(world.seen.replica_sets.len(), 1);
}

/// The controller dies between the template and the pods, or between two pods: nothing is forgotten.
#[test]
fn a_crash_at_any_write_leaves_no_pod_behind() {
    for stop in 0..16 {
        let mut world = labelled();
        world.edit_rollout(
            &json!({"spec": {"strategy": {"canary": {"stableMetadata": {
            "labels": {"role": null, "tier": "1"}, "annotations": null}}}}}),
            false,
        );
        for round in 0..3 {
            let plan = world.plan();
            world.apply(&plan, if round < 2 { stop } else { 1 });
            world.settle_pods();
        }
        world.run();
        assert_eq!(told(&world), [pods("web:1", "tier=1")], "stopped after {stop} writes");
    }
}

#[test]
fn pods_are_looked_up_only_while_they_follow() {
    let mut world = labelled();
    assert!(!serinus_decide::needs_pods(&world.seen), "at rest");
    world.edit_rollout(
        &json!({"spec": {"strategy": {"canary": {"stableMetadata": {"labels": {"role": "main"}}}}}}),
        false,
    );
    let plan = world.plan();
    assert!(plan.writes().all(|write| write.target.kind != Kind::Pod), "the template first");
    world.apply(&plan, usize::MAX);
    assert!(!serinus_decide::needs_pods(&world.seen), "the ReplicaSet's controller has not seen the template");
    assert!(
        world.plan().report.to_string().contains("follow when its template is in force"),
        "{}",
        world.plan().report
    );
    world.settle_pods();
    assert!(serinus_decide::needs_pods(&world.seen));
    let plan = world.plan();
    let patched = plan.writes().filter(|write| write.target.kind == Kind::Pod && matches!(write.op, Op::Patch(_)));
    assert_eq!(patched.count(), 10);
}

#[test]
fn a_template_of_another_release_is_recognised_under_its_metadata() {
    let mut world = labelled();
    let set = world.seen.replica_sets.first_mut().unwrap();
    set.metadata.labels.insert(keys::HASH.to_string(), "foreign".to_string());
    world.seen.rollout.status.stable_rs = "foreign".to_string();
    world.seen.rollout.status.current_pod_hash = "foreign".to_string();
    world.run();
    assert_eq!(world.seen.replica_sets.len(), 1, "nothing is rolled out twice");
}

#[test]
fn a_label_of_the_template_comes_back_when_the_role_no_longer_covers_it() {
    let mut world = labelled();
    let template = json!({"metadata": {"labels": {"role": "own"}}});
    world.edit_rollout(&json!({"spec": {"template": template}}), false);
    world.run();
    promote(&mut world);
    world.run();
    world.edit_rollout(
        &json!({"spec": {"strategy": {"canary": {"stableMetadata": null, "canaryMetadata": null}}}}),
        false,
    );
    world.run();
    let set = world.seen.replica_sets.iter().find(|set| set.spec.replicas == Some(10)).unwrap();
    assert_eq!(set.spec.template.pointer("/metadata/labels/role"), Some(&json!("own")));
    assert_eq!(told(&world), [pods("web:1", "role=own")]);
}

#[test]
fn blue_green_pods_change_their_metadata_with_the_switch() {
    let mut world = crate::world::World::new(
        json!({
            "replicas": 10, "selector": {"matchLabels": {"app": "web"}}, "template": crate::world::template("web:1"),
            "strategy": {"blueGreen": {
                "activeService": "web-active", "autoPromotionEnabled": false, "scaleDownDelaySeconds": 60,
                "previewMetadata": {"labels": {"role": "preview"}}, "activeMetadata": {"labels": {"role": "active"}},
            }},
        }),
        &[],
    );
    world.run();
    assert_eq!(told(&world), [pods("web:1", "role=active")]);
    set_image(&mut world, "web:2");
    world.run();
    assert_eq!(told(&world), [pods("web:1", "role=active"), pods("web:2", "role=preview")]);
    promote(&mut world);
    for _ in 0..3 {
        let _ = world.rest();
        world.settle_pods();
    }
    assert_eq!(told(&world), [pods("web:1", ""), pods("web:2", "role=active")], "the old set lingers without a role");
    world.run();
    assert_eq!((world.phase(), told(&world)), ("Healthy", vec![pods("web:2", "role=active")]));
}

#[test]
fn a_pod_that_a_restart_evicts_gets_no_metadata_any_more() {
    let mut world = crate::world::World::new(
        json!({
            "replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": crate::world::template("web:1"),
            "strategy": {"blueGreen": {"activeService": "web-active", "activeMetadata": {"labels": {"role": "active"}}}},
        }),
        &[],
    );
    world.run();
    let changes = json!({"strategy": {"blueGreen": {"activeMetadata": {"labels": {"role": "live"}}}}});
    world.edit_rollout(&json!({"spec": changes}), false);
    let of_pods = |plan: &serinus_decide::Plan, op: fn(&Op) -> bool| -> Vec<String> {
        let pods = plan.writes().filter(|write| write.target.kind == Kind::Pod && op(&write.op));
        pods.map(|write| write.target.name.clone()).collect()
    };
    // The template first; its pods follow when it is in force.
    let mut both = None;
    for _ in 0..6 {
        let plan = world.plan();
        if !of_pods(&plan, |op| matches!(op, Op::Patch(_))).is_empty() {
            world.now += jiff::SignedDuration::from_secs(60);
            let restart = world.now.to_string();
            world.edit_rollout(&json!({"spec": {"restartAt": restart}}), false);
            both = Some(world.plan());
            break;
        }
        world.apply(&plan, usize::MAX);
        world.settle_pods();
    }
    let plan = both.expect("no pod was to follow");
    let evicted = of_pods(&plan, |op| matches!(op, Op::Evict));
    let followed = of_pods(&plan, |op| matches!(op, Op::Patch(_)));
    assert_eq!((evicted.len(), followed.len()), (1, 1), "{evicted:?} {followed:?}");
    assert_ne!(evicted, followed);
}
