//! `status`: says how a rollout stands, and with each change again until it is healthy or degraded.

use super::at::{At, readable};
use crate::args::Status;
use crate::screen::say;
use crate::show::phase::{Phase, phase};
use anyhow::anyhow;
use futures::StreamExt as _;
use serinus_cluster::client::{ROLLOUT, Selection};
use serinus_wire::Rollout;
use std::process::ExitCode;
use std::time::Duration;

/// Healthy is 0, degraded 1; a look without waiting is 0 unless it is degraded; time that ran out is an error.
pub async fn status(at: &At, args: &Status) -> anyhow::Result<ExitCode> {
    let name = args.name.as_str();
    let first = at.rollout(name).await?;
    let mut said = line(&first);
    say(&said)?;
    if let Some(code) = verdict(&first).or((!args.watch).then_some(ExitCode::SUCCESS)) {
        return Ok(code);
    }
    let waited = follow(at, name, &mut said);
    if args.timeout.is_zero() {
        return waited.await;
    }
    match tokio::time::timeout(args.timeout, waited).await {
        Ok(code) => code,
        Err(_) => Err(late(name, &said, args.timeout)),
    }
}

async fn follow(at: &At, name: &str, said: &mut String) -> anyhow::Result<ExitCode> {
    let mut changes = at.cluster.follow(&ROLLOUT, Some(&at.namespace), &Selection::name(name));
    while let Some(objects) = changes.next().await {
        let objects = objects.map_err(|error| at.explained(&ROLLOUT, name, error))?;
        let object = objects.into_iter().next();
        let rollout = readable(name, object.ok_or_else(|| anyhow!("rollout '{name}' was deleted"))?)?;
        let line = line(&rollout);
        if line != *said {
            say(&line)?;
            *said = line;
        }
        if let Some(code) = verdict(&rollout) {
            return Ok(code);
        }
    }
    Err(anyhow!("rollout '{name}': the server ended the watch"))
}

fn verdict(rollout: &Rollout) -> Option<ExitCode> {
    match phase(rollout).0 {
        Phase::Healthy => Some(ExitCode::SUCCESS),
        Phase::Degraded => Some(ExitCode::FAILURE),
        Phase::Progressing | Phase::Paused => None,
    }
}

fn line(rollout: &Rollout) -> String {
    let (phase, message) = phase(rollout);
    if message.is_empty() { phase.word().to_string() } else { format!("{} - {message}", phase.word()) }
}

fn late(name: &str, said: &str, after: Duration) -> anyhow::Error {
    anyhow!(
        "rollout '{name}' is neither healthy nor degraded after {after:?}, but: {said}; see `explain {name}`, or raise --timeout"
    )
}
