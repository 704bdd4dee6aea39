//! Keel's webhooks. The 200 is sent when every update is in the cluster; it is sent as well when nothing matches.

use super::{App, answer, body, token};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serinus_cluster::update::Outcome;
use serinus_decide::update::Event;
use serinus_talk::webhook::{Context, Sender};

/// Says how many workloads a push was meant for. Keel has no such header, and nobody minds one.
const MATCHED: HeaderName = HeaderName::from_static("x-serinus-matched");
/// Where senders put a signature of the body.
const SIGNATURES: [&str; 4] = ["x-hub-signature-256", "x-drone-signature", "x-signature", "x-serinus-signature"];

/// `POST /v1/webhooks/<sender>`.
pub async fn take(sender: Sender, State(app): State<App>, request: Request) -> Response {
    let (app, headers) = (&*app.0, request.headers().clone());
    let open = sender == Sender::Registry && app.options.open_registry_webhook;
    if app.options.authenticated_webhooks && !open && app.auth.who(&headers).is_none() {
        return answer::unauthorized();
    }
    if !app.bucket.take() {
        let mut response =
            answer::text(StatusCode::TOO_MANY_REQUESTS, "too many webhooks: send again later".to_string());
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    }
    let body = match body(request).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let secret = &app.options.webhook_secret;
    if !secret.is_empty() && !SIGNATURES.iter().any(|name| token::is_signed(secret, text(&headers, name), &body)) {
        tracing::warn!(sender = sender.segment(), "a webhook without a good signature");
        return answer::unauthorized();
    }
    let context =
        Context { github_event: text(&headers, "x-github-event"), private_registry: &app.options.private_registry };
    let received = sender.parse(&body, context);
    if let Some(remark) = &received.remark {
        tracing::info!(sender = sender.segment(), remark, "a webhook that is not, or not wholly, taken");
    }
    let key = text(&headers, "idempotency-key");
    let mut matched = 0;
    for (index, push) in received.pushes.iter().enumerate() {
        let key = if key.is_empty() || index == 0 { key.to_string() } else { format!("{key}/{index}") };
        let event = match Event::new(&push.image, push.digest.as_deref(), sender.trigger(), &key) {
            Ok(event) => event,
            Err(why) => {
                tracing::info!(sender = sender.segment(), why, "a push that names no image");
                continue;
            }
        };
        app.updates.counts().webhook(metric(sender), &event.reference.repository());
        match app.updates.push(&event).await {
            Ok(told) => {
                matched += told.len();
                for told in told {
                    tracing::info!(image = push.image, kind = told.kind.word(), namespace = told.namespace,
                        name = told.name, outcome = ?told.outcome, "pushed");
                }
            }
            Err(error) => {
                tracing::warn!(image = push.image, %error, "a push could not be recorded: its sender is told so");
                return answer::failure(&error);
            }
        }
    }
    let mut response = match received.refusal {
        Some(text) => answer::text(StatusCode::BAD_REQUEST, text),
        None => answer::text(StatusCode::OK, String::new()),
    };
    response.headers_mut().insert(MATCHED, HeaderValue::from(matched));
    response
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Keel's name of the count, with its capital letter.
fn metric(sender: Sender) -> &'static str {
    match sender {
        Sender::Native => "native_webhook_requests_total",
        Sender::DockerHub => "dockerhub_webhook_requests_total",
        Sender::Quay => "quay_webhook_requests_total",
        Sender::Azure => "azure_webhook_requests_total",
        Sender::GitHub => "Github_webhook_requests_total",
        Sender::Harbor => "harbor_webhook_requests_total",
        Sender::JFrog => "jfrog_webhook_requests_total",
        Sender::Registry => "registry_notification_requests_total",
    }
}

/// What an outcome is called in answers.
pub fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Proposed(_) => "proposed",
        Outcome::Known(_) => "known",
        Outcome::Refused(_) => "refused",
        Outcome::Apart(_) => "apart",
    }
}
