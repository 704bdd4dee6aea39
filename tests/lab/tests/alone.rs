//! What a controller costs by itself. In a file of its own because cargo runs test files one after the other: nothing else runs beside it.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use std::time::Duration;

use anyhow::{Result, ensure};
use serinus_tests_lab::controller::{Controller, compares};
use serinus_tests_lab::scene::Scene;

#[tokio::test]
async fn a_controller_with_one_rollout_is_light_and_quick() -> Result<()> {
    let scene = Scene::set("seed-light").await?;
    let mut watch = scene.api.watch(&format!("{}?watch=true", collection(&scene))).await?;
    let before = watch.next().await?; // the Rollout as it was applied
    ensure!(before.is_some(), "the watch ended early");
    let controller = Controller::start(&scene.namespace)?;
    controller
        .told(async {
            ensure!(
                tokio::time::timeout(Duration::from_secs(30), watch.next()).await??.is_some(),
                "the watch ended early"
            );
            let first = controller.since.elapsed();
            scene.until_healthy("1.0.0").await?;
            let memory = controller.memory()?;
            println!(
                "controller alone: {memory:.1} MB with one Rollout; start to the first reconcile's write {} ms",
                first.as_millis()
            );
            // A comparison has its own figures.
            ensure!(compares() || memory < 25.0, "{memory:.1} MB with one Rollout; 25 MB are allowed");
            ensure!(
                compares() || first < Duration::from_millis(300),
                "{first:?} from start to the first write; 300 ms are allowed"
            );
            Ok(())
        })
        .await?;
    scene.strike().await
}

fn collection(scene: &Scene) -> String {
    let path = scene.rollout_path();
    path.rsplit_once('/').map_or(path.clone(), |(collection, _)| collection.to_owned())
}
