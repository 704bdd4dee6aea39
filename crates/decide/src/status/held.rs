//! Counts that may wait: a status in which nothing but counting has moved is held back for a moment, so that pods which come
//! one after the other are told in one write, or together with the next thing of substance.
//!
//! Nothing is decided on what is held back: counts are taken from the ReplicaSets in each pass. Who forgets since when a status
//! is held begins anew, and writes it a moment later.

use super::conditions::{find, names};
use crate::pass::Pass;
use crate::plan::Verdict;
use jiff::{SignedDuration, Timestamp};
use serinus_wire::Time;
use serinus_wire::rollout::{Condition, RolloutStatus};

/// How long counts may wait.
pub const COUNTS_WAIT: SignedDuration = SignedDuration::from_millis(500);

/// Whether the new status may wait; then the plan says since when, and wakes when the moment is over.
pub fn holds(pass: &mut Pass<'_>) -> bool {
    if !only_counts(&pass.rollout.status, &pass.status) {
        return false;
    }
    // A clock that was set back must not prolong it.
    let since = pass.seen.held_since.unwrap_or(pass.now).min(pass.now);
    let until = since.checked_add(COUNTS_WAIT).unwrap_or(Timestamp::MAX);
    if until <= pass.now {
        return false;
    }
    pass.hold(since);
    pass.wake_at(until);
    pass.report("status", Verdict::Waits, format!("new counts are written by {}", Time(until)));
    true
}

/// Nothing differs but counts, and what follows from them: the words beside the phase, and when progress was last made.
fn only_counts(old: &RolloutStatus, new: &RolloutStatus) -> bool {
    let counted = RolloutStatus {
        replicas: new.replicas,
        updated_replicas: new.updated_replicas,
        ready_replicas: new.ready_replicas,
        available_replicas: new.available_replicas,
        hpa_replicas: new.hpa_replicas,
        message: new.message.clone(),
        conditions: new.conditions.clone(),
        ..old.clone()
    };
    old != new && counted == *new && say_the_same(&old.conditions, &new.conditions)
}

/// The same conditions with the same words; when progress was last seen, and the place in the list that goes with it, may differ.
fn say_the_same(old: &[Condition], new: &[Condition]) -> bool {
    let same = |old: &Condition| {
        find(new, &old.kind).is_some_and(|new| match old.kind.as_str() {
            names::PROGRESSING => *old == Condition { last_update_time: old.last_update_time, ..new.clone() },
            _ => old == new,
        })
    };
    old.len() == new.len() && old.iter().all(same)
}

#[cfg(test)]
mod tests {
    use super::super::conditions::condition;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn says(kind: &str, status: &str, reason: &str, second: i64) -> Condition {
        condition(kind, status, reason, "m".to_string(), at(second))
    }

    fn status() -> RolloutStatus {
        RolloutStatus {
            phase: "Progressing".to_string(),
            message: "more replicas need to be updated".to_string(),
            conditions: vec![says("Progressing", "True", "ReplicaSetUpdated", 1), says("Available", "True", "A", 1)],
            ..RolloutStatus::default()
        }
    }

    #[test]
    fn only_counting_may_wait() {
        let old = status();
        let progressed = |status: &mut RolloutStatus| {
            let mut progressing = status.conditions.remove(0);
            progressing.last_update_time = Time(at(9));
            status.conditions.push(progressing);
        };
        type Edit<'a> = &'a dyn Fn(&mut RolloutStatus);
        let table: [(&str, bool, Edit<'_>); 12] = [
            ("counts", true, &|s| (s.replicas, s.updated_replicas, s.ready_replicas) = (3, 1, 2)),
            ("counts of scalers", true, &|s| (s.available_replicas, s.hpa_replicas) = (3, 1)),
            ("the words beside the phase", true, &|s| s.message = "old replicas are pending termination".to_string()),
            ("progress", true, &progressed),
            ("the phase", false, &|s| s.phase = "Healthy".to_string()),
            ("a step", false, &|s| s.current_step_index = Some(1)),
            ("a generation", false, &|s| s.observed_generation = "2".to_string()),
            ("the stable set", false, &|s| s.stable_rs = "x".to_string()),
            ("a condition turns", false, &|s| s.conditions[1] = says("Available", "False", "A", 1)),
            ("a reason", false, &|s| s.conditions[0] = says("Progressing", "True", "NewReplicaSetAvailable", 1)),
            ("a condition comes", false, &|s| s.conditions.push(says("Healthy", "True", "R", 1))),
            ("a condition goes", false, &|s| s.conditions.truncate(1)),
        ];
        assert!(!only_counts(&old, &old), "nothing waits when nothing differs");
        for (what, may_wait, edit) in table {
            let mut new = old.clone();
            edit(&mut new);
            assert_eq!(only_counts(&old, &new), may_wait, "{what}");
            new.replicas += 5;
            assert_eq!(only_counts(&old, &new), may_wait, "{what}, and counts");
        }
    }
}
