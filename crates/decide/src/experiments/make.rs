//! A new Experiment: its name, labels and spec; or one that is there already and means the same.

use super::own;
use crate::pass::Pass;
use crate::plan::{Kind, Verdict};
use crate::runs::{Hashes, resolve};
use crate::sets::SetView;
use serde_json::{Map, Value, json};
use serinus_wire::analysis::Phase;
use serinus_wire::experiment::{ExperimentSpec, TemplateAnalysis, TemplateSpec};
use serinus_wire::rollout::{ExperimentAnalysis, ExperimentStep, ExperimentTemplate};
use serinus_wire::{Experiment, keys, pod};

/// What the names of the Experiments of a step begin with.
pub fn base(pass: &Pass<'_>, index: usize) -> String {
    let (hash, revision) =
        pass.sets.new_set().map_or((String::new(), 0), |set| (set.hash().to_string(), set.revision()));
    format!("{}-{hash}-{revision}-{index}", pass.rollout.metadata.name)
}

/// Creates the Experiment of a step, or finds one that is under way and means the same. Says its name; nothing while no set is
/// stable.
///
/// # Errors
/// Why there can't be one.
pub fn experiment(pass: &mut Pass<'_>, index: usize, step: &ExperimentStep) -> Result<Option<String>, String> {
    let (Some(new), Some(stable)) = (pass.sets.new_set(), pass.sets.stable_set()) else { return Ok(None) };
    let (hash, revision) = (new.hash().to_string(), new.revision());
    let spec = spec(pass, step, new, stable)?;
    let base = base(pass, index);
    let (mut name, mut number) = (base.clone(), 0);
    while let Some(there) = pass.seen.experiments.iter().find(|it| it.metadata.name == name) {
        if own(pass).any(|it| it.metadata.name == name) && can_be_reused(there, &spec) {
            return Ok(Some(name));
        }
        number += 1;
        name = format!("{base}-{number}");
    }
    let rollout = &pass.rollout.metadata;
    let mut labels = rollout.labels.clone();
    labels.insert(keys::HASH.to_string(), hash);
    let object = json!({
        "apiVersion": keys::API_VERSION,
        "kind": "Experiment",
        "metadata": {
            "name": name,
            "namespace": rollout.namespace,
            "labels": labels,
            "annotations": {keys::REVISION: revision.to_string()},
            "ownerReferences": [{
                "apiVersion": keys::API_VERSION, "kind": "Rollout", "name": rollout.name, "uid": rollout.uid,
                "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
    });
    pass.create(Kind::Experiment, &name, object);
    pass.report("experiment", Verdict::Acts, format!("experiment {name} is started"));
    pass.tell("ExperimentCreated", format!("Created Experiment '{name}'"));
    Ok(Some(name))
}

fn can_be_reused(there: &Experiment, spec: &ExperimentSpec) -> bool {
    let done = there.status.phase.is_some_and(Phase::is_completed) || there.spec.terminate;
    !done && there.metadata.deletion_timestamp.is_none() && same(&there.spec, spec)
}

/// The API server may have stored the pod templates in other words.
fn same(there: &ExperimentSpec, spec: &ExperimentSpec) -> bool {
    let bare = |spec: &ExperimentSpec| {
        let mut spec = spec.clone();
        spec.templates.iter_mut().for_each(|template| template.template = Value::Null);
        spec
    };
    let pairs = || there.templates.iter().zip(&spec.templates);
    bare(there) == bare(spec) && pairs().all(|(one, two)| pod::same(&one.template, &two.template))
}

fn spec(
    pass: &Pass<'_>,
    step: &ExperimentStep,
    new: &SetView<'_>,
    stable: &SetView<'_>,
) -> Result<ExperimentSpec, String> {
    let template = |wanted: &ExperimentTemplate| match wanted.spec_ref.as_str() {
        "canary" => Ok(set(wanted, new)),
        "stable" => Ok(set(wanted, stable)),
        other => Err(format!("template {}: specRef {other:?} is unknown: use canary or stable", wanted.name)),
    };
    let hashes = Hashes::of(pass);
    let analysis = |wanted: &ExperimentAnalysis| {
        Ok::<_, String>(TemplateAnalysis {
            name: wanted.name.clone(),
            template_name: wanted.template_name.clone(),
            cluster_scope: wanted.cluster_scope,
            args: resolve(&pass.rollout, &wanted.args, &hashes)?,
            required_for_completion: wanted.required_for_completion,
        })
    };
    Ok(ExperimentSpec {
        templates: step.templates.iter().map(template).collect::<Result<_, _>>()?,
        duration: step.duration.clone(),
        progress_deadline_seconds: pass.rollout.spec.progress_deadline_seconds,
        analyses: step.analyses.iter().map(analysis).collect::<Result<_, _>>()?,
        scale_down_delay_seconds: step.scale_down_delay_seconds,
        dry_run: step.dry_run.clone(),
        analysis_run_metadata: Some(step.analysis_run_metadata.clone().unwrap_or_default()),
        ..ExperimentSpec::default()
    })
}

/// A set of the Experiment, made like one of the Rollout's own.
fn set(wanted: &ExperimentTemplate, like: &SetView<'_>) -> TemplateSpec {
    let mut template = like.seen.spec.template.clone();
    let mut selector = wanted.selector.clone().unwrap_or_else(|| like.seen.spec.selector.clone());
    for (key, value) in wanted.metadata.labels.iter().flatten() {
        put(&mut template, "/metadata", "labels", key, value);
        put(&mut selector, "", "matchLabels", key, value);
    }
    for (key, value) in wanted.metadata.annotations.iter().flatten() {
        put(&mut template, "/metadata", "annotations", key, value);
    }
    let service = wanted.service.clone().or_else(|| wanted.weight.map(|_| Default::default()));
    TemplateSpec {
        name: wanted.name.clone(),
        replicas: wanted.replicas,
        min_ready_seconds: like.seen.spec.min_ready_seconds,
        selector: Some(selector),
        template,
        service,
    }
}

fn put(value: &mut Value, parent: &str, map: &str, key: &str, text: &str) {
    let Some(parent) = value.pointer_mut(parent).and_then(Value::as_object_mut) else { return };
    let map = parent.entry(map).or_insert_with(|| Value::Object(Map::new()));
    if let Some(map) = map.as_object_mut() {
        map.insert(key.to_string(), json!(text));
    }
}
