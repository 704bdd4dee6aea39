//! `spec.restartAt`: pods created before it are evicted, a few at a time (spec 2.13).

use crate::pass::Pass;
use crate::plan::{Kind, Op, Verdict};
use serinus_wire::k8s::Pod;
use serinus_wire::{Rollout, Time};

/// Seconds until pods that were evicted are looked at again.
const LOOK_AGAIN: i64 = 30;

/// A restart is asked for and not done: the decision needs the pods.
pub fn is_asked(rollout: &Rollout) -> bool {
    rollout.spec.restart_at.is_some() && rollout.spec.restart_at != rollout.status.restarted_at
}

/// Evicts what may go now; says whether anything is evicted (then nothing else moves in that pass).
pub fn reconcile(pass: &mut Pass<'_>) -> bool {
    if !is_asked(&pass.rollout) {
        return false;
    }
    let Some(at) = pass.rollout.spec.restart_at else { return false };
    if at.0 > pass.now {
        pass.wake_at(at.0);
        pass.waits("restart", format!("pods are restarted at {at}"));
        return false;
    }
    let Some(pods) = &pass.seen.pods else {
        pass.waits("restart", "the pods have not been looked up yet");
        return false;
    };
    let old = in_order(pass, pods, at);
    if old.is_empty() {
        pass.status.restarted_at = Some(at);
        pass.report("restart", Verdict::Acts, "every pod is newer than restartAt");
        return false;
    }
    let mut allowed = allowance(pass, pods);
    let mut evicted = false;
    for pod in &old {
        if pod.metadata.deletion_timestamp.is_none() && allowed > 0 {
            allowed -= 1;
            evicted = true;
            pass.write(Kind::Pod, &pod.metadata, Op::Evict);
        }
    }
    // Pods are not watched: somebody has to look whether they went.
    pass.wake_at(Pass::after(pass.now, LOOK_AGAIN));
    pass.waits("restart", format!("{} pods are older than restartAt", old.len()));
    evicted
}

/// How many pods may be missing now. A ReplicaSet counts its pods a moment late: who was just evicted is still among those that it calls available,
/// and only the pods themselves tell that it has gone; and those of a set that is to be smaller are about to go.
fn allowance(pass: &Pass<'_>, pods: &[Pod]) -> i32 {
    let unavailable = pass.strategy().max_unavailable(pass).max(1);
    let wanted = pass.replicas().max(pass.sets.sum(|set| set.replicas));
    let up = pods.iter().filter(|pod| is_owned(pass, pod) && !is_down(pod)).count();
    let available = pass.sets.sum(|set| set.available().min(set.replicas)).min(i32::try_from(up).unwrap_or(i32::MAX));
    available - (wanted - unavailable)
}

fn is_owned(pass: &Pass<'_>, pod: &Pod) -> bool {
    let owner = pod.metadata.controller().map(|owner| &owner.uid);
    owner.is_some_and(|owner| pass.sets.all.iter().any(|set| set.seen.metadata.uid == *owner))
}

/// On its way out, not running, or not ready.
fn is_down(pod: &Pod) -> bool {
    let not_running = pod.status["phase"].as_str().is_some_and(|phase| phase != "Running");
    let conditions = pod.status["conditions"].as_array().into_iter().flatten();
    let not_ready = conditions.into_iter().any(|one| one["type"] == "Ready" && one["status"] != "True");
    pod.metadata.deletion_timestamp.is_some() || not_running || not_ready
}

/// Pods older than the restart: those of the stable set first, then of the new one, then the rest by age.
fn in_order<'p>(pass: &Pass<'_>, pods: &'p [Pod], at: Time) -> Vec<&'p Pod> {
    let uid = |set: Option<&crate::sets::SetView<'_>>| set.map(|set| set.seen.metadata.uid.clone());
    let (stable, new) = (uid(pass.sets.stable_set()), uid(pass.sets.new_set()));
    let owned = |pod: &Pod| pod.metadata.controller().map(|owner| owner.uid.clone());
    let mut old: Vec<&Pod> = pods
        .iter()
        .filter(|pod| pod.metadata.creation_timestamp.is_some_and(|created| created < at))
        .filter(|pod| is_owned(pass, pod))
        .collect();
    old.sort_by_key(|pod| {
        let owner = owned(pod);
        let rank = if owner == stable { 0 } else { 1 + i32::from(owner != new) };
        (rank, pod.metadata.creation_timestamp, pod.metadata.name.clone())
    });
    old
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_is_asked_until_it_is_done() {
        let at: Time = serde_json::from_str("\"2026-01-01T00:00:00Z\"").unwrap();
        let mut rollout = Rollout::default();
        assert!(!is_asked(&rollout));
        rollout.spec.restart_at = Some(at);
        assert!(is_asked(&rollout));
        rollout.status.restarted_at = Some(at);
        assert!(!is_asked(&rollout));
    }
}
