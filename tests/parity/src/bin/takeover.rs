//! `takeover [WORD...]`: plays all states whose title has every word, in both directions, and ends with 1 when a takeover was seen by anybody.
//! The word `forth` or `back` alone chooses a direction.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::env;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use serinus_tests_lab::api::Api;
use serinus_tests_parity::compare::Difference;
use serinus_tests_parity::takeover::crds::{Whose, apply, change_hands};
use serinus_tests_parity::takeover::run::{Direction, play_all};
use serinus_tests_parity::takeover::states;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let (mut killed, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        // What it holds goes with it: the controllers and the proxy must not outlive a run.
        _ = killed.recv() => bail!("told to end before it was over"),
        _ = interrupted.recv() => bail!("interrupted before it was over"),
        played = run() => played,
    }
}

async fn run() -> Result<ExitCode> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [forth, back] = Direction::BOTH;
    let (directions, words): (Vec<Direction>, &[String]) = match words.split_first() {
        Some((word, rest)) if word == "forth" => (vec![forth], rest),
        Some((word, rest)) if word == "back" => (vec![back], rest),
        Some(_) | None => (vec![forth, back], &words),
    };
    let mut states = states::all();
    states.retain(|state| words.iter().all(|word| state.title.contains(word.as_str())));
    ensure!(!states.is_empty(), "no state has {words:?} in its title");
    let api = Arc::new(Api::open().await?);
    apply(&api, Whose::Argo).await?;
    let tables = play_all(&api, &directions, &states).await?;
    let (objects, lost) = change_hands(&api).await?;
    for Difference { part, argo, ours } in &lost {
        println!("       {part}: {argo} became {ours}");
    }
    println!(
        "takeover: resource definitions, ours over theirs and back: {objects} objects, {} fields lost",
        lost.len()
    );
    for table in &tables {
        println!("{}", table.figure());
    }
    Ok(if lost.is_empty() && tables.iter().all(|table| table.is_well()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
