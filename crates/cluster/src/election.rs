//! Who leads, decided from what the lease showed and when: a machine without I/O.
//!
//! Clocks of different machines are never compared. A holder counts as alive until the lease has not changed for as long as
//! it says, measured on the own clock; a leader gives up earlier than that when it can't renew.

use jiff::Timestamp;
use std::time::Duration;

/// The three periods of an election.
#[derive(Clone, Copy, Debug)]
pub struct Timings {
    /// How long a lease is good without renewal.
    pub lease: Duration,
    /// How long a leader tries to renew before it gives up; less than `lease`.
    pub renew: Duration,
    /// How often it is tried.
    pub retry: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Timings { lease: Duration::from_secs(15), renew: Duration::from_secs(10), retry: Duration::from_secs(2) }
    }
}

/// What a lease says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Who holds it; empty: nobody.
    pub holder: String,
    /// How long it is good without renewal.
    pub seconds: i32,
    /// Since when this holder has it.
    pub acquired: Option<Timestamp>,
    /// When it was last renewed, on the holder's clock.
    pub renewed: Option<Timestamp>,
    /// How often the holder changed.
    pub transitions: i32,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write this, on the condition that the lease is still as it was read.
    Write(Record),
    /// Nothing until the next try.
    Wait,
    /// The lease could not be renewed in time, or somebody else has it.
    Lost,
}

/// One competitor.
#[derive(Clone, Debug)]
pub struct Election {
    identity: String,
    timings: Timings,
    /// What the lease showed last, and since when.
    observed: Option<(Record, Duration)>,
    /// Start of the last write of ours that succeeded.
    renewed: Option<Duration>,
}

impl Election {
    /// A competitor that has seen nothing yet.
    pub fn new(identity: String, timings: Timings) -> Election {
        Election { identity, timings, observed: None, renewed: None }
    }

    /// Whether it leads.
    pub fn leads(&self) -> bool {
        self.renewed.is_some()
    }

    /// Decides on what the lease shows `now` (any clock that only grows); `None`: there is no lease. `wall` is what goes
    /// into the record.
    pub fn step(&mut self, shown: Option<&Record>, now: Duration, wall: Timestamp) -> Step {
        let shown = shown.cloned().unwrap_or_default();
        let since = match &self.observed {
            Some((record, since)) if *record == shown => *since,
            _ => now,
        };
        self.observed = Some((shown.clone(), since));
        if self.leads() && (shown.holder != self.identity || self.is_late(now)) {
            self.renewed = None;
            return Step::Lost;
        }
        let good = Duration::from_secs(u64::try_from(shown.seconds).unwrap_or(0));
        if !shown.holder.is_empty() && shown.holder != self.identity && now < since + good {
            return Step::Wait;
        }
        let again = shown.holder == self.identity;
        Step::Write(Record {
            holder: self.identity.clone(),
            seconds: i32::try_from(self.timings.lease.as_secs()).unwrap_or(i32::MAX),
            acquired: if again { shown.acquired } else { Some(wall) },
            renewed: Some(wall),
            transitions: shown.transitions + i32::from(!again && !shown.holder.is_empty()),
        })
    }

    /// The write of `record`, begun at `began`, succeeded.
    pub fn wrote(&mut self, record: Record, began: Duration) {
        self.observed = Some((record, began));
        self.renewed = Some(began);
    }

    /// The lease could not be read or written.
    pub fn failed(&mut self, now: Duration) -> Step {
        if self.leads() && self.is_late(now) {
            self.renewed = None;
            return Step::Lost;
        }
        Step::Wait
    }

    /// When a leader that can't renew must have stopped.
    pub fn deadline(&self) -> Option<Duration> {
        self.renewed.map(|at| at + self.timings.renew)
    }

    fn is_late(&self, now: Duration) -> bool {
        self.deadline().is_some_and(|deadline| now >= deadline)
    }

    /// What a leader leaves behind so that the next one need not wait.
    pub fn released(&self) -> Option<Record> {
        let (record, _) = self.observed.as_ref().filter(|_| self.leads())?;
        Some(Record { holder: String::new(), seconds: 1, ..record.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn candidate(name: &str) -> Election {
        Election::new(name.to_string(), Timings::default())
    }

    /// One try against a lease that everybody shares; `reach` is whether the server can be reached.
    fn attempt(who: &mut Election, lease: &mut Option<Record>, now: Duration, reach: bool) -> bool {
        if !reach {
            return who.failed(now) == Step::Lost;
        }
        let wall = Timestamp::from_millisecond(now.as_millis().try_into().unwrap()).unwrap();
        match who.step(lease.as_ref(), now, wall) {
            Step::Write(record) => {
                *lease = Some(record.clone());
                who.wrote(record, now);
                false
            }
            Step::Wait => false,
            Step::Lost => true,
        }
    }

    #[test]
    fn the_second_waits_until_the_first_is_silent_for_the_whole_lease() {
        let (mut a, mut b, mut lease) = (candidate("a"), candidate("b"), None);
        attempt(&mut a, &mut lease, at(0.0), true);
        assert!(a.leads());
        for second in [0.5, 2.0, 14.0, 15.4] {
            attempt(&mut b, &mut lease, at(second), true);
            assert!(!b.leads(), "{second}");
        }
        attempt(&mut b, &mut lease, at(15.5), true);
        assert!(b.leads());
        assert_eq!(lease.as_ref().unwrap().transitions, 1);
        assert!(attempt(&mut a, &mut lease, at(16.0), true), "the first must notice that it lost");
    }

    #[test]
    fn a_released_lease_is_taken_at_once() {
        let (mut a, mut b, mut lease) = (candidate("a"), candidate("b"), None);
        attempt(&mut a, &mut lease, at(0.0), true);
        attempt(&mut b, &mut lease, at(1.0), true);
        lease = a.released();
        attempt(&mut b, &mut lease, at(1.1), true);
        assert!(b.leads());
    }

    #[test]
    fn a_restart_under_the_same_name_goes_on() {
        let (mut a, mut lease) = (candidate("a"), None);
        attempt(&mut a, &mut lease, at(0.0), true);
        let mut again = candidate("a");
        attempt(&mut again, &mut lease, at(1.0), true);
        assert!(again.leads());
        assert_eq!(lease.unwrap().transitions, 0);
    }

    /// Two competitors, each cut off from the server for a while, at every offset: never do both lead.
    #[test]
    fn never_two_leaders() {
        for cut_from in 0..60 {
            for cut_length in 0..60 {
                let (mut a, mut b, mut lease) = (candidate("a"), candidate("b"), None);
                for half_second in 0..160_u32 {
                    let now = at(f64::from(half_second) / 2.0);
                    let cut = (cut_from..cut_from + cut_length).contains(&half_second);
                    if half_second % 4 == 0 || a.deadline().is_some_and(|deadline| now >= deadline) {
                        attempt(&mut a, &mut lease, now, !cut);
                    }
                    if half_second % 4 == 1 {
                        attempt(&mut b, &mut lease, now, true);
                    }
                    assert!(!(a.leads() && b.leads()), "cut {cut_from}+{cut_length} at {now:?}");
                }
                assert!(a.leads() || b.leads());
            }
        }
    }
}
