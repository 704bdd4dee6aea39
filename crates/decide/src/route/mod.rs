//! Who gets how much traffic: the weight is decided here, each router turns it into writes (spec 3.0).

pub mod nginx;

use crate::canary::{dynamic, pair, scale, weight};
use crate::pass::Pass;
use crate::plan::Verdict;
use crate::{experiments, promotion, service};
use serinus_wire::rollout::{TrafficWeights, WeightDestination};
use std::cmp::Ordering;

/// Who gets how much.
struct Decision {
    /// Weight of the canary; the stable set gets the rest.
    canary: i32,
    /// Hash of the set behind the canary's weight.
    hash: String,
    /// What sets of an experiment get; the stable set gives it up.
    additional: Vec<WeightDestination>,
}

/// Decides the weight, lets the router write it, and records it.
pub fn reconcile(pass: &mut Pass<'_>) {
    if !pass.has_router() {
        return;
    }
    pass.status.canary.weights = pass.rollout.status.canary.weights.clone();
    let decision = decide_weight(pass);
    if let Some(why) = stable_short(pass, decision.canary) {
        pass.traffic_waits = Some(why.clone());
        pass.waits("traffic", why);
        return;
    }
    let before = recorded(pass).unwrap_or(0);
    let unreachable = match decision.canary.cmp(&before) {
        Ordering::Greater => canary_unreachable(pass),
        // Only then has the stable set just got the pods or the Service that the rest of the traffic needs.
        Ordering::Less if pass.canary().dynamic_stable_scale => stable_unreachable(pass),
        Ordering::Less | Ordering::Equal => None,
    };
    if let Some(why) = unreachable {
        pass.traffic_waits = Some(why.clone());
        pass.waits("traffic", format!("the weight stays at {before} until then: {why}"));
        return;
    }
    nginx::reconcile(pass, decision.canary);
    record(pass, decision);
}

/// The weight on record for the canary.
fn recorded(pass: &Pass<'_>) -> Option<i32> {
    pass.rollout.status.canary.weights.as_ref().map(|weights| weights.canary.weight)
}

/// A stable set that has shrunk takes over again: with `dynamicStableScale` the wanted set became the stable one in the middle
/// of an update. The set behind the recorded weight keeps that weight until the pods are there.
pub fn takes_over_again(pass: &Pass<'_>) -> bool {
    let Some(new) = pass.sets.new_set() else { return false };
    let recorded = pass.rollout.status.canary.weights.as_ref().map(|weights| weights.canary.pod_template_hash.as_str());
    promotion::fully_promoted(&pass.rollout)
        && pass.canary().dynamic_stable_scale
        && recorded.is_some_and(|hash| !hash.is_empty() && hash != new.hash())
        && new.available() < pass.replicas()
}

/// The weight that the canary should have now; first match wins.
fn decide_weight(pass: &mut Pass<'_>) -> Decision {
    let hash = pass.sets.new_set().map_or_else(String::new, |set| set.hash().to_string());
    if takes_over_again(pass) {
        let remembered =
            pass.rollout.status.canary.weights.as_ref().map(|weights| weights.canary.pod_template_hash.clone());
        let left = dynamic::uncarried(&scale::bounds(pass), pass.sets.new_set().map_or(0, |set| set.available()));
        return Decision {
            canary: left.min(recorded(pass).unwrap_or(0)),
            hash: remembered.unwrap_or_default(),
            additional: Vec::new(),
        };
    }
    let canary = canary_weight(pass);
    let tried = !promotion::fully_promoted(&pass.rollout) && !pass.aborted() && !pass.rollout.status.promote_full;
    let additional = if tried { experiments::destinations(pass) } else { Vec::new() };
    Decision { canary, hash, additional }
}

fn canary_weight(pass: &mut Pass<'_>) -> i32 {
    if promotion::fully_promoted(&pass.rollout) {
        return 0;
    }
    if pass.aborted() {
        let canary = weight_after_abort(pass);
        if canary == 0 {
            let canary_service = pass.canary().canary_service.clone();
            service::point(pass, &canary_service, pass.sets.stable_index(), service::Care::Unchecked);
        }
        return canary;
    }
    let Some(available) = pass.sets.new_set().map(|set| set.available()).filter(|available| *available > 0) else {
        return 0;
    };
    if pass.rollout.status.promote_full {
        let dynamic = pass.canary().dynamic_stable_scale;
        let carried = dynamic.then(|| dynamic::share(&scale::bounds(pass), available));
        return carried.or_else(|| recorded(pass)).unwrap_or(0);
    }
    if pass.rollout.status.current_step_index.is_none() {
        return 0;
    }
    let (before, now) = (weight::before_current(&pass.rollout), weight::in_force(&pass.rollout, false));
    // A weight that rises waits for its pods; one that falls goes before them.
    if now > before && !scale::at_desired_counts(pass) { before } else { now }
}

/// Nothing, but with `dynamicStableScale` what the stable set can't carry yet.
fn weight_after_abort(pass: &Pass<'_>) -> i32 {
    let (Some(stable), true) = (pass.sets.stable_set(), pass.canary().dynamic_stable_scale && pass.replicas() > 0)
    else {
        return 0;
    };
    dynamic::weight_back(&scale::bounds(pass), scale::kept_after_abort(pass), recorded(pass), stable.available())
}

/// The stable set can't carry what is left for it: no weight moves.
fn stable_short(pass: &Pass<'_>, canary: i32) -> Option<String> {
    let Some(set) = pass.sets.stable_set() else {
        return Some("no ReplicaSet is stable yet".to_string());
    };
    if set.available() > 0 && pass.sets.new_set().is_none_or(|new| new.available() == 0) {
        // A short stable set serves better than a canary without a single pod.
        return None;
    }
    let max = weight::max_weight(&pass.rollout);
    let share = i64::from(max - canary) * i64::from(pass.replicas()) / i64::from(max.max(1));
    let share = i32::try_from(share).unwrap_or(i32::MAX);
    let threshold = pass.canary().replica_progress_threshold.as_ref();
    let carried = set.available() >= share
        || (threshold.is_some() && scale::reached(threshold, set.replicas, set.available(), share));
    (!carried).then(|| {
        format!("stable ReplicaSet {} has {} of {share} available pods for its share", set.name(), set.available())
    })
}

/// Why the data plane would not reach the canary. Weight before endpoints means lost requests.
fn canary_unreachable(pass: &Pass<'_>) -> Option<String> {
    let set = pass.sets.new_set()?;
    if set.available() == 0 {
        return Some(format!("no pod of ReplicaSet {} is available", set.name()));
    }
    service::unreachable(pass, &pair::services(&pass.rollout).0, set)
}

fn stable_unreachable(pass: &Pass<'_>) -> Option<String> {
    service::unreachable(pass, &pair::services(&pass.rollout).1, pass.sets.stable_set()?)
}

/// Writes the weights into the status, with an event when they differ.
fn record(pass: &mut Pass<'_>, Decision { canary, hash, additional }: Decision) {
    let stable_hash = pass.sets.stable_set().map_or_else(String::new, |set| set.hash().to_string());
    let max = weight::max_weight(&pass.rollout);
    let (canary_service, stable_service) = pair::services(&pass.rollout);
    let weights = TrafficWeights {
        canary: WeightDestination { weight: canary, service_name: canary_service, pod_template_hash: hash },
        stable: WeightDestination {
            weight: max - canary - additional.iter().map(|extra| extra.weight).sum::<i32>(),
            service_name: stable_service,
            pod_template_hash: stable_hash,
        },
        additional,
        verified: None,
    };
    let old = pass.rollout.status.canary.weights.as_ref();
    if old != Some(&weights) {
        let from = old.map(|old| old.canary.weight);
        match from {
            Some(from) if from != canary => {
                let text = format!("Traffic weight updated from {from} to {canary}");
                pass.report("traffic", Verdict::Acts, text.clone());
                pass.tell("TrafficWeightUpdated", text);
            }
            None => {
                pass.report("traffic", Verdict::Acts, format!("weight {canary} of {max}"));
                pass.tell("TrafficWeightUpdated", format!("Traffic weight updated to {canary}"));
            }
            Some(_) => {
                pass.tell("TrafficWeightUpdated", format!("Traffic weight stays at {canary}, for other ReplicaSets"))
            }
        }
        pass.status.canary.weights = Some(weights);
    }
}
