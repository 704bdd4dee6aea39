//! A new run: its name, labels and spec; or one that is there already and means the same.

use super::args::{Hashes, resolve};
use super::{Site, own};
use crate::pass::Pass;
use crate::plan::{Kind, Verdict};
use crate::templates::{Caller, Library, merge, run_spec};
use serde_json::{Value, json};
use serinus_wire::AnalysisRun;
use serinus_wire::analysis::{AnalysisRunSpec, Phase};
use serinus_wire::rollout::RolloutAnalysis;
use serinus_wire::{Rollout, keys};
use std::collections::BTreeMap;

/// Creates the site's run, or finds one that is under way and means the same. Says its name.
///
/// # Errors
/// Why there can't be one.
pub fn run(pass: &mut Pass<'_>, site: Site, analysis: &RolloutAnalysis) -> Result<String, String> {
    let spec = spec(pass, analysis)?;
    let hash = Hashes::of(pass).latest;
    let revision = pass.sets.new_set().map_or(0, |set| set.revision());
    let base = format!("{}-{hash}-{revision}{}", pass.rollout.metadata.name, site.suffix());
    let mut name = base.clone();
    let mut number = 0;
    loop {
        match own(pass).find(|run| run.metadata.name == name) {
            Some(there) if can_be_reused(there, &spec) => return Ok(name),
            None if !is_taken(pass, &name) => break,
            Some(_) | None => number += 1,
        }
        name = format!("{base}.{number}");
    }
    let object = object(pass, site, analysis, &name, &spec, &hash, revision);
    pass.create(Kind::AnalysisRun, &name, object);
    pass.report("analysis", Verdict::Acts, format!("run {name} is started"));
    Ok(name)
}

/// Whether a run of somebody else has the name.
fn is_taken(pass: &Pass<'_>, name: &str) -> bool {
    pass.seen.taken_runs.contains(name) || pass.seen.runs.iter().any(|run| run.metadata.name == name)
}

fn spec(pass: &Pass<'_>, analysis: &RolloutAnalysis) -> Result<AnalysisRunSpec, String> {
    let library = Library { namespaced: &pass.seen.templates, cluster: &pass.seen.cluster_templates };
    let whole = library.open(&analysis.templates).and_then(|found| merge(&found)).map_err(|error| error.to_string())?;
    let args = resolve(&pass.rollout, &analysis.args, &Hashes::of(pass))?;
    let caller = Caller { args, dry_run: &analysis.dry_run, retention: &analysis.measurement_retention };
    run_spec(&whole, &caller).map_err(|error| error.to_string())
}

fn can_be_reused(there: &AnalysisRun, spec: &AnalysisRunSpec) -> bool {
    let done = there.status.phase.is_some_and(Phase::is_completed) || there.spec.terminate;
    let gone = there.metadata.deletion_timestamp.is_some();
    let same = there.spec.metrics == spec.metrics
        && there.spec.args == spec.args
        && there.spec.dry_run == spec.dry_run
        && there.spec.measurement_retention == spec.measurement_retention;
    !done && !gone && same
}

fn object(
    pass: &Pass<'_>,
    site: Site,
    analysis: &RolloutAnalysis,
    name: &str,
    spec: &AnalysisRunSpec,
    hash: &str,
    revision: i64,
) -> Value {
    let rollout = &pass.rollout;
    let given = analysis.analysis_run_metadata.clone().unwrap_or_default();
    let mut annotations = given.annotations.unwrap_or_default();
    annotations.insert(keys::REVISION.to_string(), revision.to_string());
    json!({
        "apiVersion": keys::API_VERSION,
        "kind": "AnalysisRun",
        "metadata": {
            "name": name,
            "namespace": rollout.metadata.namespace,
            "labels": labels(rollout, site, given.labels.unwrap_or_default(), hash),
            "annotations": annotations,
            "ownerReferences": [{
                "apiVersion": keys::API_VERSION, "kind": "Rollout", "name": rollout.metadata.name,
                "uid": rollout.metadata.uid, "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
    })
}

/// Ours, then those of the template, then those of the Rollout's selector: the later ones win.
fn labels(rollout: &Rollout, site: Site, given: BTreeMap<String, String>, hash: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        (keys::HASH.to_string(), hash.to_string()),
        (keys::ROLLOUT_TYPE.to_string(), site.label().to_string()),
    ]);
    if let Site::Step(index) = site {
        labels.insert(keys::STEP_INDEX.to_string(), index.to_string());
    }
    if let Some(instance) = rollout.metadata.labels.get(keys::INSTANCE_ID) {
        labels.insert(keys::INSTANCE_ID.to_string(), instance.clone());
    }
    labels.extend(given);
    let selected = rollout.spec.selector.as_ref().and_then(|selector| selector["matchLabels"].as_object());
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_string()));
    labels.extend(selected.into_iter().flatten().filter_map(text));
    labels
}
