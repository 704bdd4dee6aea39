//! What a server fills in when it reads an object, kind by kind.

use super::pods;
use crate::object::Fields;
use serde_json::{Value, json};

/// Fills in an object of a built-in kind.
pub fn default(kind: &str, object: &mut Value) {
    match kind {
        "Pod" => {
            if let Some(spec) = object.get_mut("spec") {
                pods::default_spec(spec);
                pods::default_requests(spec);
                spec.put_default(&["enableServiceLinks"], true);
            }
        }
        "PodTemplate" => template(object, &["template"]),
        "Deployment" => {
            template(object, &["spec", "template"]);
            object.put_default(&["spec", "replicas"], 1);
            object.put_default(&["spec", "revisionHistoryLimit"], 10);
            object.put_default(&["spec", "progressDeadlineSeconds"], 600);
            rolling(object, &["spec", "strategy"], &[("maxSurge", json!("25%")), ("maxUnavailable", json!("25%"))]);
        }
        "ReplicaSet" => {
            template(object, &["spec", "template"]);
            object.put_default(&["spec", "replicas"], 1);
        }
        "StatefulSet" => {
            template(object, &["spec", "template"]);
            object.put_default(&["spec", "replicas"], 1);
            object.put_default(&["spec", "revisionHistoryLimit"], 10);
            fill_empty(object, &["spec", "podManagementPolicy"], "OrderedReady");
            let retain = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
            object.put_default(&["spec", "persistentVolumeClaimRetentionPolicy"], retain);
            rolling(object, &["spec", "updateStrategy"], &[("partition", json!(0))]);
        }
        "DaemonSet" => {
            template(object, &["spec", "template"]);
            object.put_default(&["spec", "revisionHistoryLimit"], 10);
            rolling(object, &["spec", "updateStrategy"], &[("maxSurge", json!(0)), ("maxUnavailable", json!(1))]);
        }
        "Job" => job(object),
        "CronJob" => {
            fill_empty(object, &["spec", "concurrencyPolicy"], "Allow");
            object.put_default(&["spec", "suspend"], false);
            object.put_default(&["spec", "successfulJobsHistoryLimit"], 3);
            object.put_default(&["spec", "failedJobsHistoryLimit"], 1);
            template(object, &["spec", "jobTemplate", "spec", "template"]);
        }
        "Service" => service(object),
        "Namespace" => {
            let name = object.name().to_string();
            if !name.is_empty() {
                object.put(&["metadata", "labels", "kubernetes.io/metadata.name"], name);
            }
            fill_empty(object, &["status", "phase"], "Active");
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

/// Fills in a text that is absent or empty.
fn fill_empty(object: &mut Value, path: &[&str], text: &str) {
    let pointer: String = path.iter().flat_map(|name| ["/", name]).collect();
    if object.text(&pointer).is_empty() {
        object.put(path, text);
    }
}

fn template(object: &mut Value, path: &[&str]) {
    let pointer: String = path.iter().flat_map(|name| ["/", name]).collect();
    if let Some(template) = object.pointer_mut(&pointer) {
        let mut spec = template.cut(&["spec"]).unwrap_or_else(|| json!({}));
        pods::default_spec(&mut spec);
        template.put(&["spec"], spec);
    }
}

/// `type: RollingUpdate` and what belongs to it.
fn rolling(object: &mut Value, path: &[&str], settings: &[(&str, Value)]) {
    fill_empty(object, &[path, &["type"]].concat(), "RollingUpdate");
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
    labels_of_template(object);
}

/// A job without labels has those of its pods.
pub fn labels_of_template(job: &mut Value) {
    let none = job.map("/metadata/labels").is_none_or(serde_json::Map::is_empty);
    if let Some(labels) = job.pointer("/spec/template/metadata/labels").cloned().filter(|_| none) {
        job.put(&["metadata", "labels"], labels);
    }
}

fn service(object: &mut Value) {
    fill_empty(object, &["spec", "sessionAffinity"], "None");
    if object.text("/spec/sessionAffinity") == "ClientIP" {
        object.put_default(&["spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds"], 10_800);
    } else {
        object.cut(&["spec", "sessionAffinityConfig"]);
    }
    fill_empty(object, &["spec", "type"], "ClusterIP");
    for port in object.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
        fill_empty(port, &["protocol"], "TCP");
        let number = port.get("port").cloned().unwrap_or(Value::Null);
        if matches!(port.get("targetPort"), None | Some(Value::Null))
            || port.int("/targetPort") == Some(0)
            || port.get("targetPort") == Some(&json!(""))
        {
            port.put(&["targetPort"], number);
        }
    }
    let kind = object.text("/spec/type").to_string();
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        object.put_default(&["spec", "externalTrafficPolicy"], "Cluster");
    }
    if matches!(kind.as_str(), "ClusterIP" | "NodePort" | "LoadBalancer") {
        object.put_default(&["spec", "internalTrafficPolicy"], "Cluster");
    }
    if kind == "LoadBalancer" {
        object.put_default(&["spec", "allocateLoadBalancerNodePorts"], true);
    }
}

fn secret(object: &mut Value) {
    fill_empty(object, &["type"], "Opaque");
    let plain = object.cut(&["stringData"]);
    for (key, value) in plain.iter().filter_map(Value::as_object).flatten() {
        let bytes = k8s_openapi::ByteString(value.as_str().unwrap_or_default().as_bytes().to_vec());
        if let Ok(encoded) = serde_json::to_value(bytes) {
            object.put(&["data", key], encoded);
        }
    }
}
