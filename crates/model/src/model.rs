//! The handle on the cluster: direct access for tests and the sandbox, faults, and the loop that lets time work.

use crate::catalogue::{Kind, Resource};
use crate::failure::Failure;
use crate::faults::{Call, Fault, Hook};
use crate::history::Write;
use crate::object::Fields;
use crate::patch::PatchType;
use crate::pods::{PodRunner, Pretend};
use crate::pulse::{Beat, Follower, Pulse};
use crate::service::ApiService;
use crate::state::State;
use crate::verbs::{DeleteOptions, Options, Part, Target};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A small Kubernetes in memory. Cheap to clone: all clones are the same cluster.
#[derive(Clone)]
pub struct Model(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    runner: Mutex<Box<dyn PodRunner>>,
    hook: Mutex<Option<Hook>>,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    pulse: Beat,
    calls: AtomicU64,
    writes: AtomicU64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Model at version {}", locked(&self.0.state).store.version())
    }
}

impl Model {
    /// A cluster with the usual namespaces and one node, whose time is what the clock says.
    pub fn new(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Model {
        Model::with_seed(clock, 1)
    }
    /// The same, with other uids and generated names.
    pub fn with_seed(clock: impl Fn() -> Timestamp + Send + Sync + 'static, seed: u64) -> Model {
        let state = State::new(clock(), seed);
        let model = Model(Arc::new(Inner {
            state: Mutex::new(state),
            runner: Mutex::new(Box::new(Pretend::default())),
            hook: Mutex::new(None),
            clock: Box::new(clock),
            pulse: Beat::default(),
            calls: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        }));
        model.work(crate::controllers::furnish);
        model
    }
    /// A cluster on tokio's clock: it begins at `start`, and pausing tokio's clock pauses it.
    pub fn on_tokio_clock(start: Timestamp) -> Model {
        let began = tokio::time::Instant::now();
        Model::new(move || start.checked_add(began.elapsed()).unwrap_or(start))
    }
    /// A cluster of its own, on another clock, that goes on from what this one is now. Its history is empty; watches, faults and
    /// the pod runner stay behind: its pods pretend, and those that run go on.
    pub fn fork(&self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Model {
        let state = self.look(|state| State { history: Vec::new(), ..state.clone() });
        let pulse = Pulse { version: state.store.version(), ..Pulse::default() };
        Model(Arc::new(Inner {
            state: Mutex::new(state),
            runner: Mutex::new(Box::new(Pretend::default())),
            hook: Mutex::new(None),
            clock: Box::new(clock),
            pulse: Beat::new(pulse),
            calls: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        }))
    }
    /// The API as a service, for `kube::Client::new` or behind a listener.
    pub fn service(&self) -> ApiService {
        ApiService::new(self.clone())
    }
    /// The time of the cluster.
    pub fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// Works on the state under the lock and tells those who wait when it changed.
    pub(crate) fn work<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = locked(&self.0.state);
        state.now = self.now();
        let result = act(&mut state);
        let version = state.store.version();
        self.0.pulse.change(|pulse| pulse.version = version);
        result
    }
    /// Looks at the state under the lock.
    pub(crate) fn look<T>(&self, act: impl FnOnce(&State) -> T) -> T {
        let mut state = locked(&self.0.state);
        state.now = self.now();
        act(&state)
    }
    pub(crate) fn pulse(&self) -> Follower {
        self.0.pulse.follow()
    }
    /// Numbers a call and asks the hook what becomes of it.
    pub(crate) fn judge(&self, call: &mut Call, writes: bool) -> Fault {
        call.number = self.0.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if writes {
            call.write = self.0.writes.fetch_add(1, Ordering::Relaxed) + 1;
        }
        locked(&self.0.hook).as_mut().map_or(Fault::None, |hook| hook(call))
    }
    /// Works with the pod runner.
    pub(crate) fn with_runner<T>(&self, act: impl FnOnce(&mut dyn PodRunner) -> T) -> T {
        act(locked(&self.0.runner).as_mut())
    }

    /// Who brings pods to life from now on.
    pub fn set_pod_runner(&self, runner: impl PodRunner) {
        *locked(&self.0.runner) = Box::new(runner);
        self.poke();
    }
    /// What goes wrong from now on. The hook runs before each request and must not use the model.
    pub fn set_fault_hook(&self, hook: impl FnMut(&Call) -> Fault + Send + 'static) {
        *locked(&self.0.hook) = Some(Box::new(hook));
    }
    /// Nothing goes wrong any more.
    pub fn clear_fault_hook(&self) {
        *locked(&self.0.hook) = None;
    }
    /// Ends all watches; clients begin new ones.
    pub fn cut_watches(&self) {
        self.0.pulse.change(|pulse| pulse.cuts += 1);
    }
    /// Lets watches hold back what happens, or lets them go: caches of clients become stale.
    pub fn hold_watches(&self, held: bool) {
        self.0.pulse.change(|pulse| pulse.held = held);
    }
    /// How many changes are remembered; watches from before get 410.
    pub fn remember_changes(&self, limit: usize) {
        self.work(|state| state.store.remember(limit));
    }
    /// Says that a pod runner has news.
    pub fn poke(&self) {
        self.0.pulse.change(|pulse| pulse.pokes += 1);
    }
    /// Every write so far.
    pub fn history(&self) -> Vec<Write> {
        self.look(|state| state.history.clone())
    }
    /// Forgets the writes so far.
    pub fn clear_history(&self) {
        self.work(|state| state.history.clear());
    }
    /// The newest version.
    pub fn version(&self) -> u64 {
        self.look(|state| state.store.version())
    }

    /// Waits until there is a newer version than this one, and gives it.
    pub async fn changed(&self, version: u64) -> u64 {
        let mut pulse = self.pulse();
        loop {
            let newest = pulse.look().version;
            if newest > version {
                return newest;
            }
            pulse.changed().await;
        }
    }

    fn kind(state: &State, group: &str, kind: &str) -> Result<Arc<Kind>, Failure> {
        state
            .catalogue
            .by_kind(group, kind)
            .ok_or_else(|| Failure::bad_request(format!("no kind {kind:?} in group {group:?}")))
    }
    /// One object.
    pub fn get(&self, group: &str, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.look(|state| {
            let kind = Self::kind(state, group, kind).ok()?;
            state.get(&kind, namespace, name).ok().map(|object| kind.to_shown(&object))
        })
    }
    /// The objects of a kind, in one namespace or in all (`""`).
    pub fn list(&self, group: &str, kind: &str, namespace: &str) -> Vec<Value> {
        self.look(|state| {
            let Ok(kind) = Self::kind(state, group, kind) else { return vec![] };
            let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
            state.store.list(&kind.stored(), namespace).map(|object| kind.to_shown(object)).collect()
        })
    }
    /// Creates an object, or merges it into the one that is there, as `kubectl apply` would. Makes its namespace if it is missing.
    pub fn apply(&self, object: &Value) -> Result<Value, Failure> {
        self.work(|state| {
            let (group, _) = group_version(object.text("/apiVersion"));
            let kind = Self::kind(state, group, object.text("/kind"))?;
            let options = Options { manager: "model".into(), agent: "model".into(), ..Options::default() };
            let namespace = match (kind.namespaced, object.namespace()) {
                (false, _) => "",
                (true, "") => "default",
                (true, namespace) => namespace,
            };
            if kind.namespaced && state.store.get(&Resource::new("", "namespaces"), "", namespace).is_none() {
                let home = Self::kind(state, "", "Namespace")?;
                state.create(&home, "", json!({"metadata": {"name": namespace}}), &options)?;
            }
            let written = if state.get(&kind, namespace, object.name()).is_ok() {
                let target = Target { kind: &kind, part: Part::Main, namespace, name: object.name() };
                state.patch(target, PatchType::Merge, object.clone(), &options)?
            } else {
                state.create(&kind, namespace, object.clone(), &options)?
            };
            Ok(kind.to_shown(&written.object))
        })
    }
    /// Merges a patch into an object or, with `subresource` `status`, into its status.
    pub fn merge(
        &self,
        (group, kind): (&str, &str),
        namespace: &str,
        name: &str,
        subresource: &str,
        patch: &Value,
    ) -> Result<Value, Failure> {
        self.work(|state| {
            let kind = Self::kind(state, group, kind)?;
            let part = if subresource == "status" { Part::Status } else { Part::Main };
            let options = Options { manager: "model".into(), agent: "model".into(), ..Options::default() };
            let target = Target { kind: &kind, part, namespace, name };
            state.patch(target, PatchType::Merge, patch.clone(), &options).map(|written| kind.to_shown(&written.object))
        })
    }
    /// Deletes an object as `kubectl delete` does, without waiting.
    pub fn delete(&self, group: &str, kind: &str, namespace: &str, name: &str) -> Result<(), Failure> {
        self.work(|state| {
            let kind = Self::kind(state, group, kind)?;
            let options = Options { agent: "model".into(), ..Options::default() };
            state.delete(&kind, namespace, name, &DeleteOptions::default(), &options).map(|_| ())
        })
    }

    /// One round of every controller and every pod. Whether anything changed, and when time alone will change something.
    pub fn step(&self) -> Step {
        let mut runner = locked(&self.0.runner);
        self.work(|state| {
            let before = state.store.version();
            let wake = crate::controllers::round(state, runner.as_mut());
            let version = state.store.version();
            Step { changed: version != before, version, wake }
        })
    }
    /// Rounds until nothing changes any more.
    pub fn settle(&self) -> Step {
        for _ in 0..1_000 {
            let step = self.step();
            if !step.changed {
                return step;
            }
        }
        self.step()
    }
    /// Lets the cluster live: controllers and pods work whenever something changes or time is due. Never ends.
    pub async fn run(self) {
        let mut pulse = self.pulse();
        loop {
            let pokes = pulse.look().pokes;
            let step = self.settle();
            let news = async {
                loop {
                    let now = pulse.look();
                    if now.version > step.version || now.pokes != pokes {
                        return;
                    }
                    pulse.changed().await;
                }
            };
            match step.wake {
                Some(at) => {
                    let sleep = Duration::try_from(at.duration_since(self.now())).unwrap_or_default();
                    // Clocks that tick in whole milliseconds must get past the due time.
                    let _ = tokio::time::timeout(sleep + Duration::from_millis(1), news).await;
                }
                None => news.await,
            }
        }
    }
}

/// What a round came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Whether anything changed.
    pub changed: bool,
    /// The newest version afterwards.
    pub version: u64,
    /// When time alone will change something.
    pub wake: Option<Timestamp>,
}

/// Splits `group/version`; the core group is empty.
pub(crate) fn group_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}
