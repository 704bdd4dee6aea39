//! Pods: put on the node, brought to life by the runner, reported, and taken away when they have ended.

use super::{NODE, condition, delete, write};
use crate::object::{Fields, stamp};
use crate::pods::{Life, Phase, PodRunner};
use crate::state::State;
use crate::verbs::Part;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const NAME: &str = "kubelet";

pub fn round(state: &mut State, runner: &mut dyn PodRunner) -> Option<Timestamp> {
    let mut wake: Option<Timestamp> = None;
    let mut here = BTreeSet::new();
    let mut reported = BTreeMap::new();
    for pod in state.all("", "pods") {
        let Some(pod) = scheduled(state, &pod) else { continue };
        let life = runner.look(&pod, state.now);
        here.insert(pod.uid().to_string());
        wake = [wake, life.wake].into_iter().flatten().min();
        state.ports.insert(pod.uid().to_string(), life.ports.clone());
        let overdue = pod.time("/metadata/deletionTimestamp").is_some_and(|at| at <= state.now);
        if pod.is_leaving() && (life.gone || overdue) {
            delete(state, NAME, ("", "Pod"), &pod, Some(0));
            continue;
        }
        wake = [wake, pod.time("/metadata/deletionTimestamp")].into_iter().flatten().min();
        reported.insert(pod.uid().to_string(), report(state, &pod, life));
    }
    let gone: Vec<String> = state.running.difference(&here).cloned().collect();
    for uid in gone {
        runner.forget(&uid);
        state.ports.remove(&uid);
    }
    state.running = here;
    state.reported = reported;
    wake
}

/// Puts a pod on the node. Absent: another scheduler is to do it, or it leaves before it began.
fn scheduled(state: &mut State, pod: &Arc<Value>) -> Option<Arc<Value>> {
    if !pod.text("/spec/nodeName").is_empty() {
        return Some(pod.clone());
    }
    if pod.is_leaving() || pod.text("/spec/schedulerName") != "default-scheduler" {
        return None;
    }
    let mut pod = (**pod).clone();
    pod.put(&["spec", "nodeName"], NODE);
    write(state, "scheduler", Part::Main, pod).ok()
}

/// Writes how a pod is into its status, and gives what was written: nothing is worked out again for a pod and a life that are
/// as they were.
fn report(state: &mut State, pod: &Arc<Value>, life: Life) -> (Arc<Value>, Life) {
    let before = state.reported.remove(pod.uid());
    if let Some(before) = before.filter(|(seen, lived)| Arc::ptr_eq(seen, pod) && *lived == life) {
        return before;
    }
    let status = status(pod, &life, state.now);
    let written = if pod.get("status") == Some(&status) {
        None
    } else {
        let mut object = (**pod).clone();
        object.put(&["status"], status);
        write(state, NAME, Part::Status, object).ok()
    };
    (written.unwrap_or_else(|| pod.clone()), life)
}

fn status(pod: &Value, life: &Life, now: Timestamp) -> Value {
    let ended = matches!(life.phase, Phase::Succeeded | Phase::Failed);
    let ready = life.phase == Phase::Running && life.ready;
    let gates = pod.items("/spec/readinessGates").iter().map(|gate| gate.text("/conditionType"));
    let gates_open = gates.clone().all(|gate| super::is_true(pod, gate));
    let (why, what) = match () {
        () if life.phase == Phase::Succeeded => ("PodCompleted", String::new()),
        () if ready => ("", String::new()),
        () => ("ContainersNotReady", "containers with unready status".to_string()),
    };
    let ready_why = if ready && !gates_open { "ReadinessGatesNotReady" } else { why };
    let mut conditions = vec![
        condition(pod, now, "PodReadyToStartContainers", !life.ip.is_empty() && !ended, "", ""),
        condition(pod, now, "Initialized", true, "", ""),
        condition(pod, now, "Ready", ready && gates_open, ready_why, &what),
        condition(pod, now, "ContainersReady", ready, why, &what),
        condition(pod, now, "PodScheduled", true, "", ""),
    ];
    let own: Vec<String> = conditions.iter().map(|one| one.text("/type").to_string()).collect();
    conditions.extend(
        pod.items("/status/conditions").iter().filter(|one| !own.iter().any(|name| name == one.text("/type"))).cloned(),
    );
    let began = pod.text("/status/startTime");
    let mut status = json!({
        "phase": life.phase.name(), "qosClass": pod.text("/status/qosClass"), "conditions": conditions,
        "hostIP": "127.0.0.1", "hostIPs": [{"ip": "127.0.0.1"}],
        "startTime": if began.is_empty() { stamp(now) } else { began.to_string() },
        "containerStatuses": pod.items("/spec/containers").iter().map(|one| container(pod, one, life, now)).collect::<Vec<_>>(),
    });
    if !life.ip.is_empty() && life.phase != Phase::Pending {
        status.put(&["podIP"], life.ip.as_str());
        status.put(&["podIPs"], json!([{"ip": life.ip}]));
    }
    status
}

fn container(pod: &Value, container: &Value, life: &Life, now: Timestamp) -> Value {
    let name = container.text("/name");
    let last = pod
        .items("/status/containerStatuses")
        .iter()
        .find(|one| one.text("/name") == name)
        .cloned()
        .unwrap_or(Value::Null);
    let since = |pointer: &str| {
        Some(last.text(pointer)).filter(|text| !text.is_empty()).map_or_else(|| stamp(now), str::to_string)
    };
    let running_since = since("/state/running/startedAt");
    let state = match (&life.waiting, life.phase) {
        (Some((reason, message)), _) => json!({"waiting": {"reason": reason, "message": message}}),
        (None, Phase::Pending) => json!({"waiting": {"reason": "ContainerCreating"}}),
        (None, Phase::Running) if last.int("/restartCount").unwrap_or(0) < life.restarts => {
            json!({"running": {"startedAt": stamp(now)}})
        }
        (None, Phase::Running) => json!({"running": {"startedAt": running_since}}),
        (None, phase) => {
            let (code, reason) = if phase == Phase::Succeeded { (0, "Completed") } else { (1, "Error") };
            let finished = since("/state/terminated/finishedAt");
            let began = Some(last.text("/state/terminated/startedAt"))
                .filter(|text| !text.is_empty())
                .unwrap_or(&running_since);
            json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": began, "finishedAt": finished}})
        }
    };
    let running = life.phase == Phase::Running && life.waiting.is_none();
    json!({
        "name": name, "image": container.text("/image"), "imageID": if running { container.text("/image") } else { "" },
        "ready": running && life.ready, "started": running, "restartCount": life.restarts, "state": state, "lastState": {},
    })
}
