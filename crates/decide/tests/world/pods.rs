//! Pods of the world: born from the template of their set, kept as long as the set is as large.

use super::World;
use jiff::Timestamp;
use serde_json::{Value, json};
use serinus_decide::{Seen, needs_pods};
use serinus_wire::Time;
use serinus_wire::k8s::{Pod, ReplicaSet};
use std::collections::BTreeMap;

impl World {
    /// What a decision sees: with the pods only when it asks for them.
    pub fn look(&self) -> Seen {
        let mut seen = self.seen.clone();
        if seen.pods.is_none() && needs_pods(&seen) {
            seen.pods = Some(self.pods.clone());
        }
        seen
    }

    /// Each set gets as many pods as it has in its status; the youngest go first.
    pub fn follow_sizes(&mut self) {
        let sets = &self.seen.replica_sets;
        self.pods.retain(|pod| sets.iter().any(|set| owns(set, pod)));
        for set in sets {
            let wanted = usize::try_from(set.status.replicas).unwrap();
            let own = self.pods.iter().filter(|pod| owns(set, pod)).count();
            for _ in own..wanted {
                self.pod_births += 1;
                self.pods.push(born(set, self.pod_births, self.now));
            }
            let mut kept = 0;
            self.pods.retain(|pod| {
                kept += usize::from(owns(set, pod));
                !owns(set, pod) || kept <= wanted
            });
        }
    }

    /// A pod goes, and its set knows at once.
    pub(super) fn evict(&mut self, name: &str) {
        let at = self.pods.iter().position(|pod| pod.metadata.name == name).unwrap();
        let pod = self.pods.remove(at);
        let set = self.seen.replica_sets.iter_mut().find(|set| owns(set, &pod)).unwrap();
        let status = &mut set.status;
        status.replicas -= 1;
        status.ready_replicas = (status.ready_replicas - 1).max(0);
        status.available_replicas = (status.available_replicas - 1).max(0);
        self.endpoints();
    }

    /// Labels and annotations of the pods of each image, without those that every pod has.
    pub fn pod_metadata(&self) -> BTreeMap<String, Vec<String>> {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for set in &self.seen.replica_sets {
            for pod in self.pods.iter().filter(|pod| owns(set, pod)) {
                let pairs = pod.metadata.labels.iter().chain(&pod.metadata.annotations);
                let told = pairs.filter(|(key, _)| *key != "app" && *key != serinus_wire::keys::HASH);
                let told: Vec<String> = told.map(|(key, value)| format!("{key}={value}")).collect();
                all.entry(super::image(&set.spec.template)).or_default().push(told.join(","));
            }
        }
        for told in all.values_mut() {
            told.dedup();
        }
        all
    }
}

fn owns(set: &ReplicaSet, pod: &Pod) -> bool {
    pod.metadata.controller().is_some_and(|owner| owner.uid == set.metadata.uid)
}

fn born(set: &ReplicaSet, number: u64, now: Timestamp) -> Pod {
    let of_template =
        |key: &str| set.spec.template.pointer(&format!("/metadata/{key}")).cloned().unwrap_or(Value::Null);
    serde_json::from_value(json!({"metadata": {
        "name": format!("{}-{number:05}", set.metadata.name), "namespace": "shop", "uid": format!("uid-pod-{number}"),
        "resourceVersion": "1", "creationTimestamp": Time::whole_seconds(now),
        "labels": of_template("labels"), "annotations": of_template("annotations"),
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set.metadata.name,
            "uid": set.metadata.uid, "controller": true}],
    }}))
    .unwrap()
}
