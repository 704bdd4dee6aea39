//! The seed's canary on real pods behind a real data plane: the weights that a client sees, and that it never sees a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use anyhow::{Result, bail, ensure};
use serinus_tests_lab::controller::Controller;
use serinus_tests_lab::load::Load;
use serinus_tests_lab::scene::Scene;

const RATE: u32 = 200;
const WEIGHTS: [u32; 3] = [20, 50, 80];

/// A scene with its controller, version 1.0.0 healthy.
async fn first_version(name: &str) -> Result<(Scene, Controller)> {
    let scene = Scene::set(name).await?;
    let controller = Controller::start(name)?;
    controller.told(scene.until_healthy("1.0.0")).await?;
    Ok((scene, controller))
}

/// Ends the load, prints what it saw, and fails when anything was lost.
fn nothing_lost(what: &str, load: Load) -> Result<()> {
    let all = load.finish()?;
    println!("figure: {what}: {all} (target: failed: 0)");
    ensure!(all.failed() == 0, "{what} lost requests: {all}");
    Ok(())
}

#[tokio::test]
async fn an_update_shifts_the_stated_weights_and_loses_nothing() -> Result<()> {
    let (scene, controller) = first_version("seed-update").await?;
    let load = scene.load(RATE).await?;
    controller
        .told(async {
            scene.ship("2.0.0").await?;
            let mut wrong = Vec::new();
            for weight in WEIGHTS {
                scene.until_paused_at(&load, weight, "2.0.0").await?;
                let seen = load.next(2000).await?;
                println!("figure: weight {weight}: {seen} (target: within 3 points)");
                if (seen.share("2.0.0") - f64::from(weight)).abs() > 3.0 {
                    wrong.push(format!("weight {weight}: {seen}"));
                }
                scene.promote().await?;
            }
            scene.until_healthy("2.0.0").await?;
            scene.until_only("2.0.0").await?;
            load.settles("only 2.0.0", |recent| recent.share("2.0.0") == 100.0).await?;
            if wrong.is_empty() { Ok(()) } else { bail!("more than 3 points off: {wrong:?}") }
        })
        .await?;
    nothing_lost("update and promote", load)?;
    scene.strike().await
}

#[tokio::test]
async fn an_abort_loses_nothing() -> Result<()> {
    let (scene, controller) = first_version("seed-abort").await?;
    let load = scene.load(RATE).await?;
    controller
        .told(async {
            scene.ship("2.0.0").await?;
            scene.until_paused_at(&load, 20, "2.0.0").await?;
            scene.promote().await?;
            scene.until_paused_at(&load, 50, "2.0.0").await?;
            scene.abort().await?;
            load.settles("only 1.0.0", |recent| recent.share("1.0.0") == 100.0).await?;
            scene.until_only("1.0.0").await?;
            // Back to the stable version in the spec: Healthy again, and no pod is replaced.
            scene.ship("1.0.0").await?;
            scene.until_healthy("1.0.0").await
        })
        .await?;
    nothing_lost("abort and back", load)?;
    scene.strike().await
}

#[tokio::test]
async fn a_third_version_half_way_loses_nothing() -> Result<()> {
    let (scene, controller) = first_version("seed-third").await?;
    let load = scene.load(RATE).await?;
    controller
        .told(async {
            scene.ship("2.0.0").await?;
            scene.until_paused_at(&load, 20, "2.0.0").await?;
            scene.promote().await?;
            scene.until_paused_at(&load, 50, "2.0.0").await?;
            scene.ship("3.0.0").await?;
            scene.until_paused_at(&load, 20, "3.0.0").await?;
            load.settles("none of 2.0.0", |recent| recent.share("2.0.0") == 0.0).await?;
            scene.promote_full().await?;
            scene.until_healthy("3.0.0").await?;
            scene.until_only("3.0.0").await
        })
        .await?;
    nothing_lost("a third version half way", load)?;
    scene.strike().await
}
