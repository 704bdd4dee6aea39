//! Which kinds are served, and how each behaves: the built-in ones, and those that CustomResourceDefinitions add.

use crate::crd::Schema;
use crate::events;
use crate::object::Fields;
use k8s_openapi::api::{
    apps::v1 as apps, batch::v1 as batch, coordination::v1 as coordination, core::v1 as core,
    discovery::v1 as discovery, networking::v1 as networking, policy::v1 as policy, rbac::v1 as rbac,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names a kind independent of its version: group and plural.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: String,
    /// Plural name.
    pub plural: String,
}

impl Resource {
    /// A resource by group and plural.
    pub fn new(group: &str, plural: &str) -> Resource {
        Resource { group: group.to_string(), plural: plural.to_string() }
    }
}

/// How one kind behaves in one version.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Group and plural.
    pub resource: Resource,
    /// Version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Kind of lists.
    pub list_kind: String,
    /// Singular name.
    pub singular: String,
    /// Short names.
    pub short_names: Vec<String>,
    /// Categories such as `all`.
    pub categories: Vec<String>,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Whether `/status` is a subresource.
    pub status: bool,
    /// Where `/scale` finds its numbers.
    pub scale: Option<Scale>,
    /// Whether `metadata.generation` counts changes of the spec.
    pub generation: bool,
    /// What checks the body.
    pub shape: Shape,
}

/// JSON pointers of `/scale`.
#[derive(Clone, Debug)]
pub struct Scale {
    /// Wanted replicas.
    pub spec: String,
    /// Reached replicas.
    pub status: String,
    /// Label selector in text form.
    pub selector: Option<String>,
}

/// What checks the body of a kind.
#[derive(Clone, Debug)]
pub enum Shape {
    /// The type of a built-in kind: unknown fields are dropped, wrong types refused.
    Builtin(fn(&Value) -> Result<Value, String>),
    /// The schema of a CustomResourceDefinition.
    Custom(Arc<Schema>, Arc<Vec<Column>>),
}

/// One column that a CustomResourceDefinition adds to tables.
#[derive(Clone, Debug)]
pub struct Column {
    /// Heading.
    pub name: String,
    /// `string`, `integer`, `date` …
    pub kind: String,
    /// JSONPath, for example `.spec.replicas`.
    pub path: String,
    /// 0 is always shown.
    pub priority: i64,
}

impl Kind {
    /// `group/version`, or `version` in the core group.
    pub fn api_version(&self) -> String {
        if self.resource.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.resource.group, self.version)
        }
    }
    /// Where its objects are kept: the two faces of events share one place.
    pub fn stored(&self) -> Resource {
        if self.is_new_event() { Resource::new("", "events") } else { self.resource.clone() }
    }
    /// The kind whose shape stored objects have.
    pub fn storage_kind(&self) -> Kind {
        let mut kind = self.clone();
        if self.is_new_event() {
            kind.resource = self.stored();
        }
        kind
    }
    /// A body as it is kept.
    pub fn to_stored(&self, body: Value) -> Value {
        if self.is_new_event() { events::to_core(body) } else { body }
    }
    /// A kept object as clients of this kind and version see it.
    pub fn to_shown(&self, object: &Value) -> Value {
        if self.is_new_event() {
            return events::from_core(object);
        }
        let mut object = object.clone();
        object.put(&["apiVersion"], self.api_version());
        object
    }
    fn is_new_event(&self) -> bool {
        self.resource.group == "events.k8s.io"
    }
    /// Whether a CustomResourceDefinition made it.
    pub fn is_custom(&self) -> bool {
        matches!(self.shape, Shape::Custom(..))
    }
}

/// All kinds that are served now.
#[derive(Clone, Debug)]
pub struct Catalogue {
    kinds: BTreeMap<Resource, Vec<Arc<Kind>>>,
}

impl Default for Catalogue {
    fn default() -> Self {
        let mut catalogue = Catalogue { kinds: BTreeMap::new() };
        for kind in builtin() {
            catalogue.kinds.entry(kind.resource.clone()).or_default().push(Arc::new(kind));
        }
        catalogue
    }
}

impl Catalogue {
    /// A kind by group, version and plural.
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Kind>> {
        self.kinds.get(&Resource::new(group, plural))?.iter().find(|kind| kind.version == version).cloned()
    }
    /// A kind by group and kind.
    pub fn by_kind(&self, group: &str, kind: &str) -> Option<Arc<Kind>> {
        self.all().find(|k| k.resource.group == group && k.kind == kind).cloned()
    }
    /// Every kind in every version.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.kinds.values().flatten()
    }
    /// Serves the versions of a CustomResourceDefinition from now on.
    pub fn serve(&mut self, resource: Resource, versions: Vec<Kind>) {
        self.kinds.insert(resource, versions.into_iter().map(Arc::new).collect());
    }
    /// Serves it no more.
    pub fn forget(&mut self, resource: &Resource) {
        self.kinds.remove(resource);
    }
}

fn round_trip<K: DeserializeOwned + Serialize>(value: &Value) -> Result<Value, String> {
    let typed: K = K::deserialize(value).map_err(|error| error.to_string())?;
    serde_json::to_value(&typed).map_err(|error| error.to_string())
}

const CLUSTER: u8 = 1;
const STATUS: u8 = 2;
const SCALE: u8 = 4;
const GENERATION: u8 = 8;
const ALL: u8 = 16;

fn builtin() -> Vec<Kind> {
    const WORKLOAD: u8 = STATUS | SCALE | GENERATION | ALL;
    let core = |plural, kind, short, flags, trip| one("", "v1", plural, kind, short, flags, trip);
    let apps = |plural, kind, short, flags, trip| one("apps", "v1", plural, kind, short, flags, trip);
    vec![
        core("namespaces", "Namespace", "ns", CLUSTER | STATUS, round_trip::<core::Namespace>),
        core("nodes", "Node", "no", CLUSTER | STATUS, round_trip::<core::Node>),
        core("pods", "Pod", "po", STATUS | GENERATION | ALL, round_trip::<core::Pod>),
        core("services", "Service", "svc", STATUS | ALL, round_trip::<core::Service>),
        core("endpoints", "Endpoints", "ep", 0, round_trip::<core::Endpoints>),
        core("configmaps", "ConfigMap", "cm", 0, round_trip::<core::ConfigMap>),
        core("secrets", "Secret", "", 0, round_trip::<core::Secret>),
        core("events", "Event", "ev", 0, round_trip::<core::Event>),
        one("events.k8s.io", "v1", "events", "Event", "ev", 0, round_trip::<core::Event>),
        core("serviceaccounts", "ServiceAccount", "sa", 0, round_trip::<core::ServiceAccount>),
        core("podtemplates", "PodTemplate", "", GENERATION, round_trip::<core::PodTemplate>),
        core(
            "persistentvolumeclaims",
            "PersistentVolumeClaim",
            "pvc",
            STATUS,
            round_trip::<core::PersistentVolumeClaim>,
        ),
        apps("deployments", "Deployment", "deploy", WORKLOAD, round_trip::<apps::Deployment>),
        apps("replicasets", "ReplicaSet", "rs", WORKLOAD, round_trip::<apps::ReplicaSet>),
        apps("statefulsets", "StatefulSet", "sts", WORKLOAD, round_trip::<apps::StatefulSet>),
        apps("daemonsets", "DaemonSet", "ds", WORKLOAD & !SCALE, round_trip::<apps::DaemonSet>),
        apps("controllerrevisions", "ControllerRevision", "", 0, round_trip::<apps::ControllerRevision>),
        one("batch", "v1", "jobs", "Job", "", STATUS | GENERATION | ALL, round_trip::<batch::Job>),
        one("batch", "v1", "cronjobs", "CronJob", "cj", STATUS | GENERATION | ALL, round_trip::<batch::CronJob>),
        one(
            "networking.k8s.io",
            "v1",
            "ingresses",
            "Ingress",
            "ing",
            STATUS | GENERATION,
            round_trip::<networking::Ingress>,
        ),
        one(
            "networking.k8s.io",
            "v1",
            "ingressclasses",
            "IngressClass",
            "",
            CLUSTER | GENERATION,
            round_trip::<networking::IngressClass>,
        ),
        one(
            "networking.k8s.io",
            "v1",
            "networkpolicies",
            "NetworkPolicy",
            "netpol",
            GENERATION,
            round_trip::<networking::NetworkPolicy>,
        ),
        one(
            "discovery.k8s.io",
            "v1",
            "endpointslices",
            "EndpointSlice",
            "",
            GENERATION,
            round_trip::<discovery::EndpointSlice>,
        ),
        one("coordination.k8s.io", "v1", "leases", "Lease", "", 0, round_trip::<coordination::Lease>),
        one(
            "policy",
            "v1",
            "poddisruptionbudgets",
            "PodDisruptionBudget",
            "pdb",
            STATUS | GENERATION,
            round_trip::<policy::PodDisruptionBudget>,
        ),
        one("rbac.authorization.k8s.io", "v1", "roles", "Role", "", 0, round_trip::<rbac::Role>),
        one("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", "", 0, round_trip::<rbac::RoleBinding>),
        one(
            "rbac.authorization.k8s.io",
            "v1",
            "clusterroles",
            "ClusterRole",
            "",
            CLUSTER,
            round_trip::<rbac::ClusterRole>,
        ),
        one(
            "rbac.authorization.k8s.io",
            "v1",
            "clusterrolebindings",
            "ClusterRoleBinding",
            "",
            CLUSTER,
            round_trip::<rbac::ClusterRoleBinding>,
        ),
        one(
            "apiextensions.k8s.io",
            "v1",
            "customresourcedefinitions",
            "CustomResourceDefinition",
            "crd",
            CLUSTER | STATUS | GENERATION,
            round_trip::<apiextensions::CustomResourceDefinition>,
        ),
    ]
}

fn one(
    group: &str,
    version: &str,
    plural: &str,
    kind: &str,
    short: &str,
    flags: u8,
    trip: fn(&Value) -> Result<Value, String>,
) -> Kind {
    let has = |flag: u8| flags & flag != 0;
    let mut short_names: Vec<String> = if short.is_empty() { vec![] } else { vec![short.to_string()] };
    if kind == "CustomResourceDefinition" {
        short_names.push("crds".into());
    }
    Kind {
        resource: Resource::new(group, plural),
        version: version.to_string(),
        kind: kind.to_string(),
        list_kind: format!("{kind}List"),
        singular: kind.to_lowercase(),
        short_names,
        categories: if has(ALL) { vec!["all".to_string()] } else { vec![] },
        namespaced: !has(CLUSTER),
        status: has(STATUS),
        scale: has(SCALE).then(|| Scale {
            spec: "/spec/replicas".into(),
            status: "/status/replicas".into(),
            selector: None,
        }),
        generation: has(GENERATION),
        shape: Shape::Builtin(trip),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn built_in_kinds_drop_unknown_fields_and_refuse_wrong_types() {
        let kind = Catalogue::default().find("apps", "v1", "deployments").expect("served");
        let Shape::Builtin(trip) = kind.shape else { panic!("built in") };
        let good = trip(&json!({"spec": {"replicas": 1, "oops": 2, "selector": {}, "template": {}}})).expect("good");
        assert_eq!(good.pointer("/spec/oops"), None);
        assert!(trip(&json!({"spec": {"replicas": "one", "selector": {}, "template": {}}})).is_err());
    }
}
