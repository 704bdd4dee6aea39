//! Reads the manifests of a directory: every `*.yaml` and `*.yml`, in the order of the file names, several documents each.

mod tree;

use serde_json::Value;
use serde_saphyr::{Location, Spanned};
use std::fmt;
use std::path::{Path, PathBuf};
use tree::{Fields, Tree};

/// One object and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Where its document begins.
    pub place: Place,
    /// The object.
    pub object: Value,
    fields: Fields,
}

impl Manifest {
    /// Where a field such as `spec.steps[0].setWeight` is written; where what is around it is, if it is not written at all.
    pub fn place_of(&self, path: &str) -> Place {
        let (line, column) = self.fields.at(path).unwrap_or((self.place.line, self.place.column));
        Place { line, column, ..self.place.clone() }
    }

    /// Whether a field is written.
    pub fn has(&self, path: &str) -> bool {
        self.fields.exactly(path).is_some()
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// File.
    pub file: PathBuf,
    /// Line, from 1; 0 when the whole file is meant.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file.display()),
            _ => write!(f, "{}:{}:{}", self.file.display(), self.line, self.column),
        }
    }
}

/// What is wrong with a manifest, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where.
    pub place: Place,
    /// One line.
    pub reason: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

impl std::error::Error for Unreadable {}

/// Reads all manifests of a directory. Definitions and namespaces come first, Rollouts last, so that what an object
/// names is there before it.
///
/// # Errors
/// The first thing that can't be read.
pub fn of_directory(directory: &Path) -> Result<Vec<Manifest>, Unreadable> {
    let whole = |file: &Path, reason: String| Unreadable { place: place(file, None), reason };
    let entries = std::fs::read_dir(directory).map_err(|error| whole(directory, error.to_string()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "yaml" || end == "yml"))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(whole(
            directory,
            "has no *.yaml: give a directory with manifests, or none for the built-in ones".into(),
        ));
    }
    let mut all = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(|error| whole(&file, error.to_string()))?;
        all.extend(of_text(&file, &text)?);
    }
    all.sort_by_key(|manifest| order(&manifest.object));
    Ok(all)
}

/// Reads the documents of one file; `List`s are taken apart, empty documents passed over.
///
/// # Errors
/// The first thing that can't be read, with its line and column.
pub fn of_text(file: &Path, text: &str) -> Result<Vec<Manifest>, Unreadable> {
    objects_of_text(file, text)?.into_iter().map(checked).collect()
}

/// Reads the documents of one file as they are, whether they are objects of Kubernetes or not.
///
/// # Errors
/// The first document that is no YAML, with its line and column.
pub fn objects_of_text(file: &Path, text: &str) -> Result<Vec<Manifest>, Unreadable> {
    let documents: Vec<Spanned<Tree>> = serde_saphyr::from_multiple(text).map_err(|error| {
        let error = error.without_snippet();
        let reason = error.to_string();
        Unreadable { place: place(file, error.location()), reason: one_line(&reason).to_string() }
    })?;
    let mut manifests = Vec::new();
    for document in documents {
        let place = place(file, Some(document.referenced));
        let fields = Fields::of(&document);
        match document.value.into_value() {
            Value::Null => {}
            Value::Object(mut list) if list.get("kind").is_some_and(|kind| kind == "List") => {
                let Some(Value::Array(items)) = list.remove("items") else { continue };
                for (index, object) in items.into_iter().enumerate() {
                    let fields = fields.below(&format!("items[{index}]"));
                    let (line, column) = fields.at("").unwrap_or((place.line, place.column));
                    manifests.push(Manifest { place: Place { line, column, ..place.clone() }, object, fields });
                }
            }
            object => manifests.push(Manifest { place, object, fields }),
        }
    }
    Ok(manifests)
}

fn checked(manifest: Manifest) -> Result<Manifest, Unreadable> {
    let object = &manifest.object;
    let missing = [
        ("apiVersion", &object["apiVersion"]),
        ("kind", &object["kind"]),
        ("metadata.name", &object["metadata"]["name"]),
    ]
    .into_iter()
    .find(|(_, value)| value.as_str().is_none_or(str::is_empty));
    match missing {
        _ if !object.is_object() => Err(Unreadable {
            place: manifest.place,
            reason: "the document is not an object: apiVersion, kind and metadata are needed".into(),
        }),
        Some((field, _)) => {
            let reason = format!("{field}: Required value: every object needs a {field}");
            Err(Unreadable { place: manifest.place, reason })
        }
        None => Ok(manifest),
    }
}

fn order(object: &Value) -> u8 {
    match object["kind"].as_str().unwrap_or_default() {
        "CustomResourceDefinition" => 0,
        "Namespace" => 1,
        "Rollout" => 3,
        _ => 2,
    }
}

fn place(file: &Path, location: Option<Location>) -> Place {
    let (line, column) = location.map_or((0, 0), |at| (at.line(), at.column()));
    Place { file: file.to_path_buf(), line, column }
}

/// The reason without the place that the parser puts around it: the place is said once, in front.
fn one_line(reason: &str) -> &str {
    reason.lines().next().unwrap_or_default().trim_end_matches(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Manifest>, String> {
        of_text(Path::new("web.yaml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn documents_have_places() {
        let text = "# a comment\napiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\n\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: b}}\n";
        let all = read(text).unwrap();
        let seen: Vec<_> = all.iter().map(|m| (m.object["metadata"]["name"].as_str().unwrap(), m.place.line)).collect();
        assert_eq!(seen, [("a", 2), ("b", 11)]);
    }

    #[test]
    fn fields_have_places() {
        let text = "kind: K\napiVersion: v1\nmetadata:\n  name: a\nspec:\n  steps:\n  - setWeight: 20\n  - pause: {duration: 5}\n";
        let one = read(text).unwrap().remove(0);
        for (path, line, column) in [
            ("spec.steps[0].setWeight", 7, 16),
            ("spec.steps[1].pause.duration", 8, 23),
            ("spec.steps[1]", 8, 5),
            ("spec.steps[1].pause.until", 8, 5),
            ("spec.steps[7]", 6, 3),
            ("spec.steps", 6, 3),
            ("spec.replicas", 5, 1),
            ("other", 1, 1),
        ] {
            let place = one.place_of(path);
            assert_eq!((place.line, place.column), (line, column), "{path}");
        }
        let list =
            "kind: List\napiVersion: v1\nitems:\n- kind: K\n  apiVersion: v1\n  metadata: {name: b}\n  spec: 7\n";
        let one = read(list).unwrap().remove(0);
        assert_eq!((one.place.line, one.place_of("spec").line, one.place_of("spec").column), (4, 7, 9));
    }

    #[test]
    fn scalars_are_read_as_kubernetes_reads_them() {
        let all = read("apiVersion: v1\nkind: K\nmetadata: {name: a, annotations: {a: \"true\", b: '20'}}\nspec: {port: 8080, size: 25%, when: 2026-01-01T00:00:00Z}\n").unwrap();
        let object = &all[0].object;
        assert_eq!(object["metadata"]["annotations"], serde_json::json!({"a": "true", "b": "20"}));
        assert_eq!(object["spec"], serde_json::json!({"port": 8080, "size": "25%", "when": "2026-01-01T00:00:00Z"}));
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line_with_its_place() {
        for (text, start, contains) in [
            ("apiVersion: v1\nkind: Service\nmetadata: {name: a\n", "web.yaml:", ""),
            ("apiVersion: v1\nkind: Service\n  metadata: x\n", "web.yaml:3:", ""),
            ("apiVersion: v1\nkind: Service\nkind: Pod\n", "web.yaml:3:1: ", "kind"),
            ("apiVersion: v1\nmetadata: {name: a}\n", "web.yaml:1:1: kind: Required value", ""),
            ("---\napiVersion: v1\nkind: Service\n", "web.yaml:2:1: metadata.name: Required value", ""),
            ("- a\n", "web.yaml:1:1: the document is not an object", ""),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.starts_with(start) && error.contains(contains) && error.lines().count() == 1, "{error}");
        }
    }
}
