//! `parity [WORD...]`: plays all scenarios whose title has every word, and ends with 1 when the two controllers differ.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use serinus_tests_lab::api::Api;
use serinus_tests_lab::controller::{Controller, Which};
use serinus_tests_lab::scene::PATIENCE;
use serinus_tests_lab::wait::{Look, until};
use serinus_tests_parity::compare::{History, compare};
use serinus_tests_parity::play::Side;
use serinus_tests_parity::record::Record;
use serinus_tests_parity::scenario::{self, Scenario};
use serinus_tests_parity::summary::Summary;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Scenarios that are played at the same time: more would measure the machine.
const AT_ONCE: usize = 16;
/// No event has come for so long: there are no more.
const QUIET: Duration = Duration::from_secs(8);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let words: Vec<String> = env::args().skip(1).collect();
    let mut scenarios = scenario::all();
    scenarios.retain(|scenario| words.iter().all(|word| scenario.title.contains(word.as_str())));
    let at_once = env::var("AT_ONCE").ok().and_then(|n| n.parse().ok()).unwrap_or(AT_ONCE);

    let api = Arc::new(Api::open().await?);
    let mut follows = JoinSet::new();
    let argo = side(&api, "argo", &mut follows).await?;
    let ours = side(&api, "ours", &mut follows).await?;
    // Ours against itself tells what is chance: the order in which pods become available, for example.
    let other = if env::var_os("PARITY_ITSELF").is_some() { Which::Serinus } else { Which::Argo };
    let _controllers =
        (Controller::start_as(other, &argo.namespace)?, Controller::start_as(Which::Serinus, &ours.namespace)?);

    let free = Arc::new(Semaphore::new(at_once));
    let mut plays = JoinSet::new();
    let total = scenarios.len();
    for (n, scenario) in scenarios.into_iter().enumerate() {
        let (argo, ours, free) = (argo.clone(), ours.clone(), free.clone());
        plays.spawn(async move {
            let _turn = free.acquire_owned().await;
            let name = format!("s{n}");
            let marks = tokio::join!(argo.play(&scenario, &name), ours.play(&scenario, &name));
            (scenario, name, marks)
        });
    }
    let mut played = Vec::new();
    loop {
        tokio::select! {
            Some(ended) = follows.join_next() => ended??,
            ended = plays.join_next() => {
                let Some(ended) = ended else { break };
                played.push(ended?);
                eprint!("\r{} of {total} played", played.len());
            }
        }
    }
    eprintln!();
    until("the last events", PATIENCE, || async {
        let quiet = argo.record.quiet_altogether().min(ours.record.quiet_altogether());
        Ok(if quiet > QUIET || total == 0 { Look::Done(()) } else { Look::Not(format!("quiet for {quiet:?}")) })
    })
    .await?;
    let mut summary = Summary::default();
    for (scenario, name, marks) in played {
        match marks {
            (Ok(argo_marks), Ok(ours_marks)) => {
                summary.played += 1;
                tell(&mut summary, &scenario, &name, (&argo, &argo_marks), (&ours, &ours_marks));
            }
            (Err(error), _) | (_, Err(error)) => summary.broken.push(format!("{error:#}")),
        }
    }
    println!("{summary}");
    Ok(if summary.agrees() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Adds where the two histories of a scenario differ.
fn tell(summary: &mut Summary, scenario: &Scenario, name: &str, argo: (&Side, &[usize]), ours: (&Side, &[usize])) {
    let (argo_story, ours_story) = (argo.0.record.story(name), ours.0.record.story(name));
    let found = compare(
        scenario.router,
        &History { name, entries: &argo_story.0, marks: argo.1, hashes: &argo_story.1 },
        &History { name, entries: &ours_story.0, marks: ours.1, hashes: &ours_story.1 },
    );
    for (act, differences) in found.into_iter().enumerate() {
        let place = format!("{} ({name}), after act {}: {:?}", scenario.title, act + 1, scenario.script[act]);
        for difference in differences {
            summary.add(difference, &place);
        }
    }
}

/// A fresh namespace and what happens in it.
async fn side(api: &Arc<Api>, namespace: &str, follows: &mut JoinSet<Result<()>>) -> Result<Side> {
    let path = format!("/api/v1/namespaces/{namespace}");
    api.delete(&path).await?;
    until(&format!("the namespace {namespace} of an earlier run to go"), PATIENCE, || async {
        Ok(if api.get(&path).await?.is_none() { Look::Done(()) } else { Look::Not("still there".into()) })
    })
    .await?;
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
    api.create("/api/v1/namespaces", body).await?;
    let record = Record::default();
    follows.spawn(record.clone().follow(api.clone(), namespace.to_owned()));
    Ok(Side { api: api.clone(), namespace: namespace.to_owned(), record })
}
