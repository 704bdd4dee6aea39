//! The pause before the switch, and the point from which a small preview may grow (spec 2.6).

use super::{analysis, fast_rollback, new_is_active, scale, services, strategy};
use crate::pass::Pass;
use crate::promotion;
use crate::status::pause::{BLUE_GREEN, pause_of, resumed};
use jiff::Timestamp;
use serinus_wire::Time;

/// Starts the pause when the preview is ready, and ends it when nothing asks for it any more.
pub fn reconcile(pass: &mut Pass<'_>) {
    if pass.aborted() || pass.halted() || !scale::ready_for_pause(pass) {
        return;
    }
    if !is_fast_tracked(pass) && !analysis::before_is_done(pass) {
        return;
    }
    if is_fast_tracked(pass) || is_over(pass) {
        pass.pause.remove.push(BLUE_GREEN);
        return;
    }
    let begun = pause_of(&pass.rollout.status, BLUE_GREEN).map(|pause| pause.start_time.0);
    if begun.is_none() {
        pass.pause.add.push(BLUE_GREEN);
    }
    match end(pass, begun.unwrap_or(pass.wire_now().0)) {
        None => pass.waits("pause", "the switch waits until somebody promotes the Rollout"),
        Some(until) => {
            pass.wake_at(until);
            pass.waits("pause", format!("the switch waits until {}", Time(until)));
        }
    }
}

/// Something asks for a pause before the switch.
fn is_asked(pass: &Pass<'_>) -> bool {
    let strategy = strategy(pass);
    strategy.auto_promotion_enabled == Some(false) || strategy.auto_promotion_seconds > 0
}

/// When a pause ends by itself; absent: only a person ends it.
fn end(pass: &Pass<'_>, begun: Timestamp) -> Option<Timestamp> {
    let strategy = strategy(pass);
    let by_itself = strategy.auto_promotion_enabled != Some(false) && strategy.auto_promotion_seconds > 0;
    by_itself.then(|| Pass::after(begun, i64::from(strategy.auto_promotion_seconds)))
}

/// No pause is needed: the way leads back, a person wants it at once, nothing takes traffic yet, or the switch is done.
pub fn is_fast_tracked(pass: &Pass<'_>) -> bool {
    fast_rollback(pass) || pass.rollout.status.promote_full || services::is_unclaimed(pass) || new_is_active(pass)
}

/// The analysis came out well and the pause is behind: nobody asked for one, it was resumed, or its time is up.
pub fn is_over(pass: &Pass<'_>) -> bool {
    if !analysis::before_is_done(pass) {
        return false;
    }
    let status = &pass.rollout.status;
    if !is_asked(pass) || status.blue_green.scale_up_preview_check_point || resumed(status, BLUE_GREEN) {
        return true;
    }
    let begun = pause_of(status, BLUE_GREEN).map(|pause| pause.start_time.0);
    begun.and_then(|begun| end(pass, begun)).is_some_and(|until| until <= pass.now)
}

/// A small preview is complete and nothing holds the switch: it may grow to its full size. Once so, it stays so until the
/// update is promoted, aborted or replaced by another.
pub fn reaches_check_point(pass: &Pass<'_>) -> bool {
    let Some(count) = strategy(pass).preview_replica_count else { return false };
    if pass.aborted() || promotion::fully_promoted(&pass.rollout) {
        return false;
    }
    let complete = pass.sets.new_set().is_some_and(|set| set.available() == count);
    pass.rollout.status.blue_green.scale_up_preview_check_point
        || (!pass.halted() && complete && is_over(pass) && !new_is_active(pass))
}

/// The pause was ended, and the switch that it allows has not been possible yet: a person is not asked twice.
pub fn is_kept_as_resumed(pass: &Pass<'_>) -> bool {
    is_asked(pass)
        && is_over(pass)
        && !pass.aborted()
        && !is_fast_tracked(pass)
        && !pass.status.blue_green.scale_up_preview_check_point
}
