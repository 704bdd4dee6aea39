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
use tower::{Service as _, ServiceExt};

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

/// The cluster, which knows the tokens `ann-token`, who may vote, and `eve-token`, who may not; `down-token` finds it down, and
/// `closed-token` finds that it does not let us ask.
fn reviewed(
    model: &Model,
) -> impl tower::Service<
    http::Request<serinus_cluster::Body>,
    Response = http::Response<Body>,
    Error = tower::BoxError,
    Future: Send,
> + Clone
+ Send
+ 'static {
    let service = model.service();
    tower::service_fn(move |request: http::Request<serinus_cluster::Body>| {
        let mut service = service.clone();
        async move {
            let path = request.uri().path().to_string();
            if !path.ends_with("reviews") {
                let answer = service.call(request).await?;
                return Ok(answer.map(Body::new));
            }
            let body = request.into_body().collect().await?.to_bytes();
            let review: Value = serde_json::from_slice(&body)?;
            let spec = &review["spec"];
            let (code, status) = match (spec["token"].as_str(), spec["user"].as_str()) {
                (Some("down-token"), _) => (500, Value::Null),
                (Some("closed-token"), _) => (403, Value::Null),
                (Some(token @ ("ann-token" | "eve-token")), _) => (
                    201,
                    json!({"authenticated": true, "user": {"username": token.replace("-token", "@example"), "groups": ["people"]}}),
                ),
                (Some(_), _) => (201, json!({"authenticated": false})),
                (None, user) => {
                    let asked = &spec["resourceAttributes"];
                    assert_eq!(
                        (&asked["verb"], &asked["resource"], &spec["groups"]),
                        (&json!("patch"), &json!("imageupdates"), &json!(["people"]))
                    );
                    (201, json!({"allowed": user == Some("ann@example")}))
                }
            };
            let mut answer = json!({"kind": review["kind"], "apiVersion": review["apiVersion"], "status": status});
            if code >= 400 {
                answer = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": "the test says so", "reason": "Forbidden"});
            }
            let answer = Body::from(answer.to_string());
            Ok(http::Response::builder().status(code).header("content-type", "application/json").body(answer)?)
        }
    })
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
        let client = serinus_cluster::Client::new(reviewed(&model), "default");
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
