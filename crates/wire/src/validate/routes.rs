//! Steps that make routes: `setHeaderRoute` and `setMirrorRoute`.

use super::canary::has_plugins;
use crate::finding::Finding;
use crate::rollout::{CanaryStrategy, SetHeaderRoute, SetMirrorRoute, StringMatch};
use serde::Serialize;
use serde_json::Value;

/// The first thing that is wrong with a header route.
pub(super) fn header(path: &str, canary: &CanaryStrategy, route: &SetHeaderRoute) -> Option<Finding> {
    let path = format!("{path}.setHeaderRoute");
    let routing = canary.traffic_routing.as_ref().filter(|routing| {
        routing.istio.is_some() || routing.alb.is_some() || routing.apisix.is_some() || has_plugins(routing)
    });
    let Some(routing) = routing else {
        let text = "SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix";
        return Some(Finding::invalid(path, &json(route), text).hint("remove the step"));
    };
    for (index, header) in route.matches.iter().flatten().enumerate() {
        let path = format!("{path}.match[{index}]");
        let value = header.header_value.clone().unwrap_or_default();
        if routing.alb.is_some() {
            if value.exact.is_empty() || !value.regex.is_empty() || !value.prefix.is_empty() {
                let text = "SetHeaderRoute match value invalid. ALB supports 'exact' value only";
                return Some(Finding::invalid(path, &json(&value), text));
            }
        } else if let Some(problem) = not_one(&value) {
            return Some(Finding::invalid(path, &json(&value), problem));
        }
    }
    managed(canary, path, &route.name)
}

/// The first thing that is wrong with a mirror route.
pub(super) fn mirror(path: &str, canary: &CanaryStrategy, route: &SetMirrorRoute) -> Option<Finding> {
    let path = format!("{path}.setMirrorRoute");
    let able = canary.traffic_routing.as_ref().is_some_and(|routing| routing.istio.is_some() || has_plugins(routing));
    if !able {
        let text = "SetMirrorRoute requires TrafficRouting, supports Istio only";
        return Some(Finding::invalid(path, &json(route), text).hint("remove the step"));
    }
    for (index, matched) in route.matches.iter().flatten().enumerate() {
        for value in [&matched.method, &matched.path].into_iter().flatten() {
            if let Some(problem) = not_one(value) {
                return Some(Finding::invalid(format!("{path}.match[{index}]"), &json(value), problem));
            }
        }
    }
    managed(canary, path, &route.name)
}

fn managed(canary: &CanaryStrategy, path: String, name: &str) -> Option<Finding> {
    const ROUTES: &str = "spec.strategy.trafficRouting.managedRoutes";
    let routes = canary.traffic_routing.as_ref().and_then(|routing| routing.managed_routes.as_ref());
    let hint = format!("add {{name: {name}}} to spec.strategy.canary.trafficRouting.managedRoutes");
    let Some(routes) = routes else {
        let text = "Rollout has missing field 'spec.strategy.canary.trafficRouting.managedRoutes'";
        return Some(Finding::required(ROUTES, text).hint(hint));
    };
    (!routes.iter().any(|route| route.name == name)).then(|| {
        let text = "Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes";
        Finding::invalid(path, &name.into(), text).hint(hint)
    })
}

fn not_one(value: &StringMatch) -> Option<&'static str> {
    match [&value.exact, &value.prefix, &value.regex].iter().filter(|text| !text.is_empty()).count() {
        0 => Some("StringMatch value missed, match value must have one of the following: exact, regex, prefix"),
        1 => None,
        _ => Some("StringMatch match value must have exactly one of the following: exact, regex, prefix"),
    }
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
