//! Room for pods: a pod that asks for the gate waits until a node has room for it. So a rollout can be held half way, for as long as it takes.

use std::collections::BTreeMap;
use std::sync::Mutex;

use anyhow::Result;
use serde_json::{Value, json};
use serinus_tests_lab::api::Api;

const GATE: &str = "serinus.lab/gate";
/// What nodes are called that are behind no gate.
const OPEN: &str = "open";

/// The nodes that were made for gates.
#[derive(Default)]
pub struct Gates {
    made: Mutex<BTreeMap<String, usize>>,
}

impl Gates {
    /// Takes away what an earlier run has left, and opens all other nodes.
    ///
    /// # Errors
    /// The API refused it.
    pub async fn clear(api: &Api) -> Result<()> {
        api.delete(&format!("/api/v1/nodes?labelSelector={GATE},{GATE}!={OPEN}")).await?;
        let nodes = api.get("/api/v1/nodes").await?.unwrap_or_default();
        for node in nodes["items"].as_array().into_iter().flatten() {
            let path = format!("/api/v1/nodes/{}", node["metadata"]["name"].as_str().unwrap_or_default());
            api.merge(&path, json!({"metadata": {"labels": {GATE: OPEN}}})).await?;
        }
        Ok(())
    }

    /// Makes room for so many more pods of one application, and for no others: what is free on earlier nodes is free no more.
    ///
    /// # Errors
    /// The API refused something.
    pub async fn room(&self, api: &Api, key: &str, pods: u32) -> Result<()> {
        let before = {
            let mut made = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let count = made.entry(key.to_owned()).or_default();
            *count += 1;
            *count - 1
        };
        for n in 0..before {
            api.merge(&format!("/api/v1/nodes/{}", node_name(key, n)), json!({"spec": {"unschedulable": true}}))
                .await?;
        }
        api.delete(&format!("/api/v1/nodes/{}", node_name(key, before))).await?;
        api.create("/api/v1/nodes", node(key, before, pods)).await
    }
}

fn node_name(key: &str, n: usize) -> String {
    format!("gate-{key}-{n}")
}

fn node(key: &str, n: usize, pods: u32) -> Value {
    let room = json!({"cpu": "250", "memory": "1000Gi", "pods": pods.to_string()});
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": node_name(key, n),
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/os": "linux", GATE: key},
        },
        "spec": {"taints": [{"key": GATE, "value": key, "effect": "NoSchedule"}]},
        "status": {"allocatable": room, "capacity": room},
    })
}

/// Sends the pods of a template behind a gate, or to the nodes that are open to all. Both shapes have the same keys, so that a merge patch replaces the one by the other.
pub fn send(template: &mut Value, key: Option<&str>) {
    template["spec"]["nodeSelector"] = json!({"kubernetes.io/os": "linux", GATE: key.unwrap_or(OPEN)});
    template["spec"]["tolerations"] = json!([{"key": GATE, "operator": "Exists", "effect": "NoSchedule"}]);
}
