//! The objects of an application, whose name stands as `$R`.

use serde_json::{Map, Value, json};

use super::gate;
use crate::manifests::{Object, Words, ingress, service};
use crate::{manifests, scenario};

/// A pod template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `serinus/web:<n>.0.0`, which runs at once.
    Open(u8),
    /// The same, but a pod waits until there is room behind the application's gate.
    Gated(u8),
}

/// Another object that describes the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// `workloadRef.kind`.
    pub kind: &'static str,
    /// `workloadRef.scaleDown`.
    pub scale_down: &'static str,
}

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
        let fields = json!({"stableService": "$R-stable", "canaryService": "$R-canary", "steps": steps});
        Self::new("canary", fields)
    }

    /// A canary with a canary Ingress. Delays before old pods go are short.
    pub fn nginx(steps: Value) -> Self {
        let mut app = Self::canary(steps).with(json!({
            "trafficRouting": {"nginx": {"stableIngress": "$R-front"}},
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
                "activeService": "$R-active",
                "previewService": "$R-preview",
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
    pub fn of_deployment(self, scale_down: &'static str) -> Self {
        self.described_by("Deployment", scale_down)
    }

    /// Whose pods are described by an object of this kind. Only a Deployment has pods of its own.
    pub fn described_by(mut self, kind: &'static str, scale_down: &'static str) -> Self {
        self.workload = Some(Workload { kind, scale_down });
        self
    }

    /// The objects that are there before the Rollout: Services, Ingress, templates of analyses, Deployment.
    pub fn ground(&self, words: Words<'_>) -> Vec<Object> {
        let services = if self.strategy == "canary" { ["$R-stable", "$R-canary"] } else { ["$R-active", "$R-preview"] };
        let mut objects: Vec<Value> = services.iter().map(|name| service(name)).collect();
        if self.nginx {
            objects.push(ingress("$R-front"));
        }
        if self.asks() {
            objects.extend(templates());
        }
        objects.extend(self.workload.map(|workload| self.describing(workload, words)));
        objects.iter().map(|object| words.object(object)).collect()
    }

    fn asks(&self) -> bool {
        self.fields.to_string().contains("$R-judge")
    }

    fn describing(&self, workload: Workload, words: Words<'_>) -> Value {
        let replicas = if workload.kind == "Deployment" { self.spec["replicas"].clone() } else { json!(0) };
        let mut object = json!({
            "apiVersion": workload.version(), "kind": workload.kind, "metadata": {"name": "$R-work"},
        });
        let template = template(words, self.first);
        if workload.has_selector() {
            let selector = json!({"matchLabels": {"app": "$R"}});
            object["spec"] = json!({"replicas": replicas, "selector": selector, "template": template});
        } else {
            object["template"] = template;
        }
        object
    }

    /// The Rollout.
    pub fn rollout(&self, words: Words<'_>) -> Object {
        let mut spec = self.spec.clone();
        match self.workload {
            Some(workload) => {
                spec["workloadRef"] = json!({
                    "apiVersion": workload.version(), "kind": workload.kind,
                    "name": "$R-work", "scaleDown": workload.scale_down,
                });
            }
            None => spec["template"] = template(words, self.first),
        }
        if !self.workload.is_some_and(Workload::has_selector) {
            spec["selector"] = json!({"matchLabels": {"app": "$R"}});
        }
        spec["strategy"] = Value::Object(Map::from_iter([(self.strategy.to_owned(), self.fields.clone())]));
        words.object(&json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": {"name": "$R"},
            "spec": spec,
        }))
    }

    /// The key of its strategy in the spec.
    pub fn strategy(&self) -> &'static str {
        self.strategy
    }

    /// What describes its pods, if not the Rollout itself.
    pub fn workload(&self) -> Option<Workload> {
        self.workload
    }
}

impl Workload {
    fn version(self) -> &'static str {
        if self.has_selector() { "apps/v1" } else { "v1" }
    }

    /// All but a PodTemplate have a `spec` with a selector of their own.
    fn has_selector(self) -> bool {
        self.kind != "PodTemplate"
    }

    /// The collection in a namespace, and the patch that changes the pod template.
    pub fn ship(self, namespace: &str, template: &Value) -> (String, Value) {
        let plural = format!("{}s", self.kind.to_lowercase());
        if self.has_selector() {
            (format!("/apis/apps/v1/namespaces/{namespace}/{plural}"), json!({"spec": {"template": template}}))
        } else {
            (format!("/api/v1/namespaces/{namespace}/{plural}"), json!({"template": template}))
        }
    }
}

/// What an application's gate is called.
pub fn gate_of(words: Words<'_>) -> String {
    format!("{}-{}", words.namespace, words.name)
}

/// The pod template of a version.
pub fn template(words: Words<'_>, version: Version) -> Value {
    let (Version::Open(n) | Version::Gated(n)) = version;
    let mut template = manifests::template(words.name, scenario::Version::Good(n));
    let gate = matches!(version, Version::Gated(_)).then(|| gate_of(words));
    gate::send(&mut template, gate.as_deref());
    template
}

/// What a metric hears while it is not decided.
pub const WAIT: i32 = 5;
/// What it hears when all is well.
pub const GOOD: i32 = 10;
/// What it hears when it must fail.
pub const BAD: i32 = 0;

/// `judge` goes on until it has heard [`GOOD`] twice, or [`BAD`] once; `judge-unsure` takes the first answer; `judge-always` never ends by itself.
fn templates() -> Vec<Value> {
    let template = |name: &str, extra: Value| {
        let mut metric = json!({
            "name": "verdict",
            "successCondition": format!("result == {GOOD}"),
            "failureCondition": format!("result == {BAD}"),
            "provider": {"web": {"url": "http://$WEB/$NS/$R", "jsonPath": "{$.value}"}},
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
            "$R-judge",
            json!({"interval": "1s", "count": 1000, "inconclusiveLimit": 998, "consecutiveSuccessLimit": 2}),
        ),
        template("$R-judge-unsure", json!({})),
        template("$R-judge-always", json!({"interval": "1s", "inconclusiveLimit": 1000})),
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
