//! Canaries on real pods that are judged by real providers: Prometheus by the traffic of a real data plane, a Job by real pods, a server by its
//! answer.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use serinus_tests_lab::api::apply;
use serinus_tests_lab::controller::Controller;
use serinus_tests_lab::scene::{PATIENCE, Scene, phase};
use serinus_tests_lab::settings;
use serinus_tests_lab::wait::{Look, until};

const JUDGES: &str = include_str!("../manifests/judges.yaml");
/// Enough for Prometheus to see a share of the canary in each second.
const RATE: u32 = 100;

/// A scene whose canary stops at 20 % until `templates` have judged it; version 1.0.0 is healthy.
async fn judged_by(name: &str, version: &str, templates: &[&str]) -> Result<(Scene, Controller)> {
    let scene = Scene::set(name).await?;
    apply(&JUDGES.replace("$NAMESPACE", name)).await?;
    let templates: Vec<Value> = templates.iter().map(|name| json!({"templateName": name})).collect();
    let canary = scene.address_of("rollouts-pregap-canary").await?;
    let args = json!([
        {"name": "prometheus", "value": settings::prometheus()?},
        {"name": "service", "value": format!("{name}-.*-canary@.*")},
        {"name": "canary", "value": canary},
        {"name": "version", "value": version},
    ]);
    let steps = json!([
        {"setWeight": 20},
        // What Prometheus says of the last seconds has to be about the canary.
        {"pause": {"duration": "5s"}},
        {"analysis": {"templates": templates, "args": args}},
    ]);
    let canary = json!({"steps": steps, "scaleDownDelaySeconds": 2, "abortScaleDownDelaySeconds": 2});
    let spec = json!({"spec": {"strategy": {"canary": canary}}});
    scene.api.merge(&scene.rollout_path(), spec).await?;
    let controller = Controller::start(name)?;
    controller.told(scene.until_healthy("1.0.0")).await?;
    Ok((scene, controller))
}

/// The one AnalysisRun of the namespace, once it has ended.
async fn verdict(scene: &Scene) -> Result<Value> {
    until("the verdict of the AnalysisRun", PATIENCE, || async {
        let runs = scene.list("/apis/argoproj.io/v1alpha1", "analysisruns").await?;
        let Some(run) = runs.first() else { return Ok(Look::Not("no AnalysisRun".into())) };
        let over = !run["status"]["completedAt"].is_null();
        Ok(if over { Look::Done(run.clone()) } else { Look::Not(run["status"].to_string()) })
    })
    .await
}

fn result<'a>(run: &'a Value, metric: &str) -> Result<&'a Value> {
    let results = run["status"]["metricResults"].as_array().context("the run has no results")?;
    results.iter().find(|result| result["name"] == metric).with_context(|| format!("no result of {metric}: {run}"))
}

#[tokio::test]
async fn a_good_canary_is_found_good_by_all_three() -> Result<()> {
    let (scene, controller) = judged_by("judged-good", "2.0.0", &["traffic", "trial", "answer"]).await?;
    let load = scene.load(RATE).await?;
    controller
        .told(async {
            scene.ship("2.0.0").await?;
            let run = verdict(&scene).await?;
            println!("figure: the three judges: {}", run["status"]["metricResults"]);
            for (metric, count) in [("success-rate", 5), ("trial", 1), ("status", 1)] {
                let result = result(&run, metric)?;
                ensure!(result["phase"] == "Successful" && result["successful"] == count, "{metric}: {result}");
            }
            let job = &result(&run, "trial")?["measurements"][0]["metadata"]["job-name"];
            ensure!(job.is_string(), "the measurement names no Job: {job}");
            scene.until_healthy("2.0.0").await?;
            scene.until_only("2.0.0").await
        })
        .await?;
    let all = load.finish()?;
    ensure!(all.failed() == 0, "requests were lost: {all}");
    scene.strike().await
}

#[tokio::test]
async fn a_canary_that_serves_errors_is_taken_back_by_what_prometheus_has_seen() -> Result<()> {
    let (scene, controller) = judged_by("judged-broken", "broken", &["traffic"]).await?;
    let load = scene.load(RATE).await?;
    let shipped = Instant::now();
    controller
        .told(async {
            scene.ship("broken").await?;
            scene.until("the abort", |rollout| phase(rollout) == "Degraded").await?;
            load.settles("only 1.0.0", |recent| recent.share("1.0.0") == 100.0).await?;
            let run = verdict(&scene).await?;
            ensure!(result(&run, "success-rate")?["phase"] == "Failed", "{run}");
            let message = scene.rollout().await?["status"]["message"].as_str().unwrap_or_default().to_owned();
            ensure!(
                message.contains("Metric \"success-rate\" assessed Failed due to failed (2) > failureLimit (1)"),
                "the reason is not told: {message}"
            );
            scene.until_only("1.0.0").await
        })
        .await?;
    let (took, all) = (shipped.elapsed(), load.finish()?);
    println!(
        "figure: a broken canary, taken back by Prometheus: {took:.1?} in all, {all} (target: failures below the canary's 20 %)"
    );
    // Half of what the canary serves fails, and it serves a fifth.
    ensure!(all.failed() > 0 && all.failed() * 5 < all.total, "the canary hurt more than its share: {all}");
    scene.strike().await
}

#[tokio::test]
async fn a_job_that_fails_takes_the_canary_back_and_says_why() -> Result<()> {
    // The trial asks for a version that the canary is not.
    let (scene, controller) = judged_by("judged-job", "3.0.0", &["trial"]).await?;
    controller
        .told(async {
            scene.ship("2.0.0").await?;
            scene.until("the abort", |rollout| phase(rollout) == "Degraded").await?;
            let run = verdict(&scene).await?;
            ensure!(result(&run, "trial")?["phase"] == "Failed", "{run}");
            let message = &result(&run, "trial")?["measurements"][0]["message"];
            ensure!(message.as_str().is_some_and(|text| text.contains("backoff limit")), "no reason: {message}");
            scene.until_only("1.0.0").await
        })
        .await?;
    scene.strike().await
}
