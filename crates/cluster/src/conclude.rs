//! What follows from how a plan was carried out: when to look again, and whether people hear of it. The same for every kind of
//! subject.

use crate::events::{About, Events};
use crate::memory::Memory;
use crate::queue::Action;
use crate::write::{Carried, Outcome};
use jiff::Timestamp;
use serinus_decide::{Note, NoteType};
use std::fmt::Display;
use std::hash::Hash;
use std::time::Duration;

/// Pause after the server refused a write for good: a person has to change something first.
const AFTER_REFUSAL: Duration = Duration::from_secs(60);
/// The reason of an event about a pass that failed.
pub(crate) const FAILED: &str = "ReconciliationError";
/// What is said when a decision did not come to its end.
pub(crate) const PANICKED: &str =
    "the decision panicked; this is a defect of the controller, please report it with the object";
/// Failures in a row after which people hear of it.
const WORTH_AN_EVENT: u32 = 5;
/// Shortest pause before looking again: a wake-up that is due already must not spin.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(1);

/// How long until `wake`, seen at `now`: never less than `AT_ONCE`, never more than `resync`, which is also the time without a wake-up.
pub(crate) fn pause_until(wake: Option<Timestamp>, now: Timestamp, resync: Duration) -> Duration {
    let left = |wake: Timestamp| Duration::try_from(wake.duration_since(now)).unwrap_or_default().max(AT_ONCE);
    wake.map_or(resync, |wake| left(wake).min(resync))
}

/// What follows.
pub(crate) struct Concluded {
    /// When to look again.
    pub action: Action,
    /// The pass failed.
    pub failed: bool,
    /// What people should hear, as it is new.
    pub complaint: Option<String>,
}

impl Concluded {
    /// Lets people hear of it, and gives when to look again.
    pub fn tell(self, events: &Events, about: &About<'_>, reason: &str) -> Action {
        if let Some(message) = self.complaint {
            events.note(about, &Note { kind: NoteType::Warning, reason: reason.to_string(), message });
        }
        self.action
    }

    fn good(pause: Duration) -> Concluded {
        Concluded { action: Action::After(pause), failed: false, complaint: None }
    }
}

/// After a plan was carried out; `next` is when it wants to be looked at again.
pub(crate) fn conclude<S>(memory: &Memory<S>, subject: &S, carried: Carried, next: Duration) -> Concluded
where
    S: Clone + Eq + Hash + Display,
{
    memory.of(subject, |remembered| remembered.expect(carried.expected));
    match carried.outcome {
        Outcome::Done => {
            memory.of(subject, |remembered| remembered.succeeded());
            Concluded::good(next)
        }
        Outcome::Conflict(text) => {
            tracing::debug!(%subject, text, "somebody else was faster: looks again");
            // The first is everyday business; a second in a row without news is not.
            let pause = memory.of(subject, |remembered| match remembered.failures {
                0 => {
                    remembered.failures = 1;
                    AT_ONCE
                }
                _ => remembered.failed(),
            });
            Concluded::good(pause)
        }
        Outcome::Refused(text) => {
            tracing::warn!(%subject, text, "refused");
            memory.of(subject, |remembered| remembered.failed());
            let complaint = complaint(memory, subject, &text);
            Concluded { action: Action::After(AFTER_REFUSAL), failed: true, complaint }
        }
        Outcome::Leaving(text) => {
            tracing::debug!(%subject, text, "left alone");
            memory.of(subject, |remembered| remembered.rest(AFTER_REFUSAL));
            Concluded::good(AFTER_REFUSAL)
        }
        Outcome::Trouble(text, later) => trouble(memory, subject, &text, later),
    }
}

/// After a pass that could not be made.
pub(crate) fn trouble<S>(memory: &Memory<S>, subject: &S, text: &str, later: Option<Duration>) -> Concluded
where
    S: Clone + Eq + Hash + Display,
{
    let (pause, failures) = memory.of(subject, |remembered| (remembered.failed(), remembered.failures));
    tracing::warn!(%subject, text, failures, "tries again");
    let complaint = (failures == WORTH_AN_EVENT).then(|| complaint(memory, subject, text)).flatten();
    Concluded { action: Action::After(pause.max(later.unwrap_or_default())), failed: true, complaint }
}

fn complaint<S: Clone + Eq + Hash>(memory: &Memory<S>, subject: &S, text: &str) -> Option<String> {
    memory.of(subject, |remembered| remembered.complains(text)).then(|| text.to_string())
}
