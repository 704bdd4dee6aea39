//! Which strategy is in force: the one place that knows both. What differs between them is asked here.

use crate::pass::Pass;
use crate::status::counts::Serving;
use crate::{bluegreen, canary};
use serinus_wire::Rollout;
use serinus_wire::rollout::RolloutStatus;

/// The strategy in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// In steps.
    Canary,
    /// All at once, from one Service to another.
    BlueGreen,
}

impl Strategy {
    /// The strategy of a Rollout; validation has seen to it that there is exactly one.
    pub fn of(rollout: &Rollout) -> Strategy {
        if rollout.spec.strategy.blue_green.is_some() { Strategy::BlueGreen } else { Strategy::Canary }
    }

    /// One whole pass.
    pub fn pass(self, pass: &mut Pass<'_>) {
        match self {
            Strategy::Canary => canary::pass(pass),
            Strategy::BlueGreen => bluegreen::pass(pass),
        }
    }

    /// Scales what must be scaled; says whether a size changed.
    pub fn scale(self, pass: &mut Pass<'_>) -> bool {
        match self {
            Strategy::Canary => canary::scale::reconcile(pass),
            Strategy::BlueGreen => bluegreen::scale::reconcile(pass),
        }
    }

    /// No set is scaled. A blue/green Rollout that is paused by hand goes on scaling: only its Services stay as they are.
    pub fn scaling_rests(self, pass: &Pass<'_>) -> bool {
        match self {
            Strategy::Canary => pass.halted(),
            Strategy::BlueGreen => pass.inconclusive(),
        }
    }

    /// The update is aborted, and its pods stay for a while (spec 2.3.6).
    pub fn delays_on_abort(self, pass: &Pass<'_>) -> bool {
        match self {
            Strategy::Canary => canary::scale::delays_on_abort(pass),
            Strategy::BlueGreen => bluegreen::scale::delays_on_abort(pass),
        }
    }

    /// Pods that may be missing.
    pub fn max_unavailable(self, pass: &Pass<'_>) -> i32 {
        match self {
            Strategy::Canary => canary::scale::bounds(pass).unavailable,
            Strategy::BlueGreen => bluegreen::scale::max_unavailable(pass),
        }
    }

    /// The pods that take traffic, as a scaler sees them.
    pub fn serving(self, pass: &Pass<'_>) -> Serving {
        match self {
            Strategy::Canary => Serving::all(pass),
            Strategy::BlueGreen => bluegreen::serving(pass),
        }
    }

    /// Enough pods serve (condition `Available`, spec 2.10).
    pub fn is_available(self, pass: &Pass<'_>) -> bool {
        match self {
            Strategy::Canary => pass.status.available_replicas >= pass.replicas(),
            Strategy::BlueGreen => bluegreen::is_available(pass),
        }
    }

    /// The new status has nothing left to do for this strategy (condition `Healthy`, spec 2.10).
    pub fn is_complete(self, pass: &Pass<'_>) -> bool {
        match self {
            Strategy::Canary => canary::is_complete(pass),
            Strategy::BlueGreen => bluegreen::is_complete(pass),
        }
    }

    /// Something that only this strategy has moved between two statuses (condition `Progressing`, spec 2.10).
    pub fn has_moved(self, old: &RolloutStatus, new: &RolloutStatus) -> bool {
        match self {
            Strategy::Canary => canary::has_moved(old, new),
            Strategy::BlueGreen => bluegreen::has_moved(old, new),
        }
    }

    /// The update is at a point that may take as long as it likes (spec 2.11).
    pub fn may_take_long(self, rollout: &Rollout) -> bool {
        match self {
            Strategy::Canary => canary::may_take_long(rollout),
            Strategy::BlueGreen => false,
        }
    }

    /// What an update with all its pods still waits for, as the message of the phase has it (spec 2.12).
    pub fn unfinished(self, pass: &Pass<'_>, status: &RolloutStatus) -> Option<&'static str> {
        match self {
            Strategy::Canary => canary::unfinished(pass, status),
            Strategy::BlueGreen => bluegreen::unfinished(status),
        }
    }
}
