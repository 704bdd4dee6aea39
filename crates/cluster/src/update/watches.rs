//! Watches for updates of images: the updates, and the workloads by the images that they run. Rollouts are watched already.

use super::own::Own;
use crate::cache::{Cache, Change, Feed};
use crate::lens::{CronJobs, DaemonSets, ImageUpdates, Lens, Rollouts, StatefulSets, TrackedDeployments, Watched};
use crate::watches::{Demand, Scope, Told, drive, key};
use futures::FutureExt;
use futures::channel::mpsc::UnboundedSender;
use futures::future::BoxFuture;
use kube::Client;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use serinus_decide::Kind;
use serinus_decide::update::reference::Reference;
use serinus_decide::update::{Behind, Seen, Tracked};
use serinus_wire::ImageUpdate;
use serinus_wire::image_update::WorkloadName;
use serinus_wire::keel::{self, Settings};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::watch;

/// An update by namespace and name.
pub type Subject = ObjectRef<Lens<ImageUpdates>>;

/// The read sides of the caches.
#[derive(Clone)]
pub struct UpdateCaches {
    /// Updates, found by workload.
    pub updates: Cache<ImageUpdates>,
    rollouts: Cache<Rollouts>,
    deployments: Cache<TrackedDeployments>,
    stateful_sets: Cache<StatefulSets>,
    daemon_sets: Cache<DaemonSets>,
    cron_jobs: Cache<CronJobs>,
    news: News,
    /// What this process creates; only whoever has the turn of a workload may rely on it.
    pub own: Arc<Own>,
}

/// Counts the changes that polling has to know of.
#[derive(Clone)]
pub struct News(Arc<watch::Sender<u64>>);

impl News {
    fn spread(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// How many there were.
    pub fn epoch(&self) -> u64 {
        *self.0.borrow()
    }

    /// Waits until there were others than `epoch`.
    pub async fn after(&self, epoch: u64) {
        let _ = self.0.subscribe().wait_for(|count| *count != epoch).await;
    }

    /// A workload changed: only what is said on it, and what it runs, is news.
    fn of_workload(&self, before: Option<&Tracked>, after: Option<&Tracked>) {
        let polls = |tracked: &Tracked| tracked.settings.polls;
        let said = |tracked: &Tracked| tracked.metadata.annotations.get(keel::DIGEST).cloned();
        let same = match (before, after) {
            (Some(before), Some(after)) => {
                before.settings == after.settings
                    && before.pods == after.pods
                    && before.pull == after.pull
                    && said(before) == said(after)
            }
            _ => false,
        };
        if !same && before.into_iter().chain(after).any(polls) {
            self.spread();
        }
    }
}

impl UpdateCaches {
    /// Waits until every cache has seen its first list.
    pub async fn ready(&self) -> bool {
        self.updates.ready().await
            && self.deployments.ready().await
            && self.stateful_sets.ready().await
            && self.daemon_sets.ready().await
            && self.cron_jobs.ready().await
    }

    /// Workloads that run an image of this repository and say what is to be done about it, by kind and name.
    pub fn running(&self, repository: &str) -> Vec<Tracked> {
        let key = image_key(repository);
        let rollouts = self.rollouts.find(&key).into_iter().map(|lens| Tracked::of_rollout(&lens.value));
        let mut found: Vec<Tracked> = rollouts.collect();
        found.extend(self.deployments.find(&key).into_iter().map(|lens| lens.value.clone()));
        found.extend(self.stateful_sets.find(&key).into_iter().map(|lens| lens.value.clone()));
        found.extend(self.daemon_sets.find(&key).into_iter().map(|lens| lens.value.clone()));
        found.extend(self.cron_jobs.find(&key).into_iter().map(|lens| lens.value.clone()));
        found
    }

    /// All workloads, tracked or not.
    pub fn workloads(&self) -> Vec<Tracked> {
        let mut all: Vec<Tracked> = self.rollouts.all(|lens| Tracked::of_rollout(&lens.value));
        all.extend(self.deployments.all(|lens| lens.value.clone()));
        all.extend(self.stateful_sets.all(|lens| lens.value.clone()));
        all.extend(self.daemon_sets.all(|lens| lens.value.clone()));
        all.extend(self.cron_jobs.all(|lens| lens.value.clone()));
        let order =
            |tracked: &Tracked| (tracked.metadata.namespace.clone(), tracked.kind, tracked.metadata.name.clone());
        all.sort_by_cached_key(order);
        all
    }

    /// Workloads that ask for polling.
    pub fn polled(&self) -> Vec<Tracked> {
        let of_rollout =
            |lens: &Lens<Rollouts>| Settings::of(lens.meta()).polls.then(|| Tracked::of_rollout(&lens.value));
        let mut all: Vec<Tracked> = self.rollouts.all(of_rollout).into_iter().flatten().collect();
        all.extend(polled(&self.deployments));
        all.extend(polled(&self.stateful_sets));
        all.extend(polled(&self.daemon_sets));
        all.extend(polled(&self.cron_jobs));
        all
    }

    /// The changes that polling has to know of.
    pub fn news(&self) -> News {
        self.news.clone()
    }

    /// Updates of one workload, by name.
    pub fn of_workload(&self, namespace: &str, workload: &WorkloadName) -> Vec<ImageUpdate> {
        self.updates.find(&workload_key(namespace, workload)).iter().map(|lens| lens.value.clone()).collect()
    }

    /// What is known about `update`.
    pub fn seen(&self, update: &ImageUpdate, habits: serinus_decide::update::Habits) -> Seen {
        let namespace = update.metadata.namespace.as_str();
        let tracked = self.tracked(namespace, &update.spec.workload);
        let mut siblings = self.of_workload(namespace, &update.spec.workload);
        siblings.retain(|other| other.metadata.name != update.metadata.name);
        let behind = tracked.as_ref().and_then(|tracked| self.behind(tracked)).unwrap_or_default();
        Seen { update: update.clone(), tracked, siblings, behind, habits }
    }

    fn tracked(&self, namespace: &str, workload: &WorkloadName) -> Option<Tracked> {
        let name = workload.name.as_str();
        match workload.kind.as_str() {
            "Rollout" => Some(Tracked::of_rollout(&self.rollouts.get(namespace, name)?.value)),
            "Deployment" => Some(self.deployments.get(namespace, name)?.value.clone()),
            "StatefulSet" => Some(self.stateful_sets.get(namespace, name)?.value.clone()),
            "DaemonSet" => Some(self.daemon_sets.get(namespace, name)?.value.clone()),
            "CronJob" => Some(self.cron_jobs.get(namespace, name)?.value.clone()),
            _ => None,
        }
    }

    /// The Rollout that is the workload, or refers to it.
    fn behind(&self, tracked: &Tracked) -> Option<Behind> {
        let (namespace, name) = (&tracked.metadata.namespace, &tracked.metadata.name);
        let rollout = match tracked.kind {
            Kind::Rollout => self.rollouts.get(namespace, name),
            kind => self.rollouts.find(&key(kind.word(), namespace, name)).into_iter().next(),
        };
        Some(Behind::of(&rollout?.value, tracked))
    }
}

/// Wakes the updates that a change concerns.
#[derive(Clone)]
pub struct Waker {
    updates: Cache<ImageUpdates>,
    news: News,
    queue: UnboundedSender<Subject>,
    leads: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Waker {
    fn wake(&self, namespace: &str, kind: &str, name: &str) {
        // Who stands by lets nothing pile up: whoever leads begins with all of them.
        if !(self.leads)() {
            return;
        }
        let workload = WorkloadName { kind: kind.to_string(), name: name.to_string() };
        for update in self.updates.references(&workload_key(namespace, &workload)) {
            let _ = self.queue.unbounded_send(update);
        }
    }

    fn wake_one(&self, update: Subject) {
        if (self.leads)() {
            let _ = self.queue.unbounded_send(update);
        }
    }

    /// A Rollout changed: its own updates, and those of what it refers to.
    pub fn rollout(&self, change: &Change<Rollouts>) {
        let rollouts = [&change.before, &change.after].map(|lens| lens.as_ref().map(|lens| &lens.value));
        if rollouts.iter().flatten().any(|rollout| Settings::of(&rollout.metadata).polls) {
            let [before, after] = rollouts.map(|rollout| rollout.map(Tracked::of_rollout));
            self.news.of_workload(before.as_ref(), after.as_ref());
        }
        let Some(rollout) = rollouts[1].or(rollouts[0]) else { return };
        let meta = &rollout.metadata;
        self.wake(&meta.namespace, Rollouts::KIND, &meta.name);
        if let Some(workload) = &rollout.spec.workload_ref {
            self.wake(&meta.namespace, &workload.kind, &workload.name);
        }
    }
}

/// Whether two states of an update are alike in all that polling, and the other updates of its workload, are decided by: what is only told of
/// one that waits for votes is nobody else's business.
fn says_the_same(before: &ImageUpdate, after: &ImageUpdate) -> bool {
    before.spec == after.spec
        && before.status.phase == after.status.phase
        && before.status.applied_at == after.status.applied_at
        && before.metadata.deletion_timestamp == after.metadata.deletion_timestamp
}

/// Sets the watches up; the futures run them for ever.
pub fn watches(
    client: &Client,
    scope: &Scope,
    rollouts: Cache<Rollouts>,
    queue: UnboundedSender<Subject>,
    told: &impl Told,
) -> (UpdateCaches, Waker, Vec<BoxFuture<'static, ()>>) {
    let feed =
        Feed::<ImageUpdates>::new(|update| vec![workload_key(&update.metadata.namespace, &update.spec.workload)]);
    let updates = feed.cache();
    let leader = told.clone();
    let news = News(Arc::new(watch::Sender::new(0)));
    let waker = Waker { updates: updates.clone(), news: news.clone(), queue, leads: Arc::new(move || leader.leads()) };
    let mut running = Vec::new();
    let of_updates = waker.clone();
    let own = Arc::new(Own::default());
    let making = own.clone();
    let on_change = move |change: &Change<ImageUpdates>| {
        let concerns_others = match (&change.before, &change.after) {
            (Some(before), Some(after)) => !says_the_same(&before.value, &after.value),
            _ => true,
        };
        if concerns_others {
            of_updates.news.spread();
        }
        for update in change.before.iter().chain(change.after.iter()) {
            let (workload, meta) = (&update.value.spec.workload, update.meta());
            making.settled(&workload_key(&meta.namespace, workload), &meta.name);
            if concerns_others {
                of_updates.wake(&meta.namespace, &workload.kind, &workload.name);
            } else {
                of_updates.wake_one(Subject::new(&meta.name).within(&meta.namespace));
            }
        }
    };
    let api = scope.api::<ImageUpdates>(client);
    running.push(drive(api, watcher::Config::default(), Demand::May, feed, told.clone(), on_change).boxed());
    let caches = UpdateCaches {
        updates,
        rollouts,
        deployments: workloads(client, scope, &waker, told, &mut running),
        stateful_sets: workloads(client, scope, &waker, told, &mut running),
        daemon_sets: workloads(client, scope, &waker, told, &mut running),
        cron_jobs: workloads(client, scope, &waker, told, &mut running),
        news,
        own,
    };
    (caches, waker, running)
}

fn workloads<K: Watched<Value = Tracked>>(
    client: &Client,
    scope: &Scope,
    waker: &Waker,
    told: &impl Told,
    running: &mut Vec<BoxFuture<'static, ()>>,
) -> Cache<K> {
    let feed = Feed::<K>::new(image_keys);
    let cache = feed.cache();
    let waker = waker.clone();
    let on_change = move |change: &Change<K>| {
        let [before, after] = [&change.before, &change.after].map(|lens| lens.as_ref().map(|lens| &lens.value));
        waker.news.of_workload(before, after);
        for object in change.before.iter().chain(change.after.iter()) {
            waker.wake(&object.meta().namespace, K::KIND, &object.meta().name);
        }
    };
    running.push(
        drive(scope.api::<K>(client), watcher::Config::default(), Demand::May, feed, told.clone(), on_change).boxed(),
    );
    cache
}

fn polled<K: Watched<Value = Tracked>>(cache: &Cache<K>) -> Vec<Tracked> {
    let polls = |lens: &Lens<K>| lens.value.settings.polls.then(|| lens.value.clone());
    cache.all(polls).into_iter().flatten().collect()
}

/// Keys by the images that updates may change.
pub fn image_keys(tracked: &Tracked) -> Vec<String> {
    let repository = |image: &str| Reference::parse(image).ok().map(|reference| image_key(&reference.repository()));
    let keys: BTreeSet<String> = tracked.monitored().iter().filter_map(|slot| repository(&slot.image)).collect();
    keys.into_iter().collect()
}

fn image_key(repository: &str) -> String {
    key("image", "", repository)
}

/// The updates of a workload are found under this.
pub fn workload_key(namespace: &str, workload: &WorkloadName) -> String {
    key(&workload.kind, namespace, &workload.name)
}
