//! The objects of a scenario. Both controllers get the same, each in its namespace.

use serde_json::{Value, json};

use crate::scenario::{Router, Scenario, Version};

/// Collections that a scenario's objects live in, in the order they are made.
pub struct Object {
    /// Path of its collection.
    pub collection: String,
    /// The object.
    pub body: Value,
}

/// Path of a Rollout.
pub fn rollout_path(namespace: &str, name: &str) -> String {
    format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts/{name}")
}

/// All objects of a scenario that is called `name`; the Rollout is the last.
pub fn objects(scenario: &Scenario, namespace: &str, name: &str) -> Vec<Object> {
    let core = format!("/api/v1/namespaces/{namespace}/services");
    let mut objects: Vec<Object> = ["stable", "canary"]
        .iter()
        .map(|role| Object { collection: core.clone(), body: service(name, role) })
        .collect();
    if scenario.router == Router::Nginx {
        let collection = format!("/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses");
        objects.push(Object { collection, body: ingress(name) });
    }
    let collection = format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts");
    objects.push(Object { collection, body: rollout(scenario, name) });
    objects
}

fn service(name: &str, role: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": format!("{name}-{role}")},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 8080, "targetPort": 8080}]},
    })
}

fn ingress(name: &str) -> Value {
    let backend = json!({"service": {"name": format!("{name}-stable"), "port": {"name": "http"}}});
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": format!("{name}-front")},
        "spec": {"ingressClassName": "nginx", "rules": [{
            "host": format!("{name}.lab"),
            "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
        }]},
    })
}

fn rollout(scenario: &Scenario, name: &str) -> Value {
    let mut canary = scenario.canary.clone();
    canary["stableService"] = json!(format!("{name}-stable"));
    canary["canaryService"] = json!(format!("{name}-canary"));
    if scenario.router == Router::Nginx {
        canary["trafficRouting"] = json!({"nginx": {"stableIngress": format!("{name}-front")}});
    }
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": name},
        "spec": {
            "replicas": scenario.replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, Version::Good(1)),
            "strategy": {"canary": canary},
        },
    })
}

/// The pod template of a version.
pub fn template(name: &str, version: Version) -> Value {
    let (n, system) = match version {
        Version::Good(n) => (n, "linux"),
        Version::Stuck(n) => (n, "none"),
    };
    json!({
        "metadata": {"labels": {"app": name}},
        "spec": {
            "nodeSelector": {"kubernetes.io/os": system},
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "web",
                "image": format!("serinus/web:{n}.0.0"),
                "ports": [{"name": "http", "containerPort": 8080}],
            }],
        },
    })
}
