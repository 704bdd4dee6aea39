//! The objects of a scenario. Both controllers get the same, each in its namespace.

use serde_json::{Map, Value, json};

use crate::scenario::{Scenario, Strategy, Version};

/// An object, and where it is made.
pub struct Object {
    /// Path of its collection.
    pub collection: String,
    /// The object.
    pub body: Value,
}

/// What the placeholders of a scenario's JSON stand for.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    /// `$R`: the name that the scenario is played as.
    pub name: &'a str,
    /// `$NS`.
    pub namespace: &'a str,
    /// `$WEB`: `host:port` of the server of the web metrics.
    pub web: &'a str,
}

impl Words<'_> {
    /// The JSON with everything put in.
    pub fn fill(&self, value: &Value) -> Value {
        let words = |text: &str| text.replace("$NS", self.namespace).replace("$WEB", self.web).replace("$R", self.name);
        match value {
            Value::String(text) => Value::String(words(text)),
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(fields) => fields.iter().map(|(key, value)| (words(key), self.fill(value))).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// Where `body` is made, by its kind.
    pub fn object(&self, body: &Value) -> Object {
        let body = self.fill(body);
        let (version, kind) = (&body["apiVersion"], body["kind"].as_str().unwrap_or_default().to_lowercase());
        let version = version.as_str().unwrap_or_default();
        let group = if version == "v1" { "api/v1".to_owned() } else { format!("apis/{version}") };
        let plural = if kind == "ingress" { "ingresses".to_owned() } else { format!("{kind}s") };
        let scope =
            if kind == "clusteranalysistemplate" { String::new() } else { format!("namespaces/{}/", self.namespace) };
        Object { collection: format!("/{group}/{scope}{plural}"), body }
    }
}

/// Path of a Rollout.
pub fn rollout_path(namespace: &str, name: &str) -> String {
    format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts/{name}")
}

/// All objects of a scenario; the Rollout is the last.
pub fn objects(scenario: &Scenario, words: Words<'_>) -> Vec<Object> {
    let roles = match scenario.strategy {
        Strategy::Basic | Strategy::Nginx => ["stable", "canary"],
        Strategy::BlueGreen => ["active", "preview"],
    };
    let mut objects: Vec<Value> = roles.iter().map(|role| service(&format!("$R-{role}"))).collect();
    if scenario.strategy == Strategy::Nginx {
        objects.push(ingress("$R-front"));
    }
    objects.extend(scenario.others.iter().cloned());
    objects.push(rollout(scenario));
    objects.iter().map(|object| words.object(object)).collect()
}

/// A Service that selects the scenario's pods.
pub fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": "$R"}, "ports": [{"name": "http", "port": 8080, "targetPort": 8080}]},
    })
}

/// An Ingress that leads to the stable Service.
pub fn ingress(name: &str) -> Value {
    let backend = json!({"service": {"name": "$R-stable", "port": {"name": "http"}}});
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": name},
        "spec": {"ingressClassName": "nginx", "rules": [{
            "host": format!("{name}.lab"),
            "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
        }]},
    })
}

/// A workload that a Rollout can refer to: the `kind` decides which fields it has.
pub fn workload(kind: &str, replicas: i32) -> Value {
    let template = template("$R", Version::Good(1));
    let (version, rest) = match kind {
        "PodTemplate" => ("v1", json!({"template": template})),
        _ => (
            "apps/v1",
            json!({"spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "$R"}}, "template": template}}),
        ),
    };
    let mut workload = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "$R-workload"}});
    merge(&mut workload, &rest);
    workload
}

fn rollout(scenario: &Scenario) -> Value {
    let strategy = match scenario.strategy {
        Strategy::Basic => json!({"canary": {"stableService": "$R-stable", "canaryService": "$R-canary"}}),
        Strategy::Nginx => json!({"canary": {
            "stableService": "$R-stable", "canaryService": "$R-canary",
            "trafficRouting": {"nginx": {"stableIngress": "$R-front"}},
        }}),
        Strategy::BlueGreen => json!({"blueGreen": {"activeService": "$R-active", "previewService": "$R-preview"}}),
    };
    let mut spec = json!({
        "replicas": 4,
        "selector": {"matchLabels": {"app": "$R"}},
        "template": template("$R", Version::Good(1)),
        "strategy": strategy,
    });
    merge(&mut spec, &scenario.spec);
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "$R"}, "spec": spec})
}

/// A JSON merge patch (RFC 7386).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_changes_and_removes_fields_of_the_plain_rollout() {
        let scenario = Scenario {
            title: "t".into(),
            strategy: Strategy::Basic,
            spec: json!({"replicas": 2, "strategy": {"canary": {"canaryService": null, "maxSurge": 1}}}),
            others: vec![workload("PodTemplate", 0)],
            script: vec![],
        };
        let objects = objects(&scenario, Words { name: "s1", namespace: "argo", web: "127.0.0.1:1" });
        let places: Vec<_> = objects.iter().map(|object| object.collection.as_str()).collect();
        let services = "/api/v1/namespaces/argo/services";
        let rollouts = "/apis/argoproj.io/v1alpha1/namespaces/argo/rollouts";
        assert_eq!(places, [services, services, "/api/v1/namespaces/argo/podtemplates", rollouts]);
        let spec = &objects[3].body["spec"];
        assert_eq!(spec["replicas"], 2);
        assert_eq!(spec["strategy"], json!({"canary": {"stableService": "s1-stable", "maxSurge": 1}}));
    }
}
