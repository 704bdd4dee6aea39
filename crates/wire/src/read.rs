//! From an object of the API to one of our types, without ever refusing one for what its spec says.
//!
//! What can't be read becomes a finding and takes its default; what nobody knows becomes a finding. So one bad field makes
//! one object invalid, with the field named, and never stops the controller.

use crate::ObjectMeta;
use crate::finding::Finding;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// More broken fields than this in one object are not looked for.
const MOST_REPAIRS: usize = 64;

/// Metadata of an object, which must be there.
///
/// # Errors
/// The text says what is wrong with `metadata`.
pub fn metadata(object: &Value) -> Result<ObjectMeta, String> {
    let meta = object.get("metadata").ok_or("metadata: Required value")?;
    ObjectMeta::deserialize(meta).map_err(|error| format!("metadata: {error}"))
}

/// A part of an object, `spec` for example. A field that can't be read takes its default and becomes a finding, as does a
/// field that nobody knows; the rest of the part is kept.
pub fn part<T: DeserializeOwned + Default>(object: &Value, name: &str, findings: &mut Vec<Finding>) -> T {
    let nothing = Value::Object(Map::new());
    let part = object.get(name).filter(|part| !part.is_null()).unwrap_or(&nothing);
    // Nearly all can be read as they are: without a copy, and without noting where in them one is.
    match noting_unknown(name, part, findings) {
        Ok(read) => read,
        Err(_) => lenient(name, part.clone(), findings),
    }
}

/// Reads a value; takes out what can't be read, one field after the other, until the rest can be.
fn lenient<T: DeserializeOwned + Default>(root: &str, mut value: Value, findings: &mut Vec<Finding>) -> T {
    for _ in 0..MOST_REPAIRS {
        let Err((path, error)) = noting_path::<T>(&value) else { break };
        findings.push(unreadable(root, &path, &value, &error));
        if !remove(&mut value, &path) {
            return T::default();
        }
    }
    noting_unknown(root, &value, findings).unwrap_or_default()
}

/// Reads a value; what nobody knows in it becomes a finding, unless the whole can't be read.
fn noting_unknown<T: DeserializeOwned>(
    root: &str,
    value: &Value,
    findings: &mut Vec<Finding>,
) -> Result<T, erased_serde::Error> {
    let mut unknown = Vec::new();
    let mut note = |path: serde_ignored::Path<'_>| unknown.push(dotted(&path));
    let noting = serde_ignored::Deserializer::new(value, &mut note);
    let read = erased_serde::deserialize(&mut <dyn erased_serde::Deserializer<'_>>::erase(noting))?;
    findings.extend(unknown.into_iter().map(|path| unknown_field(&format!("{root}.{path}"))));
    Ok(read)
}

/// Where in a value a type can't be read, and why.
fn noting_path<T: DeserializeOwned>(value: &Value) -> Result<(), (serde_path_to_error::Path, erased_serde::Error)> {
    let mut track = serde_path_to_error::Track::new();
    let noting = serde_path_to_error::Deserializer::new(value, &mut track);
    match erased_serde::deserialize::<T>(&mut <dyn erased_serde::Deserializer<'_>>::erase(noting)) {
        Ok(_) => Ok(()),
        Err(error) => Err((track.path(), error)),
    }
}

fn unknown_field(path: &str) -> Finding {
    let message = format!("{path}: Invalid value: unknown field: remove it or correct its spelling");
    Finding { path: path.to_string(), message, hint: None }
}

fn unreadable(root: &str, found: &serde_path_to_error::Path, whole: &Value, error: &erased_serde::Error) -> Finding {
    let inner = found.to_string();
    let path = if inner == "." { root.to_string() } else { format!("{root}.{inner}") };
    let value = steps(found).iter().try_fold(whole, |value, step| step.within(value)).unwrap_or(&Value::Null);
    Finding::invalid(path, value, error)
}

/// Takes the value at the path out of the whole; whether it was there.
fn remove(whole: &mut Value, path: &serde_path_to_error::Path) -> bool {
    let segments = steps(path);
    let Some((last, parents)) = segments.split_last() else { return false };
    let Some(parent) = parents.iter().try_fold(&mut *whole, |value, step| step.within_mut(value)) else { return false };
    match (parent, last) {
        (Value::Object(fields), Step::Key(key)) => fields.shift_remove(key).is_some(),
        (Value::Array(items), Step::Index(index)) if *index < items.len() => {
            items.remove(*index);
            true
        }
        _ => false,
    }
}

enum Step {
    Key(String),
    Index(usize),
}

impl Step {
    fn within<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        match self {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.get(index),
        }
    }

    fn within_mut<'a>(&self, value: &'a mut Value) -> Option<&'a mut Value> {
        match self {
            Step::Key(key) => value.get_mut(key),
            Step::Index(index) => value.get_mut(index),
        }
    }
}

fn steps(path: &serde_path_to_error::Path) -> Vec<Step> {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// `serde_ignored` paths name the options and newtypes they pass through (`?`); people do not want to see them.
fn dotted(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    let (parent, last) = match path {
        Path::Root => return String::new(),
        Path::Seq { parent, index } => return format!("{}[{index}]", dotted(parent)),
        Path::Map { parent, key } => (dotted(parent), key.clone()),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            return dotted(parent);
        }
    };
    if parent.is_empty() { last } else { format!("{parent}.{last}") }
}
