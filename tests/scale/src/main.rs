//! `scale update [COUNT [alone]]`: many Rollouts updated at once, under the Argo Rollouts controller and then under ours; or under ours alone.
//! `scale rest [COUNT]`: what many Rollouts cost that nobody changes, and how soon a change to one of them is acted on.
//! `scale webhooks [SECONDS]`: a thousand webhooks a second, and a controller that is killed among them.
//! `scale tracked [COUNT]`: many workloads whose images a registry is asked for each minute.
//!
//! All print figures with their targets, and end with 1 when one is missed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod audit;
mod figure;
mod fleet;
mod objects;
mod registry;
mod rest;
mod tracked;
mod update;
mod webhooks;

use std::env;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let words: Vec<String> = env::args().skip(1).collect();
    let count = |or: usize| match words.get(1) {
        Some(word) => word.parse().with_context(|| format!("{word} is no number")),
        None => Ok(or),
    };
    let reached = match words.first().map(String::as_str) {
        Some("update") => update::measure(count(300)?, alone(words.get(2))?).await?,
        Some("rest") => rest::measure(count(10_000)?).await?,
        Some("webhooks") => webhooks::measure(u32::try_from(count(60)?)?).await?,
        Some("tracked") => tracked::measure(count(5_000)?).await?,
        _ => bail!("say what to measure: update [COUNT [alone]], rest [COUNT], webhooks [SECONDS], or tracked [COUNT]"),
    };
    Ok(if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether ours is measured by itself.
fn alone(word: Option<&String>) -> Result<bool> {
    match word.map(String::as_str) {
        None => Ok(false),
        Some("alone") => Ok(true),
        Some(word) => bail!("{word} is no way to measure an update: say alone, or nothing"),
    }
}
