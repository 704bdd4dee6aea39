//! Keel's webhooks. The 200 is sent when every update is in the cluster; it is sent as well when nothing matches.

use super::{App, Inner, Source, answer, body};
use crate::sources::{Visitor, is_signed};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serinus_cluster::update::Outcome;
use serinus_decide::update::Event;
use serinus_talk::webhook::{Context, Push, Sender};

/// Says how many workloads a push was meant for. Keel has no such header, and nobody minds one.
const MATCHED: HeaderName = HeaderName::from_static("x-serinus-matched");

/// `POST /v1/webhooks/<sender>`.
pub async fn take(sender: Sender, State(app): State<App>, request: Request) -> Response {
    let (app, headers) = (&*app.0, request.headers().clone());
    let (body, visitor) = match admitted(app, sender, request).await {
        Ok(admitted) => admitted,
        Err(response) => return response,
    };
    let context =
        Context { github_event: text(&headers, "x-github-event"), private_registry: &app.options.private_registry };
    let received = sender.parse(&body, context);
    if let Some(remark) = &received.remark {
        tracing::info!(sender = sender.segment(), remark, "a webhook that is not, or not wholly, taken");
    }
    let (events, foreign) = events(sender, &received.pushes, text(&headers, "idempotency-key"), visitor);
    if let (true, Some(repository)) = (events.is_empty(), foreign) {
        // A registry would send it again for ever, and nothing behind it.
        if sender != Sender::Registry {
            let why = format!("{} may not tell of {repository}: name it in the images of this source", visitor.name());
            return answer::text(StatusCode::FORBIDDEN, why);
        }
    }
    let mut matched = 0;
    for event in &events {
        app.updates.counts().webhook(metric(sender), &event.reference.repository());
        let image = format!("{}:{}", event.reference.repository(), event.tag);
        match app.updates.push(event).await {
            Ok(told) => {
                matched += told.len();
                for told in told {
                    tracing::info!(image, from = visitor.name(), kind = told.kind.word(),
                        namespace = told.namespace, name = told.name, outcome = ?told.outcome, "pushed");
                }
            }
            Err(error) => {
                tracing::warn!(image, %error, "a push could not be recorded: its sender is told so");
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

/// The body, and who sent it, if he is let in.
async fn admitted(app: &Inner, sender: Sender, request: Request) -> Result<(Vec<u8>, Visitor<'_>), Response> {
    let (headers, uri, options) = (request.headers().clone(), request.uri().clone(), &app.options);
    let open = sender == Sender::Registry && options.open_registry_webhook;
    let closed = (options.authenticated_webhooks || !options.sources.is_empty()) && !open;
    // Whoever signs is known by the body alone.
    let signs = options.sources.iter().any(Source::signs);
    if closed && !signs && app.visitor(&headers, &uri, None) == Visitor::Stranger {
        return Err(answer::unauthorized());
    }
    if !app.bucket.take() {
        let text = "too many webhooks: send again later".to_string();
        let mut response = answer::text(StatusCode::TOO_MANY_REQUESTS, text);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return Err(response);
    }
    let body = body(request).await?;
    let visitor = app.visitor(&headers, &uri, Some(&body));
    let unsigned = !options.webhook_secret.is_empty() && !is_signed(&options.webhook_secret, &headers, &body);
    // A source has its own proof.
    if !matches!(visitor, Visitor::Source(_)) && (unsigned || closed && visitor == Visitor::Stranger) {
        tracing::warn!(sender = sender.segment(), "a webhook without a good signature, token or password");
        return Err(answer::unauthorized());
    }
    Ok((body, visitor))
}

/// What the pushes say, and a repository that the visitor may not tell of.
fn events(sender: Sender, pushes: &[Push], key: &str, visitor: Visitor<'_>) -> (Vec<Event>, Option<String>) {
    let (mut events, mut foreign) = (Vec::new(), None);
    for (index, push) in pushes.iter().enumerate() {
        let key = if key.is_empty() || index == 0 { key.to_string() } else { format!("{key}/{index}") };
        match Event::new(&push.image, push.digest.as_deref(), sender.trigger(), &key) {
            Ok(event) if visitor.may_tell_of(&event.reference.repository()) => {
                events.push(event.told_by(visitor.source()));
            }
            Ok(event) => {
                let repository = event.reference.repository();
                tracing::warn!(sender = sender.segment(), from = visitor.name(), repository, "not its image");
                foreign = Some(repository);
            }
            Err(why) => tracing::info!(sender = sender.segment(), why, "a push that names no image"),
        }
    }
    (events, foreign)
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
