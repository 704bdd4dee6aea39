//! Everything the model holds behind its lock.

use crate::catalogue::{Catalogue, Kind, Resource};
use crate::failure::Failure;
use crate::history::Write;
use crate::names::Names;
use crate::pods::Life;
use crate::store::Store;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Everything the model holds.
#[derive(Clone, Debug)]
pub struct State {
    /// The objects.
    pub store: Store,
    /// The kinds.
    pub catalogue: Catalogue,
    /// Uids and name suffixes.
    pub names: Names,
    /// The time of the work that is being done.
    pub now: Timestamp,
    /// Every write that was asked for.
    pub history: Vec<Write>,
    /// Real ports of pods whose containers can't have the port they ask for: uid, asked, real.
    pub ports: BTreeMap<String, BTreeMap<u16, u16>>,
    /// Uids of the pods that a runner keeps.
    pub running: BTreeSet<String>,
    /// What was last reported of each pod on the node, by uid: the object as written, and the life that it tells of.
    pub reported: BTreeMap<String, (Arc<Value>, Life)>,
}

impl State {
    /// An empty cluster.
    pub fn new(now: Timestamp, seed: u64) -> State {
        State {
            store: Store::new(20_000),
            catalogue: Catalogue::default(),
            names: Names::new(seed),
            now,
            history: Vec::new(),
            ports: BTreeMap::new(),
            running: BTreeSet::new(),
            reported: BTreeMap::new(),
        }
    }
    /// One object, or the refusal that says it is not there.
    pub fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Result<Arc<Value>, Failure> {
        let found = self.store.get(&kind.stored(), namespace, name).cloned();
        found.ok_or_else(|| Failure::not_found(&kind.resource.group, &kind.resource.plural, name))
    }
    /// The objects of a built-in kind, all namespaces.
    pub fn all(&self, group: &str, plural: &str) -> Vec<Arc<Value>> {
        self.store.list(&Resource::new(group, plural), None).cloned().collect()
    }
}
