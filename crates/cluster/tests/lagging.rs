//! Caches of one controller that lag behind one another: what the freshest of them tells is believed.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

mod support;

use serde_json::{Value, json};
use serinus_cluster::LeaseOptions;
use serinus_cluster::client::Resource;
use std::collections::BTreeMap;
use std::time::Duration;
use support::play::{Answers, EXPERIMENT, RUN};
use support::{NS, REPLICA_SET, ROLLOUT, Tap, World, number, seed, text};

const TEMPLATE: Resource =
    Resource { group: "argoproj.io", version: "v1alpha1", kind: "AnalysisTemplate", plural: "analysistemplates" };

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

/// An Experiment of one set and one analysis that never ends by itself.
async fn apply_experiment(world: &World) {
    let of = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": NS}, "spec": spec});
    let web = json!({"web": {"url": "http://metrics.example/", "jsonPath": "{$.value}"}});
    let metric = json!({"name": "m", "interval": "5s", "successCondition": "result > 1", "provider": web});
    world.create(&TEMPLATE, of("AnalysisTemplate", "t", json!({"metrics": [metric]}))).await;
    let pods =
        json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}});
    let set = json!({"name": "a", "selector": {"matchLabels": {"app": "a"}}, "template": pods});
    let spec = json!({"templates": [set], "analyses": [{"name": "verdict", "templateName": "t"}]});
    world.create(&EXPERIMENT, of("Experiment", "e", spec)).await;
}

/// Somebody who takes over sees the Experiment as the other left it, and not yet the run that it names.
#[tokio::test(start_paused = true)]
async fn a_run_that_an_experiment_names_is_not_gone_because_it_is_not_seen_yet() {
    let world = World::new().await;
    let (tap, answers) = (Tap::default(), Answers::default());
    let start = |tap: &Tap, name: &str| {
        let lease = LeaseOptions { identity: name.to_string(), ..LeaseOptions::new(NS, "") };
        world.start_with(serinus_decide::decide, tap, |options| {
            answers.serve(options);
            options.lease = Some(lease);
        })
    };
    let sighted = start(&Tap::default(), "sighted");
    tokio::time::sleep(Duration::from_secs(5)).await;
    tap.blind("/analysisruns");
    let blind = start(&tap, "blind");
    tokio::time::sleep(Duration::from_secs(5)).await;
    apply_experiment(&world).await;
    let phase = |object: &Value| text(object, "/status/phase").to_string();
    world.until(&RUN, "e-verdict", 60, |run| phase(run) == "Running").await;
    sighted.stop().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(phase(&world.look(&EXPERIMENT, "e")), "Running", "{:#}", world.look(&EXPERIMENT, "e"));
    assert_eq!(phase(&world.look(&RUN, "e-verdict")), "Running");
    world.patch(&EXPERIMENT, "e", json!({"spec": {"terminate": true}})).await;
    world.until(&EXPERIMENT, "e", 60, |experiment| phase(experiment) == "Successful").await;
    blind.stop().await;
}
