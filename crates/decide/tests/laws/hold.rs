//! Counts of a status may wait a moment: what that may change, and what not.

use crate::world::World;
use jiff::Timestamp;
use proptest::prelude::*;
use serinus_decide::{Act, COUNTS_WAIT, Op, Plan, Write, decide};

/// What is held back is counting alone, for a moment alone, and nothing is decided on it: the plan that writes it at once does
/// the same beside it, and so does every plan after it.
pub fn lawful_hold(world: &World, plan: &Plan) -> Result<(), TestCaseError> {
    let Some(since) = plan.held_since else { return Ok(()) };
    prop_assert!(
        since <= world.now && plan.wake.is_some_and(|wake| wake <= since + COUNTS_WAIT),
        "3: held without end"
    );
    let mut at_once = world.look();
    at_once.held_since = Some(Timestamp::UNIX_EPOCH);
    let eager = decide(&at_once, world.now);
    let is_status = |act: &Act| matches!(act, Act::Write(Write { op: Op::PatchStatus(_), .. }));
    let mut rest = eager.acts.clone();
    let status = rest.remove(rest.iter().rposition(is_status).unwrap());
    prop_assert_eq!(&rest, &plan.acts, "a decision depends on what is held back");
    let Act::Write(Write { op: Op::PatchStatus(patch), .. }) = &status else { panic!("no status: {status:?}") };
    for key in patch["status"].as_object().unwrap().keys() {
        prop_assert!(COUNTS.contains(&key.as_str()), "{key} is held back\n{patch}");
    }
    let (mut told, mut untold) = (world.clone(), world.clone());
    told.apply(&eager, usize::MAX);
    untold.apply(plan, usize::MAX);
    let but_status = |world: &World| -> Vec<Act> {
        let of_counts = |act: &Act| !matches!(act, Act::Write(Write { op: Op::PatchStatus(_), .. }));
        world.plan().acts.into_iter().filter(of_counts).collect()
    };
    let names = |acts: Vec<Act>| acts.iter().map(name).collect::<Vec<_>>();
    prop_assert_eq!(
        names(but_status(&told)),
        names(but_status(&untold)),
        "a later decision depends on what is held back"
    );
    Ok(())
}

/// What an act does, without the versions that it relies on.
fn name(act: &Act) -> String {
    match act {
        Act::Write(write) => format!("{:?} {:?}", write.target, write.op),
        Act::Note(note) | Act::NoteOwner(note) => format!("{note:?}"),
    }
}

/// What of a status may be held back: `conditions` for the time of the last progress alone, as a test of its own shows.
const COUNTS: [&str; 7] =
    ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "HPAReplicas", "message", "conditions"];
