//! The chart as a user installs it: real pods of the controller, with its probes and its rights, do the seed's canary.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use anyhow::{Context, Result, ensure};
use serde_json::json;
use serinus_tests_lab::scene::{PATIENCE, Scene, phase};
use serinus_tests_lab::settings;
use serinus_tests_lab::wait::{Look, until};
use tokio::process::Command;

const INSTANCE: &str = "argo-rollouts.argoproj.io/controller-instance-id";

async fn run(program: &str, words: &[&str]) -> Result<String> {
    let out = Command::new(program).args(words).output().await.with_context(|| format!("start {program}"))?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "{program} {}: {text}", words.join(" "));
    Ok(text)
}

/// Installs the chart as a release in `namespace`, and waits until its controller is ready.
async fn install(namespace: &str, settings: &[&str]) -> Result<()> {
    let (image, tag) = settings::image()?;
    let (image, tag) = (format!("image.repository={image}"), format!("image.tag={tag}"));
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/serinus");
    let mut words =
        vec!["upgrade", "--install", namespace, chart, "--namespace", namespace, "--wait", "--timeout=120s"];
    for setting in [image.as_str(), tag.as_str(), "replicas=2"].iter().chain(settings) {
        words.extend(["--set", setting]);
    }
    if let Err(error) = run("helm", &words).await {
        let pods = run("kubectl", &["describe", "pods", "-n", namespace, "-l", "app.kubernetes.io/name=serinus"]).await;
        return Err(error.context(pods.unwrap_or_default()).context(log(namespace).await.unwrap_or_default()));
    }
    Ok(())
}

async fn log(namespace: &str) -> Result<String> {
    let words = ["logs", "-n", namespace, "-l", "app.kubernetes.io/name=serinus", "--tail=-1", "--prefix"];
    run("kubectl", &words).await
}

/// The first version, and an update to the second, by the installed controller; its pods never restart, and nothing is forbidden to them but `apart`.
async fn updates(scene: &Scene, apart: &str) -> Result<()> {
    let namespace = scene.namespace.as_str();
    scene.until_healthy("1.0.0").await?;
    all_the_way_to(scene, "2.0.0").await?;
    scene.until_only("2.0.0").await?;
    let said = log(namespace).await?;
    let forbidden: Vec<&str> =
        said.lines().filter(|line| line.contains("forbidden") && (apart.is_empty() || !line.contains(apart))).collect();
    ensure!(forbidden.is_empty(), "the chart's rights are not enough: {forbidden:#?}");
    let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector=app.kubernetes.io%2Fname%3Dserinus");
    let pods = scene.api.get(&path).await?.unwrap_or_default();
    for pod in pods["items"].as_array().into_iter().flatten() {
        ensure!(pod["status"]["containerStatuses"][0]["restartCount"] == 0, "a controller restarted: {said}");
    }
    Ok(())
}

/// An update that is promoted in full at its first pause.
async fn all_the_way_to(scene: &Scene, version: &str) -> Result<()> {
    scene.ship(version).await?;
    scene.until("its first pause", |rollout| phase(rollout) == "Paused").await?;
    scene.promote_full().await?;
    scene.until_healthy(version).await
}

/// Which pod holds the lease `name` of `namespace`.
async fn leader(scene: &Scene, name: &str) -> Result<String> {
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/{name}", scene.namespace);
    let lease = scene.api.get(&path).await?.with_context(|| format!("no lease {name}"))?;
    let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
    Ok(holder.split('_').next().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn one_namespace_alone() -> Result<()> {
    let scene = Scene::set("chart-one").await?;
    install("chart-one", &["namespaced=true"]).await?;
    updates(&scene, "clusteranalysistemplates").await?;
    // The one that works goes; the other takes over.
    let name = "argo-rollouts-controller-lock";
    let first = leader(&scene, name).await?;
    run("kubectl", &["delete", "pod", "-n", "chart-one", &first]).await?;
    until("another pod to lead", PATIENCE, || async {
        let now = leader(&scene, name).await?;
        Ok(if now != first && !now.is_empty() { Look::Done(()) } else { Look::Not(now) })
    })
    .await?;
    all_the_way_to(&scene, "3.0.0").await?;
    scene.strike().await
}

#[tokio::test]
async fn the_whole_cluster_by_instance_id() -> Result<()> {
    let scene = Scene::set("chart-all").await?;
    install("chart-all", &["instanceId=chart"]).await?;
    let mine = json!({"metadata": {"labels": {INSTANCE: "chart"}}});
    scene.api.merge(&scene.rollout_path(), mine).await?;
    updates(&scene, "").await?;
    run("helm", &["uninstall", "chart-all", "--namespace", "chart-all"]).await?;
    scene.strike().await
}
