//! What a server fills in, kind by kind.

use super::pods;
use crate::names::Names;
use crate::object::Fields;
use serde_json::{Value, json};

/// Fills in an object of a built-in kind. `before` is what was there, for values that were allotted once.
pub fn default(kind: &str, object: &mut Value, before: Option<&Value>, names: &mut Names) {
    match kind {
        "Pod" => {
            if let Some(spec) = object.get_mut("spec") {
                pods::default_spec(spec);
                spec.put_default(&["enableServiceLinks"], true);
            }
            object.put_default(&["status", "phase"], "Pending");
            object.put_default(&["status", "qosClass"], "BestEffort");
        }
        "PodTemplate" => template(object, &["template"]),
        "Deployment" => {
            template(object, &["spec", "template"]);
            object.put_default(&["spec", "replicas"], 1);
            object.put_default(&["spec", "revisionHistoryLimit"], 10);
            object.put_default(&["spec", "progressDeadlineSeconds"], 600);
            rolling(object, &["spec", "strategy"], &[("maxSurge", json!("25%")), ("maxUnavailable", json!("25%"))]);
            object.put_default(&["status"], json!({}));
        }
        "ReplicaSet" => {
            template(object, &["spec", "template"]);
            object.put_default(&["spec", "replicas"], 1);
            object.put_default(&["status", "replicas"], 0);
        }
        "StatefulSet" => {
            template(object, &["spec", "template"]);
            object.put_default(&["spec", "replicas"], 1);
            object.put_default(&["spec", "revisionHistoryLimit"], 10);
            object.put_default(&["spec", "podManagementPolicy"], "OrderedReady");
            let retain = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
            object.put_default(&["spec", "persistentVolumeClaimRetentionPolicy"], retain);
            rolling(object, &["spec", "updateStrategy"], &[("partition", json!(0))]);
            object.put_default(&["status", "replicas"], 0);
            object.put_default(&["status", "availableReplicas"], 0);
        }
        "DaemonSet" => {
            template(object, &["spec", "template"]);
            object.put_default(&["spec", "revisionHistoryLimit"], 10);
            rolling(object, &["spec", "updateStrategy"], &[("maxSurge", json!(0)), ("maxUnavailable", json!(1))]);
            for count in ["currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"] {
                object.put_default(&["status", count], 0);
            }
        }
        "Job" => job(object),
        "CronJob" => {
            object.put_default(&["spec", "concurrencyPolicy"], "Allow");
            object.put_default(&["spec", "suspend"], false);
            object.put_default(&["spec", "successfulJobsHistoryLimit"], 3);
            object.put_default(&["spec", "failedJobsHistoryLimit"], 1);
            template(object, &["spec", "jobTemplate", "spec", "template"]);
            object.put_default(&["status"], json!({}));
        }
        "Service" => service(object, before, names),
        "Ingress" => object.put_default(&["status", "loadBalancer"], json!({})),
        "Namespace" => {
            let name = object.name().to_string();
            object.put_default(&["metadata", "labels", "kubernetes.io/metadata.name"], name);
            object.put_default(&["spec", "finalizers"], json!(["kubernetes"]));
            object.put_default(&["status", "phase"], "Active");
        }
        "Secret" => secret(object),
        "EndpointSlice" => {
            for port in object.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
                port.put_default(&["name"], "");
                port.put_default(&["protocol"], "TCP");
            }
        }
        "CustomResourceDefinition" => crate::crd::default(object),
        _ => {}
    }
}

fn template(object: &mut Value, path: &[&str]) {
    let pointer: String = path.iter().flat_map(|name| ["/", name]).collect();
    if let Some(template) = object.pointer_mut(&pointer) {
        template.put_default(&["metadata"], json!({}));
        let mut spec = template.cut(&["spec"]).unwrap_or_else(|| json!({}));
        pods::default_spec(&mut spec);
        template.put(&["spec"], spec);
    }
}

/// `type: RollingUpdate` and what belongs to it.
fn rolling(object: &mut Value, path: &[&str], settings: &[(&str, Value)]) {
    object.put_default(&[path, &["type"]].concat(), "RollingUpdate");
    let pointer: String = path.iter().flat_map(|name| ["/", name]).collect();
    if object.text(&format!("{pointer}/type")) == "RollingUpdate" {
        for (name, value) in settings {
            object.put_default(&[path, &["rollingUpdate", name]].concat(), value.clone());
        }
    }
}

fn job(object: &mut Value) {
    template(object, &["spec", "template"]);
    if object.pointer("/spec/completions").is_none() && object.pointer("/spec/parallelism").is_none() {
        object.put(&["spec", "completions"], 1);
    }
    object.put_default(&["spec", "parallelism"], 1);
    object.put_default(&["spec", "backoffLimit"], 6);
    object.put_default(&["spec", "completionMode"], "NonIndexed");
    object.put_default(&["spec", "suspend"], false);
    object.put_default(&["spec", "manualSelector"], false);
    object.put_default(&["spec", "podReplacementPolicy"], "TerminatingOrFailed");
    if object.pointer("/spec/manualSelector") == Some(&Value::Bool(false)) {
        object.cut(&["spec", "manualSelector"]);
        let (uid, name) = (object.uid().to_string(), object.name().to_string());
        for (key, value) in [
            ("batch.kubernetes.io/controller-uid", &uid),
            ("controller-uid", &uid),
            ("batch.kubernetes.io/job-name", &name),
            ("job-name", &name),
        ] {
            object.put_default(&["spec", "template", "metadata", "labels", key], value.as_str());
        }
        object.put_default(&["spec", "selector", "matchLabels", "batch.kubernetes.io/controller-uid"], uid);
    }
    object.put_default(&["status"], json!({}));
}

fn service(object: &mut Value, before: Option<&Value>, names: &mut Names) {
    object.put_default(&["spec", "sessionAffinity"], "None");
    object.put_default(&["spec", "type"], "ClusterIP");
    object.put_default(&["status", "loadBalancer"], json!({}));
    let kind = object.text("/spec/type").to_string();
    for port in object.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
        port.put_default(&["protocol"], "TCP");
        let number = port.get("port").cloned().unwrap_or(Value::Null);
        port.put_default(&["targetPort"], number);
        if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
            port.put_default(&["nodePort"], 30_000 + i64::from(names.below(2_768)));
        }
    }
    if kind == "ExternalName" {
        return;
    }
    object.put_default(&["spec", "internalTrafficPolicy"], "Cluster");
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        object.put_default(&["spec", "externalTrafficPolicy"], "Cluster");
    }
    if kind == "LoadBalancer" {
        object.put_default(&["spec", "allocateLoadBalancerNodePorts"], true);
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

fn secret(object: &mut Value) {
    object.put_default(&["type"], "Opaque");
    let plain = object.cut(&["stringData"]);
    for (key, value) in plain.iter().filter_map(Value::as_object).flatten() {
        let bytes = k8s_openapi::ByteString(value.as_str().unwrap_or_default().as_bytes().to_vec());
        if let Ok(encoded) = serde_json::to_value(bytes) {
            object.put(&["data", key], encoded);
        }
    }
}
