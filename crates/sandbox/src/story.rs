//! Tells what happens to a Rollout in sentences, from its status before and after; and the live line of the traffic.

use crate::traffic::Seen;
use serinus_wire::Rollout;
use serinus_wire::rollout::{CanaryStep, RolloutStatus};
use std::fmt::Write;

/// The image tags of a Rollout's ReplicaSets by their hash.
pub type Tags = std::collections::BTreeMap<String, String>;

/// What there is to say about a change. `before` is absent when the Rollout is new.
pub fn changes(before: Option<&Rollout>, after: &Rollout, tags: &Tags) -> Vec<String> {
    let none = RolloutStatus::default();
    let old = before.map_or(&none, |rollout| &rollout.status);
    let new = &after.status;
    let mut lines = Vec::new();
    lines.extend(version(old, new, tags));
    lines.extend(invalid(old, new));
    let aborted = new.abort && !old.abort;
    if aborted {
        lines.push(format!("aborted: traffic goes back to {}", named(&new.stable_rs, tags)));
    } else if old.abort && !new.abort && old.current_pod_hash == new.current_pod_hash {
        lines.push(format!("retried: {} begins again with the first step", named(&new.current_pod_hash, tags)));
    }
    lines.extend(weight(old, new, tags));
    lines.extend(pause(old, after));
    if new.stable_rs != old.stable_rs && !old.stable_rs.is_empty() {
        lines.push(format!("promoted: {} is the stable version now", named(&new.stable_rs, tags)));
    }
    lines.extend(phase(old, new, tags));
    lines
}

/// A new version begins, or one comes back.
fn version(old: &RolloutStatus, new: &RolloutStatus, tags: &Tags) -> Option<String> {
    if new.current_pod_hash == old.current_pod_hash || new.current_pod_hash.is_empty() {
        return None;
    }
    let (wanted, stable) = (named(&new.current_pod_hash, tags), named(&new.stable_rs, tags));
    // A blue/green Rollout is promoted in its very first status.
    if new.stable_rs.is_empty() || (old.stable_rs.is_empty() && new.stable_rs == new.current_pod_hash) {
        return Some(format!(
            "{wanted} is deployed for the first time: no canary, it takes all traffic when it is ready"
        ));
    }
    if new.current_pod_hash == new.stable_rs {
        return Some(format!("back to {wanted}, which is the stable version: the steps are skipped"));
    }
    let instead = if !old.current_pod_hash.is_empty() && old.current_pod_hash != old.stable_rs {
        format!(" instead of {}", named(&old.current_pod_hash, tags))
    } else {
        String::new()
    };
    let role = if new.blue_green.active_selector.is_empty() { "canary" } else { "preview" };
    Some(format!("{wanted} becomes the {role}{instead}; {stable} stays the stable version"))
}

fn invalid(old: &RolloutStatus, new: &RolloutStatus) -> Option<String> {
    let message = |status: &RolloutStatus| {
        status.conditions.iter().find(|c| c.kind == "InvalidSpec" && c.status == "True").map(|c| c.message.clone())
    };
    match (message(old), message(new)) {
        (before, Some(now)) if before.as_ref() != Some(&now) => Some(format!("can't be run as it is: {now}")),
        (Some(_), None) => Some("can be run again".to_string()),
        _ => None,
    }
}

fn weight(old: &RolloutStatus, new: &RolloutStatus, tags: &Tags) -> Option<String> {
    let share = |status: &RolloutStatus| status.canary.weights.as_ref().map_or(0, |weights| weights.canary.weight);
    let (from, to) = (share(old), share(new));
    let weights = new.canary.weights.as_ref()?;
    if from == to {
        return None;
    }
    let (canary, stable) = (&weights.canary.pod_template_hash, &weights.stable.pod_template_hash);
    // After the promotion the Services were swapped underneath: nothing moves for those who ask.
    if canary == stable {
        return None;
    }
    Some(format!(
        "weight {from} → {to}: {} gets {to} %, {} {} %",
        named(canary, tags),
        named(stable, tags),
        weights.stable.weight
    ))
}

fn pause(old: &RolloutStatus, rollout: &Rollout) -> Option<String> {
    let new = &rollout.status;
    let begun = new.pause_conditions.iter().find(|now| !old.pause_conditions.iter().any(|then| then == *now))?;
    if begun.reason != "CanaryPauseStep" {
        return Some(format!("paused: {}", begun.reason));
    }
    let steps = rollout.canary().and_then(|canary| canary.steps.as_deref()).unwrap_or_default();
    let index = usize::try_from(new.current_step_index.unwrap_or(0)).unwrap_or(0);
    let place = format!("step {} of {}", index + 1, steps.len());
    let duration = steps.get(index).and_then(|step| step.pause.as_ref()).and_then(|pause| pause.duration.as_ref());
    Some(match duration {
        Some(duration) => format!("{place}: pause for {duration}"),
        None => format!("{place}: pause until you go on: {}", promote(rollout)),
    })
}

fn phase(old: &RolloutStatus, new: &RolloutStatus, tags: &Tags) -> Option<String> {
    if (&new.phase, &new.message) == (&old.phase, &old.message) {
        return None;
    }
    match new.phase.as_str() {
        "Healthy" if old.phase != "Healthy" => {
            Some(format!("healthy: {} serves with {} pods", named(&new.stable_rs, tags), new.available_replicas))
        }
        // What is invalid was said already.
        "Degraded" if !new.message.starts_with("InvalidSpec") => Some(format!("degraded: {}", new.message)),
        _ => None,
    }
}

/// What the person types to go on.
fn promote(rollout: &Rollout) -> String {
    format!("serinus promote {} -n {}", rollout.metadata.name, rollout.metadata.namespace)
}

/// A step in words.
pub fn step(step: &CanaryStep) -> String {
    match step {
        CanaryStep { set_weight: Some(weight), .. } => format!("{weight} %"),
        CanaryStep { pause: Some(pause), .. } => {
            pause.duration.as_ref().map_or("pause until promoted".to_string(), |duration| format!("pause {duration}"))
        }
        CanaryStep { set_canary_scale: Some(_), .. } => "canary scale".to_string(),
        CanaryStep { experiment: Some(_), .. } => "experiment".to_string(),
        CanaryStep { analysis: Some(_), .. } => "analysis".to_string(),
        CanaryStep { set_header_route: Some(_), .. } => "header route".to_string(),
        CanaryStep { set_mirror_route: Some(_), .. } => "mirror route".to_string(),
        CanaryStep { plugin: Some(plugin), .. } => format!("plugin {}", plugin.name),
        _ => "nothing".to_string(),
    }
}

/// The tag of a hash, or the hash itself as long as its ReplicaSet was not seen.
fn named<'a>(hash: &'a str, tags: &'a Tags) -> &'a str {
    tags.get(hash).map_or(if hash.is_empty() { "nothing" } else { hash }, String::as_str)
}

/// The last moments of the traffic in one line: share and failures of each version.
pub fn live(recent: &Seen) -> String {
    let answers = recent.answers();
    let total: u64 = answers.values().sum();
    if total + recent.lost == 0 {
        return "no traffic".to_string();
    }
    let mut line = String::from("traffic");
    for (version, count) in &answers {
        let percent = *count as f64 * 100.0 / total.max(1) as f64;
        let _ = write!(line, "  {version} {percent:.0} %");
        if let Some(bad) = recent.bad.get(*version) {
            let _ = write!(line, " ({bad} of {count} failed)");
        }
    }
    if recent.lost > 0 {
        let _ = write!(line, "  no answer {}", recent.lost);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rollout(status: Value) -> Rollout {
        let steps = json!([{"setWeight": 20}, {"pause": {"duration": "4s"}}, {"pause": {}}]);
        Rollout::read(json!({
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"strategy": {"canary": {"steps": steps}}}, "status": status
        }))
        .unwrap()
    }

    fn told(before: Value, after: Value) -> Vec<String> {
        let tags = [("a", "1.0.0"), ("b", "2.0.0"), ("c", "3.0.0")].map(|(k, v)| (k.to_string(), v.to_string()));
        changes(Some(&rollout(before)), &rollout(after), &tags.into())
    }

    #[test]
    fn each_change_is_one_sentence() {
        let weights = |canary: i32, hash: &str| {
            json!({"weights": {"canary": {"weight": canary, "podTemplateHash": hash},
                "stable": {"weight": 100 - canary, "podTemplateHash": "a"}}})
        };
        let paused = |index: i32| {
            json!({"currentPodHash": "b", "stableRS": "a", "currentStepIndex": index,
                "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:00Z"}]})
        };
        let update = json!({"currentPodHash": "b", "stableRS": "a"});
        for (before, after, want) in [
            (
                json!({}),
                json!({"currentPodHash": "a"}),
                "1.0.0 is deployed for the first time: no canary, it takes all traffic when it is ready",
            ),
            (
                json!({"currentPodHash": "a", "stableRS": "a"}),
                update.clone(),
                "2.0.0 becomes the canary; 1.0.0 stays the stable version",
            ),
            (
                update.clone(),
                json!({"currentPodHash": "c", "stableRS": "a"}),
                "3.0.0 becomes the canary instead of 2.0.0; 1.0.0 stays the stable version",
            ),
            (
                update.clone(),
                json!({"currentPodHash": "a", "stableRS": "a"}),
                "back to 1.0.0, which is the stable version: the steps are skipped",
            ),
            (
                json!({}),
                json!({"currentPodHash": "a", "stableRS": "a"}),
                "1.0.0 is deployed for the first time: no canary, it takes all traffic when it is ready",
            ),
            (
                json!({"currentPodHash": "a", "stableRS": "a"}),
                json!({"currentPodHash": "b", "stableRS": "a", "blueGreen": {"activeSelector": "a"}}),
                "2.0.0 becomes the preview; 1.0.0 stays the stable version",
            ),
            (
                json!({"canary": weights(0, "b")}),
                json!({"canary": weights(20, "b")}),
                "weight 0 → 20: 2.0.0 gets 20 %, 1.0.0 80 %",
            ),
            (update.clone(), paused(1), "step 2 of 3: pause for 4s"),
            (update.clone(), paused(2), "step 3 of 3: pause until you go on: serinus promote web -n shop"),
            (
                update.clone(),
                json!({"currentPodHash": "b", "stableRS": "a", "abort": true}),
                "aborted: traffic goes back to 1.0.0",
            ),
            (
                json!({"currentPodHash": "b", "abort": true}),
                json!({"currentPodHash": "b"}),
                "retried: 2.0.0 begins again with the first step",
            ),
            (
                update.clone(),
                json!({"currentPodHash": "b", "stableRS": "b"}),
                "promoted: 2.0.0 is the stable version now",
            ),
            (
                json!({"stableRS": "b", "phase": "Progressing"}),
                json!({"stableRS": "b", "phase": "Healthy", "availableReplicas": 3}),
                "healthy: 2.0.0 serves with 3 pods",
            ),
            (json!({}), json!({"phase": "Degraded", "message": "RolloutAborted: x"}), "degraded: RolloutAborted: x"),
        ] {
            assert_eq!(told(before.clone(), after.clone()), [want], "{before} {after}");
            assert_eq!(told(after.clone(), after), Vec::<String>::new());
        }
    }

    #[test]
    fn what_is_invalid_is_said_once() {
        let invalid = json!({"phase": "Degraded", "message": "InvalidSpec: no", "conditions": [{"type": "InvalidSpec",
            "status": "True", "reason": "InvalidSpec", "message": "no", "lastUpdateTime": "2026-01-01T00:00:00Z",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}]});
        assert_eq!(told(json!({}), invalid.clone()), ["can't be run as it is: no"]);
        assert_eq!(told(invalid, json!({})), ["can be run again"]);
    }

    #[test]
    fn the_live_line_has_shares_and_failures() {
        let counts = |pairs: &[(&str, u64)]| pairs.iter().map(|(k, v)| (k.to_string(), *v)).collect();
        let mut seen =
            Seen { sent: 100, good: counts(&[("1.0.0", 80), ("2.0.0", 15)]), bad: counts(&[("2.0.0", 5)]), lost: 0 };
        assert_eq!(live(&seen), "traffic  1.0.0 80 %  2.0.0 20 % (5 of 20 failed)");
        seen.lost = 2;
        assert!(live(&seen).ends_with("no answer 2"));
        assert_eq!(live(&Seen::default()), "no traffic");
    }
}
