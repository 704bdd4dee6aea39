//! The ReplicaSets of a Rollout, and which of them is new, stable, or neither.

use jiff::Timestamp;
use serinus_wire::k8s::ReplicaSet;
use serinus_wire::keys;
use std::collections::BTreeMap;

/// One ReplicaSet as the pass sees it: as it was seen, with the changes that the plan already makes.
#[derive(Clone, Debug)]
pub struct SetView<'a> {
    /// As it was seen.
    pub seen: &'a ReplicaSet,
    /// `spec.replicas`, after the plan's own scaling.
    pub replicas: i32,
    /// Annotations, after the plan's own edits.
    pub annotations: BTreeMap<String, String>,
}

impl<'a> SetView<'a> {
    /// A set as it was seen.
    pub fn new(seen: &'a ReplicaSet) -> SetView<'a> {
        SetView { seen, replicas: seen.spec.replicas.unwrap_or(1), annotations: seen.metadata.annotations.clone() }
    }
    /// Name.
    pub fn name(&self) -> &'a str {
        &self.seen.metadata.name
    }
    /// The pod-template hash, as its label says (never recomputed: spec 2.2).
    pub fn hash(&self) -> &'a str {
        self.seen.metadata.labels.get(keys::HASH).map_or("", String::as_str)
    }
    /// Pods that are available.
    pub fn available(&self) -> i32 {
        self.seen.status.available_replicas
    }
    /// Pods that exist.
    pub fn existing(&self) -> i32 {
        self.seen.status.replicas
    }
    /// Revision number; 0 when there is none.
    pub fn revision(&self) -> i64 {
        self.annotations.get(keys::REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
    }
    /// `spec.replicas` of the Rollout when the set was last touched.
    pub fn desired_annotation(&self) -> Option<i32> {
        self.annotations.get(keys::DESIRED_REPLICAS).and_then(|text| text.parse().ok())
    }
    /// When the set may be scaled down: absent, unreadable (counts as passed), or a time.
    pub fn deadline(&self) -> Option<Result<Timestamp, ()>> {
        self.annotations.get(keys::SCALE_DOWN_DEADLINE).map(|text| text.parse().map_err(|_| ()))
    }
    /// Creation time; the epoch when unknown.
    pub fn created(&self) -> Timestamp {
        self.seen.metadata.creation_timestamp.map_or(Timestamp::UNIX_EPOCH, |time| time.0)
    }
    /// Fully available at its size, and not empty.
    pub fn fully_available(&self) -> bool {
        self.replicas != 0 && self.available() >= self.replicas
    }
}

/// All sets, oldest first, with the roles of two of them.
#[derive(Clone, Debug, Default)]
pub struct Sets<'a> {
    /// Oldest first.
    pub all: Vec<SetView<'a>>,
    new: Option<usize>,
    stable: Option<usize>,
}

impl<'a> Sets<'a> {
    /// Orders the sets and finds the new one by `is_new` (tried in order, first match wins) and the stable one by its hash.
    pub fn new(
        sets: impl Iterator<Item = &'a ReplicaSet>,
        is_new: &[&dyn Fn(&ReplicaSet) -> bool],
        stable: &str,
    ) -> Sets<'a> {
        let mut all: Vec<SetView<'a>> = sets.map(SetView::new).collect();
        all.sort_by(|a, b| (a.created(), a.name()).cmp(&(b.created(), b.name())));
        let new = is_new.iter().find_map(|test| all.iter().position(|set| test(set.seen)));
        let stable = if stable.is_empty() { None } else { all.iter().position(|set| set.hash() == stable) };
        Sets { all, new, stable }
    }
    /// The set of the wanted template.
    pub fn new_set(&self) -> Option<&SetView<'a>> {
        self.new.and_then(|index| self.all.get(index))
    }
    /// The set that took all traffic last; may be the new one.
    pub fn stable_set(&self) -> Option<&SetView<'a>> {
        self.stable.and_then(|index| self.all.get(index))
    }
    /// Place of the new set.
    pub fn new_index(&self) -> Option<usize> {
        self.new
    }
    /// Place of the stable set.
    pub fn stable_index(&self) -> Option<usize> {
        self.stable
    }
    /// Whether the new set is the stable one.
    pub fn new_is_stable(&self) -> bool {
        self.new.is_some() && self.new == self.stable
    }
    /// Places of the sets that are neither new nor stable, oldest first.
    pub fn others(&self) -> Vec<usize> {
        (0..self.all.len()).filter(|&index| Some(index) != self.new && Some(index) != self.stable).collect()
    }
    /// Places of the sets that are not the new one, oldest first.
    pub fn older(&self) -> Vec<usize> {
        (0..self.all.len()).filter(|&index| Some(index) != self.new).collect()
    }
    /// Sum over all sets.
    pub fn sum(&self, count: impl Fn(&SetView<'a>) -> i32) -> i32 {
        self.all.iter().map(count).sum()
    }
}
