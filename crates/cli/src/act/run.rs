//! `create analysisrun`: a run by hand, from a template in the cluster or in a file.

use super::at::{At, spelled};
use super::create::read;
use crate::args::CreateRun;
use crate::screen::say;
use anyhow::anyhow;
use serde_json::{Value, json};
use serinus_cluster::client::{ANALYSIS_RUN, ANALYSIS_TEMPLATE, CLUSTER_ANALYSIS_TEMPLATE};
use serinus_wire::keys;

/// Creates the run.
pub async fn create(at: &At, args: &CreateRun) -> anyhow::Result<()> {
    let template = template(at, args).await?;
    let name = template["metadata"]["name"].as_str().unwrap_or_default();
    if template["spec"]["templates"].as_array().is_some_and(|templates| !templates.is_empty()) {
        anyhow::bail!(
            "template '{name}' takes metrics from other templates in spec.templates, which is not done here: create the run from those"
        );
    }
    let mut spec = template["spec"].clone();
    if let Some(known) = spec["args"].as_array_mut() {
        fill(name, known, &args.arguments)?;
    } else if let Some((unknown, _)) = args.arguments.first() {
        anyhow::bail!("template '{name}' has no argument '{unknown}': it has none");
    }
    let mut metadata = match &args.name {
        Some(name) => json!({"name": name}),
        None => json!({"generateName": args.generate_name.clone().unwrap_or_else(|| format!("{name}-"))}),
    };
    if let Some(instance) = &args.instance_id {
        metadata["labels"] = json!({keys::INSTANCE_ID: instance});
    }
    let run = json!({"apiVersion": keys::API_VERSION, "kind": ANALYSIS_RUN.kind, "metadata": metadata, "spec": spec});
    let made = at.cluster.create(&ANALYSIS_RUN, &at.namespace, &run).await?;
    say(&format!("analysisrun.argoproj.io/{} created", made["metadata"]["name"].as_str().unwrap_or_default()))?;
    Ok(())
}

async fn template(at: &At, args: &CreateRun) -> anyhow::Result<Value> {
    let resource = if args.global { CLUSTER_ANALYSIS_TEMPLATE } else { ANALYSIS_TEMPLATE };
    match (&args.from, &args.from_file) {
        (Some(name), _) if args.global => at.cluster.get_wide(&resource, name).await.map_err(|error| {
            let what = spelled(&resource);
            if error.is_not_found() && !error.is_unknown_kind() {
                return anyhow!("{what} '{name}' not found: correct --from, or leave out --global");
            }
            anyhow!("{what} '{name}': {error}")
        }),
        (Some(name), _) => at.get(&resource, name).await,
        (None, Some(file)) => {
            let found = read(file)?.into_iter().find(|manifest| manifest.object["kind"] == resource.kind);
            let missing = || anyhow!("{}: no {} in it: correct --from-file or --global", file.display(), resource.kind);
            Ok(found.ok_or_else(missing)?.object)
        }
        (None, None) => Err(anyhow!("no template: give --from or --from-file")),
    }
}

/// Puts the given values where the template has arguments; all of them must have a value then.
fn fill(template: &str, known: &mut [Value], given: &[(String, String)]) -> anyhow::Result<()> {
    for (name, value) in given {
        match known.iter_mut().find(|argument| argument["name"] == name.as_str()) {
            Some(argument) => *argument = json!({"name": name, "value": value}),
            None => {
                let names: Vec<&str> = known.iter().filter_map(|argument| argument["name"].as_str()).collect();
                anyhow::bail!("template '{template}' has no argument '{name}': it has {}", names.join(", "));
            }
        }
    }
    let open = known.iter().find(|argument| argument["value"].is_null() && argument["valueFrom"].is_null());
    match open.and_then(|argument| argument["name"].as_str()) {
        Some(name) => Err(anyhow!("argument '{name}' of template '{template}' has no value: give -a {name}=VALUE")),
        None => Ok(()),
    }
}
