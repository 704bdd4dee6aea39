//! Namespaces: each gets its default ServiceAccount; one that leaves is emptied first.

use super::{create, delete, write};
use crate::object::Fields;
use crate::state::State;
use crate::verbs::Part;
use serde_json::{Value, json};
use std::sync::Arc;

pub fn round(state: &mut State) {
    for namespace in state.all("", "namespaces") {
        let name = namespace.name();
        if namespace.is_leaving() {
            empty(state, &namespace);
        } else if state.store.get(&crate::catalogue::Resource::new("", "serviceaccounts"), name, "default").is_none() {
            let _ = create(state, "namespace", ("", "ServiceAccount"), name, json!({"metadata": {"name": "default"}}));
        }
    }
}

fn empty(state: &mut State, namespace: &Arc<Value>) {
    let inside: Vec<Arc<Value>> = state
        .store
        .everything()
        .filter(|(_, object)| object.namespace() == namespace.name())
        .map(|(_, object)| object.clone())
        .collect();
    for object in inside.iter().filter(|object| !object.is_leaving()) {
        let (group, _) = crate::model::group_version(object.text("/apiVersion"));
        delete(state, "namespace", (group, object.text("/kind")), object, None);
    }
    if inside.is_empty() {
        let mut last = (**namespace).clone();
        last.cut(&["spec", "finalizers"]);
        let _ = write(state, "namespace", Part::Finalize, last);
    }
}
