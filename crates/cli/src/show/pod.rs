//! What a pod is doing, in the one word that `kubectl get pods` has for it.

use super::icon::Icon;
use serde::Deserialize;
use serde_json::Value;
use serinus_wire::ObjectMeta;

/// A pod, only what is shown of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// Metadata.
    pub metadata: ObjectMeta,
    spec: Spec,
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    init_containers: Vec<Container>,
    containers: Vec<Container>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    name: String,
    restart_policy: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: String,
    reason: String,
    conditions: Vec<Condition>,
    init_container_statuses: Vec<ContainerStatus>,
    container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerStatus {
    name: String,
    ready: bool,
    started: Option<bool>,
    restart_count: i64,
    state: State,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    running: Option<Value>,
    waiting: Option<Waiting>,
    terminated: Option<Terminated>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Waiting {
    reason: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Terminated {
    reason: String,
    exit_code: i64,
    signal: i64,
}

impl Terminated {
    fn word(&self) -> String {
        match (self.reason.as_str(), self.signal) {
            ("", 0) => format!("ExitCode:{}", self.exit_code),
            ("", signal) => format!("Signal:{signal}"),
            (reason, _) => reason.to_string(),
        }
    }
}

impl Pod {
    /// Reads what is shown of a pod; what can't be read shows as nothing.
    pub fn read(object: &Value) -> Pod {
        Pod::deserialize(object).unwrap_or_else(|_| Pod {
            metadata: ObjectMeta::deserialize(&object["metadata"]).unwrap_or_default(),
            ..Pod::default()
        })
    }

    /// One word.
    pub fn reason(&self) -> String {
        let status = &self.status;
        let word = self.initializing().filter(|_| !self.condition("Initialized")).unwrap_or_else(|| self.working());
        if self.metadata.deletion_timestamp.is_none() {
            return word;
        }
        match (status.reason.as_str(), status.phase.as_str()) {
            ("NodeLost", _) => "Unknown".to_string(),
            (_, "Succeeded" | "Failed") => word,
            _ => "Terminating".to_string(),
        }
    }

    /// Ready containers of all, sidecars included.
    pub fn ready(&self) -> (usize, usize) {
        let sidecars =
            self.spec.init_containers.iter().filter(|container| container.restart_policy == "Always").count();
        let ready_sidecars = self
            .status
            .init_container_statuses
            .iter()
            .filter(|container| self.is_sidecar(container) && container.ready && container.state.terminated.is_none())
            .count();
        let ready =
            self.status.container_statuses.iter().filter(|one| one.ready && one.state.running.is_some()).count();
        (ready + ready_sidecars, self.spec.containers.len() + sidecars)
    }

    /// How often its containers were started again.
    pub fn restarts(&self) -> i64 {
        let sum = |statuses: &[ContainerStatus], counts: &dyn Fn(&ContainerStatus) -> bool| -> i64 {
            statuses.iter().filter(|status| counts(status)).map(|status| status.restart_count).sum()
        };
        let sidecars = sum(&self.status.init_container_statuses, &|status| self.is_sidecar(status));
        if self.initializing().is_some() && !self.condition("Initialized") {
            return sum(&self.status.init_container_statuses, &|_| true);
        }
        sum(&self.status.container_statuses, &|_| true) + sidecars
    }

    /// How it stands.
    pub fn icon(&self) -> Icon {
        match self.reason().as_str() {
            "Running" | "Succeeded" | "Completed" => Icon::Good,
            "Pending" | "Terminating" | "ContainerCreating" | "PodInitializing" | "NotReady" | "SchedulingGated" => {
                Icon::Working
            }
            "Unknown" | "" => Icon::Unknown,
            word if word.starts_with("Init:") && word.contains('/') => Icon::Working,
            _ => Icon::Bad,
        }
    }

    fn condition(&self, kind: &str) -> bool {
        self.status.conditions.iter().any(|condition| condition.kind == kind && condition.status == "True")
    }

    fn is_sidecar(&self, status: &ContainerStatus) -> bool {
        let always = |container: &Container| container.name == status.name && container.restart_policy == "Always";
        self.spec.init_containers.iter().any(always)
    }

    /// Where it is among its init containers; absent when they are done.
    fn initializing(&self) -> Option<String> {
        let count = self.spec.init_containers.len();
        for (index, one) in self.status.init_container_statuses.iter().enumerate() {
            let progress = format!("Init:{index}/{count}");
            match (&one.state.terminated, &one.state.waiting) {
                (Some(terminated), _) if terminated.exit_code == 0 => {}
                (None, _) if one.started == Some(true) && self.is_sidecar(one) => {}
                (Some(terminated), _) => return Some(format!("Init:{}", terminated.word())),
                (None, Some(waiting)) if !waiting.reason.is_empty() && waiting.reason != "PodInitializing" => {
                    return Some(format!("Init:{}", waiting.reason));
                }
                (None, _) => return Some(progress),
            }
        }
        None
    }

    /// What its containers do; the first of them has the word.
    fn working(&self) -> String {
        let status = &self.status;
        let mut word = if status.reason.is_empty() { status.phase.clone() } else { status.reason.clone() };
        let gated = |one: &&Condition| one.kind == "PodScheduled" && one.reason == "SchedulingGated";
        if let Some(condition) = status.conditions.iter().find(gated) {
            word.clone_from(&condition.reason);
        }
        let mut running = false;
        for one in status.container_statuses.iter().rev() {
            match (&one.state.waiting, &one.state.terminated) {
                (Some(waiting), _) if !waiting.reason.is_empty() => word.clone_from(&waiting.reason),
                (_, Some(terminated)) => word = terminated.word(),
                _ => running |= one.ready && one.state.running.is_some(),
            }
        }
        if word == "Completed" && running {
            word = if self.condition("Ready") { "Running" } else { "NotReady" }.to_string();
        }
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words() {
        let two = json!([{"name": "a"}, {"name": "b"}]);
        let init = json!([{"name": "i"}, {"name": "j"}]);
        let side = json!([{"name": "s", "restartPolicy": "Always"}]);
        let ready = |name: &str| json!({"name": name, "ready": true, "state": {"running": {}}});
        let waits = |name: &str, reason: &str| json!({"name": name, "restartCount": 3, "state": {"waiting": {"reason": reason}}});
        let ended = |name: &str, reason: &str, code: i64| json!({"name": name, "state": {"terminated": {"reason": reason, "exitCode": code}}});
        let pod = |init: &Value, status: Value| json!({"spec": {"containers": two, "initContainers": init}, "status": status});
        let none = json!([]);
        for (object, word, icon, counts, restarts) in [
            (pod(&none, json!({"phase": "Pending"})), "Pending", Icon::Working, (0, 2), 0),
            (
                pod(&none, json!({"phase": "Pending", "containerStatuses": [waits("a", "ContainerCreating")]})),
                "ContainerCreating",
                Icon::Working,
                (0, 2),
                3,
            ),
            (
                pod(&none, json!({"phase": "Running", "containerStatuses": [ready("a"), ready("b")]})),
                "Running",
                Icon::Good,
                (2, 2),
                0,
            ),
            (
                pod(
                    &none,
                    json!({"phase": "Running", "containerStatuses": [waits("a", "CrashLoopBackOff"), ready("b")]}),
                ),
                "CrashLoopBackOff",
                Icon::Bad,
                (1, 2),
                3,
            ),
            (
                pod(&none, json!({"phase": "Running", "containerStatuses": [ended("a", "Completed", 0), ready("b")]})),
                "NotReady",
                Icon::Working,
                (1, 2),
                0,
            ),
            (
                pod(
                    &none,
                    json!({"phase": "Failed", "containerStatuses": [ended("a", "", 3), ended("b", "Error", 1)]}),
                ),
                "ExitCode:3",
                Icon::Bad,
                (0, 2),
                0,
            ),
            (pod(&none, json!({"phase": "Failed", "reason": "Evicted"})), "Evicted", Icon::Bad, (0, 2), 0),
            (
                pod(
                    &init,
                    json!({"phase": "Pending", "initContainerStatuses": [ended("i", "Completed", 0), waits("j", "PodInitializing")]}),
                ),
                "Init:1/2",
                Icon::Working,
                (0, 2),
                3,
            ),
            (
                pod(&init, json!({"phase": "Pending", "initContainerStatuses": [waits("i", "CrashLoopBackOff")]})),
                "Init:CrashLoopBackOff",
                Icon::Bad,
                (0, 2),
                3,
            ),
            (
                pod(&init, json!({"phase": "Pending", "initContainerStatuses": [ended("i", "Error", 1)]})),
                "Init:Error",
                Icon::Bad,
                (0, 2),
                0,
            ),
            (
                pod(
                    &side,
                    json!({"phase": "Running", "conditions": [{"type": "Initialized", "status": "True"}],
                        "initContainerStatuses": [{"name": "s", "ready": true, "started": true, "restartCount": 1, "state": {"running": {}}}],
                        "containerStatuses": [ready("a"), ready("b")]}),
                ),
                "Running",
                Icon::Good,
                (3, 3),
                1,
            ),
        ] {
            let pod = Pod::read(&object);
            assert_eq!(
                (pod.reason().as_str(), pod.icon(), pod.ready(), pod.restarts()),
                (word, icon, counts, restarts),
                "{object}"
            );
        }
    }

    #[test]
    fn on_its_way_out() {
        let meta = json!({"name": "p", "deletionTimestamp": "2026-01-01T00:00:00Z"});
        for (status, word) in [
            (json!({"phase": "Running"}), "Terminating"),
            (json!({"phase": "Running", "reason": "NodeLost"}), "Unknown"),
            (json!({"phase": "Succeeded"}), "Succeeded"),
        ] {
            assert_eq!(Pod::read(&json!({"metadata": meta, "status": status})).reason(), word);
        }
    }

    #[test]
    fn a_malformed_pod_keeps_its_name() {
        let pod = Pod::read(&json!({"metadata": {"name": "p"}, "status": {"containerStatuses": 7}}));
        assert_eq!((pod.metadata.name.as_str(), pod.reason().as_str()), ("p", ""));
    }
}
