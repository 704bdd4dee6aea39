//! Pod templates: what a server fills in.

use crate::object::Fields;
use serde_json::{Value, json};

/// Fills in `spec` of a pod or of a pod template.
pub fn default_spec(spec: &mut Value) {
    if !spec.is_object() {
        *spec = json!({});
    }
    spec.put_default(&["restartPolicy"], "Always");
    spec.put_default(&["terminationGracePeriodSeconds"], 30);
    spec.put_default(&["dnsPolicy"], "ClusterFirst");
    spec.put_default(&["securityContext"], json!({}));
    spec.put_default(&["schedulerName"], "default-scheduler");
    for (from, to) in [("serviceAccountName", "serviceAccount"), ("serviceAccount", "serviceAccountName")] {
        if let Some(account) = spec.get(from).cloned() {
            spec.put_default(&[to], account);
        }
    }
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            default_container(container);
        }
    }
    for volume in spec.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        default_volume(volume);
    }
}

/// Requests that are not given are as high as the limits; for pods, not for templates.
pub fn default_requests(spec: &mut Value) {
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let limits = container.map("/resources/limits").cloned().unwrap_or_default();
            for (name, limit) in limits {
                container.put_default(&["resources", "requests", &name], limit);
            }
        }
    }
}

/// How well a pod is looked after when its node is short of something.
pub fn quality(spec: &Value) -> &'static str {
    let containers = || spec.items("/containers").iter().chain(spec.items("/initContainers"));
    let has = |pointer: &str| containers().any(|one| one.map(pointer).is_some_and(|map| !map.is_empty()));
    let amount = |one: &Value, list: &str, name: &str| one.pointer(&format!("/resources/{list}/{name}")).cloned();
    let guaranteed = |one: &Value| {
        ["cpu", "memory"].iter().all(|name| {
            let limit = amount(one, "limits", name);
            limit.is_some() && limit == amount(one, "requests", name)
        })
    };
    match () {
        () if containers().all(guaranteed) && has("/resources/limits") => "Guaranteed",
        () if has("/resources/limits") || has("/resources/requests") => "Burstable",
        () => "BestEffort",
    }
}

fn default_container(container: &mut Value) {
    container.put_default(&["terminationMessagePath"], "/dev/termination-log");
    container.put_default(&["terminationMessagePolicy"], "File");
    let policy = if floats(container.text("/image")) { "Always" } else { "IfNotPresent" };
    container.put_default(&["imagePullPolicy"], policy);
    container.put_default(&["resources"], json!({}));
    for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        port.put_default(&["protocol"], "TCP");
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = container.get_mut(name) else { continue };
        for (field, value) in
            [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
        {
            probe.put_default(&[field], value);
        }
        default_handler(probe);
    }
    for hook in ["postStart", "preStop"] {
        if let Some(hook) = container.pointer_mut(&format!("/lifecycle/{hook}")) {
            default_handler(hook);
        }
    }
    for variable in container.get_mut("env").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(field) = variable.pointer_mut("/valueFrom/fieldRef") {
            field.put_default(&["apiVersion"], "v1");
        }
    }
}

fn default_handler(handler: &mut Value) {
    if let Some(get) = handler.get_mut("httpGet") {
        get.put_default(&["path"], "/");
        get.put_default(&["scheme"], "HTTP");
    }
    if let Some(grpc) = handler.get_mut("grpc") {
        grpc.put_default(&["service"], "");
    }
}

fn default_volume(volume: &mut Value) {
    for source in ["configMap", "secret", "projected", "downwardAPI"] {
        if let Some(source) = volume.get_mut(source) {
            source.put_default(&["defaultMode"], 420);
        }
    }
    if let Some(path) = volume.get_mut("hostPath") {
        path.put_default(&["type"], "");
    }
    let names_source = volume.as_object().is_some_and(|volume| volume.keys().any(|key| key != "name"));
    if !names_source {
        volume.put(&["emptyDir"], json!({}));
    }
}

/// Whether an image has no tag or `latest`, and no digest.
fn floats(image: &str) -> bool {
    if image.contains('@') {
        return false;
    }
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_float_are_always_pulled() {
        for (image, expected) in
            [("a", true), ("a:latest", true), ("r:5000/a", true), ("r:5000/a:1", false), ("a@sha256:0", false)]
        {
            assert_eq!(floats(image), expected, "{image}");
        }
    }
}
