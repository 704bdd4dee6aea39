//! A place in raw JSON that knows its path. What is absent or of another type reads as nothing.

use crate::finding::Finding;
use serde_json::Value;

static NULL: Value = Value::Null;

/// A value and where it is.
pub(super) struct Node<'a> {
    /// Path as field errors write it.
    pub path: String,
    /// The value; null when absent.
    pub value: &'a Value,
}

impl<'a> Node<'a> {
    pub fn root(path: &str, value: &'a Value) -> Node<'a> {
        Node { path: path.to_string(), value }
    }

    pub fn field(&self, key: &str) -> Node<'a> {
        Node { path: format!("{}.{key}", self.path), value: self.value.get(key).unwrap_or(&NULL) }
    }

    pub fn items(&self, key: &str) -> Vec<Node<'a>> {
        let list = self.field(key);
        let items = list.value.as_array().map_or(&[][..], Vec::as_slice);
        items.iter().enumerate().map(|(index, value)| Node { path: format!("{}[{index}]", list.path), value }).collect()
    }

    /// Entries of a map by key, with paths as field errors write them: `limits[cpu]`.
    pub fn entries(&self) -> Vec<(&'a str, Node<'a>)> {
        let mut entries: Vec<_> = self.value.as_object().into_iter().flatten().collect();
        entries.sort_by_key(|(key, _)| key.as_str());
        entries
            .into_iter()
            .map(|(key, value)| (key.as_str(), Node { path: format!("{}[{key}]", self.path), value }))
            .collect()
    }

    /// Entries of a map of texts.
    pub fn texts(&self) -> impl Iterator<Item = (String, String)> + use<'a> {
        let entries = self.value.as_object().into_iter().flatten();
        entries.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_string()))
    }

    pub fn text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    pub fn value_text(&self, key: &str) -> &'a str {
        self.value.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn is_set(&self) -> bool {
        !self.value.is_null()
    }

    /// A text that is given and none of these.
    pub fn one_of(&self, key: &str, known: &[&str]) -> Option<Finding> {
        let found = self.field(key);
        let unknown = !found.text().is_empty() && !known.contains(&found.text());
        unknown.then(|| Finding::unsupported(found.path.clone(), found.text(), known))
    }
}
