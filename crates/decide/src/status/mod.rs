//! The status that a pass leaves behind, as a merge patch against the one that was seen.

pub mod conditions;
pub mod counts;
mod duration;
pub(crate) mod held;
pub mod pause;
pub mod phase;
mod stuck;

use crate::pass::Pass;
use crate::plan::{Kind, Op, Verdict};
use serde_json::{Map, Value, json};
use serinus_wire::rollout::{Finding, RolloutStatus};

/// Finishes the status of a pass: pauses, conditions, phase, and the patch if anything differs.
pub fn settle(pass: &mut Pass<'_>) {
    let old = pass.rollout.status.clone();
    stuck::abort(pass);
    pass.pause.clone().settle(&old, &mut pass.status, pass.now);
    conditions::settle(pass);
    conditions::tell_pauses(pass);
    pass.status.observed_generation = pass.rollout.metadata.generation.to_string();
    if pass.rollout.spec.workload_ref.is_some() {
        pass.status.workload_observed_generation = workload_generation(pass);
    }
    let (phase, message) = phase::phase(pass, &pass.status);
    pass.status.phase = phase.to_string();
    pass.status.message = message;
    duration::settle(pass);
    explain(pass);
    write(pass);
    if let Some(at) = conditions::deadline(pass, &pass.status.conditions) {
        pass.wake_at(at);
    }
}

/// The object can't be acted on: says so in its status and leaves everything else as it is.
pub fn refuse(pass: &mut Pass<'_>, finding: &Finding, message: &str) {
    use conditions::names::INVALID_SPEC;
    let now = pass.now;
    let remedy = finding.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
    let message = format!("{message}{remedy}");
    pass.status = pass.rollout.status.clone();
    let said = conditions::find(&pass.status.conditions, INVALID_SPEC).is_some_and(|old| old.message == message);
    if !said {
        pass.status.conditions.retain(|condition| condition.kind != INVALID_SPEC);
        let condition = conditions::condition(INVALID_SPEC, "True", INVALID_SPEC, message, now);
        pass.status.conditions.push(condition);
    }
    pass.status.observed_generation = pass.rollout.metadata.generation.to_string();
    let (phase, text) = phase::phase(pass, &pass.status);
    pass.status.phase = phase.to_string();
    pass.status.message = text;
    pass.report("spec", Verdict::Refused, format!("{}{remedy}", finding.message));
    write(pass);
}

fn workload_generation(pass: &Pass<'_>) -> String {
    match &pass.seen.workload {
        crate::seen::Workload::Found(workload) => workload.metadata.generation.to_string(),
        crate::seen::Workload::NotReferenced | crate::seen::Workload::Unsupported | crate::seen::Workload::Missing => {
            String::new()
        }
    }
}

/// Not finished and nothing to write: the report must name a reason (law 5).
fn explain(pass: &mut Pass<'_>) {
    match pass.status.phase.as_str() {
        "Healthy" => pass.report("promotion", Verdict::Done, "all traffic goes to the wanted version"),
        "Degraded" => {
            let text = pass.status.message.clone();
            pass.report("promotion", Verdict::Refused, text);
        }
        "Paused" if !pass.has_waits() => {
            let text = format!("paused: {}; promote to go on", pass.status.message);
            pass.waits("pause", text);
        }
        _ if !pass.has_waits() => {
            let text = pass.status.message.clone();
            pass.waits("promotion", text);
        }
        _ => {}
    }
}

fn write(pass: &mut Pass<'_>) {
    if held::holds(pass) {
        return;
    }
    if let Some(patch) = merge_patch(&pass.rollout.status, &pass.status) {
        let seen = pass.seen;
        pass.write(Kind::Rollout, &seen.rollout.metadata, Op::PatchStatus(json!({"status": patch})));
    }
}

/// The merge patch (RFC 7386) from one status to the other; absent when they are equal.
pub fn merge_patch(old: &RolloutStatus, new: &RolloutStatus) -> Option<Value> {
    let old = serde_json::to_value(old).unwrap_or(Value::Null);
    let new = serde_json::to_value(new).unwrap_or(Value::Null);
    difference(&old, &new)
}

/// The merge patch (RFC 7386) from one value to the other; absent when they are equal. Lists are replaced as a whole.
pub fn difference(old: &Value, new: &Value) -> Option<Value> {
    if old == new {
        return None;
    }
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return Some(new.clone()) };
    let mut patch = Map::new();
    for (key, value) in new {
        match old.get(key) {
            Some(before) => {
                if let Some(change) = difference(before, value) {
                    patch.insert(key.clone(), change);
                }
            }
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Some(Value::Object(patch))
}

/// Finishes the status of a pass that only scaled: counts, phase and message; conditions and steps stay.
pub fn settle_rescaled(pass: &mut Pass<'_>) {
    pass.status.observed_generation = pass.rollout.metadata.generation.to_string();
    let (phase, message) = phase::phase(pass, &pass.status);
    pass.status.phase = phase.to_string();
    pass.status.message = message;
    explain(pass);
    write(pass);
}
