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
    let mut allowed = allowance(pass);
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

/// How many pods may be missing now.
fn allowance(pass: &Pass<'_>) -> i32 {
    let unavailable = pass.strategy().max_unavailable(pass).max(1);
    let wanted = pass.replicas().max(pass.sets.sum(|set| set.replicas));
    pass.sets.sum(|set| set.available()) - (wanted - unavailable)
}

/// Pods older than the restart: those of the stable set first, then of the new one, then the rest by age.
fn in_order<'p>(pass: &Pass<'_>, pods: &'p [Pod], at: Time) -> Vec<&'p Pod> {
    let uid = |set: Option<&crate::sets::SetView<'_>>| set.map(|set| set.seen.metadata.uid.clone());
    let (stable, new) = (uid(pass.sets.stable_set()), uid(pass.sets.new_set()));
    let owned = |pod: &Pod| pod.metadata.controller().map(|owner| owner.uid.clone());
    let mut old: Vec<&Pod> = pods
        .iter()
        .filter(|pod| pod.metadata.creation_timestamp.is_some_and(|created| created < at))
        .filter(|pod| owned(pod).is_some_and(|owner| pass.sets.all.iter().any(|set| set.seen.metadata.uid == owner)))
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
