//! A tiny world for the laws: objects as plain data, plans applied to them, ReplicaSets and endpoints that follow.

// Each test file uses a part of it.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../merge/mod.rs"]
mod merge;
mod nature;
mod pods;
mod writes;

pub use merge::patched;

use jiff::Timestamp;
use serde_json::{Value, json};
use serinus_decide::{Act, Plan, Seen, Workload, decide};
use serinus_wire::analysis::{AnalysisTemplate, Phase};
use serinus_wire::k8s::{Ingress, ReplicaSet, Service};
use serinus_wire::{Rollout, k8s, keys};
use std::collections::{BTreeMap, BTreeSet};

/// Everything there is.
#[derive(Clone)]
pub struct World {
    pub seen: Seen,
    pub now: Timestamp,
    version: u64,
    births: u64,
    pub events: Vec<String>,
    pub pods: Vec<k8s::Pod>,
    pod_births: u64,
    /// Greatest weight that was ever given to the canary, or taken from it, while the receiver had no ready endpoint.
    pub blind_weight: i32,
    /// How experiments end; absent: they go on.
    pub verdict: Option<Phase>,
    /// How AnalysisRuns end; absent: they go on.
    pub judgement: Option<Phase>,
    /// Hashes that the active Service has ever selected.
    pub once_active: BTreeSet<String>,
}

/// What makes one generated world differ from another.
impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(&self.seen.rollout.spec).unwrap())
    }
}

pub fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

impl World {
    pub fn new(spec: Value, annotations: &[(&str, &str)]) -> World {
        let object = json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "uid-web", "resourceVersion": "1", "generation": 1,
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "annotations": annotations.iter().map(|(k, v)| (k.to_string(), json!(v))).collect::<serde_json::Map<_, _>>()},
            "spec": spec,
        });
        let rollout = Rollout::read(object).unwrap();
        let mut world = World {
            seen: Seen { rollout, ..Seen::default() },
            now: start(),
            version: 1,
            births: 0,
            events: Vec::new(),
            pods: Vec::new(),
            pod_births: 0,
            blind_weight: 0,
            verdict: Some(Phase::Successful),
            judgement: None,
            once_active: BTreeSet::new(),
        };
        for name in ["web-stable", "web-canary", "web-active", "web-preview", "web-ping", "web-pong"] {
            let service: Service = serde_json::from_value(json!({
                "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"), "resourceVersion": "1"},
                "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
            }))
            .unwrap();
            world.seen.services.insert(name.to_string(), service);
        }
        let ingress: Ingress = serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "uid-ing", "resourceVersion": "1"},
            "spec": {"ingressClassName": "nginx", "rules": [{"host": "web.test", "http": {"paths": [
                {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web-stable", "port": {"number": 80}}}}]}}]},
        }))
        .unwrap();
        world.seen.ingresses.insert("web".to_string(), ingress);
        world.endpoints();
        world
    }

    pub fn behind_deployment(mut self, template: Value) -> World {
        self.seen.workload = Workload::Found(Box::new(
            serde_json::from_value::<k8s::Workload>(json!({
                "metadata": {"name": "web", "namespace": "shop", "uid": "uid-d", "resourceVersion": "1", "generation": 1},
                "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": template},
            }))
            .unwrap(),
        ));
        self
    }

    /// What stands behind the `workloadRef`.
    pub fn workload(&mut self) -> Option<&mut k8s::Workload> {
        match &mut self.seen.workload {
            Workload::Found(workload) => Some(workload),
            Workload::NotReferenced | Workload::Unsupported | Workload::Missing => None,
        }
    }

    /// Somebody writes an AnalysisTemplate.
    pub fn add_template(&mut self, name: &str, spec: &Value) {
        let object = json!({"metadata": {"name": name, "namespace": "shop"}, "spec": spec});
        self.seen.templates.insert(name.to_string(), AnalysisTemplate::read(&object).unwrap());
    }

    fn bump(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    pub fn plan(&self) -> Plan {
        decide(&self.look(), self.now)
    }

    /// Applies at most `limit` writes of a plan; stops early as a crash would.
    pub fn apply(&mut self, plan: &Plan, limit: usize) -> usize {
        let mut done = 0;
        // Who crashes forgets it.
        self.seen.held_since = plan.held_since.filter(|_| plan.writes().count() <= limit);
        for act in &plan.acts {
            match act {
                Act::Note(note) | Act::NoteOwner(note) => self.events.push(note.reason.clone()),
                Act::Write(write) => {
                    if done == limit {
                        return done;
                    }
                    self.write(write);
                    done += 1;
                }
            }
        }
        done
    }

    pub fn canary_weight(&self) -> i32 {
        let annotation = "nginx.ingress.kubernetes.io/canary-weight";
        let ingress = self.seen.ingresses.get("web-web-canary");
        ingress.and_then(|it| it.metadata.annotations.get(annotation)).map_or(0, |text| text.parse().unwrap())
    }

    /// Somebody puts a Service back as its manifest has it.
    pub fn unselect(&mut self, service: &str) {
        let version = self.bump();
        let service = self.seen.services.get_mut(service).unwrap();
        service.spec.selector.remove(keys::HASH);
        service.metadata.resource_version = version;
    }

    /// Ready endpoints of a Service that belong to a set.
    pub fn listed(&self, service: &str, set: &str) -> i32 {
        let slices = self.seen.endpoints.get(service).into_iter().flatten();
        let pods = slices.flat_map(|slice| &slice.endpoints).filter_map(|endpoint| endpoint.target_ref.as_ref());
        i32::try_from(pods.filter(|pod| pod.name.starts_with(set)).count()).unwrap()
    }

    /// A person or the controller edits the Rollout.
    pub fn edit_rollout(&mut self, patch: &Value, status: bool) {
        let version = self.bump();
        let rollout = &mut self.seen.rollout;
        let generation = rollout.metadata.generation;
        let before = rollout.spec.clone();
        let findings = std::mem::take(&mut rollout.findings);
        *rollout = patched(rollout, patch);
        // What could not be read is still in the stored object until somebody writes the spec.
        rollout.findings = if status { findings } else { Vec::new() };
        rollout.metadata.resource_version = version;
        rollout.metadata.generation = if !status && rollout.spec != before { generation + 1 } else { generation };
    }

    /// Decides and applies until nothing is left to write; panics when that does not end.
    pub fn rest(&mut self) -> Plan {
        for _ in 0..40 {
            let plan = self.plan();
            self.apply(&plan, usize::MAX);
            if plan.writes().next().is_none() {
                return plan;
            }
        }
        panic!("no rest after 40 rounds: {:#?}\n{}", self.plan(), self.plan().report);
    }

    /// As `rest`, and the counts that are held back are written as well.
    pub fn rest_told(&mut self) -> Plan {
        loop {
            let plan = self.rest();
            match plan.held_since {
                Some(_) => self.now = plan.wake.unwrap(),
                None => return plan,
            }
        }
    }

    /// Lets the world behave until the Rollout waits for nothing but a person: pods become ready, time passes.
    pub fn run(&mut self) {
        for _ in 0..120 {
            let plan = self.rest();
            let before = self.seen.clone();
            self.settle_pods();
            if self.seen != before {
                continue;
            }
            match plan.wake {
                Some(at) => self.now = at,
                None => return,
            }
        }
        panic!("never comes to an end: {}", self.plan().report);
    }

    pub fn phase(&self) -> &str {
        &self.seen.rollout.status.phase
    }

    pub fn set(&self, hash: &str) -> Option<&ReplicaSet> {
        self.seen.replica_sets.iter().find(|set| set.metadata.labels.get(keys::HASH).is_some_and(|it| it == hash))
    }

    /// Sizes by image, for what a person would compare.
    pub fn sizes(&self) -> BTreeMap<String, i32> {
        self.seen
            .replica_sets
            .iter()
            .map(|set| (image(&set.spec.template), set.spec.replicas.unwrap_or(1)))
            .filter(|(_, size)| *size > 0)
            .collect()
    }

    pub fn selected(&self, service: &str) -> String {
        let hash = self.seen.services[service].spec.selector.get(keys::HASH).cloned().unwrap_or_default();
        self.set(&hash).map_or_else(String::new, |set| image(&set.spec.template))
    }
}

pub fn image(template: &Value) -> String {
    template.pointer("/spec/containers/0/image").and_then(Value::as_str).unwrap_or_default().to_string()
}

pub fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
}
