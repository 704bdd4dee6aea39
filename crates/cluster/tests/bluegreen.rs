//! Blue/green through the real controller, over a small Kubernetes in memory and in virtual time: what a person sees of each
//! part, and the same with the controller killed at every one of its writes.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

mod support;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::{Moment, NS, REPLICA_SET, ROLLOUT, SERVICE, Tap, World, text};

const NAME: &str = "shop";

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": NAME}}, "spec": {"containers": [{"name": "app", "image": image}]}})
}

async fn apply(world: &World) {
    for name in ["active", "preview"] {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": NS},
            "spec": {"selector": {"app": NAME}, "ports": [{"port": 80}]}});
        world.create(&SERVICE, service).await;
    }
    let strategy = json!({"blueGreen": {"activeService": "active", "previewService": "preview", "previewReplicaCount": 1,
        "autoPromotionEnabled": false, "scaleDownDelaySeconds": 20, "abortScaleDownDelaySeconds": 10}});
    let rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": NAME, "namespace": NS},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": NAME}}, "template": template("shop:1"), "strategy": strategy}});
    world.create(&ROLLOUT, rollout).await;
}

async fn ship(world: &World, image: &str) {
    // Sets are told apart by the second of their birth.
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.patch(&ROLLOUT, NAME, json!({"spec": {"template": template(image)}})).await;
}

async fn promote(world: &World) {
    world.patch_status(&ROLLOUT, NAME, json!({"status": {"pauseConditions": null}})).await;
}

async fn abort(world: &World) {
    world.patch_status(&ROLLOUT, NAME, json!({"status": {"abort": true}})).await;
}

/// Waits until the controller has seen the last wish, and the phase is as given.
async fn until(world: &World, phase: &str) {
    let reached = |rollout: &Value| {
        let generation = rollout["metadata"]["generation"].to_string();
        let observed = text(rollout, "/status/observedGeneration") == generation;
        observed && text(rollout, "/status/phase") == phase
    };
    world.until(&ROLLOUT, NAME, 120, reached).await;
}

/// Images behind the two Services.
async fn services(world: &World) -> (String, String) {
    let images = images(world).await;
    let mut behind = Vec::new();
    for name in ["active", "preview"] {
        let service = world.get(&SERVICE, name).await;
        let hash = text(&service, "/spec/selector/rollouts-pod-template-hash");
        behind.push(images.get(hash).cloned().unwrap_or_default());
    }
    (behind.remove(0), behind.remove(0))
}

async fn images(world: &World) -> BTreeMap<String, String> {
    let image = |set: &Value| text(set, "/spec/template/spec/containers/0/image").to_string();
    let hash = |set: &Value| text(set, "/metadata/labels/rollouts-pod-template-hash").to_string();
    world.list(&REPLICA_SET).await.iter().map(|set| (hash(set), image(set))).collect()
}

/// Sizes by image, without empty sets.
async fn sizes(world: &World) -> Vec<(String, i64)> {
    let image = |set: &Value| text(set, "/spec/template/spec/containers/0/image").to_string();
    let sets = world.list(&REPLICA_SET).await;
    let mut sizes: Vec<_> = sets.iter().map(|set| (image(set), set["spec"]["replicas"].as_i64().unwrap())).collect();
    sizes.retain(|(_, size)| *size > 0);
    sizes.sort();
    sizes
}

fn of(sizes: &[(&str, i64)]) -> Vec<(String, i64)> {
    sizes.iter().map(|(image, size)| ((*image).to_string(), *size)).collect()
}

fn lead_to(active: &str, preview: &str) -> (String, String) {
    (active.to_string(), preview.to_string())
}

/// Reasons of the events since the last call.
async fn news(world: &World, told: &mut usize) -> Vec<String> {
    // Events are sent beside the pass.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let reasons = world.reasons(NAME).await;
    let news = reasons[*told..].to_vec();
    *told = reasons.len();
    news
}

#[tokio::test(start_paused = true)]
async fn a_person_sees_the_peers_sizes_services_and_events() {
    let world = World::new().await;
    let tap = Tap::default();
    let controller = world.start(serinus_decide::decide, &tap);
    let mut told = 0;

    apply(&world).await;
    until(&world, "Healthy").await;
    assert_eq!((sizes(&world).await, services(&world).await), (of(&[("shop:1", 3)]), lead_to("shop:1", "shop:1")));
    let first = [
        "RolloutAddedToInformer",
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "SwitchService",
        "ScalingReplicaSet",
        "RolloutCompleted",
        "SwitchService",
    ];
    assert_eq!(news(&world, &mut told).await, first);

    ship(&world, "shop:2").await;
    until(&world, "Paused").await;
    let waiting = of(&[("shop:1", 3), ("shop:2", 1)]);
    assert_eq!((sizes(&world).await, services(&world).await), (waiting, lead_to("shop:1", "shop:2")));
    let begun = [
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "SwitchService",
        "RolloutNotCompleted",
        "ScalingReplicaSet",
        "RolloutPaused",
    ];
    assert_eq!(news(&world, &mut told).await, begun);
    promote(&world).await;
    until(&world, "Healthy").await;
    let both = of(&[("shop:1", 3), ("shop:2", 3)]);
    assert_eq!((sizes(&world).await, services(&world).await), (both.clone(), lead_to("shop:2", "shop:2")));
    assert_eq!(
        news(&world, &mut told).await,
        ["RolloutResumed", "ScalingReplicaSet", "SwitchService", "RolloutCompleted"]
    );

    // The old set lingers: back to it without a pause, and without a pod less.
    ship(&world, "shop:1").await;
    until(&world, "Healthy").await;
    assert_eq!((sizes(&world).await, services(&world).await), (both, lead_to("shop:1", "shop:1")));
    let back = ["RolloutUpdated", "SwitchService", "RolloutNotCompleted", "SwitchService", "RolloutCompleted"];
    assert_eq!(news(&world, &mut told).await, back);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(
        (sizes(&world).await, news(&world, &mut told).await),
        (of(&[("shop:1", 3)]), vec!["ScalingReplicaSet".to_string()])
    );

    controller.stop().await;
}

/// Everything up to a promotion of the second version.
async fn promoted(world: &World) {
    apply(world).await;
    until(world, "Healthy").await;
    ship(world, "shop:2").await;
    until(world, "Paused").await;
    promote(world).await;
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// The number of the write that switches the active Service to the second version.
async fn the_switch() -> usize {
    let (world, tap) = (World::new().await, Tap::default());
    let controller = world.start(serinus_decide::decide, &tap);
    promoted(&world).await;
    until(&world, "Healthy").await;
    controller.stop().await;
    tap.written().iter().rposition(|line| line.ends_with("/services/active")).unwrap() + 1
}

#[test]
fn an_abort_after_the_switch_leads_back() {
    let nth = runtime().block_on(the_switch());
    runtime().block_on(async {
        let (world, tap) = (World::new().await, Tap::ending_at(nth, Moment::After));
        let first = world.start(serinus_decide::decide, &tap);
        promoted(&world).await;
        tap.ended().await;
        first.kill().await;
        assert_eq!(services(&world).await, lead_to("shop:2", "shop:2"));
        assert_ne!(text(&world.get(&ROLLOUT, NAME).await, "/status/phase"), "Healthy", "the switch is not on record");
        abort(&world).await;
        let mut told = world.reasons(NAME).await.len();
        let second = world.start(serinus_decide::decide, &Tap::default());
        until(&world, "Degraded").await;
        let both = of(&[("shop:1", 3), ("shop:2", 3)]);
        assert_eq!((sizes(&world).await, services(&world).await), (both, lead_to("shop:1", "shop:2")));
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(sizes(&world).await, of(&[("shop:1", 3)]));
        let news = news(&world, &mut told).await;
        assert_eq!(news, ["SwitchService", "RolloutAborted", "ScalingReplicaSet"]);
        second.stop().await;
    });
}

/// What people do while controllers come and go.
#[derive(Clone, Copy, Debug)]
enum Story {
    /// First deploy, a promoted update, and the fast way back.
    Back,
    /// First deploy, an update that is aborted, retried and promoted after all.
    Retry,
}

impl Story {
    async fn told(self, world: &World) {
        match self {
            Story::Back => {
                promoted(world).await;
                until(world, "Healthy").await;
                ship(world, "shop:1").await;
            }
            Story::Retry => {
                apply(world).await;
                until(world, "Healthy").await;
                ship(world, "shop:2").await;
                until(world, "Paused").await;
                abort(world).await;
                until(world, "Degraded").await;
                tokio::time::sleep(Duration::from_secs(15)).await;
                world.patch_status(&ROLLOUT, NAME, json!({"status": {"abort": false}})).await;
                until(world, "Paused").await;
                promote(world).await;
            }
        }
        until(world, "Healthy").await;
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
}

/// Who has how many pods, who gets the traffic, and what the Rollout says; without times.
async fn state(world: &World) -> Value {
    let rollout = world.get(&ROLLOUT, NAME).await;
    let status = &rollout["status"];
    let mut conditions: Vec<(String, String, String)> = status["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (text(it, "/type").to_string(), text(it, "/status").to_string(), text(it, "/reason").to_string()))
        .collect();
    conditions.sort();
    let keys = [
        "phase",
        "message",
        "stableRS",
        "currentPodHash",
        "blueGreen",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "HPAReplicas",
        "selector",
        "abort",
        "controllerPause",
        "pauseConditions",
        "observedGeneration",
    ];
    let said: BTreeMap<&str, &Value> = keys.iter().map(|key| (*key, &status[*key])).collect();
    let sets: BTreeMap<String, Value> = world
        .list(&REPLICA_SET)
        .await
        .iter()
        .map(|set| {
            let (notes, name) = (&set["metadata"]["annotations"], text(set, "/metadata/name").to_string());
            (
                name,
                json!([
                    set["spec"]["replicas"],
                    set["status"]["replicas"],
                    notes["rollout.argoproj.io/revision"],
                    notes["scale-down-deadline"]
                ]),
            )
        })
        .collect();
    json!({"sets": sets, "services": services(world).await, "status": said, "conditions": conditions,
        "annotations": rollout["metadata"]["annotations"]})
}

/// The end of the story with a controller that dies when its tap says so, and another after it; and the writes of the first.
fn live(story: Story, tap: Tap) -> (Value, Vec<String>) {
    runtime().block_on(async {
        let world = World::new().await;
        let controllers = async {
            let first = world.start(serinus_decide::decide, &tap);
            tap.ended().await;
            first.kill().await;
            let _second = world.start(serinus_decide::decide, &Tap::default());
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = story.told(&world) => {}
            () = controllers => unreachable!("controllers never end"),
        }
        (state(&world).await, tap.written())
    })
}

#[test]
fn whatever_write_it_dies_at_the_way_back_ends_the_same() {
    dies_at_every_write(Story::Back);
}

#[test]
fn whatever_write_it_dies_at_the_retry_ends_the_same() {
    dies_at_every_write(Story::Retry);
}

fn dies_at_every_write(story: Story) {
    let (whole, written) = live(story, Tap::default());
    assert_eq!(whole["status"]["phase"], "Healthy", "{whole:#}");
    let points: Vec<(usize, Moment)> =
        (1..=written.len()).flat_map(|nth| [(nth, Moment::Before), (nth, Moment::After)]).collect();
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((nth, moment)) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (end, _) = live(story, Tap::ending_at(*nth, *moment));
                    if end != whole {
                        wrong.lock().unwrap().push(format!("{moment:?} write {nth} ({}): {end}", written[nth - 1]));
                    }
                }
            });
        }
    });
    println!("{story:?}: {} crash points over {} writes", points.len(), written.len());
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} differ from {whole}\n{}", wrong.len(), points.len(), wrong.join("\n"));
}
