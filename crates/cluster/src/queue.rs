//! The queue of one kind of subject: each is looked at by one pass at a time, and all in the order in which they fell due.
//!
//! kube-runtime's queue goes through hash maps, so that what happens in the same millisecond happens in another order each time.
//! With this one a run in virtual time repeats itself, which is what makes a fault worth finding. A pass is polled only when it
//! was woken, however many run.

use crate::cache::Cache;
use crate::lens::{Lens, Watched};
use futures::channel::mpsc::UnboundedReceiver;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use kube::runtime::reflector::ObjectRef;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long running passes may take to finish after the stop.
const FINISH: Duration = Duration::from_secs(25);
/// What is further away than this is looked at earlier.
const FURTHEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// When a subject is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// After this long, or earlier when something changes.
    After(Duration),
    /// When something changes.
    OnChange,
}

/// Who is due when, and who is being looked at.
struct Queue<S> {
    due: BTreeMap<(Instant, u64), S>,
    places: HashMap<S, (Instant, u64)>,
    running: HashSet<S>,
    /// Fell due while a pass over them runs.
    again: HashSet<S>,
    /// Passes that may run at the same time.
    threads: usize,
    serial: u64,
}

impl<S: Clone + Eq + Hash> Queue<S> {
    fn new(threads: usize) -> Queue<S> {
        Queue {
            due: BTreeMap::new(),
            places: HashMap::new(),
            running: HashSet::new(),
            again: HashSet::new(),
            threads: threads.max(1),
            serial: 0,
        }
    }

    /// `subject` is due at `at`, or earlier if it was so already.
    fn put(&mut self, subject: S, at: Instant) {
        if let Some(place) = self.places.get(&subject) {
            if place.0 <= at {
                return;
            }
            self.due.remove(place);
        }
        self.serial += 1;
        let place = (at, self.serial);
        self.due.insert(place, subject.clone());
        self.places.insert(subject, place);
    }

    /// The next one to look at. One that a pass looks at just now waits for its end.
    fn next(&mut self, now: Instant) -> Option<S> {
        while self.running.len() < self.threads {
            let first = self.due.first_entry().filter(|first| first.key().0 <= now)?;
            let subject = first.remove();
            self.places.remove(&subject);
            if self.running.insert(subject.clone()) {
                return Some(subject);
            }
            self.again.insert(subject);
        }
        None
    }

    /// The pass over `subject` has ended.
    fn done(&mut self, subject: S, action: Action, now: Instant) {
        self.running.remove(&subject);
        if self.again.remove(&subject) {
            self.put(subject, now);
        } else if let Action::After(pause) = action {
            self.put(subject, now + pause.min(FURTHEST));
        }
    }

    /// When somebody is due next, unless as many run as may.
    fn wake(&self) -> Option<Instant> {
        self.due.keys().next().filter(|_| self.running.len() < self.threads).map(|(at, _)| *at)
    }
}

/// The name of an object, shared by all that hold it.
pub(crate) type Named<K> = Arc<ObjectRef<Lens<K>>>;

/// Passes over the objects of one kind as `queued` asks for them, until the stop and the end of those that run. Begins with all.
pub(crate) async fn work<K: Watched, P, F>(
    reconcile: fn(Named<K>, Arc<P>) -> F,
    cache: Cache<K>,
    pass: Arc<P>,
    threads: u16,
    mut queued: UnboundedReceiver<ObjectRef<Lens<K>>>,
    stop: &CancellationToken,
) where
    F: Future<Output = Action> + Send + 'static,
    P: Send + Sync + 'static,
{
    let mut queue = Queue::new(threads.into());
    // Each name is kept once, however many places of the queue hold it.
    for subject in cache.all_references() {
        queue.put(Arc::new(subject), Instant::now());
    }
    let mut passes = FuturesUnordered::new();
    loop {
        // All that is asked for is known before a pass begins: what was asked for twice is looked at once.
        while let Some(Some(subject)) = queued.next().now_or_never() {
            queue.put(Arc::new(subject), Instant::now());
        }
        while let Some(subject) = queue.next(Instant::now()) {
            // By name alone: a pass that has to wait for the caches never opens the object.
            if cache.has(&subject) {
                passes.push(reconcile(subject.clone(), pass.clone()).map(|action| (subject, action)).boxed());
            } else {
                // It is gone by the time it is its turn.
                queue.done(subject, Action::OnChange, Instant::now());
            }
        }
        let due = async {
            match queue.wake() {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some((subject, action)) = passes.next() => queue.done(subject, action, Instant::now()),
            Some(subject) = queued.next() => queue.put(Arc::new(subject), Instant::now()),
            () = due => {}
        }
    }
    let finished = async { while passes.next().await.is_some() {} };
    if tokio::time::timeout(FINISH, finished).await.is_err() {
        tracing::warn!("stops although a pass has not finished");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_earliest_comes_first_and_the_first_of_those_that_are_due_together() {
        let (mut queue, now) = (Queue::new(10), Instant::now());
        for (name, second) in [("d", 3), ("b", 1), ("c", 1), ("a", 0), ("b", 5), ("d", 2)] {
            queue.put(name, now + Duration::from_secs(second));
        }
        assert_eq!(queue.wake(), Some(now));
        let mut due = |second| {
            let mut due = Vec::new();
            while let Some(name) = queue.next(now + Duration::from_secs(second)) {
                queue.done(name, Action::OnChange, now);
                due.push(name);
            }
            due
        };
        assert_eq!((due(0), due(1), due(2), due(9)), (vec!["a"], vec!["b", "c"], vec!["d"], vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn one_pass_at_a_time_over_one_subject_and_no_more_than_allowed_over_all() {
        let (mut queue, now) = (Queue::new(2), Instant::now());
        queue.put("a", now);
        assert_eq!(queue.next(now), Some("a"));
        queue.put("a", now);
        queue.put("b", now);
        queue.put("c", now);
        // "a" is under way: it is its turn again when that has ended.
        assert_eq!((queue.next(now), queue.next(now), queue.wake()), (Some("b"), None, None));
        queue.done("a", Action::After(Duration::from_secs(60)), now);
        assert_eq!((queue.next(now), queue.next(now)), (Some("c"), None));
        queue.done("b", Action::After(Duration::from_secs(60)), now);
        assert_eq!((queue.next(now), queue.next(now)), (Some("a"), None));
        queue.done("c", Action::OnChange, now);
        assert_eq!((queue.next(now), queue.wake()), (None, Some(now + Duration::from_secs(60))));
    }
}
