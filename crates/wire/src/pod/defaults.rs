//! Defaults of `core/v1`, as the API server writes them into a stored pod template.

use super::fields;
use serde_json::{Map, Value, json};

/// The template as it stands in a stored ReplicaSet. What is not an object stays as it is.
pub fn defaulted(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(top) = template.as_object_mut() {
        let spec = top.entry("spec").or_insert_with(|| json!({}));
        if let Some(spec) = spec.as_object_mut() {
            pod(spec);
        }
    }
    template
}

fn pod(spec: &mut Map<String, Value>) {
    set(spec, "restartPolicy", "Always");
    set(spec, "dnsPolicy", "ClusterFirst");
    set(spec, "schedulerName", "default-scheduler");
    set_absent(spec, "terminationGracePeriodSeconds", || 30.into());
    set_absent(spec, "securityContext", || json!({}));
    twins(spec);
    for list in ["initContainers", "containers"] {
        each(spec, list, container);
    }
    each(spec, "volumes", volume);
    resources(spec);
    if let Some(overhead) = fields(spec, "overhead") {
        quantities(overhead);
    }
}

/// The older name of `serviceAccountName` is kept alike; the newer one wins.
fn twins(spec: &mut Map<String, Value>) {
    let said = |key: &str| spec.get(key).and_then(Value::as_str).filter(|name| !name.is_empty());
    if let Some(name) = said("serviceAccountName").or_else(|| said("serviceAccount")).map(str::to_string) {
        for key in ["serviceAccountName", "serviceAccount"] {
            spec.insert(key.to_string(), name.clone().into());
        }
    }
}

fn container(container: &mut Map<String, Value>) {
    set(container, "terminationMessagePath", "/dev/termination-log");
    set(container, "terminationMessagePolicy", "File");
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let policy = pull_policy(image);
    set(container, "imagePullPolicy", policy);
    set_absent(container, "resources", || json!({}));
    resources(container);
    each(container, "ports", |port| set(port, "protocol", "TCP"));
    each(container, "env", |env| {
        if let Some(source) = fields(env, "valueFrom") {
            field_source(source);
        }
    });
    for kind in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(found) = fields(container, kind) {
            probe(found);
        }
    }
    if let Some(lifecycle) = fields(container, "lifecycle") {
        for hook in ["postStart", "preStop"] {
            if let Some(handler) = fields(lifecycle, hook) {
                http_get(handler);
            }
        }
    }
}

/// Without a tag the newest image is meant, and that changes; a digest never does.
fn pull_policy(image: &str) -> &'static str {
    let name = image.rsplit_once('/').map_or(image, |(_, name)| name);
    let digest = image.contains('@');
    match name.split('@').next().and_then(|name| name.rsplit_once(':')) {
        Some((_, "latest")) => "Always",
        Some(_) => "IfNotPresent",
        None if digest || image.is_empty() => "IfNotPresent",
        None => "Always",
    }
}

fn field_source(source: &mut Map<String, Value>) {
    if let Some(reference) = fields(source, "fieldRef") {
        set(reference, "apiVersion", "v1");
    }
    if let Some(reference) = fields(source, "resourceFieldRef") {
        set_absent(reference, "divisor", || "0".into());
    }
}

fn probe(probe: &mut Map<String, Value>) {
    for (key, value) in [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
    {
        if probe.get(key).and_then(Value::as_i64).is_none_or(|number| number == 0) {
            probe.insert(key.to_string(), value.into());
        }
    }
    http_get(probe);
    if let Some(grpc) = fields(probe, "grpc") {
        set_absent(grpc, "service", || "".into());
    }
}

fn http_get(handler: &mut Map<String, Value>) {
    if let Some(get) = fields(handler, "httpGet") {
        set(get, "path", "/");
        set(get, "scheme", "HTTP");
    }
}

fn volume(volume: &mut Map<String, Value>) {
    if !volume.iter().any(|(key, value)| key != "name" && !value.is_null()) {
        volume.insert("emptyDir".to_string(), json!({}));
        return;
    }
    for kind in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = fields(volume, kind) {
            set_absent(source, "defaultMode", || 0o644.into());
        }
    }
    if let Some(api) = fields(volume, "downwardAPI") {
        each(api, "items", field_source);
    }
    if let Some(projected) = fields(volume, "projected") {
        each(projected, "sources", projection);
    }
    if let Some(path) = fields(volume, "hostPath") {
        set_absent(path, "type", || "".into());
    }
    if let Some(claim) = fields(volume, "ephemeral").and_then(|source| fields(source, "volumeClaimTemplate"))
        && let Some(spec) = fields(claim, "spec")
    {
        set_absent(spec, "volumeMode", || "Filesystem".into());
        resources(spec);
    }
    if let Some(image) = fields(volume, "image") {
        let policy = pull_policy(image.get("reference").and_then(Value::as_str).unwrap_or_default());
        set(image, "pullPolicy", policy);
    }
    block_device(volume);
}

fn projection(source: &mut Map<String, Value>) {
    if let Some(token) = fields(source, "serviceAccountToken") {
        set_absent(token, "expirationSeconds", || 3600.into());
    }
    if let Some(api) = fields(source, "downwardAPI") {
        each(api, "items", field_source);
    }
}

/// Volumes of storage systems that have drivers of their own by now; templates that use them still exist.
fn block_device(volume: &mut Map<String, Value>) {
    if let Some(iscsi) = fields(volume, "iscsi") {
        set(iscsi, "iscsiInterface", "default");
    }
    if let Some(rbd) = fields(volume, "rbd") {
        set(rbd, "pool", "rbd");
        set(rbd, "user", "admin");
        set(rbd, "keyring", "/etc/ceph/keyring");
    }
    if let Some(disk) = fields(volume, "azureDisk") {
        set_absent(disk, "cachingMode", || "ReadWrite".into());
        set_absent(disk, "kind", || "Shared".into());
        set_absent(disk, "fsType", || "ext4".into());
        set_absent(disk, "readOnly", || false.into());
    }
    if let Some(scale) = fields(volume, "scaleIO") {
        set(scale, "storageMode", "ThinProvisioned");
        set(scale, "fsType", "xfs");
    }
}

fn resources(parent: &mut Map<String, Value>) {
    for kind in ["limits", "requests"] {
        if let Some(list) = fields(parent, "resources").and_then(|resources| fields(resources, kind)) {
            quantities(list);
        }
    }
}

/// Quantities are stored in their canonical spelling, nothing finer than a thousandth.
fn quantities(list: &mut Map<String, Value>) {
    for value in list.values_mut() {
        let text = match &value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => continue,
        };
        if let Some(canonical) = serinus_gocompat::quantity::to_thousandths(&text) {
            *value = canonical.into();
        }
    }
}

/// For text, Go's empty string is the same as absent.
fn set(fields: &mut Map<String, Value>, key: &str, value: &str) {
    if fields.get(key).is_none_or(|found| found.is_null() || found.as_str() == Some("")) {
        fields.insert(key.to_string(), value.into());
    }
}

/// For pointers, an empty value is something that was said.
fn set_absent(fields: &mut Map<String, Value>, key: &str, value: impl FnOnce() -> Value) {
    if fields.get(key).is_none_or(Value::is_null) {
        fields.insert(key.to_string(), value());
    }
}

fn each(parent: &mut Map<String, Value>, key: &str, mut change: impl FnMut(&mut Map<String, Value>)) {
    for item in parent.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(item) = item.as_object_mut() {
            change(item);
        }
    }
}
