//! Which kinds are served, and how each behaves: the built-in ones, and those that CustomResourceDefinitions add.

use crate::builtin::shape::{SHAPES, Type};
use crate::crd::Schema;
use crate::events;
use crate::object::Fields;
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
    Typed(Type),
    /// The same for a kind that the table of types does not have.
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
    /// Whether a PUT to a name that is not there makes the object.
    pub fn is_made_by_update(&self) -> bool {
        let kinds = ["Event", "Lease", "Endpoints", "Service", "PodTemplate", "ControllerRevision"];
        kinds.contains(&self.kind.as_str()) || self.resource.group == "rbac.authorization.k8s.io"
    }
    /// Whether a PUT must say which version it replaces.
    pub fn wants_version(&self) -> bool {
        self.is_custom() || matches!(self.kind.as_str(), "Lease" | "CustomResourceDefinition" | "PodDisruptionBudget")
    }
    /// Where a real server keeps an object; some of its sentences say so, those of dry runs without the root.
    pub fn storage_key(&self, namespace: &str, name: &str, dry_run: bool) -> String {
        let place = match self.resource.plural.as_str() {
            plural if self.is_custom() => format!("{}/{plural}", self.resource.group),
            "services" => "services/specs".to_string(),
            "endpoints" => "services/endpoints".to_string(),
            "ingresses" => "ingress".to_string(),
            "nodes" => "minions".to_string(),
            plural => plural.to_string(),
        };
        let below = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
        let root = if dry_run { "" } else { "/registry" };
        format!("{root}/{place}/{below}{name}")
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
    let core = |plural, kind, short, flags| one("", plural, kind, short, flags);
    let apps = |plural, kind, short, flags| one("apps", plural, kind, short, flags);
    let net = |plural, kind, short, flags| one("networking.k8s.io", plural, kind, short, flags);
    let rbac = |plural, kind, flags| one("rbac.authorization.k8s.io", plural, kind, "", flags);
    let mut crd = one(
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        "crd",
        CLUSTER | STATUS | GENERATION,
    );
    crd.shape = Shape::Builtin(round_trip::<apiextensions::CustomResourceDefinition>);
    vec![
        core("namespaces", "Namespace", "ns", CLUSTER | STATUS),
        core("nodes", "Node", "no", CLUSTER | STATUS),
        core("pods", "Pod", "po", STATUS | GENERATION | ALL),
        core("services", "Service", "svc", STATUS | ALL),
        core("endpoints", "Endpoints", "ep", 0),
        core("configmaps", "ConfigMap", "cm", 0),
        core("secrets", "Secret", "", 0),
        core("events", "Event", "ev", 0),
        one("events.k8s.io", "events", "Event", "ev", 0),
        core("serviceaccounts", "ServiceAccount", "sa", 0),
        core("podtemplates", "PodTemplate", "", GENERATION),
        core("persistentvolumeclaims", "PersistentVolumeClaim", "pvc", STATUS),
        apps("deployments", "Deployment", "deploy", WORKLOAD),
        apps("replicasets", "ReplicaSet", "rs", WORKLOAD),
        apps("statefulsets", "StatefulSet", "sts", WORKLOAD),
        apps("daemonsets", "DaemonSet", "ds", WORKLOAD & !SCALE),
        apps("controllerrevisions", "ControllerRevision", "", 0),
        one("batch", "jobs", "Job", "", STATUS | GENERATION | ALL),
        one("batch", "cronjobs", "CronJob", "cj", STATUS | GENERATION | ALL),
        net("ingresses", "Ingress", "ing", STATUS | GENERATION),
        net("ingressclasses", "IngressClass", "", CLUSTER | GENERATION),
        net("networkpolicies", "NetworkPolicy", "netpol", GENERATION),
        one("discovery.k8s.io", "endpointslices", "EndpointSlice", "", GENERATION),
        one("coordination.k8s.io", "leases", "Lease", "", 0),
        one("policy", "poddisruptionbudgets", "PodDisruptionBudget", "pdb", STATUS | GENERATION),
        rbac("roles", "Role", 0),
        rbac("rolebindings", "RoleBinding", 0),
        rbac("clusterroles", "ClusterRole", CLUSTER),
        rbac("clusterrolebindings", "ClusterRoleBinding", CLUSTER),
        crd,
    ]
}

fn one(group: &str, plural: &str, kind: &str, short: &str, flags: u8) -> Kind {
    let has = |flag: u8| flags & flag != 0;
    let mut short_names: Vec<String> = if short.is_empty() { vec![] } else { vec![short.to_string()] };
    if kind == "CustomResourceDefinition" {
        short_names.push("crds".into());
    }
    Kind {
        resource: Resource::new(group, plural),
        version: "v1".to_string(),
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
        // Events are kept as the core group has them.
        shape: Shape::Typed(SHAPES.of_kind(if kind == "Event" { "" } else { group }, kind).unwrap_or(Type::Raw)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_kind_has_its_type() {
        let catalogue = Catalogue::default();
        let without: Vec<&str> = catalogue
            .all()
            .filter(|kind| matches!(kind.shape, Shape::Typed(Type::Raw)))
            .map(|kind| kind.kind.as_str())
            .collect();
        assert_eq!(without, Vec::<&str>::new());
    }
}
