//! The watches of Jobs of metrics and of their pods.

use super::{Demand, Start, Told, drive};
use crate::cache::{Cache, Change, Feed};
use crate::lens::{JobPods, Jobs, Watched};
use crate::runs;
use futures::FutureExt;
use kube::runtime::watcher;
use serinus_wire::keys;

impl<T: Told> Start<'_, T> {
    /// Jobs wake the run that they belong to.
    pub(super) fn jobs(&mut self) -> Cache<Jobs> {
        let feed = Feed::<Jobs>::new(runs::job_keys);
        let cache = feed.cache();
        let queue = self.queues.runs.clone();
        let on_change = move |change: &Change<Jobs>| {
            let job = change.after.as_ref().or(change.before.as_ref());
            if let Some(run) = job.and_then(|job| runs::run_of(&job.value)) {
                let _ = queue.unbounded_send(run);
            }
        };
        self.of_runs(feed, on_change);
        cache
    }

    /// A pod tells why its Job does not get on, and wakes the Job's run.
    pub(super) fn job_pods(&mut self, jobs: &Cache<Jobs>) -> Cache<JobPods> {
        let feed = Feed::<JobPods>::new(runs::job_pod_keys);
        let cache = feed.cache();
        let (queue, jobs) = (self.queues.runs.clone(), jobs.clone());
        let on_change = move |change: &Change<JobPods>| {
            let Some(pod) = &change.after else { return };
            let job = pod.meta().controller().and_then(|owner| jobs.get(&pod.meta().namespace, &owner.name));
            if let Some(run) = job.and_then(|job| runs::run_of(&job.value)) {
                let _ = queue.unbounded_send(run);
            }
        };
        self.of_runs(feed, on_change);
        cache
    }

    /// Watches what carries the label of a run, where Jobs are made.
    fn of_runs<K: Watched>(&mut self, feed: Feed<K>, on_change: impl Fn(&Change<K>) + Send + 'static) {
        let config = watcher::Config::default().labels(keys::JOB_RUN_UID);
        let api = self.scope.job_api(self.client);
        self.running.push(drive(api, config, Demand::May, feed, self.told.clone(), on_change).boxed());
    }
}
