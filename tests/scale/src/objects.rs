//! The Rollouts that are measured, and what belongs to each.

use serde_json::{Value, json};

/// Path of a collection in a namespace.
pub fn collection(namespace: &str, plural: &str) -> String {
    let group = match plural {
        "rollouts" => "apis/argoproj.io/v1alpha1",
        "replicasets" | "deployments" => "apis/apps/v1",
        "imageupdates" => "apis/serinus.dev/v1alpha1",
        "ingresses" => "apis/networking.k8s.io/v1",
        _ => "api/v1",
    };
    format!("/{group}/namespaces/{namespace}/{plural}")
}

/// The image of a version.
pub fn image(version: u32) -> String {
    format!("serinus/web:{version}.0.0")
}

/// A Deployment without pods that runs an image and says what is to become of it.
pub fn deployment(name: &str, image: &str, annotations: &Value) -> Value {
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "web", "image": image}]},
        }},
    })
}

/// A patch that updates a Rollout to a version.
pub fn update(name: &str, version: u32) -> Value {
    json!({"spec": {"template": template(name, version)}})
}

/// A Rollout of two pods that is routed by nginx, its two Services and its Ingress. The Rollout is the last.
pub fn routed(name: &str) -> Vec<(&'static str, Value)> {
    let backend = json!({"service": {"name": format!("{name}-stable"), "port": {"name": "http"}}});
    let ingress = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": format!("{name}-front")},
        "spec": {"ingressClassName": "nginx", "rules": [{
            "host": format!("{name}.lab"),
            "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
        }]},
    });
    let pause = json!({"pause": {"duration": "2s"}});
    let canary = json!({
        "stableService": format!("{name}-stable"),
        "canaryService": format!("{name}-canary"),
        "trafficRouting": {"nginx": {"stableIngress": format!("{name}-front")}},
        "scaleDownDelaySeconds": 5,
        "steps": [{"setWeight": 20}, pause, {"setWeight": 60}, pause],
    });
    vec![
        ("services", service(name, "stable")),
        ("services", service(name, "canary")),
        ("ingresses", ingress),
        ("rollouts", rollout(name, 2, canary)),
    ]
}

/// A Rollout of `replicas` pods with a Service of its own. The Rollout is the last.
pub fn plain(name: &str, replicas: u32) -> Vec<(&'static str, Value)> {
    let canary = json!({
        "stableService": format!("{name}-stable"),
        "steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": "10m"}}],
    });
    vec![("services", service(name, "stable")), ("rollouts", rollout(name, replicas, canary))]
}

fn service(name: &str, role: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": format!("{name}-{role}")},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 8080, "targetPort": 8080}]},
    })
}

fn rollout(name: &str, replicas: u32, canary: Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": name, "labels": {"app": name, "team": "shop"}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, 1),
            "strategy": {"canary": canary},
        },
    })
}

/// As much as people usually write.
fn template(name: &str, version: u32) -> Value {
    let probe = json!({"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 5});
    json!({
        "metadata": {"labels": {"app": name, "team": "shop"}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "web",
                "image": image(version),
                "ports": [{"name": "http", "containerPort": 8080}],
                "env": [{"name": "APP", "value": name}, {"name": "LEVEL", "value": "info"}],
                "readinessProbe": probe,
                "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"memory": "64Mi"}},
            }],
        },
    })
}
