//! What a server adds between reading an object and storing it: what it allots itself, and what admission puts into pods. None of it
//! belongs to a manager of fields.

use super::pods;
use crate::names::Names;
use crate::object::Fields;
use serde_json::{Value, json};

/// What admission adds to a new object.
pub fn admit(kind: &str, object: &mut Value) {
    if kind != "Pod" {
        return;
    }
    let Some(spec) = object.get_mut("spec") else { return };
    if spec.text("/serviceAccountName").is_empty() {
        spec.put(&["serviceAccountName"], "default");
        spec.put(&["serviceAccount"], "default");
    }
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let mut tolerations = spec.items("/tolerations").to_vec();
        if !tolerations.iter().any(|one| matches!(one.text("/key"), "") || one.text("/key") == key) {
            tolerations
                .push(json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}));
            spec.put(&["tolerations"], tolerations);
        }
    }
    spec.put_default(&["priority"], 0);
    spec.put_default(&["preemptionPolicy"], "PreemptLowerPriority");
}

/// What the server allots. `before` is what was there: what was allotted once stays.
pub fn prepare(kind: &str, object: &mut Value, before: Option<&Value>, names: &mut Names) {
    match (kind, before) {
        ("Pod", None) => {
            object.put(&["status", "phase"], "Pending");
            let class = pods::quality(object.get("spec").unwrap_or(&Value::Null));
            object.put(&["status", "qosClass"], class);
        }
        ("Pod", Some(before)) => {
            let class = before.text("/status/qosClass");
            object.put(&["status", "qosClass"], class);
        }
        ("Namespace", None) => {
            object.put(&["spec", "finalizers"], json!(["kubernetes"]));
            object.put(&["status", "phase"], "Active");
        }
        ("Job", None) => job(object),
        ("Service", before) => service(object, before, names),
        _ => {}
    }
}

/// The selector that is made for a job, and the labels that it selects by.
fn job(object: &mut Value) {
    if object.pointer("/spec/manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    let (uid, name) = (object.uid().to_string(), object.name().to_string());
    for (key, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        object.put(&["spec", "template", "metadata", "labels", key], value.as_str());
    }
    object.put(&["spec", "selector", "matchLabels", "batch.kubernetes.io/controller-uid"], uid);
    super::defaults::labels_of_template(object);
}

fn service(object: &mut Value, before: Option<&Value>, names: &mut Names) {
    let kind = object.text("/spec/type").to_string();
    if kind == "ExternalName" {
        // An address that a client asks for is refused later.
        for field in [
            "clusterIP",
            "clusterIPs",
            "ipFamilies",
            "ipFamilyPolicy",
            "internalTrafficPolicy",
            "externalTrafficPolicy",
        ] {
            let pointer = format!("/spec/{field}");
            if before.is_some_and(|before| before.pointer(&pointer) == object.pointer(&pointer)) {
                object.cut(&["spec", field]);
            }
        }
        return;
    }
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        for port in object.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
            let same =
                |one: &&Value| one.int("/port") == port.int("/port") && one.text("/protocol") == port.text("/protocol");
            let known = before.and_then(|before| before.items("/spec/ports").iter().find(same)?.int("/nodePort"));
            port.put_default(&["nodePort"], known.unwrap_or_else(|| 30_000 + i64::from(names.below(2_768))));
        }
    }
    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if let Some(allotted) = before.and_then(|before| before.pointer(&format!("/spec/{field}"))) {
            object.put_default(&["spec", field], allotted.clone());
        }
    }
    object.put_default(&["spec", "clusterIP"], format!("10.96.{}.{}", names.below(256), 1 + names.below(254)));
    let address = object.pointer("/spec/clusterIP").cloned().unwrap_or(Value::Null);
    object.put_default(&["spec", "clusterIPs"], json!([address]));
    let families = if object.text("/spec/clusterIP") == "None" && object.pointer("/spec/selector").is_none() {
        ("RequireDualStack", json!(["IPv4", "IPv6"]))
    } else {
        ("SingleStack", json!(["IPv4"]))
    };
    object.put_default(&["spec", "ipFamilies"], families.1);
    object.put_default(&["spec", "ipFamilyPolicy"], families.0);
}
