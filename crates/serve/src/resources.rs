//! Keel's lists of workloads and of the images that policies watch over, and its metrics.

use super::{App, answer, approvals, body};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use serinus_decide::update::Tracked;
use serinus_decide::update::policy::Policy;
use serinus_decide::update::poll::{DEFAULT_SCHEDULE, schedule};
use serinus_decide::update::reference::Reference;
use serinus_decide::update::schedule::Schedule;
use serinus_wire::keel;

/// `GET /v1/resources`: all workloads, tracked or not. Without any it is `null`, as with Keel.
pub async fn list(State(app): State<App>, headers: HeaderMap) -> Response {
    if app.0.auth.who(&headers).is_none() {
        return answer::unauthorized();
    }
    let all: Vec<Value> = app.0.updates.workloads().iter().map(resource).collect();
    answer::encoded(&null_when_empty(all))
}

fn resource(workload: &Tracked) -> Value {
    let meta = &workload.metadata;
    let kind = workload.kind.word().to_lowercase();
    // Keel's words for a policy that is none, whatever the reason.
    let policy = match Policy::of(&workload.settings) {
        Ok(Some(_)) => workload.settings.policy.clone().unwrap_or_default(),
        Ok(None) | Err(_) => "nil policy".to_string(),
    };
    let images: Vec<String> = workload.images.clone();
    let pods = &workload.replicas;
    json!({
        "provider": "kubernetes", "identifier": format!("{kind}/{}/{}", meta.namespace, meta.name), "name": meta.name,
        "namespace": meta.namespace, "kind": kind, "policy": policy, "images": null_when_empty(images),
        "labels": texts(&meta.labels), "annotations": texts(&meta.annotations),
        "status": {"replicas": pods.all, "updatedReplicas": pods.updated, "readyReplicas": pods.ready,
            "availableReplicas": pods.available, "unavailableReplica": pods.unavailable},
    })
}

fn texts(texts: &std::collections::BTreeMap<String, String>) -> Value {
    if texts.is_empty() {
        return Value::Null;
    }
    Value::Object(texts.iter().map(|(key, value)| (key.clone(), json!(value))).collect::<Map<String, Value>>())
}

fn null_when_empty<T: Into<Value>>(list: Vec<T>) -> Value {
    if list.is_empty() { Value::Null } else { Value::from(list) }
}

/// `GET /v1/tracked`: the images that policies watch over.
pub async fn tracked(State(app): State<App>, headers: HeaderMap) -> Response {
    if app.0.auth.who(&headers).is_none() {
        return answer::unauthorized();
    }
    let mut images = Vec::new();
    for workload in app.0.updates.workloads() {
        let settings = &workload.settings;
        let Ok(Some(_)) = Policy::of(settings) else { continue };
        let (times, _) = schedule(settings, DEFAULT_SCHEDULE);
        for slot in workload.monitored() {
            let Ok(image) = Reference::parse(&slot.image) else { continue };
            images.push(json!({
                "image": format!("{}:{}", image.short_name, image.version()),
                "trigger": if settings.polls { "poll" } else { "default" },
                "pollSchedule": times,
                "provider": "kubernetes",
                "namespace": workload.metadata.namespace,
                "policy": settings.policy,
                "registry": image.registry,
            }));
        }
    }
    answer::encoded(&null_when_empty(images))
}

/// `PUT /v1/tracked`: whether a workload is polled, and when. A plain duration becomes a schedule that is one.
pub async fn track(State(app): State<App>, request: Request) -> Response {
    if app.0.auth.who(request.headers()).is_none() {
        return answer::unauthorized();
    }
    let body = match body(request).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let Some([identifier, provider, trigger, times]) =
        approvals::fields(&body, ["identifier", "provider", "trigger", "schedule"])
    else {
        return answer::text(StatusCode::BAD_REQUEST, String::new());
    };
    if provider != "kubernetes" {
        return answer::text(StatusCode::BAD_REQUEST, "unsupported provider".to_string());
    }
    if !matches!(trigger.as_str(), "default" | "poll") {
        return answer::text(StatusCode::BAD_REQUEST, "trigger must be default or poll".to_string());
    }
    let times = match (times.as_str(), Schedule::parse(&times)) {
        ("", _) => DEFAULT_SCHEDULE.to_string(),
        (_, Err(why)) => return answer::text(StatusCode::BAD_REQUEST, why),
        (text, Ok(Schedule::Every(_))) if !text.starts_with('@') => format!("@every {text}"),
        (text, Ok(_)) => text.to_string(),
    };
    let Some(workload) = approvals::workload(&app, &identifier) else {
        return answer::text(StatusCode::NOT_FOUND, format!("resource '{identifier}' not found"));
    };
    let annotations = json!({keel::TRIGGER: trigger, keel::POLL_SCHEDULE: times});
    match app.0.updates.annotate(&workload, json!({keel::TRIGGER: null}), annotations).await {
        Ok(()) => answer::encoded(&json!({"status": "updated"})),
        Err(error) => answer::failure(&error),
    }
}

/// `GET /metrics`.
pub async fn metrics(State(app): State<App>) -> Response {
    let mut response = answer::text(StatusCode::OK, app.0.updates.metrics());
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
