//! `list`: one line for each, and with `--watch` a line for each change.

use super::at::At;
use crate::args::ListRollouts;
use crate::screen::say;
use crate::show::list::{Columns, experiments as experiment_lines};
use futures::StreamExt as _;
use jiff::Timestamp;
use serde_json::Value;
use serinus_cluster::client::{EXPERIMENT, ROLLOUT, Selection};
use serinus_wire::Rollout;
use std::collections::BTreeMap;

/// Rollouts.
pub async fn rollouts(at: &At, args: &ListRollouts) -> anyhow::Result<()> {
    let namespace = (!args.all_namespaces).then_some(at.namespace.as_str());
    let selection = args.name.as_deref().map_or_else(Selection::all, Selection::name);
    let rollouts = read(at.cluster.list(&ROLLOUT, namespace, &selection).await?);
    if rollouts.is_empty() && !args.watch {
        eprintln!("No resources found.");
        return Ok(());
    }
    let columns = Columns::fit(rollouts.iter(), args.all_namespaces, args.timestamps);
    let mut table = columns.head();
    let mut shown = Shown::default();
    for rollout in &rollouts {
        table.push_str(&columns.row(rollout, Timestamp::now()));
        shown.is_news(&columns, rollout);
    }
    say(table.trim_end_matches('\n'))?;
    if !args.watch {
        return Ok(());
    }
    let mut changes = at.cluster.follow(&ROLLOUT, namespace, &selection);
    while let Some(objects) = changes.next().await {
        for rollout in read(objects?) {
            if shown.is_news(&columns, &rollout) {
                say(columns.row(&rollout, Timestamp::now()).trim_end_matches('\n'))?;
            }
        }
    }
    Ok(())
}

/// What stands in the last line about each rollout.
#[derive(Default)]
struct Shown(BTreeMap<(String, String), String>);

impl Shown {
    fn is_news(&mut self, columns: &Columns, rollout: &Rollout) -> bool {
        let key = (rollout.metadata.namespace.clone(), rollout.metadata.name.clone());
        let line = columns.row(rollout, Timestamp::UNIX_EPOCH);
        self.0.insert(key, line.clone()).is_none_or(|before| before != line)
    }
}

fn read(objects: Vec<Value>) -> Vec<Rollout> {
    objects.into_iter().filter_map(|object| Rollout::read(object).ok()).collect()
}

/// Experiments.
pub async fn experiments(at: &At, all_namespaces: bool) -> anyhow::Result<()> {
    let namespace = (!all_namespaces).then_some(at.namespace.as_str());
    let objects = at.cluster.list(&EXPERIMENT, namespace, &Selection::all()).await?;
    if objects.is_empty() {
        eprintln!("No resources found.");
        return Ok(());
    }
    say(experiment_lines(&objects, all_namespaces, Timestamp::now()).trim_end_matches('\n'))?;
    Ok(())
}
