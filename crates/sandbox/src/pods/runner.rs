//! Keeps a life for every pod that should run, and knows the newest state of each, where it listens and what it wrote.

use super::life::{Life, State};
use super::log::Log;
use super::plan::{self, Probe};
use crate::gateway::follow::key_of;
use crate::gateway::table::{Addresses, Key};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The pods of this machine. Clones share them.
#[derive(Clone)]
pub struct Pods {
    inner: Arc<Inner>,
}

struct Inner {
    directory: PathBuf,
    running: Mutex<BTreeMap<String, Entry>>,
    addresses: watch::Sender<Addresses>,
    lives: TaskTracker,
    /// Called whenever a pod has another state.
    news: Box<dyn Fn() + Send + Sync>,
}

struct Entry {
    key: Key,
    state: Option<State>,
    restarts: u32,
    log: Log,
    stop: CancellationToken,
    over: bool,
}

impl Pods {
    /// No pods yet. Processes start in `directory`; `news` is called whenever a pod has another state.
    pub fn new(directory: PathBuf, news: impl Fn() + Send + Sync + 'static) -> Pods {
        let inner = Inner {
            directory,
            running: Mutex::default(),
            addresses: watch::Sender::new(Addresses::new()),
            lives: TaskTracker::new(),
            news: Box::new(news),
        };
        Pods { inner: Arc::new(inner) }
    }

    /// Where pods listen, kept up to date.
    pub fn addresses(&self) -> watch::Receiver<Addresses> {
        self.inner.addresses.subscribe()
    }

    /// Starts a pod, once.
    pub fn start(&self, pod: &Value) {
        let uid = uid(pod);
        let log = Log::default();
        let stop = CancellationToken::new();
        {
            let mut running = self.running();
            if running.contains_key(&uid) {
                return;
            }
            let entry =
                Entry { key: key_of(pod), state: None, restarts: 0, log: log.clone(), stop: stop.clone(), over: false };
            running.insert(uid.clone(), entry);
        }
        match plan::containers(pod) {
            Err(waiting) => self.tell(&uid, State::Waiting(waiting)),
            Ok(runs) => {
                let (probe, grace, name) = (Probe::of(pod), plan::grace(pod), key_of(pod).1);
                let forever = matches!(pod["spec"]["restartPolicy"].as_str(), None | Some("Always"));
                let life = Life { name, runs, probe, directory: self.inner.directory.clone(), log, forever, grace };
                let log = life.log.clone();
                let pods = self.clone();
                self.inner.lives.spawn(async move {
                    life.live(&stop, |state| pods.tell(&uid, state)).await;
                    log.close();
                    if let Some(entry) = pods.running().get_mut(&uid) {
                        entry.over = true;
                    }
                    (pods.inner.news)();
                });
            }
        }
    }

    /// Asks a pod to end. It goes on answering what it has begun.
    pub fn stop(&self, uid: &str) {
        let mut running = self.running();
        let Some(entry) = running.get_mut(uid) else { return };
        entry.stop.cancel();
        // A pod that never ran has nothing to end.
        entry.over |= matches!(entry.state, Some(State::Waiting(_)) | None);
        let key = entry.key.clone();
        drop(running);
        self.inner.addresses.send_modify(|addresses| {
            addresses.remove(&key);
        });
    }

    /// Whether a pod that was asked to end has done so, or never was.
    pub fn is_over(&self, uid: &str) -> bool {
        self.running().get(uid).is_none_or(|entry| entry.over)
    }

    /// Forgets a pod.
    pub fn forget(&self, uid: &str) {
        self.stop(uid);
        self.running().remove(uid);
    }

    /// The newest state of a pod, and how often it was started again.
    pub fn state(&self, uid: &str) -> Option<(State, u32)> {
        let running = self.running();
        let entry = running.get(uid)?;
        Some((entry.state.clone()?, entry.restarts))
    }

    /// What a pod wrote.
    pub fn log(&self, uid: &str) -> Option<Log> {
        self.running().get(uid).map(|entry| entry.log.clone())
    }

    /// Ends all pods and waits for them.
    pub async fn stop_all(&self) {
        let all: Vec<String> = self.running().keys().cloned().collect();
        for uid in &all {
            self.stop(uid);
        }
        self.inner.lives.close();
        self.inner.lives.wait().await;
    }

    fn tell(&self, uid: &str, state: State) {
        let address = match &state {
            State::Running { address, .. } => Some(*address),
            State::Waiting(_) | State::Ended { .. } => None,
        };
        let key = {
            let mut running = self.running();
            let Some(entry) = running.get_mut(uid) else { return };
            entry.restarts += u32::from(matches!(state, State::Ended { .. }));
            entry.state = Some(state);
            entry.key.clone()
        };
        self.inner.addresses.send_if_modified(|addresses| match address {
            Some(address) => addresses.insert(key, address) != Some(address),
            None => addresses.remove(&key).is_some(),
        });
        (self.inner.news)();
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.inner.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The identity of a pod.
pub fn uid(pod: &Value) -> String {
    pod["metadata"]["uid"].as_str().unwrap_or_default().to_string()
}
