//! How lists and maps merge: by key, as sets or as one piece; from the kind's type or from the custom schema.

use crate::catalogue::{Kind, Shape};
use crate::object::Fields;
use serde_json::Value;

/// How a list merges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// As one piece.
    Atomic,
    /// By the items themselves.
    Set,
    /// By these keys of the items.
    Map(Vec<String>),
}

/// The rules of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a>(&'a Kind);

impl<'a> Rules<'a> {
    /// The rules of a kind.
    pub fn of(kind: &'a Kind) -> Rules<'a> {
        Rules(kind)
    }
    /// How the list at this path of field names merges under server-side apply.
    pub fn list(&self, path: &[&str]) -> Rule {
        if let ["metadata", rest @ ..] = path {
            return metadata(rest);
        }
        match &self.0.shape {
            Shape::Custom(schema, _) => custom(schema.raw(), path),
            Shape::Builtin(_) => builtin(&self.0.kind, path),
        }
    }
    /// The one key by which a strategic merge patch merges the list at this path.
    pub fn merge_key(&self, path: &[&str]) -> Option<String> {
        match self.list(path) {
            Rule::Map(keys) => keys.into_iter().next(),
            _ => None,
        }
    }
    /// Whether the map at this path is one piece under server-side apply.
    pub fn is_atomic_map(&self, path: &[&str]) -> bool {
        match &self.0.shape {
            Shape::Custom(schema, _) => {
                at(schema.raw(), path).is_some_and(|s| s.text("/x-kubernetes-map-type") == "atomic")
            }
            Shape::Builtin(_) => match path.last().copied() {
                Some(
                    "selector" | "labelSelector" | "nodeSelector" | "secretRef" | "configMapKeyRef" | "secretKeyRef"
                    | "fieldRef",
                ) => path.first() != Some(&"metadata"),
                Some("targetRef" | "involvedObject" | "resource") => self.0.kind != "Role",
                _ => false,
            },
        }
    }
}

fn metadata(path: &[&str]) -> Rule {
    match path {
        ["ownerReferences"] => Rule::Map(vec!["uid".into()]),
        ["finalizers"] => Rule::Set,
        _ => Rule::Atomic,
    }
}

/// The schema at a path of field names; lists are stepped into.
fn at<'a>(schema: &'a Value, path: &[&str]) -> Option<&'a Value> {
    let mut here = schema;
    for name in path {
        while let Some(items) = here.get("items") {
            here = items;
        }
        let property = here.get("properties").and_then(|properties| properties.get(*name));
        here = property.or_else(|| here.get("additionalProperties"))?;
    }
    Some(here)
}

fn custom(schema: &Value, path: &[&str]) -> Rule {
    let Some(schema) = at(schema, path) else { return Rule::Atomic };
    match schema.text("/x-kubernetes-list-type") {
        "set" => Rule::Set,
        "map" => {
            let keys = schema.items("/x-kubernetes-list-map-keys").iter().filter_map(Value::as_str);
            Rule::Map(keys.map(str::to_string).collect())
        }
        _ => Rule::Atomic,
    }
}

fn builtin(kind: &str, path: &[&str]) -> Rule {
    let parent = path.len().checked_sub(2).and_then(|at| path.get(at)).copied().unwrap_or("");
    let keys: &[&str] = match path.last().copied().unwrap_or("") {
        "containers" | "initContainers" | "ephemeralContainers" | "volumes" | "imagePullSecrets" => &["name"],
        "env" if parent.to_lowercase().ends_with("containers") => &["name"],
        "volumeMounts" => &["mountPath"],
        "volumeDevices" => &["devicePath"],
        "hostAliases" | "podIPs" | "hostIPs" => &["ip"],
        "topologySpreadConstraints" => &["topologyKey", "whenUnsatisfiable"],
        "conditions" => &["type"],
        "secrets" if kind == "ServiceAccount" => &["name"],
        "addresses" if kind == "Node" => &["type"],
        "ports" if parent.to_lowercase().ends_with("containers") => &["containerPort", "protocol"],
        "ports" if kind == "Service" && path == ["spec", "ports"] => &["port", "protocol"],
        "versions" if kind == "CustomResourceDefinition" => return Rule::Atomic,
        "finalizers" => return Rule::Set,
        "ownerReferences" => &["uid"],
        _ => return Rule::Atomic,
    };
    Rule::Map(keys.iter().map(|key| (*key).to_string()).collect())
}
