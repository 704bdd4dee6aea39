//! Our own API for updates: to ship an image and to follow what becomes of it. `serinus ship` speaks it.

use super::{App, answer, body, webhooks};
use crate::sources::Visitor;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use serinus_cluster::update::{Outcome, Told};
use serinus_decide::Report;
use serinus_decide::update::Event;
use serinus_gocompat::lenient::{Fields, Misfit, first};
use serinus_wire::ImageUpdate;

/// `POST /v1/updates` with `{"image", "digest", "dryRun"}`: what each workload makes of it.
pub async fn ship(State(app): State<App>, request: Request) -> Response {
    let (headers, uri) = (request.headers().clone(), request.uri().clone());
    let body = match body(request).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let visitor = app.0.visitor(&headers, &uri, Some(&body));
    if visitor == Visitor::Stranger && is_closed(&app) {
        return answer::unauthorized();
    }
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (event, dry) = match read(&body, key) {
        Ok(read) => read,
        Err(why) => return answer::text(StatusCode::BAD_REQUEST, why),
    };
    if !visitor.may_tell_of(&event.reference.repository()) {
        let (name, repository) = (visitor.name(), event.reference.repository());
        let why = format!("{name} may not tell of {repository}: name it in the images of this source");
        return answer::text(StatusCode::FORBIDDEN, why);
    }
    let event = event.told_by(visitor.source());
    let told = if dry { app.0.updates.explain(&event) } else { app.0.updates.push(&event).await };
    match told {
        Ok(told) => answer::encoded(&json!({"workloads": told.iter().map(told_json).collect::<Vec<_>>()})),
        Err(error) => answer::failure(&error),
    }
}

fn read(body: &[u8], key: &str) -> Result<(Event, bool), String> {
    let misfit = |misfit: Misfit| misfit.to_string();
    let json = first(body).map_err(misfit)?;
    let fields = Fields::of(&json).map_err(misfit)?;
    let (image, digest) = (fields.text("image").map_err(misfit)?, fields.text("digest").map_err(misfit)?);
    let dry = fields.flag("dryRun").map_err(misfit)?;
    if image.is_empty() {
        return Err("image cannot be empty: give {\"image\": \"host/name:tag\"}".to_string());
    }
    let digest = Some(digest.as_str()).filter(|digest| !digest.is_empty());
    Ok((Event::new(&image, digest, "ship", key)?, dry))
}

fn told_json(told: &Told) -> Value {
    let (update, reason) = match &told.outcome {
        Outcome::Proposed(name) | Outcome::Known(name) => (Some(name), None),
        Outcome::Refused(why) | Outcome::Apart(why) => (None, Some(why)),
    };
    json!({
        "kind": told.kind.word(), "namespace": told.namespace, "name": told.name, "outcome": webhooks::word(&told.outcome),
        "update": update, "reason": reason,
    })
}

/// `GET /v1/updates`: all of them, the newest first.
pub async fn list(State(app): State<App>, headers: HeaderMap) -> Response {
    if is_closed(&app) && app.0.auth.who(&headers).is_none() {
        return answer::unauthorized();
    }
    let mut all = app.0.updates.all();
    all.sort_by(|left, right| right.order().cmp(&left.order()));
    let all: Vec<Value> = all.iter().map(|update| update_json(update, &Report::default())).collect();
    answer::encoded(&json!({"updates": all}))
}

/// `GET /v1/updates/<namespace>/<name>`: one of them, and what it waits for.
pub async fn one(
    State(app): State<App>,
    Path((namespace, name)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let visitor = app.0.visitor(&headers, &uri, None);
    if visitor == Visitor::Stranger && is_closed(&app) {
        return answer::unauthorized();
    }
    match app.0.updates.look(&namespace, &name) {
        Some((update, report)) if visitor.may_tell_of(&update.spec.repository) => {
            answer::encoded(&update_json(&update, &report))
        }
        None if !app.0.updates.is_ready() => answer::failure(&serinus_cluster::Error::NotReady),
        _ => answer::text(StatusCode::NOT_FOUND, format!("there is no update {namespace}/{name}")),
    }
}

fn update_json(update: &ImageUpdate, report: &Report) -> Value {
    let waits: Vec<&str> = report.waits().map(|line| line.text.as_str()).collect();
    json!({
        "namespace": update.metadata.namespace, "name": update.metadata.name, "spec": update.spec, "status": update.status,
        "final": update.status.phase.is_final(), "waits": waits,
    })
}

/// With credentials or sources configured one of them is needed; without, everybody may, as with Keel's webhooks.
fn is_closed(app: &App) -> bool {
    app.0.auth.is_on() || !app.0.options.sources.is_empty()
}
