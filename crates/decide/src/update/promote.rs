//! One approval for both: where the workload says so, who has voted for an update has voted for its canary as well, and no pause that
//! only waits for a person holds it up. A pause that ends by itself keeps its time, and an analysis that could not tell still asks a person:
//! the vote was given before anybody knew of that.

use super::decide::Work;
use super::tracked::Tracked;
use crate::plan::{Kind, NoteType, Op, Verdict};
use crate::status::pause;
use serde_json::json;
use serinus_wire::{ObjectMeta, Rollout, keel};

/// The Rollout, where it waits for nothing but a person who promotes it.
pub fn held(rollout: &Rollout) -> Option<Box<ObjectMeta>> {
    let status = &rollout.status;
    let mut reasons = status.pause_conditions.iter().map(|condition| condition.reason.as_str());
    let by_hand = rollout.spec.paused || status.abort || status.pause_conditions.is_empty();
    let waits = |reason: &str| match reason {
        pause::CANARY_STEP => waits_at_step(rollout),
        pause::BLUE_GREEN => {
            rollout.spec.strategy.blue_green.as_ref().is_some_and(|blue_green| blue_green.auto_promotion_seconds == 0)
        }
        _ => false,
    };
    (!by_hand && reasons.all(waits)).then(|| Box::new(rollout.metadata.clone()))
}

fn waits_at_step(rollout: &Rollout) -> bool {
    let steps = rollout.canary().and_then(|canary| canary.steps.as_deref()).unwrap_or_default();
    let index = rollout.status.current_step_index.and_then(|index| usize::try_from(index).ok());
    let step = index.and_then(|index| steps.get(index));
    step.and_then(|step| step.pause.as_ref()).is_some_and(|pause| pause.duration.is_none())
}

/// Whether the votes for the update count for its rollout.
pub fn counts(work: &Work<'_>, tracked: &Tracked) -> bool {
    let update = &work.seen.update;
    let needed = usize::try_from(update.spec.required_approvals).unwrap_or(usize::MAX);
    tracked.settings.approval_promotes && needed > 0 && update.approvers().len() >= needed
}

/// Ends the pause as a person would who promotes.
pub fn promote(work: &mut Work<'_>, rollout: &ObjectMeta) {
    let voters = work.seen.update.approvers().into_iter().map(str::to_string).collect::<Vec<_>>().join(", ");
    let text = format!(
        "Rollout {} goes on: {voters} approved the update, and {} lets that count for its promotion",
        rollout.name,
        keel::APPROVAL_PROMOTES
    );
    work.report("promotion", Verdict::Acts, text.clone());
    work.write(Kind::Rollout, rollout, Op::PatchStatus(json!({"status": {"pauseConditions": null}})));
    work.note(NoteType::Normal, "UpdatePromotes", text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn only_a_pause_that_waits_for_a_person_is_ended() {
        let canary = |pause: Value| json!({"canary": {"steps": [{"setWeight": 20}, {"pause": pause}]}});
        let blue_green = |seconds: i32| json!({"blueGreen": {"activeService": "a", "autoPromotionEnabled": false, "autoPromotionSeconds": seconds}});
        let paused = |reason: &str| json!({"pauseConditions": [{"reason": reason, "startTime": "2026-01-01T00:00:00Z"}], "currentStepIndex": 1});
        let both = json!({"currentStepIndex": 1, "pauseConditions": [
            {"reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:00Z"},
            {"reason": "InconclusiveAnalysisRun", "startTime": "2026-01-01T00:00:00Z"}]});
        let mut aborted = paused("CanaryPauseStep");
        aborted["abort"] = json!(true);
        for (strategy, status, by_hand, held) in [
            (canary(json!({})), paused("CanaryPauseStep"), false, true),
            (canary(json!({"duration": "1h"})), paused("CanaryPauseStep"), false, false),
            (canary(json!({})), json!({"currentStepIndex": 1}), false, false),
            (canary(json!({})), paused("CanaryPauseStep"), true, false),
            (canary(json!({})), paused("InconclusiveAnalysisRun"), false, false),
            (canary(json!({})), both, false, false),
            (canary(json!({})), aborted, false, false),
            (blue_green(0), paused("BlueGreenPause"), false, true),
            (blue_green(60), paused("BlueGreenPause"), false, false),
        ] {
            let object = json!({"metadata": {"name": "web"}, "spec": {"strategy": strategy, "paused": by_hand}, "status": status});
            let rollout: Rollout = serde_json::from_value(object.clone()).unwrap();
            assert_eq!(super::held(&rollout).is_some(), held, "{object}");
        }
    }
}
