//! What a server refuses, kind by kind: as much as clients of this project can run into.

use super::names::{config_key, label_1123, metadata};
use crate::failure::Cause;
use crate::object::Fields;
use crate::selector::Labels;
use serde_json::Value;

/// What is wrong with an object.
pub fn validate(kind: &str, object: &Value) -> Vec<Cause> {
    // These are checked in a simpler way.
    let mut causes = metadata(kind, object, !matches!(kind, "Event" | "Lease"));
    match kind {
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => workload(kind, object, &mut causes),
        "Service" => service(object, &mut causes),
        "Ingress" => ingress(object, &mut causes),
        "Pod" => pod(object.get("spec").unwrap_or(&Value::Null), "spec", &mut causes),
        "Job" => job(object, &mut causes),
        "EndpointSlice" => slice(object, &mut causes),
        "Lease" => lease(object, &mut causes),
        "Event" => event(object, &mut causes),
        "ConfigMap" => keys(object, &["data", "binaryData"], &mut causes),
        "Secret" => secret(object, &mut causes),
        "CustomResourceDefinition" => causes.extend(crate::crd::validate(object)),
        _ => {}
    }
    causes
}

/// What may not change from one version of an object to the next.
pub fn validate_change(kind: &str, before: &Value, after: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut fixed = |pointer: &str, field: &str, detail: &str| {
        if before.pointer(pointer) != after.pointer(pointer) {
            causes.push(Cause::invalid(field, after.pointer(pointer).unwrap_or(&Value::Null), detail));
        }
    };
    match kind {
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => {
            fixed("/spec/selector", "spec.selector", "field is immutable")
        }
        "Job" => {
            fixed("/spec/completions", "spec.completions", "field is immutable");
            fixed("/spec/selector", "spec.selector", "field is immutable");
            fixed("/spec/template", "spec.template", "field is immutable");
        }
        "Service" if before.text("/spec/type") != "ExternalName" && after.text("/spec/type") != "ExternalName" => {
            let (old, new) = (before.text("/spec/clusterIP"), after.text("/spec/clusterIP"));
            if old != new && !old.is_empty() {
                causes.push(Cause::invalid("spec.clusterIPs[0]", &serde_json::json!([new]), "may not change once set"));
            }
        }
        "ConfigMap" | "Secret" if before.get("immutable") == Some(&Value::Bool(true)) => {
            if after.get("immutable") != Some(&Value::Bool(true)) {
                causes.push(Cause::forbidden("immutable", "field is immutable when `immutable` is set"));
            }
            for field in ["data", "binaryData"] {
                if before.get(field) != after.get(field) {
                    causes.push(Cause::forbidden(field, "field is immutable when `immutable` is set"));
                }
            }
        }
        "Secret" => fixed("/type", "type", "field is immutable"),
        "Pod" => pod_change(before, after, &mut causes),
        "EndpointSlice" => fixed("/addressType", "addressType", "field is immutable"),
        _ => {}
    }
    causes
}

/// What is wrong with the status of an object.
pub fn validate_status(kind: &str, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let count = |name: &str| object.int(&format!("/status/{name}")).unwrap_or(0);
    let counted: &[&str] = match kind {
        "Deployment" => &["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"],
        "ReplicaSet" => &["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas"],
        _ => &[],
    };
    for name in counted {
        at_least(&format!("status.{name}"), Some(count(name)), 0, &mut causes);
    }
    let mut exceeds = |name: &str, than: &str, shown: &str| {
        if count(name) > count(than) {
            let detail = format!("cannot be greater than {shown}");
            causes.push(Cause::invalid(format!("status.{name}"), &count(name).into(), &detail));
        }
    };
    for name in counted.iter().skip(1) {
        exceeds(name, "replicas", "status.replicas");
    }
    if !counted.is_empty() {
        exceeds("availableReplicas", "readyReplicas", "readyReplicas");
    }
    if kind == "Service"
        && object.text("/spec/type") != "LoadBalancer"
        && !object.items("/status/loadBalancer/ingress").is_empty()
    {
        let detail = "may only be used when `spec.type` is 'LoadBalancer'";
        causes.push(Cause::forbidden("status.loadBalancer.ingress", detail));
    }
    if kind == "Namespace" && object.is_leaving() && object.text("/status/phase") != "Terminating" {
        let detail = "may only be 'Terminating' if `deletionTimestamp` is not empty";
        causes.push(Cause::invalid("status.Phase", &object.text("/status/phase").into(), detail));
    }
    causes
}

/// Most of a pod stays as it was made.
fn pod_change(before: &Value, after: &Value, causes: &mut Vec<Cause>) {
    let fixed = |pod: &Value| {
        let mut spec = pod.get("spec").cloned().unwrap_or_default();
        for list in ["containers", "initContainers"] {
            for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                container.cut(&["image"]);
            }
        }
        for field in ["activeDeadlineSeconds", "tolerations", "nodeName", "schedulingGates"] {
            spec.cut(&[field]);
        }
        spec
    };
    let count = |pod: &Value, list: &str| pod.items(&format!("/spec/{list}")).len();
    let lists: Vec<&str> =
        ["containers", "initContainers"].into_iter().filter(|list| count(before, list) != count(after, list)).collect();
    if !lists.is_empty() {
        let detail = "pod updates may not add or remove containers";
        causes.extend(lists.iter().map(|list| Cause::forbidden(format!("spec.{list}"), detail)));
        return;
    }
    if before.int("/spec/activeDeadlineSeconds").is_some() && after.int("/spec/activeDeadlineSeconds").is_none() {
        let detail = "must not update from a positive integer to nil value";
        causes.push(Cause::invalid("spec.activeDeadlineSeconds", &Value::Null, detail));
    }
    if fixed(before) != fixed(after) {
        let detail = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
        causes.push(Cause::forbidden("spec", detail));
    }
}

fn keys(object: &Value, fields: &[&str], causes: &mut Vec<Cause>) {
    for field in fields {
        for (key, _) in object.get(*field).and_then(Value::as_object).into_iter().flatten() {
            causes.extend(
                config_key(key)
                    .into_iter()
                    .map(|why| Cause::invalid(format!("{field}[{key}]"), &key.as_str().into(), &why)),
            );
        }
    }
}

fn secret(object: &Value, causes: &mut Vec<Cause>) {
    keys(object, &["data"], causes);
    let required: &[&str] = match object.text("/type") {
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        _ => &[],
    };
    for key in required {
        if object.pointer("/data").and_then(|data| data.get(*key)).is_none() {
            causes.push(Cause::required(format!("data[{key}]"), ""));
        }
    }
}

fn workload(kind: &str, object: &Value, causes: &mut Vec<Cause>) {
    at_least("spec.replicas", object.int("/spec/replicas"), 0, causes);
    let selector = object.pointer("/spec/selector").filter(|selector| selector.is_object());
    let labels = object.map("/spec/template/metadata/labels");
    if selector.is_none() {
        causes.push(Cause::required("spec.selector", ""));
    }
    if selector.and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
        let detail = format!("empty selector is invalid for {}", kind.to_lowercase());
        causes.push(Cause::invalid("spec.selector", &serde_json::json!({}), &detail));
    } else if !Labels::from_object(selector).matches_map(labels) {
        let detail = "`selector` does not match template `labels`";
        causes.push(Cause::invalid("spec.template.metadata.labels", &as_value(labels), detail));
    }
    pod(object.pointer("/spec/template/spec").unwrap_or(&Value::Null), "spec.template.spec", causes);
    let policy = object.text("/spec/template/spec/restartPolicy");
    if policy != "Always" {
        let allowed = ["Always".to_string()];
        causes.push(Cause::not_supported("spec.template.spec.restartPolicy", &policy.into(), &allowed));
    }
}

fn at_least(field: &str, number: Option<i64>, least: i64, causes: &mut Vec<Cause>) {
    if let Some(number) = number.filter(|number| *number < least) {
        let detail = format!("must be greater than or equal to {least}");
        causes.push(Cause::invalid(field, &number.into(), &detail));
    }
}

fn job(object: &Value, causes: &mut Vec<Cause>) {
    for field in ["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"] {
        at_least(&format!("spec.{field}"), object.int(&format!("/spec/{field}")), 0, causes);
    }
    pod(object.pointer("/spec/template/spec").unwrap_or(&Value::Null), "spec.template.spec", causes);
    let (field, policy) = ("spec.template.spec.restartPolicy", object.text("/spec/template/spec/restartPolicy"));
    match policy {
        "Always" => causes.push(Cause::required(field, "valid values: \"OnFailure\", \"Never\"")),
        "OnFailure" | "Never" => {}
        other => causes.push(Cause::not_supported(field, &other.into(), &["OnFailure", "Never"].map(str::to_string))),
    }
}

fn as_value(map: Option<&serde_json::Map<String, Value>>) -> Value {
    map.map_or(Value::Null, |map| Value::Object(map.clone()))
}

fn port_number(field: String, number: Option<i64>, causes: &mut Vec<Cause>) {
    if let Some(number) = number.filter(|number| !(1..=65_535).contains(number)) {
        causes.push(Cause::invalid(field, &number.into(), "must be between 1 and 65535, inclusive"));
    }
}

fn pod(spec: &Value, path: &str, causes: &mut Vec<Cause>) {
    let containers = spec.items("/containers");
    if containers.is_empty() {
        causes.push(Cause::required(format!("{path}.containers"), ""));
    }
    for (at, container) in containers.iter().enumerate() {
        let path = format!("{path}.containers[{at}]");
        match container.text("/name") {
            "" => causes.push(Cause::required(format!("{path}.name"), "")),
            name if containers[..at].iter().any(|other| other.text("/name") == name) => {
                causes.push(Cause::duplicate(format!("{path}.name"), &name.into()));
            }
            name => {
                let wrong = label_1123(name);
                causes.extend(wrong.iter().map(|why| Cause::invalid(format!("{path}.name"), &name.into(), why)));
            }
        }
        for (at, port) in container.items("/ports").iter().enumerate() {
            match port.int("/containerPort") {
                None | Some(0) => causes.push(Cause::required(format!("{path}.ports[{at}].containerPort"), "")),
                number => port_number(format!("{path}.ports[{at}].containerPort"), number, causes),
            }
        }
    }
    for (at, container) in containers.iter().enumerate() {
        if container.text("/image").is_empty() {
            causes.push(Cause::required(format!("{path}.containers[{at}].image"), ""));
        }
    }
    let policies = ["Always", "OnFailure", "Never"].map(str::to_string);
    let policy = spec.text("/restartPolicy");
    if !policies.iter().any(|one| one == policy) {
        causes.push(Cause::not_supported(format!("{path}.restartPolicy"), &policy.into(), &policies));
    }
}

fn service(object: &Value, causes: &mut Vec<Cause>) {
    let ports = object.items("/spec/ports");
    let kind = object.text("/spec/type");
    if ports.is_empty() && kind != "ExternalName" && object.text("/spec/clusterIP") != "None" {
        causes.push(Cause::required("spec.ports", ""));
    }
    if kind == "ExternalName" {
        if !object.text("/spec/clusterIP").is_empty() {
            causes.push(Cause::forbidden("spec.clusterIPs", "may not be set for ExternalName services"));
        }
        if object.text("/spec/externalName").is_empty() {
            causes.push(Cause::required("spec.externalName", ""));
        }
    }
    if matches!(kind, "NodePort" | "LoadBalancer") && object.text("/spec/clusterIP") == "None" {
        let detail = format!("may not be set to 'None' for {kind} services");
        causes.push(Cause::invalid("spec.clusterIPs[0]", &"None".into(), &detail));
    }
    for (at, port) in ports.iter().enumerate() {
        if ports.len() > 1 && port.text("/name").is_empty() {
            causes.push(Cause::required(format!("spec.ports[{at}].name"), ""));
        }
        port_number(format!("spec.ports[{at}].port"), Some(port.int("/port").unwrap_or(0)), causes);
        port_number(format!("spec.ports[{at}].targetPort"), port.int("/targetPort"), causes);
    }
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"].map(str::to_string);
    if !kinds.iter().any(|one| one == kind) {
        causes.push(Cause::not_supported("spec.type", &kind.into(), &kinds));
    }
}

fn ingress(object: &Value, causes: &mut Vec<Cause>) {
    let rules = object.items("/spec/rules");
    if rules.is_empty() && object.pointer("/spec/defaultBackend").is_none() {
        let detail = "either `defaultBackend` or `rules` must be specified";
        causes.push(Cause::invalid("spec", &Value::Null, detail));
    }
    for (at, rule) in rules.iter().enumerate() {
        for (path_at, path) in rule.items("/http/paths").iter().enumerate() {
            ingress_path(&format!("spec.rules[{at}].http.paths[{path_at}]"), path, causes);
        }
    }
}

fn ingress_path(field: &str, path: &Value, causes: &mut Vec<Cause>) {
    let kinds = ["Exact", "ImplementationSpecific", "Prefix"].map(str::to_string);
    let text = path.text("/path");
    match path.text("/pathType") {
        "" => {
            causes.push(Cause::required(format!("{field}.pathType"), "pathType must be specified"));
            return;
        }
        "Exact" | "Prefix" if !text.starts_with('/') => {
            causes.push(Cause::invalid(format!("{field}.path"), &text.into(), "must be an absolute path"));
        }
        kind if !kinds.iter().any(|one| one == kind) => {
            causes.push(Cause::not_supported(format!("{field}.pathType"), &kind.into(), &kinds));
        }
        _ => {}
    }
    let service = path.pointer("/backend/service");
    if service.is_some_and(|service| service.text("/name").is_empty()) {
        causes.push(Cause::required(format!("{field}.backend.service.name"), ""));
    }
    if service.is_some_and(|service| service.int("/port/number").is_none() && service.text("/port/name").is_empty()) {
        causes.push(Cause::required(format!("{field}.backend"), "port name or number is required"));
    }
}

fn slice(object: &Value, causes: &mut Vec<Cause>) {
    let kinds = ["FQDN", "IPv4", "IPv6"].map(str::to_string);
    let kind = object.text("/addressType");
    if kind.is_empty() {
        causes.push(Cause::required("addressType", ""));
    } else if !kinds.iter().any(|one| one == kind) {
        causes.push(Cause::not_supported("addressType", &kind.into(), &kinds));
    }
    for (at, endpoint) in object.items("/endpoints").iter().enumerate() {
        let field = format!("endpoints[{at}].addresses");
        if endpoint.items("/addresses").is_empty() {
            causes.push(Cause::required(field.as_str(), "must contain at least 1 address"));
        }
        for (at, address) in endpoint.items("/addresses").iter().enumerate().filter(|_| kind.starts_with("IP")) {
            match (address.as_str().unwrap_or_default().parse::<std::net::IpAddr>(), kind) {
                (Err(_), "IPv4" | "IPv6") => {
                    let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
                    causes.push(Cause::invalid(format!("{field}[{at}]"), address, detail));
                }
                (Ok(ip), "IPv4") if ip.is_ipv6() => {
                    causes.push(Cause::invalid(field.as_str(), address, "must be an IPv4 address"))
                }
                (Ok(ip), "IPv6") if ip.is_ipv4() => {
                    causes.push(Cause::invalid(field.as_str(), address, "must be an IPv6 address"))
                }
                _ => {}
            }
        }
    }
}

fn lease(object: &Value, causes: &mut Vec<Cause>) {
    if let Some(seconds) = object.int("/spec/leaseDurationSeconds").filter(|seconds| *seconds <= 0) {
        causes.push(Cause::invalid("spec.leaseDurationSeconds", &seconds.into(), "must be greater than 0"));
    }
    at_least("spec.leaseTransitions", object.int("/spec/leaseTransitions"), 0, causes);
}

fn event(object: &Value, causes: &mut Vec<Cause>) {
    let about = object.text("/involvedObject/namespace");
    if about != object.namespace() && !(about.is_empty() && object.namespace() == "default") {
        let detail = "does not match event.namespace";
        causes.push(Cause::invalid("involvedObject.namespace", &about.into(), detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_kubernetes_refuses_is_refused() {
        let deployment = |spec: Value| json!({"metadata": {"name": "d"}, "spec": spec});
        let good = json!({"replicas": 1, "selector": {"matchLabels": {"a": "1"}}, "template": {"metadata": {"labels": {"a": "1"}},
            "spec": {"restartPolicy": "Always", "containers": [{"name": "c", "image": "i"}]}}});
        let with = |path: &[&str], value: Value| {
            let mut spec = good.clone();
            spec.put(path, value);
            deployment(spec)
        };
        let table = [
            ("good", deployment(good.clone()), vec![]),
            ("replicas", with(&["replicas"], json!(-1)), vec!["spec.replicas"]),
            (
                "selector",
                with(&["selector"], json!({"matchLabels": {"a": "2"}})),
                vec!["spec.template.metadata.labels"],
            ),
            (
                "no containers",
                with(&["template", "spec", "containers"], json!([])),
                vec!["spec.template.spec.containers"],
            ),
            (
                "no image",
                with(&["template", "spec", "containers"], json!([{"name": "c"}])),
                vec!["spec.template.spec.containers[0].image"],
            ),
        ];
        for (what, object, expected) in table {
            let found: Vec<String> = validate("Deployment", &object).into_iter().map(|cause| cause.field).collect();
            assert_eq!(found, expected, "{what}");
        }
        assert_eq!(validate_change("Deployment", &deployment(good.clone()), &with(&["selector"], json!({}))).len(), 1);
    }
}
