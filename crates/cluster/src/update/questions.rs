//! Questions about one image to its registry, each asked once.

use super::counts::Counts;
use crate::registry::Registries;
use serinus_decide::update::Tracked;
use serinus_decide::update::pull::Node;
use serinus_talk::registry::{Ask, Credential, Reply, Trouble};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Tags that are looked at for one workload, when the best of them are not for its platforms.
pub(crate) const TRIES: usize = 5;

/// What was answered so far.
pub(crate) struct Questions<'a> {
    registries: &'a Registries,
    counts: Arc<Counts>,
    registry: &'a str,
    name: &'a str,
    credentials: Vec<Credential>,
    digests: HashMap<String, String>,
    platforms: HashMap<String, BTreeSet<String>>,
}

impl<'a> Questions<'a> {
    /// About the image `name` of `registry`.
    pub fn new(
        registries: &'a Registries,
        counts: Arc<Counts>,
        registry: &'a str,
        name: &'a str,
        credentials: Vec<Credential>,
    ) -> Questions<'a> {
        let (digests, platforms) = Default::default();
        Questions { registries, counts, registry, name, credentials, digests, platforms }
    }

    async fn ask(&self, ask: Ask) -> Result<Reply, Trouble> {
        let reply = self.registries.ask(self.registry, self.name, &ask, &self.credentials).await?;
        self.counts.scanned(self.registry, self.name);
        Ok(reply)
    }

    /// All tags.
    pub async fn tags(&self) -> Result<Vec<String>, Trouble> {
        Ok(match self.ask(Ask::Tags).await? {
            Reply::Tags(tags) => tags,
            _ => Vec::new(),
        })
    }

    /// The digest behind a tag.
    pub async fn digest(&mut self, tag: &str) -> Result<String, Trouble> {
        if let Some(known) = self.digests.get(tag) {
            return Ok(known.clone());
        }
        let Reply::Digest(digest) = self.ask(Ask::Digest(tag.to_string())).await? else { return Ok(String::new()) };
        self.digests.insert(tag.to_string(), digest.clone());
        Ok(digest)
    }

    /// Platforms that the pods of `tracked` may run on, and that the image behind `digest` is not for.
    pub async fn missing(&mut self, tracked: &Tracked, nodes: &[Node], digest: &str) -> Result<Vec<String>, Trouble> {
        let needed = tracked.pull.as_ref().map(|pull| pull.platforms(nodes)).unwrap_or_default();
        if needed.is_empty() {
            return Ok(Vec::new());
        }
        if !self.platforms.contains_key(digest) {
            let found = match self.ask(Ask::Platforms(digest.to_string())).await? {
                Reply::Platforms(found) => found.iter().map(ToString::to_string).collect(),
                _ => BTreeSet::new(),
            };
            self.platforms.insert(digest.to_string(), found);
        }
        let offered = self.platforms.entry(digest.to_string()).or_default();
        Ok(needed.difference(offered).cloned().collect())
    }
}
