//! Polling by the real controller over a small Kubernetes in memory and a registry without sockets, in virtual time.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

mod support;

use serde_json::{Value, json};
use serinus_cluster::client::Resource;
use serinus_cluster::registry::Hosts;
use serinus_cluster::update::{IMAGE_UPDATE, Platforms, Polls, Updates, survey};
use serinus_decide::update::reference::Reference;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::registry::{FakeRegistry, Mood, digest};
use support::{CRD, DEPLOYMENT, Running, World, text};

const SECRET: Resource = Resource { group: "", version: "v1", kind: "Secret", plural: "secrets" };
const ACCOUNT: Resource = Resource { group: "", version: "v1", kind: "ServiceAccount", plural: "serviceaccounts" };
const NODE: Resource = Resource { group: "", version: "v1", kind: "Node", plural: "nodes" };

struct Scene {
    world: World,
    registry: FakeRegistry,
    updates: Updates,
    requests: Arc<AtomicUsize>,
    running: Running,
}

fn deployment(name: &str, annotations: Value, pods: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": support::NS, "annotations": annotations},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pods}}})
}

fn pods(image: &str) -> Value {
    json!({"containers": [{"name": "app", "image": image}]})
}

fn polled(policy: &str) -> Value {
    json!({"keel.sh/policy": policy, "keel.sh/trigger": "poll"})
}

async fn scene(objects: Vec<Value>, platforms: Platforms) -> Scene {
    let world = World::new().await;
    world.create_wide(&CRD, serinus_wire::crd::image_update()).await;
    for object in objects {
        let resource = match text(&object, "/kind") {
            "Secret" => &SECRET,
            "ServiceAccount" => &ACCOUNT,
            "Node" => &NODE,
            _ => &DEPLOYMENT,
        };
        if resource.kind == "Node" {
            world.create_wide(resource, object).await;
        } else {
            world.create(resource, object).await;
        }
    }
    let registry = FakeRegistry::default();
    let (updates, running, requests) = start(&world, &registry, platforms);
    while !updates.is_ready() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Scene { world, registry, updates, requests, running }
}

fn start(world: &World, registry: &FakeRegistry, platforms: Platforms) -> (Updates, Running, Arc<AtomicUsize>) {
    let (updates, requests) = (Updates::default(), Arc::new(AtomicUsize::new(0)));
    let (handle, count, transport) = (updates.clone(), requests.clone(), registry.clone());
    let service = world.model.service();
    let counted = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        // Watches, and the lists that they begin with, come and go by themselves.
        if !request.uri().query().is_some_and(|query| query.contains("watch=") || query.contains("limit=")) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        tower::Service::call(&mut service.clone(), request)
    });
    let running = world.start_over(serinus_decide::decide, counted, |options| {
        options.updates = Some(handle);
        options.polls = Some(Polls {
            transport: Arc::new(transport),
            hosts: Hosts::default(),
            platforms,
            zone: jiff::tz::TimeZone::UTC,
            ..Polls::default()
        });
    });
    (updates, running, requests)
}

impl Scene {
    fn image(&self, name: &str) -> String {
        text(&self.world.look(&DEPLOYMENT, name), "/spec/template/spec/containers/0/image").to_string()
    }

    async fn until_image(&self, name: &str, image: &str) {
        let is = |object: &Value| text(object, "/spec/template/spec/containers/0/image") == image;
        self.world.until(&DEPLOYMENT, name, 400, is).await;
    }

    /// Tags of the updates, in the order of their names.
    async fn tags(&self) -> Vec<String> {
        let mut tags: Vec<String> =
            self.world.list(&IMAGE_UPDATE).await.iter().map(|update| text(update, "/spec/tag").to_string()).collect();
        tags.sort();
        tags
    }

    fn counts(&self, line: &str) -> bool {
        self.updates.metrics().lines().any(|other| other == line)
    }
}

async fn minutes(count: u64) {
    tokio::time::sleep(Duration::from_secs(60 * count)).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_version_is_found_applied_and_then_nothing_is_asked_of_the_cluster() {
    let scene = scene(vec![deployment("web", polled("minor"), pods("r.io/team/app:1.0.0"))], Platforms::Known).await;
    for (tag, letter) in [("1.0.0", "a"), ("1.1.0", "b"), ("2.0.0", "c"), ("latest", "d")] {
        scene.registry.push("team/app", tag, &digest(letter));
    }
    scene.until_image("web", "r.io/team/app:1.1.0").await;
    let updates = scene.world.list(&IMAGE_UPDATE).await;
    assert_eq!(updates.len(), 1);
    assert_eq!(
        (text(&updates[0], "/spec/digest"), text(&updates[0], "/spec/source/trigger")),
        (digest("b").as_str(), "poll")
    );
    let name = text(&updates[0], "/metadata/name").to_string();
    scene.world.until(&IMAGE_UPDATE, &name, 120, |update| text(update, "/status/phase") == "Promoted").await;
    minutes(3).await;
    // From now on the registry is asked each minute, by one request, and the cluster not at all.
    scene.registry.lines();
    let before = scene.requests.load(Ordering::Relaxed);
    minutes(10).await;
    assert_eq!(scene.requests.load(Ordering::Relaxed), before);
    let lines = scene.registry.lines();
    assert_eq!(lines.len(), 10, "{lines:?}");
    assert!(lines.iter().all(|line| line == "GET /v2/team/app/tags/list"), "{lines:?}");
    assert!(scene.counts("poll_trigger_tracked_images 1"));
    assert!(scene.counts("kubernetes_versioned_updates_total{kubernetes=\"web/web\"} 1"));
    scene.running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_webhook_and_polling_tell_of_one_push() {
    let annotations = json!({"keel.sh/policy": "all", "keel.sh/trigger": "poll", "keel.sh/approvals": "1"});
    let scene = scene(vec![deployment("web", annotations, pods("r.io/team/app:1.0.0"))], Platforms::Known).await;
    scene.registry.push("team/app", "1.1.0", &digest("b"));
    let event = serinus_decide::update::Event::new("r.io/team/app:1.1.0", None, "native", "").unwrap();
    assert_eq!(scene.updates.push(&event).await.unwrap().len(), 1);
    minutes(5).await;
    let updates = scene.world.list(&IMAGE_UPDATE).await;
    // The webhook did not know the digest, polling does.
    assert_eq!((updates.len(), text(&updates[0], "/spec/digest")), (1, digest("b").as_str()));
    let before = scene.requests.load(Ordering::Relaxed);
    minutes(5).await;
    assert_eq!(scene.requests.load(Ordering::Relaxed), before, "what waits for votes costs nothing");
    scene.running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_kept_is_watched_by_its_digest() {
    let annotations = json!({"keel.sh/policy": "force", "keel.sh/matchTag": "true", "keel.sh/trigger": "poll",
        "keel.sh/pollSchedule": "@every 10s"});
    let scene = scene(vec![deployment("web", annotations, pods("r.io/team/app:latest"))], Platforms::Known).await;
    scene.registry.push("team/app", "latest", &digest("a"));
    scene.registry.push("team/app", "9.9.9", &digest("f"));
    minutes(2).await;
    assert_eq!(scene.tags().await, [""; 0]);
    assert!(scene.registry.lines().iter().all(|line| line == "HEAD /v2/team/app/manifests/latest"));
    scene.registry.push("team/app", "latest", &digest("b"));
    minutes(2).await;
    assert_eq!(scene.tags().await, ["latest"]);
    let said = |scene: &Scene| {
        text(&scene.world.look(&DEPLOYMENT, "web"), "/metadata/annotations/keel.sh~1digest").to_string()
    };
    assert_eq!(said(&scene), digest("b"));
    // A push that came while nobody watched is found by what is noted on the workload.
    scene.running.stop().await;
    scene.registry.push("team/app", "latest", &digest("c"));
    let (_, running, _) = start(&scene.world, &scene.registry, Platforms::Known);
    minutes(2).await;
    assert_eq!(text(&scene.world.look(&DEPLOYMENT, "web"), "/metadata/annotations/keel.sh~1digest"), digest("c"));
    assert_eq!(scene.world.list(&IMAGE_UPDATE).await.len(), 2);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn registries_in_every_mood_cost_nothing_but_time() {
    for (mood, reason) in [
        (Mood::Status(429, Some(300)), "too-many"),
        (Mood::Status(500, None), "unavailable"),
        (Mood::Status(503, None), "unavailable"),
        (Mood::Status(404, None), "missing"),
        (Mood::Status(403, None), "denied"),
        (Mood::Page, "malformed"),
        (Mood::Endless, "endless"),
        (Mood::Silent, "unreachable"),
    ] {
        let objects = vec![
            deployment("web", polled("all"), pods("r.io/a:1.0.0")),
            deployment("api", polled("all"), pods("other.io/a:1.0.0")),
        ];
        let scene = scene(objects, Platforms::Known).await;
        scene.registry.push("a", "1.1.0", &digest("b"));
        scene.registry.be(mood.clone());
        minutes(3).await;
        assert_eq!(scene.tags().await, [""; 0], "{mood:?}");
        assert!(
            scene.updates.metrics().contains(&format!("serinus_registry_troubles_total{{reason=\"{reason}\"}}")),
            "{mood:?}"
        );
        let asked = scene.registry.lines();
        let most = if mood == Mood::Endless { 8_000 } else { 14 };
        assert!(asked.len() <= most, "{mood:?}: it is left alone, not asked {} times", asked.len());
        if mood == Mood::Status(429, Some(300)) {
            assert_eq!(asked.len(), 2, "each of the two hosts is asked once, and then as late as it wants to be");
        }
        scene.registry.be(Mood::Well);
        minutes(20).await;
        assert_eq!(
            (scene.image("web"), scene.image("api")),
            ("r.io/a:1.1.0".to_string(), "other.io/a:1.1.0".to_string()),
            "{mood:?}"
        );
        scene.running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_node_can_run_is_not_proposed() {
    let node = |name: &str, architecture: &str| {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name,
            "labels": {"kubernetes.io/os": "linux", "kubernetes.io/arch": architecture}}})
    };
    let mut picky = pods("r.io/a:1.0.0");
    picky["nodeSelector"] = json!({"kubernetes.io/arch": "amd64"});
    let objects = vec![
        node("one", "amd64"),
        node("two", "arm64"),
        deployment("any", polled("all"), pods("r.io/a:1.0.0")),
        deployment("picky", polled("all"), picky),
    ];
    let scene = scene(objects, Platforms::Known).await;
    scene.registry.push("a", "1.1.0", &digest("a"));
    scene.registry.platforms(&digest("a"), &["linux/amd64", "linux/arm64"]);
    scene.registry.push("a", "1.2.0", &digest("b"));
    scene.registry.platforms(&digest("b"), &["linux/amd64"]);
    scene.registry.push("a", "1.3.0", &digest("c"));
    scene.registry.platforms(&digest("c"), &[]);
    // A dry run says the same, and why.
    let image = Reference::parse("r.io/a").unwrap();
    let polls = Polls { transport: Arc::new(scene.registry.clone()), ..Polls::default() };
    let people = &scene.world.people;
    let surveyed = survey(people, None, &image, None, polls, jiff::Timestamp::now()).await.unwrap();
    let tags: Vec<_> = surveyed.workloads.iter().map(|one| (one.name.as_str(), one.tag.as_deref())).collect();
    assert_eq!(tags, [("any", Some("1.1.0")), ("picky", Some("1.2.0"))]);
    minutes(3).await;
    assert_eq!((scene.image("any"), scene.image("picky")), ("r.io/a:1.1.0".to_string(), "r.io/a:1.2.0".to_string()));
    scene.running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn credentials_come_from_what_the_workload_names_and_are_never_told() {
    let config = |text: &str| serinus_gocompat::base64::encode(text.as_bytes());
    let secret = |name: &str, text: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": support::NS},
            "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": config(text)}})
    };
    let mut named = pods("r.io/a:1.0.0");
    named["imagePullSecrets"] = json!([{"name": "broken"}, {"name": "missing"}]);
    named["serviceAccountName"] = json!("robot");
    let objects = vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": support::NS},
            "imagePullSecrets": [{"name": "good"}]}),
        secret("broken", "{\"auths\": hunter2"),
        secret("other", r#"{"auths": {"r.io": {"username": "eve", "password": "x"}}}"#),
        secret("good", r#"{"auths": {"https://r.io/v2/": {"username": "ann", "password": "hunter2"}}}"#),
        deployment("web", polled("all"), named),
    ];
    let scene = scene(objects, Platforms::Known).await;
    scene.registry.push("a", "1.1.0", &digest("b"));
    scene.registry.be(Mood::Locked);
    scene.until_image("web", "r.io/a:1.1.0").await;
    assert!(scene.counts("serinus_unreadable_pull_secrets_total 2"), "{}", scene.updates.metrics());
    assert!(!scene.updates.metrics().contains("hunter2"));
    // They are not read again while the registry is content.
    minutes(2).await;
    let before = scene.requests.load(Ordering::Relaxed);
    minutes(5).await;
    assert_eq!(scene.requests.load(Ordering::Relaxed), before);
    scene.running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn two_schedules_for_one_image_do_not_starve_each_other() {
    let at =
        |schedule: &str| json!({"keel.sh/policy": "all", "keel.sh/trigger": "poll", "keel.sh/pollSchedule": schedule});
    let objects = vec![
        deployment("often", at("@every 20s"), pods("r.io/a:1.0.0")),
        deployment("daily", at("0 0 12 * * *"), pods("r.io/a:1.0.0")),
        deployment("wrong", at("often"), pods("r.io/b:1.0.0")),
    ];
    let scene = scene(objects, Platforms::Any).await;
    for name in ["a", "b"] {
        scene.registry.push(name, "1.1.0", &digest("b"));
    }
    minutes(2).await;
    assert_eq!(scene.image("often"), "r.io/a:1.1.0");
    assert_eq!(scene.image("wrong"), "r.io/b:1.1.0", "the default schedule counts");
    assert_eq!(scene.image("daily"), "r.io/a:1.0.0");
    minutes(12 * 60).await;
    assert_eq!(scene.image("daily"), "r.io/a:1.1.0");
    scene.running.stop().await;
}
