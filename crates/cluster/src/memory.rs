//! What is remembered of a subject between passes. All of it may be lost: the next process starts with none.

use crate::fresh::{Expectations, Freshness, Shown, Want};
use crate::watches::Caches;
use jiff::Timestamp;
use serinus_decide::{Kind, Seen, Target, Workload};
use serinus_wire::ObjectMeta;
use serinus_wire::k8s::ReplicaSet;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// First pause after a failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What is remembered of all subjects of one kind.
pub(crate) struct Memory<S> {
    subjects: Mutex<HashMap<S, Remembered>>,
}

impl<S> Default for Memory<S> {
    fn default() -> Self {
        Memory { subjects: Mutex::default() }
    }
}

/// What is remembered of one.
#[derive(Default)]
pub(crate) struct Remembered {
    /// What the caches must show first.
    pub expectations: Expectations,
    /// Passes in a row that failed.
    pub failures: u32,
    /// What was last complained about in an event.
    pub complaint: Option<String>,
    /// What stood in the way of ReplicaSets that were to be created, by name.
    pub in_the_way: BTreeMap<String, ReplicaSet>,
    /// Until when it is left alone, whatever happens around it.
    pub rests: Option<Instant>,
    /// What the server would not have of the last plan, in its words.
    pub refused: BTreeMap<Target, String>,
    /// Names that AnalysisRuns of somebody else have, as far as they were in the way.
    pub taken_runs: BTreeSet<String>,
    /// Since when its counts are held back.
    pub held_since: Option<Timestamp>,
    /// Its arrival was announced.
    pub announced: bool,
}

impl<S: Clone + Eq + Hash> Memory<S> {
    /// Reads or changes what is remembered of `subject`.
    pub fn of<T>(&self, subject: &S, change: impl FnOnce(&mut Remembered) -> T) -> T {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        match subjects.get_mut(subject) {
            Some(remembered) => change(remembered),
            None => change(subjects.entry(subject.clone()).or_default()),
        }
    }

    /// Forgets a subject that is gone.
    pub fn forget(&self, subject: &S) {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner).remove(subject);
    }
}

impl<S: Clone + Eq + Hash> Memory<S> {
    /// Whether the caches are overdue, so that `subject` must be read directly; an error tells how much longer it is left alone or the
    /// caches are waited for.
    pub fn due(&self, subject: &S, caches: &Caches) -> Result<bool, Duration> {
        self.of(subject, |remembered| match remembered.resting() {
            Some(left) => Err(left),
            None => match remembered.freshness(caches) {
                Freshness::Wait(left) => Err(left),
                Freshness::Fresh => Ok(false),
                Freshness::Overdue => Ok(true),
            },
        })
    }
}

impl Remembered {
    /// Whether the subject can be decided from the caches.
    pub fn freshness(&mut self, caches: &Caches) -> Freshness {
        self.expectations.check(|target| shown(caches, target), Instant::now())
    }

    /// The subject was read directly: its caches must show that much.
    pub fn read_directly(&mut self, seen: &Seen) {
        self.expectations.confirm(|target| read(seen, target), Instant::now());
    }

    /// What was seen, and what is remembered beside it.
    pub fn told(&self, seen: Seen) -> Seen {
        Seen {
            in_the_way: self.in_the_way.clone(),
            taken_runs: self.taken_runs.clone(),
            held_since: self.held_since,
            ..seen
        }
    }

    /// Expects what a pass has taught. Pods are not cached: nothing can be expected of them.
    pub fn expect(&mut self, expected: Vec<(Target, Want)>) {
        for (target, want) in expected.into_iter().filter(|(target, _)| target.kind != Kind::Pod) {
            self.expectations.expect(target, want, Instant::now());
        }
    }

    /// It is left alone for this long: its namespace goes, and each object that goes before it would be one more try.
    pub fn rest(&mut self, pause: Duration) {
        self.rests = Instant::now().checked_add(pause);
    }

    /// How much longer it is left alone.
    pub fn resting(&self) -> Option<Duration> {
        self.rests?.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// One more failure: how long to pause.
    pub fn failed(&mut self) -> Duration {
        self.failures += 1;
        FIRST_PAUSE.saturating_mul(1 << (self.failures - 1).min(16)).min(LONGEST_PAUSE)
    }

    /// Whether `complaint` is new.
    pub fn complains(&mut self, complaint: &str) -> bool {
        let new = self.complaint.as_deref() != Some(complaint);
        if new {
            self.complaint = Some(complaint.to_string());
        }
        new
    }

    /// A pass went through.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.complaint = None;
        self.in_the_way.clear();
        self.refused.clear();
        self.taken_runs.clear();
    }
}

fn of(meta: &ObjectMeta) -> Shown {
    Shown { uid: meta.uid.clone(), version: meta.resource_version.clone() }
}

/// What the caches show of an object.
fn shown(caches: &Caches, target: &Target) -> Option<Shown> {
    let Target { kind, namespace, name } = target;
    match kind {
        Kind::Rollout => caches.rollouts.get(namespace, name).map(|lens| of(lens.meta())),
        Kind::ReplicaSet => caches.replica_sets.get(namespace, name).map(|lens| of(lens.meta())),
        Kind::Deployment => caches.deployments.peek().get(namespace, name).map(|lens| of(lens.meta())),
        Kind::Service => caches.services.get(namespace, name).map(|lens| of(lens.meta())),
        Kind::Ingress => caches.ingresses.get(namespace, name).map(|lens| of(lens.meta())),
        Kind::AnalysisRun => caches.analysis_runs.get(namespace, name).map(|lens| of(lens.meta())),
        Kind::Experiment => caches.experiments.get(namespace, name).map(|lens| of(lens.meta())),
        Kind::Job => caches.jobs.get(namespace, name).map(|lens| of(lens.meta())),
        // Pods are not cached; updates of images have their own memory.
        Kind::Pod | Kind::StatefulSet | Kind::DaemonSet | Kind::CronJob | Kind::ImageUpdate => None,
    }
}

/// What a direct reading showed of an object.
fn read(seen: &Seen, target: &Target) -> Option<Shown> {
    let name = &target.name;
    match target.kind {
        Kind::Rollout => Some(of(&seen.rollout.metadata)),
        Kind::ReplicaSet => {
            seen.replica_sets.iter().find(|set| &set.metadata.name == name).map(|set| of(&set.metadata))
        }
        Kind::Deployment => match &seen.workload {
            Workload::Found(workload) if &workload.metadata.name == name => Some(of(&workload.metadata)),
            Workload::Found(_) | Workload::NotReferenced | Workload::Unsupported | Workload::Missing => None,
        },
        Kind::Service => seen.services.get(name).map(|service| of(&service.metadata)),
        Kind::Ingress => seen.ingresses.get(name).map(|ingress| of(&ingress.metadata)),
        Kind::AnalysisRun => seen.runs.iter().find(|run| &run.metadata.name == name).map(|run| of(&run.metadata)),
        Kind::Experiment => {
            seen.experiments.iter().find(|it| &it.metadata.name == name).map(|experiment| of(&experiment.metadata))
        }
        Kind::Pod | Kind::Job | Kind::StatefulSet | Kind::DaemonSet | Kind::CronJob | Kind::ImageUpdate => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_start_anew_after_success() {
        let mut remembered = Remembered::default();
        let pauses: Vec<u128> = (0..10).map(|_| remembered.failed().as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        for _ in 0..100 {
            remembered.failed();
        }
        assert_eq!(remembered.failed(), LONGEST_PAUSE);
        remembered.succeeded();
        assert_eq!(remembered.failed(), FIRST_PAUSE);
    }

    #[test]
    fn the_same_complaint_is_made_once() {
        let mut remembered = Remembered::default();
        assert!(remembered.complains("a"));
        assert!(!remembered.complains("a"));
        assert!(remembered.complains("b"));
        remembered.succeeded();
        assert!(remembered.complains("b"));
    }
}
