//! Events have two faces, `v1` and `events.k8s.io/v1`, over one store.

use crate::object::Fields;
use serde_json::{Value, json};

/// Field names of `v1` and of `events.k8s.io/v1`.
const FACES: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// From `events.k8s.io/v1` to `v1`.
pub fn to_core(mut event: Value) -> Value {
    for (core, new) in FACES {
        if let Some(value) = event.cut(&[new]) {
            event.put(&[core], value);
        }
    }
    event.put(&["apiVersion"], "v1");
    // Both are required fields of the old face.
    event.put_default(&["involvedObject"], json!({}));
    event
}

/// From `v1` to `events.k8s.io/v1`.
pub fn from_core(event: &Value) -> Value {
    let mut event = event.clone();
    for (core, new) in FACES {
        if let Some(value) = event.cut(&[core]) {
            event.put(&[new], value);
        }
    }
    event.put(&["apiVersion"], "events.k8s.io/v1");
    event
}
