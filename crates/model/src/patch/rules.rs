//! How lists and maps merge: by key, as sets or as one piece; from the kind's type or from the custom schema.

use crate::builtin::shape::{Field, SHAPES, Type};
use crate::catalogue::{Kind, Shape};
use crate::object::Fields;
use serde_json::Value;
use std::sync::LazyLock;

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

/// A place in an object, with what is known of how it merges.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a>(Known<'a>);

#[derive(Clone, Copy, Debug)]
enum Known<'a> {
    /// A type of the table, and the field that has it.
    Typed(&'a Type, Option<&'a Field>),
    /// A custom schema.
    Custom(&'a Value),
    /// The top of an object with a custom schema: its metadata is Kubernetes' own.
    Root(&'a Value),
    /// Anything: maps merge, lists are one piece.
    Open,
    /// Kept as it comes, as one piece.
    Raw,
}

static METADATA: LazyLock<Option<Type>> = LazyLock::new(|| SHAPES.of_name("meta.v1.ObjectMeta"));
static OPEN: Place<'static> = Place(Known::Open);

/// The type behind pointers.
fn plain(kind: &Type) -> &Type {
    if let Type::Pointer(inner) = kind { plain(inner) } else { kind }
}

impl<'a> Place<'a> {
    /// The top of an object of a kind.
    pub fn of(kind: &'a Kind) -> Place<'a> {
        match &kind.shape {
            Shape::Typed(kind) => Place(Known::Typed(kind, None)),
            Shape::Custom(schema, _) => Place(Known::Root(schema.raw())),
            Shape::Builtin(_) => OPEN,
        }
    }
    /// The place below a key of a map.
    pub fn field(self, name: &str) -> Place<'a> {
        match self.0 {
            Known::Typed(kind, _) => match plain(kind) {
                Type::Struct(at) => {
                    SHAPES.get(*at).field(name).map_or(OPEN, |field| Place(Known::Typed(&field.kind, Some(field))))
                }
                Type::Map(inner) => Place(Known::Typed(inner, None)),
                Type::Raw => Place(Known::Raw),
                _ => OPEN,
            },
            Known::Root(_) if name == "metadata" => match METADATA.as_ref() {
                Some(kind) => Place(Known::Typed(kind, None)),
                None => OPEN,
            },
            Known::Root(schema) | Known::Custom(schema) => {
                let property = schema.get("properties").and_then(|properties| properties.get(name));
                let more = || schema.get("additionalProperties").filter(|more| more.is_object());
                property.or_else(more).map_or(OPEN, |schema| Place(Known::Custom(schema)))
            }
            Known::Raw => Place(Known::Raw),
            Known::Open => OPEN,
        }
    }
    /// The place of the items of a list.
    pub fn item(self) -> Place<'a> {
        match self.0 {
            Known::Typed(kind, _) => match plain(kind) {
                Type::List(inner) => Place(Known::Typed(inner, None)),
                _ => OPEN,
            },
            Known::Custom(schema) | Known::Root(schema) => {
                schema.get("items").map_or(OPEN, |schema| Place(Known::Custom(schema)))
            }
            Known::Raw => Place(Known::Raw),
            Known::Open => OPEN,
        }
    }
    /// Whether a key is a field of its own here, and not an entry of a map.
    pub fn has_field(self, name: &str) -> bool {
        match self.0 {
            Known::Typed(kind, _) => match plain(kind) {
                Type::Struct(at) => SHAPES.get(*at).field(name).is_some(),
                _ => false,
            },
            Known::Root(schema) | Known::Custom(schema) => {
                matches!((self.0, name), (Known::Root(_), "metadata" | "apiVersion" | "kind"))
                    || schema.get("properties").is_some_and(|properties| properties.get(name).is_some())
            }
            Known::Raw | Known::Open => false,
        }
    }
    /// How a list here merges under server-side apply.
    pub fn list(self) -> Rule {
        match self.0 {
            Known::Typed(_, Some(field)) if !field.list.is_empty() => Rule::Map(field.list.clone()),
            Known::Typed(_, Some(field)) if field.set => Rule::Set,
            Known::Custom(schema) => custom(schema),
            _ => Rule::Atomic,
        }
    }
    /// The key by which a strategic merge patch tells the items here apart; empty for a list of scalars that merges as a set; absent:
    /// the list is replaced.
    pub fn merge_key(self) -> Option<&'a str> {
        match self.0 {
            Known::Typed(_, Some(field)) => field.merge.as_deref(),
            _ => None,
        }
    }
    /// Whether a map here is one piece under server-side apply.
    pub fn is_atomic_map(self) -> bool {
        match self.0 {
            Known::Typed(kind, field) => {
                field.is_some_and(|field| field.atomic)
                    || match plain(kind) {
                        Type::Struct(at) => SHAPES.get(*at).atomic,
                        Type::Raw => true,
                        _ => false,
                    }
            }
            Known::Custom(schema) | Known::Root(schema) => schema.text("/x-kubernetes-map-type") == "atomic",
            Known::Raw => true,
            Known::Open => false,
        }
    }
}

fn custom(schema: &Value) -> Rule {
    match schema.text("/x-kubernetes-list-type") {
        "set" => Rule::Set,
        "map" => {
            let keys = schema.items("/x-kubernetes-list-map-keys").iter().filter_map(Value::as_str);
            Rule::Map(keys.map(str::to_string).collect())
        }
        _ => Rule::Atomic,
    }
}
