//! `takeover [WORD...]`: plays all states whose title has every word, in both directions, and ends with 1 when a takeover was seen by anybody.
//! The word `forth` or `back` alone chooses a direction.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::env;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, ensure};
use serinus_tests_lab::api::Api;
use serinus_tests_parity::compare::Difference;
use serinus_tests_parity::takeover::crds::{Whose, apply, change_hands};
use serinus_tests_parity::takeover::run::{Direction, Twins, play};
use serinus_tests_parity::takeover::states;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
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
    let (api, states, mut twins) = (Arc::new(Api::open().await?), Arc::new(states), Twins::default());
    apply(&api, Whose::Argo).await?;
    let mut tables = Vec::new();
    for direction in directions {
        let table = play(&api, direction, &states, &mut twins).await?;
        println!("{table}\n");
        tables.push(table);
    }
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
