//! Which pods stand behind a backend right now, from Services, EndpointSlices, pods and where the pods listen.

use super::counts::Version;
use super::rules::{Backend, Port, Rules};
use serde_json::Value;
use serinus_wire::k8s::{EndpointSlice, Ingress, Service};
use serinus_wire::keys;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

/// Namespace and name.
pub type Key = (String, String);

/// Where pods listen. One address each: a loopback port stands for every port of the pod.
pub type Addresses = BTreeMap<Key, SocketAddr>;

/// The objects that routing depends on, as last seen.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// Ingresses.
    pub ingresses: BTreeMap<Key, Ingress>,
    /// Services.
    pub services: BTreeMap<Key, Service>,
    /// EndpointSlices.
    pub slices: BTreeMap<Key, EndpointSlice>,
    /// Version of each pod.
    pub pods: BTreeMap<Key, Version>,
}

/// One pod that takes requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name.
    pub pod: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it runs.
    pub version: Version,
}

/// A routing table: made anew whenever an object changes, and only read then.
#[derive(Debug, Default)]
pub struct Table {
    /// Ingresses by namespace and name.
    pub ingresses: Vec<Rules>,
    services: BTreeMap<Key, Upstream>,
}

#[derive(Debug, Default)]
struct Upstream {
    ports: Vec<(String, i64)>,
    endpoints: Vec<Endpoint>,
    next: AtomicUsize,
}

/// The table in force. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    table: Arc<RwLock<Arc<Table>>>,
}

impl Shared {
    /// The table as it is now.
    pub fn now(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Puts another in its place.
    pub fn replace(&self, table: Table) {
        *self.table.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(table);
    }
}

impl Table {
    /// Joins the objects.
    pub fn of(objects: &Objects, addresses: &Addresses) -> Table {
        let services = objects.services.iter().map(|(key, service)| {
            let upstream = Upstream {
                ports: ports(&service.spec.ports),
                endpoints: endpoints(key, objects, addresses),
                next: AtomicUsize::new(0),
            };
            (key.clone(), upstream)
        });
        Table { ingresses: objects.ingresses.values().map(Rules::of).collect(), services: services.collect() }
    }

    /// The ready pods of a backend, beginning with the one whose turn it is.
    pub fn endpoints(&self, backend: &Backend) -> impl Iterator<Item = &Endpoint> {
        let upstream = self
            .services
            .get(&(backend.namespace.clone(), backend.service.clone()))
            .filter(|upstream| upstream.has(&backend.port));
        let endpoints = upstream.map_or(&[][..], |upstream| &upstream.endpoints);
        let turn = upstream.map_or(0, |upstream| upstream.next.fetch_add(1, Ordering::Relaxed));
        let first = turn.checked_rem(endpoints.len()).unwrap_or(0);
        endpoints.iter().cycle().skip(first).take(endpoints.len())
    }
}

impl Upstream {
    fn has(&self, port: &Port) -> bool {
        self.ports.iter().any(|(name, number)| match port {
            Port::Name(wanted) => name == wanted,
            Port::Number(wanted) => number == wanted,
        })
    }
}

fn ports(raw: &Value) -> Vec<(String, i64)> {
    let each = raw.as_array().into_iter().flatten();
    each.map(|port| (port["name"].as_str().unwrap_or_default().to_string(), port["port"].as_i64().unwrap_or(0)))
        .collect()
}

fn endpoints(service: &Key, objects: &Objects, addresses: &Addresses) -> Vec<Endpoint> {
    let slices = objects.slices.values().filter(|slice| {
        slice.metadata.namespace == service.0
            && slice.metadata.labels.get("kubernetes.io/service-name") == Some(&service.1)
    });
    let mut found: Vec<Endpoint> = slices
        .flat_map(|slice| &slice.endpoints)
        .filter(|endpoint| endpoint.conditions.ready.unwrap_or(true))
        .filter_map(|endpoint| {
            let pod = endpoint.target_ref.as_ref().filter(|target| target.kind == "Pod")?.name.clone();
            let key = (service.0.clone(), pod);
            let version = objects.pods.get(&key).cloned().unwrap_or_default();
            Some(Endpoint { address: *addresses.get(&key)?, pod: key.1, version })
        })
        .collect();
    found.sort_by(|a, b| a.pod.cmp(&b.pod));
    found.dedup_by(|a, b| a.pod == b.pod);
    found
}

/// What a pod runs, from the raw object.
pub fn version_of(pod: &Value) -> Version {
    let meta = &pod["metadata"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let image = pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
    Version {
        namespace: text(&meta["namespace"]),
        hash: text(&meta["labels"][keys::HASH]),
        tag: tag(image).to_string(),
    }
}

/// The tag of an image, or its digest, or the whole when it has neither.
pub fn tag(image: &str) -> &str {
    let name_starts = image.rfind('/').map_or(0, |slash| slash + 1);
    match image[name_starts..].find([':', '@']) {
        Some(place) => &image[name_starts + place + 1..],
        None => image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn objects() -> Objects {
        let key = |name: &str| ("shop".to_string(), name.to_string());
        let service = json!({"metadata": {"name": "web", "namespace": "shop"},
            "spec": {"ports": [{"name": "http", "port": 8080}]}});
        let endpoint = |pod: &str, ready: Value| {
            json!({"addresses": ["10.0.0.1"], "conditions": {"ready": ready},
            "targetRef": {"kind": "Pod", "name": pod}})
        };
        let slice = json!({
            "metadata": {"name": "web-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
            "endpoints": [endpoint("a", json!(true)), endpoint("b", json!(null)), endpoint("c", json!(false)),
                endpoint("d", json!(true))]
        });
        Objects {
            services: [(key("web"), serde_json::from_value(service).unwrap())].into(),
            slices: [(key("web-1"), serde_json::from_value(slice).unwrap())].into(),
            ..Objects::default()
        }
    }

    #[test]
    fn ready_pods_with_an_address_take_turns() {
        let listen = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let key = |name: &str| ("shop".to_string(), name.to_string());
        // `c` is not ready, `d` listens nowhere.
        let addresses = [(key("a"), listen(1)), (key("b"), listen(2)), (key("c"), listen(3))].into();
        let table = Table::of(&objects(), &addresses);
        let backend = |port| Backend { namespace: "shop".into(), service: "web".into(), port };
        let pods =
            |port| table.endpoints(&backend(port)).map(|endpoint| endpoint.pod.clone()).collect::<Vec<_>>().join(" ");
        assert_eq!(pods(Port::Name("http".into())), "a b");
        assert_eq!(pods(Port::Number(8080)), "b a");
        assert_eq!(pods(Port::Number(80)), "");
        let nobody = Backend { namespace: "shop".into(), service: "other".into(), port: Port::Number(8080) };
        assert_eq!(table.endpoints(&nobody).count(), 0);
    }

    #[test]
    fn tags_of_images() {
        for (image, want) in [
            ("serinus/demo:1.0.0", "1.0.0"),
            ("172.16.77.115:5000/pregap:1.2.3", "1.2.3"),
            ("172.16.77.115:5000/pregap", "172.16.77.115:5000/pregap"),
            ("a/b@sha256:1234", "sha256:1234"),
            ("nginx", "nginx"),
        ] {
            assert_eq!(tag(image), want, "{image}");
        }
    }
}
