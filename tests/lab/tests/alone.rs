//! What a controller costs by itself. In a file of its own because cargo runs test files one after the other: nothing else runs beside it.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use serinus_tests_lab::controller::{Controller, compares};
use serinus_tests_lab::scene::Scene;
use tokio::time::timeout;

const STARTS: usize = 5;
const MEMORY: f64 = 25.0;
const FIRST_WRITE: Duration = Duration::from_millis(300);

/// Whatever else the machine does can only make a start slower, so the quickest of a few is the controller's own.
#[tokio::test]
async fn a_controller_with_one_rollout_is_light_and_quick() -> Result<()> {
    let scene = Scene::set("seed-light").await?;
    let (mut firsts, mut most) = (Vec::new(), 0.0f64);
    for _ in 0..STARTS {
        // A Rollout without a status has to be reconciled, whatever an earlier controller has done.
        scene.api.merge(&format!("{}/status", scene.rollout_path()), json!({"status": null})).await?;
        let mut watch = scene.api.watch(&format!("{}?watch=true", collection(&scene))).await?;
        ensure!(watch.next().await?.is_some(), "the watch ended early"); // the Rollout as it is
        let controller = Controller::start(&scene.namespace)?;
        controller
            .told(async {
                let written = timeout(Duration::from_secs(30), watch.next()).await.context("nothing was written")??;
                ensure!(written.is_some(), "the watch ended early");
                firsts.push(controller.since.elapsed());
                scene.until_healthy("1.0.0").await?;
                most = most.max(controller.memory()?);
                Ok(())
            })
            .await?;
    }
    let quickest = firsts.iter().min().copied().unwrap_or(Duration::MAX);
    println!("figure: controller alone with one Rollout: {most:.1} MB (target: under {MEMORY} MB)");
    println!(
        "figure: controller, start to the first reconcile's write: {} ms, the quickest of {firsts:.0?} (target: under {} ms)",
        quickest.as_millis(),
        FIRST_WRITE.as_millis()
    );
    // A comparison has its own figures.
    ensure!(compares() || most < MEMORY, "{most:.1} MB with one Rollout; {MEMORY} MB are allowed");
    ensure!(
        compares() || quickest < FIRST_WRITE,
        "{quickest:?} from start to the first write; {FIRST_WRITE:?} are allowed"
    );
    scene.strike().await
}

fn collection(scene: &Scene) -> String {
    let path = scene.rollout_path();
    path.rsplit_once('/').map_or(path.clone(), |(collection, _)| collection.to_owned())
}
