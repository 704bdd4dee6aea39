//! `strategy.canary.trafficRouting`: who splits the traffic. Several routers may be set at once.

use super::spec::is_zero;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The routers of a canary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TrafficRouting {
    /// Istio VirtualServices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub istio: Option<IstioRouting>,
    /// Canary Ingress with nginx annotations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nginx: Option<NginxRouting>,
    /// AWS load balancer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alb: Option<AlbRouting>,
    /// SMI TrafficSplit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smi: Option<SmiRouting>,
    /// Ambassador Mappings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ambassador: Option<AmbassadorRouting>,
    /// AWS App Mesh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_mesh: Option<AppMeshRouting>,
    /// Traefik services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traefik: Option<TraefikRouting>,
    /// APISIX routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apisix: Option<ApisixRouting>,
    /// Routers that are plugins, by name, raw.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::crd::anything")]
    pub plugins: Option<BTreeMap<String, Value>>,
    /// Routes that steps may create, highest priority first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_routes: Option<Vec<ManagedRoute>>,
    /// What a weight counts up to (100).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_traffic_weight: Option<i32>,
}

/// A route that steps may create.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = ["name"]))]
pub struct ManagedRoute {
    /// Name.
    pub name: String,
}

/// nginx.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NginxRouting {
    /// Prefix of the annotations (`nginx.ingress.kubernetes.io`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub annotation_prefix: String,
    /// The Ingress of the stable Service.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stable_ingress: String,
    /// Several of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stable_ingresses: Vec<String>,
    /// Annotations for the canary Ingress; the prefix is put before each key that lacks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_ingress_annotations: Option<BTreeMap<String, String>>,
    /// Annotations for the canary Ingress, verbatim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary_ingress_annotations: Option<BTreeMap<String, String>>,
}

impl NginxRouting {
    /// The stable Ingresses, from whichever of the two fields is used.
    pub fn stable_names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.stable_ingress.as_str())
            .chain(self.stable_ingresses.iter().map(String::as_str))
            .filter(|name| !name.is_empty())
    }

    /// Prefix of the annotations.
    pub fn prefix(&self) -> &str {
        if self.annotation_prefix.is_empty() { "nginx.ingress.kubernetes.io" } else { &self.annotation_prefix }
    }
}

/// Istio.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IstioRouting {
    /// One VirtualService.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_service: Option<IstioVirtualService>,
    /// Several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub virtual_services: Vec<IstioVirtualService>,
    /// Subsets instead of Services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_rule: Option<IstioDestinationRule>,
}

/// A VirtualService and the routes that count.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct IstioVirtualService {
    /// Name.
    pub name: String,
    /// HTTP routes by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
    /// TLS routes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tls_routes: Vec<TlsRoute>,
    /// TCP routes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tcp_routes: Vec<TcpRoute>,
}

/// A TLS route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TlsRoute {
    /// Port.
    #[serde(skip_serializing_if = "port_is_zero")]
    pub port: i64,
    /// Server names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sni_hosts: Vec<String>,
}

/// A TCP route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TcpRoute {
    /// Port.
    #[serde(skip_serializing_if = "port_is_zero")]
    pub port: i64,
}

/// A DestinationRule and its subsets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name", "canarySubsetName", "stableSubsetName"]))]
pub struct IstioDestinationRule {
    /// Name.
    pub name: String,
    /// Subset of the canary.
    pub canary_subset_name: String,
    /// Subset of the stable set.
    pub stable_subset_name: String,
    /// Subsets that are left alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub additional_subset_names: Vec<String>,
}

/// AWS load balancer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["servicePort"]))]
pub struct AlbRouting {
    /// One Ingress.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ingress: String,
    /// Several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingresses: Vec<String>,
    /// Port of the Services.
    pub service_port: i32,
    /// Service in the Ingress (the stable one).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub root_service: String,
    /// Prefix of the annotations (`alb.ingress.kubernetes.io`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub annotation_prefix: String,
    /// Stickiness.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stickiness_config: Option<StickinessConfig>,
}

/// Stickiness of an AWS load balancer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["enabled", "durationSeconds"]))]
pub struct StickinessConfig {
    /// On or off.
    pub enabled: bool,
    /// 1 to 604800.
    pub duration_seconds: i64,
}

/// SMI.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SmiRouting {
    /// Root Service (the stable one).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub root_service: String,
    /// Name of the TrafficSplit (that of the Rollout).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub traffic_split_name: String,
}

/// Ambassador.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = ["mappings"]))]
pub struct AmbassadorRouting {
    /// Base mappings.
    pub mappings: Vec<String>,
}

/// AWS App Mesh.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AppMeshRouting {
    /// VirtualService.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_service: Option<AppMeshVirtualService>,
    /// VirtualNodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_node_group: Option<AppMeshVirtualNodeGroup>,
}

/// App Mesh VirtualService.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = ["name"]))]
pub struct AppMeshVirtualService {
    /// Name.
    pub name: String,
    /// Routes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
}

/// App Mesh VirtualNodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["canaryVirtualNodeRef", "stableVirtualNodeRef"]))]
pub struct AppMeshVirtualNodeGroup {
    /// Node of the canary.
    pub canary_virtual_node_ref: Option<NodeRef>,
    /// Node of the stable set.
    pub stable_virtual_node_ref: Option<NodeRef>,
}

/// A VirtualNode by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = ["name"]))]
pub struct NodeRef {
    /// Name.
    pub name: String,
}

/// Traefik.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["weightedTraefikServiceName"]))]
pub struct TraefikRouting {
    /// Name of the TraefikService.
    pub weighted_traefik_service_name: String,
}

/// APISIX.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ApisixRouting {
    /// The route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<ApisixRoute>,
}

/// An ApisixRoute and its rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = ["name"]))]
pub struct ApisixRoute {
    /// Name.
    pub name: String,
    /// Rules by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
}

fn port_is_zero(n: &i64) -> bool {
    i32::try_from(*n).is_ok_and(|n| is_zero(&n))
}
