//! Metadata that pods have only while their set has a role (spec 2.13): the template of the set first, then its pods one by one.
//!
//! What a set has got is written beside its template, as the peers do. While its pods still follow, a second annotation
//! keeps what they may carry from before: so a crash half way leaves nothing behind, and the pods are looked up only then.

use crate::pass::Pass;
use crate::plan::{Kind, Op, Verdict};
use crate::seen::Seen;
use serde_json::{Map, Value, json};
use serinus_wire::k8s::{Pod, ReplicaSet};
use serinus_wire::keys::{EPHEMERAL_BEFORE, EPHEMERAL_METADATA, HASH};
use serinus_wire::meta::ObjectMeta;
use serinus_wire::rollout::PodTemplateMetadata;
use serinus_wire::{Rollout, pod};
use std::collections::BTreeMap;

/// Whether the pods must be looked up: those of a set follow its template, and the template is known to be in force.
pub fn needs_pods(seen: &Seen) -> bool {
    seen.replica_sets.iter().any(|set| set.metadata.annotations.contains_key(EPHEMERAL_BEFORE) && in_force(set))
}

/// The ReplicaSet's own controller knows the template: pods that are born from now on have its metadata.
fn in_force(set: &ReplicaSet) -> bool {
    set.status.observed_generation >= set.metadata.generation
}

/// What the roles of the strategy give: (wanted set before it is stable, stable set).
fn of_roles(rollout: &Rollout) -> (Option<&PodTemplateMetadata>, Option<&PodTemplateMetadata>) {
    if let Some(canary) = rollout.canary() {
        return (canary.canary_metadata.as_ref(), canary.stable_metadata.as_ref());
    }
    let blue_green = rollout.spec.strategy.blue_green.as_ref();
    (
        blue_green.and_then(|strategy| strategy.preview_metadata.as_ref()),
        blue_green.and_then(|strategy| strategy.active_metadata.as_ref()),
    )
}

/// What the wanted set is born with: that of the stable role while nothing is stable yet.
pub fn at_birth(rollout: &Rollout) -> PodTemplateMetadata {
    let (new, stable) = of_roles(rollout);
    let role = if rollout.status.stable_rs.is_empty() { stable } else { new };
    role.map(usable).unwrap_or_default()
}

/// What the set in a place should have.
fn wanted(pass: &Pass<'_>, index: usize) -> PodTemplateMetadata {
    let (new, stable) = of_roles(&pass.rollout);
    let (is_new, is_stable) = (pass.sets.new_index() == Some(index), pass.sets.stable_index() == Some(index));
    let role = if is_stable || (is_new && pass.rollout.status.stable_rs.is_empty()) {
        stable
    } else if is_new {
        new
    } else {
        None
    };
    role.map(usable).unwrap_or_default()
}

/// Without the label that tells sets apart: it is nobody's to give. Empty maps are as good as none.
fn usable(given: &PodTemplateMetadata) -> PodTemplateMetadata {
    let filled = |map: &Option<BTreeMap<String, String>>| map.clone().filter(|map| !map.is_empty());
    let mut metadata = PodTemplateMetadata { labels: filled(&given.labels), annotations: filled(&given.annotations) };
    if let Some(labels) = &mut metadata.labels {
        labels.remove(HASH);
    }
    metadata
}

/// What an annotation of a set holds. One that can't be read holds nothing.
fn noted(set: &BTreeMap<String, String>, key: &str) -> PodTemplateMetadata {
    set.get(key).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn text(metadata: &PodTemplateMetadata) -> Option<String> {
    (*metadata != PodTemplateMetadata::default()).then(|| serde_json::to_string(metadata).unwrap_or_default())
}

/// Puts metadata into a template that is about to be born, and says what the set's annotation holds.
pub fn inject(template: &mut Value, metadata: &PodTemplateMetadata) -> Option<String> {
    for (key, given) in [("labels", &metadata.labels), ("annotations", &metadata.annotations)] {
        let Some(given) = given else { continue };
        let map = pod::child(pod::child(template, "metadata"), key);
        for (name, value) in given {
            map[name.as_str()] = json!(value);
        }
    }
    text(metadata)
}

/// A set's template and a wanted one without what the set has been given, so that the two can be compared. The wanted one may
/// have it when it is a copy of a set's template.
pub fn without(set: &ReplicaSet, wanted: &Value) -> (Value, Value) {
    let given = noted(&set.metadata.annotations, EPHEMERAL_METADATA);
    let (mut live, mut wanted) = (set.spec.template.clone(), wanted.clone());
    for (key, given) in [("labels", &given.labels), ("annotations", &given.annotations)] {
        for template in [&mut live, &mut wanted] {
            let Some(map) = template.pointer_mut(&format!("/metadata/{key}")).and_then(Value::as_object_mut) else {
                continue;
            };
            map.retain(|name, value| given.as_ref().and_then(|given| given.get(name)).is_none_or(|it| *value != *it));
        }
    }
    (live, wanted)
}

/// Gives each set, and then its pods, the metadata of its role; takes back what it had from an earlier one.
pub fn reconcile(pass: &mut Pass<'_>) {
    for index in 0..pass.sets.all.len() {
        template(pass, index);
        pods(pass, index);
    }
}

/// The template of one set, with a note of what its pods may still carry.
fn template(pass: &mut Pass<'_>, index: usize) {
    let wanted = wanted(pass, index);
    let is_new = pass.sets.new_index() == Some(index);
    let original = if is_new { pass.rollout.spec.template.clone() } else { None };
    let Some(set) = pass.sets.all.get_mut(index) else { return };
    let given = noted(&set.annotations, EPHEMERAL_METADATA);
    if given == wanted {
        return;
    }
    let has_pods = set.replicas > 0 || set.existing() > 0;
    let before = merged(&noted(&set.annotations, EPHEMERAL_BEFORE), &given);
    let mut changes = Map::new();
    for (key, given, wanted) in
        [("labels", &given.labels, &wanted.labels), ("annotations", &given.annotations, &wanted.annotations)]
    {
        let original = original.as_ref().and_then(|template| template.pointer(&format!("/metadata/{key}")));
        let mut map = Map::new();
        for name in given.iter().flatten().map(|(name, _)| name) {
            map.insert(name.clone(), original.and_then(|map| map.get(name)).cloned().unwrap_or(Value::Null));
        }
        for (name, value) in wanted.iter().flatten() {
            map.insert(name.clone(), json!(value));
        }
        if !map.is_empty() {
            changes.insert(key.to_string(), Value::Object(map));
        }
    }
    let mut notes = Map::new();
    note(&mut set.annotations, &mut notes, EPHEMERAL_METADATA, text(&wanted));
    if has_pods {
        note(
            &mut set.annotations,
            &mut notes,
            EPHEMERAL_BEFORE,
            Some(serde_json::to_string(&before).unwrap_or_default()),
        );
    }
    let (seen, name) = (set.seen, set.name().to_string());
    let patch = json!({"metadata": {"annotations": notes}, "spec": {"template": {"metadata": changes}}});
    pass.report("metadata", Verdict::Acts, format!("ReplicaSet {name} gets the metadata of its role"));
    pass.write(Kind::ReplicaSet, &seen.metadata, Op::Patch(patch));
}

fn note(set: &mut BTreeMap<String, String>, patch: &mut Map<String, Value>, key: &str, value: Option<String>) {
    patch.insert(key.to_string(), json!(value));
    match value {
        Some(value) => set.insert(key.to_string(), value),
        None => set.remove(key),
    };
}

/// All keys of both; the later value wins.
fn merged(one: &PodTemplateMetadata, other: &PodTemplateMetadata) -> PodTemplateMetadata {
    let both = |one: &Option<BTreeMap<String, String>>, other: &Option<BTreeMap<String, String>>| {
        let all: BTreeMap<String, String> = one.clone().into_iter().chain(other.clone()).flatten().collect();
        (!all.is_empty()).then_some(all)
    };
    PodTemplateMetadata {
        labels: both(&one.labels, &other.labels),
        annotations: both(&one.annotations, &other.annotations),
    }
}

/// The pods of one set, as long as they follow its template.
fn pods(pass: &mut Pass<'_>, index: usize) {
    let Some(set) = pass.set(index).filter(|set| set.annotations.contains_key(EPHEMERAL_BEFORE)) else { return };
    let (seen, name) = (set.seen, set.name());
    if set.replicas > 0 || set.existing() > 0 {
        let known = seen.metadata.annotations.get(EPHEMERAL_METADATA) == set.annotations.get(EPHEMERAL_METADATA);
        let Some(pods) = pass.seen.pods.as_ref().filter(|_| known && in_force(seen)) else {
            pass.waits("metadata", format!("the pods of ReplicaSet {name} follow when its template is in force"));
            return;
        };
        let wanted = noted(&set.annotations, EPHEMERAL_METADATA);
        let before = noted(&set.annotations, EPHEMERAL_BEFORE);
        let own = |pod: &&Pod| pod.metadata.controller().is_some_and(|owner| owner.uid == seen.metadata.uid);
        for pod in pods.iter().filter(own).filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
            // It is on its way out: a patch would meet a pod that has moved on.
            if pass.evicts(&pod.metadata) {
                continue;
            }
            let changes = differences(&pod.metadata, &seen.spec.template, &before, &wanted);
            if !changes.is_empty() {
                pass.write(Kind::Pod, &pod.metadata, Op::Patch(json!({"metadata": changes})));
            }
        }
    }
    pass.annotate_set(index, EPHEMERAL_BEFORE, None);
}

/// What a pod lacks of the wanted metadata, and what it still has of the metadata from before: there the template counts again.
fn differences(
    pod: &ObjectMeta,
    template: &Value,
    before: &PodTemplateMetadata,
    wanted: &PodTemplateMetadata,
) -> Map<String, Value> {
    let mut changes = Map::new();
    for (key, has, before, wanted) in [
        ("labels", &pod.labels, &before.labels, &wanted.labels),
        ("annotations", &pod.annotations, &before.annotations, &wanted.annotations),
    ] {
        let of_template = template.pointer(&format!("/metadata/{key}"));
        let mut map = Map::new();
        for (name, value) in before.iter().flatten() {
            if has.get(name) == Some(value) {
                let own = of_template.and_then(|map| map.get(name)).cloned();
                map.insert(name.clone(), own.unwrap_or(Value::Null));
            }
        }
        for (name, value) in wanted.iter().flatten() {
            map.insert(name.clone(), json!(value));
        }
        map.retain(|name, value| has.get(name).map(String::as_str) != value.as_str());
        if !map.is_empty() {
            changes.insert(key.to_string(), Value::Object(map));
        }
    }
    changes
}
