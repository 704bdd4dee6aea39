//! One round of polling: one question to a registry, and what its answer offers to each workload.

use super::poll::Platforms;
use super::questions::{Questions, TRIES};
use super::watches::UpdateCaches;
use super::{Outcome, Updates};
use crate::registry::nodes::Nodes;
use crate::registry::{Keys, Registries};
use serinus_decide::update::poll::{TRIGGER, Watch, keeps, known_digest, offers, watches};
use serinus_decide::update::{Event, Tracked};
use serinus_talk::registry::{Trouble, Why};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What a round needs.
pub(crate) struct Round {
    pub updates: Updates,
    pub caches: UpdateCaches,
    pub registries: Registries,
    pub keys: Keys,
    pub nodes: Nodes,
    pub platforms: Platforms,
    pub default: String,
}

/// What the rounds before have found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Before {
    /// The list, by its hash, and the state of the cluster, for which nothing was left to do.
    settled: Option<(u64, u64)>,
    /// The digest behind the tag.
    digest: Option<String>,
}

/// Why a round did not come to its end.
pub(crate) enum Failed {
    /// The registry.
    Registry(Trouble),
    /// An update could not be created.
    Cluster(crate::Error),
}

impl Failed {
    pub fn why(&self) -> Why {
        match self {
            Failed::Registry(trouble) => trouble.why,
            Failed::Cluster(_) => Why::Unavailable,
        }
    }

    /// One line when it is news.
    pub fn tell(&self, watch: &Watch, before: Option<Why>) {
        let text = match self {
            Failed::Registry(trouble) => trouble.text.clone(),
            Failed::Cluster(error) => format!("an update of {} could not be recorded: {error}", watch.repository()),
        };
        if before == Some(self.why()) {
            tracing::debug!("{text}");
        } else {
            tracing::warn!("{text}");
        }
    }
}

impl Round {
    /// Plays the round. `epoch` is the state of the cluster before it.
    pub async fn play(&self, watch: &Watch, before: Before, epoch: u64) -> (Before, Result<(), Failed>) {
        let mut workloads = self.caches.running(&watch.repository());
        workloads.retain(|tracked| watches(tracked, &self.default).contains(watch));
        if workloads.is_empty() {
            return (before, Ok(()));
        }
        let credentials = self.keys.of(&workloads, &watch.registry, &watch.short_name).await;
        let (counts, registry, name) = (self.updates.counts(), &watch.registry, &watch.short_name);
        let questions = Questions::new(&self.registries, counts, registry, name, credentials);
        let (after, result) = match &watch.tag {
            None => self.list(watch, questions, &workloads, before, epoch).await,
            Some(tag) => self.digest(watch, questions, &workloads, tag, before).await,
        };
        if let Err(Failed::Registry(trouble)) = &result {
            self.updates.counts().trouble(trouble.why.word());
            if matches!(trouble.why, Why::Denied | Why::Missing) {
                self.keys.forget(&workloads);
            }
        }
        (after, result)
    }

    /// The list of tags.
    async fn list(
        &self,
        watch: &Watch,
        mut questions: Questions<'_>,
        workloads: &[Tracked],
        before: Before,
        epoch: u64,
    ) -> (Before, Result<(), Failed>) {
        let tags = match questions.tags().await {
            Ok(tags) => tags,
            Err(trouble) => return (before, Err(Failed::Registry(trouble))),
        };
        let mut hasher = DefaultHasher::new();
        tags.hash(&mut hasher);
        let settled = Some((hasher.finish(), epoch));
        if before.settled == settled {
            return (before, Ok(()));
        }
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        for tracked in workloads {
            for tag in offers(tracked, &watch.repository(), &tags).into_iter().take(TRIES) {
                let digest = match questions.digest(tag).await {
                    Ok(digest) => digest,
                    Err(trouble) => return (before, Err(Failed::Registry(trouble))),
                };
                match self.offer(watch, &mut questions, tracked, tag, digest).await {
                    Ok(true) => break,
                    Ok(false) => {}
                    Err(failed) => return (before, Err(failed)),
                }
            }
            tokio::task::yield_now().await;
        }
        (Before { settled, ..before }, Ok(()))
    }

    /// The digest of one tag.
    async fn digest(
        &self,
        watch: &Watch,
        mut questions: Questions<'_>,
        workloads: &[Tracked],
        tag: &str,
        before: Before,
    ) -> (Before, Result<(), Failed>) {
        let digest = match questions.digest(tag).await {
            Ok(digest) => digest,
            Err(trouble) => return (before, Err(Failed::Registry(trouble))),
        };
        let repository = watch.repository();
        for tracked in workloads.iter().filter(|tracked| keeps(tracked, &repository, tag)) {
            let updates = self.caches.of_workload(&tracked.metadata.namespace, &super::workload_name(tracked));
            let runs = known_digest(tracked, &repository, tag, &updates).or_else(|| before.digest.clone());
            // Nobody knows what runs: what comes from now on is new.
            if runs.is_none_or(|runs| runs == digest) {
                continue;
            }
            if let Err(failed) = self.offer(watch, &mut questions, tracked, tag, digest.clone()).await {
                return (before, Err(failed));
            }
        }
        (Before { digest: Some(digest), ..before }, Ok(()))
    }

    /// Proposes a tag to a workload, unless it is not for its platforms: then another may be.
    async fn offer(
        &self,
        watch: &Watch,
        questions: &mut Questions<'_>,
        tracked: &Tracked,
        tag: &str,
        digest: String,
    ) -> Result<bool, Failed> {
        let image = format!("{}:{tag}", watch.repository());
        let Ok(event) = Event::new(&image, Some(&digest), TRIGGER, "") else { return Ok(false) };
        let outcome = self.updates.consider(&event, tracked).map_err(Failed::Cluster)?;
        if matches!(outcome, Outcome::Proposed(_)) && !self.fits(&image, questions, tracked, &digest).await? {
            return Ok(false);
        }
        let told = self.updates.offer(&event, tracked.clone()).await.map_err(Failed::Cluster)?;
        if matches!(told.outcome, Outcome::Proposed(_)) {
            tracing::info!(
                image,
                kind = told.kind.word(),
                namespace = told.namespace,
                name = told.name,
                "polling found an update"
            );
        }
        Ok(true)
    }

    /// Whether an image is for every platform that the workload may run on.
    async fn fits(
        &self,
        image: &str,
        questions: &mut Questions<'_>,
        tracked: &Tracked,
        digest: &str,
    ) -> Result<bool, Failed> {
        if self.platforms == Platforms::Any {
            return Ok(true);
        }
        let Some(nodes) = self.nodes.all().await else { return Ok(self.platforms == Platforms::Known) };
        let missing = questions.missing(tracked, &nodes, digest).await.map_err(Failed::Registry)?;
        if missing.is_empty() {
            return Ok(true);
        }
        self.updates.counts().unfit();
        let (meta, missing) = (&tracked.metadata, missing.join(", "));
        let (namespace, name) = (&meta.namespace, &meta.name);
        tracing::info!(image, namespace, name, missing, "it is not for the nodes of its workload: a lower one may be");
        Ok(false)
    }
}
