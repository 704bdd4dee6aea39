//! What an Ingress asks for, read once: hosts, paths, backends, and the nginx canary annotations.

use serde::Deserialize;
use serinus_wire::k8s::Ingress;
use std::collections::BTreeMap;

const PREFIX: &str = "nginx.ingress.kubernetes.io/";

/// One Ingress, ready to be matched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Namespace of the Ingress and of its Services.
    pub namespace: String,
    /// Name of the Ingress.
    pub name: String,
    /// Its paths in the order they were written.
    pub paths: Vec<PathRule>,
    /// Where everything else goes.
    pub default_backend: Option<Backend>,
    /// Set when the Ingress is a canary of others.
    pub canary: Option<Canary>,
}

/// One path of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathRule {
    /// Host, perhaps with a leading `*.`; empty for every host.
    pub host: String,
    /// Path.
    pub path: String,
    /// How the path is compared.
    pub kind: PathKind,
    /// Where requests go.
    pub backend: Backend,
}

/// How a path is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// The whole path.
    Exact,
    /// Whole elements from the start. `ImplementationSpecific` is read as this, as nginx does.
    Prefix,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Namespace.
    pub namespace: String,
    /// Service.
    pub service: String,
    /// Its port.
    pub port: Port,
}

/// A port by name or number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Port {
    /// By name.
    Name(String),
    /// By number.
    Number(i64),
}

/// The canary annotations. nginx asks them in this order: header, cookie, weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    /// Header that chooses.
    pub header: Option<String>,
    /// The one value that chooses the canary, instead of `always` and `never`.
    pub header_value: Option<String>,
    /// Cookie that chooses by `always` and `never`.
    pub cookie: Option<String>,
    /// Share of the rest, out of `total`.
    pub weight: u64,
    /// What the weight counts up to; never 0.
    pub total: u64,
}

impl Rules {
    /// Reads an Ingress. What can't be read serves nothing: an API server would have refused it.
    pub fn of(ingress: &Ingress) -> Rules {
        let meta = &ingress.metadata;
        let spec = Spec::deserialize(&ingress.spec).unwrap_or_default();
        let backend = |raw: &RawBackend| raw.read(&meta.namespace);
        let paths = spec.rules.iter().flat_map(|rule| {
            rule.http.paths.iter().filter_map(|path| {
                Some(PathRule {
                    host: rule.host.to_ascii_lowercase(),
                    path: if path.path.is_empty() { "/".to_string() } else { path.path.clone() },
                    kind: if path.path_type == "Exact" { PathKind::Exact } else { PathKind::Prefix },
                    backend: backend(&path.backend)?,
                })
            })
        });
        Rules {
            namespace: meta.namespace.clone(),
            name: meta.name.clone(),
            paths: paths.collect(),
            default_backend: spec.default_backend.as_ref().and_then(backend),
            canary: canary(&meta.annotations),
        }
    }
}

fn canary(annotations: &BTreeMap<String, String>) -> Option<Canary> {
    let get = |key: &str| annotations.get(&format!("{PREFIX}{key}")).map(|v| v.trim()).filter(|v| !v.is_empty());
    if get("canary") != Some("true") {
        return None;
    }
    let number = |key: &str| get(key).and_then(|v| v.parse().ok());
    Some(Canary {
        header: get("canary-by-header").map(str::to_string),
        header_value: get("canary-by-header-value").map(str::to_string),
        cookie: get("canary-by-cookie").map(str::to_string),
        weight: number("canary-weight").unwrap_or(0),
        total: number("canary-weight-total").filter(|total| *total > 0).unwrap_or(100),
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    default_backend: Option<RawBackend>,
    rules: Vec<RawRule>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawRule {
    host: String,
    http: RawHttp,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawHttp {
    paths: Vec<RawPath>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawPath {
    path: String,
    path_type: String,
    backend: RawBackend,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawBackend {
    service: Option<RawService>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawService {
    name: String,
    port: RawPort,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawPort {
    name: String,
    number: Option<i64>,
}

impl RawBackend {
    fn read(&self, namespace: &str) -> Option<Backend> {
        let service = self.service.as_ref()?;
        let port = match service.port.number {
            Some(number) => Port::Number(number),
            None => Port::Name(service.port.name.clone()),
        };
        Some(Backend { namespace: namespace.to_string(), service: service.name.clone(), port })
    }
}
