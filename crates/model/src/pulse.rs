//! What watches and the loop wait for, and how they hear of it.
//!
//! Those who wait hear of a change in the order in which they began to wait, so that a run of the model repeats itself. tokio's
//! `watch` channel wakes them in the order of the dice.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// What watches and the loop wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// Version of the newest change.
    pub version: u64,
    /// Grows when all watches are cut.
    pub cuts: u64,
    /// Whether watches hold back what happens.
    pub held: bool,
    /// Grows when a pod runner has news.
    pub pokes: u64,
}

/// The side that changes it.
#[derive(Debug, Default)]
pub struct Beat(Arc<Shared>);

/// One that follows it.
#[derive(Debug)]
pub struct Follower {
    shared: Arc<Shared>,
    seen: Pulse,
}

#[derive(Debug, Default)]
struct Shared {
    pulse: Mutex<Pulse>,
    news: Notify,
}

impl Shared {
    fn read(&self) -> Pulse {
        *self.pulse.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beat {
    /// Begins with `pulse`.
    pub fn new(pulse: Pulse) -> Beat {
        Beat(Arc::new(Shared { pulse: Mutex::new(pulse), news: Notify::new() }))
    }

    /// Changes it, and tells those who wait if it is another now.
    pub fn change(&self, change: impl FnOnce(&mut Pulse)) {
        let mut pulse = self.0.pulse.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *pulse;
        change(&mut pulse);
        if *pulse != before {
            self.0.news.notify_waiters();
        }
    }

    /// Follows it from now on.
    pub fn follow(&self) -> Follower {
        Follower { shared: self.0.clone(), seen: self.0.read() }
    }
}

impl Follower {
    /// As it is now; what was before is no news any more.
    pub fn look(&mut self) -> Pulse {
        self.seen = self.shared.read();
        self.seen
    }

    /// Waits until it is another than when it was last looked at.
    pub async fn changed(&mut self) {
        loop {
            // Before the look: a change in between must not be missed.
            let news = self.shared.news.notified();
            if self.shared.read() != self.seen {
                return;
            }
            news.await;
        }
    }
}
