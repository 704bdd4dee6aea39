//! Plain verbs on plain JSON, for the command line: which server (from kubeconfig and flags), which resource, which verb.
//!
//! The controller does not use them: its reads are caches and its writes are guarded.

mod config;
mod error;
mod follow;
mod web;

pub use config::{Flags, connect};
pub use error::ClientError;
pub use follow::Selection;
pub use web::{Door, Web};

use bytes::Bytes;
use http::{Method, Request};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use std::time::Duration;
use tower::BoxError;

/// A kind as its address on the server has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// API group; empty for core kinds.
    pub group: &'static str,
    /// Version in the group.
    pub version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Name of the collection.
    pub plural: &'static str,
}

const fn resource(group: &'static str, version: &'static str, kind: &'static str, plural: &'static str) -> Resource {
    Resource { group, version, kind, plural }
}

/// `argoproj.io/v1alpha1` Rollout.
pub const ROLLOUT: Resource = resource("argoproj.io", "v1alpha1", "Rollout", "rollouts");
/// `argoproj.io/v1alpha1` Experiment.
pub const EXPERIMENT: Resource = resource("argoproj.io", "v1alpha1", "Experiment", "experiments");
/// `argoproj.io/v1alpha1` AnalysisRun.
pub const ANALYSIS_RUN: Resource = resource("argoproj.io", "v1alpha1", "AnalysisRun", "analysisruns");
/// `argoproj.io/v1alpha1` AnalysisTemplate.
pub const ANALYSIS_TEMPLATE: Resource = resource("argoproj.io", "v1alpha1", "AnalysisTemplate", "analysistemplates");
/// `argoproj.io/v1alpha1` ClusterAnalysisTemplate, which belongs to no namespace.
pub const CLUSTER_ANALYSIS_TEMPLATE: Resource =
    resource("argoproj.io", "v1alpha1", "ClusterAnalysisTemplate", "clusteranalysistemplates");
/// `apps/v1` ReplicaSet.
pub const REPLICA_SET: Resource = resource("apps", "v1", "ReplicaSet", "replicasets");
/// `apps/v1` Deployment.
pub const DEPLOYMENT: Resource = resource("apps", "v1", "Deployment", "deployments");
/// `batch/v1` Job.
pub const JOB: Resource = resource("batch", "v1", "Job", "jobs");
/// `v1` Pod.
pub const POD: Resource = resource("", "v1", "Pod", "pods");
/// `v1` PodTemplate.
pub const POD_TEMPLATE: Resource = resource("", "v1", "PodTemplate", "podtemplates");

impl Resource {
    /// Address of the collection; without a namespace, of all namespaces.
    pub fn collection(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api".to_string() } else { format!("/apis/{}", self.group) };
        match namespace {
            Some(namespace) => format!("{root}/{}/namespaces/{}/{}", self.version, escaped(namespace), self.plural),
            None => format!("{root}/{}/{}", self.version, self.plural),
        }
    }

    /// Address of one object.
    pub fn object(&self, namespace: &str, name: &str) -> String {
        format!("{}/{}", self.collection(Some(namespace)), escaped(name))
    }

    /// The kind of this name and version, if the command line works on it.
    pub fn of(api_version: &str, kind: &str) -> Option<Resource> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        [ROLLOUT, REPLICA_SET, DEPLOYMENT, POD_TEMPLATE]
            .into_iter()
            .find(|resource| resource.group == group && resource.kind == kind)
    }
}

/// Names come from the command line: nothing in them may change the address.
fn escaped(segment: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let one = |byte: u8| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    segment.bytes().map(one).collect()
}

/// How a patch is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch {
    /// JSON merge patch, RFC 7386.
    Merge,
    /// JSON patch, RFC 6902.
    Json,
}

impl Patch {
    fn media_type(self) -> &'static str {
        match self {
            Patch::Merge => "application/merge-patch+json",
            Patch::Json => "application/json-patch+json",
        }
    }
}

/// A server, and the namespace that is meant when nobody says otherwise.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    namespace: String,
    timeout: Option<Duration>,
}

/// A cluster behind any HTTP service: one in memory, in tests.
pub fn over<S, B>(service: S, namespace: &str) -> Cluster
where
    S: tower::Service<Request<Body>, Response = http::Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    Cluster { client: Client::new(service, namespace), namespace: namespace.to_string(), timeout: None }
}

impl Cluster {
    /// The cluster that a client speaks to.
    pub(crate) fn of(client: Client) -> Cluster {
        let namespace = client.default_namespace().to_string();
        Cluster { client, namespace, timeout: Some(Duration::from_secs(30)) }
    }

    /// Posts to a path that is no collection.
    ///
    /// # Errors
    /// The server refused or did not answer.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.send(Method::POST, path, Some("application/json"), body).await
    }

    /// Deletes one object in the background.
    ///
    /// # Errors
    /// The server refused or did not answer.
    pub async fn delete(&self, resource: &Resource, namespace: &str, name: &str) -> Result<(), ClientError> {
        self.send(Method::DELETE, &resource.object(namespace, name), None, &Value::Null).await?;
        Ok(())
    }

    /// The namespace that is meant when nobody says otherwise.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The client below.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Reads one object.
    ///
    /// # Errors
    /// The server refused or did not answer.
    pub async fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Value, ClientError> {
        self.send(Method::GET, &resource.object(namespace, name), None, &Value::Null).await
    }

    /// Reads the objects that `selection` selects, of one namespace or of all.
    ///
    /// # Errors
    /// The server refused or did not answer.
    pub async fn list(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        selection: &Selection,
    ) -> Result<Vec<Value>, ClientError> {
        let address = format!("{}{}", resource.collection(namespace), selection.query());
        let mut list = self.send(Method::GET, &address, None, &Value::Null).await?;
        match list.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => Ok(items),
            _ => Ok(Vec::new()),
        }
    }

    /// Patches one object.
    ///
    /// # Errors
    /// The server refused or did not answer.
    pub async fn patch(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        how: Patch,
        patch: &Value,
    ) -> Result<Value, ClientError> {
        self.send(Method::PATCH, &resource.object(namespace, name), Some(how.media_type()), patch).await
    }

    /// Merges a patch into `/status` of one object.
    ///
    /// # Errors
    /// The server refused or did not answer; NotFound also when the kind has no such subresource.
    pub async fn patch_status(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<Value, ClientError> {
        let address = format!("{}/status", resource.object(namespace, name));
        self.send(Method::PATCH, &address, Some(Patch::Merge.media_type()), patch).await
    }

    /// Writes one object as a whole; its `resourceVersion` guards it.
    ///
    /// # Errors
    /// The server refused, perhaps with a conflict, or did not answer.
    pub async fn update(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        object: &Value,
    ) -> Result<Value, ClientError> {
        self.send(Method::PUT, &resource.object(namespace, name), Some("application/json"), object).await
    }

    /// Creates one object.
    ///
    /// # Errors
    /// The server refused or did not answer.
    pub async fn create(&self, resource: &Resource, namespace: &str, object: &Value) -> Result<Value, ClientError> {
        self.send(Method::POST, &resource.collection(Some(namespace)), Some("application/json"), object).await
    }

    /// Reads one object that belongs to no namespace.
    ///
    /// # Errors
    /// The server refused or did not answer.
    pub async fn get_wide(&self, resource: &Resource, name: &str) -> Result<Value, ClientError> {
        let address = format!("{}/{}", resource.collection(None), escaped(name));
        self.send(Method::GET, &address, None, &Value::Null).await
    }

    /// Creates one object that belongs to no namespace.
    ///
    /// # Errors
    /// The server refused or did not answer.
    pub async fn create_wide(&self, resource: &Resource, object: &Value) -> Result<Value, ClientError> {
        self.send(Method::POST, &resource.collection(None), Some("application/json"), object).await
    }

    /// Version of the server, for example `v1.33.1`.
    ///
    /// # Errors
    /// The server refused or did not answer.
    pub async fn server_version(&self) -> Result<String, ClientError> {
        let version = self.send(Method::GET, "/version", None, &json!(null)).await?;
        Ok(version["gitVersion"].as_str().unwrap_or("unknown").to_string())
    }

    async fn send(
        &self,
        method: Method,
        address: &str,
        media: Option<&str>,
        body: &Value,
    ) -> Result<Value, ClientError> {
        let mut request = Request::builder().method(method).uri(address);
        let mut bytes = Vec::new();
        if let Some(media) = media {
            request = request.header(http::header::CONTENT_TYPE, media);
            bytes = body.to_string().into_bytes();
        }
        let request =
            request.body(bytes).map_err(|error| ClientError::config(format!("address {address}: {error}"), ""))?;
        self.answered(request).await
    }

    async fn answered(&self, request: Request<Vec<u8>>) -> Result<Value, ClientError> {
        let address = request.uri().to_string();
        let answer = self.client.request::<Value>(request);
        match self.timeout {
            None => answer.await.map_err(|error| ClientError::from(error).about(&address)),
            Some(limit) => match tokio::time::timeout(limit, answer).await {
                Ok(answer) => answer.map_err(|error| ClientError::from(error).about(&address)),
                Err(_) => Err(ClientError::Timeout { after: limit }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (resource, namespace, name, address) in [
            (ROLLOUT, "web", "shop", "/apis/argoproj.io/v1alpha1/namespaces/web/rollouts/shop"),
            (POD, "web", "p", "/api/v1/namespaces/web/pods/p"),
            (POD, "web", "../secrets/x", "/api/v1/namespaces/web/pods/..%2Fsecrets%2Fx"),
            (REPLICA_SET, "a?b", "c#d", "/apis/apps/v1/namespaces/a%3Fb/replicasets/c%23d"),
        ] {
            assert_eq!(resource.object(namespace, name), address);
        }
        assert_eq!(ROLLOUT.collection(None), "/apis/argoproj.io/v1alpha1/rollouts");
    }

    #[test]
    fn resources_by_kind() {
        for (api_version, kind, plural) in [
            ("apps/v1", "Deployment", Some("deployments")),
            ("apps/v1beta9", "ReplicaSet", Some("replicasets")),
            ("v1", "PodTemplate", Some("podtemplates")),
            ("v1", "Deployment", None),
            ("apps/v1", "StatefulSet", None),
        ] {
            assert_eq!(Resource::of(api_version, kind).map(|resource| resource.plural), plural, "{api_version} {kind}");
        }
    }
}
