//! `parity`: plays a fixed choice of scenarios under both controllers, and ends with 1 when they differ. `parity all` plays every scenario,
//! `parity WORD...` those whose title has every word. `parity list` tells the titles. With `PARITY_EVENTS=1` the events of both sides are written out as well.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serinus_tests_lab::api::Api;
use serinus_tests_lab::controller::{Controller, Which};
use serinus_tests_lab::scene::{PATIENCE, fresh};
use serinus_tests_lab::wait::{Look, until};
use serinus_tests_parity::answers::Answers;
use serinus_tests_parity::compare::{Difference, History, compare};
use serinus_tests_parity::play::{Side, both};
use serinus_tests_parity::pulse::Pulse;
use serinus_tests_parity::record::Record;
use serinus_tests_parity::scenario::{self, Scenario};
use serinus_tests_parity::summary::Summary;
use serinus_tests_parity::told;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Scenarios that are played at the same time: more would measure the machine.
const AT_ONCE: usize = 24;
/// Argo's own limit of requests would be what is waited for, with so many scenarios at once.
const HASTE: &[&str] = &["--qps=1000", "--burst=2000"];
/// No event has come for so long: there are no more.
const QUIET: Duration = Duration::from_secs(8);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let words: Vec<String> = env::args().skip(1).collect();
    let scenarios = asked(&words);
    if words == ["list"] {
        scenarios.iter().for_each(|scenario| println!("{}", scenario.title));
        return Ok(ExitCode::SUCCESS);
    }
    let at_once = env::var("AT_ONCE").ok().and_then(|n| n.parse().ok()).unwrap_or(AT_ONCE);

    let api = Arc::new(Api::open().await?);
    let mut follows = JoinSet::new();
    let answers = Answers::listen().await?;
    let argo = side(&api, &answers, "parity-argo", &mut follows).await?;
    let ours = side(&api, &answers, "parity-ours", &mut follows).await?;
    // Ours against itself tells what is chance: the order in which pods become available, for example.
    let other = if env::var_os("PARITY_ITSELF").is_some() { Which::Serinus } else { Which::Argo };
    let haste = if other == Which::Argo { HASTE } else { &[] };
    let peer = Controller::start_with(other, &argo.namespace, haste)?;
    let _ours = Controller::start_as(Which::Serinus, &ours.namespace)?;

    let free = Arc::new(Semaphore::new(at_once));
    let mut plays = JoinSet::new();
    let total = scenarios.len();
    for (n, scenario) in scenarios.into_iter().enumerate() {
        let (argo, ours, free) = (argo.clone(), ours.clone(), free.clone());
        plays.spawn(async move {
            let _turn = free.acquire_owned().await;
            let name = format!("s{n}");
            let marks = both(&argo, &ours, &scenario, &name).await;
            let gone = tokio::join!(argo.strike(&name), ours.strike(&name));
            (scenario, name, gone.0.and(gone.1).and(marks))
        });
    }
    let mut played = Vec::new();
    let mut told_to_end = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            // What was played until then is told all the same; the rest counts as not played.
            _ = told_to_end.recv() => break,
            Some(ended) = follows.join_next() => ended??,
            ended = plays.join_next() => {
                let Some(ended) = ended else { break };
                played.push(ended?);
                let lag = argo.pulse.lag().max(ours.pulse.lag());
                eprint!("\r{} of {total} played, the slower controller answers in {} ms ", played.len(), lag.as_millis());
            }
        }
    }
    eprintln!();
    // Those of the Argo controller are read from its log, and some of its Services never rest.
    let peer_tells = other != Which::Argo;
    until("the last events", PATIENCE, || async {
        let told = peer_tells.then(|| argo.record.quiet_of_events());
        let quiet = ours.record.quiet_of_events().min(told.unwrap_or(Duration::MAX));
        Ok(if quiet > QUIET { Look::Done(()) } else { Look::Not(format!("quiet for {quiet:?}")) })
    })
    .await?;
    let logged = if other == Which::Argo { Some(told::logged(&peer.written()?)) } else { None };
    let mut summary = Summary::default();
    for (scenario, name, marks) in played {
        match marks {
            Ok((argo_marks, ours_marks)) => {
                let logged = logged.as_ref().map(|all| all.get(&name).map(Vec::as_slice).unwrap_or_default());
                let (argo, ours) = ((&argo, &argo_marks[..]), (&ours, &ours_marks[..]));
                summary.tell(&scenario, differences(&scenario, &name, logged, argo, ours));
            }
            Err(error) => summary.broken(format!("{error:#}")),
        }
    }
    for _ in summary.total()..total {
        summary.broken("told to end before it was over".to_owned());
    }
    println!("{summary}");
    Ok(if summary.agrees() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the words ask for.
fn asked(words: &[String]) -> Vec<Scenario> {
    match words {
        [] => scenario::chosen(),
        [word] if word == "all" || word == "list" => scenario::all(),
        words => {
            let has = |scenario: &Scenario| words.iter().all(|word| scenario.title.contains(word.as_str()));
            scenario::all().into_iter().filter(has).collect()
        }
    }
}

/// Where the two histories of a scenario differ, each difference with the act after which it was seen. The peer's events are those that it `logged`,
/// else those that were recorded.
fn differences(
    scenario: &Scenario,
    name: &str,
    logged: Option<&[(String, String)]>,
    argo: (&Side, &[usize]),
    ours: (&Side, &[usize]),
) -> Vec<(Difference, usize)> {
    let (argo_story, ours_story) = (argo.0.record.story(name), ours.0.record.story(name));
    let (argo_recorded, ours_recorded) = (told::recorded(&argo_story.0), told::recorded(&ours_story.0));
    let argo_events = logged.unwrap_or(&argo_recorded);
    if env::var_os("PARITY_EVENTS").is_some() {
        for (who, events) in [("argo", argo_events), ("ours", &ours_recorded[..])] {
            let lines = events.iter().map(|(object, text)| format!("  {object} {text}\n"));
            eprint!("{who}: {}\n{}", scenario.title, lines.collect::<String>());
        }
    }
    let found = compare(
        scenario.strategy,
        &History { name, entries: &argo_story.0, events: argo_events, marks: argo.1, hashes: &argo_story.1 },
        &History { name, entries: &ours_story.0, events: &ours_recorded, marks: ours.1, hashes: &ours_story.1 },
    );
    let placed = |(act, differences): (usize, Vec<Difference>)| differences.into_iter().map(move |found| (found, act));
    found.into_iter().enumerate().flat_map(placed).collect()
}

/// A fresh namespace and what happens in it.
async fn side(api: &Arc<Api>, answers: &Answers, namespace: &str, follows: &mut JoinSet<Result<()>>) -> Result<Side> {
    fresh(api, namespace).await?;
    let record = Record::default();
    follows.spawn(record.clone().follow(api.clone(), namespace.to_owned()));
    let pulse = Pulse::default();
    follows.spawn(pulse.clone().beat(api.clone(), namespace.to_owned()));
    Ok(Side { api: api.clone(), namespace: namespace.to_owned(), record, pulse, answers: answers.clone() })
}
