//! A change of `spec.replicas` alone: the sets are scaled, and nothing else moves in that pass (spec 2.1, skeleton 8b).

use crate::pass::Pass;
use crate::status;

/// `spec.replicas` changed since the sets were last touched.
pub fn is_needed(pass: &Pass<'_>) -> bool {
    let wanted = pass.replicas();
    [pass.sets.new_set(), pass.sets.stable_set()]
        .into_iter()
        .flatten()
        .any(|set| set.replicas > 0 && set.desired_annotation() != Some(wanted))
}

/// Scales the sets to the new size.
pub fn reconcile(pass: &mut Pass<'_>) {
    let strategy = pass.strategy();
    if strategy.scaling_rests(pass) {
        pass.waits("scale", "paused: the new size is taken up when the Rollout is resumed");
    } else {
        strategy.scale(pass);
    }
    let serving = strategy.serving(pass);
    pass.status = pass.rollout.status.clone();
    pass.status.available_replicas = serving.available;
    pass.status.hpa_replicas = serving.existing;
    status::settle_rescaled(pass);
}
