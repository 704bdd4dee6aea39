//! A tiny world for the laws: objects as plain data, plans applied to them, ReplicaSets and endpoints that follow.

// Each test file uses a part of it.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../merge/mod.rs"]
mod merge;
mod pods;

pub use merge::patched;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use serinus_decide::{Act, Guard, Kind, Op, Plan, Seen, Workload, Write, decide};
use serinus_wire::analysis::Phase;
use serinus_wire::k8s::{Endpoint, EndpointConditions, EndpointSlice, Ingress, ReplicaSet, Service, TargetRef};
use serinus_wire::{AnalysisRun, Experiment, Rollout, k8s, keys};
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

    fn write(&mut self, write: &Write) {
        let name = &write.target.name;
        let weight_before = self.canary_weight();
        match &write.guard {
            Guard::Absent => assert!(matches!(write.op, Op::Create(_)), "only creations expect absence: {write:?}"),
            Guard::Is { uid, resource_version } => {
                assert!(!uid.is_empty() && !resource_version.is_empty(), "{write:?}")
            }
        }
        let version = self.bump();
        match (write.target.kind, &write.op) {
            (Kind::ReplicaSet, Op::Create(object)) => {
                self.births += 1;
                assert!(!self.seen.replica_sets.iter().any(|set| &set.metadata.name == name), "{name} exists");
                let mut set: ReplicaSet = serde_json::from_value(object.clone()).unwrap();
                set.metadata.uid = format!("uid-rs-{}", self.births);
                set.metadata.resource_version = version;
                set.metadata.generation = 1;
                set.metadata.creation_timestamp = Some(serinus_wire::Time::whole_seconds(
                    self.now.checked_add(SignedDuration::from_millis(i64::try_from(self.births).unwrap())).unwrap(),
                ));
                self.seen.replica_sets.push(set);
            }
            (Kind::ReplicaSet, Op::Delete) => self.seen.replica_sets.retain(|set| &set.metadata.name != name),
            (Kind::ReplicaSet, Op::Patch(patch)) => {
                let set = self.seen.replica_sets.iter_mut().find(|set| &set.metadata.name == name).unwrap();
                *set = patched(set, patch);
                set.metadata.resource_version = version;
                if patch.get("spec").is_some() {
                    set.metadata.generation += 1;
                }
            }
            (Kind::Rollout, Op::Patch(patch)) => self.edit_rollout(patch, false),
            (Kind::Rollout, Op::PatchStatus(patch)) => self.edit_rollout(patch, true),
            (Kind::Service, Op::Patch(patch)) => {
                let service = self.seen.services.get_mut(name).unwrap();
                if name == "web-active" {
                    self.once_active.extend(service.spec.selector.get(keys::HASH).cloned());
                }
                *service = patched(service, patch);
                service.metadata.resource_version = version;
            }
            (Kind::Ingress, Op::Create(object)) => {
                let mut ingress: Ingress = serde_json::from_value(object.clone()).unwrap();
                ingress.metadata.uid = format!("uid-{name}");
                ingress.metadata.resource_version = version;
                assert!(self.seen.ingresses.insert(name.clone(), ingress).is_none());
            }
            (Kind::Ingress, Op::Patch(patch)) => {
                let ingress = self.seen.ingresses.get_mut(name).unwrap();
                *ingress = patched(ingress, patch);
                ingress.metadata.resource_version = version;
            }
            (Kind::Deployment, Op::Patch(patch)) => {
                let Workload::Found(workload) = &mut self.seen.workload else { panic!("no such workload: {write:?}") };
                **workload = patched(&**workload, patch);
                workload.metadata.resource_version = version;
                workload.metadata.generation += 1;
            }
            (Kind::Pod, Op::Patch(patch)) => {
                let pod = self.pods.iter_mut().find(|pod| &pod.metadata.name == name).unwrap();
                *pod = patched(pod, patch);
                pod.metadata.resource_version = version;
            }
            (Kind::AnalysisRun, Op::Create(object)) => {
                assert!(!self.seen.runs.iter().any(|run| &run.metadata.name == name), "{name} exists");
                let mut run = AnalysisRun::read(object).unwrap();
                run.metadata.uid = format!("uid-{name}");
                run.metadata.resource_version = version;
                run.metadata.creation_timestamp = Some(serinus_wire::Time::whole_seconds(self.now));
                self.seen.runs.push(run);
            }
            (Kind::AnalysisRun, Op::Delete) => self.seen.runs.retain(|run| &run.metadata.name != name),
            (Kind::AnalysisRun, Op::Patch(patch)) => {
                let run = self.seen.runs.iter_mut().find(|run| &run.metadata.name == name).unwrap();
                *run = patched(run, patch);
                run.metadata.resource_version = version;
            }
            (Kind::Experiment, Op::Create(object)) => {
                assert!(!self.seen.experiments.iter().any(|it| &it.metadata.name == name), "{name} exists");
                let mut experiment = Experiment::read(object).unwrap();
                experiment.metadata.uid = format!("uid-{name}");
                experiment.metadata.resource_version = version;
                experiment.metadata.creation_timestamp = Some(serinus_wire::Time::whole_seconds(self.now));
                self.seen.experiments.push(experiment);
            }
            (Kind::Experiment, Op::Delete) => self.seen.experiments.retain(|it| &it.metadata.name != name),
            (Kind::Experiment, Op::Patch(patch)) => {
                let experiment = self.seen.experiments.iter_mut().find(|it| &it.metadata.name == name).unwrap();
                *experiment = patched(experiment, patch);
                experiment.metadata.resource_version = version;
            }
            other => panic!("unexpected write {other:?}"),
        }
        self.check_weight(weight_before);
    }

    /// Weight for a Service without a ready endpoint would lose requests.
    fn check_weight(&mut self, before: i32) {
        let weight = self.canary_weight();
        let reachable = |service: &str| {
            self.seen.endpoints.get(service).is_some_and(|slices| {
                slices.iter().flat_map(|slice| &slice.endpoints).any(|endpoint| endpoint.conditions.ready == Some(true))
            })
        };
        let (canary, stable) = (reachable("web-canary"), reachable("web-stable"));
        if (weight > before && !canary) || (weight < before && !stable && canary) {
            self.blind_weight = self.blind_weight.max(weight.max(before));
        }
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

    /// ReplicaSets reach their size, pods become ready, endpoints follow the selectors.
    pub fn settle_pods(&mut self) {
        for set in &mut self.seen.replica_sets {
            let wanted = set.spec.replicas.unwrap_or(1);
            set.status.replicas = wanted;
            set.status.ready_replicas = wanted;
            set.status.available_replicas = wanted;
            set.status.observed_generation = set.metadata.generation;
        }
        self.follow_sizes();
        self.endpoints();
        self.settle_experiments();
    }

    /// Experiments that are to end are successful; the others come to the verdict.
    fn settle_experiments(&mut self) {
        for experiment in &mut self.seen.experiments {
            let over = experiment.status.phase.is_some_and(Phase::is_completed);
            let next = if experiment.spec.terminate { Some(Phase::Successful) } else { self.verdict };
            if let Some(phase) = next.filter(|_| !over) {
                experiment.status.phase = Some(phase);
                experiment.status.message = if phase == Phase::Failed { "it is broken".into() } else { String::new() };
            } else if !over {
                experiment.status.phase = Some(Phase::Running);
            }
        }
    }

    /// As `settle_pods`, but only a part of the pods of each set is available.
    pub fn settle_partly(&mut self, parts: &[u8]) {
        for (index, set) in self.seen.replica_sets.iter_mut().enumerate() {
            let wanted = set.spec.replicas.unwrap_or(1);
            let part = i32::from(parts.get(index % parts.len().max(1)).copied().unwrap_or(4) % 5);
            set.status.replicas = wanted;
            set.status.ready_replicas = wanted * part / 4;
            set.status.available_replicas = wanted * part / 4;
            set.status.observed_generation = set.metadata.generation;
        }
        self.follow_sizes();
        self.endpoints();
    }

    fn endpoints(&mut self) {
        for (name, service) in &self.seen.services {
            let selected = service.spec.selector.get(keys::HASH);
            let endpoints = self
                .seen
                .replica_sets
                .iter()
                .filter(|set| selected.is_none_or(|hash| set.metadata.labels.get(keys::HASH) == Some(hash)))
                .flat_map(|set| {
                    (0..set.status.available_replicas).map(|pod| Endpoint {
                        addresses: vec![],
                        conditions: EndpointConditions { ready: Some(true), ..Default::default() },
                        target_ref: Some(TargetRef {
                            kind: "Pod".into(),
                            name: format!("{}-{pod:05}", set.metadata.name),
                        }),
                    })
                })
                .collect();
            let slice = EndpointSlice { endpoints, ..Default::default() };
            self.seen.endpoints.insert(name.clone(), vec![slice]);
        }
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
