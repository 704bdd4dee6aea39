//! Objects as JSON: how the fields that every kind has are read and written.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// Reads and writes inside an object. Absent fields read as empty; writing makes the parents that are missing.
pub trait Fields {
    /// The text at a JSON pointer, or "".
    fn text(&self, pointer: &str) -> &str;
    /// The whole number at a JSON pointer.
    fn int(&self, pointer: &str) -> Option<i64>;
    /// The list at a JSON pointer, or an empty one.
    fn items(&self, pointer: &str) -> &[Value];
    /// The entries of the map at a JSON pointer.
    fn map(&self, pointer: &str) -> Option<&Map<String, Value>>;
    /// Sets a field by the names on the way to it.
    fn put(&mut self, path: &[&str], value: impl Into<Value>);
    /// Removes a field by the names on the way to it, and gives what it was.
    fn cut(&mut self, path: &[&str]) -> Option<Value>;
    /// Sets a field unless it is there.
    fn put_default(&mut self, path: &[&str], value: impl Into<Value>);
    /// `metadata.name`.
    fn name(&self) -> &str {
        self.text("/metadata/name")
    }
    /// `metadata.namespace`.
    fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }
    /// `metadata.uid`.
    fn uid(&self) -> &str {
        self.text("/metadata/uid")
    }
    /// `metadata.resourceVersion`.
    fn version(&self) -> &str {
        self.text("/metadata/resourceVersion")
    }
    /// Whether the object is on its way out.
    fn is_leaving(&self) -> bool {
        !self.text("/metadata/deletionTimestamp").is_empty()
    }
    /// One label.
    fn label(&self, key: &str) -> Option<&str> {
        self.map("/metadata/labels")?.get(key)?.as_str()
    }
    /// One annotation.
    fn annotation(&self, key: &str) -> Option<&str> {
        self.map("/metadata/annotations")?.get(key)?.as_str()
    }
    /// The time at a JSON pointer.
    fn time(&self, pointer: &str) -> Option<Timestamp> {
        self.text(pointer).parse().ok()
    }
    /// The owner that controls the object.
    fn controller(&self) -> Option<&Value> {
        self.items("/metadata/ownerReferences").iter().find(|owner| owner.get("controller") == Some(&Value::Bool(true)))
    }
    /// Whether the object with this uid controls this one.
    fn is_controlled_by(&self, uid: &str) -> bool {
        self.controller().is_some_and(|owner| owner.text("/uid") == uid)
    }
    /// Whether a finalizer holds the object.
    fn has_finalizer(&self, name: &str) -> bool {
        self.items("/metadata/finalizers").iter().any(|f| f.as_str() == Some(name))
    }
}

impl Fields for Value {
    fn text(&self, pointer: &str) -> &str {
        self.pointer(pointer).and_then(Value::as_str).unwrap_or("")
    }
    fn int(&self, pointer: &str) -> Option<i64> {
        self.pointer(pointer).and_then(Value::as_i64)
    }
    fn items(&self, pointer: &str) -> &[Value] {
        self.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
    fn map(&self, pointer: &str) -> Option<&Map<String, Value>> {
        self.pointer(pointer).and_then(Value::as_object)
    }
    fn put(&mut self, path: &[&str], value: impl Into<Value>) {
        let Some((first, rest)) = path.split_first() else {
            *self = value.into();
            return;
        };
        if !self.is_object() {
            *self = Value::Object(Map::new());
        }
        if let Value::Object(map) = self {
            map.entry(*first).or_insert(Value::Null).put(rest, value);
        }
    }
    fn cut(&mut self, path: &[&str]) -> Option<Value> {
        let (last, parents) = path.split_last()?;
        let mut at = self;
        for name in parents {
            at = at.get_mut(*name)?;
        }
        at.as_object_mut()?.shift_remove(*last)
    }
    fn put_default(&mut self, path: &[&str], value: impl Into<Value>) {
        let pointer: String = path.iter().flat_map(|name| ["/", name]).collect();
        if self.pointer(&pointer).is_none_or(Value::is_null) {
            self.put(path, value);
        }
    }
}

/// A time as Kubernetes writes it: whole seconds.
pub fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time as `metav1.MicroTime` writes it.
pub fn micro_stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
