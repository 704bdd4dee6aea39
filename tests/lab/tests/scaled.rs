//! A real HorizontalPodAutoscaler on a Rollout: it finds its size under `/scale`, and both sides of an update follow what it says.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use serinus_tests_lab::controller::Controller;
use serinus_tests_lab::scene::{Scene, phase};

/// Bounds and sizes that follow from them need no metrics, so the lab needs no metrics server.
async fn autoscale(scene: &Scene, least: u32, most: u32) -> Result<()> {
    let collection = format!("/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers", scene.namespace);
    let target = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "rollout-pregap"});
    let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}});
    let spec = json!({"scaleTargetRef": target, "minReplicas": least, "maxReplicas": most, "metrics": [cpu]});
    let path = format!("{collection}/web");
    if scene.api.get(&path).await?.is_some() {
        return scene.api.merge(&path, json!({"spec": spec})).await;
    }
    let body = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}, "spec": spec});
    scene.api.create(&collection, body).await
}

/// Replicas in the spec, then those of the canary and of the stable set that are available.
fn sizes(rollout: &Value) -> (u64, u64, u64) {
    let status = &rollout["status"];
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let (all, canary) = (number(&status["availableReplicas"]), number(&status["updatedReplicas"]));
    (number(&rollout["spec"]["replicas"]), canary, all.saturating_sub(canary))
}

#[tokio::test]
async fn an_autoscaler_may_change_the_size_in_the_middle_of_an_update() -> Result<()> {
    let scene = Scene::set("scaled").await?;
    let soon = json!({"spec": {"strategy": {"canary": {"scaleDownDelaySeconds": 2}}}});
    scene.api.merge(&scene.rollout_path(), soon).await?;
    let controller = Controller::start("scaled")?;
    let load = controller
        .told(async {
            scene.until_healthy("1.0.0").await?;
            let load = scene.load(100).await?;
            scene.ship("2.0.0").await?;
            scene.until_paused_at(&load, 20, "2.0.0").await?;
            scene.promote().await?;
            scene.until_paused_at(&load, 50, "2.0.0").await?;
            autoscale(&scene, 6, 8).await?;
            scene.until("6 pods, and half as many of the canary", |rollout| sizes(rollout) == (6, 3, 6)).await?;
            autoscale(&scene, 1, 2).await?;
            scene.until("2 pods, and one of the canary", |rollout| sizes(rollout) == (2, 1, 2)).await?;
            scene.until("the pause at 50 % still", |rollout| phase(rollout) == "Paused").await?;
            scene.promote_full().await?;
            scene.until_healthy("2.0.0").await?;
            scene.until_only("2.0.0").await?;
            Ok(load)
        })
        .await?;
    let all = load.finish()?;
    println!("figure: scaled by an autoscaler at 50 %: {all} (target: failed: 0)");
    ensure!(all.failed() == 0, "requests were lost: {all}");
    scene.strike().await
}
