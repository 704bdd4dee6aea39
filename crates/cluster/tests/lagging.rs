//! Caches of one controller that lag behind one another: what the freshest of them tells is believed.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use support::{REPLICA_SET, ROLLOUT, Tap, World, number, seed, text};

/// Revisions of the Rollout's sets, by image.
fn revisions(world: &World) -> BTreeMap<String, String> {
    let owned = |set: &Value| text(set, "/metadata/ownerReferences/0/kind") == "Rollout";
    let revision = |set: &Value| {
        let image = text(set, "/spec/template/spec/containers/0/image").to_string();
        (image, text(set, "/metadata/annotations/rollout.argoproj.io~1revision").to_string())
    };
    world.look_all(&REPLICA_SET).iter().filter(|set| owned(set)).map(revision).collect()
}

/// Somebody who takes over, or works beside, sees the Rollout as the other left it, and the Deployment as it was before.
#[tokio::test(start_paused = true)]
async fn an_old_workload_beside_a_newer_rollout_is_not_gone_back_to() {
    let world = World::new().await;
    let sighted = world.start(serinus_decide::decide, &Tap::default());
    seed::apply(&world).await;
    world.until(&ROLLOUT, seed::NAME, 60, seed::is_healthy).await;
    let tap = Tap::default();
    tap.blind("/deployments");
    let blind = world.start(serinus_decide::decide, &tap);
    tokio::time::sleep(Duration::from_secs(5)).await;
    seed::ship(&world, "2.0.0").await;
    let paused = |rollout: &Value| {
        text(rollout, "/status/phase") == "Paused" && number(rollout, "/status/currentStepIndex") == 1
    };
    world.until(&ROLLOUT, seed::NAME, 60, paused).await;
    // Alone, it goes on with what it can't see in its cache.
    sighted.kill().await;
    world.until(&ROLLOUT, seed::NAME, 120, seed::is_healthy).await;
    let expected = [("pregap:1.0.0", "1"), ("pregap:2.0.0", "2")];
    assert_eq!(revisions(&world), expected.map(|(image, revision)| (image.into(), revision.into())).into());
    blind.stop().await;
}
