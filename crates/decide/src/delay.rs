//! The scale-down delay: a set that has lost its traffic lingers until its deadline (spec 2.3.5, 2.3.6).

use crate::pass::Pass;
use serinus_wire::{Time, keys};

/// The size of a set that may linger: `hold` until the deadline passes, then 0. `lingering` counts towards `limit`.
pub fn size(
    pass: &mut Pass<'_>,
    index: usize,
    hold: i32,
    seconds: i64,
    limit: Option<i32>,
    lingering: &mut i32,
) -> i32 {
    let Some(set) = pass.set(index) else { return 0 };
    let room = limit.is_none_or(|limit| *lingering < limit);
    match set.deadline() {
        None if !room || set.replicas == 0 => 0,
        None => {
            *lingering += 1;
            if seconds <= 0 {
                return 0;
            }
            start(pass, index, seconds);
            hold
        }
        Some(Ok(until)) if until > pass.now => {
            if !room {
                return 0;
            }
            *lingering += 1;
            wait(pass, index, until);
            hold
        }
        Some(_) => 0,
    }
}

/// Marks a set with the deadline after which it may go.
pub fn start(pass: &mut Pass<'_>, index: usize, seconds: i64) {
    let until = Pass::after(pass.wire_now().0, seconds);
    pass.annotate_set(index, keys::SCALE_DOWN_DEADLINE, Some(Time(until).to_string()));
    wait(pass, index, until);
}

fn wait(pass: &mut Pass<'_>, index: usize, until: jiff::Timestamp) {
    pass.wake_at(until);
    if pass.set(index).is_none_or(|set| set.replicas == 0) {
        return; // nothing is kept
    }
    let text = format!("ReplicaSet {} is kept until {}", pass.name(index), Time(until));
    pass.waits("scale", text);
}

/// Sets that are wanted have no deadline: the stable one, and the new one unless it lingers.
pub fn forget(pass: &mut Pass<'_>, new_too: bool) {
    let new = pass.sets.new_index().filter(|_| new_too);
    for index in [new, pass.sets.stable_index()].into_iter().flatten() {
        pass.annotate_set(index, keys::SCALE_DOWN_DEADLINE, None);
    }
}

/// The new set of an aborted update stays for a while, for requests that are under way and for those who look for the reason.
/// Says whether a size changed (spec 2.3.6).
pub fn after_abort(pass: &mut Pass<'_>, index: usize, seconds: i64) -> bool {
    let Some(set) = pass.set(index) else { return false };
    let size = set.replicas;
    match set.deadline() {
        Some(Ok(until)) if until > pass.now => {
            wait(pass, index, until);
            pass.scale(index, size)
        }
        Some(_) => pass.scale(index, 0),
        // One without pods as well: the peer marks it, and whoever takes over finds it marked.
        None => {
            pass.scale(index, size);
            if pass.sets.stable_set().is_some_and(|stable| stable.available() >= pass.replicas()) {
                start(pass, index, seconds);
            } else if size > 0 {
                let text = format!("ReplicaSet {} is kept until the stable set is fully available", pass.name(index));
                pass.waits("scale", text);
            }
            false
        }
    }
}
