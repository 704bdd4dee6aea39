//! The pure core: `decide(&Seen, now) -> Plan`.
//!
//! `Seen` is everything known about one Rollout, as plain data. `Plan` is the ordered acts (guarded writes and events), the
//! next wake-up, and a report that names every reason it waits. No I/O, no clock, no randomness, no panic.

pub mod plan;
pub mod seen;

pub use plan::{Act, Guard, Kind, Line, Note, NoteType, Op, Plan, Report, Target, Verdict, Write};
pub use seen::{Named, Seen, Workload, names};
