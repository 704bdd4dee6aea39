//! `spec.strategy.canary`: what its fields say about one another. Steps and routes are looked at in their own modules.

use super::{steps, strategy};
use crate::finding::Finding;
use crate::rollout::{CanaryStrategy, PingPong, TrafficRouting};
use crate::scalar::IntOrString;
use serde_json::Value;

/// What `maxTrafficWeight` is when nobody says.
const FULL_WEIGHT: i32 = 100;

/// The first thing that is wrong in the canary strategy itself.
pub(super) fn check(canary: &CanaryStrategy) -> Option<Finding> {
    surge_and_unavailable(canary)
        .or_else(|| same_services(canary))
        .or_else(|| ping_pong(canary.ping_pong.as_ref()?, canary.traffic_routing.as_ref()))
        .or_else(|| match &canary.traffic_routing {
            None => not_routed(canary),
            Some(routing) => services(canary, routing).or_else(|| scale_down(canary)).or_else(|| max_weight(routing)),
        })
        .or_else(|| {
            let steps = canary.steps.iter().flatten().enumerate();
            steps.map(|(index, step)| steps::check(canary, index, step)).find_map(|finding| finding)
        })
        .or_else(|| strategy::anti_affinity(canary.anti_affinity.as_ref()))
}

/// What a full weight is for this canary.
pub(super) fn full_weight(canary: &CanaryStrategy) -> i32 {
    canary.traffic_routing.as_ref().and_then(|routing| routing.max_traffic_weight).unwrap_or(FULL_WEIGHT)
}

/// Whether routers that are plugins are set.
pub(super) fn has_plugins(routing: &TrafficRouting) -> bool {
    routing.plugins.as_ref().is_some_and(|plugins| !plugins.is_empty())
}

fn surge_and_unavailable(canary: &CanaryStrategy) -> Option<Finding> {
    let is_zero = |bound: &Option<IntOrString>| match bound {
        Some(IntOrString::Int(number)) => *number == 0,
        Some(IntOrString::String(text)) => text.strip_suffix('%').unwrap_or(text).parse() == Ok(0),
        None => false,
    };
    (is_zero(&canary.max_surge) && is_zero(&canary.max_unavailable)).then(|| {
        let surge = serde_json::to_value(&canary.max_surge).unwrap_or(Value::Null);
        Finding::invalid("spec.strategy.maxSurge", &surge, "MaxSurge and MaxUnavailable both can not be zero")
    })
}

fn same_services(canary: &CanaryStrategy) -> Option<Finding> {
    let same = !canary.canary_service.is_empty() && canary.canary_service == canary.stable_service;
    same.then(|| {
        let text = "This rollout uses the same service for the stable and canary services, but two different services are required.";
        Finding::invalid("spec.strategy.stableService", &canary.stable_service.clone().into(), text)
    })
}

fn services(canary: &CanaryStrategy, routing: &TrafficRouting) -> Option<Finding> {
    if !needs_both_services(canary, routing) {
        return None;
    }
    let both = [(&canary.stable_service, "stableService"), (&canary.canary_service, "canaryService")];
    both.iter().find(|(name, _)| name.is_empty()).map(|(name, field)| {
        let text = "Canary service and Stable service must to be set to use Traffic Routing";
        Finding::invalid(format!("spec.strategy.{field}"), &name.as_str().into(), text)
            .hint(format!("set spec.strategy.canary.{field}"))
    })
}

fn needs_both_services(canary: &CanaryStrategy, routing: &TrafficRouting) -> bool {
    let paired = canary.ping_pong.is_some();
    let by_subset = routing.istio.as_ref().is_some_and(|istio| istio.destination_rule.is_some());
    (routing.alb.is_some() && !paired)
        || (routing.istio.is_some() && !by_subset && !paired)
        || routing.smi.is_some()
        || routing.apisix.is_some()
        || routing.ambassador.is_some()
        || routing.nginx.is_some()
        || routing.app_mesh.is_some()
        || routing.traefik.is_some()
}

fn ping_pong(pair: &PingPong, routing: Option<&TrafficRouting>) -> Option<Finding> {
    const PATH: &str = "spec.strategy.pingPong";
    if routing.is_some_and(|routing| routing.alb.is_none() && routing.istio.is_none() && !has_plugins(routing)) {
        let text = "Ping-pong feature works with the ALB and Istio traffic routers only";
        return Some(
            Finding::invalid("spec.strategy.trafficRouting.alb", &Value::Null, text)
                .hint("remove spec.strategy.canary.pingPong, or route with ALB, Istio or a plugin"),
        );
    }
    let (ping, pong) = (&pair.ping_service, &pair.pong_service);
    for (name, field) in [(ping, "pingService"), (pong, "pongService")] {
        if name.is_empty() {
            let text = "Ping service and Pong service must to be set to use Ping-Pong feature";
            return Some(Finding::invalid(format!("{PATH}.{field}"), &"".into(), text));
        }
    }
    if ping == pong {
        let text = "This rollout uses the same service for the ping and pong services, but two different services are required.";
        return Some(Finding::invalid(format!("{PATH}.pingService"), &ping.clone().into(), text));
    }
    let rootless = routing.and_then(|routing| routing.alb.as_ref()).is_some_and(|alb| alb.root_service.is_empty());
    rootless.then(|| {
        let text = "Root service field is required for the configuration with ALB and ping-pong feature enabled";
        Finding::invalid("spec.strategy.trafficRouting.alb.rootService", &"".into(), text)
    })
}

fn not_routed(canary: &CanaryStrategy) -> Option<Finding> {
    if let Some(delay) = canary.scale_down_delay_seconds {
        let text = "Canary scaleDownDelaySeconds can only be used with traffic routing";
        return Some(
            Finding::invalid("spec.strategy.scaleDownDelaySeconds", &delay.into(), text)
                .hint("remove spec.strategy.canary.scaleDownDelaySeconds or add trafficRouting"),
        );
    }
    canary.dynamic_stable_scale.then(|| {
        let text = "Canary dynamicStableScale can only be used with traffic routing";
        Finding::invalid("spec.strategy.dynamicStableScale", &true.into(), text)
            .hint("remove spec.strategy.canary.dynamicStableScale or add trafficRouting")
    })
}

fn scale_down(canary: &CanaryStrategy) -> Option<Finding> {
    (canary.dynamic_stable_scale && canary.scale_down_delay_seconds.is_some()).then(|| {
        let text = "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds";
        Finding::invalid("spec.strategy.dynamicStableScale", &true.into(), text)
            .hint("remove one of the two from spec.strategy.canary")
    })
}

fn max_weight(routing: &TrafficRouting) -> Option<Finding> {
    let weight = routing.max_traffic_weight?;
    (routing.nginx.is_none() && !has_plugins(routing)).then(|| {
        let text = "Canary maxTrafficWeight in traffic routing only supported in Nginx and Plugins";
        Finding::invalid("spec.strategy.trafficRouting.maxTrafficWeight", &weight.into(), text)
            .hint("remove spec.strategy.canary.trafficRouting.maxTrafficWeight: weights count up to 100")
    })
}
