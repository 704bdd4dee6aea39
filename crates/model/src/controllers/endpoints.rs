//! EndpointSlices and Endpoints: which pods stand behind each Service, on which ports, and whether they take traffic.

use super::{controller_reference, create, delete, is_true, write};
use crate::catalogue::Resource;
use crate::object::Fields;
use crate::selector::Labels;
use crate::state::State;
use crate::verbs::Part;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const NAME: &str = "endpointslice";
const SERVICE: &str = "kubernetes.io/service-name";
const MANAGED: &str = "endpointslice.kubernetes.io/managed-by";

/// Ports of a slice as JSON text, so that they can be told apart, with the endpoints that have them.
type Groups = BTreeMap<String, (Vec<Value>, Vec<Value>)>;

pub fn round(state: &mut State) {
    for service in state.all("", "services") {
        if service.is_leaving() || service.map("/spec/selector").is_none_or(serde_json::Map::is_empty) {
            continue;
        }
        let groups = groups(state, &service);
        endpoints(state, &service, &groups);
        slices(state, &service, groups);
    }
}

fn groups(state: &State, service: &Value) -> Groups {
    let selector = Labels::from_map(service.map("/spec/selector"));
    let all_ready = service.pointer("/spec/publishNotReadyAddresses") == Some(&Value::Bool(true));
    let mut groups = Groups::new();
    for pod in
        state.store.list(&Resource::new("", "pods"), Some(service.namespace())).filter(|pod| selector.matches(pod))
    {
        let ended = matches!(pod.text("/status/phase"), "Succeeded" | "Failed");
        if pod.text("/status/podIP").is_empty() || ended {
            continue;
        }
        let serving = is_true(pod, "Ready");
        let endpoint = json!({
            "addresses": [pod.text("/status/podIP")],
            "conditions": {"ready": all_ready || (serving && !pod.is_leaving()), "serving": serving, "terminating": pod.is_leaving()},
            "nodeName": pod.text("/spec/nodeName"),
            "targetRef": {"kind": "Pod", "namespace": pod.namespace(), "name": pod.name(), "uid": pod.uid()},
        });
        let ports: Vec<Value> =
            service.items("/spec/ports").iter().filter_map(|port| real_port(state, port, pod)).collect();
        groups.entry(Value::Array(ports.clone()).to_string()).or_insert_with(|| (ports, vec![])).1.push(endpoint);
    }
    groups
}

/// The port of a pod behind a port of its Service; absent: the pod has no port of that name.
fn real_port(state: &State, port: &Value, pod: &Value) -> Option<Value> {
    let wanted = port.get("targetPort").unwrap_or(&Value::Null);
    let number = match wanted {
        Value::String(name) => {
            let ports = pod.items("/spec/containers").iter().flat_map(|container| container.items("/ports"));
            ports.into_iter().find(|one| one.text("/name") == name)?.int("/containerPort")?
        }
        other => other.as_i64()?,
    };
    let asked = u16::try_from(number).ok()?;
    let real = state.ports.get(pod.uid()).and_then(|ports| ports.get(&asked)).copied().unwrap_or(asked);
    Some(json!({"name": port.text("/name"), "port": real, "protocol": port.text("/protocol")}))
}

fn slices(state: &mut State, service: &Value, groups: Groups) {
    let resource = Resource::new("discovery.k8s.io", "endpointslices");
    let mut there: Vec<Arc<Value>> = state
        .store
        .list(&resource, Some(service.namespace()))
        .filter(|slice| {
            slice.label(SERVICE) == Some(service.name()) && slice.is_controlled_by(service.uid()) && !slice.is_leaving()
        })
        .cloned()
        .collect();
    let mut wanted: Vec<(Vec<Value>, Vec<Value>)> = groups.into_values().collect();
    if wanted.is_empty() {
        // A Service without pods keeps one empty slice, as the real controller does.
        wanted.push((vec![], vec![]));
    }
    let mut homeless = Vec::new();
    for (ports, endpoints) in wanted {
        match there.iter().position(|slice| slice.items("/ports") == ports.as_slice()) {
            Some(at) => fill(state, &there.remove(at), ports, endpoints),
            None => homeless.push((ports, endpoints)),
        }
    }
    for (ports, endpoints) in homeless {
        match there.pop() {
            Some(slice) => fill(state, &slice, ports, endpoints),
            None => make(state, service, ports, endpoints),
        }
    }
    for slice in there {
        delete(state, NAME, ("discovery.k8s.io", "EndpointSlice"), &slice, None);
    }
}

fn fill(state: &mut State, slice: &Value, ports: Vec<Value>, endpoints: Vec<Value>) {
    if slice.items("/ports") != ports.as_slice() || slice.items("/endpoints") != endpoints.as_slice() {
        let mut slice = slice.clone();
        slice.put(&["ports"], ports);
        slice.put(&["endpoints"], endpoints);
        let _ = write(state, NAME, Part::Main, slice);
    }
}

fn make(state: &mut State, service: &Value, ports: Vec<Value>, endpoints: Vec<Value>) {
    let slice = json!({
        "metadata": {
            "generateName": format!("{}-", service.name()), "ownerReferences": [controller_reference(service)],
            "labels": {SERVICE: service.name(), MANAGED: "endpointslice-controller.k8s.io"},
        },
        "addressType": "IPv4", "ports": ports, "endpoints": endpoints,
    });
    let _ = create(state, NAME, ("discovery.k8s.io", "EndpointSlice"), service.namespace(), slice);
}

/// The older kind, for clients that still read it.
fn endpoints(state: &mut State, service: &Value, groups: &Groups) {
    let mut subsets = Vec::new();
    for (ports, endpoints) in groups.values().filter(|(ports, _)| !ports.is_empty()) {
        let address = |endpoint: &Value| json!({"ip": endpoint.text("/addresses/0"), "nodeName": endpoint.text("/nodeName"), "targetRef": endpoint.get("targetRef")});
        let of = |ready: bool| -> Vec<Value> {
            let is = |endpoint: &&Value| endpoint.pointer("/conditions/ready") == Some(&Value::Bool(true));
            let leaves = |endpoint: &&Value| endpoint.pointer("/conditions/terminating") == Some(&Value::Bool(true));
            endpoints
                .iter()
                .filter(|endpoint| is(endpoint) == ready && (ready || !leaves(endpoint)))
                .map(address)
                .collect()
        };
        let mut subset = json!({"ports": ports});
        for (name, addresses) in [("addresses", of(true)), ("notReadyAddresses", of(false))] {
            if !addresses.is_empty() {
                subset.put(&[name], addresses);
            }
        }
        subsets.push(subset);
    }
    let there = state.store.get(&Resource::new("", "endpoints"), service.namespace(), service.name()).cloned();
    match there {
        None => {
            let body = json!({"metadata": {"name": service.name(), "labels": {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}}, "subsets": subsets});
            let _ = create(state, NAME, ("", "Endpoints"), service.namespace(), body);
        }
        Some(there) if normal(there.items("/subsets")) != normal(&subsets) => {
            let mut there = (*there).clone();
            there.put(&["subsets"], subsets);
            let _ = write(state, NAME, Part::Main, there);
        }
        Some(_) => {}
    }
}

/// Without the empty port names, which the kind leaves out.
fn normal(subsets: &[Value]) -> Value {
    let mut subsets = Value::Array(subsets.to_vec());
    for port in
        subsets.as_array_mut().into_iter().flatten().filter_map(|s| s.get_mut("ports")?.as_array_mut()).flatten()
    {
        if port.text("/name").is_empty() {
            port.cut(&["name"]);
        }
    }
    subsets
}
