//! `lint`: what the controller would say of Rollouts, before they are in a cluster. Nothing is asked of any server.

use crate::args::Lint;
use crate::screen::say;
use serde::Deserialize as _;
use serde_json::Value;
use serinus_decide::{Seen, Workload};
use serinus_sandbox::manifests::{Manifest, Place, Unreadable, objects_of_text};
use serinus_wire::rollout::Finding;
use serinus_wire::{Rollout, k8s, keys};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Something could not be read, so nothing is known about it.
const UNREADABLE: u8 = 2;

/// Prints a line for each finding: 1 when there are any, 2 when something can't be read.
pub fn lint(args: &Lint) -> anyhow::Result<ExitCode> {
    let mut documents = Vec::new();
    let mut readable = true;
    for source in args.files.iter().flat_map(|file| sources(file, args.recursive)) {
        match source.and_then(|file| read(&file)) {
            Ok(mut read) => documents.append(&mut read),
            Err(unreadable) => {
                eprintln!("{unreadable}");
                readable = false;
            }
        }
    }
    let rollouts: Vec<&Manifest> = documents.iter().filter(|document| is_rollout(&document.object)).collect();
    if rollouts.is_empty() && readable {
        eprintln!("there is no Rollout in what -f names: nothing was checked");
    }
    let mut clean = true;
    for rollout in rollouts {
        for finding in findings(rollout, &documents) {
            say(&line(rollout, &finding))?;
            clean = false;
        }
    }
    Ok(match (readable, clean) {
        (false, _) => ExitCode::from(UNREADABLE),
        (true, false) => ExitCode::FAILURE,
        (true, true) => ExitCode::SUCCESS,
    })
}

fn unreadable(file: &Path, reason: impl std::fmt::Display) -> Unreadable {
    Unreadable { place: Place { file: file.to_path_buf(), line: 0, column: 0 }, reason: reason.to_string() }
}

/// A file itself; of a directory, the manifests in it.
fn sources(path: &Path, recursive: bool) -> Vec<Result<PathBuf, Unreadable>> {
    if !path.is_dir() {
        return vec![Ok(path.to_path_buf())];
    }
    let mut files = Vec::new();
    let mut entries: Vec<PathBuf> = match std::fs::read_dir(path) {
        Ok(entries) => entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect(),
        Err(error) => return vec![Err(unreadable(path, error))],
    };
    entries.sort();
    for entry in entries {
        let manifest = entry.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
        if manifest && entry.is_file() {
            files.push(Ok(entry));
        } else if recursive && entry.is_dir() {
            files.extend(sources(&entry, true));
        }
    }
    files
}

fn read(file: &Path) -> Result<Vec<Manifest>, Unreadable> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(file).map(|read| text = read)
    };
    read.map_err(|error| unreadable(file, error))?;
    objects_of_text(file, &text).map_err(|mut error| {
        if text.contains("{{") {
            error.reason.push_str("; render templates first: helm template … | serinus lint -f -");
        }
        error
    })
}

fn is_rollout(object: &Value) -> bool {
    let group = object["apiVersion"].as_str().and_then(|version| version.split_once('/')).map(|(group, _)| group);
    object["kind"] == "Rollout" && group == Some("argoproj.io")
}

/// What is wrong with one rollout among the documents.
fn findings(manifest: &Manifest, documents: &[Manifest]) -> Vec<Finding> {
    let object = &manifest.object;
    let version = object["apiVersion"].as_str().unwrap_or_default();
    if version != keys::API_VERSION {
        return vec![Finding::unsupported("apiVersion", version, &[keys::API_VERSION])];
    }
    let metadata = &object["metadata"];
    let mut findings = Vec::new();
    if metadata["name"].as_str().is_none_or(str::is_empty) && metadata["generateName"].is_null() {
        findings.push(Finding::required("metadata.name", "name or generateName is required"));
    }
    match Rollout::read(object.clone()) {
        Ok(rollout) => findings.extend(serinus_decide::lint(&seen(rollout, documents))),
        Err(message) if findings.is_empty() => {
            findings.push(Finding { path: "metadata".to_string(), message, hint: None });
        }
        Err(_) => {}
    }
    findings
}

/// The rollout and what the documents say about what it names.
fn seen(rollout: Rollout, documents: &[Manifest]) -> Seen {
    let namespace = rollout.metadata.namespace.as_str();
    let workload = match &rollout.spec.workload_ref {
        None => Workload::NotReferenced,
        Some(named) => {
            let found = documents.iter().map(|document| &document.object).find(|object| {
                object["kind"] == named.kind.as_str()
                    && object["apiVersion"] == named.api_version.as_str()
                    && object["metadata"]["name"] == named.name.as_str()
                    && same_namespace(object, namespace)
            });
            found.and_then(workload).map_or(Workload::Missing, |workload| Workload::Found(Box::new(workload)))
        }
    };
    Seen {
        workload,
        services: named(documents, "v1", "Service", namespace),
        ingresses: named(documents, "networking.k8s.io/v1", "Ingress", namespace),
        rollout,
        ..Seen::default()
    }
}

/// A PodTemplate has its template at the top.
fn workload(object: &Value) -> Option<k8s::Workload> {
    let mut object = object.clone();
    if object["kind"] == "PodTemplate" {
        object = serde_json::json!({"metadata": object["metadata"], "spec": {"template": object["template"]}});
    }
    k8s::Workload::deserialize(&object).ok()
}

/// The objects of a kind by name; what can't be read is left out.
fn named<T: serde::de::DeserializeOwned>(
    documents: &[Manifest],
    version: &str,
    kind: &str,
    namespace: &str,
) -> BTreeMap<String, T> {
    let objects = documents.iter().map(|document| &document.object);
    let of_kind = objects.filter(|object| {
        object["kind"] == kind && object["apiVersion"] == version && same_namespace(object, namespace)
    });
    let entry = |object: &Value| Some((object["metadata"]["name"].as_str()?.to_string(), T::deserialize(object).ok()?));
    of_kind.filter_map(entry).collect()
}

/// Manifests often leave the namespace to the one who applies them.
fn same_namespace(object: &Value, namespace: &str) -> bool {
    let other = object["metadata"]["namespace"].as_str().unwrap_or_default();
    other == namespace || other.is_empty() || namespace.is_empty()
}

/// File, line, column, field, value, remedy.
fn line(manifest: &Manifest, finding: &Finding) -> String {
    let path = written(manifest, &finding.path);
    let message = match finding.message.strip_prefix(&finding.path) {
        Some(rest) => format!("{path}{rest}"),
        None => finding.message.clone(),
    };
    let remedy = finding.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
    format!("{}: {message}{remedy}", manifest.place_of(&path))
}

/// The path as it is written: the controller's texts leave the name of the strategy out of it.
fn written(manifest: &Manifest, path: &str) -> String {
    const STRATEGY: &str = "spec.strategy";
    let Some(rest) = path.strip_prefix(STRATEGY).filter(|_| !manifest.has(path)) else { return path.to_string() };
    if rest == ".strategy" {
        return STRATEGY.to_string();
    }
    let strategies = ["canary", "blueGreen"].map(|name| format!("{STRATEGY}.{name}"));
    let known = strategies.iter().any(|strategy| path.starts_with(strategy.as_str()));
    let found = strategies.iter().find(|strategy| manifest.has(strategy) && !known);
    found.map_or_else(|| path.to_string(), |strategy| format!("{strategy}{rest}"))
}
