//! What one update may cost the API: every write of the real controller over a small Kubernetes in memory, in virtual time.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

mod support;

use jiff::Timestamp;
use serde_json::{Value, json};
use serinus_cluster::Decide;
use serinus_decide::{Plan, Seen, decide};
use serinus_model::Pretend;
use std::collections::BTreeMap;
use std::time::Duration;
use support::{INGRESS, NS, ROLLOUT, SERVICE, Tap, World, number, text};

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
}

/// The Rollout that `lab/bench-scale update` has 300 of.
async fn apply(world: &World) {
    for role in ["stable", "canary"] {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": format!("web-{role}")},
            "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 8080}]}});
        world.create(&SERVICE, service).await;
    }
    let backend = json!({"service": {"name": "web-stable", "port": {"name": "http"}}});
    let paths = json!({"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]});
    let ingress = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web-front"},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": "web.lab", "http": paths}]}});
    world.create(&INGRESS, ingress).await;
    let pause = json!({"pause": {"duration": "2s"}});
    let canary = json!({"stableService": "web-stable", "canaryService": "web-canary", "scaleDownDelaySeconds": 5,
        "trafficRouting": {"nginx": {"stableIngress": "web-front"}},
        "steps": [{"setWeight": 20}, pause, {"setWeight": 60}, pause]});
    let rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "web", "namespace": NS},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template("web:1"),
            "strategy": {"canary": canary}}});
    world.create(&ROLLOUT, rollout).await;
}

fn is_healthy(rollout: &Value) -> bool {
    text(rollout, "/status/phase") == "Healthy"
        && text(rollout, "/status/stableRS") == text(rollout, "/status/currentPodHash")
        && text(rollout, "/status/observedGeneration") == number(rollout, "/metadata/generation").to_string()
        && number(rollout, "/status/replicas") == 2
}

/// Writes by verb and resource.
fn counted(written: &[String]) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for line in written {
        let (verb, path) = line.split_once(' ').unwrap();
        let mut parts = path.rsplit('/');
        let last = parts.next().unwrap();
        let what = match (last, verb) {
            ("status", _) => format!("status of {}", parts.nth(1).unwrap()),
            (_, "POST") => last.to_string(),
            _ => parts.next().unwrap().to_string(),
        };
        *counted.entry(what).or_insert(0) += 1;
    }
    counted
}

/// What one update writes, and the ReplicaSets and the Rollout's status at its end.
/// `pace`: from the node to running, and from there to ready.
async fn update(decide: Decide, pace: Duration) -> (BTreeMap<String, usize>, Value) {
    let world = World::new().await;
    let mut pods = Pretend::default();
    (pods.start, pods.ready) = (pace, pace);
    world.model.set_pod_runner(pods);
    apply(&world).await;
    let tap = Tap::default();
    let running = world.start(decide, &tap);
    world.until(&ROLLOUT, "web", 60, is_healthy).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let before = tap.written().len();
    world.patch(&ROLLOUT, "web", json!({"spec": {"template": template("web:2")}})).await;
    world
        .until(&ROLLOUT, "web", 60, |rollout| is_healthy(rollout) && number(rollout, "/metadata/generation") > 1)
        .await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    running.stop().await;
    let mut status = world.get(&ROLLOUT, "web").await["status"].take();
    // Its times differ by the moment for which counts may wait.
    status["conditions"] = json!(null);
    (counted(&tap.written()[before..]), status)
}

/// As if nothing were ever held back.
fn at_once(seen: &Seen, now: Timestamp) -> Plan {
    decide(&Seen { held_since: Some(Timestamp::UNIX_EPOCH), ..seen.clone() }, now)
}

/// The figures of `docs/figures.md`.
#[tokio::test(start_paused = true)]
async fn an_update_writes_what_it_must_and_counts_in_passing() {
    for (pace, statuses) in [(100, 12), (1_000, 14)] {
        let pace = Duration::from_millis(pace);
        let (written, status) = update(decide, pace).await;
        let (written_at_once, status_at_once) = update(at_once, pace).await;
        println!("{pace:?}: {written:?}; at once: {written_at_once:?}");
        assert_eq!(status, status_at_once, "{pace:?}");
        let wanted =
            [("ingresses", 4), ("replicasets", 5), ("rollouts", 1), ("services", 2), ("status of rollouts", statuses)];
        assert_eq!(written, wanted.map(|(what, count)| (what.to_string(), count)).into(), "{pace:?}");
        assert!(written_at_once["status of rollouts"] > statuses, "{pace:?}: {written_at_once:?}");
    }
}
