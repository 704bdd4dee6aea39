//! Verbs on updates of images: votes, the list, what a push would mean.

pub mod ship;

use super::at::At;
use crate::args::{ImageExplain, UpdatesArgs};
use crate::screen::say;
use anyhow::{anyhow, bail};
use jiff::Timestamp;
use serde::Deserialize;
use serinus_cluster::client::Selection;
use serinus_cluster::update::{self, IMAGE_UPDATE, Outcome, Polls};
use serinus_decide::update::Event;
use serinus_decide::update::reference::Reference;
use serinus_wire::image_update::{Allowance, Decision, ImageUpdateSpec, Phase, Vote};
use serinus_wire::{ImageUpdate, Time};

/// Votes on updates.
pub async fn vote(at: &At, names: &[String], decision: Decision) -> anyhow::Result<()> {
    let voter = voter(at).await?;
    let word = match decision {
        Decision::Approve => "approved",
        Decision::Reject => "rejected",
    };
    for name in names {
        let update = find(at, name, |update| update.status.phase == Phase::Pending).await?;
        let vote = Vote { voter: voter.clone(), decision, at: now(), on_behalf_of: String::new() };
        let add = |spec: &mut ImageUpdateSpec| {
            if !spec.votes.iter().any(|other| other.voter == vote.voter && other.decision == vote.decision) {
                spec.votes.push(vote.clone());
            }
            Ok(())
        };
        let changed = update::change_spec(&at.cluster, &at.namespace, &update.metadata.name, add).await?;
        let (given, needed) = (changed.approvers().len(), changed.spec.required_approvals);
        let count = if decision == Decision::Approve { format!(" ({given} of {needed})") } else { String::new() };
        say(&format!("update of {} to {} {word}{count}", changed.spec.workload.name, changed.spec.tag))?;
    }
    Ok(())
}

/// Lets in again what was refused.
pub async fn allow(at: &At, names: &[String]) -> anyhow::Result<()> {
    let by = voter(at).await?;
    for name in names {
        let update = find(at, name, ImageUpdate::refuses_again).await?;
        let allowance = Allowance { by: by.clone(), at: now() };
        let add = |spec: &mut ImageUpdateSpec| {
            spec.allowed = Some(allowance.clone());
            Ok(())
        };
        let changed = update::change_spec(&at.cluster, &at.namespace, &update.metadata.name, add).await?;
        say(&format!("{} of {} is let in again: push it once more", changed.spec.tag, changed.spec.workload.name))?;
    }
    Ok(())
}

/// Puts updates away.
pub async fn archive(at: &At, names: &[String]) -> anyhow::Result<()> {
    for name in names {
        let update = find(at, name, |update| !update.status.phase.is_final()).await?;
        let put_away = |spec: &mut ImageUpdateSpec| {
            spec.archived = true;
            Ok(())
        };
        update::change_spec(&at.cluster, &at.namespace, &update.metadata.name, put_away).await?;
        say(&format!("update {} archived", update.metadata.name))?;
    }
    Ok(())
}

/// Lists updates.
pub async fn list(at: &At, args: &UpdatesArgs) -> anyhow::Result<()> {
    let mut updates = read(at, args.all_namespaces).await?;
    updates.retain(|update| args.all || !update.status.phase.is_final());
    updates.sort_by(|left, right| right.order().cmp(&left.order()));
    if updates.is_empty() {
        eprintln!("No updates{}.", if args.all { "" } else { " are open; --all shows those with a verdict" });
        return Ok(());
    }
    let head = ["NAMESPACE", "NAME", "WORKLOAD", "FROM", "TO", "PHASE", "VOTES", "MESSAGE"].map(str::to_string);
    let rows = updates.iter().map(|update| {
        let (spec, status) = (&update.spec, &update.status);
        [
            update.metadata.namespace.clone(),
            update.metadata.name.clone(),
            format!("{}/{}", spec.workload.kind.to_lowercase(), spec.workload.name),
            spec.from_tag.clone(),
            spec.tag.clone(),
            status.phase.to_string(),
            format!("{}/{}", update.approvers().len(), spec.required_approvals),
            status.message.clone(),
        ]
    });
    say(&table(std::iter::once(head).chain(rows).collect()))?;
    Ok(())
}

/// Says what a push would mean, or what the registry's own tags mean.
pub async fn explain(at: &At, args: &ImageExplain) -> anyhow::Result<()> {
    if args.registry {
        return survey(at, args).await;
    }
    let event = Event::new(&args.image, None, "explain", "").map_err(|why| anyhow!(why))?;
    let namespace = (!args.all_namespaces).then_some(at.namespace.as_str());
    let told = update::explain(&at.cluster, namespace, &event, args.policy.as_deref(), Timestamp::now()).await?;
    let mut rows = vec![["NAMESPACE", "WORKLOAD", "OUTCOME", "NEXT POLL", "WHY"].map(str::to_string)];
    for told in told {
        if matches!(told.outcome, Outcome::Apart(_)) && !args.all {
            continue;
        }
        let (outcome, why) = words(told.outcome);
        let workload = format!("{}/{}", told.kind.word().to_lowercase(), told.name);
        let poll = told.next_poll.map_or("-".to_string(), |at| at.to_string());
        rows.push([told.namespace, workload, outcome.to_string(), poll, why]);
    }
    if rows.len() == 1 {
        eprintln!("No workload with a keel.sh/policy runs {}; --all says why not.", event.reference.repository());
        return Ok(());
    }
    say(&table(rows))?;
    Ok(())
}

/// Says what each workload would be offered of the registry's tags.
async fn survey(at: &At, args: &ImageExplain) -> anyhow::Result<()> {
    let image = Reference::parse(&args.image).map_err(|why| anyhow!(why))?;
    let namespace = (!args.all_namespaces).then_some(at.namespace.as_str());
    let docker_config = std::env::var("DOCKER_REGISTRY_CFG").unwrap_or_default();
    let polls = Polls { hosts: args.registries.hosts()?, docker_config, ..Polls::default() };
    let policy = args.policy.as_deref();
    let survey = update::survey(&at.cluster, namespace, &image, policy, polls, Timestamp::now()).await?;
    let repository = image.repository();
    if survey.workloads.is_empty() {
        eprintln!("{repository} has {} tags, and no workload runs it; --all-namespaces looks everywhere.", survey.tags);
        return Ok(());
    }
    let head = ["NAMESPACE", "WORKLOAD", "RUNS", "TAG", "OUTCOME", "NEXT POLL", "WHY"].map(str::to_string);
    let rows = survey.workloads.into_iter().map(|one| {
        let (outcome, why) = words(one.outcome);
        let workload = format!("{}/{}", one.kind.word().to_lowercase(), one.name);
        let runs: Vec<String> = one.runs.iter().filter_map(|image| Reference::parse(image).ok()).map(version).collect();
        let poll = one.next_poll.map_or("-".to_string(), |at| at.to_string());
        let tag = one.tag.unwrap_or_else(|| "-".to_string());
        [one.namespace, workload, runs.join(","), tag, outcome.to_string(), poll, why]
    });
    say(&format!("{repository} has {} tags", survey.tags))?;
    say(&table(std::iter::once(head).chain(rows).collect()))?;
    Ok(())
}

fn version(image: Reference) -> String {
    image.tag.clone().unwrap_or_else(|| image.version().to_string())
}

/// What an outcome is called, and why.
fn words(outcome: Outcome) -> (&'static str, String) {
    match outcome {
        Outcome::Proposed(_) => ("proposed", String::new()),
        Outcome::Known(name) => ("known", format!("it is the update {name}")),
        Outcome::Refused(why) => ("refused", why),
        Outcome::Apart(why) => ("apart", why),
    }
}

fn table<const N: usize>(rows: Vec<[String; N]>) -> String {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_string()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn read(at: &At, all_namespaces: bool) -> anyhow::Result<Vec<ImageUpdate>> {
    let namespace = (!all_namespaces).then_some(at.namespace.as_str());
    let found = at.cluster.list(&IMAGE_UPDATE, namespace, &Selection::all()).await?;
    Ok(found.into_iter().filter_map(|object| ImageUpdate::deserialize(object).ok()).collect())
}

/// The update of that name, or the only one of the workload of that name that `fits`.
async fn find(at: &At, name: &str, fits: impl Fn(&ImageUpdate) -> bool) -> anyhow::Result<ImageUpdate> {
    let updates = read(at, false).await?;
    if let Some(exact) = updates.iter().find(|update| update.metadata.name == name) {
        return Ok(exact.clone());
    }
    let of_workload: Vec<&ImageUpdate> =
        updates.iter().filter(|update| update.spec.workload.name == name && fits(update)).collect();
    match of_workload[..] {
        [only] => Ok(only.clone()),
        [] => bail!(
            "there is no update or workload {name:?} with something to do in namespace '{}': `serinus updates --all` shows them",
            at.namespace
        ),
        _ => {
            let names: Vec<&str> = of_workload.iter().map(|update| update.metadata.name.as_str()).collect();
            bail!("{name} has several updates, name one of them: {}", names.join(", "))
        }
    }
}

/// Who votes: the user that the API server takes us for.
async fn voter(at: &At) -> anyhow::Result<String> {
    match update::who_am_i(&at.cluster).await {
        Ok(user) if !user.is_empty() => Ok(user),
        Err(serinus_cluster::Error::Client(error)) if !error.is_not_found() => Err(error.into()),
        // A server that authenticates nobody, such as the sandbox.
        _ => Ok(format!("{} (not authenticated)", std::env::var("USER").unwrap_or_else(|_| "somebody".to_string()))),
    }
}

fn now() -> Time {
    Time::whole_seconds(Timestamp::now())
}
