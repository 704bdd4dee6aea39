//! Watches for updates of images: the updates, and the workloads by the images that they run. Rollouts are watched already.

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
use serinus_wire::image_update::WorkloadName;
use serinus_wire::{ImageUpdate, Rollout};
use std::collections::BTreeSet;
use std::sync::Arc;

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

    /// A Rollout changed: its own updates, and those of what it refers to.
    pub fn rollout(&self, rollout: &Rollout) {
        let meta = &rollout.metadata;
        self.wake(&meta.namespace, Rollouts::KIND, &meta.name);
        if let Some(workload) = &rollout.spec.workload_ref {
            self.wake(&meta.namespace, &workload.kind, &workload.name);
        }
    }
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
    let waker = Waker { updates: updates.clone(), queue, leads: Arc::new(move || leader.leads()) };
    let mut running = Vec::new();
    let of_updates = waker.clone();
    let on_change = move |change: &Change<ImageUpdates>| {
        for update in change.before.iter().chain(change.after.iter()) {
            let workload = &update.value.spec.workload;
            of_updates.wake(&update.meta().namespace, &workload.kind, &workload.name);
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
        for object in change.before.iter().chain(change.after.iter()) {
            waker.wake(&object.meta().namespace, K::KIND, &object.meta().name);
        }
    };
    running.push(
        drive(scope.api::<K>(client), watcher::Config::default(), Demand::May, feed, told.clone(), on_change).boxed(),
    );
    cache
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

fn workload_key(namespace: &str, workload: &WorkloadName) -> String {
    key(&workload.kind, namespace, &workload.name)
}
