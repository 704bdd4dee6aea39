//! Metadata of a role and a stable set that follows the weight, with the controller's own reads and writes: living pods change
//! their labels as their set changes its role.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

mod support;

use serde_json::{Value, json};
use serinus_cluster::client::POD;
use std::collections::BTreeMap;
use support::{REPLICA_SET, ROLLOUT, Tap, World, number, seed, text};

/// How many pods there are of each image and role.
async fn roles(world: &World) -> BTreeMap<(String, String), usize> {
    let mut roles = BTreeMap::new();
    for pod in world.list(&POD).await {
        let image = text(&pod, "/spec/containers/0/image").to_string();
        *roles.entry((image, text(&pod, "/metadata/labels/role").to_string())).or_default() += 1;
    }
    roles
}

fn pods(image: &str, role: &str, count: usize) -> ((String, String), usize) {
    ((format!("pregap:{image}"), role.to_string()), count)
}

fn waits_at(index: i64) -> impl Fn(&Value) -> bool {
    move |rollout| text(rollout, "/status/phase") == "Paused" && number(rollout, "/status/currentStepIndex") == index
}

#[tokio::test(start_paused = true)]
async fn living_pods_change_their_labels_with_the_role_of_their_set() {
    let world = World::new().await;
    let running = world.start(serinus_decide::decide, &Tap::default());
    seed::apply(&world).await;
    let options = json!({
        "canaryMetadata": {"labels": {"role": "canary"}}, "stableMetadata": {"labels": {"role": "stable"}},
        "dynamicStableScale": true, "steps": [{"setWeight": 50}, {"pause": {}}],
    });
    world.patch(&ROLLOUT, seed::NAME, json!({"spec": {"strategy": {"canary": options}}})).await;
    world.until(&ROLLOUT, seed::NAME, 120, seed::is_healthy).await;
    assert_eq!(roles(&world).await, [pods("1.0.0", "stable", 4)].into());

    seed::ship(&world, "2.0.0").await;
    world.until(&ROLLOUT, seed::NAME, 120, waits_at(1)).await;
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(roles(&world).await, [pods("1.0.0", "stable", 2), pods("2.0.0", "canary", 2)].into());

    world.patch_status(&ROLLOUT, seed::NAME, json!({"status": {"pauseConditions": null}})).await;
    let promoted = |rollout: &Value| {
        seed::is_healthy(rollout) && text(rollout, "/status/stableRS") == text(rollout, "/status/currentPodHash")
    };
    world.until(&ROLLOUT, seed::NAME, 120, promoted).await;
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(roles(&world).await, [pods("2.0.0", "stable", 4)].into());
    for set in world.list(&REPLICA_SET).await {
        let left = set.pointer("/metadata/annotations/serinus.dev~1ephemeral-metadata-before");
        assert_eq!(left, None, "every pod follows");
    }
    running.stop().await;
}
