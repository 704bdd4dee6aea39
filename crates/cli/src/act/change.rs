//! Verbs that are one small patch: abort, retry, pause, restart, promote, terminate.

use super::at::At;
use crate::args::{Promote, Restart};
use crate::screen::say;
use jiff::Timestamp;
use serde_json::{Value, json};
use serinus_cluster::client::{ANALYSIS_RUN, EXPERIMENT, Patch, ROLLOUT};
use serinus_wire::Rollout;

/// Stops updates and goes back to the stable version.
pub async fn abort(at: &At, names: &[String]) -> anyhow::Result<()> {
    for name in names {
        at.patch_status(&ROLLOUT, name, &json!({"status": {"abort": true}})).await?;
        say(&format!("rollout '{name}' aborted"))?;
    }
    Ok(())
}

/// Starts aborted updates again.
pub async fn retry_rollouts(at: &At, names: &[String]) -> anyhow::Result<()> {
    for name in names {
        at.patch_status(&ROLLOUT, name, &json!({"status": {"abort": false}})).await?;
        say(&format!("rollout '{name}' retried"))?;
    }
    Ok(())
}

/// Starts experiments from nothing: what they reached is forgotten.
pub async fn retry_experiments(at: &At, names: &[String]) -> anyhow::Result<()> {
    for name in names {
        at.patch(&EXPERIMENT, name, Patch::Merge, &json!({"status": null})).await?;
        say(&format!("experiment '{name}' retried"))?;
    }
    Ok(())
}

/// Holds rollouts until `promote`.
pub async fn pause(at: &At, names: &[String]) -> anyhow::Result<()> {
    for name in names {
        at.patch(&ROLLOUT, name, Patch::Merge, &json!({"spec": {"paused": true}})).await?;
        say(&format!("rollout '{name}' paused"))?;
    }
    Ok(())
}

/// Starts all pods anew, now or later.
pub async fn restart(at: &At, args: &Restart) -> anyhow::Result<()> {
    let when = serinus_wire::Time::whole_seconds(Timestamp::now() + args.after.span).to_string();
    for name in &args.names {
        at.patch(&ROLLOUT, name, Patch::Merge, &json!({"spec": {"restartAt": when}})).await?;
        say(&format!("rollout '{name}' restarts in {}", args.after.text))?;
    }
    Ok(())
}

/// Ends analysis runs early.
pub async fn terminate_runs(at: &At, names: &[String]) -> anyhow::Result<()> {
    for name in names {
        at.patch(&ANALYSIS_RUN, name, Patch::Merge, &json!({"spec": {"terminate": true}})).await?;
        say(&format!("analysisRun '{name}' terminated"))?;
    }
    Ok(())
}

/// Ends experiments early.
pub async fn terminate_experiments(at: &At, names: &[String]) -> anyhow::Result<()> {
    for name in names {
        at.patch(&EXPERIMENT, name, Patch::Merge, &json!({"spec": {"terminate": true}})).await?;
        say(&format!("experiment '{name}' terminated"))?;
    }
    Ok(())
}

/// Lets a rollout go on.
pub async fn promote(at: &At, args: &Promote) -> anyhow::Result<()> {
    let (name, rollout) = (args.name.as_str(), at.rollout(&args.name).await?);
    let steps = rollout.canary().and_then(|canary| canary.steps.as_ref()).map_or(0, Vec::len);
    let how = How::asked(args);
    if matches!(how, How::SkipStep | How::SkipAll) && steps == 0 {
        anyhow::bail!("rollout '{name}' has no canary steps to skip: use promote without the flag, or with --full");
    }
    // Its spec first: a controller that sees the end of a step's pause while the rollout is still paused by hand begins that pause again.
    if rollout.spec.paused {
        at.patch(&ROLLOUT, name, Patch::Merge, &json!({"spec": {"paused": false}})).await?;
    }
    if let Some(status) = status_patch(&rollout, how) {
        at.patch_status(&ROLLOUT, name, &json!({"status": status})).await?;
    }
    say(&format!("rollout '{name}' {}promoted", if how == How::Full { "fully " } else { "" }))?;
    Ok(())
}

/// How far a promotion goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// Resumes what is paused, else goes past the current step.
    Next,
    /// Past the current step, paused or not.
    SkipStep,
    /// Past all steps.
    SkipAll,
    /// Past steps, analysis and pauses of any strategy.
    Full,
}

impl How {
    fn asked(args: &Promote) -> How {
        match (args.full, args.skip_all_steps, args.skip_current_step) {
            (true, _, _) => How::Full,
            (_, true, _) => How::SkipAll,
            (_, _, true) => How::SkipStep,
            (false, false, false) => How::Next,
        }
    }
}

/// The status patch of `promote` (spec 7.1); `--full` only mid-update.
fn status_patch(rollout: &Rollout, how: How) -> Option<Value> {
    let status = &rollout.status;
    let paused = !status.pause_conditions.is_empty();
    let count = rollout.canary().and_then(|canary| canary.steps.as_ref()).map_or(0, Vec::len);
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    let next = status.current_step_index.unwrap_or(0).saturating_add(1).min(count);
    // A step whose analysis could not tell would be judged again, and pause again, if only the pause were taken away.
    let undecided = status.canary.current_step_analysis_run_status.as_ref();
    let undecided = undecided.is_some_and(|run| run.status == "Inconclusive") && status.controller_pause;
    match how {
        How::Full => (status.current_pod_hash != status.stable_rs).then(|| json!({"promoteFull": true})),
        // A pause belongs to its step: the controller ends it when the step is behind.
        How::SkipAll => Some(json!({"currentStepIndex": count})),
        How::SkipStep => Some(json!({"currentStepIndex": next})),
        How::Next if paused && undecided => {
            Some(json!({"pauseConditions": null, "controllerPause": false, "currentStepIndex": next}))
        }
        How::Next if paused => Some(json!({"pauseConditions": null})),
        How::Next => (count > 0).then(|| json!({"pauseConditions": null, "currentStepIndex": next})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(status: Value) -> Rollout {
        let canary = json!({"canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}});
        Rollout::read(json!({"metadata": {"name": "web"}, "spec": {"strategy": canary}, "status": status})).unwrap()
    }

    #[test]
    fn promote_resumes_a_pause_else_goes_past_the_step() {
        let pause = json!([{"reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:00Z"}]);
        let undecided = json!({"pauseConditions": pause, "controllerPause": true, "currentStepIndex": 0,
            "canary": {"currentStepAnalysisRunStatus": {"name": "a", "status": "Inconclusive"}}});
        for (status, how, want) in [
            (json!({"pauseConditions": pause}), How::Next, Some(json!({"pauseConditions": null}))),
            (json!({"currentStepIndex": 0}), How::Next, Some(json!({"pauseConditions": null, "currentStepIndex": 1}))),
            (json!({"currentStepIndex": 2}), How::Next, Some(json!({"pauseConditions": null, "currentStepIndex": 2}))),
            (
                undecided,
                How::Next,
                Some(json!({"pauseConditions": null, "controllerPause": false, "currentStepIndex": 1})),
            ),
            (
                json!({"currentStepIndex": 0, "pauseConditions": pause}),
                How::SkipStep,
                Some(json!({"currentStepIndex": 1})),
            ),
            (json!({"currentStepIndex": 0}), How::SkipAll, Some(json!({"currentStepIndex": 2}))),
            (json!({"currentPodHash": "a", "stableRS": "b"}), How::Full, Some(json!({"promoteFull": true}))),
            (json!({"currentPodHash": "a", "stableRS": "a"}), How::Full, None),
        ] {
            assert_eq!(status_patch(&rollout(status.clone()), how), want, "{how:?} {status}");
        }
    }
}
