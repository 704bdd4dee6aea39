//! The objects of an application, whose name stands as `{R}` in what the states say.

use serde_json::{Map, Value, json};

use super::gate;
use crate::manifests::{Object, ingress, service};
use crate::{manifests, scenario};

/// A pod template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `serinus/web:<n>.0.0`, which runs at once.
    Open(u8),
    /// The same, but a pod waits until there is room behind the application's gate.
    Gated(u8),
}

/// What refers to a Deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload(
    /// `workloadRef.scaleDown`.
    pub &'static str,
);

/// What an application is made of.
#[derive(Clone, Debug)]
pub struct App {
    strategy: &'static str,
    fields: Value,
    spec: Value,
    nginx: bool,
    first: Version,
    workload: Option<Workload>,
}

impl App {
    /// A canary by the number of pods.
    pub fn canary(steps: Value) -> Self {
        let fields = json!({"stableService": "{R}-stable", "canaryService": "{R}-canary", "steps": steps});
        Self::new("canary", fields)
    }

    /// A canary with a canary Ingress. Delays before old pods go are short.
    pub fn nginx(steps: Value) -> Self {
        let mut app = Self::canary(steps).with(json!({
            "trafficRouting": {"nginx": {"stableIngress": "{R}-front"}},
            "scaleDownDelaySeconds": 3,
            "abortScaleDownDelaySeconds": 3,
        }));
        app.nginx = true;
        app
    }

    /// Blue/green. Delays before old pods go are short.
    pub fn blue_green(fields: Value) -> Self {
        Self::new(
            "blueGreen",
            json!({
                "activeService": "{R}-active",
                "previewService": "{R}-preview",
                "scaleDownDelaySeconds": 3,
                "abortScaleDownDelaySeconds": 3,
            }),
        )
        .with(fields)
    }

    fn new(strategy: &'static str, fields: Value) -> Self {
        Self { strategy, fields, spec: json!({"replicas": 4}), nginx: false, first: Version::Open(1), workload: None }
    }

    /// With these fields of the strategy; null takes one away.
    pub fn with(mut self, fields: Value) -> Self {
        merge(&mut self.fields, &fields);
        self
    }

    /// With these fields of the spec.
    pub fn spec(mut self, fields: Value) -> Self {
        merge(&mut self.spec, &fields);
        self
    }

    /// Whose first version waits for room.
    pub fn gated(mut self) -> Self {
        self.first = Version::Gated(1);
        self
    }

    /// Whose pods are described by a Deployment, which had them first.
    pub fn of_deployment(mut self, scale_down: &'static str) -> Self {
        self.workload = Some(Workload(scale_down));
        self
    }

    /// The objects that are there before the Rollout: Services, Ingress, templates of analyses, Deployment. `verdicts` is where metrics ask.
    pub fn ground(&self, place: &Place<'_>, verdicts: &str) -> Vec<Object> {
        let Place { namespace, name } = *place;
        let services = if self.strategy == "canary" { ["stable", "canary"] } else { ["active", "preview"] };
        let collection = format!("/api/v1/namespaces/{namespace}/services");
        let mut objects: Vec<Object> =
            services.iter().map(|role| Object { collection: collection.clone(), body: service(name, role) }).collect();
        if self.nginx {
            let collection = format!("/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses");
            objects.push(Object { collection, body: ingress(name) });
        }
        if self.asks() {
            let collection = format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/analysistemplates");
            let url = format!("http://{verdicts}{}", place.path());
            objects.extend(
                templates(&url).into_iter().map(|body| Object { collection: collection.clone(), body: named(&body, name) }),
            );
        }
        if self.workload.is_some() {
            let collection = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
            objects.push(Object { collection, body: self.deployment(place) });
        }
        objects
    }

    fn asks(&self) -> bool {
        self.fields.to_string().contains("{R}-judge")
    }

    fn deployment(&self, place: &Place<'_>) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": format!("{}-work", place.name)},
            "spec": {
                "replicas": self.spec["replicas"],
                "selector": {"matchLabels": {"app": place.name}},
                "template": place.template(self.first),
            },
        })
    }

    /// The Rollout.
    pub fn rollout(&self, place: &Place<'_>) -> Object {
        let mut spec = self.spec.clone();
        match self.workload {
            Some(Workload(scale_down)) => {
                let workload = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "{R}-work", "scaleDown": scale_down});
                spec["workloadRef"] = workload;
            }
            None => {
                spec["selector"] = json!({"matchLabels": {"app": "{R}"}});
                spec["template"] = place.template(self.first);
            }
        }
        spec["strategy"] = Value::Object(Map::from_iter([(self.strategy.to_owned(), self.fields.clone())]));
        let body = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": {"name": "{R}"},
            "spec": spec,
        });
        let collection = format!("/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts", place.namespace);
        Object { collection, body: named(&body, place.name) }
    }

    /// The key of its strategy in the spec.
    pub fn strategy(&self) -> &'static str {
        self.strategy
    }

    /// Whether a Deployment describes its pods.
    pub fn refers(&self) -> bool {
        self.workload.is_some()
    }
}

/// Where an application is, and what it is called there.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

impl Place<'_> {
    /// The path at which its metrics ask.
    pub fn path(&self) -> String {
        format!("/{}/{}", self.namespace, self.name)
    }

    /// What its gate is called.
    pub fn gate(&self) -> String {
        format!("{}-{}", self.namespace, self.name)
    }

    /// The pod template of a version.
    pub fn template(&self, version: Version) -> Value {
        let (Version::Open(n) | Version::Gated(n)) = version;
        let mut template = manifests::template(self.name, scenario::Version::Good(n));
        if matches!(version, Version::Gated(_)) {
            gate::close(&mut template, &self.gate());
        }
        template
    }
}

/// Puts a name in the place of `{R}`, in all texts.
pub fn named(value: &Value, name: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("{R}", name)),
        Value::Array(items) => items.iter().map(|item| named(item, name)).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), named(value, name))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// `judge` goes on until it has heard "good" twice, or "bad" once; `judge-unsure` takes the first answer; `judge-always` never ends by itself.
fn templates(url: &str) -> Vec<Value> {
    let template = |name: &str, extra: Value| {
        let mut metric = json!({
            "name": "verdict",
            "successCondition": "result == 'good'",
            "failureCondition": "result == 'bad'",
            "provider": {"web": {"url": url, "jsonPath": "{$.verdict}"}},
        });
        merge(&mut metric, &extra);
        json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
            "metadata": {"name": name},
            "spec": {"metrics": [metric]},
        })
    };
    vec![
        template(
            "{R}-judge",
            json!({"interval": "1s", "count": 1000, "inconclusiveLimit": 998, "consecutiveSuccessLimit": 2}),
        ),
        template("{R}-judge-unsure", json!({})),
        template("{R}-judge-always", json!({"interval": "1s", "inconclusiveLimit": 1000})),
    ]
}

/// A JSON merge.
fn merge(into: &mut Value, from: &Value) {
    let (Value::Object(target), Value::Object(fields)) = (&mut *into, from) else {
        *into = from.clone();
        return;
    };
    for (key, value) in fields {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
