//! `workloadRef.scaleDown`: what becomes of the pods of the Deployment (spec 2.14).

use crate::world::{World, template};
use serde_json::json;
use serinus_decide::Workload;

fn behind(scale_down: &str) -> World {
    let spec = json!({
        "replicas": 10,
        "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "scaleDown": scale_down},
        "strategy": {"canary": {"steps": [{"setWeight": 50}]}},
    });
    let mut world = World::new(spec, &[]).behind_deployment(template("web:1"));
    resize(&mut world, 10);
    world
}

fn resize(world: &mut World, pods: i32) {
    let Workload::Found(workload) = &mut world.seen.workload else { panic!("a Deployment") };
    workload.spec.replicas = Some(pods);
}

fn left(world: &World) -> i32 {
    let Workload::Found(workload) = &world.seen.workload else { panic!("a Deployment") };
    workload.spec.replicas.unwrap()
}

#[test]
fn the_deployment_goes_as_it_was_asked_to() {
    for (mode, half_way, end) in [("never", 10, 10), ("", 10, 10), ("onsuccess", 10, 0), ("progressively", 5, 0)] {
        let mut world = behind(mode);
        let _ = world.rest();
        assert_eq!(left(&world), 10, "{mode}: no pod of the Rollout is there");
        world.settle_partly(&[2]);
        let _ = world.rest();
        assert_eq!(left(&world), half_way, "{mode}: half of the pods are there");
        world.run();
        assert_eq!((world.phase(), left(&world)), ("Healthy", end), "{mode}");
    }
}

#[test]
fn pods_that_are_lost_on_the_way_come_back_to_the_deployment() {
    let mut world = behind("progressively");
    let _ = world.rest();
    world.settle_partly(&[3]);
    let _ = world.rest();
    assert_eq!(left(&world), 3, "7 of 10 pods are there");
    world.settle_partly(&[1]);
    let _ = world.rest();
    assert_eq!(left(&world), 8, "2 of 10 pods are there");
}

/// The phase in the status is that of the last look.
#[test]
fn pods_that_are_lost_at_the_last_moment_keep_the_deployment() {
    let mut world = behind("onsuccess");
    let _ = world.rest();
    world.settle_pods();
    while world.phase() != "Healthy" {
        let plan = world.plan();
        assert!(world.apply(&plan, usize::MAX) > 0, "{}", plan.report);
    }
    resize(&mut world, 10);
    world.settle_partly(&[0]);
    let plan = world.plan();
    world.apply(&plan, usize::MAX);
    assert_eq!(left(&world), 10, "no pod of the Rollout is there");
    world.run();
    assert_eq!((world.phase(), left(&world)), ("Healthy", 0));
}

#[test]
fn a_later_revision_leaves_the_deployment_alone() {
    for mode in ["onsuccess", "progressively"] {
        let mut world = behind(mode);
        world.run();
        let Workload::Found(workload) = &mut world.seen.workload else { panic!("a Deployment") };
        workload.spec.template = template("web:2");
        workload.metadata.generation += 1;
        resize(&mut world, 4);
        world.run();
        assert_eq!((world.phase(), left(&world)), ("Healthy", 4), "{mode}");
        assert_eq!(world.sizes(), [("web:2".to_string(), 10)].into());
    }
}

#[test]
fn other_kinds_give_their_template_and_are_never_scaled() {
    for (api_version, kind, selector) in [("apps/v1", "ReplicaSet", true), ("v1", "PodTemplate", false)] {
        let mut world = behind("onsuccess");
        let reference = json!({"apiVersion": api_version, "kind": kind, "name": "web", "scaleDown": "onsuccess"});
        world.edit_rollout(&json!({"spec": {"workloadRef": reference}}), false);
        if !selector {
            let Workload::Found(workload) = &mut world.seen.workload else { panic!("a workload") };
            workload.spec.selector = json!(null);
            world.edit_rollout(&json!({"spec": {"selector": {"matchLabels": {"app": "web"}}}}), false);
        }
        world.run();
        assert_eq!((world.phase(), left(&world)), ("Healthy", 10), "{kind}: {}", world.plan().report);
        assert_eq!(world.sizes(), [("web:1".to_string(), 10)].into());
    }
}

/// In the peer's words, which name no field here.
#[test]
fn a_template_beside_the_workload_is_refused_and_the_generation_is_kept_all_the_same() {
    let mut world = behind("never");
    world.edit_rollout(&json!({"spec": {"template": template("web:1")}}), false);
    world.run();
    let rollout = &world.seen.rollout;
    let text = "InvalidSpec: The Rollout \"web\" is invalid: template must be empty for workload reference rollout (remove spec.template, or remove spec.workloadRef)";
    assert_eq!(rollout.status.message, text);
    assert!(rollout.metadata.annotations.contains_key("rollout.argoproj.io/workload-generation"));
}
