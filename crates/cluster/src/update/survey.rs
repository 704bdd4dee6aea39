//! Dry runs, for those who have a cluster and no controller: what a push would mean for each workload, and what the tags that a registry
//! really has. Nothing is written.

use super::questions::{Questions, TRIES};
use super::{IMAGE_UPDATE, Outcome, Platforms, Polls, Told, next_poll, resource, told, workload_name};
use crate::client::{Cluster, Selection};
use crate::lens::{Rollouts, Watched as _};
use crate::registry::nodes::Nodes;
use crate::registry::{Keys, Registries};
use crate::{Error, SystemClock};
use jiff::Timestamp;
use serde::Deserialize as _;
use serinus_decide::Kind;
use serinus_decide::update::poll::{TRIGGER, candidates};
use serinus_decide::update::pull::Node;
use serinus_decide::update::reference::Reference;
use serinus_decide::update::{Answer, Event, Habits, Tracked, propose};
use serinus_talk::registry::Trouble;
use serinus_wire::{ImageUpdate, keel};
use std::sync::Arc;

/// What a registry has, and what it means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// How many tags there are.
    pub tags: usize,
    /// The workloads that run the image.
    pub workloads: Vec<Surveyed>,
}

/// What the tags mean for one workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surveyed {
    /// Kind of the workload.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What it runs of the image.
    pub runs: Vec<String>,
    /// The tag that it is about; nothing: none is taken.
    pub tag: Option<String>,
    /// What it comes to.
    pub outcome: Outcome,
    /// When its own schedule has the registry asked next.
    pub next_poll: Option<Timestamp>,
}

/// What a push would mean for every workload of a namespace, or of all; with `policy` in place of their own, where one is given.
///
/// # Errors
/// Workloads or updates can't be listed.
pub async fn explain(
    cluster: &Cluster,
    namespace: Option<&str>,
    event: &Event,
    policy: Option<&str>,
    now: Timestamp,
) -> Result<Vec<Told>, Error> {
    let one = |(tracked, known): (Tracked, Vec<ImageUpdate>)| {
        let answer = propose(event, &tracked, &known, Habits::default(), now);
        Told { next_poll: next_poll(&tracked, &event.reference, now), ..told(&tracked, answer) }
    };
    Ok(all_tracked(cluster, namespace, policy).await?.into_iter().map(one).collect())
}

/// Every workload of a namespace, or of all, with its updates; with `policy` in place of their own, where one is given.
async fn all_tracked(
    cluster: &Cluster,
    namespace: Option<&str>,
    policy: Option<&str>,
) -> Result<Vec<(Tracked, Vec<ImageUpdate>)>, Error> {
    let all = Selection::all();
    let known: Vec<ImageUpdate> = cluster
        .list(&IMAGE_UPDATE, namespace, &all)
        .await?
        .into_iter()
        .filter_map(|object| ImageUpdate::deserialize(object).ok())
        .collect();
    let mut found = Vec::new();
    for kind in [Kind::Rollout, Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::CronJob] {
        let Some(resource) = resource(kind) else { continue };
        for mut object in cluster.list(&resource, namespace, &all).await? {
            if let Some(policy) = policy {
                object["metadata"]["annotations"][keel::POLICY] = policy.into();
            }
            let tracked = match kind {
                Kind::Rollout => Tracked::of_rollout(&Rollouts::read(object)),
                kind => crate::lens::read_tracked(kind, object),
            };
            let workload = workload_name(&tracked);
            let of_it = |update: &&ImageUpdate| {
                update.metadata.namespace == tracked.metadata.namespace && update.spec.workload == workload
            };
            let known: Vec<ImageUpdate> = known.iter().filter(of_it).cloned().collect();
            found.push((tracked, known));
        }
    }
    Ok(found)
}

/// Asks the registry of `image` as the workloads that run it do, with the secrets that they name, and says what each would be
/// offered; with `policy` in place of their own, where one is given.
///
/// # Errors
/// The cluster or the registry refuses, or does not answer.
pub async fn survey(
    cluster: &Cluster,
    namespace: Option<&str>,
    image: &Reference,
    policy: Option<&str>,
    polls: Polls,
    now: Timestamp,
) -> Result<Survey, Error> {
    let repository = image.repository();
    let mut found = all_tracked(cluster, namespace, policy).await?;
    found.retain(|(tracked, _)| !runs(tracked, &repository).is_empty());
    let keys = Keys::new(cluster.clone(), &polls.docker_config, Arc::default());
    let workloads: Vec<Tracked> = found.iter().map(|(tracked, _)| tracked.clone()).collect();
    let registries = Registries::new(polls.transport, polls.hosts, Arc::new(SystemClock));
    let credentials = keys.of(&workloads, &image.registry, &image.short_name).await;
    let (counts, registry, name) = (Arc::default(), &image.registry, &image.short_name);
    let questions = Questions::new(&registries, counts, registry, name, credentials);
    let nodes = Nodes::new(cluster.clone(), Arc::new(SystemClock)).all().await;
    let mut asks = Asks { questions, repository, nodes, platforms: polls.platforms };
    let tags = asks.questions.tags().await.map_err(refused)?;
    let listed: Vec<&str> = tags.iter().map(String::as_str).collect();
    let mut survey = Survey { tags: tags.len(), workloads: Vec::new() };
    for (tracked, known) in &found {
        survey.workloads.push(asks.look(tracked, known, image, &listed, now).await?);
    }
    Ok(survey)
}

fn runs(tracked: &Tracked, repository: &str) -> Vec<String> {
    let of_it = |image: &&String| Reference::parse(image).is_ok_and(|image| image.repository() == repository);
    tracked.images.iter().filter(of_it).cloned().collect()
}

fn refused(trouble: Trouble) -> Error {
    Error::Refused(trouble.text)
}

struct Asks<'a> {
    questions: Questions<'a>,
    repository: String,
    nodes: Option<Arc<[Node]>>,
    platforms: Platforms,
}

impl Asks<'_> {
    /// Why the workload's nodes can't run the image, if they can't.
    async fn misfit(&mut self, tracked: &Tracked, digest: &str) -> Result<Option<String>, Error> {
        let missing = match (&self.nodes, self.platforms) {
            (_, Platforms::Any) | (None, Platforms::Known) => return Ok(None),
            (None, Platforms::Strict) => return Ok(Some("nodes can't be listed: nobody knows their platforms".into())),
            (Some(nodes), _) => self.questions.missing(tracked, nodes, digest).await.map_err(refused)?,
        };
        let text = || format!("it is not for {}, as nodes of the workload are", missing.join(", "));
        Ok((!missing.is_empty()).then(text))
    }

    async fn look(
        &mut self,
        tracked: &Tracked,
        known: &[ImageUpdate],
        image: &Reference,
        tags: &[&str],
        now: Timestamp,
    ) -> Result<Surveyed, Error> {
        let repository = self.repository.clone();
        let (mut tag, mut outcome) = (None, Outcome::Apart(String::new()));
        match candidates(tracked, &repository, tags) {
            Err(why) => outcome = Outcome::Refused(why),
            Ok(candidates) => {
                for candidate in candidates.into_iter().take(TRIES) {
                    let digest = self.questions.digest(candidate).await.map_err(refused)?;
                    let event = Event::new(&format!("{repository}:{candidate}"), Some(&digest), TRIGGER, "");
                    let event = event.map_err(Error::Malformed)?;
                    let mut answer = propose(&event, tracked, known, Habits::default(), now);
                    if matches!(answer, Answer::Propose(_))
                        && let Some(why) = self.misfit(tracked, &digest).await?
                    {
                        answer = Answer::Refused(why);
                    }
                    let done = !matches!(answer, Answer::Refused(_));
                    // Of those that are refused the best one says why.
                    if done || tag.is_none() {
                        (tag, outcome) = (Some(candidate.to_string()), told(tracked, answer).outcome);
                    }
                    if done {
                        break;
                    }
                }
            }
        }
        let meta = &tracked.metadata;
        Ok(Surveyed {
            kind: tracked.kind,
            namespace: meta.namespace.clone(),
            name: meta.name.clone(),
            runs: runs(tracked, &repository),
            tag,
            outcome,
            next_poll: next_poll(tracked, image, now),
        })
    }
}
