//! Which ReplicaSet belongs to the wanted template, its birth, and its revision (spec 2.2).

use crate::pass::Pass;
use crate::plan::{Kind, Op, Verdict};
use crate::seen::Seen;
use crate::sets::Sets;
use crate::status::conditions::{self, names};
use crate::{affinity, metadata};
use serde_json::{Map, Value, json};
use serinus_gocompat::hash;
use serinus_wire::k8s::ReplicaSet;
use serinus_wire::{Rollout, keys, pod};
use std::collections::BTreeMap;

/// Annotations of a Rollout that its sets do not get.
const NOT_COPIED: [&str; 5] =
    [keys::LAST_APPLIED, keys::REVISION, keys::REVISION_HISTORY, keys::DESIRED_REPLICAS, keys::NOTIFIED];

/// Hash of the wanted template.
pub fn wanted_hash(rollout: &Rollout) -> String {
    let nothing = Value::Null;
    hash::pod_template(rollout.spec.template.as_ref().unwrap_or(&nothing), rollout.status.collision_count)
}

/// Hash of the steps. An empty list counts as none: the peer does not write it back.
pub fn steps_hash(rollout: &Rollout) -> String {
    let steps = rollout.canary().and_then(|canary| canary.steps.as_ref()).filter(|steps| !steps.is_empty());
    let steps = steps.map(|steps| serde_json::to_value(steps).unwrap_or(Value::Null));
    hash::steps(steps.as_ref())
}

/// The sets with their roles. The new one is found by its hash, else by its template: the hash of another release of the
/// peers differs, the template does not, and nothing may be rolled out twice.
pub fn sets<'a>(seen: &'a Seen, rollout: &Rollout) -> Sets<'a> {
    let wanted = wanted_hash(rollout);
    let template = rollout.spec.template.as_ref();
    let by_hash = |set: &ReplicaSet| set.metadata.labels.get(keys::HASH) == Some(&wanted);
    let by_template = |set: &ReplicaSet| template.is_some_and(|template| same_template(set, template));
    let alive = seen.replica_sets.iter().filter(|set| set.metadata.deletion_timestamp.is_none());
    Sets::new(alive, &[&by_hash, &by_template], &rollout.status.stable_rs)
}

/// What was put into a set's template since its birth does not count.
fn same_template(set: &ReplicaSet, wanted: &Value) -> bool {
    let (live, wanted) = metadata::without(set, wanted);
    pod::same(&affinity::without(&live), &affinity::without(&wanted))
}

/// Takes over orphans: sets that nobody controls and that the selector matches (the shell has checked the match).
pub fn adopt(pass: &mut Pass<'_>) {
    for index in 0..pass.sets.all.len() {
        let Some(set) = pass.set(index).map(|set| set.seen) else { continue };
        if set.metadata.controller().is_some() {
            continue;
        }
        let mut owners: Vec<Value> = set.metadata.owner_references.iter().map(|owner| json!(owner)).collect();
        owners.push(owner(&pass.rollout));
        let text = format!("adopts ReplicaSet {}", set.metadata.name);
        pass.report("identity", Verdict::Acts, text);
        pass.write(Kind::ReplicaSet, &set.metadata, Op::Patch(json!({"metadata": {"ownerReferences": owners}})));
    }
}

fn owner(rollout: &Rollout) -> Value {
    json!({
        "apiVersion": keys::API_VERSION,
        "kind": "Rollout",
        "name": rollout.metadata.name,
        "uid": rollout.metadata.uid,
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// The set that stands in the way is not ours: the hash is counted on, and gives another name (spec 2.2).
fn collide(pass: &mut Pass<'_>, name: &str) {
    let count = pass.rollout.status.collision_count.unwrap_or(0).saturating_add(1);
    let text = format!("ReplicaSet {name} exists and is not of this Rollout: takes another name (collision {count})");
    pass.report("identity", Verdict::Acts, text);
    let seen = pass.seen;
    pass.write(Kind::Rollout, &seen.rollout.metadata, Op::PatchStatus(json!({"status": {"collisionCount": count}})));
}

/// Whether a set is the Rollout's own, so that it will be among its sets as soon as the caches show it.
pub fn is_own(set: &ReplicaSet, rollout: &Rollout) -> bool {
    let owned = set.metadata.controller().is_some_and(|owner| owner.uid == rollout.metadata.uid);
    owned && set.metadata.labels.contains_key(keys::HASH)
}

/// Creates the set of the wanted template, empty. Nothing else happens in that pass.
pub fn create(pass: &mut Pass<'_>) {
    let name = format!("{}-{}", pass.rollout.metadata.name, wanted_hash(&pass.rollout));
    if pass.seen.in_the_way.get(&name).is_some_and(|set| !is_own(set, &pass.rollout)) {
        collide(pass, &name);
        return;
    }
    let revision = newest_revision(pass) + 1;
    set_rollout_revision(pass, revision);
    let hash = wanted_hash(&pass.rollout);
    let object = replica_set(pass, &name, &hash, revision);
    pass.create(Kind::ReplicaSet, &name, object);
    let text = format!("Created ReplicaSet {name} (revision {revision})");
    pass.report("identity", Verdict::Acts, text.clone());
    pass.tell("NewReplicaSetCreated", text);

    pass.status = pass.rollout.status.clone();
    let mut conditions = std::mem::take(&mut pass.status.conditions);
    conditions.retain(|condition| condition.kind != names::INVALID_SPEC);
    let text = format!("Created new replica set \"{name}\"");
    let created = conditions::condition(names::PROGRESSING, "True", "NewReplicaSetCreated", text, pass.now);
    conditions::set(&mut conditions, created);
    let patch = json!({"status": {"conditions": conditions}});
    let seen = pass.seen;
    pass.write(Kind::Rollout, &seen.rollout.metadata, Op::PatchStatus(patch));
}

fn replica_set(pass: &Pass<'_>, name: &str, hash: &str, revision: i64) -> Value {
    let rollout = &pass.rollout;
    let mut template = rollout.spec.template.clone().unwrap_or_else(|| json!({}));
    let labelled = |value: &mut Value| {
        if let Some(object) = value.as_object_mut() {
            object.insert(keys::HASH.to_string(), json!(hash));
        }
    };
    let labels = pod::child(pod::child(&mut template, "metadata"), "labels");
    labelled(labels);
    let labels = labels.clone();
    let metadata = metadata::inject(&mut template, &metadata::at_birth(rollout));
    affinity::inject(rollout, hash, &mut template);
    let mut selector = rollout.spec.selector.clone().unwrap_or_else(|| json!({}));
    labelled(pod::child(&mut selector, "matchLabels"));
    let mut annotations = copied_annotations(rollout);
    annotations.insert(keys::REVISION.to_string(), revision.to_string());
    annotations.insert(keys::DESIRED_REPLICAS.to_string(), rollout.replicas().to_string());
    annotations.extend(metadata.map(|text| (keys::EPHEMERAL_METADATA.to_string(), text)));
    json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": rollout.metadata.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner(rollout)],
        },
        "spec": {
            "replicas": 0,
            "minReadySeconds": rollout.spec.min_ready_seconds,
            "selector": selector,
            "template": template,
        },
    })
}

fn copied_annotations(rollout: &Rollout) -> BTreeMap<String, String> {
    rollout
        .metadata
        .annotations
        .iter()
        .filter(|(key, _)| !NOT_COPIED.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// The greatest revision of the sets that are not the new one.
fn newest_revision(pass: &Pass<'_>) -> i64 {
    pass.sets.older().iter().filter_map(|&index| pass.set(index)).map(|set| set.revision()).max().unwrap_or(0)
}

/// Keeps revision, copied annotations and `minReadySeconds` of the new set, and the revision of the Rollout, in step.
pub fn sync_revision(pass: &mut Pass<'_>) {
    let Some(index) = pass.sets.new_index() else { return };
    let wanted = newest_revision(pass) + 1;
    let mut changes = Map::new();
    let copied = copied_annotations(&pass.rollout);
    let ready_seconds = pass.rollout.spec.min_ready_seconds;
    let Some(set) = pass.sets.all.get_mut(index) else { return };
    for (key, value) in copied {
        if set.annotations.get(&key) != Some(&value) {
            changes.insert(key.clone(), json!(value));
            set.annotations.insert(key, value);
        }
    }
    let current = set.revision();
    if current < wanted {
        if current > 0 {
            let history = match set.annotations.get(keys::REVISION_HISTORY) {
                Some(past) if !past.is_empty() => format!("{past},{current}"),
                Some(_) | None => current.to_string(),
            };
            changes.insert(keys::REVISION_HISTORY.to_string(), json!(history));
            set.annotations.insert(keys::REVISION_HISTORY.to_string(), history);
        }
        changes.insert(keys::REVISION.to_string(), json!(wanted.to_string()));
        set.annotations.insert(keys::REVISION.to_string(), wanted.to_string());
    }
    let mut patch = Map::new();
    if !changes.is_empty() {
        patch.insert("metadata".to_string(), json!({"annotations": changes}));
    }
    if set.seen.spec.min_ready_seconds != ready_seconds {
        patch.insert("spec".to_string(), json!({"minReadySeconds": ready_seconds}));
    }
    let (seen, revision, name) = (set.seen, set.revision(), set.name().to_string());
    // The Rollout first: whoever looks at an old one fails here, and no set counts on for a template that is not wanted any more.
    set_rollout_revision(pass, revision);
    if !patch.is_empty() {
        pass.write(Kind::ReplicaSet, &seen.metadata, Op::Patch(Value::Object(patch)));
    }
    affinity::sync(pass);
    if conditions::find(&pass.rollout.status.conditions, names::PROGRESSING).is_none() {
        let text = format!("Found new replica set \"{name}\"");
        let found = conditions::condition(names::PROGRESSING, "True", "FoundNewReplicaSet", text, pass.now);
        pass.status.conditions = pass.rollout.status.conditions.clone();
        pass.status.conditions.push(found);
    }
}

/// Revision number of the Rollout; 0 when it has none yet.
pub fn revision_of(rollout: &Rollout) -> i64 {
    rollout.metadata.annotations.get(keys::REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn set_rollout_revision(pass: &mut Pass<'_>, revision: i64) {
    if revision_of(&pass.rollout) == revision {
        return;
    }
    pass.patch_rollout(json!({"metadata": {"annotations": {keys::REVISION: revision.to_string()}}}));
    pass.tell("RolloutUpdated", format!("Rollout updated to revision {revision}"));
}

/// Deletes old, empty sets beyond `revisionHistoryLimit`, oldest first. A candidate that still has pods is skipped, not replaced.
pub fn forget_history(pass: &mut Pass<'_>) {
    let limit = usize::try_from(pass.rollout.spec.revision_history_limit.unwrap_or(10)).unwrap_or(0);
    let others = pass.sets.others();
    let surplus = others.len().saturating_sub(limit);
    for index in others.into_iter().take(surplus) {
        let Some(set) = pass.set(index) else { continue };
        let observed = set.seen.metadata.generation <= set.seen.status.observed_generation;
        if set.replicas == 0 && set.existing() == 0 && observed {
            let seen = set.seen;
            let text = format!("deletes old ReplicaSet {}", seen.metadata.name);
            pass.report("history", Verdict::Acts, text);
            pass.write(Kind::ReplicaSet, &seen.metadata, Op::Delete);
        }
    }
}
