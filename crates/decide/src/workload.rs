//! The Deployment behind a `workloadRef`: it gives its pods up while the first revision takes over (spec 2.14).

use crate::identity::revision_of;
use crate::pass::Pass;
use crate::plan::{Kind, Op, Verdict};
use crate::seen::Workload;
use serde_json::json;

/// Scales the Deployment down, as `workloadRef.scaleDown` says. Later revisions find it empty and leave it alone.
pub fn scale_down(pass: &mut Pass<'_>) {
    let Some(reference) = &pass.rollout.spec.workload_ref else { return };
    let seen = pass.seen;
    let Workload::Found(workload) = &seen.workload else { return };
    let current = workload.spec.replicas.unwrap_or(1);
    if reference.kind != "Deployment" || revision_of(&pass.rollout) != 1 || current == 0 {
        return;
    }
    // The phase is that of the last look: pods may be lost since.
    let available = pass.sets.sum(|set| set.available());
    let healthy = pass.rollout.status.phase == "Healthy" && available >= pass.replicas();
    let target = match reference.scale_down.as_str() {
        "onsuccess" | "progressively" if healthy => Some(0),
        "progressively" => left_to_it(pass),
        _ => None,
    };
    let Some(target) = target.filter(|target| *target != current) else { return };
    let name = workload.metadata.name.clone();
    pass.report("workload", Verdict::Acts, format!("scales Deployment {name} from {current} to {target}"));
    pass.write(Kind::Deployment, &workload.metadata, Op::Patch(json!({"spec": {"replicas": target}})));
}

/// Pods that the Rollout does not have yet; absent as long as it has none and loses none.
fn left_to_it(pass: &Pass<'_>) -> Option<i32> {
    let available = pass.sets.sum(|set| set.available());
    let shrinks = pass.sets.new_set().is_some_and(|set| set.replicas < set.existing());
    (available > 0 || shrinks).then(|| (pass.replicas() - available).max(0))
}
