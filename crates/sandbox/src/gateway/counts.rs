//! How many requests each version answered, how many failed, and how long they took.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What answered: all pods of one ReplicaSet are one version.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Namespace.
    pub namespace: String,
    /// Pod-template hash; empty for pods that no Rollout made.
    pub hash: String,
    /// Tag of the first container's image.
    pub tag: String,
}

/// Numbers of one version. They only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Requests.
    pub requests: u64,
    /// Of them, those with a status from 500 up and those that got no answer.
    pub failures: u64,
    /// Sum of the times to the head of the answer.
    pub time: Duration,
    /// The longest of them.
    pub slowest: Duration,
}

impl Tally {
    /// What came since `earlier`; the longest time stays that of all.
    pub fn since(&self, earlier: &Tally) -> Tally {
        Tally {
            requests: self.requests.saturating_sub(earlier.requests),
            failures: self.failures.saturating_sub(earlier.failures),
            time: self.time.saturating_sub(earlier.time),
            slowest: self.slowest,
        }
    }

    /// Mean time of a request.
    pub fn mean(&self) -> Duration {
        if self.requests == 0 { Duration::ZERO } else { self.time.div_f64(self.requests as f64) }
    }
}

/// Counts of all versions. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    versions: BTreeMap<Version, Tally>,
    unrouted: u64,
}

impl Counts {
    /// One request that a version answered, well or not, or should have.
    pub fn answered(&self, version: &Version, failed: bool, took: Duration) {
        let mut inner = self.inner();
        if !inner.versions.contains_key(version) {
            inner.versions.insert(version.clone(), Tally::default());
        }
        if let Some(tally) = inner.versions.get_mut(version) {
            tally.requests += 1;
            tally.failures += u64::from(failed);
            tally.time += took;
            tally.slowest = tally.slowest.max(took);
        }
    }

    /// One request for which there was no Ingress or no ready pod.
    pub fn unrouted(&self) {
        self.inner().unrouted += 1;
    }

    /// All versions so far.
    pub fn versions(&self) -> BTreeMap<Version, Tally> {
        self.inner().versions.clone()
    }

    /// What the ReplicaSet with this hash has answered so far.
    pub fn of_hash(&self, namespace: &str, hash: &str) -> Tally {
        let mut sum = Tally::default();
        for (_, tally) in self.inner().versions.iter().filter(|(v, _)| v.namespace == namespace && v.hash == hash) {
            sum.requests += tally.requests;
            sum.failures += tally.failures;
            sum.time += tally.time;
            sum.slowest = sum.slowest.max(tally.slowest);
        }
        sum
    }

    /// Requests that went nowhere.
    pub fn nowhere(&self) -> u64 {
        self.inner().unrouted
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
