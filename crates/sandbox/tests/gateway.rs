//! Demo servers behind the gateway, asked by the client: real sockets, no cluster.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use serde_json::{Value, json};
use serinus_sandbox::gateway::counts::Counts;
use serinus_sandbox::gateway::proxy;
use serinus_sandbox::gateway::table::{Addresses, Objects, Shared, Table, version_of};
use serinus_sandbox::listener;
use serinus_sandbox::pods::demo::{Behaviour, Demo};
use serinus_sandbox::pods::log::Log;
use serinus_sandbox::traffic::{self, Meter, Seen, Target};
use std::net::SocketAddr;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

struct World {
    objects: Objects,
    addresses: Addresses,
    demos: Vec<Demo>,
    table: Shared,
    counts: Counts,
    gateway: SocketAddr,
    stop: CancellationToken,
}

fn key(name: &str) -> (String, String) {
    ("shop".to_string(), name.to_string())
}

fn object<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

impl World {
    async fn new() -> World {
        let (table, counts, stop) = (Shared::default(), Counts::default(), CancellationToken::new());
        let (listener, gateway) = listener::bind("gateway", "--gateway-port", 0).await.unwrap();
        tokio::spawn(proxy::serve(listener, table.clone(), counts.clone(), stop.clone()));
        let mut world = World {
            objects: Objects::default(),
            addresses: Addresses::new(),
            demos: Vec::new(),
            table,
            counts,
            gateway,
            stop,
        };
        for service in ["stable", "canary"] {
            let raw = json!({"metadata": {"name": service, "namespace": "shop"},
                "spec": {"ports": [{"name": "http", "port": 8080}]}});
            world.objects.services.insert(key(service), object(raw));
        }
        world.ingress("web", "stable", json!({}));
        world
    }

    fn ingress(&mut self, name: &str, service: &str, annotations: Value) {
        let backend = json!({"service": {"name": service, "port": {"name": "http"}}});
        let raw = json!({
            "metadata": {"name": name, "namespace": "shop", "annotations": annotations},
            "spec": {"rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]}
        });
        self.objects.ingresses.insert(key(name), object(raw));
    }

    fn weight(&mut self, weight: u32) {
        let annotations = json!({
            "nginx.ingress.kubernetes.io/canary": "true",
            "nginx.ingress.kubernetes.io/canary-weight": weight.to_string()
        });
        self.ingress("web-canary", "canary", annotations);
    }

    async fn pod(&mut self, name: &str, tag: &str) {
        let demo = Demo::start(name, Behaviour::of_tag(tag).unwrap(), Log::default()).await.unwrap();
        self.addresses.insert(key(name), demo.address());
        self.demos.push(demo);
        let pod = json!({"metadata": {"name": name, "namespace": "shop"},
            "spec": {"containers": [{"image": format!("serinus/demo:{tag}")}]}});
        self.objects.pods.insert(key(name), version_of(&pod));
    }

    fn behind(&mut self, service: &str, pods: &[&str]) {
        let endpoints: Vec<Value> = pods
            .iter()
            .map(|pod| json!({"conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": pod}}))
            .collect();
        let raw = json!({
            "metadata": {"name": service, "namespace": "shop", "labels": {"kubernetes.io/service-name": service}},
            "endpoints": endpoints
        });
        self.objects.slices.insert(key(service), object(raw));
        self.table.replace(Table::of(&self.objects, &self.addresses));
    }

    /// Sends requests until the client has sent `count`, and waits for all answers.
    async fn traffic(&self, count: u64) -> Seen {
        let target = Target { gateway: self.gateway, host: "shop.example.org".into(), path: "/".into() };
        let (meter, stop) = (Meter::default(), CancellationToken::new());
        let client = tokio::spawn(traffic::run(target, 500, meter.clone(), stop.clone()));
        while meter.now().sent < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
        client.await.unwrap();
        meter.now()
    }
}

#[tokio::test]
async fn weights_and_failures_are_what_the_client_sees() {
    let mut world = World::new().await;
    world.pod("a", "1.0.0").await;
    world.pod("b", "2.0.0-errors20").await;
    world.behind("stable", &["a"]);
    world.weight(20);
    world.behind("canary", &["b"]);
    let seen = world.traffic(500).await;
    assert_eq!(seen.lost, 0, "{seen:?}");
    let canary = seen.answers()["2.0.0-errors20"] as f64 / seen.sent as f64;
    assert!((0.17..0.23).contains(&canary), "{seen:?}");
    let failed = seen.bad["2.0.0-errors20"] as f64 / seen.answers()["2.0.0-errors20"] as f64;
    assert!((0.17..0.23).contains(&failed), "{seen:?}");
    let counted: u64 = world.counts.versions().values().map(|tally| tally.requests).sum();
    assert_eq!(counted, seen.sent);
}

#[tokio::test]
async fn nothing_is_lost_when_pods_and_the_gateway_go() {
    let mut world = World::new().await;
    world.pod("a", "1.0.0-slow20").await;
    world.pod("b", "1.0.0").await;
    world.behind("stable", &["a", "b"]);
    let before = world.traffic(50).await;
    assert_eq!(before.lost, 0, "{before:?}");
    // `a` is gone before the table knows: new requests are passed on to `b`.
    world.demos.remove(0).stop().await;
    let during = world.traffic(100).await;
    assert_eq!((during.lost, during.bad.len()), (0, 0), "{during:?}");
    world.behind("stable", &[]);
    let none = world.traffic(10).await;
    assert_eq!(none.lost, none.sent, "no ready pod: the gateway says so");
    world.stop.cancel();
}
