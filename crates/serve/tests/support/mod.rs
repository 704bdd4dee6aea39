//! What the tests of this crate share.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use serinus_cluster::update::Updates;
use serinus_model::Model;
use serinus_serve::{Credentials, Options, router};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub const BASIC: &str = "Basic YWRtaW46YWRtaW4=";
pub const SEED: &str = "{\"name\": \"172.16.77.115:5000/pregap\", \"tag\": \"1.2.3\"}\nwhen:\n  event:\n  - promote\n";

/// The real controller over a small Kubernetes in memory, and the routes over it.
pub struct World {
    pub router: Router,
    pub model: Model,
    pub updates: Updates,
    _tasks: JoinSet<()>,
}

pub fn locked() -> Options {
    let credentials = Some(Credentials { user: "admin".to_string(), password: "admin".to_string() });
    Options { credentials, authenticated_webhooks: true, token_secret: "secret".to_string(), ..Options::default() }
}

pub fn deployment(annotations: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default", "annotations": annotations},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "app", "image": "172.16.77.115:5000/pregap:1.2.2"}]}}}})
}

impl World {
    pub async fn new(options: Options, annotations: Value) -> World {
        let model = Model::new(jiff::Timestamp::now);
        for definition in serinus_wire::crd::all() {
            model.apply(&definition).unwrap();
        }
        model.apply(&deployment(annotations)).unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(model.clone().run());
        let updates = Updates::default();
        let client = serinus_cluster::Client::new(model.service(), "default");
        let mut controller = serinus_cluster::Options::new(serinus_decide::decide);
        controller.updates = Some(updates.clone());
        tasks.spawn(async move {
            serinus_cluster::run(client, controller, CancellationToken::new()).await.unwrap();
        });
        while !updates.is_ready() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        World { router: router(updates.clone(), options), model, updates, _tasks: tasks }
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    pub async fn admin(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let (status, _, text) = self.send(method, path, &[("authorization", BASIC)], body).await;
        (status.as_u16(), text)
    }

    pub async fn approvals(&self) -> Vec<Value> {
        let (status, text) = self.admin("GET", "/v1/approvals", "").await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Waits until the one update is in this phase.
    pub async fn until(&self, phase: &str) -> Value {
        for _ in 0..1_000 {
            let (_, text) = self.admin("GET", "/v1/updates", "").await;
            let all: Value = serde_json::from_str(&text).unwrap();
            if all["updates"][0]["status"]["phase"] == phase {
                return all["updates"][0].clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never {phase}: {:?}", self.admin("GET", "/v1/updates", "").await);
    }

    pub fn image(&self) -> String {
        let deployment = self.model.get("apps", "Deployment", "default", "web").unwrap();
        deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_string()
    }

    /// Posts bytes, and gives the status.
    pub async fn send_bytes(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> u16 {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        response.status().as_u16()
    }

    /// Waits until the controller knows so many updates.
    pub async fn until_tags(&self, count: usize) {
        while self.updates.all().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
