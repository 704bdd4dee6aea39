//! Updates that this process creates and its cache does not show yet.
//!
//! Proposals to one workload are made in turn: a push that ten senders tell of in the same moment is written once, and the other nine
//! know it, without a request of their own.

use serinus_wire::ImageUpdate;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

/// What no watch has told of for so long was perhaps deleted while the watch was broken: the server is asked again.
const BELIEVED: Duration = Duration::from_secs(60);
/// Turns of workloads that nobody waits for are forgotten when there are more than this.
const TURNS: usize = 1_024;

type Turn = tokio::sync::Mutex<()>;

/// What is being made, by workload.
#[derive(Default)]
pub(crate) struct Own {
    turns: Mutex<HashMap<String, Weak<Turn>>>,
    made: Mutex<HashMap<String, Vec<Made>>>,
}

struct Made {
    update: ImageUpdate,
    at: Instant,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Own {
    /// Waits until nobody else proposes to `workload`; others wait while the turn is held.
    pub async fn turn(&self, workload: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = lock(&self.turns);
            if let Some(turn) = turns.get(workload).and_then(Weak::upgrade) {
                turn
            } else {
                if turns.len() >= TURNS {
                    turns.retain(|_, turn| turn.strong_count() > 0);
                }
                let turn = Arc::new(Turn::default());
                turns.insert(workload.to_string(), Arc::downgrade(&turn));
                turn
            }
        };
        turn.lock_owned().await
    }

    /// It is about to be created: what a watch tells of it from now on is heard.
    pub fn making<'a>(&'a self, workload: &'a str, update: &'a ImageUpdate) -> Making<'a> {
        let made = Made { update: update.clone(), at: Instant::now() };
        lock(&self.made).entry(workload.to_string()).or_default().push(made);
        Making { own: self, workload, name: &update.metadata.name, made: false }
    }

    /// A watch has told of it, or nobody knows whether it was created: the cache says what there is.
    pub fn settled(&self, workload: &str, name: &str) {
        let mut made = lock(&self.made);
        if let Some(of_workload) = made.get_mut(workload) {
            of_workload.retain(|made| made.update.metadata.name != name);
            if of_workload.is_empty() {
                made.remove(workload);
            }
        }
    }

    /// Adds to what the cache knows of `workload` what was made and is not shown.
    pub fn complete(&self, workload: &str, known: &mut Vec<ImageUpdate>) {
        let mut made = lock(&self.made);
        if let Some(of_workload) = made.get_mut(workload) {
            of_workload.retain(|made| made.at.elapsed() < BELIEVED);
            for made in of_workload {
                if known.iter().all(|update| update.metadata.name != made.update.metadata.name) {
                    known.push(made.update.clone());
                }
            }
        }
    }
}

/// An update on its way to the server. It is forgotten with this unless it was said to be made: when a sender hangs up in the middle, nobody
/// knows whether the server has it, and whoever tells of it next has to ask.
pub(crate) struct Making<'a> {
    own: &'a Own,
    workload: &'a str,
    name: &'a str,
    made: bool,
}

impl Making<'_> {
    /// The server has it.
    pub fn made(mut self) {
        self.made = true;
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        if !self.made {
            self.own.settled(self.workload, self.name);
        }
    }
}
