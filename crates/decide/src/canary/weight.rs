//! Which step is under way, and which weight it asks for (spec 2.3.4).

use crate::promotion::fully_promoted;
use serinus_wire::Rollout;
use serinus_wire::rollout::{CanaryStep, SetCanaryScale};

/// Steps of the canary; none when absent.
pub fn steps(rollout: &Rollout) -> &[CanaryStep] {
    rollout.canary().and_then(|canary| canary.steps.as_deref()).unwrap_or_default()
}

/// What a weight counts up to.
pub fn max_weight(rollout: &Rollout) -> i32 {
    rollout
        .canary()
        .and_then(|canary| canary.traffic_routing.as_ref())
        .and_then(|routing| routing.max_traffic_weight)
        .unwrap_or(100)
}

/// Number of steps, as an index.
pub fn step_count(rollout: &Rollout) -> i32 {
    i32::try_from(steps(rollout).len()).unwrap_or(i32::MAX)
}

/// Index of the step under way; absent without steps or when all are done.
pub fn current_index(rollout: &Rollout) -> Option<usize> {
    let index = usize::try_from(rollout.status.current_step_index.unwrap_or(0)).unwrap_or(0);
    (index < steps(rollout).len()).then_some(index)
}

/// The step under way.
pub fn current_step(rollout: &Rollout) -> Option<&CanaryStep> {
    current_index(rollout).and_then(|index| steps(rollout).get(index))
}

/// The weight in force: that of the nearest `setWeight` at or before the step; all of it when no step is left.
pub fn in_force(rollout: &Rollout, aborted: bool) -> i32 {
    if aborted {
        return 0;
    }
    match current_index(rollout) {
        None => max_weight(rollout),
        Some(index) => nearest_weight(steps(rollout).get(..=index).unwrap_or_default()),
    }
}

/// The weight before the current step: that of the nearest `setWeight` strictly before it.
pub fn before_current(rollout: &Rollout) -> i32 {
    let index = current_index(rollout).unwrap_or(steps(rollout).len());
    nearest_weight(steps(rollout).get(..index).unwrap_or_default())
}

fn nearest_weight(steps: &[CanaryStep]) -> i32 {
    steps.iter().rev().find_map(|step| step.set_weight).unwrap_or(0)
}

/// What the size of the canary is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A weight, to be turned into pods.
    Weight(i32),
    /// A number of pods, used as it is.
    Pods(i32),
}

/// The canary's wanted size: everything when promoted, `setCanaryScale` where it applies, else the weight in force. `abort`
/// is the weight that an aborted update keeps pods for; absent: it is not aborted.
pub fn wanted(rollout: &Rollout, abort: Option<i32>) -> Wanted {
    if rollout.status.promote_full || fully_promoted(rollout) {
        return Wanted::Weight(max_weight(rollout));
    }
    match scale_in_force(rollout, abort.is_some()) {
        Some(SetCanaryScale { replicas: Some(pods), .. }) => Wanted::Pods(*pods),
        Some(SetCanaryScale { weight: Some(weight), .. }) => Wanted::Weight(*weight),
        Some(_) | None => Wanted::Weight(abort.unwrap_or_else(|| in_force(rollout, false))),
    }
}

/// The `setCanaryScale` that applies. It survives an abort only with `abortScaleDownDelaySeconds: 0`.
fn scale_in_force(rollout: &Rollout, aborted: bool) -> Option<&SetCanaryScale> {
    let canary = rollout.canary()?;
    canary.traffic_routing.as_ref()?;
    if aborted && canary.abort_scale_down_delay_seconds != Some(0) {
        return None;
    }
    let index = current_index(rollout)?;
    let scale = steps(rollout).get(..=index)?.iter().rev().find_map(|step| step.set_canary_scale.as_ref())?;
    (!scale.match_traffic_weight).then_some(scale)
}

/// Words for a step, as the event of its completion has them (spec 2.5).
pub fn describe(step: &CanaryStep) -> String {
    if step.experiment.is_some() {
        return "experiment".to_string();
    }
    if step.analysis.is_some() {
        return "analysis".to_string();
    }
    if let Some(pause) = &step.pause {
        return match &pause.duration {
            None => "pause".to_string(),
            Some(duration) => format!("pause: {duration}"),
        };
    }
    if let Some(weight) = step.set_weight {
        return format!("setWeight: {weight}");
    }
    if let Some(scale) = &step.set_canary_scale {
        let inner = if let Some(weight) = scale.weight {
            format!("weight: {weight}")
        } else if let Some(replicas) = scale.replicas {
            format!("replicas: {replicas}")
        } else {
            format!("matchTrafficWeight: {}", scale.match_traffic_weight)
        };
        return format!("setCanaryScale{{{inner}}}");
    }
    if let Some(plugin) = &step.plugin {
        return format!("plugin: {}", plugin.name);
    }
    if let Some(route) = &step.set_header_route {
        return format!("setHeaderRoute: {}", route.name);
    }
    step.set_mirror_route
        .as_ref()
        .map_or_else(|| "invalid".to_string(), |route| format!("setMirrorRoute: {}", route.name))
}

/// Seconds of a `pause`; absent when only a person ends it. What can't be read counts as 0 (validation has refused it).
pub fn pause_seconds(duration: &serinus_wire::IntOrString) -> i64 {
    match duration {
        serinus_wire::IntOrString::Int(seconds) => *seconds,
        serinus_wire::IntOrString::String(text) => text
            .parse()
            .ok()
            .or_else(|| serinus_gocompat::duration::parse(text).map(|nanos| nanos / 1_000_000_000))
            .unwrap_or(0),
    }
}
