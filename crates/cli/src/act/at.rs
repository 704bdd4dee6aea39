//! A namespace of a cluster, and what a person is told when something there does not work.

use crate::args::Connection;
use anyhow::{Context as _, anyhow};
use serde_json::Value;
use serinus_cluster::client::{self, ClientError, Cluster, Patch, ROLLOUT, Resource, Selection};
use serinus_wire::Rollout;

/// A namespace of a cluster.
pub struct At {
    /// The cluster.
    pub cluster: Cluster,
    /// The namespace.
    pub namespace: String,
}

impl At {
    /// Where the flags point.
    ///
    /// # Errors
    /// The kubeconfig can't be read, or lacks what the flags name.
    pub async fn of(connection: &Connection) -> anyhow::Result<At> {
        let cluster = client::connect(&connection.flags()).await?;
        let namespace = cluster.namespace().to_string();
        Ok(At { cluster, namespace })
    }

    /// An object as it stands there.
    pub async fn get(&self, resource: &Resource, name: &str) -> anyhow::Result<Value> {
        self.cluster.get(resource, &self.namespace, name).await.map_err(|error| self.explained(resource, name, error))
    }

    /// A rollout.
    pub async fn rollout(&self, name: &str) -> anyhow::Result<Rollout> {
        readable(name, self.get(&ROLLOUT, name).await?)
    }

    /// The selected objects of a kind. A server without a kind has no objects of it when `optional`.
    pub async fn list(
        &self,
        resource: &Resource,
        selection: &Selection,
        optional: bool,
    ) -> anyhow::Result<Option<Vec<Value>>> {
        match self.cluster.list(resource, Some(&self.namespace), selection).await {
            Ok(objects) => Ok(Some(objects)),
            Err(error) if optional && error.is_unknown_kind() => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} of namespace '{}'", resource.plural, self.namespace)),
        }
    }

    /// Patches an object.
    pub async fn patch(&self, resource: &Resource, name: &str, how: Patch, patch: &Value) -> anyhow::Result<()> {
        let done = self.cluster.patch(resource, &self.namespace, name, how, patch).await;
        done.map(|_| ()).map_err(|error| self.explained(resource, name, error))
    }

    /// Merges a patch of the status into an object; old kinds have no subresource for it and keep it in the object itself.
    pub async fn patch_status(&self, resource: &Resource, name: &str, patch: &Value) -> anyhow::Result<()> {
        match self.cluster.patch_status(resource, &self.namespace, name, patch).await {
            Err(error) if error.is_not_found() => self.patch(resource, name, Patch::Merge, patch).await,
            done => done.map(|_| ()).map_err(|error| self.explained(resource, name, error)),
        }
    }

    /// The error with what it was about, and the remedy when the object is not there.
    pub fn explained(&self, resource: &Resource, name: &str, error: ClientError) -> anyhow::Error {
        let what = spelled(resource);
        if !error.is_not_found() || error.is_unknown_kind() {
            return anyhow!("{what} '{name}': {error}");
        }
        self.missing(resource, name)
    }

    /// The object is not there.
    pub fn missing(&self, resource: &Resource, name: &str) -> anyhow::Error {
        let (what, namespace) = (spelled(resource), &self.namespace);
        let remedy = match resource.kind {
            "Rollout" => "`list rollouts -A` shows those that exist, -n chooses the namespace".to_string(),
            _ => "correct the name, or choose the namespace with -n".to_string(),
        };
        anyhow!("{what} '{name}' not found in namespace '{namespace}': {remedy}")
    }
}

/// A kind as people write it: with a small first letter.
pub fn spelled(resource: &Resource) -> String {
    let mut letters = resource.kind.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// A rollout from what the server has.
pub fn readable(name: &str, object: Value) -> anyhow::Result<Rollout> {
    Rollout::read(object).map_err(|error| anyhow!("rollout '{name}': {error}"))
}
