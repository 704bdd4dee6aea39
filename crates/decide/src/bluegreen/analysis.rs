//! The analyses before and after the switch (spec 2.6, 4.1).

use super::{fast_rollback, new_is_active, scale, services, strategy};
use crate::pass::Pass;
use crate::promotion;
use crate::runs::{self, Site};
use serinus_wire::analysis::Phase;
use serinus_wire::rollout::RolloutAnalysis;

/// Starts, follows and ends both runs. The status goes on showing them when the update is over.
pub fn reconcile(pass: &mut Pass<'_>) {
    if is_over(pass) {
        let show = show(pass);
        show(pass, Site::PrePromotion);
        show(pass, Site::PostPromotion);
        runs::cancel(pass, &[]);
        runs::forget(pass);
        return;
    }
    let switched = new_is_active(pass);
    let saturated = pass.sets.new_set().is_some_and(|new| scale::saturated(pass, new));
    let ready = !switched && scale::ready_for_pause(pass);
    follow(pass, Site::PrePromotion, ready, !switched);
    follow(pass, Site::PostPromotion, switched && saturated, switched);
    runs::cancel_others(pass);
    runs::forget(pass);
}

/// How what became of a run is shown once nothing is judged any more: after a promotion, its end is told; a full promotion
/// comes first; nobody is told of a run that an abort ended.
fn show(pass: &Pass<'_>) -> fn(&mut Pass<'_>, Site) {
    match () {
        () if pass.aborted() => runs::show,
        () if promotion::fully_promoted(&pass.rollout) => runs::conclude,
        () if pass.rollout.status.promote_full => runs::keep,
        () => runs::show,
    }
}

/// Follows a run that has begun, whatever the pods do since; begins one when it is time.
fn follow(pass: &mut Pass<'_>, site: Site, begins: bool, on_time: bool) {
    let Some(analysis) = of(pass, site) else { return };
    let retried = pass.rollout.status.aborted_at.is_some();
    let begun = site.recorded(&pass.rollout.status).is_some() && !retried;
    if begins || (begun && on_time) {
        runs::follow(pass, site, &analysis);
    } else if begun {
        runs::conclude(pass, site);
    }
}

fn of(pass: &Pass<'_>, site: Site) -> Option<RolloutAnalysis> {
    let strategy = strategy(pass);
    let analysis = match site {
        Site::PrePromotion => &strategy.pre_promotion_analysis,
        _ => &strategy.post_promotion_analysis,
    };
    analysis.clone().filter(|analysis| !analysis.templates.is_empty())
}

/// Nothing is judged any more: all is promoted, aborted, or goes a way that deserves no second look.
fn is_over(pass: &Pass<'_>) -> bool {
    promotion::fully_promoted(&pass.rollout)
        || pass.aborted()
        || pass.rollout.status.promote_full
        || fast_rollback(pass)
        || services::is_unclaimed(pass)
}

/// The analysis before the switch came out well, or there is none.
pub fn before_is_done(pass: &Pass<'_>) -> bool {
    is_done(pass, Site::PrePromotion)
}

/// There is an analysis after the switch.
pub fn is_asked_after(pass: &Pass<'_>) -> bool {
    of(pass, Site::PostPromotion).is_some()
}

/// The analysis after the switch came out well, or there is none.
pub fn after_is_done(pass: &Pass<'_>) -> bool {
    is_done(pass, Site::PostPromotion)
}

fn is_done(pass: &Pass<'_>, site: Site) -> bool {
    of(pass, site).is_none() || runs::phase(pass, site) == Some(Phase::Successful)
}

/// The old sets stay until the analysis after the switch came out well, unless their delay was written down (spec 2.6).
pub fn holds_old_sets(pass: &Pass<'_>) -> bool {
    let delay = strategy(pass).scale_down_delay_seconds;
    delay.is_none() && !promotion::fully_promoted(&pass.rollout) && !pass.aborted() && !after_is_done(pass)
}
