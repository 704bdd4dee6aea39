//! What happens to objects around a Rollout when it is deleted, names others, or finds a name taken.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

mod support;

use serde_json::{Value, json};
use support::{INGRESS, REPLICA_SET, ROLLOUT, SERVICE, Tap, World, number, text, web};

const MARK: &str = "/metadata/annotations/argo-rollouts.argoproj.io~1managed-by-rollouts";
const HASH: &str = "/spec/selector/rollouts-pod-template-hash";

fn is_given_back(service: &Value) -> bool {
    text(service, MARK).is_empty() && text(service, HASH).is_empty() && text(service, "/spec/selector/app") == web::NAME
}

async fn healthy(world: &World) {
    web::apply(world).await;
    web::phase(world, "Healthy").await;
    for name in ["web-stable", "web-canary"] {
        world.until(&SERVICE, name, 60, |service| !text(service, HASH).is_empty()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn services_of_a_deleted_rollout_select_by_their_own_labels_again() {
    let world = World::new().await;
    let controller = world.start(serinus_decide::decide, &Tap::default());
    healthy(&world).await;
    world.model.delete("argoproj.io", "Rollout", support::NS, web::NAME).unwrap();
    for name in ["web-stable", "web-canary"] {
        world.until(&SERVICE, name, 60, is_given_back).await;
    }
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!((world.look_all(&REPLICA_SET), world.look_all(&INGRESS).len()), (vec![], 1));
    controller.stop().await;
    let reasons = world.reasons(web::NAME).await;
    assert_eq!(reasons.last().map(String::as_str), Some("RolloutDeleted"), "{reasons:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_deleted_rollout_left_is_found_by_the_next_controller() {
    let world = World::new().await;
    let controller = world.start(serinus_decide::decide, &Tap::default());
    healthy(&world).await;
    controller.kill().await;
    world.model.delete("argoproj.io", "Rollout", support::NS, web::NAME).unwrap();
    let controller = world.start(serinus_decide::decide, &Tap::default());
    for name in ["web-stable", "web-canary"] {
        world.until(&SERVICE, name, 60, is_given_back).await;
    }
    controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn services_of_another_instance_are_left_alone() {
    let world = World::new().await;
    let controller = world.start(serinus_decide::decide, &Tap::default());
    healthy(&world).await;
    controller.kill().await;
    let tap = Tap::default();
    let other = world.start_with(serinus_decide::decide, &tap, |options| options.scope.instance = "two".to_string());
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    other.stop().await;
    assert_eq!(tap.written(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_named_no_longer_is_given_back() {
    let world = World::new().await;
    let controller = world.start(serinus_decide::decide, &Tap::default());
    healthy(&world).await;
    world.create(&SERVICE, web::service("web-next")).await;
    web::edit(&world, json!({"spec": {"strategy": {"canary": {"canaryService": "web-next"}}}})).await;
    world.until(&SERVICE, "web-canary", 60, is_given_back).await;
    world.until(&SERVICE, "web-next", 60, |service| text(service, MARK) == web::NAME).await;
    web::phase(&world, "Healthy").await;
    controller.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_by_another_set_is_counted_on() {
    let world = World::new().await;
    let tap = Tap::default();
    let controller = world.start(serinus_decide::decide, &tap);
    healthy(&world).await;
    let first = text(&world.look(&ROLLOUT, web::NAME), "/status/currentPodHash").to_string();
    controller.kill().await;
    // The same Rollout once more; a set without an owner and without the hash label has its name.
    world.model.delete("argoproj.io", "Rollout", support::NS, web::NAME).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    let name = format!("{}-{first}", web::NAME);
    let labels = json!({"app": "stranger"});
    let stranger = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": name, "namespace": support::NS, "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
            "spec": {"containers": [{"name": "a", "image": "stranger:1"}]}}}});
    world.create(&REPLICA_SET, stranger).await;
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    let as_it_was = world.look(&REPLICA_SET, &name);
    world.create(&ROLLOUT, web::rollout()).await;
    let controller = world.start(serinus_decide::decide, &Tap::default());
    let rollout = web::phase(&world, "Healthy").await;
    assert_eq!(number(&rollout, "/status/collisionCount"), 1);
    assert_ne!(text(&rollout, "/status/currentPodHash"), first);
    assert_eq!(world.look(&REPLICA_SET, &name), as_it_was);
    assert_eq!(world.look_all(&REPLICA_SET).len(), 2);
    controller.stop().await;
}
