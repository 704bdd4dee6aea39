//! Our definitions beside upstream's, which come from the Go module at test time: walked path by path. Needs `go`, no cluster.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use serinus_wire::crd;

/// The only differences there may be.
const LISTED: &str = include_str!("../manifests/crd-differences.txt");
/// The five definitions together have to fit in one Helm release.
const LARGEST: usize = 700_000;
/// What a path promises. Order of keys, descriptions and formats of numbers promise nothing to a client.
const FACETS: [&str; 10] = [
    "type",
    "enum",
    "default",
    "pattern",
    "nullable",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-map-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-embedded-resource",
];

/// The folder of upstream's definitions in the module cache, at the version of `lab/versions`.
fn upstream() -> Result<PathBuf> {
    let versions = include_str!("../../../lab/versions");
    let version = versions.lines().find_map(|line| line.strip_prefix("ARGO=")).context("lab/versions has no ARGO")?;
    let version = version.split_whitespace().next().unwrap_or_default();
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("go.mod"), "module lab/fetch\n\ngo 1.26.0\n")?;
    let module = format!("github.com/argoproj/argo-rollouts@v{version}");
    let out = Command::new("go")
        .args(["mod", "download", "-json", &module])
        .current_dir(folder.path())
        .env("GOSUMDB", "off")
        .env("GOFLAGS", "-mod=mod")
        .output()
        .context("start go, which fetches the module")?;
    ensure!(out.status.success(), "go mod download {module}: {}", String::from_utf8_lossy(&out.stderr));
    let answer: Value = serde_json::from_slice(&out.stdout)?;
    Ok(Path::new(answer["Dir"].as_str().context("go names no folder")?).join("manifests/crds"))
}

/// Upstream's definitions by kind.
fn theirs() -> Result<BTreeMap<String, Value>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(upstream()?)? {
        let path = entry?.path();
        if !path.to_string_lossy().ends_with("-crd.yaml") {
            continue;
        }
        let definition: Value = serde_saphyr::from_str(&std::fs::read_to_string(&path)?)?;
        found.insert(kind(&definition), definition);
    }
    ensure!(found.len() == 5, "upstream has {} definitions, not five", found.len());
    Ok(found)
}

fn ours() -> BTreeMap<String, Value> {
    let argo = |definition: &Value| definition["spec"]["group"] == "argoproj.io";
    crd::all().into_iter().filter(argo).map(|definition| (kind(&definition), definition)).collect()
}

fn kind(definition: &Value) -> String {
    definition["spec"]["names"]["kind"].as_str().unwrap_or_default().to_owned()
}

/// One difference: the path and what is different there.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Difference(String, String);

/// Two schemas, compared down to their leaves.
#[derive(Default)]
struct Walk {
    paths: usize,
    differences: BTreeSet<Difference>,
}

impl Walk {
    fn differ(&mut self, path: &str, what: impl Into<String>) {
        self.differences.insert(Difference(path.to_owned(), what.into()));
    }

    fn walk(&mut self, path: &str, theirs: &Value, ours: &Value) {
        self.paths += 1;
        for facet in FACETS {
            self.equal(path, facet, &theirs[facet], &ours[facet]);
        }
        let of_list = |schema: &Value| schema["x-kubernetes-list-type"].as_str().unwrap_or("atomic").to_owned();
        self.equal(path, "x-kubernetes-list-type", &json!(of_list(theirs)), &json!(of_list(ours)));
        self.equal(path, "required", &sorted(&theirs["required"]), &sorted(&ours["required"]));
        self.equal(path, "x-kubernetes-validations", &rules(theirs), &rules(ours));
        for (inner, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
            match (theirs.get(inner), ours.get(inner)) {
                (Some(theirs), Some(ours)) => self.walk(&format!("{path}{mark}"), theirs, ours),
                (None, None) => {}
                (Some(_), None) => self.differ(&format!("{path}{mark}"), "missing"),
                (None, Some(_)) => self.differ(&format!("{path}{mark}"), "ours alone"),
            }
        }
        let (theirs, ours) = (properties(theirs), properties(ours));
        for name in theirs.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
            let path = format!("{path}.{name}");
            match (theirs.get(name), ours.get(name)) {
                (Some(theirs), Some(ours)) => self.walk(&path, theirs, ours),
                (Some(_), None) => self.differ(&path, "missing"),
                (None, _) => self.differ(&path, "ours alone"),
            }
        }
    }

    fn equal(&mut self, path: &str, what: &str, theirs: &Value, ours: &Value) {
        if theirs != ours {
            self.differ(path, format!("{what}: {ours}, not {theirs}"));
        }
    }

    /// Everything of a definition.
    fn definition(&mut self, theirs: &Value, ours: &Value) {
        let kind = kind(theirs);
        for part in ["/spec/group", "/spec/scope", "/spec/names", "/metadata/name"] {
            self.equal(&kind, part, &json!(theirs.pointer(part)), &json!(ours.pointer(part)));
        }
        let versions = |definition: &Value| definition["spec"]["versions"].as_array().cloned().unwrap_or_default();
        let (theirs, ours) = (versions(theirs), versions(ours));
        self.equal(&kind, "number of versions", &json!(theirs.len()), &json!(ours.len()));
        for (theirs, ours) in theirs.iter().zip(&ours) {
            for part in ["name", "served", "storage", "subresources"] {
                self.equal(&kind, part, &theirs[part], &ours[part]);
            }
            self.equal(&kind, "additionalPrinterColumns", &columns(theirs), &columns(ours));
            let schema = |version: &Value| version["schema"]["openAPIV3Schema"].clone();
            self.walk(&kind, &schema(theirs), &schema(ours));
        }
    }
}

fn properties(schema: &Value) -> Map<String, Value> {
    schema["properties"].as_object().cloned().unwrap_or_default()
}

fn sorted(names: &Value) -> Value {
    let mut names: Vec<_> = names.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    names.sort_unstable();
    json!(names)
}

/// The rules of a schema, without the words that are for people.
fn rules(schema: &Value) -> Value {
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    rules.map(|rule| rule["rule"].clone()).collect()
}

/// The columns of `kubectl get`, without the words that are for people.
fn columns(version: &Value) -> Value {
    let mut columns = version["additionalPrinterColumns"].clone();
    for column in columns.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        column.remove("description");
    }
    columns
}

/// The lines of the list: path, which may begin with `*`, and what.
fn listed() -> Vec<(&'static str, &'static str)> {
    let lines = LISTED.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| match line.split(" | ").collect::<Vec<_>>()[..] {
            [path, what, reason] if !reason.trim().is_empty() => (path, what),
            _ => panic!("{line:?} is not `path | what | reason`"),
        })
        .collect()
}

fn covers((path, what): (&str, &str), difference: &Difference) -> bool {
    let at = path.strip_prefix('*').map_or(difference.0 == path, |end| difference.0.ends_with(end));
    at && difference.1 == what
}

#[test]
fn every_path_of_upstream_is_ours_or_listed() -> Result<()> {
    let (theirs, ours) = (theirs()?, ours());
    assert_eq!(theirs.keys().collect::<Vec<_>>(), ours.keys().collect::<Vec<_>>());
    let mut walk = Walk::default();
    for (kind, definition) in &theirs {
        walk.definition(definition, &ours[kind]);
    }
    let listed = listed();
    let unlisted: Vec<_> =
        walk.differences.iter().filter(|found| !listed.iter().any(|line| covers(*line, found))).collect();
    let stale: Vec<_> =
        listed.iter().filter(|line| !walk.differences.iter().any(|found| covers(**line, found))).collect();
    println!(
        "figure: definitions: {} paths of five kinds walked, {} differences, {} of them not listed (target: 0)",
        walk.paths,
        walk.differences.len(),
        unlisted.len()
    );
    assert!(unlisted.is_empty(), "not listed in tests/lab/manifests/crd-differences.txt: {unlisted:#?}");
    assert!(stale.is_empty(), "listed, but no difference any more: {stale:#?}");
    Ok(())
}

#[test]
fn all_five_fit_in_one_release() -> Result<()> {
    let size = |definitions: &BTreeMap<String, Value>| -> Result<usize> {
        definitions.values().map(|definition| Ok(serde_json::to_string(definition)?.len())).sum()
    };
    let (theirs, ours) = (size(&theirs()?)?, size(&ours())?);
    println!("figure: definitions: {ours} bytes, upstream's as JSON {theirs} (target: under {LARGEST})");
    ensure!(ours < LARGEST, "the five definitions have {ours} bytes; {LARGEST} are allowed");
    Ok(())
}

/// The walk itself can fail: each kind of difference is seen.
#[test]
fn what_is_taken_away_is_missed() {
    let whole = json!({"type": "object", "required": ["a"], "properties": {
        "a": {"type": "string", "enum": ["x"]}, "b": {"x-kubernetes-int-or-string": true},
        "c": {"type": "array", "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
    }});
    let table = [
        ("/required", json!([]), "", "required: [], not [\"a\"]"),
        ("/properties/a/type", json!("integer"), ".a", "type: \"integer\", not \"string\""),
        ("/properties/a/enum", json!(["x", "y"]), ".a", "enum: [\"x\",\"y\"], not [\"x\"]"),
        ("/properties/b/x-kubernetes-int-or-string", json!(null), ".b", "x-kubernetes-int-or-string: null, not true"),
        ("/properties/c/items/type", json!("string"), ".c[]", "type: \"string\", not \"object\""),
    ];
    for (pointer, value, path, what) in table {
        let mut changed = whole.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        let mut walk = Walk::default();
        walk.walk("", &whole, &changed);
        let found: Vec<_> = walk.differences.iter().map(|found| (found.0.as_str(), found.1.as_str())).collect();
        assert_eq!(found, [(path, what)]);
    }
    let mut walk = Walk::default();
    let mut fewer = whole.clone();
    fewer["properties"].as_object_mut().unwrap().remove("b");
    walk.walk("", &whole, &fewer);
    walk.walk("", &fewer, &whole);
    let found: Vec<_> = walk.differences.iter().map(|found| (found.0.as_str(), found.1.as_str())).collect();
    assert_eq!(found, [(".b", "missing"), (".b", "ours alone")]);
}
