//! A small canary of its own template, for tests of what may surround it.

use super::{INGRESS, NS, ROLLOUT, SERVICE, World, text};
use serde_json::{Value, json};

pub const NAME: &str = "web";

pub fn template(tag: &str) -> Value {
    json!({"metadata": {"labels": {"app": NAME}}, "spec": {"containers": [{"name": "a", "image": format!("a:{tag}")}]}})
}

pub fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": NS},
        "spec": {"selector": {"app": NAME}, "ports": [{"name": "http", "port": 80}]}})
}

pub fn ingress(name: &str) -> Value {
    let backend = json!({"service": {"name": "web-stable", "port": {"name": "http"}}});
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name, "namespace": NS},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": "web.example", "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": backend}]}}]}})
}

pub fn rollout() -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": NAME, "namespace": NS},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": NAME}}, "template": template("1"),
            "strategy": {"canary": {"canaryService": "web-canary", "stableService": "web-stable",
                "trafficRouting": {"nginx": {"stableIngress": "web"}}, "steps": [{"setWeight": 50}, {"pause": {}}]}}}})
}

/// Everything that the Rollout needs.
pub async fn apply(world: &World) {
    for name in ["web-stable", "web-canary"] {
        world.create(&SERVICE, service(name)).await;
    }
    world.create(&INGRESS, ingress("web")).await;
    world.create(&ROLLOUT, rollout()).await;
}

pub async fn edit(world: &World, patch: Value) {
    world.patch(&ROLLOUT, NAME, patch).await;
}

/// Waits until the status is about the newest spec and has this phase.
pub async fn phase(world: &World, phase: &str) -> Value {
    let reached = |rollout: &Value| {
        let generation = rollout["metadata"]["generation"].to_string();
        text(rollout, "/status/phase") == phase && text(rollout, "/status/observedGeneration") == generation
    };
    world.until(&ROLLOUT, NAME, 300, reached).await
}
