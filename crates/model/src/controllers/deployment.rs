//! Deployments: one ReplicaSet for each template, moved along by a rolling update or at once.

use super::{by_controller, condition, controller_reference, create, delete, write, write_status};
use crate::names::hash_letters;
use crate::object::Fields;
use crate::state::State;
use crate::verbs::Part;
use serde_json::{Value, json};
use std::sync::Arc;

const NAME: &str = "deployment";
const HASH: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";

pub fn round(state: &mut State) {
    let mut sets = by_controller(state.all("apps", "replicasets"));
    for deployment in state.all("apps", "deployments") {
        let own = sets.remove(deployment.uid()).unwrap_or_default();
        if deployment.is_leaving() {
            continue;
        }
        let world = World::new(state, &deployment, own);
        if let Some(world) = world {
            if deployment.pointer("/spec/paused") != Some(&Value::Bool(true)) || world.old.is_empty() {
                world.roll(state);
            }
            world.clean(state);
            world.report(state);
        }
    }
}

struct World {
    deployment: Arc<Value>,
    new: Arc<Value>,
    old: Vec<Arc<Value>>,
}

fn replicas(set: &Value) -> i64 {
    set.int("/spec/replicas").unwrap_or(0)
}

fn count(set: &Value, name: &str) -> i64 {
    set.int(&format!("/status/{name}")).unwrap_or(0)
}

/// A template without the hash that the controller adds.
fn bare(template: Option<&Value>) -> Value {
    let mut template = template.cloned().unwrap_or(Value::Null);
    template.cut(&["metadata", "labels", HASH]);
    template
}

impl World {
    /// Finds the ReplicaSet of the present template, or makes it. Absent: it could not be made.
    fn new(state: &mut State, deployment: &Arc<Value>, mut own: Vec<Arc<Value>>) -> Option<World> {
        let wanted = bare(deployment.pointer("/spec/template"));
        own.sort_by_key(|set| (set.text("/metadata/creationTimestamp").to_string(), set.name().to_string()));
        let at = own.iter().position(|set| bare(set.pointer("/spec/template")) == wanted);
        let new = match at {
            Some(at) => own.remove(at),
            None => Self::make(state, deployment, &own, wanted)?,
        };
        Some(World { deployment: deployment.clone(), new, old: own })
    }

    fn make(state: &mut State, deployment: &Value, old: &[Arc<Value>], mut template: Value) -> Option<Arc<Value>> {
        let hash = hash_letters(&template.to_string());
        template.put(&["metadata", "labels", HASH], hash.as_str());
        let mut selector = deployment.pointer("/spec/selector").cloned().unwrap_or_else(|| json!({}));
        selector.put(&["matchLabels", HASH], hash.as_str());
        let revision =
            1 + old.iter().filter_map(|set| set.annotation(REVISION)?.parse::<i64>().ok()).max().unwrap_or(0);
        let labels = template.pointer("/metadata/labels").cloned();
        let mut set = json!({
            "metadata": {"name": format!("{}-{hash}", deployment.name()), "labels": labels,
                "annotations": {REVISION: revision.to_string()}, "ownerReferences": [controller_reference(deployment)]},
            "spec": {"replicas": 0, "selector": selector, "template": template},
        });
        if let Some(wait) = deployment.pointer("/spec/minReadySeconds") {
            set.put(&["spec", "minReadySeconds"], wait.clone());
        }
        create(state, NAME, ("apps", "ReplicaSet"), deployment.namespace(), set).ok()
    }

    fn wanted(&self) -> i64 {
        replicas(&self.deployment)
    }

    /// A count or a share of the wanted replicas.
    fn share(&self, name: &str, up: bool) -> i64 {
        let pointer = format!("/spec/strategy/rollingUpdate/{name}");
        if let Some(number) = self.deployment.int(&pointer) {
            return number;
        }
        let percent: i64 = self.deployment.text(&pointer).trim_end_matches('%').parse().unwrap_or(0);
        let product = self.wanted() * percent;
        if up { (product + 99) / 100 } else { product / 100 }
    }

    fn roll(&self, state: &mut State) {
        if self.deployment.text("/spec/strategy/type") == "Recreate" {
            for set in &self.old {
                self.scale(state, set, 0);
            }
            if self.old.iter().all(|set| count(set, "replicas") == 0 && replicas(set) == 0)
                && !self.old_pods_left(state)
            {
                self.scale(state, &self.new, self.wanted());
            }
            return;
        }
        let (surge, mut unavailable) = (self.share("maxSurge", true), self.share("maxUnavailable", false));
        if surge == 0 && unavailable == 0 {
            unavailable = 1;
        }
        let total: i64 = self.old.iter().map(|set| replicas(set)).sum::<i64>() + replicas(&self.new);
        let new = replicas(&self.new);
        if new > self.wanted() {
            self.scale(state, &self.new, self.wanted());
        } else if new < self.wanted() {
            let room = (self.wanted() + surge - total).max(0);
            self.scale(state, &self.new, new + room.min(self.wanted() - new));
        }
        self.shrink(state, total, unavailable);
    }

    /// Takes down as many old pods as may be missing: those that are not available first.
    fn shrink(&self, state: &mut State, total: i64, unavailable: i64) {
        let floor = self.wanted() - unavailable;
        let new_missing = replicas(&self.new) - count(&self.new, "availableReplicas");
        let mut budget = total - floor - new_missing.max(0);
        let mut left: Vec<(Arc<Value>, i64)> = self.old.iter().map(|set| (set.clone(), replicas(set))).collect();
        for (set, number) in &mut left {
            let broken = (*number - count(set, "availableReplicas")).clamp(0, budget.max(0));
            *number -= broken;
            budget -= broken;
        }
        let available: i64 = self.old.iter().map(|set| count(set, "availableReplicas")).sum::<i64>()
            + count(&self.new, "availableReplicas");
        let mut spare = (available - floor).max(0);
        for (set, number) in &mut left {
            let gone = spare.min(*number).max(0);
            *number -= gone;
            spare -= gone;
            self.scale(state, set, *number);
        }
    }

    fn old_pods_left(&self, state: &State) -> bool {
        let pods = state.all("", "pods");
        pods.iter().any(|pod| self.old.iter().any(|set| pod.is_controlled_by(set.uid())))
    }

    fn scale(&self, state: &mut State, set: &Value, wanted: i64) {
        let desired = self.wanted().to_string();
        if replicas(set) == wanted && set.annotation("deployment.kubernetes.io/desired-replicas") == Some(&desired) {
            return;
        }
        let mut set = set.clone();
        set.put(&["spec", "replicas"], wanted);
        set.put(&["metadata", "annotations", "deployment.kubernetes.io/desired-replicas"], desired);
        let most = self.wanted() + self.share("maxSurge", true);
        set.put(&["metadata", "annotations", "deployment.kubernetes.io/max-replicas"], most.to_string());
        set.cut(&["metadata", "resourceVersion"]);
        let _ = write(state, NAME, Part::Main, set);
    }

    /// Drops old ReplicaSets beyond the history limit, and gives the newest the highest revision.
    fn clean(&self, state: &mut State) {
        let revision = |set: &Value| set.annotation(REVISION).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        let highest = self.old.iter().map(|set| revision(set)).max().unwrap_or(0);
        if revision(&self.new) <= highest
            && let Some(set) = state.store.get(
                &crate::catalogue::Resource::new("apps", "replicasets"),
                self.new.namespace(),
                self.new.name(),
            )
        {
            let mut set = (**set).clone();
            set.put(&["metadata", "annotations", REVISION], (highest + 1).to_string());
            let _ = write(state, NAME, Part::Main, set);
        }
        let limit = usize::try_from(self.deployment.int("/spec/revisionHistoryLimit").unwrap_or(10)).unwrap_or(0);
        let idle: Vec<&Arc<Value>> =
            self.old.iter().filter(|set| replicas(set) == 0 && count(set, "replicas") == 0).collect();
        for set in idle.iter().take(idle.len().saturating_sub(limit)) {
            delete(state, NAME, ("apps", "ReplicaSet"), set, None);
        }
    }

    fn report(&self, state: &mut State) {
        let resource = crate::catalogue::Resource::new("apps", "deployments");
        let Some(deployment) = state.store.get(&resource, self.deployment.namespace(), self.deployment.name()).cloned()
        else {
            return;
        };
        let all = || self.old.iter().chain([&self.new]);
        let sum = |name: &str| all().map(|set| count(set, name)).sum::<i64>();
        let (total, ready, available, updated) =
            (sum("replicas"), sum("readyReplicas"), sum("availableReplicas"), count(&self.new, "replicas"));
        let mut status = json!({"observedGeneration": deployment.int("/metadata/generation").unwrap_or(0)});
        let missing = (all().map(|set| replicas(set)).sum::<i64>().max(total) - available).max(0);
        let counts = [
            ("replicas", total),
            ("updatedReplicas", updated),
            ("readyReplicas", ready),
            ("availableReplicas", available),
            ("unavailableReplicas", missing),
        ];
        for (name, number) in counts.into_iter().filter(|(_, number)| *number > 0) {
            status.put(&[name], number);
        }
        status.put(
            &["conditions"],
            self.conditions(&deployment, state, available, total == updated && updated == self.wanted()),
        );
        write_status(state, NAME, &deployment, status);
        let revision = self.new.annotation(REVISION).unwrap_or("1").to_string();
        if deployment.annotation(REVISION) != Some(&revision)
            && let Some(live) = state.store.get(&resource, deployment.namespace(), deployment.name())
        {
            let mut live = (**live).clone();
            live.put(&["metadata", "annotations", REVISION], revision);
            let _ = write(state, NAME, Part::Main, live);
        }
    }

    fn conditions(&self, deployment: &Value, state: &State, available: i64, all_new: bool) -> Vec<Value> {
        let enough = available >= self.wanted() - self.share("maxUnavailable", false);
        let (reason, message) = if enough {
            ("MinimumReplicasAvailable", "Deployment has minimum availability.")
        } else {
            ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
        };
        let mut is_available = condition(deployment, state.now, "Available", enough, reason, message);
        let (reason, message) = if all_new && available >= self.wanted() {
            ("NewReplicaSetAvailable", format!("ReplicaSet \"{}\" has successfully progressed.", self.new.name()))
        } else {
            ("ReplicaSetUpdated", format!("ReplicaSet \"{}\" is progressing.", self.new.name()))
        };
        let mut progress = condition(deployment, state.now, "Progressing", true, reason, &message);
        for one in [&mut is_available, &mut progress] {
            let last =
                deployment.items("/status/conditions").iter().find(|last| last.text("/type") == one.text("/type"));
            let same = last.filter(|last| {
                last.text("/reason") == one.text("/reason") && last.text("/status") == one.text("/status")
            });
            let since =
                same.map_or_else(|| crate::object::stamp(state.now), |last| last.text("/lastUpdateTime").to_string());
            one.put(&["lastUpdateTime"], since);
        }
        vec![is_available, progress]
    }
}
