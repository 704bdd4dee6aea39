//! Nodes by their labels, read when an image is about to be proposed, and kept for a moment.

use crate::Clock;
use crate::client::Cluster;
use http::{Request, header};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serinus_decide::update::pull::Node;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How long a list counts.
const FRESH: SignedDuration = SignedDuration::from_secs(60);
/// Only names and labels are wanted.
const METADATA: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io, application/json";

/// When they were listed, and which there were; nothing when they could not be listed.
type Listed = (Timestamp, Option<Arc<[Node]>>);

/// The nodes.
pub(crate) struct Nodes {
    cluster: Cluster,
    clock: Arc<dyn Clock>,
    last: Mutex<Option<Listed>>,
}

impl Nodes {
    pub fn new(cluster: Cluster, clock: Arc<dyn Clock>) -> Nodes {
        Nodes { cluster, clock, last: Mutex::default() }
    }

    /// All of them; nothing when they can't be listed.
    pub async fn all(&self) -> Option<Arc<[Node]>> {
        let now = self.clock.now();
        if let Some((at, nodes)) = &*self.last.lock().unwrap_or_else(PoisonError::into_inner)
            && now.duration_since(*at) < FRESH
        {
            return nodes.clone();
        }
        let nodes = self.list().await;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, nodes.clone()));
        nodes
    }

    async fn list(&self) -> Option<Arc<[Node]>> {
        #[derive(Deserialize)]
        struct List {
            #[serde(default)]
            items: Vec<Item>,
        }
        #[derive(Deserialize)]
        struct Item {
            metadata: Meta,
        }
        #[derive(Deserialize)]
        struct Meta {
            #[serde(default)]
            name: String,
            #[serde(default)]
            labels: BTreeMap<String, String>,
        }
        let request = Request::get("/api/v1/nodes").header(header::ACCEPT, METADATA).body(Vec::new()).ok()?;
        match self.cluster.client().request::<List>(request).await {
            Ok(list) => {
                let node = |item: Item| Node { name: item.metadata.name, labels: item.metadata.labels };
                Some(list.items.into_iter().map(node).collect())
            }
            Err(error) => {
                let why = crate::error::said(&error);
                tracing::info!(why, "nodes can't be listed: images are not compared with their platforms");
                None
            }
        }
    }
}
