//! One look at one Experiment (spec 5): its sets of pods side by side, their Services, its analyses, and how it all stands.
//!
//! All of it is in the objects: what a crash interrupts is found again by name and owner, and gone on with.

mod analyses;
mod conclude;
mod look;
mod seen;
mod service;
mod set;
mod valid;

pub use analyses::is_behind;
pub use seen::{Seen, analysis_templates, part_name, services};

use crate::plan::{Plan, Verdict};
use jiff::Timestamp;
use look::Look;

/// Decides what is to be done about one Experiment now. Total: every input gives a plan.
pub fn decide(seen: &Seen, now: Timestamp) -> Plan {
    let mut look = Look::new(seen, now);
    if seen.experiment.metadata.deletion_timestamp.is_some() {
        look.report("experiment", Verdict::Done, "the experiment is being deleted");
        return look.into_plan();
    }
    let wrong = valid::check(&seen.experiment);
    match wrong {
        // Whoever is on the way out may go, whatever has become of its spec.
        Some(message) if !look.terminating => conclude::refuse(&mut look, &message),
        _ => {
            for template in &seen.experiment.spec.templates {
                set::reconcile(&mut look, template);
            }
            analyses::reconcile(&mut look);
            conclude::conclude(&mut look);
        }
    }
    conclude::write_status(&mut look);
    look.into_plan()
}

/// Whether an object is controlled by the Experiment.
pub use seen::is_own;
