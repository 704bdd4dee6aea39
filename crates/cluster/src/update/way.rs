//! Right of way: while pushes come in, their senders wait for each to be recorded, and nobody waits for the bookkeeping about updates that
//! nobody has voted on. It is then done at a rate, and the rest when it is quiet again.

use super::watches::Subject;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// So long after a push was recorded another one is likely.
const BUSY: Duration = Duration::from_secs(1);
/// Updates looked after in a second beside pushes.
const RATE: u32 = 5;
/// As many are looked after at once, so that a few pushes hold nothing up.
const BURST: u32 = 20;
/// Whoever is held asks again after so long, in case it has become quiet.
const AGAIN: Duration = Duration::from_secs(30);

/// Who comes when.
#[derive(Default)]
pub(crate) struct Way(Mutex<State>);

#[derive(Default)]
struct State {
    pushed: Option<Instant>,
    /// The next place that is free.
    free: Option<Instant>,
    places: HashMap<Subject, Instant>,
}

impl Way {
    /// A push is being recorded.
    pub fn pushed(&self) {
        self.with(|state| state.pushed = Some(Instant::now()));
    }

    /// Whether the bookkeeping about `subject` has to wait, and for how long.
    pub fn hold(&self, subject: &Subject) -> Option<Duration> {
        self.with(|state| {
            let now = Instant::now();
            if state.pushed.is_none_or(|at| now.duration_since(at) >= BUSY) {
                state.places.remove(subject);
                return None;
            }
            let place = match state.places.get(subject) {
                Some(place) => *place,
                None => {
                    let period = Duration::from_secs(1) / RATE;
                    let earliest = now.checked_sub(period * BURST).unwrap_or(now);
                    let place = state.free.map_or(earliest, |free| free.max(earliest));
                    state.free = Some(place + period);
                    state.places.insert(subject.clone(), place);
                    place
                }
            };
            let left = place.saturating_duration_since(now);
            if left.is_zero() {
                state.places.remove(subject);
                return None;
            }
            Some(left.min(AGAIN))
        })
    }

    /// There is nothing to do about `subject` any more.
    pub fn forget(&self, subject: &Subject) {
        self.with(|state| state.places.remove(subject));
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(n: u32) -> Subject {
        Subject::new(&format!("web-{n}")).within("n")
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_pushes_hold_nothing_up_and_many_let_the_rest_wait_its_turn() {
        let way = Way::default();
        assert!((0..1_000).all(|n| way.hold(&subject(n)).is_none()), "it is quiet");
        way.pushed();
        let held: Vec<_> = (0..1_000).map(|n| way.hold(&subject(n))).collect();
        assert!(held[..20].iter().all(Option::is_none));
        assert_eq!(held[20..].iter().position(Option::is_none), Some(0), "the place that is free just now");
        assert_eq!(held[21], Some(Duration::from_millis(200)));
        assert_eq!((held[26], held[999]), (Some(Duration::from_millis(1_200)), Some(AGAIN)));
        // Who asks again keeps the place, and has his turn in it.
        assert_eq!(way.hold(&subject(26)), held[26]);
        for _ in 0..121 {
            tokio::time::advance(Duration::from_millis(10)).await;
            way.pushed();
        }
        assert_eq!((way.hold(&subject(26)), way.hold(&subject(23))), (None, None));
        assert!(way.hold(&subject(999)).is_some());
        tokio::time::advance(BUSY).await;
        assert_eq!(way.hold(&subject(999)), None, "it is quiet again");
    }
}
