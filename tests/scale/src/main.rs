//! `scale update [COUNT]`: many Rollouts updated at once, under the Argo Rollouts controller and then under ours.
//! `scale rest [COUNT]`: what many Rollouts cost that nobody changes, and how soon a change to one of them is acted on.
//!
//! Both print figures with their targets, and end with 1 when one is missed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod audit;
mod figure;
mod fleet;
mod objects;
mod rest;
mod update;

use std::env;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let words: Vec<String> = env::args().skip(1).collect();
    let count = |or: usize| match words.get(1) {
        Some(word) => word.parse().with_context(|| format!("{word} is no number of Rollouts")),
        None => Ok(or),
    };
    let reached = match words.first().map(String::as_str) {
        Some("update") => update::measure(count(300)?).await?,
        Some("rest") => rest::measure(count(10_000)?).await?,
        _ => bail!("say what to measure: update [COUNT], or rest [COUNT]"),
    };
    Ok(if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
