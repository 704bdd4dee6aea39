//! Pauses and aborts: what the status held, what a person changed in it, and what this pass adds (spec 2.4).

use jiff::Timestamp;
use serinus_wire::Time;
use serinus_wire::rollout::{PauseCondition, RolloutStatus};

/// Reason of a canary's `pause` step.
pub const CANARY_STEP: &str = "CanaryPauseStep";
/// Reason of the pause before a blue/green switch.
pub const BLUE_GREEN: &str = "BlueGreenPause";

/// Reason of the pause after an analysis that could not tell.
pub const INCONCLUSIVE_RUN: &str = "InconclusiveAnalysisRun";

/// Reason of the pause after an experiment that could not tell.
pub const INCONCLUSIVE_EXPERIMENT: &str = "InconclusiveExperiment";

/// What this pass adds and takes back.
#[derive(Clone, Debug, Default)]
pub struct PauseEdits {
    /// Reasons to add.
    pub add: Vec<&'static str>,
    /// Reasons to drop.
    pub remove: Vec<&'static str>,
    /// Drop all of them.
    pub clear: bool,
    /// A pause was ended and what it held back has not happened yet: the status goes on saying so.
    pub keep_resumed: bool,
    /// Abort now, for this reason.
    pub abort: Option<String>,
    /// Take an abort back.
    pub remove_abort: bool,
}

impl PauseEdits {
    /// The update is or becomes aborted.
    pub fn aborted(&self, old: &RolloutStatus) -> bool {
        self.abort.is_some() || (old.abort && !self.remove_abort)
    }

    /// Writes pauses and abort into the new status. An abort wins; a pause that is already there keeps its start.
    pub fn settle(&self, old: &RolloutStatus, new: &mut RolloutStatus, now: Timestamp) {
        new.pause_conditions = Vec::new();
        new.controller_pause = false;
        if self.aborted(old) {
            new.abort = true;
            new.aborted_at = old.aborted_at.or(Some(Time::whole_seconds(now)));
            return;
        }
        new.abort = false;
        new.aborted_at = None;
        if self.clear {
            return;
        }
        new.pause_conditions = old
            .pause_conditions
            .iter()
            .filter(|pause| !self.remove.contains(&pause.reason.as_str()))
            .cloned()
            .collect();
        new.controller_pause = old.controller_pause;
        for reason in &self.add {
            if !new.pause_conditions.iter().any(|pause| pause.reason == *reason) {
                new.pause_conditions
                    .push(PauseCondition { reason: (*reason).to_string(), start_time: Time::whole_seconds(now) });
                new.controller_pause = true;
            }
        }
        if new.pause_conditions.is_empty() {
            new.controller_pause = self.keep_resumed;
        }
    }
}

/// The pause of a reason, if it is in force.
pub fn pause_of<'s>(status: &'s RolloutStatus, reason: &str) -> Option<&'s PauseCondition> {
    status.pause_conditions.iter().find(|pause| pause.reason == reason)
}

/// The controller paused and a person took the pause back.
pub fn resumed(status: &RolloutStatus, reason: &str) -> bool {
    status.controller_pause && pause_of(status, reason).is_none()
}
