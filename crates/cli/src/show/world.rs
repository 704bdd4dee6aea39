//! Everything a picture of one rollout is drawn from, as plain data.

use super::pod::Pod;
use super::run;
use super::set::{self, Role};
use serde::Deserialize;
use serde_json::Value;
use serinus_decide::canary::weight;
use serinus_wire::Rollout;
use serinus_wire::k8s::ReplicaSet;

/// A rollout and what belongs to it. May hold more than belongs to it: owners decide.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The rollout.
    pub rollout: Rollout,
    /// ReplicaSets.
    pub sets: Vec<ReplicaSet>,
    /// Pods.
    pub pods: Vec<Pod>,
    /// Experiments, raw.
    pub experiments: Vec<Value>,
    /// AnalysisRuns, raw.
    pub runs: Vec<Value>,
}

/// Objects as they come from the server.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    /// What the picture is of: a rollout or an experiment.
    pub top: Value,
    /// ReplicaSets.
    pub sets: Vec<Value>,
    /// Pods.
    pub pods: Vec<Value>,
    /// Experiments.
    pub experiments: Vec<Value>,
    /// AnalysisRuns.
    pub runs: Vec<Value>,
}

impl World {
    /// Reads what came from the server. Only the rollout itself must be readable.
    ///
    /// # Errors
    /// The text says what is wrong with the rollout.
    pub fn read(raw: &Raw) -> Result<World, String> {
        Ok(World { rollout: Rollout::read(raw.top.clone())?, ..World::around(raw) })
    }

    /// The same without a rollout in it.
    pub fn around(raw: &Raw) -> World {
        World {
            rollout: Rollout::default(),
            sets: raw.sets.iter().filter_map(|set| ReplicaSet::deserialize(set).ok()).collect(),
            pods: raw.pods.iter().map(Pod::read).collect(),
            experiments: raw.experiments.clone(),
            runs: raw.runs.clone(),
        }
    }

    /// The sets that an object owns, newest revision first.
    pub fn sets_of(&self, uid: &str) -> Vec<&ReplicaSet> {
        let owned = |set: &&ReplicaSet| set.metadata.controller().is_some_and(|owner| owner.uid == uid);
        let mut sets: Vec<&ReplicaSet> = self.sets.iter().filter(owned).collect();
        sets.sort_by(|a, b| {
            set::revision(b).cmp(&set::revision(a)).then_with(|| a.metadata.name.cmp(&b.metadata.name))
        });
        sets
    }

    /// The pods of a set, oldest first.
    pub fn pods_of(&self, uid: &str) -> Vec<&Pod> {
        let owned = |pod: &&Pod| pod.metadata.controller().is_some_and(|owner| owner.uid == uid);
        let mut pods: Vec<&Pod> = self.pods.iter().filter(owned).collect();
        pods.sort_by(|a, b| {
            let key = |pod: &Pod| pod.metadata.creation_timestamp;
            key(a).cmp(&key(b)).then_with(|| a.metadata.name.cmp(&b.metadata.name))
        });
        pods
    }

    /// Images that run for an object or its experiments, with the roles of the sets that run them.
    pub fn images(&self, uid: &str) -> Vec<(String, Vec<Role>)> {
        let mut images: Vec<(String, Vec<Role>)> = Vec::new();
        let experiments = run::owned(&self.experiments, uid).into_iter().map(|one| run::metadata(one).uid);
        let owners = std::iter::once(uid.to_string()).chain(experiments);
        let sets: Vec<&ReplicaSet> = owners.flat_map(|uid| self.sets_of(&uid)).collect();
        for set in sets.into_iter().filter(|set| set.status.replicas > 0) {
            let roles = set::roles(&self.rollout, set);
            for image in images_of(&set.spec.template) {
                match images.iter_mut().find(|(known, _)| *known == image) {
                    None => images.push((image, roles.clone())),
                    Some((_, known)) => {
                        known.extend(roles.iter().copied());
                        known.sort();
                        known.dedup();
                    }
                }
            }
        }
        images.sort_by(|(a, _), (b, _)| a.cmp(b));
        images
    }
}

fn images_of(template: &Value) -> Vec<String> {
    let spec = &template["spec"];
    let lists = [&spec["initContainers"], &spec["containers"]];
    let containers = lists.into_iter().filter_map(Value::as_array).flatten();
    let mut images: Vec<String> =
        containers.filter_map(|container| container["image"].as_str()).map(str::to_string).collect();
    images.sort();
    images.dedup();
    images
}

/// `Canary` or `BlueGreen`; empty when there is neither.
pub fn strategy(rollout: &Rollout) -> &'static str {
    let strategy = &rollout.spec.strategy;
    match (&strategy.canary, &strategy.blue_green) {
        (Some(_), _) => "Canary",
        (None, Some(_)) => "BlueGreen",
        (None, None) => "",
    }
}

/// `i/n`; empty without steps.
pub fn step(rollout: &Rollout) -> String {
    let count = weight::steps(rollout).len();
    match rollout.status.current_step_index {
        Some(index) if count > 0 => format!("{index}/{count}"),
        _ => String::new(),
    }
}

/// The weight that the steps ask for.
pub fn set_weight(rollout: &Rollout) -> i32 {
    weight::in_force(rollout, rollout.status.abort)
}

/// The weight that the canary has.
pub fn actual_weight(rollout: &Rollout, sets: &[&ReplicaSet]) -> i32 {
    let status = &rollout.status;
    if weight::current_step(rollout).is_none() {
        return weight::max_weight(rollout);
    }
    if status.available_replicas == 0 {
        return 0;
    }
    if rollout.canary().is_some_and(|canary| canary.traffic_routing.is_some()) {
        return status.canary.weights.as_ref().map_or_else(|| set_weight(rollout), |weights| weights.canary.weight);
    }
    let canary = sets.iter().find(|set| set::hash(set) == status.current_pod_hash);
    let available = canary.map_or(0, |set| set.status.available_replicas);
    available.saturating_mul(weight::max_weight(rollout)) / status.available_replicas
}
