//! The controller from start to end: caches, leadership, the queue, and a stop that leaves nothing half done.

use crate::cache::Change;
use crate::events::{self, About, Events};
use crate::experiments::{self, ExperimentPass, ExperimentRef};
use crate::health::{Pages, Stage, serve};
use crate::leader::{Leader, LeaseOptions};
use crate::lens::{AnalysisRuns, Experiments, Rollouts, Services};
use crate::measure::{Measure, Transport};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::middle::counted;
use crate::orphans::{Orphans, give_back};
use crate::queue::work;
use crate::reconcile::{Decide, Pass, reconcile};
use crate::runs::{self, Pending, RunPass, RunRef};
use crate::transport::Http;
use crate::update::watches::Waker;
use crate::update::{Outside, Polls, Receiver, Updates, Updating};
use crate::watches::{Caches, Queues, Scope, Subject, Told, watches};
use crate::{Clock, Error, SystemClock};
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use futures::future::OptionFuture;
use kube::Client;
use kube::runtime::watcher;
use serinus_decide::{Note, NoteType};
use serinus_wire::keys;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long queued events may take to be written after the stop.
const FLUSH: Duration = Duration::from_secs(5);

/// How to run the controller.
pub struct Options {
    /// What part of the cluster.
    pub scope: Scope,
    /// The lease to compete for; absent: lead without asking.
    pub lease: Option<LeaseOptions>,
    /// Where `/healthz`, `/readyz` and `/metrics` are answered.
    pub listeners: Vec<TcpListener>,
    /// Passes that may run at the same time.
    pub threads: u16,
    /// Longest time until a Rollout is looked at again.
    pub resync: Duration,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// The decision.
    pub decide: Decide,
    /// Who asks metric providers.
    pub transport: Arc<dyn Transport>,
    /// Prometheus for metrics that name no address (`ARGO_ROLLOUTS_PROMETHEUS_ADDRESS`).
    pub prometheus: String,
    /// The handle of updates of images; absent: there are none.
    pub updates: Option<Updates>,
    /// How registries are polled for updates; absent: they are not.
    pub polls: Option<Polls>,
    /// Who is told how updates end.
    pub receivers: Vec<Receiver>,
}

impl Options {
    /// All namespaces, no lease, no listeners, and the machine's clock.
    pub fn new(decide: Decide) -> Options {
        Options {
            scope: Scope::default(),
            lease: None,
            listeners: Vec::new(),
            threads: 10,
            resync: Duration::from_secs(900),
            clock: Arc::new(SystemClock),
            decide,
            transport: Arc::new(Http),
            prometheus: std::env::var("ARGO_ROLLOUTS_PROMETHEUS_ADDRESS").unwrap_or_default(),
            updates: None,
            polls: None,
            receivers: Vec::new(),
        }
    }
}

/// Runs the controller until `stop` is cancelled; then running passes finish, queued events are written, and the lease is
/// given back. Dropping the future ends everything at once.
///
/// # Errors
/// Leadership was lost.
pub async fn run(client: Client, options: Options, stop: CancellationToken) -> Result<(), Error> {
    let Options { scope, lease, listeners, threads, resync, clock, decide, .. } = options;
    let Options { transport, prometheus, updates, polls, receivers, .. } = options;
    let mut background = JoinSet::new();
    let metrics = Arc::new(Metrics::default());
    let pages = Arc::new(Pages::new(metrics.clone()));
    for listener in listeners {
        background.spawn(serve(listener, pages.clone()));
    }
    let client = counted(client, metrics.clone());
    let (events, queued_events) = Events::new(clock.clone(), metrics.clone(), scope.instance.clone());
    let mut event_writer = JoinSet::new();
    event_writer.spawn(events::write_all(client.clone(), queued_events, metrics.clone()));

    let memory = Arc::new(Memory::default());
    let orphans = Arc::new(Orphans::default());
    let run_memory = Arc::new(Memory::default());
    let pending = Arc::new(Pending::default());
    let experiment_memory = Arc::new(Memory::default());
    let forgets =
        Forgets { runs: run_memory.clone(), pending: pending.clone(), experiments: experiment_memory.clone() };
    let teller = Teller::new(memory.clone(), forgets, orphans.clone(), events.clone(), metrics.clone());
    let (queues, mut queued) = Queued::new();
    let run_queue = queues.runs.clone();
    let (caches, running) = watches(&client, &scope, queues, teller.clone());
    pages.show(&caches, updates.clone());
    let (updating, of_updates) = match updates {
        Some(updates) => {
            let rollouts = caches.rollouts.clone();
            let (updating, running) = Updating::start(updates, &client, &scope, rollouts, clock.clone(), &teller);
            let _ = teller.waker.set(updating.waker());
            (Some(updating), running)
        }
        None => (None, Vec::new()),
    };
    for watch in running.into_iter().chain(of_updates) {
        background.spawn(watch);
    }

    let mut leader = lease.map(|lease| Leader::new(&client, lease, clock.clone()));
    tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(()),
        ready = compete(leader.as_mut(), &caches, &pages, &mut queued) => if !ready { return Err(Error::Ended("a watch")) },
    }
    teller.leads.store(true, Ordering::Relaxed);
    pages.enter(Stage::Working);
    background.spawn(give_back(client.clone(), caches.clone(), orphans));
    let outside = Outside { polls, receivers, transport: transport.clone() };
    let updates =
        updating.map(|updating| updating.work(client.clone(), events.clone(), resync, threads, outside, stop.clone()));
    let run_pass = RunPass {
        client: client.clone(),
        caches: caches.clone(),
        memory: run_memory,
        pending,
        events: events.clone(),
        clock: clock.clone(),
        measure: Measure { transport, prometheus: prometheus.into(), clock: clock.clone() },
        job_namespace: scope.job_namespace.clone(),
        queue: run_queue,
        resync,
    };
    let runs = work(runs::reconcile, caches.analysis_runs.clone(), Arc::new(run_pass), threads, queued.runs, &stop);
    let experiment_pass = ExperimentPass {
        client: client.clone(),
        caches: caches.clone(),
        memory: experiment_memory,
        events: events.clone(),
        clock: clock.clone(),
        resync,
    };
    let tried = caches.experiments.clone();
    let experiments =
        work(experiments::reconcile, tried, Arc::new(experiment_pass), threads, queued.experiments, &stop);
    let looked_after = caches.rollouts.clone();
    let pass = Pass { client, caches, memory, events, metrics, clock, decide, resync };
    let rollouts = work(reconcile, looked_after, Arc::new(pass), threads, queued.rollouts, &stop);
    let work = async { futures::join!(rollouts, runs, experiments, OptionFuture::from(updates)) };
    let lost = async {
        match leader.as_mut() {
            Some(leader) => leader.keep().await,
            None => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        biased;
        ((), (), (), _) = work => Ok(()),
        error = lost => Err(error),
    };
    pages.enter(Stage::Stopping);
    teller.leads.store(false, Ordering::Relaxed);
    ended?;
    // Watches hold the other ends of the event queue.
    background.shutdown().await;
    drop(teller);
    let _ = tokio::time::timeout(FLUSH, event_writer.join_next()).await;
    if let Some(leader) = leader {
        let _ = tokio::time::timeout(FLUSH, leader.release()).await;
    }
    Ok(())
}

/// Waits for the caches and for leadership. Meanwhile nothing piles up in the queue: whoever leads looks at all Rollouts.
async fn compete(leader: Option<&mut Leader>, caches: &Caches, pages: &Pages, queued: &mut Queued) -> bool {
    let synced = async {
        let ready = caches.ready().await;
        pages.enter(Stage::Standby);
        ready
    };
    let leads = async {
        if let Some(leader) = leader {
            leader.acquire().await;
        }
    };
    let both = async { futures::join!(synced, leads).0 };
    let drained = async {
        let rollouts = async { while queued.rollouts.next().await.is_some() {} };
        let runs = async { while queued.runs.next().await.is_some() {} };
        let experiments = async { while queued.experiments.next().await.is_some() {} };
        futures::join!(rollouts, runs, experiments)
    };
    tokio::select! {
        biased;
        ready = both => ready,
        _ = drained => false,
    }
}

/// The other ends of the queues.
struct Queued {
    rollouts: UnboundedReceiver<Subject>,
    runs: UnboundedReceiver<RunRef>,
    experiments: UnboundedReceiver<ExperimentRef>,
}

impl Queued {
    fn new() -> (Queues, Queued) {
        let (rollouts, queued_rollouts) = unbounded();
        let (runs, queued_runs) = unbounded();
        let (experiments, queued_experiments) = unbounded();
        let queued = Queued { rollouts: queued_rollouts, runs: queued_runs, experiments: queued_experiments };
        (Queues { rollouts, runs, experiments }, queued)
    }
}

/// What is forgotten with an AnalysisRun or an Experiment.
#[derive(Clone)]
struct Forgets {
    experiments: Arc<Memory<ExperimentRef>>,
    runs: Arc<Memory<RunRef>>,
    pending: Arc<Pending>,
}

/// Hears what the watches tell.
#[derive(Clone)]
struct Teller {
    memory: Arc<Memory<Subject>>,
    forgets: Forgets,
    orphans: Arc<Orphans>,
    events: Events,
    metrics: Arc<Metrics>,
    leads: Arc<AtomicBool>,
    complained: Arc<Mutex<HashSet<&'static str>>>,
    /// Wakes updates of images, where there are any.
    waker: Arc<OnceLock<Waker>>,
}

impl Teller {
    fn new(
        memory: Arc<Memory<Subject>>,
        forgets: Forgets,
        orphans: Arc<Orphans>,
        events: Events,
        metrics: Arc<Metrics>,
    ) -> Teller {
        let (leads, complained, waker) = Default::default();
        Teller { memory, forgets, orphans, events, metrics, leads, complained, waker }
    }
}

impl Told for Teller {
    fn rollout(&self, change: &Change<Rollouts>) {
        if let Some(waker) = self.waker.get() {
            waker.rollout(change);
        }
        let (Some(gone), None) = (&change.before, &change.after) else { return };
        let meta = gone.meta();
        if self.leads() {
            let message = format!("Rollout {}/{} was deleted", meta.namespace, meta.name);
            self.events.note(
                &About::rollout(&gone.value),
                &Note { kind: NoteType::Normal, reason: "RolloutDeleted".into(), message },
            );
        }
        self.orphans.suspect(&meta.namespace, &meta.name);
        self.memory.forget(&Subject::from_obj(&**gone));
        self.metrics.forget(&meta.namespace, &meta.name);
    }

    fn run(&self, change: &Change<AnalysisRuns>) {
        if let (Some(gone), None) = (&change.before, &change.after) {
            self.forgets.runs.forget(&RunRef::from_obj(&**gone));
            self.forgets.pending.forget(&gone.meta().uid);
        }
    }

    fn experiment(&self, change: &Change<Experiments>) {
        if let (Some(gone), None) = (&change.before, &change.after) {
            self.forgets.experiments.forget(&ExperimentRef::from_obj(&**gone));
        }
    }

    fn leads(&self) -> bool {
        self.leads.load(Ordering::Relaxed)
    }

    fn service(&self, change: &Change<Services>) {
        let Some(service) = &change.after else { return };
        let meta = service.meta();
        if let Some(rollout) = meta.annotations.get(keys::MANAGED_BY) {
            self.orphans.suspect(&meta.namespace, rollout);
        }
    }

    fn failed(&self, kind: &'static str, error: &watcher::Error) {
        self.metrics.watch_failed(kind);
        let first = self.complained.lock().unwrap_or_else(PoisonError::into_inner).insert(kind);
        if first {
            tracing::warn!(kind, %error, "a watch failed and is tried again");
        } else {
            tracing::debug!(kind, %error, "a watch failed and is tried again");
        }
    }
}
