//! A world for tests: a small Kubernetes in memory, virtual time, and a tap on what the controller sends to it.
#![allow(dead_code, missing_docs)]

pub mod play;
pub mod registry;
pub mod seed;
pub mod storm;
pub mod story;
mod tap;
pub mod web;

#[allow(unused_imports)]
pub use tap::{Moment, Tap};

use futures::stream::BoxStream;
use jiff::Timestamp;
use serde_json::{Value, json};
use serinus_cluster::client::{Cluster, Patch, Resource, Selection, over};
use serinus_cluster::{Decide, Error, Options, TokioClock, run};
use serinus_model::{Life, LogOptions, Model, PodRunner, Pretend};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub const NS: &str = "web";

const fn resource(group: &'static str, version: &'static str, kind: &'static str, plural: &'static str) -> Resource {
    Resource { group, version, kind, plural }
}

pub const NAMESPACE: Resource = resource("", "v1", "Namespace", "namespaces");
pub const SERVICE: Resource = resource("", "v1", "Service", "services");
pub const EVENT: Resource = resource("", "v1", "Event", "events");
pub const INGRESS: Resource = resource("networking.k8s.io", "v1", "Ingress", "ingresses");
pub const ENDPOINT_SLICE: Resource = resource("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices");
pub const LEASE: Resource = resource("coordination.k8s.io", "v1", "Lease", "leases");
pub const CRD: Resource =
    resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions");
#[allow(unused_imports)] // Each test file uses a part of it.
pub use serinus_cluster::client::{DEPLOYMENT, REPLICA_SET, ROLLOUT};

/// The world.
pub struct World {
    pub model: Model,
    pub clock: Arc<TokioClock>,
    /// What people do, past the tap.
    pub people: Cluster,
    nature: JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.nature.abort();
    }
}

impl World {
    pub async fn new() -> World {
        use serinus_wire::crd;
        let analysis = [crd::analysis_run(), crd::analysis_template(), crd::cluster_analysis_template()];
        World::with([rollout_crd()].into_iter().chain(analysis).chain([crd::experiment()])).await
    }

    /// A world with these definitions.
    pub async fn with(definitions: impl IntoIterator<Item = Value>) -> World {
        let clock = Arc::new(TokioClock::starting_at("2026-01-01T00:00:00Z".parse().unwrap()));
        let time = clock.clone();
        let world = World::around(Model::new(move || serinus_cluster::Clock::now(&*time)), clock);
        for definition in definitions {
            world.create_wide(&CRD, definition).await;
        }
        world.create_wide(&NAMESPACE, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS}})).await;
        world
    }

    /// A world that goes on from a cluster that stands still.
    pub fn of(still: &Model) -> World {
        let clock = Arc::new(TokioClock::starting_at(still.now()));
        let time = clock.clone();
        World::around(still.fork(move || serinus_cluster::Clock::now(&*time)), clock)
    }

    /// The cluster as it is now: a copy in which nothing moves.
    pub fn still(&self) -> Model {
        let now = self.model.now();
        self.model.fork(move || now)
    }

    fn around(model: Model, clock: Arc<TokioClock>) -> World {
        model.set_pod_runner(Nodes::default());
        let nature = tokio::spawn(model.clone().run());
        let people = over(model.service(), NS);
        World { model, clock, people, nature }
    }

    /// Creates a cluster-wide object.
    pub async fn create_wide(&self, resource: &Resource, object: Value) {
        let request = http::Request::post(resource.collection(None))
            .header("content-type", "application/json")
            .body(object.to_string().into_bytes())
            .unwrap();
        self.people.client().request::<Value>(request).await.unwrap();
    }

    pub async fn create(&self, resource: &Resource, object: Value) -> Value {
        self.people.create(resource, NS, &object).await.unwrap()
    }

    pub async fn get(&self, resource: &Resource, name: &str) -> Value {
        self.people.get(resource, NS, name).await.unwrap_or(Value::Null)
    }

    pub async fn list(&self, resource: &Resource) -> Vec<Value> {
        self.people.list(resource, Some(NS), &Selection::default()).await.unwrap()
    }

    pub async fn patch(&self, resource: &Resource, name: &str, patch: Value) -> Value {
        self.people.patch(resource, NS, name, Patch::Merge, &patch).await.unwrap()
    }

    pub async fn patch_status(&self, resource: &Resource, name: &str, patch: Value) -> Value {
        self.people.patch_status(resource, NS, name, &patch).await.unwrap()
    }

    /// Reasons of the events on a Rollout, in order.
    pub async fn reasons(&self, rollout: &str) -> Vec<String> {
        let mut events = self.list(&EVENT).await;
        events.retain(|event| event["involvedObject"]["name"] == rollout);
        events.sort_by_key(|event| text(event, "/metadata/resourceVersion").parse::<u64>().unwrap());
        events.iter().map(|event| text(event, "/reason").to_string()).collect()
    }

    /// An object as it is this moment, past the API; null when there is none.
    pub fn look(&self, resource: &Resource, name: &str) -> Value {
        self.model.get(resource.group, resource.kind, NS, name).unwrap_or(Value::Null)
    }

    /// All objects of a kind as they are this moment, past the API.
    pub fn look_all(&self, resource: &Resource) -> Vec<Value> {
        self.model.list(resource.group, resource.kind, NS)
    }

    /// Waits in virtual time until `check` holds of the object.
    pub async fn until(&self, resource: &Resource, name: &str, limit: u64, check: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + Duration::from_secs(limit);
        loop {
            let version = self.model.version();
            let object = self.look(resource, name);
            if check(&object) {
                return object;
            }
            let news = tokio::time::timeout_at(end, self.model.changed(version)).await;
            assert!(news.is_ok(), "after {limit} s still not so: {object:#}");
        }
    }

    /// Starts a controller of its own memory behind `tap`.
    pub fn start(&self, decide: Decide, tap: &Tap) -> Running {
        self.start_with(decide, tap, |_| {})
    }

    pub fn start_with(&self, decide: Decide, tap: &Tap, change: impl FnOnce(&mut Options)) -> Running {
        self.start_over(decide, tap.on(self.model.service()), change)
    }

    /// Starts a controller of its own memory that reaches the API through `service`.
    pub fn start_over<S, B>(&self, decide: Decide, service: S, change: impl FnOnce(&mut Options)) -> Running
    where
        S: tower::Service<http::Request<kube::client::Body>, Response = http::Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<tower::BoxError>,
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<tower::BoxError>,
    {
        let client = over(service, NS).client();
        let mut options = Options::new(decide);
        options.clock = self.clock.clone();
        change(&mut options);
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(client, options, stop.clone()));
        Running { stop, task }
    }
}

/// Nodes that run `linux`: a pod that selects another system waits for ever.
#[derive(Default)]
struct Nodes(Pretend);

impl PodRunner for Nodes {
    fn look(&mut self, pod: &Value, now: Timestamp) -> Life {
        let system = text(pod, "/spec/nodeSelector/kubernetes.io~1os");
        let leaves = pod["metadata"]["deletionTimestamp"].is_string();
        if system.is_empty() || system == "linux" || leaves { self.0.look(pod, now) } else { Life::default() }
    }
    fn forget(&mut self, uid: &str) {
        self.0.forget(uid);
    }
    fn logs(&mut self, pod: &Value, options: &LogOptions) -> Result<BoxStream<'static, bytes::Bytes>, String> {
        self.0.logs(pod, options)
    }
}

/// A controller at work.
pub struct Running {
    pub stop: CancellationToken,
    pub task: JoinHandle<Result<(), Error>>,
}

impl Running {
    /// Stops it as a good process is stopped.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// Stops it as SIGKILL does.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

pub fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// What a panic said.
pub fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_string())).unwrap_or_default()
}

/// Where two values differ, by path.
pub fn difference(wanted: &Value, got: &Value) -> String {
    fn walk(path: &str, wanted: &Value, got: &Value, found: &mut Vec<String>) {
        match (wanted, got) {
            (Value::Object(a), Value::Object(b)) => {
                let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
                let of = |map: &serde_json::Map<String, Value>, key: &String| map.get(key).cloned().unwrap_or_default();
                for key in keys {
                    walk(&format!("{path}/{key}"), &of(a, key), &of(b, key), found);
                }
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                for (index, (a, b)) in a.iter().zip(b).enumerate() {
                    walk(&format!("{path}/{index}"), a, b, found);
                }
            }
            _ if wanted != got => found.push(format!("{path}: {wanted} became {got}")),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk("", wanted, got, &mut found);
    found.join("; ")
}

fn rollout_crd() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "rollouts.argoproj.io"},
        "spec": {
            "group": "argoproj.io", "scope": "Namespaced",
            "names": {"kind": "Rollout", "listKind": "RolloutList", "plural": "rollouts", "singular": "rollout"},
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    })
}
