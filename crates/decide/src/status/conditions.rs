//! Conditions of a Rollout (spec 2.10, 2.11): computed from the old status, the new counts, and the sets.

use super::pause::pause_of;
use crate::pass::Pass;
use crate::plan::NoteType;
use jiff::Timestamp;
use serinus_wire::Time;
use serinus_wire::rollout::{Condition, RolloutStatus};

/// Names of conditions and reasons, as they stand on the wire.
pub mod names {
    /// The object can't be understood or allowed.
    pub const INVALID_SPEC: &str = "InvalidSpec";
    /// Enough pods are available.
    pub const AVAILABLE: &str = "Available";
    /// It moves, or why it does not.
    pub const PROGRESSING: &str = "Progressing";
    /// Pods can't be created.
    pub const REPLICA_FAILURE: &str = "ReplicaFailure";
    /// Somebody or a step paused it.
    pub const PAUSED: &str = "Paused";
    /// What is wanted is stable.
    pub const COMPLETED: &str = "Completed";
    /// Completed, and all pods are there.
    pub const HEALTHY: &str = "Healthy";
    /// Reason of `Paused` and of `Progressing` while paused.
    pub const ROLLOUT_PAUSED: &str = "RolloutPaused";
    /// Reason after a pause.
    pub const ROLLOUT_RESUMED: &str = "RolloutResumed";
    /// Reason after an abort was taken back.
    pub const ROLLOUT_RETRY: &str = "RolloutRetry";
    /// Reason of an abort.
    pub const ROLLOUT_ABORTED: &str = "RolloutAborted";
    /// Reason after the progress deadline.
    pub const DEADLINE: &str = "ProgressDeadlineExceeded";
}
use names::*;

/// A condition that starts now.
pub fn condition(kind: &str, status: &str, reason: &str, message: String, now: Timestamp) -> Condition {
    let now = Time::whole_seconds(now);
    Condition {
        kind: kind.to_string(),
        status: status.to_string(),
        last_update_time: now,
        last_transition_time: now,
        reason: reason.to_string(),
        message,
    }
}

/// The condition of a kind.
pub fn find<'s>(conditions: &'s [Condition], kind: &str) -> Option<&'s Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

fn is(conditions: &[Condition], kind: &str, status: &str) -> bool {
    find(conditions, kind).is_some_and(|condition| condition.status == status)
}

fn has_reason(conditions: &[Condition], kind: &str, reason: &str) -> bool {
    find(conditions, kind).is_some_and(|condition| condition.reason == reason)
}

/// Sets a condition; nothing happens when status and reason are as before. Says whether it changed. A changed one moves to
/// the end and keeps the time of its last transition when its status stays.
pub fn set(conditions: &mut Vec<Condition>, mut next: Condition) -> bool {
    if let Some(old) = find(conditions, &next.kind) {
        if old.status == next.status && old.reason == next.reason {
            return false;
        }
        if old.status == next.status {
            next.last_transition_time = old.last_transition_time;
        }
    }
    conditions.retain(|condition| condition.kind != next.kind);
    conditions.push(next);
    true
}

/// As `set`, but also when only the time of the update changes: progress was made.
fn refresh(conditions: &mut Vec<Condition>, mut next: Condition) {
    if let Some(old) = find(conditions, &next.kind)
        && old.status == next.status
    {
        next.last_transition_time = old.last_transition_time;
    }
    conditions.retain(|condition| condition.kind != next.kind);
    conditions.push(next);
}

/// Keeps `Paused` and the reason of `Progressing` in step with the pauses. While aborted both stay as they are.
///
/// Argo does this in a pass of its own; here it is part of the pass that changes the pause, which saves a write.
pub fn follow_pause(conditions: &mut Vec<Condition>, paused: bool, aborted: bool, now: Timestamp) {
    if aborted {
        return;
    }
    let word = if has_reason(conditions, PROGRESSING, ROLLOUT_ABORTED) {
        Some((ROLLOUT_RETRY, "Retrying Rollout after abort"))
    } else if paused && !has_reason(conditions, PROGRESSING, ROLLOUT_PAUSED) {
        Some((ROLLOUT_PAUSED, "Rollout is paused"))
    } else if !paused && has_reason(conditions, PROGRESSING, ROLLOUT_PAUSED) {
        Some((ROLLOUT_RESUMED, "Rollout is resumed"))
    } else {
        None
    };
    if let Some((reason, message)) = word {
        set(conditions, condition(PROGRESSING, "Unknown", reason, message.to_string(), now));
    }
    let value = if paused { "True" } else { "False" };
    if (paused || find(conditions, PAUSED).is_some()) && !is(conditions, PAUSED, value) {
        set(conditions, condition(PAUSED, value, ROLLOUT_PAUSED, "Rollout is paused".to_string(), now));
    }
}

/// Whether a person or a step pauses the Rollout.
pub fn paused(pass: &Pass<'_>, status: &RolloutStatus) -> bool {
    pass.rollout.spec.paused || !status.pause_conditions.is_empty()
}

/// All conditions of the new status. Expects its counts, hashes, step and pauses to be set.
pub fn settle(pass: &mut Pass<'_>) {
    let now = pass.now;
    let old = pass.rollout.status.clone();
    let mut conditions = std::mem::take(&mut pass.status.conditions);
    if conditions.is_empty() {
        conditions = old.conditions.clone();
    }
    conditions.retain(|condition| condition.kind != INVALID_SPEC);
    follow_pause(&mut conditions, paused(pass, &old), pass.aborted(), now);

    let is_paused = paused(pass, &pass.status);
    let healthy = healthy(pass, &old);
    let mut became_unhealthy = false;
    if !is_paused && healthy {
        set(&mut conditions, condition(HEALTHY, "True", "RolloutHealthy", "Rollout is healthy".to_string(), now));
    } else if find(&conditions, HEALTHY).is_some() {
        let text = "Rollout is not healthy".to_string();
        became_unhealthy = is(&conditions, HEALTHY, "True");
        set(&mut conditions, condition(HEALTHY, "False", "RolloutHealthy", text, now));
    }

    if pass.aborted() {
        let revision = pass.sets.new_set().map_or(0, |set| set.revision());
        let mut text = format!("Rollout aborted update to revision {revision}");
        if let Some(why) = pass.pause.abort.as_ref().filter(|why| !why.is_empty()) {
            text = format!("{text}: {why}");
        }
        if set(&mut conditions, condition(PROGRESSING, "False", ROLLOUT_ABORTED, text.clone(), now)) {
            pass.note(NoteType::Warning, ROLLOUT_ABORTED, text);
        }
    } else {
        progress(pass, &old, &mut conditions, healthy && !is_paused, became_unhealthy);
    }

    let next = if pass.strategy().is_available(pass) {
        condition(AVAILABLE, "True", "AvailableReason", "Rollout has minimum availability".to_string(), now)
    } else {
        condition(AVAILABLE, "False", "AvailableReason", "Rollout does not have minimum availability".to_string(), now)
    };
    set(&mut conditions, next);

    match replica_failure(pass) {
        Some(next) => {
            set(&mut conditions, next);
        }
        None => conditions.retain(|condition| condition.kind != REPLICA_FAILURE),
    }

    let status = &pass.status;
    let completed = !status.stable_rs.is_empty() && status.stable_rs == status.current_pod_hash;
    let value = if completed { "True" } else { "False" };
    let text = "RolloutCompleted".to_string();
    if set(&mut conditions, condition(COMPLETED, value, "RolloutCompleted", text, now)) && !completed {
        let revision = pass.sets.new_set().map_or(0, |set| set.revision());
        let hash = pass.status.current_pod_hash.clone();
        let text = format!("Rollout not completed, started update to revision {revision} ({hash})");
        pass.tell("RolloutNotCompleted", text);
    }

    follow_pause(&mut conditions, is_paused, pass.aborted(), now);
    pass.status.conditions = conditions;
}

/// Everything is where it should be, and the last write of this generation was already seen.
fn healthy(pass: &Pass<'_>, old: &RolloutStatus) -> bool {
    let (n, status) = (pass.replicas(), &pass.status);
    let observed = old.observed_generation == pass.rollout.metadata.generation.to_string();
    observed && status.updated_replicas == n && status.available_replicas == n && pass.strategy().is_complete(pass)
}

fn progress(
    pass: &mut Pass<'_>,
    old: &RolloutStatus,
    conditions: &mut Vec<Condition>,
    healthy: bool,
    became_unhealthy: bool,
) {
    let now = pass.now;
    let name = pass.sets.new_set().map_or_else(|| pass.rollout.metadata.name.clone(), |set| set.name().to_string());
    if healthy {
        let text = format!("ReplicaSet \"{name}\" has successfully progressed.");
        set(conditions, condition(PROGRESSING, "True", "NewReplicaSetAvailable", text, now));
    } else if progressed(pass, old) || became_unhealthy {
        let promoted = !pass.status.stable_rs.is_empty() && pass.status.stable_rs == pass.status.current_pod_hash;
        let (reason, text) = if became_unhealthy && promoted {
            ("ReplicaSetNotAvailable", format!("ReplicaSet \"{name}\" is not available"))
        } else {
            ("ReplicaSetUpdated", format!("ReplicaSet \"{name}\" is progressing."))
        };
        refresh(conditions, condition(PROGRESSING, "True", reason, text, now));
    } else if deadline(pass, conditions).is_some_and(|at| now >= at) {
        let text = timeout_text(pass);
        set(conditions, condition(PROGRESSING, "False", DEADLINE, text, now));
    }
}

/// Something moved since the last status (spec 2.10).
pub fn progressed(pass: &Pass<'_>, old: &RolloutStatus) -> bool {
    let new = &pass.status;
    let rest = |status: &RolloutStatus| status.replicas - status.updated_replicas;
    new.updated_replicas != old.updated_replicas
        || rest(new) < rest(old)
        || new.ready_replicas > old.ready_replicas
        || new.available_replicas > old.available_replicas
        || pass.strategy().has_moved(old, new)
}

/// What is said when the deadline passes.
pub fn timeout_text(pass: &Pass<'_>) -> String {
    let name = pass.sets.new_set().map_or(pass.rollout.metadata.name.as_str(), |set| set.name());
    format!("ReplicaSet \"{name}\" has timed out progressing.")
}

/// When the lack of progress counts as stuck; absent while it may take as long as it likes (spec 2.11).
pub fn deadline(pass: &Pass<'_>, conditions: &[Condition]) -> Option<Timestamp> {
    let progressing = find(conditions, PROGRESSING)?;
    if progressing.reason == DEADLINE {
        return Some(progressing.last_update_time.0);
    }
    let indefinite = progressing.reason == ROLLOUT_ABORTED
        || progressing.reason == ROLLOUT_PAUSED
        || progressing.reason == "NewReplicaSetAvailable"
        || is(conditions, PAUSED, "True")
        || pass.strategy().may_take_long(&pass.rollout)
        || pass.sets.others().iter().filter_map(|&index| pass.set(index)).any(|set| set.deadline().is_some());
    if indefinite {
        return None;
    }
    let seconds = pass.rollout.spec.progress_deadline_seconds.unwrap_or(600);
    Some(Pass::after(progressing.last_update_time.0, i64::from(seconds)))
}

fn replica_failure(pass: &Pass<'_>) -> Option<Condition> {
    let of = |set: &crate::sets::SetView<'_>| {
        set.seen.status.conditions.iter().find(|condition| condition.kind == REPLICA_FAILURE).cloned()
    };
    let found = pass.sets.new_set().and_then(of).or_else(|| pass.sets.all.iter().find_map(of))?;
    Some(condition(REPLICA_FAILURE, &found.status, &found.reason, found.message, pass.now))
}

/// Events about pauses that begin or end with this status; an abort that ends a pause has its own event.
pub fn tell_pauses(pass: &mut Pass<'_>) {
    let (old, new) = (&pass.rollout.status, &pass.status);
    let was = old.controller_pause || !old.pause_conditions.is_empty();
    let is = new.controller_pause || !new.pause_conditions.is_empty();
    if is && !was {
        let reason = new.pause_conditions.first().map_or_else(String::new, |pause| pause.reason.clone());
        pass.tell(ROLLOUT_PAUSED, format!("Rollout is paused ({reason})"));
    } else if was && !is && !new.abort {
        pass.tell(ROLLOUT_RESUMED, "Rollout is resumed");
    }
}

/// The pause that a canary step has put in, with its start.
pub fn step_pause(status: &RolloutStatus) -> Option<Timestamp> {
    pause_of(status, super::pause::CANARY_STEP).map(|pause| pause.start_time.0)
}
