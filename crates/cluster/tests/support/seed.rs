//! The pipeline that started the project, as people apply it: a Deployment scaled to 0, two Services, an Ingress, a Rollout.

use super::{DEPLOYMENT, INGRESS, NS, ROLLOUT, SERVICE, World, text};
use serde_json::{Value, json};

pub const NAME: &str = "rollout-pregap";
pub const STABLE: &str = "test2-pregap";
pub const CANARY: &str = "rollouts-pregap-canary";

/// Applies everything.
pub async fn apply(world: &World) {
    world.create(&DEPLOYMENT, deployment()).await;
    world.create(&SERVICE, service(STABLE)).await;
    world.create(&SERVICE, service(CANARY)).await;
    world.create(&INGRESS, ingress()).await;
    world.create(&ROLLOUT, rollout()).await;
}

/// Ships an image.
pub async fn ship(world: &World, tag: &str) {
    let containers =
        json!([{"name": "app", "image": format!("pregap:{tag}"), "ports": [{"name": "http", "containerPort": 8080}]}]);
    world.patch(&DEPLOYMENT, STABLE, json!({"spec": {"template": {"spec": {"containers": containers}}}})).await;
}

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": STABLE, "namespace": NS},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": STABLE}}, "template": {
            "metadata": {"labels": {"app": STABLE}},
            "spec": {"containers": [{"name": "app", "image": "pregap:1.0.0", "ports": [{"name": "http", "containerPort": 8080}]}]}}}})
}

fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": NS, "annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": NAME}},
        "spec": {"type": "ClusterIP", "selector": {"app": STABLE}, "ports": [{"name": "http", "port": 8080, "targetPort": 8080}]}})
}

fn ingress() -> Value {
    let backend = json!({"service": {"name": STABLE, "port": {"name": "http"}}});
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": STABLE, "namespace": NS},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": "pregap.example", "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": backend}]}}]}})
}

fn rollout() -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": NAME, "namespace": NS},
        "spec": {"replicas": 4, "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": STABLE},
            "strategy": {"canary": {"canaryService": CANARY, "stableService": STABLE,
                "trafficRouting": {"nginx": {"stableIngress": STABLE}},
                "steps": [{"setWeight": 20}, {"pause": {"duration": "10s"}}, {"setWeight": 50}, {"pause": {"duration": "10s"}}]}}}})
}

/// Whether the Rollout is healthy, and every wish of people was seen.
pub fn is_healthy(rollout: &Value) -> bool {
    text(rollout, "/status/phase") == "Healthy" && is_seen(rollout)
}

pub fn is_seen(rollout: &Value) -> bool {
    let generation = rollout["metadata"]["generation"].to_string();
    let workload = text(rollout, "/metadata/annotations/rollout.argoproj.io~1workload-generation");
    text(rollout, "/status/observedGeneration") == generation
        && text(rollout, "/status/workloadObservedGeneration") == workload
}
