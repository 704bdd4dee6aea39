//! `create`: objects from files, each kind that the controller works on.

use super::at::At;
use super::get::{self, Top};
use super::run;
use crate::args::{Create, CreateWhat, GetOne};
use crate::screen::say;
use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};
use serinus_cluster::client::{
    ANALYSIS_RUN, ANALYSIS_TEMPLATE, CLUSTER_ANALYSIS_TEMPLATE, EXPERIMENT, ROLLOUT, Resource,
};
use serinus_sandbox::manifests::{Manifest, of_text};
use std::io::Read as _;
use std::path::Path;

const KINDS: [Resource; 5] = [ROLLOUT, EXPERIMENT, ANALYSIS_TEMPLATE, CLUSTER_ANALYSIS_TEMPLATE, ANALYSIS_RUN];

/// Creates everything in the files, in their order. All files are read before anything is created.
pub async fn create(at: &At, args: &Create) -> anyhow::Result<()> {
    if let Some(CreateWhat::AnalysisRun(run)) = &args.what {
        return run::create(at, run).await;
    }
    let mut objects = Vec::new();
    for file in &args.files {
        for manifest in read(file)? {
            let resource = kind(&manifest)?;
            objects.push((resource, manifest));
        }
    }
    let mut watched = None;
    for (resource, manifest) in objects {
        let name = one(at, &resource, &manifest).await?;
        watched = watched.or(Top::of(&resource).map(|top| (top, name)));
    }
    match watched.filter(|_| args.watch) {
        None => Ok(()),
        Some((top, name)) => {
            get::get(at, top, &GetOne { name, watch: true, no_color: args.no_color, timeout_seconds: 0 }).await
        }
    }
}

/// The manifests of a file, or of standard input.
pub fn read(file: &Path) -> anyhow::Result<Vec<Manifest>> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    Ok(of_text(file, &text.with_context(|| file.display().to_string())?)?)
}

fn kind(manifest: &Manifest) -> anyhow::Result<Resource> {
    let (version, kind) = (&manifest.object["apiVersion"], &manifest.object["kind"]);
    let known = KINDS.into_iter().find(|resource| *version == json!("argoproj.io/v1alpha1") && *kind == resource.kind);
    known.ok_or_else(|| {
        let names = KINDS.map(|resource| resource.kind).join(", ");
        anyhow!(
            "{}: {version} {kind} can't be created here, only {names} of argoproj.io/v1alpha1: use kubectl",
            manifest.place
        )
    })
}

/// Creates one object; returns its name.
async fn one(at: &At, resource: &Resource, manifest: &Manifest) -> anyhow::Result<String> {
    let metadata = &manifest.object["metadata"];
    let namespace = metadata["namespace"].as_str().unwrap_or(&at.namespace);
    let made = if *resource == CLUSTER_ANALYSIS_TEMPLATE {
        at.cluster.create_wide(resource, &manifest.object).await
    } else if namespace == at.namespace {
        at.cluster.create(resource, namespace, &manifest.object).await
    } else {
        bail!("{}: it is for namespace '{namespace}', not '{}': give -n {namespace}", manifest.place, at.namespace)
    };
    let made: Value = made.with_context(|| manifest.place.to_string())?;
    let name = made["metadata"]["name"].as_str().unwrap_or_default();
    say(&format!("{}.argoproj.io/{name} created", resource.kind.to_lowercase()))?;
    Ok(name.to_string())
}
