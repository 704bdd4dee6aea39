//! A YAML document as a tree in which everything knows its place.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Location, Spanned};
use std::collections::BTreeMap;
use std::fmt;

/// A node of a document.
pub(super) enum Tree {
    Leaf(Value),
    List(Vec<Spanned<Tree>>),
    Fields(Vec<(Spanned<String>, Spanned<Tree>)>),
}

impl Tree {
    /// The same without places.
    pub(super) fn into_value(self) -> Value {
        match self {
            Tree::Leaf(value) => value,
            Tree::List(items) => items.into_iter().map(|item| item.value.into_value()).collect(),
            Tree::Fields(fields) => {
                let fields = fields.into_iter().map(|(key, value)| (key.value, value.value.into_value()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf(Value::Null))
    }
    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf(Value::Null))
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Leaf(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }
    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Tree::List(all))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Tree, A::Error> {
        let mut all = Vec::new();
        while let Some(field) = fields.next_entry()? {
            all.push(field);
        }
        Ok(Tree::Fields(all))
    }
}

/// Line and column, from 1.
type At = (u64, u64);

/// Where the fields of an object are written, by path.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fields(BTreeMap<String, At>);

impl Fields {
    /// Of a document.
    pub(super) fn of(document: &Spanned<Tree>) -> Fields {
        let mut fields = Fields::default();
        fields.add(String::new(), document.referenced, &document.value);
        fields
    }

    fn add(&mut self, path: String, at: Location, tree: &Tree) {
        match tree {
            Tree::Leaf(_) => {}
            Tree::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.add(format!("{path}[{index}]"), item.referenced, &item.value);
                }
            }
            Tree::Fields(fields) => {
                for (key, value) in fields {
                    // A value in the line is pointed at; of what stands below its key, the key.
                    let at = if matches!(value.value, Tree::Leaf(Value::Null)) || !matches!(value.value, Tree::Leaf(_))
                    {
                        key.referenced
                    } else {
                        value.referenced
                    };
                    let dot = if path.is_empty() { "" } else { "." };
                    self.add(format!("{path}{dot}{}", key.value), at, &value.value);
                }
            }
        }
        self.0.insert(path, (at.line(), at.column()));
    }

    /// The fields below a path, which is left out.
    pub(super) fn below(&self, path: &str) -> Fields {
        let below = self.0.iter().filter_map(|(key, at)| {
            let rest = key.strip_prefix(path)?;
            let inside = rest.is_empty() || rest.starts_with(['.', '[']);
            inside.then(|| (rest.trim_start_matches('.').to_string(), *at))
        });
        Fields(below.collect())
    }

    /// Where a field is written.
    pub(super) fn exactly(&self, path: &str) -> Option<At> {
        self.0.get(path).copied()
    }

    /// Where a field, or the nearest thing around it, is written.
    pub(super) fn at(&self, path: &str) -> Option<At> {
        let mut path = path;
        loop {
            if let Some(at) = self.exactly(path) {
                return Some(at);
            }
            let cut = path.rfind(['.', '['])?;
            path = path.get(..cut)?;
        }
    }
}
