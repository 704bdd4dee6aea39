//! Selectors of the canary and the stable Service (spec 2.9).

use crate::pass::Pass;
use crate::route;
use crate::service::{Care, point};

/// Points both Services to their sets.
pub fn reconcile(pass: &mut Pass<'_>) {
    if pass.rollout.spec.paused {
        return;
    }
    let (stable_service, canary_service) = (pass.canary().stable_service.clone(), pass.canary().canary_service.clone());
    point(pass, &stable_service, pass.sets.stable_index(), Care::Checked);
    if pass.aborted() {
        // With a router the weight goes first: the route takes care of the canary Service.
        if !pass.has_router() {
            point(pass, &canary_service, pass.sets.stable_index(), Care::Checked);
        }
        return;
    }
    if !route::takes_over_again(pass) {
        point(pass, &canary_service, pass.sets.new_index(), Care::Checked);
    }
}
