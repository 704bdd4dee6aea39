//! How a pass ends: reset after a change, promotion, or what the next pass must know (spec 2.6).

use super::{analysis, fast_rollback, pause, selected, services, strategy};
use crate::pass::Pass;
use crate::plan::Verdict;
use crate::{promotion, status};

/// Counts, and what the Services select after this plan.
fn base(pass: &mut Pass<'_>) {
    status::counts::fill(pass);
    let strategy = strategy(pass);
    let active = selected(pass, &strategy.active_service).to_string();
    let preview = selected(pass, &strategy.preview_service).to_string();
    pass.status.blue_green.active_selector = active;
    pass.status.blue_green.preview_selector = preview;
}

/// A new template: pauses and aborts are forgotten, a small preview starts small again.
pub fn reset(pass: &mut Pass<'_>) {
    base(pass);
    promotion::start_over(pass);
    pass.report("promotion", Verdict::Acts, "the pod template changed: the update starts over");
    status::settle(pass);
}

/// The end of an ordinary pass.
pub fn conclude(pass: &mut Pass<'_>) {
    base(pass);
    pass.status.blue_green.scale_up_preview_check_point = pause::reaches_check_point(pass);
    if let Some(why) = reason_to_promote(pass) {
        promotion::promote(pass, &why);
        pass.status.blue_green.scale_up_preview_check_point = false;
    } else {
        pass.pause.keep_resumed = pause::is_kept_as_resumed(pass);
    }
    status::settle(pass);
}

/// Why the new set may become the stable one now; absent: it may not.
fn reason_to_promote(pass: &Pass<'_>) -> Option<String> {
    let (old, new) = (&pass.rollout.status, &pass.status.blue_green);
    if old.stable_rs.is_empty() || services::is_unclaimed(pass) {
        return Some("Initial deploy".to_string());
    }
    if new.active_selector != pass.status.current_pod_hash {
        return None;
    }
    if old.promote_full {
        return Some("Full promotion requested".to_string());
    }
    if promotion::in_rollback_window(pass) {
        return Some("Rollback within window".to_string());
    }
    // A way back that leaves no analysis out ends as any other does.
    if fast_rollback(pass) && analysis::is_asked_after(pass) {
        let name = pass.sets.new_set().map_or("", |set| set.name());
        return Some(format!("Rollback to '{name}' within scaleDownDelay"));
    }
    (!pass.aborted() && analysis::after_is_done(pass)).then(|| "Completed blue-green update".to_string())
}
