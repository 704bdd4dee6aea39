//! How answers are shown: as objects, as tables for people, or as their metadata alone.

use crate::catalogue::Kind;
use crate::object::Fields;
use crate::read::List;
use crate::table;
use jiff::Timestamp;
use serde_json::{Value, json};

/// How an answer is to be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// The objects.
    #[default]
    Object,
    /// `meta.k8s.io/v1` Table, with this much of each object in its row.
    Table(Include),
    /// `PartialObjectMetadata`.
    Metadata,
}

/// What a row of a table carries of its object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Include {
    /// Nothing.
    Nothing,
    /// Its metadata.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

impl View {
    /// Reads `Accept`; absent when nothing that is accepted can be given.
    pub fn parse(accept: &str, include: &str) -> Option<View> {
        if accept.is_empty() {
            return Some(View::Object);
        }
        accept.split(',').find_map(|clause| {
            let mut parts = clause.split(';').map(str::trim);
            if !matches!(parts.next(), Some("application/json" | "*/*" | "application/*")) {
                return None;
            }
            let parameters: Vec<&str> = parts.collect();
            let named = |name: &str| parameters.iter().find_map(|p| p.strip_prefix(name));
            match (named("as="), named("v=")) {
                (Some("Table"), Some("v1")) => Some(View::Table(match include {
                    "None" => Include::Nothing,
                    "Object" => Include::Object,
                    _ => Include::Metadata,
                })),
                (Some("PartialObjectMetadata" | "PartialObjectMetadataList"), Some("v1")) => Some(View::Metadata),
                (Some(_), _) => None,
                (None, _) => Some(View::Object),
            }
        })
    }
    /// One object.
    pub fn one(self, kind: &Kind, object: &Value, now: Timestamp) -> Value {
        match self {
            View::Object => kind.to_shown(object),
            View::Table(include) => {
                table::table(kind, &[object], include, now, json!({"resourceVersion": object.version()}))
            }
            View::Metadata => partial(object),
        }
    }
    /// A list.
    pub fn list(self, kind: &Kind, list: List, now: Timestamp) -> Value {
        let metadata = Value::Object(list.metadata);
        match self {
            View::Object => {
                let items: Vec<Value> = list
                    .items
                    .iter()
                    .map(|object| {
                        let mut item = kind.to_shown(object);
                        // Items of built-in lists leave out what the list says for all of them.
                        if !kind.is_custom() {
                            item.cut(&["apiVersion"]);
                            item.cut(&["kind"]);
                        }
                        item
                    })
                    .collect();
                json!({"kind": kind.list_kind, "apiVersion": kind.api_version(), "metadata": metadata, "items": items})
            }
            View::Table(include) => {
                let objects: Vec<&Value> = list.items.iter().map(AsRef::as_ref).collect();
                table::table(kind, &objects, include, now, metadata)
            }
            View::Metadata => {
                let items: Vec<Value> = list.items.iter().map(|object| partial(object)).collect();
                let items = if items.is_empty() { Value::Null } else { items.into() };
                json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items})
            }
        }
    }
}

/// The metadata of an object alone.
pub fn partial(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object.get("metadata")})
}
