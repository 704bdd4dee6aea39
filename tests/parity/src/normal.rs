//! What two controllers must agree on, taken out of the objects: without times, identities, and the names that differ from scenario to scenario.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

const HASH: &str = "rollouts-pod-template-hash";
/// What stands for `status.observedGeneration` when it is that of the object.
pub const OBSERVED: &str = "the present one";
const DEADLINE: &str = "scale-down-deadline";

/// The kinds that are watched, with the part of their path after the group and namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Rollouts.
    Rollout,
    /// ReplicaSets.
    ReplicaSet,
    /// Services.
    Service,
    /// Ingresses.
    Ingress,
    /// Deployments that Rollouts refer to.
    Deployment,
    /// AnalysisRuns.
    AnalysisRun,
    /// Experiments.
    Experiment,
    /// Events on Rollouts, AnalysisRuns and Experiments.
    Event,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 8] = [
        Kind::Rollout,
        Kind::ReplicaSet,
        Kind::Service,
        Kind::Ingress,
        Kind::Deployment,
        Kind::AnalysisRun,
        Kind::Experiment,
        Kind::Event,
    ];

    /// The path of its collection in a namespace.
    pub fn collection(self, namespace: &str) -> String {
        let (group, plural) = match self {
            Kind::Rollout => ("/apis/argoproj.io/v1alpha1", "rollouts"),
            Kind::ReplicaSet => ("/apis/apps/v1", "replicasets"),
            Kind::Service => ("/api/v1", "services"),
            Kind::Ingress => ("/apis/networking.k8s.io/v1", "ingresses"),
            Kind::Deployment => ("/apis/apps/v1", "deployments"),
            Kind::AnalysisRun => ("/apis/argoproj.io/v1alpha1", "analysisruns"),
            Kind::Experiment => ("/apis/argoproj.io/v1alpha1", "experiments"),
            Kind::Event => ("/api/v1", "events"),
        };
        format!("{group}/namespaces/{namespace}/{plural}")
    }
}

/// The scenario that an object belongs to: the first word of its name, or of the name that an event is about.
pub fn scenario_of(kind: Kind, object: &Value) -> Option<&str> {
    let about = text(&object["involvedObject"]["kind"]);
    let name = match kind {
        Kind::Event if !matches!(about, "Rollout" | "AnalysisRun" | "Experiment") => return None,
        Kind::Event => &object["involvedObject"]["name"],
        // Of a Deployment that nobody refers to, and of its own ReplicaSets.
        Kind::ReplicaSet if object["metadata"]["labels"][HASH].is_null() => return None,
        Kind::Rollout
        | Kind::ReplicaSet
        | Kind::Service
        | Kind::Ingress
        | Kind::Deployment
        | Kind::AnalysisRun
        | Kind::Experiment => &object["metadata"]["name"],
    };
    name.as_str()?.split('-').next()
}

/// What is compared of an object: it does not say which namespace it is in.
pub fn view(kind: Kind, object: &Value) -> Value {
    let namespace = text(&object["metadata"]["namespace"]);
    let view = comparable(kind, object);
    if namespace.is_empty() { view } else { instead(&view, namespace, "NAMESPACE") }
}

/// One text instead of another, everywhere.
fn instead(value: &Value, old: &str, new: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace(old, new)),
        Value::Array(items) => items.iter().map(|item| instead(item, old, new)).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), instead(value, old, new))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn comparable(kind: Kind, object: &Value) -> Value {
    match kind {
        Kind::Rollout => rollout(object),
        Kind::ReplicaSet => replica_set(object),
        Kind::Service => json!({
            "selector": object["spec"]["selector"],
            "annotations": object["metadata"]["annotations"],
        }),
        Kind::Ingress => json!({
            "annotations": object["metadata"]["annotations"],
            "labels": object["metadata"]["labels"],
            "owned": owned(object),
            "spec": object["spec"],
        }),
        Kind::Deployment => json!({"size": object["spec"]["replicas"]}),
        Kind::AnalysisRun => analysis_run(object),
        Kind::Experiment => experiment(object),
        Kind::Event => {
            let told = format!("{} {}: {}", text(&object["type"]), text(&object["reason"]), text(&object["message"]));
            let at = [&object["lastTimestamp"], &object["series"]["lastObservedTime"], &object["eventTime"]];
            let at = at.into_iter().find(|at| at.is_string()).unwrap_or(&Value::Null);
            json!({"about": object["involvedObject"]["name"], "told": told, "at": at})
        }
    }
}

/// A status without times, its conditions by type.
fn settled(status: &Value) -> Value {
    let mut status = status.clone();
    if let Some(list) = status["conditions"].as_array() {
        let by_type: Map<String, Value> =
            list.iter().map(|condition| (text(&condition["type"]).to_owned(), condition.clone())).collect();
        status["conditions"] = Value::Object(by_type);
    }
    timeless(&mut status);
    status
}

fn rollout(object: &Value) -> Value {
    let mut status = settled(&object["status"]);
    if let Some(status) = status.as_object_mut() {
        // Argo's own writes to the spec count up its generation, so that the number differs; that it was observed must not.
        let generation = object["metadata"]["generation"].to_string();
        let observed = status.get("observedGeneration").map(text).is_some_and(|seen| seen == generation);
        status.insert("observedGeneration".into(), json!(if observed { OBSERVED } else { "another" }));
        // `blueGreen: {}` and `canary: {}` say nothing.
        status.retain(|_, value| *value != json!({}));
    }
    let mut spec = object["spec"].clone();
    timeless(&mut spec);
    if let Some(spec) = spec.as_object_mut() {
        spec.remove("template");
    }
    json!({"annotations": object["metadata"]["annotations"], "labels": object["metadata"]["labels"], "spec": spec, "status": status})
}

fn replica_set(object: &Value) -> Value {
    let mut annotations = object["metadata"]["annotations"].clone();
    if let Some(deadline) = annotations.get_mut(DEADLINE) {
        *deadline = json!("set");
    }
    json!({
        "annotations": annotations,
        "labels": object["metadata"]["labels"],
        "owned": owned(object),
        "size": object["spec"]["replicas"],
        "minReadySeconds": object["spec"]["minReadySeconds"],
        "selector": object["spec"]["selector"],
        "existing": object["status"]["replicas"],
        "schedulable": object["spec"]["template"]["spec"]["nodeSelector"]["kubernetes.io/os"] != "none",
        "available": object["status"]["availableReplicas"],
    })
}

/// A count that no measurement reaches while a scenario lasts: such a run goes on until somebody ends it.
const ENDLESS: u64 = 100;

/// Whether a metric of a run goes on for ever, so that how often it was measured is chance.
fn endless(metric: &Value) -> bool {
    let count = &metric["count"];
    count
        .as_u64()
        .or_else(|| count.as_str()?.parse().ok())
        .map_or(!metric["interval"].is_null(), |count| count >= ENDLESS)
}

/// Whether a run ends by itself.
pub fn ends(run: &Value) -> bool {
    run["spec"]["metrics"].as_array().is_some_and(|metrics| !metrics.iter().any(endless))
}

fn analysis_run(object: &Value) -> Value {
    let mut status = object["status"].clone();
    timeless(&mut status);
    // Jobs carry the run's own identity in their names.
    let mut status = instead(&status, text(&object["metadata"]["uid"]), "UID");
    let metrics = object["spec"]["metrics"].as_array().map(Vec::as_slice).unwrap_or_default();
    for result in status["metricResults"].as_array_mut().into_iter().flatten() {
        if metrics.iter().any(|metric| metric["name"] == result["name"] && endless(metric)) {
            often(result);
        }
    }
    if metrics.iter().any(endless) {
        often(&mut status["runSummary"]);
        often(&mut status["dryRunSummary"]);
    }
    // Metrics are done side by side: which comes first is chance.
    if let Some(Value::Array(results)) = status.get_mut("metricResults") {
        results.sort_by(|a, b| text(&a["name"]).cmp(text(&b["name"])));
    }
    if let Some(status) = status.as_object_mut() {
        status.retain(|_, value| *value != json!(""));
    }
    let mut spec = object["spec"].clone();
    sayings(&mut spec);
    sayings(&mut status);
    json!({"labels": object["metadata"]["labels"], "annotations": object["metadata"]["annotations"], "owned": owned(object),
        "spec": spec, "status": status})
}

fn experiment(object: &Value) -> Value {
    let (mut spec, mut status) = (object["spec"].clone(), settled(&object["status"]));
    sayings(&mut spec);
    sayings(&mut status);
    json!({"labels": object["metadata"]["labels"], "annotations": object["metadata"]["annotations"], "owned": owned(object),
        "spec": spec, "status": status})
}

/// Whether an Experiment will end by itself: after its time, or because a set of it does not come up.
pub fn comes_to_an_end(experiment: &Value) -> bool {
    let waits_for_pods = matches!(text(&experiment["status"]["phase"]), "" | "Pending");
    waits_for_pods || !experiment["spec"]["duration"].is_null()
}

/// JSON without its empty objects.
pub fn without_nothing(mut value: Value) -> Value {
    sayings(&mut value);
    value
}

/// Empty objects say nothing: whoever writes all its fields writes them, too.
fn sayings(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(sayings);
            fields.retain(|_, value| *value != json!({}));
        }
        Value::Array(items) => items.iter_mut().for_each(sayings),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Numbers of measurements become "some", and their list its kinds: how many there are is chance.
fn often(result: &mut Value) {
    let Some(fields) = result.as_object_mut() else { return };
    for key in ["count", "successful", "failed", "inconclusive", "error", "consecutiveSuccess", "consecutiveError"] {
        if let Some(number) = fields.get_mut(key) {
            *number = json!("some");
        }
    }
    if let Some(Value::Array(list)) = fields.get_mut("measurements") {
        list.dedup();
    }
}

fn owned(object: &Value) -> Value {
    let owner = &object["metadata"]["ownerReferences"][0];
    json!({"kind": owner["kind"], "name": owner["name"], "controller": owner["controller"], "blocks": owner["blockOwnerDeletion"]})
}

/// Times become "set": that there is one matters.
fn timeless(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match key.as_str() {
                    "startTime" | "lastUpdateTime" | "lastTransitionTime" | "abortedAt" | "restartedAt"
                    | "restartAt" | "startedAt" | "finishedAt" | "completedAt" | "resumeAt" | "availableAt" => {
                        *value = json!("set");
                    }
                    _ => timeless(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(timeless),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Hashes of pod templates, each with the image tag that it stands for.
pub type Hashes = BTreeMap<String, String>;

/// Learns what the hash of a ReplicaSet stands for.
pub fn learn(hashes: &mut Hashes, set: &Value) {
    let image = text(&set["spec"]["template"]["spec"]["containers"][0]["image"]);
    let hash = text(&set["metadata"]["labels"][HASH]);
    if let (Some((_, tag)), false) = (image.rsplit_once(':'), hash.is_empty()) {
        hashes.insert(hash.to_owned(), format!("<{tag}>"));
    }
}

/// Puts `R` for the scenario's name and the image tag for each hash, so that scenarios can be compared with each other.
pub fn anonymous(value: &Value, scenario: &str, hashes: &Hashes) -> Value {
    match value {
        Value::String(text) => Value::String(words(text, scenario, hashes)),
        Value::Array(items) => Value::Array(items.iter().map(|item| anonymous(item, scenario, hashes)).collect()),
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| (key.clone(), anonymous(value, scenario, hashes));
            Value::Object(fields.iter().map(field).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// The same for a text.
pub fn words(text: &str, scenario: &str, hashes: &Hashes) -> String {
    let mut text = text.to_owned();
    for (hash, tag) in hashes {
        text = text.replace(hash, tag);
    }
    let is_word = |c: char| c.is_ascii_alphanumeric();
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(scenario) {
        let (before, after) = (&rest[..at], &rest[at + scenario.len()..]);
        let whole = !before.ends_with(is_word) && !after.starts_with(is_word);
        out.push_str(before);
        out.push_str(if whole { "R" } else { scenario });
        rest = after;
    }
    out + rest
}

/// A string, or nothing.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_hashes_of_a_scenario_are_taken_out() {
        let hashes = Hashes::from([("6b56c8cdb4".to_owned(), "<2.0.0>".to_owned())]);
        for (seen, wanted) in [
            ("ReplicaSet \"s1-6b56c8cdb4\" is progressing.", "ReplicaSet \"R-<2.0.0>\" is progressing."),
            ("s1", "R"),
            ("s12-canary and s1-canary", "s12-canary and R-canary"),
        ] {
            assert_eq!(words(seen, "s1", &hashes), wanted);
        }
    }

    #[test]
    fn times_count_only_as_set() {
        let seen = json!({"status": {"pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:00Z"}],
            "conditions": [{"type": "Healthy", "status": "True", "lastUpdateTime": "2026-01-01T00:00:00Z"}]}});
        let status = &view(Kind::Rollout, &seen)["status"];
        assert_eq!(status["pauseConditions"][0]["startTime"], "set");
        assert_eq!(
            status["conditions"]["Healthy"],
            json!({"type": "Healthy", "status": "True", "lastUpdateTime": "set"})
        );
    }

    #[test]
    fn namespaces_and_what_says_nothing_are_left_out() {
        let run = json!({"metadata": {"namespace": "parity-argo", "uid": "u-1"},
            "spec": {"metrics": [{"name": "m", "provider": {"web": {"url": "http://x/parity-argo/s1", "authentication": {"oauth2": {}}}}}]},
            "status": {"phase": "", "dryRunSummary": {}, "metricResults": [{"name": "b"}, {"name": "a"}]}});
        let view = view(Kind::AnalysisRun, &run);
        assert_eq!(view["spec"]["metrics"][0]["provider"], json!({"web": {"url": "http://x/NAMESPACE/s1"}}));
        assert_eq!(view["status"], json!({"metricResults": [{"name": "a"}, {"name": "b"}]}));
    }

    #[test]
    fn events_about_other_objects_are_nobodys() {
        let event = |kind: &str| json!({"involvedObject": {"kind": kind, "name": "s7-x"}});
        assert_eq!(scenario_of(Kind::Event, &event("Rollout")), Some("s7"));
        assert_eq!(scenario_of(Kind::Event, &event("ReplicaSet")), None);
    }
}
