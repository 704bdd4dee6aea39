//! The built-in controllers: one deterministic round each, from what is there and the time.

mod deployment;
mod endpoints;
mod garbage;
mod job;
mod kubelet;
mod namespace;
mod replicaset;

use crate::catalogue::Kind;
use crate::failure::Failure;
use crate::object::{Fields, stamp};
use crate::pods::PodRunner;
use crate::state::State;
use crate::verbs::{DeleteOptions, Options, Part, Target};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Name of the one node.
pub const NODE: &str = "model";

/// What a new cluster has: its namespaces and a node.
pub fn furnish(state: &mut State) {
    for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        let _ = create(state, "furnisher", ("", "Namespace"), "", json!({"metadata": {"name": name}}));
    }
    let at = stamp(state.now);
    let condition = json!({"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status",
        "lastHeartbeatTime": at, "lastTransitionTime": at});
    let size = json!({"cpu": "64", "memory": "256Gi", "pods": "100k"});
    let node = json!({"metadata": {"name": NODE, "labels": {"kubernetes.io/hostname": NODE}}, "spec": {}});
    if let Ok(node) = create(state, "furnisher", ("", "Node"), "", node) {
        let mut node = (*node).clone();
        node.put(
            &["status"],
            json!({
                "capacity": size, "allocatable": size, "conditions": [condition],
                "addresses": [{"type": "Hostname", "address": NODE}, {"type": "InternalIP", "address": "127.0.0.1"}],
                "nodeInfo": {"kubeletVersion": "v1.33.0+model", "architecture": "amd64", "operatingSystem": "linux", "osImage": "memory",
                    "kernelVersion": "", "containerRuntimeVersion": "memory://0", "kubeProxyVersion": "", "machineID": "", "systemUUID": "", "bootID": ""},
            }),
        );
        let _ = write(state, "furnisher", Part::Status, node);
    }
    namespace::round(state);
    state.history.clear();
}

/// One round of everything. Gives the time at which time alone will change something.
pub fn round(state: &mut State, runner: &mut dyn PodRunner) -> Option<Timestamp> {
    namespace::round(state);
    deployment::round(state);
    let mut wakes = vec![replicaset::round(state), job::round(state)];
    wakes.push(kubelet::round(state, runner));
    endpoints::round(state);
    garbage::round(state);
    wakes.into_iter().flatten().min()
}

fn kind_of(state: &State, group: &str, kind: &str) -> Result<Arc<Kind>, Failure> {
    state.catalogue.by_kind(group, kind).ok_or_else(Failure::no_such_path)
}

/// Creates an object in the name of a controller.
fn create(
    state: &mut State,
    controller: &str,
    (group, kind): (&str, &str),
    namespace: &str,
    body: Value,
) -> Result<Arc<Value>, Failure> {
    let kind = kind_of(state, group, kind)?;
    state.create(&kind, namespace, body, &Options::controller(controller)).map(|written| written.object)
}

/// Replaces an object in the name of a controller.
fn write(state: &mut State, controller: &str, part: Part, object: Value) -> Result<Arc<Value>, Failure> {
    let (group, _) = crate::model::group_version(object.text("/apiVersion"));
    let kind = kind_of(state, group, object.text("/kind"))?;
    let (namespace, name) = (object.namespace().to_string(), object.name().to_string());
    let target = Target { kind: &kind, part, namespace: &namespace, name: &name };
    state.update(target, object, &Options::controller(controller)).map(|written| written.object)
}

/// Writes a status in the name of a controller, unless it is already so.
fn write_status(state: &mut State, controller: &str, object: &Value, status: Value) {
    if object.get("status") != Some(&status) {
        let mut object = object.clone();
        object.put(&["status"], status);
        let _ = write(state, controller, Part::Status, object);
    }
}

/// Deletes an object in the name of a controller.
fn delete(state: &mut State, controller: &str, (group, kind): (&str, &str), object: &Value, grace: Option<i64>) {
    if let Ok(kind) = kind_of(state, group, kind) {
        let how = DeleteOptions {
            uid: Some(object.uid().to_string()),
            grace,
            policy: Some(crate::verbs::Policy::Background),
            ..DeleteOptions::default()
        };
        let _ = state.delete(&kind, object.namespace(), object.name(), &how, &Options::controller(controller));
    }
}

/// The reference by which an object controls another.
fn controller_reference(owner: &Value) -> Value {
    json!({"apiVersion": owner.text("/apiVersion"), "kind": owner.text("/kind"), "name": owner.name(), "uid": owner.uid(),
        "controller": true, "blockOwnerDeletion": true})
}

/// Objects by the uid of what controls them; those without a controller under "".
fn by_controller(objects: Vec<Arc<Value>>) -> BTreeMap<String, Vec<Arc<Value>>> {
    let mut groups: BTreeMap<String, Vec<Arc<Value>>> = BTreeMap::new();
    for object in objects {
        let owner = object.controller().map(|owner| owner.text("/uid").to_string()).unwrap_or_default();
        groups.entry(owner).or_default().push(object);
    }
    groups
}

/// Whether a condition is `True`.
fn is_true(object: &Value, condition: &str) -> bool {
    object.items("/status/conditions").iter().any(|one| one.text("/type") == condition && one.text("/status") == "True")
}

/// A condition with its transition time carried over while the status stays.
fn condition(before: &Value, now: Timestamp, kind: &str, status: bool, reason: &str, message: &str) -> Value {
    let status = if status { "True" } else { "False" };
    let last = before.items("/status/conditions").iter().find(|one| one.text("/type") == kind);
    let since =
        last.filter(|last| last.text("/status") == status).map(|last| last.text("/lastTransitionTime").to_string());
    let mut condition =
        json!({"type": kind, "status": status, "lastTransitionTime": since.unwrap_or_else(|| stamp(now))});
    for (field, text) in [("reason", reason), ("message", message)] {
        if !text.is_empty() {
            condition.put(&[field], text);
        }
    }
    condition
}
