//! What one application looks like now, asked in the words of its users: versions, weights, pauses.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::mirror::{Key, Kind};
use crate::normal::{Hashes, learn, text};

const HASH: &str = "rollouts-pod-template-hash";
const DEADLINE: &str = "scale-down-deadline";
const WEIGHT: &str = "nginx.ingress.kubernetes.io/canary-weight";

/// All objects of one application.
#[derive(Clone, Default)]
pub struct World {
    /// The objects.
    pub objects: BTreeMap<Key, Arc<Value>>,
    nothing: Value,
}

impl World {
    /// Of these objects.
    pub fn new(objects: BTreeMap<Key, Arc<Value>>) -> Self {
        Self { objects, nothing: Value::Null }
    }

    /// Its objects of one kind.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |(key, _)| key.0 == kind).map(|(_, object)| object.as_ref())
    }

    /// The Rollout; null when there is none.
    pub fn rollout(&self) -> &Value {
        self.all(Kind::Rollout).next().unwrap_or(&self.nothing)
    }

    /// Its status.
    pub fn status(&self) -> &Value {
        &self.rollout()["status"]
    }

    /// The controller has seen the spec as it is.
    pub fn observed(&self) -> bool {
        let generation = self.rollout()["metadata"]["generation"].to_string();
        text(&self.status()["observedGeneration"]) == generation
    }

    /// `status.phase`, when it is about the spec as it is.
    pub fn phase(&self) -> &str {
        if self.observed() { text(&self.status()["phase"]) } else { "" }
    }

    /// The step; -1 without one.
    pub fn step(&self) -> i64 {
        self.status()["currentStepIndex"].as_i64().unwrap_or(-1)
    }

    /// Whether it waits in a pause for this reason.
    pub fn paused_by(&self, reason: &str) -> bool {
        let list = self.status()["pauseConditions"].as_array();
        self.phase() == "Paused" && list.into_iter().flatten().any(|pause| pause["reason"] == reason)
    }

    /// Whether it waits in the pause that is this step, from 0.
    pub fn at_pause(&self, step: i64) -> bool {
        self.paused_by("CanaryPauseStep") && self.step() == step
    }

    /// Reason of a condition; empty without it.
    pub fn reason(&self, condition: &str) -> &str {
        let list = self.status()["conditions"].as_array();
        let found = list.into_iter().flatten().find(|one| one["type"] == condition);
        found.map_or("", |one| text(&one["reason"]))
    }

    /// Whether it is aborted and says so.
    pub fn aborted(&self) -> bool {
        self.status()["abort"] == true && self.phase() == "Degraded" && self.reason("Progressing") == "RolloutAborted"
    }

    /// The Rollout's ReplicaSets; a Deployment and an Experiment have others.
    pub fn sets(&self) -> impl Iterator<Item = &Value> {
        self.hashed().filter(|set| !of_experiment(set))
    }

    fn hashed(&self) -> impl Iterator<Item = &Value> {
        self.all(Kind::ReplicaSet).filter(|set| !set["metadata"]["labels"][HASH].is_null())
    }

    /// The ReplicaSet of a version.
    pub fn set(&self, version: i64) -> &Value {
        self.sets().find(|set| version_of(set) == version).unwrap_or(&self.nothing)
    }

    /// Pods that a version is to have; -1 when there is no such ReplicaSet.
    pub fn size(&self, version: i64) -> i64 {
        self.set(version)["spec"]["replicas"].as_i64().unwrap_or(-1)
    }

    /// Pods of a version that are available.
    pub fn available(&self, version: i64) -> i64 {
        self.set(version)["status"]["availableReplicas"].as_i64().unwrap_or(0)
    }

    /// A version has so many pods, all of them available.
    pub fn runs(&self, version: i64, pods: i64) -> bool {
        self.size(version) == pods
            && self.available(version) == pods
            && self.set(version)["status"]["replicas"].as_i64().unwrap_or(0) == pods
    }

    /// Whether a version's pods wait for their deadline.
    pub fn lingers(&self, version: i64) -> bool {
        !self.set(version)["metadata"]["annotations"][DEADLINE].is_null()
    }

    /// Weight of the canary Ingress; -1 without one.
    pub fn weight(&self) -> i64 {
        let weight = self
            .all(Kind::Ingress)
            .find_map(|ingress| ingress["metadata"]["annotations"][WEIGHT].as_str()?.parse().ok());
        weight.unwrap_or(-1)
    }

    /// The version behind a Service; 0 when its selector names none.
    pub fn serves(&self, role: &str) -> i64 {
        let service = self.all(Kind::Service).find(|one| text(&one["metadata"]["name"]).ends_with(role));
        self.version(service.map_or("", |service| text(&service["spec"]["selector"][HASH])))
    }

    /// The stable version; 0 without one.
    pub fn stable(&self) -> i64 {
        self.version(text(&self.status()["stableRS"]))
    }

    fn version(&self, hash: &str) -> i64 {
        let found = self.sets().find(|set| set["metadata"]["labels"][HASH] == hash);
        found.map_or(0, version_of)
    }

    /// A version is all there is, and the Rollout says that it is healthy.
    pub fn done(&self, version: i64) -> bool {
        let mut others = self.sets().filter(|set| version_of(set) != version);
        self.settled(version) && others.all(|set| set["status"]["replicas"] == 0)
    }

    /// The same, while older versions of a blue/green Rollout may still linger.
    pub fn settled(&self, version: i64) -> bool {
        self.promoted(version) && self.phase() == "Healthy" && self.reason("Progressing") == "NewReplicaSetAvailable"
    }

    /// A version is the stable one and has all its pods; a canary is not healthy before the older ones are gone.
    pub fn promoted(&self, version: i64) -> bool {
        let replicas = self.rollout()["spec"]["replicas"].as_i64().unwrap_or(1);
        self.observed() && self.stable() == version && self.runs(version, replicas)
    }

    /// Phase of the AnalysisRun of a type that was made last; empty without one.
    pub fn run(&self, kind: &str) -> &str {
        let runs = self.all(Kind::AnalysisRun).filter(|run| run["metadata"]["labels"]["rollout-type"] == kind);
        latest(runs).map_or("", |run| text(&run["status"]["phase"]))
    }

    /// Phase of the Experiment that was made last; empty without one.
    pub fn experiment(&self) -> &str {
        latest(self.all(Kind::Experiment)).map_or("", |one| text(&one["status"]["phase"]))
    }

    /// Phase of the AnalysisRun of an Experiment that was made last; empty without one.
    pub fn judged(&self) -> &str {
        latest(self.all(Kind::AnalysisRun).filter(|run| of_experiment(run)))
            .map_or("", |run| text(&run["status"]["phase"]))
    }

    /// Pods of Experiments that are to be, and those that are available.
    pub fn experiment_pods(&self) -> (i64, i64) {
        let count = |set: &Value| {
            let number = |value: &Value| value.as_i64().unwrap_or(0);
            (number(&set["spec"]["replicas"]), number(&set["status"]["availableReplicas"]))
        };
        let sets = self.hashed().filter(|set| of_experiment(set)).map(count);
        sets.fold((0, 0), |(wanted, there), (more, up)| (wanted + more, there + up))
    }

    /// Pods that the Deployment is to have; -1 without one.
    pub fn deployment(&self) -> i64 {
        self.all(Kind::Deployment).find_map(|one| one["spec"]["replicas"].as_i64()).unwrap_or(-1)
    }

    /// Pods of the Deployment that are ready.
    pub fn deployed(&self) -> i64 {
        self.all(Kind::Deployment).find_map(|one| one["status"]["readyReplicas"].as_i64()).unwrap_or(0)
    }

    /// What its hashes stand for.
    pub fn hashes(&self) -> Hashes {
        let mut hashes = Hashes::new();
        self.hashed().for_each(|set| learn(&mut hashes, set));
        hashes
    }
}

fn of_experiment(object: &Value) -> bool {
    object["metadata"]["ownerReferences"][0]["kind"] == "Experiment"
}

/// What was made last.
fn latest<'a>(objects: impl Iterator<Item = &'a Value>) -> Option<&'a Value> {
    objects.max_by_key(|object| text(&object["metadata"]["creationTimestamp"]).to_owned())
}

/// The version that a ReplicaSet's image stands for.
fn version_of(set: &Value) -> i64 {
    let image = text(&set["spec"]["template"]["spec"]["containers"][0]["image"]);
    let tag = image.rsplit(':').next().unwrap_or_default();
    tag.split('.').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
