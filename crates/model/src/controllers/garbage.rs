//! Garbage: what is owned by nothing that exists goes; foreground and orphan deletion come to their end.

use super::{delete, write};
use crate::object::Fields;
use crate::state::State;
use crate::verbs::Part;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const NAME: &str = "garbage-collector";

pub fn round(state: &mut State) {
    // Cheap way out: most rounds have nobody who leaves with dependants and nobody whose owner is gone.
    let all: Vec<Arc<Value>> = state.store.everything().map(|(_, object)| object.clone()).collect();
    let uids: BTreeSet<&str> = all.iter().map(|object| object.uid()).collect();
    let mut dependants: BTreeMap<&str, Vec<&Arc<Value>>> = BTreeMap::new();
    for object in &all {
        for owner in object.items("/metadata/ownerReferences") {
            dependants.entry(owner.text("/uid")).or_default().push(object);
        }
    }
    for object in &all {
        let owners = object.items("/metadata/ownerReferences");
        if !owners.is_empty() && !object.is_leaving() && owners.iter().all(|owner| !uids.contains(owner.text("/uid"))) {
            remove(state, object);
        }
        if object.is_leaving() {
            let own = dependants.get(object.uid()).map_or(&[][..], Vec::as_slice);
            if object.has_finalizer("orphan") {
                orphan(state, object, own);
            }
            if object.has_finalizer("foregroundDeletion") {
                foreground(state, object, own);
            }
        }
    }
}

fn remove(state: &mut State, object: &Value) {
    let (group, _) = crate::model::group_version(object.text("/apiVersion"));
    delete(state, NAME, (group, object.text("/kind")), object, None);
}

fn without_finalizer(state: &mut State, object: &Value, name: &str) {
    let mut object = object.clone();
    let mut finalizers = object.items("/metadata/finalizers").to_vec();
    finalizers.retain(|finalizer| finalizer.as_str() != Some(name));
    object.put(&["metadata", "finalizers"], finalizers);
    let _ = write(state, NAME, Part::Main, object);
}

fn orphan(state: &mut State, owner: &Value, dependants: &[&Arc<Value>]) {
    for object in dependants {
        let mut object = (***object).clone();
        let mut owners = object.items("/metadata/ownerReferences").to_vec();
        owners.retain(|one| one.text("/uid") != owner.uid());
        object.put(&["metadata", "ownerReferences"], owners);
        let _ = write(state, NAME, Part::Main, object);
    }
    without_finalizer(state, owner, "orphan");
}

fn foreground(state: &mut State, owner: &Value, dependants: &[&Arc<Value>]) {
    for object in dependants.iter().filter(|object| !object.is_leaving()) {
        remove(state, object);
    }
    let blocks = |object: &Value| {
        let refs = object.items("/metadata/ownerReferences").iter();
        refs.into_iter()
            .any(|one| one.text("/uid") == owner.uid() && one.get("blockOwnerDeletion") == Some(&Value::Bool(true)))
    };
    if !dependants.iter().any(|object| blocks(object)) {
        without_finalizer(state, owner, "foregroundDeletion");
    }
}
