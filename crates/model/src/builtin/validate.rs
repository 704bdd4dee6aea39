//! What a server refuses, kind by kind: as much as clients of this project can run into.

use crate::failure::Cause;
use crate::object::Fields;
use crate::selector::Labels;
use serde_json::Value;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// What is wrong with an object.
pub fn validate(kind: &str, object: &Value) -> Vec<Cause> {
    let mut causes = metadata(kind, object);
    match kind {
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => workload(kind, object, &mut causes),
        "Service" => service(object, &mut causes),
        "Ingress" => ingress(object, &mut causes),
        "Pod" => pod(object.get("spec").unwrap_or(&Value::Null), "spec", &mut causes),
        "Job" => pod(object.pointer("/spec/template/spec").unwrap_or(&Value::Null), "spec.template.spec", &mut causes),
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
            fixed("/spec/selector", "spec.selector", "field is immutable");
            fixed("/spec/template", "spec.template", "field is immutable");
        }
        "Service" if before.text("/spec/type") != "ExternalName" && after.text("/spec/type") != "ExternalName" => {
            fixed("/spec/clusterIPs/0", "spec.clusterIPs[0]", "may not change once set");
        }
        "ConfigMap" | "Secret" if before.get("immutable") == Some(&Value::Bool(true)) => {
            for field in ["data", "binaryData"] {
                if before.get(field) != after.get(field) {
                    causes.push(Cause::forbidden(field, "field is immutable when `immutable` is set"));
                }
            }
        }
        "EndpointSlice" => fixed("/addressType", "addressType", "field is immutable"),
        _ => {}
    }
    causes
}

fn is_subdomain(name: &str) -> bool {
    !name.is_empty() && name.len() <= 253 && name.split('.').all(is_label)
}

fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// What is wrong with names, labels and owners of any kind.
pub fn metadata(kind: &str, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let name = object.name();
    let name_value = Value::from(name);
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else if kind == "Service" {
        if !is_label(name) || name.len() > 63 || name.starts_with(|c: char| c.is_ascii_digit()) {
            causes.push(Cause::invalid("metadata.name", &name_value, LABEL_1035));
        }
    } else if !is_subdomain(name) && !matches!(kind, "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding") {
        causes.push(Cause::invalid("metadata.name", &name_value, SUBDOMAIN));
    }
    for value in object.map("/metadata/labels").into_iter().flatten().map(|(_, value)| value) {
        let text = value.as_str().unwrap_or_default();
        let edge = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
        let inner = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if text.len() > 63 || !inner || !edge(text.chars().next()) || !edge(text.chars().last()) {
            causes.push(Cause::invalid("metadata.labels", value, LABEL_VALUE));
        }
    }
    for (at, owner) in object.items("/metadata/ownerReferences").iter().enumerate() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner.text(&format!("/{field}")).is_empty() {
                causes.push(Cause::invalid(
                    format!("metadata.ownerReferences[{at}].{field}"),
                    &"".into(),
                    &format!("{field} must not be empty"),
                ));
            }
        }
    }
    causes
}

fn workload(kind: &str, object: &Value, causes: &mut Vec<Cause>) {
    if let Some(replicas) = object.int("/spec/replicas").filter(|replicas| *replicas < 0) {
        causes.push(Cause::invalid("spec.replicas", &replicas.into(), "must be greater than or equal to 0"));
    }
    let selector = object.pointer("/spec/selector").filter(|s| s.as_object().is_some_and(|map| !map.is_empty()));
    let labels = object.map("/spec/template/metadata/labels");
    match selector {
        None if kind == "ReplicaSet" || kind == "Deployment" => {
            causes.push(Cause::required("spec.selector", ""));
            causes.push(Cause::invalid(
                "spec.template.metadata.labels",
                &as_value(labels),
                "`selector` does not match template `labels`",
            ));
        }
        selector if !Labels::from_object(selector).matches_map(labels) => {
            causes.push(Cause::invalid(
                "spec.template.metadata.labels",
                &as_value(labels),
                "`selector` does not match template `labels`",
            ));
        }
        _ => {}
    }
    pod(object.pointer("/spec/template/spec").unwrap_or(&Value::Null), "spec.template.spec", causes);
    let policy = object.text("/spec/template/spec/restartPolicy");
    if policy != "Always" {
        let allowed = ["Always".to_string()];
        causes.push(Cause::not_supported("spec.template.spec.restartPolicy", &policy.into(), &allowed));
    }
}

fn as_value(map: Option<&serde_json::Map<String, Value>>) -> Value {
    map.map_or(Value::Null, |map| Value::Object(map.clone()))
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
            _ => {}
        }
        if container.text("/image").is_empty() {
            causes.push(Cause::required(format!("{path}.image"), ""));
        }
        for (at, port) in container.items("/ports").iter().enumerate() {
            let number = port.int("/containerPort").unwrap_or(0);
            if !(1..=65_535).contains(&number) {
                let detail = "must be between 1 and 65535, inclusive";
                causes.push(Cause::invalid(format!("{path}.ports[{at}].containerPort"), &number.into(), detail));
            }
        }
    }
}

fn service(object: &Value, causes: &mut Vec<Cause>) {
    let ports = object.items("/spec/ports");
    let kind = object.text("/spec/type");
    if ports.is_empty() && kind != "ExternalName" && object.text("/spec/clusterIP") != "None" {
        causes.push(Cause::required("spec.ports", ""));
    }
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"].map(str::to_string);
    if !kinds.iter().any(|one| one == kind) {
        causes.push(Cause::not_supported("spec.type", &kind.into(), &kinds));
    }
    for (at, port) in ports.iter().enumerate() {
        if ports.len() > 1 && port.text("/name").is_empty() {
            causes.push(Cause::required(format!("spec.ports[{at}].name"), ""));
        }
        let number = port.int("/port").unwrap_or(0);
        if !(1..=65_535).contains(&number) {
            causes.push(Cause::invalid(
                format!("spec.ports[{at}].port"),
                &number.into(),
                "must be between 1 and 65535, inclusive",
            ));
        }
    }
}

fn ingress(object: &Value, causes: &mut Vec<Cause>) {
    let rules = object.items("/spec/rules");
    if rules.is_empty() && object.pointer("/spec/defaultBackend").is_none() {
        let detail = "either `defaultBackend` or `rules` must be specified";
        causes.push(Cause::invalid("spec", &Value::Array(vec![]), detail));
    }
    for (at, rule) in rules.iter().enumerate() {
        for (path_at, path) in rule.items("/http/paths").iter().enumerate() {
            let field = format!("spec.rules[{at}].http.paths[{path_at}]");
            if path.text("/pathType").is_empty() {
                causes.push(Cause::required(format!("{field}.pathType"), "pathType must be specified"));
            }
            let service = path.pointer("/backend/service");
            if service.is_some_and(|service| service.text("/name").is_empty()) {
                causes.push(Cause::required(format!("{field}.backend.service.name"), ""));
            }
            if service
                .is_some_and(|service| service.int("/port/number").is_none() && service.text("/port/name").is_empty())
            {
                causes.push(Cause::required(format!("{field}.backend"), "port name or number is required"));
            }
        }
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

    #[test]
    fn names_and_labels_are_checked() {
        for (kind, name, good) in [
            ("ConfigMap", "a.b-c", true),
            ("ConfigMap", "A", false),
            ("Service", "1a", false),
            ("Service", "a-1", true),
        ] {
            let object = json!({"metadata": {"name": name}, "spec": {"type": "ClusterIP", "ports": [{"port": 1}]}});
            assert_eq!(validate(kind, &object).is_empty(), good, "{kind} {name}");
        }
        let labelled = json!({"metadata": {"name": "a", "labels": {"x": "-bad"}}});
        assert_eq!(metadata("ConfigMap", &labelled).len(), 1);
    }
}
