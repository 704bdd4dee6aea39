//! Who owns which field: `metadata.managedFields` as sets of paths, read, updated and written.

use super::rules::{Rule, Rules};
use crate::object::{Fields, stamp};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A path in the notation of `FieldsV1`: `f:spec`, `k:{"name":"a"}`, `v:"x"`, and `.` for the item itself.
pub type Path = Vec<String>;

/// The fields of one manager.
#[derive(Clone, Debug, PartialEq)]
pub struct Owner {
    /// Name of the manager.
    pub manager: String,
    /// Whether by server-side apply.
    pub applies: bool,
    /// Empty, or `status`.
    pub subresource: String,
    api_version: String,
    time: String,
    /// Its paths.
    pub paths: BTreeSet<Path>,
}

/// The owners of an object's fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Owners(pub Vec<Owner>);

/// Who writes, and how.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// Name of the manager.
    pub manager: &'a str,
    /// Whether by server-side apply.
    pub applies: bool,
    /// Empty, or `status`.
    pub subresource: &'a str,
    /// Version of the kind.
    pub api_version: &'a str,
    /// When.
    pub now: Timestamp,
}

impl Owners {
    /// Reads `metadata.managedFields`.
    pub fn read(object: &Value) -> Owners {
        let owner = |entry: &Value| {
            let mut paths = BTreeSet::new();
            if let Some(tree) = entry.map("/fieldsV1") {
                flatten(tree, &mut Vec::new(), &mut paths);
            }
            Owner {
                manager: entry.text("/manager").to_string(),
                applies: entry.text("/operation") == "Apply",
                subresource: entry.text("/subresource").to_string(),
                api_version: entry.text("/apiVersion").to_string(),
                time: entry.text("/time").to_string(),
                paths,
            }
        };
        Owners(object.items("/metadata/managedFields").iter().map(owner).collect())
    }
    /// Writes `metadata.managedFields`.
    pub fn write(&self, object: &mut Value) {
        let entry = |owner: &Owner| {
            let mut entry = json!({
                "manager": owner.manager, "operation": if owner.applies { "Apply" } else { "Update" },
                "apiVersion": owner.api_version, "time": owner.time, "fieldsType": "FieldsV1", "fieldsV1": tree(&owner.paths),
            });
            if !owner.subresource.is_empty() {
                entry.put(&["subresource"], owner.subresource.as_str());
            }
            entry
        };
        let entries: Vec<Value> = self.0.iter().filter(|owner| !owner.paths.is_empty()).map(entry).collect();
        if entries.is_empty() {
            object.cut(&["metadata", "managedFields"]);
        } else {
            object.put(&["metadata", "managedFields"], entries);
        }
    }
    /// The entry of a writer, made when there is none.
    pub fn entry(&mut self, writer: Writer<'_>) -> &mut Owner {
        let same = |owner: &Owner| {
            owner.manager == writer.manager
                && owner.applies == writer.applies
                && owner.subresource == writer.subresource
        };
        let at = self.0.iter().position(same).unwrap_or_else(|| {
            self.0.push(Owner {
                manager: writer.manager.to_string(),
                applies: writer.applies,
                subresource: writer.subresource.to_string(),
                api_version: String::new(),
                time: String::new(),
                paths: BTreeSet::new(),
            });
            self.0.len() - 1
        });
        let owner = &mut self.0[at];
        owner.api_version = writer.api_version.to_string();
        owner.time = stamp(writer.now);
        owner
    }
    /// After a plain write: what changed belongs to its writer alone.
    pub fn changed(&mut self, before: &Value, after: &Value, rules: Rules<'_>, writer: Writer<'_>) {
        let (old, new) = (leaves(before, rules), leaves(after, rules));
        let changed: BTreeSet<&Path> =
            new.iter().filter(|(path, value)| old.get(*path) != Some(*value)).map(|(path, _)| path).collect();
        for owner in &mut self.0 {
            owner.paths.retain(|path| new.contains_key(path) && !changed.contains(path));
        }
        if !changed.is_empty() {
            self.entry(writer).paths.extend(changed.into_iter().cloned());
        }
    }
}

/// The paths and values that can be owned: scalars, lists and maps that are one piece, empty maps, and items of keyed lists.
pub fn leaves(object: &Value, rules: Rules<'_>) -> BTreeMap<Path, Value> {
    let mut found = BTreeMap::new();
    let mut walk = Walk { rules, found: &mut found };
    for (key, value) in object.as_object().into_iter().flatten() {
        if !matches!(key.as_str(), "apiVersion" | "kind") {
            walk.value(value, &[key.as_str()], &[format!("f:{key}")]);
        }
    }
    found
}

struct Walk<'a> {
    rules: Rules<'a>,
    found: &'a mut BTreeMap<Path, Value>,
}

/// Fields of the metadata that the server alone writes.
fn is_servers(names: &[&str]) -> bool {
    match names {
        ["metadata", name] => matches!(
            *name,
            "name"
                | "namespace"
                | "uid"
                | "resourceVersion"
                | "generation"
                | "creationTimestamp"
                | "deletionTimestamp"
                | "deletionGracePeriodSeconds"
                | "managedFields"
                | "generateName"
                | "selfLink"
        ),
        _ => false,
    }
}

impl Walk<'_> {
    fn value(&mut self, value: &Value, names: &[&str], path: &[String]) {
        if is_servers(names) {
            return;
        }
        let with = |step: String| [path, &[step]].concat();
        match value {
            Value::Object(map) if !map.is_empty() && !self.rules.is_atomic_map(names) => {
                for (key, value) in map {
                    self.value(value, &[names, &[key.as_str()]].concat(), &with(format!("f:{key}")));
                }
            }
            Value::Array(items) => match self.rules.list(names) {
                Rule::Map(keys) => {
                    for item in items {
                        let path = with(format!("k:{}", key_of(item, &keys)));
                        self.found.insert([&path[..], &[".".to_string()]].concat(), Value::Null);
                        for (key, value) in item.as_object().into_iter().flatten() {
                            self.value(
                                value,
                                &[names, &[key.as_str()]].concat(),
                                &[&path[..], &[format!("f:{key}")]].concat(),
                            );
                        }
                    }
                }
                Rule::Set => {
                    for item in items {
                        self.found.insert(with(format!("v:{item}")), item.clone());
                    }
                }
                Rule::Atomic => {
                    self.found.insert(path.to_vec(), value.clone());
                }
            },
            _ => {
                self.found.insert(path.to_vec(), value.clone());
            }
        }
    }
}

/// The keys of a list item as JSON; a port without a protocol is a TCP port.
pub fn key_of(item: &Value, keys: &[String]) -> Value {
    let key = |name: &String| {
        let value =
            item.get(name).cloned().unwrap_or_else(|| if name == "protocol" { "TCP".into() } else { Value::Null });
        (name.clone(), value)
    };
    Value::Object(keys.iter().map(key).collect())
}

fn flatten(tree: &Map<String, Value>, at: &mut Path, paths: &mut BTreeSet<Path>) {
    for (step, below) in tree {
        at.push(step.clone());
        match below.as_object() {
            Some(below) if !below.is_empty() => flatten(below, at, paths),
            _ => {
                paths.insert(at.clone());
            }
        }
        at.pop();
    }
}

fn tree(paths: &BTreeSet<Path>) -> Value {
    let mut root = json!({});
    for path in paths {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let pointer: String =
            names.iter().map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1"))).collect();
        if root.pointer(&pointer).is_none() {
            root.put(&names, json!({}));
        }
    }
    root
}
