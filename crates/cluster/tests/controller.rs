//! The controller over a small Kubernetes in memory, in virtual time, with decisions that are easy to follow.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

mod support;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use serinus_cluster::LeaseOptions;
use serinus_decide::{Act, Guard, Kind, Note, NoteType, Op, Plan, Seen, Target, Write};
use serinus_wire::ObjectMeta;
use std::time::Duration;
use support::{LEASE, NS, REPLICA_SET, ROLLOUT, Running, SERVICE, Tap, World, number, seed, text};
use tokio::time::Instant;

fn rollout(name: &str) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name, "namespace": NS},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": template(name),
            "strategy": {"canary": {"canaryService": format!("{name}-canary"), "stableService": format!("{name}-stable")}}}})
}

fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": NS},
        "spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]}})
}

fn template(app: &str) -> Value {
    json!({"metadata": {"labels": {"app": app}}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}})
}

fn write(kind: Kind, meta: &ObjectMeta, op: Op) -> Act {
    let target = Target { kind, namespace: meta.namespace.clone(), name: meta.name.clone() };
    let guard = Guard::Is { uid: meta.uid.clone(), resource_version: meta.resource_version.clone() };
    Act::Write(Write { target, guard, op })
}

fn note(reason: &str) -> Act {
    Act::Note(Note { kind: NoteType::Normal, reason: reason.to_string(), message: format!("{reason}.") })
}

fn is_observed(seen: &Seen) -> bool {
    seen.rollout.status.observed_generation == seen.rollout.metadata.generation.to_string()
}

fn observe(seen: &Seen) -> Act {
    let meta = &seen.rollout.metadata;
    let patch = json!({"status": {"observedGeneration": meta.generation.to_string()}});
    write(Kind::Rollout, meta, Op::PatchStatus(patch))
}

/// A first set, then an annotation, then the status: the last two on the same object.
fn in_order(seen: &Seen, _: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let meta = &seen.rollout.metadata;
    if seen.replica_sets.is_empty() {
        let name = format!("{}-first", meta.name);
        let labels = json!({"app": meta.name, "rollouts-pod-template-hash": "first"});
        let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": name, "namespace": NS, "labels": labels, "ownerReferences": [{
                "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": meta.name, "uid": meta.uid,
                "controller": true, "blockOwnerDeletion": true}]},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": meta.name}}, "template": template(&meta.name)}});
        let target = Target { kind: Kind::ReplicaSet, namespace: NS.into(), name };
        plan.acts.push(Act::Write(Write { target, guard: Guard::Absent, op: Op::Create(set) }));
        plan.acts.push(note("NewReplicaSetCreated"));
    }
    if !is_observed(seen) {
        plan.acts.push(write(Kind::Rollout, meta, Op::Patch(json!({"metadata": {"annotations": {"revision": "1"}}}))));
        plan.acts.push(note("RolloutUpdated"));
        plan.acts.push(observe(seen));
        plan.acts.push(note("RolloutCompleted"));
    }
    plan
}

const ROLLOUT_PATH: &str = "/apis/argoproj.io/v1alpha1/namespaces/web/rollouts/a";

#[tokio::test(start_paused = true)]
async fn writes_go_out_in_order_each_on_the_version_before() {
    let world = World::new().await;
    let tap = Tap::default();
    world.create(&ROLLOUT, rollout("a")).await;
    let running = world.start(in_order, &tap);
    world.until(&ROLLOUT, "a", 5, |object| text(object, "/status/observedGeneration") == "1").await;
    running.stop().await;
    let expected = [
        "POST /apis/apps/v1/namespaces/web/replicasets".to_string(),
        format!("PATCH {ROLLOUT_PATH}"),
        format!("PATCH {ROLLOUT_PATH}/status"),
    ];
    assert_eq!(tap.written(), expected);
    let reasons = world.reasons("a").await;
    assert_eq!(reasons, ["RolloutAddedToInformer", "NewReplicaSetCreated", "RolloutUpdated", "RolloutCompleted"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_after_a_write_that_failed() {
    for code in [403, 409, 422, 500] {
        let world = World::new().await;
        let tap = Tap::default();
        tap.refuse("replicasets", code);
        world.create(&ROLLOUT, rollout("a")).await;
        let running = world.start(in_order, &tap);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(tap.written(), ["POST /apis/apps/v1/namespaces/web/replicasets"], "{code}");
        // However it is refused, in the end it goes through, and once only.
        world.until(&ROLLOUT, "a", 70, |object| text(object, "/status/observedGeneration") == "1").await;
        assert_eq!(tap.written().len(), 4, "{code}: {:?}", tap.written());
        assert_eq!(world.list(&REPLICA_SET).await.len(), 1);
        let complaints = world.reasons("a").await.iter().filter(|reason| *reason == "ReconciliationError").count();
        assert_eq!(complaints, usize::from(code == 403 || code == 422), "{code}");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_router_that_will_not_be_told_has_a_reason_of_its_own() {
    let world = World::new().await;
    seed::apply(&world).await;
    let tap = Tap::default();
    let running = world.start(serinus_decide::decide, &tap);
    world.until(&ROLLOUT, seed::NAME, 60, seed::is_healthy).await;
    tap.refuse("ingresses", 422);
    seed::ship(&world, "1.1.0").await;
    let current = |rollout: &Value| text(rollout, "/status/currentPodHash").to_string();
    let before = current(&world.get(&ROLLOUT, seed::NAME).await);
    world.until(&ROLLOUT, seed::NAME, 300, |rollout| seed::is_healthy(rollout) && current(rollout) != before).await;
    let mut complaints = world.reasons(seed::NAME).await;
    complaints.retain(|reason| reason.ends_with("Error"));
    assert_eq!(complaints, ["TrafficRoutingError"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn in_a_namespace_that_goes_nothing_is_tried_at_each_event() {
    let world = World::new().await;
    let tap = Tap::default();
    let mut held = rollout("a");
    held["metadata"]["finalizers"] = json!(["example.com/held"]);
    world.create(&ROLLOUT, held).await;
    let gone = http::Request::delete(format!("/api/v1/namespaces/{NS}")).body(Vec::new()).unwrap();
    world.people.client().request::<Value>(gone).await.unwrap();
    let running = world.start(in_order, &tap);
    for n in 0..20 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.patch(&ROLLOUT, "a", json!({"metadata": {"annotations": {"n": n.to_string()}}})).await;
    }
    assert_eq!(tap.written(), ["POST /apis/apps/v1/namespaces/web/replicasets"]);
    running.stop().await;
}

/// Labels the stable Service once.
fn label_service(seen: &Seen, _: Timestamp) -> Plan {
    let mut plan = Plan::default();
    for service in seen.services.values().filter(|service| service.metadata.labels.is_empty()) {
        plan.acts.push(write(
            Kind::Service,
            &service.metadata,
            Op::Patch(json!({"metadata": {"labels": {"by": "us"}}})),
        ));
    }
    plan
}

#[tokio::test(start_paused = true)]
async fn a_conflict_means_look_again() {
    let world = World::new().await;
    let tap = Tap::default();
    world.create(&SERVICE, service("a-stable")).await;
    tap.refuse("services/a-stable", 409);
    world.create(&ROLLOUT, rollout("a")).await;
    let running = world.start(label_service, &tap);
    tokio::time::sleep(Duration::from_secs(2)).await;
    // The caches still show what the refused write relied on: it is not tried again.
    assert_eq!(tap.written().len(), 1);
    world.patch(&SERVICE, "a-stable", json!({"metadata": {"annotations": {"by": "them"}}})).await;
    let labelled = |object: &Value| text(object, "/metadata/labels/by") == "us";
    world.until(&SERVICE, "a-stable", 1, labelled).await;
    assert_eq!(tap.written().len(), 2);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_conflict_without_news_is_settled_by_reading_directly() {
    let world = World::new().await;
    let tap = Tap::default();
    world.create(&SERVICE, service("a-stable")).await;
    world.create(&ROLLOUT, rollout("a")).await;
    tap.refuse("services/a-stable", 409);
    let began = Instant::now();
    let running = world.start(label_service, &tap);
    world.until(&SERVICE, "a-stable", 10, |object| text(object, "/metadata/labels/by") == "us").await;
    assert!((5..6).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_lags_never_doubles_a_write() {
    let world = World::new().await;
    let tap = Tap::default();
    tap.blind("/replicasets");
    world.create(&ROLLOUT, rollout("a")).await;
    let running = world.start(in_order, &tap);
    world.until(&ROLLOUT, "a", 5, |object| text(object, "/status/observedGeneration") == "1").await;
    // Something changes meanwhile; the sets are still not in the cache.
    for n in 0..20 {
        world.patch(&ROLLOUT, "a", json!({"metadata": {"annotations": {"n": n.to_string()}}})).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let creates = tap.written().iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(creates, 1, "{:?}", tap.written());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_malformed_rollout_is_decided_and_stops_nobody() {
    fn findings(seen: &Seen, _: Timestamp) -> Plan {
        let mut plan = Plan::default();
        if !is_observed(seen) {
            plan.acts.push(observe(seen));
            plan.acts.push(note(if seen.rollout.findings.is_empty() { "Fine" } else { "InvalidSpec" }));
        }
        plan
    }
    let world = World::new().await;
    let mut broken = rollout("broken");
    broken["spec"] = json!({"replicas": "three", "strategy": 7});
    world.create(&ROLLOUT, broken).await;
    world.create(&ROLLOUT, rollout("fine")).await;
    let running = world.start(findings, &Tap::default());
    for name in ["broken", "fine"] {
        world.until(&ROLLOUT, name, 5, |object| text(object, "/status/observedGeneration") == "1").await;
    }
    running.stop().await;
    assert_eq!(world.reasons("broken").await, ["RolloutAddedToInformer", "InvalidSpec"]);
    assert_eq!(world.reasons("fine").await, ["RolloutAddedToInformer", "Fine"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_decision_stops_nobody() {
    fn panics(seen: &Seen, _: Timestamp) -> Plan {
        assert_ne!(seen.rollout.metadata.name, "bad", "for the test");
        Plan { acts: if is_observed(seen) { vec![] } else { vec![observe(seen)] }, ..Plan::default() }
    }
    let world = World::new().await;
    world.create(&ROLLOUT, rollout("bad")).await;
    world.create(&ROLLOUT, rollout("good")).await;
    let running = world.start(panics, &Tap::default());
    world.until(&ROLLOUT, "good", 5, |object| text(object, "/status/observedGeneration") == "1").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    running.stop().await;
    assert_eq!(world.reasons("bad").await, ["RolloutAddedToInformer", "ReconciliationError"]);
}

/// Writes down the hour, once an hour.
fn hourly(seen: &Seen, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let passes = seen.rollout.metadata.annotations.get("passes").cloned().unwrap_or_default();
    let last: Option<Timestamp> = passes.split_whitespace().last().and_then(|last| last.parse().ok());
    let due = last.map(|last| last + 1.hour());
    plan.wake = due;
    if due.is_none_or(|due| now >= due) {
        let whole = Timestamp::from_second(now.as_second()).unwrap();
        let patch = json!({"metadata": {"annotations": {"passes": format!("{passes} {whole}")}}});
        plan.acts.push(write(Kind::Rollout, &seen.rollout.metadata, Op::Patch(patch)));
        plan.wake = None;
    }
    plan
}

#[tokio::test(start_paused = true)]
async fn it_wakes_when_it_is_time() {
    let world = World::new().await;
    let tap = Tap::default();
    world.create(&ROLLOUT, rollout("a")).await;
    let running = world.start(hourly, &tap);
    tokio::time::sleep(Duration::from_secs(3600 * 10 + 60)).await;
    running.stop().await;
    let object = world.get(&ROLLOUT, "a").await;
    let passes: Vec<Timestamp> =
        text(&object, "/metadata/annotations/passes").split_whitespace().map(|pass| pass.parse().unwrap()).collect();
    assert_eq!(passes.len(), 11, "{passes:?}");
    for pair in passes.windows(2) {
        let gap = pair[1].duration_since(pair[0]).as_secs();
        assert!((3600..=3601).contains(&gap), "{pair:?}");
    }
    assert_eq!(tap.written().len(), 11);
}

fn nothing(_: &Seen, _: Timestamp) -> Plan {
    Plan::default()
}

fn competitor(world: &World, name: &str) -> Running {
    world.start_with(nothing, &Tap::default(), |options| {
        options.lease = Some(LeaseOptions { identity: name.to_string(), ..LeaseOptions::new(NS, "") });
    })
}

const LOCK: &str = "argo-rollouts-controller-lock";

#[tokio::test(start_paused = true)]
async fn leadership_passes_on() {
    let world = World::new().await;
    let holds = |name: &'static str| move |lease: &Value| text(lease, "/spec/holderIdentity") == name;
    let first = competitor(&world, "first");
    world.until(&LEASE, LOCK, 1, holds("first")).await;
    let second = competitor(&world, "second");
    tokio::time::sleep(Duration::from_secs(60)).await;
    let lease = world.get(&LEASE, LOCK).await;
    assert_eq!((text(&lease, "/spec/holderIdentity"), number(&lease, "/spec/leaseDurationSeconds")), ("first", 15));

    // A graceful stop hands over at the next try.
    first.stop().await;
    world.until(&LEASE, LOCK, 3, holds("second")).await;

    // A crash costs the whole lease.
    let third = competitor(&world, "third");
    tokio::time::sleep(Duration::from_secs(5)).await;
    second.kill().await;
    let began = Instant::now();
    let lease = world.until(&LEASE, LOCK, 20, holds("third")).await;
    assert!((13..=17).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(number(&lease, "/spec/leaseTransitions"), 1);
    third.stop().await;
}

#[tokio::test(start_paused = true)]
async fn who_lost_the_lease_ends() {
    let world = World::new().await;
    let running = competitor(&world, "first");
    world.until(&LEASE, LOCK, 1, |lease| text(lease, "/spec/holderIdentity") == "first").await;
    world.patch(&LEASE, LOCK, json!({"spec": {"holderIdentity": "thief"}})).await;
    let ended = tokio::time::timeout(Duration::from_secs(5), running.task).await.unwrap().unwrap();
    assert!(ended.unwrap_err().to_string().starts_with("lost the lease web/argo-rollouts-controller-lock"));
}

#[tokio::test(start_paused = true)]
async fn only_rollouts_of_the_instance_are_looked_after() {
    let world = World::new().await;
    let mut labelled = rollout("theirs");
    labelled["metadata"]["labels"] = json!({"argo-rollouts.argoproj.io/controller-instance-id": "two"});
    world.create(&ROLLOUT, labelled).await;
    world.create(&ROLLOUT, rollout("ours")).await;
    let tap = Tap::default();
    let running = world.start(in_order, &tap);
    tokio::time::sleep(Duration::from_secs(5)).await;
    running.stop().await;
    assert!(tap.written().iter().all(|line| !line.contains("theirs")), "{:?}", tap.written());
    let tap = Tap::default();
    let running = world.start_with(in_order, &tap, |options| {
        options.scope.instance = "two".to_string();
        options.scope.namespace = Some(NS.to_string());
    });
    world.until(&ROLLOUT, "theirs", 5, |object| text(object, "/status/observedGeneration") == "1").await;
    running.stop().await;
    assert!(tap.written().iter().all(|line| !line.contains("ours")), "{:?}", tap.written());
}
