//! ReplicaSets: as many pods as are wanted, and counts of how they are.

use super::{by_controller, controller_reference, create, delete, is_true, write, write_status};
use crate::object::Fields;
use crate::selector::Labels;
use crate::state::State;
use crate::verbs::Part;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

const NAME: &str = "replicaset";

pub fn round(state: &mut State) -> Option<Timestamp> {
    let mut pods = by_controller(state.all("", "pods"));
    let orphans = pods.remove("").unwrap_or_default();
    let mut wake = None;
    for set in state.all("apps", "replicasets") {
        let mut own = pods.remove(set.uid()).unwrap_or_default();
        if !set.is_leaving() {
            own.extend(adopt(state, &set, &orphans));
            own.retain(|pod| !matches!(pod.text("/status/phase"), "Succeeded" | "Failed") && !pod.is_leaving());
            scale(state, &set, &mut own);
        } else {
            own.retain(|pod| !pod.is_leaving());
        }
        let due = count(state, &set, &own);
        wake = [wake, due].into_iter().flatten().min();
    }
    wake
}

/// Takes pods that match and belong to nobody.
fn adopt(state: &mut State, set: &Value, orphans: &[Arc<Value>]) -> Vec<Arc<Value>> {
    let selector = Labels::from_object(set.pointer("/spec/selector"));
    let mut adopted = Vec::new();
    for pod in
        orphans.iter().filter(|pod| pod.namespace() == set.namespace() && !pod.is_leaving() && selector.matches(pod))
    {
        let mut pod = (**pod).clone();
        let mut owners = pod.items("/metadata/ownerReferences").to_vec();
        owners.push(controller_reference(set));
        pod.put(&["metadata", "ownerReferences"], owners);
        adopted.extend(write(state, NAME, Part::Main, pod));
    }
    adopted
}

fn scale(state: &mut State, set: &Value, own: &mut Vec<Arc<Value>>) {
    let wanted = usize::try_from(set.int("/spec/replicas").unwrap_or(1)).unwrap_or(0);
    while own.len() < wanted {
        match create(state, NAME, ("", "Pod"), set.namespace(), pod_of(set)) {
            Ok(pod) => own.push(pod),
            Err(_) => break,
        }
    }
    if own.len() > wanted {
        own.sort_by_cached_key(|pod| deletion_rank(pod));
        for pod in own.drain(..own.len() - wanted).collect::<Vec<_>>() {
            delete(state, NAME, ("", "Pod"), &pod, None);
        }
    }
}

fn pod_of(set: &Value) -> Value {
    let template = set.pointer("/spec/template").cloned().unwrap_or_else(|| json!({}));
    let mut pod = json!({"metadata": {"generateName": format!("{}-", set.name()), "ownerReferences": [controller_reference(set)]}});
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template.pointer(&format!("/metadata/{field}")) {
            pod.put(&["metadata", field], value.clone());
        }
    }
    pod.put(&["spec"], template.get("spec").cloned().unwrap_or_else(|| json!({})));
    pod
}

/// What ReplicaSets compare pods by when some must go; the least goes first.
type Rank = (bool, u8, bool, i64, std::cmp::Reverse<String>, std::cmp::Reverse<i64>, std::cmp::Reverse<String>, String);

/// The order in which surplus pods go: not on a node, pending, not ready, cheap to delete, ready or created last.
fn deletion_rank(pod: &Value) -> Rank {
    let phase = match pod.text("/status/phase") {
        "Pending" | "" => 0,
        "Unknown" => 1,
        _ => 2,
    };
    let cost =
        pod.annotation("controller.kubernetes.io/pod-deletion-cost").and_then(|text| text.parse().ok()).unwrap_or(0);
    let restarts =
        pod.items("/status/containerStatuses").iter().filter_map(|c| c.int("/restartCount")).max().unwrap_or(0);
    (
        !pod.text("/spec/nodeName").is_empty(),
        phase,
        is_true(pod, "Ready"),
        cost,
        std::cmp::Reverse(ready_since(pod).map(|at| at.to_string()).unwrap_or_default()),
        std::cmp::Reverse(restarts),
        std::cmp::Reverse(pod.text("/metadata/creationTimestamp").to_string()),
        pod.name().to_string(),
    )
}

fn ready_since(pod: &Value) -> Option<Timestamp> {
    let ready = pod
        .items("/status/conditions")
        .iter()
        .find(|one| one.text("/type") == "Ready" && one.text("/status") == "True")?;
    ready.time("/lastTransitionTime")
}

/// Writes the counts; gives when the next pod will have been ready for long enough.
fn count(state: &mut State, set: &Value, own: &[Arc<Value>]) -> Option<Timestamp> {
    let set = state
        .store
        .get(&crate::catalogue::Resource::new("apps", "replicasets"), set.namespace(), set.name())
        .cloned()?;
    let wait = SignedDuration::from_secs(set.int("/spec/minReadySeconds").unwrap_or(0));
    let now = state.now;
    let available_at: Vec<Timestamp> = own.iter().filter_map(|pod| ready_since(pod)?.checked_add(wait).ok()).collect();
    let template = Labels::from_map(set.map("/spec/template/metadata/labels"));
    let mut status = json!({"replicas": own.len()});
    let counts = [
        ("fullyLabeledReplicas", own.iter().filter(|pod| template.matches(pod)).count()),
        ("readyReplicas", available_at.len()),
        ("availableReplicas", available_at.iter().filter(|at| **at <= now).count()),
    ];
    for (name, number) in counts.into_iter().filter(|(_, number)| *number > 0) {
        status.put(&[name], number);
    }
    status.put(&["observedGeneration"], set.int("/metadata/generation").unwrap_or(0));
    write_status(state, NAME, &set, status);
    available_at.into_iter().filter(|at| *at > now).min()
}
