//! The watches: which kinds, what part of them, and which Rollouts an object concerns.
//!
//! Workload kinds are watched from the first `workloadRef` on that names one; a cluster without any never lists them.

mod jobs;

use crate::cache::{Cache, Change, Feed};
use crate::experiments::{ExperimentRef, controlled, experiment_keys};
use crate::lens::{
    AnalysisRuns, AnalysisTemplates, ClusterTemplates, Deployments, EndpointSlices, Experiments, Ingresses, JobPods,
    Jobs, Lens, PodTemplates, ReplicaSets, Rollouts, Services, Watched, WorkloadSets,
};
use crate::pauses::Pauses;
use crate::runs::{self, RunRef};
use crate::update::watches::image_keys;
use futures::channel::mpsc::UnboundedSender;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use serinus_decide::update::Tracked;
use serinus_wire::k8s::{EndpointSlice, ReplicaSet, Service};
use serinus_wire::{ObjectMeta, Rollout, keys};
use std::sync::Arc;
use tokio::sync::Notify;

/// A Rollout by namespace and name: what the queue holds.
pub type Subject = ObjectRef<Lens<Rollouts>>;

/// The label of an EndpointSlice that names its Service.
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Objects of a list that come in one answer: a page is held in full before the first of it rests packed in its cache.
const PAGE: u32 = 100;

/// What part of the cluster one controller looks after.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// One namespace; absent: all.
    pub namespace: Option<String>,
    /// Which Rollouts; empty: those without an instance id.
    pub instance: String,
    /// Where the Jobs of metrics run; empty: in the namespace of their AnalysisRun.
    pub job_namespace: String,
}

impl Scope {
    /// The API of a kind within the scope.
    pub fn api<K: Watched>(&self, client: &Client) -> Api<Lens<K>> {
        match &self.namespace {
            Some(namespace) if K::KIND != ClusterTemplates::KIND => Api::namespaced(client.clone(), namespace),
            _ => Api::all(client.clone()),
        }
    }

    /// The API of what Jobs are made of.
    pub fn job_api<K: Watched>(&self, client: &Client) -> Api<Lens<K>> {
        match self.job_namespace.as_str() {
            "" => self.api(client),
            namespace => Api::namespaced(client.clone(), namespace),
        }
    }

    fn rollout_labels(&self) -> String {
        match self.instance.as_str() {
            "" => format!("!{}", keys::INSTANCE_ID),
            id => format!("{}={id}", keys::INSTANCE_ID),
        }
    }
}

/// The read sides of all caches.
#[derive(Clone)]
pub struct Caches {
    /// Rollouts, found by what they name.
    pub rollouts: Cache<Rollouts>,
    /// ReplicaSets with the hash label, found by owner.
    pub replica_sets: Cache<ReplicaSets>,
    /// Services.
    pub services: Cache<Services>,
    /// Ingresses.
    pub ingresses: Cache<Ingresses>,
    /// EndpointSlices, found by Service.
    pub endpoint_slices: Cache<EndpointSlices>,
    /// AnalysisRuns, found by owner.
    pub analysis_runs: Cache<AnalysisRuns>,
    /// Experiments, found by owner.
    pub experiments: Cache<Experiments>,
    /// Jobs of AnalysisRuns, found by run.
    pub jobs: Cache<Jobs>,
    /// Pods of those Jobs, found by run.
    pub job_pods: Cache<JobPods>,
    /// AnalysisTemplates.
    pub templates: Cache<AnalysisTemplates>,
    /// ClusterAnalysisTemplates.
    pub cluster_templates: Cache<ClusterTemplates>,
    /// Deployments.
    pub deployments: OnDemand<Deployments>,
    /// ReplicaSets as workloads.
    pub workload_sets: OnDemand<WorkloadSets>,
    /// PodTemplates.
    pub pod_templates: OnDemand<PodTemplates>,
}

/// A cache that is filled once somebody wants it.
pub struct OnDemand<K: Watched> {
    cache: Cache<K>,
    wanted: Arc<Notify>,
}

impl<K: Watched> Clone for OnDemand<K> {
    fn clone(&self) -> Self {
        OnDemand { cache: self.cache.clone(), wanted: self.wanted.clone() }
    }
}

impl<K: Watched> OnDemand<K> {
    /// The cache, and its watch if it does not run yet.
    pub fn want(&self) -> &Cache<K> {
        self.wanted.notify_one();
        &self.cache
    }

    /// The cache as it is.
    pub fn peek(&self) -> &Cache<K> {
        &self.cache
    }
}

/// What the watches tell the rest of the process.
pub trait Told: Clone + Send + Sync + 'static {
    /// A Rollout came, changed or went.
    fn rollout(&self, change: &Change<Rollouts>);
    /// An AnalysisRun came, changed or went.
    fn run(&self, change: &Change<AnalysisRuns>);
    /// An Experiment came, changed or went.
    fn experiment(&self, change: &Change<Experiments>);
    /// Whether this process works on what the watches find.
    fn leads(&self) -> bool;
    /// A Service came, changed or went.
    fn service(&self, change: &Change<Services>);
    /// A watch of this kind failed and will be tried again.
    fn failed(&self, kind: &'static str, error: &watcher::Error);
}

/// Where the watches send what is to be looked at.
#[derive(Clone)]
pub struct Queues {
    /// Rollouts.
    pub rollouts: UnboundedSender<Subject>,
    /// AnalysisRuns.
    pub runs: UnboundedSender<RunRef>,
    /// Experiments.
    pub experiments: UnboundedSender<ExperimentRef>,
}

/// Sets up every watch. The futures run the watches for ever; what they find goes to the caches, and those it concerns to their
/// queue.
pub fn watches(
    client: &Client,
    scope: &Scope,
    queues: Queues,
    told: impl Told,
) -> (Caches, Vec<BoxFuture<'static, ()>>) {
    let rollouts_feed = Feed::<Rollouts>::new(rollout_keys);
    let rollouts = rollouts_feed.cache();
    let mut start = Start { client, scope, rollouts: rollouts.clone(), queues, told, running: Vec::new() };
    let hashed = watcher::Config::default().labels(keys::HASH);
    let all = watcher::Config::default;
    let must = Demand::Must;
    let replica_sets = start.replica_sets(hashed);
    let services = start.services();
    let ingresses = start.watch::<Ingresses>(all(), must, no_keys, |ingress| named("ingress", &ingress.metadata));
    let endpoint_slices = start.watch::<EndpointSlices>(all(), Demand::May, slice_keys, slice_concerns);
    let deployments = start.on_demand::<Deployments>(|workload| named("Deployment", &workload.metadata));
    let workload_sets = start.on_demand::<WorkloadSets>(|workload| named("ReplicaSet", &workload.metadata));
    let pod_templates = start.on_demand::<PodTemplates>(|workload| named("PodTemplate", &workload.metadata));
    let templates =
        start.watch::<AnalysisTemplates>(all(), Demand::May, no_keys, |template| neighbours(&template.metadata));
    let cluster_templates = start.watch::<ClusterTemplates>(all(), Demand::May, no_keys, |_| everybody());
    let analysis_runs = start.runs();
    let jobs = start.jobs();
    let experiments = start.experiments();
    let job_pods = start.job_pods(&jobs);
    start.rollouts(rollouts_feed);
    let running = start.running;
    let caches = Caches {
        rollouts,
        replica_sets,
        services,
        ingresses,
        endpoint_slices,
        analysis_runs,
        experiments,
        jobs,
        job_pods,
        templates,
        cluster_templates,
        deployments,
        workload_sets,
        pod_templates,
    };
    (caches, running)
}

impl Caches {
    /// Waits until every cache that is always filled has seen its first complete list.
    pub async fn ready(&self) -> bool {
        self.rollouts.ready().await
            && self.replica_sets.ready().await
            && self.services.ready().await
            && self.ingresses.ready().await
            && self.endpoint_slices.ready().await
            && self.analysis_runs.ready().await
            && self.jobs.ready().await
            && self.experiments.ready().await
            && self.job_pods.ready().await
            && self.templates.ready().await
            && self.cluster_templates.ready().await
    }
}

/// Whether a kind must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Nothing is decided before its first list.
    Must,
    /// A cluster that does not have it, or does not let us read it, counts as one without such objects.
    May,
}

/// Whom a change concerns.
enum Concerns {
    /// The Rollouts under this key.
    Key(String),
    /// This one.
    One { namespace: String, name: String },
}

struct Start<'a, T> {
    client: &'a Client,
    scope: &'a Scope,
    rollouts: Cache<Rollouts>,
    queues: Queues,
    told: T,
    running: Vec<BoxFuture<'static, ()>>,
}

impl<T: Told> Start<'_, T> {
    fn rollouts(&mut self, feed: Feed<Rollouts>) {
        let config = watcher::Config::default().labels(&self.scope.rollout_labels());
        let (queue, told) = (self.queues.rollouts.clone(), self.told.clone());
        let on_change = move |change: &Change<Rollouts>| {
            told.rollout(change);
            if let Some(rollout) = &change.after {
                let _ = queue.unbounded_send(ObjectRef::from_obj(&**rollout));
            }
        };
        let api = self.scope.api(self.client);
        self.running.push(drive(api, config, Demand::Must, feed, self.told.clone(), on_change).boxed());
    }

    /// AnalysisRuns go to a queue of their own; their owners hear of a run that came, went or stands otherwise.
    fn runs(&mut self) -> Cache<AnalysisRuns> {
        let feed = Feed::<AnalysisRuns>::new(runs::run_keys);
        let cache = feed.cache();
        let (queue, told) = (self.queues.runs.clone(), self.told.clone());
        let mut owners = self.enqueue::<AnalysisRuns>(|run| owner_or_neighbours(&run.metadata));
        let experiments = self.queues.experiments.clone();
        let on_change = move |change: &Change<AnalysisRuns>| {
            told.run(change);
            if let Some(run) = &change.after {
                let _ = queue.unbounded_send(ObjectRef::from_obj(&**run));
            }
            if runs::concerns_owner(change) {
                owners(change);
                wake_experiments(&experiments, change);
            }
        };
        let config = watcher::Config::default().labels(&self.scope.rollout_labels());
        let api = self.scope.api(self.client);
        self.running.push(drive(api, config, Demand::May, feed, self.told.clone(), on_change).boxed());
        cache
    }

    /// Experiments go to a queue of their own; the Rollout that started one hears of every change.
    fn experiments(&mut self) -> Cache<Experiments> {
        let feed = Feed::<Experiments>::new(experiment_keys);
        let cache = feed.cache();
        let (queue, told) = (self.queues.experiments.clone(), self.told.clone());
        let mut owners = self.enqueue::<Experiments>(|experiment| owner(&experiment.metadata));
        let on_change = move |change: &Change<Experiments>| {
            told.experiment(change);
            if let Some(experiment) = &change.after {
                let _ = queue.unbounded_send(ObjectRef::from_obj(&**experiment));
            }
            owners(change);
        };
        let config = watcher::Config::default().labels(&self.scope.rollout_labels());
        let api = self.scope.api(self.client);
        self.running.push(drive(api, config, Demand::May, feed, self.told.clone(), on_change).boxed());
        cache
    }

    /// ReplicaSets wake who controls them: a Rollout or an Experiment.
    fn replica_sets(&mut self, config: watcher::Config) -> Cache<ReplicaSets> {
        let feed = Feed::<ReplicaSets>::new(replica_set_keys);
        let cache = feed.cache();
        let mut owners = self.enqueue::<ReplicaSets>(|set| owner_or_neighbours(&set.metadata));
        let experiments = self.queues.experiments.clone();
        let on_change = move |change: &Change<ReplicaSets>| {
            owners(change);
            wake_experiments(&experiments, change);
        };
        let api = self.scope.api(self.client);
        self.running.push(drive(api, config, Demand::Must, feed, self.told.clone(), on_change).boxed());
        cache
    }

    fn services(&mut self) -> Cache<Services> {
        let feed = Feed::<Services>::new(marks);
        let cache = feed.cache();
        let (mut enqueue, told) = (self.enqueue(service_concerns), self.told.clone());
        let experiments = self.queues.experiments.clone();
        let on_change = move |change: &Change<Services>| {
            enqueue(change);
            wake_experiments(&experiments, change);
            told.service(change);
        };
        let api = self.scope.api(self.client);
        self.running
            .push(drive(api, watcher::Config::default(), Demand::Must, feed, self.told.clone(), on_change).boxed());
        cache
    }

    fn watch<K: Watched>(
        &mut self,
        config: watcher::Config,
        demand: Demand,
        keys: fn(&K::Value) -> Vec<String>,
        concerns: fn(&K::Value) -> Vec<Concerns>,
    ) -> Cache<K> {
        let feed = Feed::<K>::new(keys);
        let cache = feed.cache();
        let on_change = self.enqueue(concerns);
        self.running
            .push(drive(self.scope.api(self.client), config, demand, feed, self.told.clone(), on_change).boxed());
        cache
    }

    fn on_demand<K: Watched>(&mut self, concerns: fn(&K::Value) -> Vec<Concerns>) -> OnDemand<K> {
        let feed = Feed::<K>::new(no_keys);
        let cache = feed.cache();
        let wanted = Arc::new(Notify::new());
        let (api, wait, told) = (self.scope.api(self.client), wanted.clone(), self.told.clone());
        let on_change = self.enqueue(concerns);
        self.running.push(
            async move {
                wait.notified().await;
                drive(api, watcher::Config::default(), Demand::Must, feed, told, on_change).await;
            }
            .boxed(),
        );
        OnDemand { cache, wanted }
    }

    /// Sends the Rollouts that a change concerns to the queue.
    fn enqueue<K: Watched>(&self, concerns: fn(&K::Value) -> Vec<Concerns>) -> impl FnMut(&Change<K>) + Send + 'static {
        let (rollouts, queue) = (self.rollouts.clone(), self.queues.rollouts.clone());
        move |change| {
            let objects = change.before.iter().chain(change.after.iter());
            for concern in objects.flat_map(|object| concerns(&object.value)) {
                let found = match concern {
                    Concerns::Key(key) => rollouts.references(&key),
                    Concerns::One { namespace, name } => vec![ObjectRef::new(&name).within(&namespace)],
                };
                for rollout in found.into_iter().filter(|rollout| rollouts.has(rollout)) {
                    let _ = queue.unbounded_send(rollout);
                }
            }
        }
    }
}

pub(crate) async fn drive<K: Watched>(
    api: Api<Lens<K>>,
    config: watcher::Config,
    demand: Demand,
    mut feed: Feed<K>,
    told: impl Told,
    mut on_change: impl FnMut(&Change<K>) + Send,
) {
    let mut events = std::pin::pin!(watcher(api, config.page_size(PAGE)));
    let mut pauses = Pauses::of(K::KIND);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                // That a list begins says nothing yet: the next thing to come may be its refusal.
                if matches!(event, Event::InitDone | Event::Apply(_) | Event::Delete(_)) {
                    pauses.succeeded();
                }
                feed.take(event, &mut on_change);
            }
            Err(error) => {
                told.failed(K::KIND, &error);
                let missing = demand == Demand::May && is_denied(&error);
                if missing {
                    feed.be_empty_unless_ready();
                }
                tokio::time::sleep(pauses.failed(missing)).await;
            }
        }
    }
}

/// Whether the kind does not exist or may not be listed.
fn is_denied(error: &watcher::Error) -> bool {
    use kube::Error::Api;
    matches!(error, watcher::Error::InitialListFailed(Api(status)) if status.code == 404 || status.code == 403)
}

/// Under which names a Rollout is found: its own namespace, and everything it names.
fn rollout_keys(rollout: &Rollout) -> Vec<String> {
    let namespace = &rollout.metadata.namespace;
    let named = serinus_decide::names(rollout);
    let services = named.services.iter().map(|name| key("service", namespace, name));
    let ingresses = named.ingresses.iter().map(|name| key("ingress", namespace, name));
    let workload = named.workload.iter().map(|(_, kind, name)| key(kind, namespace, name));
    let images = image_keys(&Tracked::of_rollout(rollout));
    [key("all", namespace, ""), key("all", "", "")]
        .into_iter()
        .chain(services)
        .chain(ingresses)
        .chain(workload)
        .chain(images)
        .collect()
}

/// Key of ReplicaSets by owner.
pub fn owned_by(uid: &str) -> String {
    key("owner", "", uid)
}

/// Key of ReplicaSets of a namespace that nobody owns.
pub fn orphans_in(namespace: &str) -> String {
    key("orphan", namespace, "")
}

/// Key of EndpointSlices by Service, and of Rollouts that name the Service.
pub fn service_key(namespace: &str, service: &str) -> String {
    key("service", namespace, service)
}

/// Key of Services by the Rollout that they are marked with.
pub fn managed_by(namespace: &str, rollout: &str) -> String {
    key("managed", namespace, rollout)
}

fn marks(service: &Service) -> Vec<String> {
    let meta = &service.metadata;
    meta.annotations.get(keys::MANAGED_BY).map(|rollout| managed_by(&meta.namespace, rollout)).into_iter().collect()
}

/// A Service concerns those who name it, and the one it is marked with.
fn service_concerns(service: &Service) -> Vec<Concerns> {
    let meta = &service.metadata;
    let mut concerns = named("service", meta);
    let one = |name: &String| Concerns::One { namespace: meta.namespace.clone(), name: name.clone() };
    concerns.extend(meta.annotations.get(keys::MANAGED_BY).map(one));
    concerns
}

pub(crate) fn key(what: &str, namespace: &str, name: &str) -> String {
    format!("{what}/{namespace}/{name}")
}

fn replica_set_keys(set: &ReplicaSet) -> Vec<String> {
    vec![match set.metadata.controller() {
        Some(owner) => owned_by(&owner.uid),
        None => orphans_in(&set.metadata.namespace),
    }]
}

fn slice_keys(slice: &EndpointSlice) -> Vec<String> {
    let meta = &slice.metadata;
    meta.labels.get(SERVICE_NAME).map(|service| service_key(&meta.namespace, service)).into_iter().collect()
}

fn named(what: &str, meta: &ObjectMeta) -> Vec<Concerns> {
    vec![Concerns::Key(key(what, &meta.namespace, &meta.name))]
}

fn slice_concerns(slice: &EndpointSlice) -> Vec<Concerns> {
    slice_keys(slice).into_iter().map(Concerns::Key).collect()
}

/// Every Rollout beside the object.
fn neighbours(meta: &ObjectMeta) -> Vec<Concerns> {
    vec![Concerns::Key(key("all", &meta.namespace, ""))]
}

/// Every Rollout.
fn everybody() -> Vec<Concerns> {
    vec![Concerns::Key(key("all", "", ""))]
}

/// For kinds that are found by name alone.
fn no_keys<T>(_: &T) -> Vec<String> {
    Vec::new()
}

/// Sends the Experiments that control an object to their queue.
fn wake_experiments<K: Watched>(queue: &UnboundedSender<ExperimentRef>, change: &Change<K>) {
    let object = change.after.as_ref().or(change.before.as_ref());
    if let Some(experiment) = object.and_then(|object| controlled(object.meta())) {
        let _ = queue.unbounded_send(experiment);
    }
}

/// The Rollout that controls an object.
fn owner(meta: &ObjectMeta) -> Vec<Concerns> {
    if meta.controller().is_none() { Vec::new() } else { owner_or_neighbours(meta) }
}

/// An owned set concerns its owner; one without an owner may be adopted by any Rollout beside it.
fn owner_or_neighbours(meta: &ObjectMeta) -> Vec<Concerns> {
    match meta.controller() {
        Some(owner) if owner.kind == Rollouts::KIND && owner.api_version.starts_with("argoproj.io/") => {
            vec![Concerns::One { namespace: meta.namespace.clone(), name: owner.name.clone() }]
        }
        Some(_) => Vec::new(),
        None => vec![Concerns::Key(key("all", &meta.namespace, ""))],
    }
}
