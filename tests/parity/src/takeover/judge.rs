//! What a controller did that took a rollout over, set beside what its twin's controller did.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::mirror::{Change, Kind};
use super::world::World;
use crate::compare::{Difference, differ};
use crate::normal::{self, Hashes, anonymous, text, words};

/// What is written in a rollout's name: no status of pods, no measurements, nothing that other controllers count.
fn written(kind: Kind, object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for key in ["managedFields", "resourceVersion", "generation"] {
            metadata.remove(key);
        }
    }
    match kind {
        Kind::Pod => json!({"uid": object["metadata"]["uid"], "metadata": object["metadata"]}),
        Kind::ReplicaSet | Kind::Deployment | Kind::Service | Kind::Ingress => {
            json!({"metadata": object["metadata"], "spec": object["spec"]})
        }
        Kind::AnalysisRun => json!({
            "metadata": object["metadata"], "spec": object["spec"],
            "status": {"phase": object["status"]["phase"]},
        }),
        Kind::Rollout | Kind::Experiment => object,
        Kind::Event => Value::Null,
    }
}

/// One write, as it is told: which object, which field, from what to what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Written {
    /// The object and the field.
    pub part: String,
    /// What it was.
    pub from: String,
    /// What it became.
    pub to: String,
}

/// What was written, change by change.
pub fn writes(changes: &[Change], name: &str, hashes: &Hashes) -> Vec<Written> {
    let mut all = Vec::new();
    for Change { key: (kind, object_name), before, now } in changes {
        if *kind == Kind::Event {
            continue;
        }
        let seen = |object: &Option<std::sync::Arc<Value>>| {
            object.as_ref().map_or(Value::Null, |object| anonymous(&written(*kind, object), name, hashes))
        };
        let (before, now) = (seen(before), seen(now));
        let told = format!("{kind:?} {}", words(object_name, name, hashes));
        if before.is_null() != now.is_null() {
            let word = |object: &Value| if object.is_null() { "nothing" } else { "there" }.to_owned();
            all.push(Written { part: told, from: word(&before), to: word(&now) });
            continue;
        }
        let mut found = Vec::new();
        differ(&told, &before, &now, &mut found);
        all.extend(found.into_iter().map(|one| Written { part: one.part, from: one.argo, to: one.ours }));
    }
    all
}

/// What was written that the twin's controller did not write in the same time. Words for times are compared as set.
pub fn beyond(written: Vec<Written>, twin: &[Written]) -> Vec<Written> {
    let twin: BTreeSet<Written> = twin.iter().map(timeless).collect();
    written.into_iter().filter(|one| !twin.contains(&timeless(one))).collect()
}

fn timeless(one: &Written) -> Written {
    Written { part: one.part.clone(), from: without_times(&one.from), to: without_times(&one.to) }
}

/// A text with words for times in it, as a whole or as fields of JSON.
pub fn without_times(text: &str) -> String {
    fn strip(value: &mut Value) {
        match value {
            Value::String(text) if is_time(text) => *text = "a time".to_owned(),
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Object(fields) => fields.values_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    if is_time(text) {
        return "a time".to_owned();
    }
    serde_json::from_str(text).map_or_else(
        |_| text.to_owned(),
        |mut value: Value| {
            strip(&mut value);
            value.to_string()
        },
    )
}

fn is_time(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

/// What the two must agree on at the end.
#[derive(Clone, Default)]
pub struct End {
    objects: BTreeMap<String, Value>,
    /// Pods that were there at the takeover and still are, by ReplicaSet.
    kept: BTreeMap<String, usize>,
}

impl End {
    /// Of an application that looks so now, and had these pods at the takeover.
    pub fn of(world: &World, pods: &BTreeSet<String>, name: &str) -> Self {
        let hashes = world.hashes();
        let mut end = Self::default();
        for ((kind, object_name), object) in &world.objects {
            let Some(view) = view(*kind, object) else { continue };
            let told = format!("{kind:?} {}", words(object_name, name, &hashes));
            end.objects.insert(told, anonymous(&view, name, &hashes));
        }
        for pod in world.all(Kind::Pod).filter(|pod| pods.contains(text(&pod["metadata"]["uid"]))) {
            let owner = text(&pod["metadata"]["ownerReferences"][0]["name"]);
            *end.kept.entry(words(owner, name, &hashes)).or_default() += 1;
        }
        end
    }

    /// Where this differs from its twin.
    pub fn differs(&self, twin: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        for told in twin.objects.keys().chain(self.objects.keys().filter(|key| !twin.objects.contains_key(*key))) {
            let object = |end: &Self| end.objects.get(told).cloned().unwrap_or(Value::Null);
            differ(told, &object(twin), &object(self), &mut found);
        }
        for (set, pods) in &twin.kept {
            let here = self.kept.get(set).copied().unwrap_or(0);
            // A Deployment's pods go in the order of their ReplicaSet's own choice.
            if here < *pods && !set.contains("-work-") {
                let part = format!("pods of {set} that were there at the takeover");
                found.push(Difference { part, argo: pods.to_string(), ours: here.to_string() });
            }
        }
        found
    }
}

/// What is compared of an object at the end.
fn view(kind: Kind, object: &Value) -> Option<Value> {
    let shared = |kind| Some(normal::view(kind, object));
    match kind {
        Kind::Rollout => shared(normal::Kind::Rollout),
        // A Deployment's ReplicaSets are not the Rollout's.
        Kind::ReplicaSet if object["metadata"]["labels"]["rollouts-pod-template-hash"].is_null() => None,
        Kind::ReplicaSet => shared(normal::Kind::ReplicaSet),
        Kind::Service => shared(normal::Kind::Service),
        Kind::Ingress => shared(normal::Kind::Ingress),
        Kind::Deployment => Some(json!({"size": object["spec"]["replicas"]})),
        Kind::AnalysisRun | Kind::Experiment => Some(json!({
            "labels": object["metadata"]["labels"],
            "annotations": object["metadata"]["annotations"],
            "phase": object["status"]["phase"],
            "terminate": object["spec"]["terminate"],
        })),
        Kind::Pod | Kind::Event => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn change(kind: Kind, name: &str, before: Option<Value>, now: Option<Value>) -> Change {
        Change { key: (kind, name.to_owned()), before: before.map(Arc::new), now: now.map(Arc::new) }
    }

    fn told(part: &str, from: &str, to: &str) -> Written {
        Written { part: part.into(), from: from.into(), to: to.into() }
    }

    #[test]
    fn what_others_count_is_not_written() {
        let set = |version: &str, replicas: i32, available: i32| {
            Some(
                json!({"metadata": {"resourceVersion": version}, "spec": {"replicas": replicas}, "status": {"availableReplicas": available}}),
            )
        };
        let writes = |changes: &[Change]| writes(changes, "s1", &Hashes::new());
        assert_eq!(writes(&[change(Kind::ReplicaSet, "s1-a", set("1", 2, 1), set("2", 2, 2))]), []);
        assert_eq!(
            writes(&[change(Kind::ReplicaSet, "s1-a", set("1", 2, 1), set("2", 3, 1))]),
            [told("ReplicaSet R-a spec replicas", "2", "3")]
        );
    }

    #[test]
    fn a_pod_that_is_replaced_is_told_twice() {
        let pod = || Some(json!({"metadata": {"uid": "u"}}));
        let changes = [change(Kind::Pod, "s1-a", pod(), None), change(Kind::Pod, "s1-b", None, pod())];
        let wanted = [told("Pod R-a", "there", "nothing"), told("Pod R-b", "nothing", "there")];
        assert_eq!(writes(&changes, "s1", &Hashes::new()), wanted);
    }

    #[test]
    fn what_the_twin_wrote_too_is_no_fault() {
        let list = |time: &str| format!(r#"[{{"lastTransitionTime":"{time}","name":"n"}}]"#);
        let (first, second, third) = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:02Z", "2026-01-01T00:00:09Z");
        let mine = vec![told("a", first, second), told("b", "1", "2"), told("c", &list(first), &list(second))];
        let twin = [told("a", first, third), told("b", "1", "3"), told("c", &list(first), &list(third))];
        assert_eq!(beyond(mine, &twin), [told("b", "1", "2")]);
    }

    #[test]
    fn pods_that_the_twin_kept_must_be_kept() {
        let pod = |name: &str, uid: &str| {
            let owner = json!([{"name": "s1-a"}]);
            ((Kind::Pod, name.to_owned()), Arc::new(json!({"metadata": {"uid": uid, "ownerReferences": owner}})))
        };
        let before = BTreeSet::from(["1".to_owned(), "2".to_owned()]);
        let end = |pods: &[(&str, &str)]| {
            End::of(&World::new(pods.iter().map(|(name, uid)| pod(name, uid)).collect()), &before, "s1")
        };
        let twin = end(&[("s1-a-x", "1"), ("s1-a-y", "2")]);
        assert_eq!(twin.differs(&twin), []);
        assert_eq!(end(&[("s1-a-x", "1"), ("s1-a-z", "3")]).differs(&twin).len(), 1);
    }
}
