//! The scale-down delay: a set that has lost its traffic lingers until its deadline (spec 2.3.5, "delay helper").

use crate::pass::Pass;
use serinus_wire::{Time, keys};

/// The size of a set that may linger: its own until the deadline passes, then 0. `lingering` counts towards `limit`.
pub fn size(pass: &mut Pass<'_>, index: usize, seconds: i64, limit: Option<i32>, lingering: &mut i32) -> i32 {
    let Some(set) = pass.set(index) else { return 0 };
    let (size, name) = (set.replicas, set.name().to_string());
    let room = limit.is_none_or(|limit| *lingering < limit);
    match set.deadline() {
        None if !room || size == 0 => 0,
        None => {
            *lingering += 1;
            if seconds <= 0 {
                return 0;
            }
            start(pass, index, seconds);
            size
        }
        Some(Ok(until)) if until > pass.now => {
            if !room {
                return 0;
            }
            *lingering += 1;
            pass.wake_at(until);
            pass.waits("scale", format!("ReplicaSet {name} is kept until {}", Time(until)));
            size
        }
        Some(_) => 0,
    }
}

/// Marks a set with the deadline after which it may go.
pub fn start(pass: &mut Pass<'_>, index: usize, seconds: i64) {
    let until = Pass::after(pass.wire_now().0, seconds);
    pass.wake_at(until);
    pass.annotate_set(index, keys::SCALE_DOWN_DEADLINE, Some(Time(until).to_string()));
    let name = pass.set(index).map_or_else(String::new, |set| set.name().to_string());
    pass.waits("scale", format!("ReplicaSet {name} is kept until {}", Time(until)));
}
