//! What is served over HTTP: Keel's API on its port (webhooks, approvals), our own API for updates, and the approvals page.
//!
//! Nothing here decides: pushes and votes go to `serinus_cluster::update::Updates`, which has them in the cluster before it
//! answers.

mod answer;
mod approvals;
mod audit;
mod auth;
mod limit;
mod listen;
mod page;
mod resources;
mod sources;
mod tls;
mod token;
mod updates;
mod webhooks;

pub use auth::{Credentials, Kubernetes};
pub use listen::{Patience, serve, serve_with};
pub use sources::Source;
pub use tls::Tls;

use auth::Auth;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, Method, StatusCode, Uri};
use limit::Bucket;
use serinus_cluster::update::Updates;
use serinus_talk::webhook::Sender;
use sources::Visitor;
use std::sync::Arc;
use std::time::Duration;

/// Largest body that is read: Keel's senders stay far below.
const LARGEST_BODY: usize = 1 << 20;
/// How long a body may take to come.
const SLOWEST_BODY: Duration = Duration::from_secs(10);

/// How to serve. The names of Keel's environment variables are in brackets.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Who may come in (`BASIC_AUTH_USER`, `BASIC_AUTH_PASSWORD`). Without it there are no approvals over HTTP.
    pub credentials: Option<Credentials>,
    /// Whether people may come in with tokens of the cluster (`KUBERNETES_TOKENS`).
    pub kubernetes: Option<Kubernetes>,
    /// Webhooks need credentials as well (`AUTHENTICATED_WEBHOOKS`).
    pub authenticated_webhooks: bool,
    /// Notifications of plain registries come in without credentials all the same, as with Keel.
    pub open_registry_webhook: bool,
    /// Key of bearer tokens (`TOKEN_SECRET`); empty: one by chance, so that tokens end with the process.
    pub token_secret: String,
    /// Webhooks must be signed with this (HMAC-SHA256 of the body); empty: they need not be.
    pub webhook_secret: String,
    /// Who may tell of which images, beside people (`WEBHOOK_SOURCES`). When there are any, nobody else may.
    pub sources: Vec<Source>,
    /// The registry in front of what JFrog names (`PRIVATE_REGISTRY`).
    pub private_registry: String,
    /// Webhooks a second that are taken; 0: any number.
    pub webhooks_per_second: u32,
}

/// What every request needs.
#[derive(Clone)]
struct App(Arc<Inner>);

struct Inner {
    updates: Updates,
    auth: Auth,
    options: Options,
    bucket: Bucket,
}

impl Inner {
    /// Who sends this; `body` is absent where there is none, or none yet.
    fn visitor(&self, headers: &HeaderMap, uri: &Uri, body: Option<&[u8]>) -> Visitor<'_> {
        if self.auth.who(headers).is_some() {
            return Visitor::Person;
        }
        let source = self.options.sources.iter().find(|source| source.sent(headers, uri, body));
        source.map_or(Visitor::Stranger, Visitor::Source)
    }
}

/// All routes over `updates`.
pub fn router(updates: Updates, options: Options) -> Router {
    let auth = Auth::new(options.credentials.clone(), options.kubernetes.clone(), &options.token_secret);
    let bucket = Bucket::new(options.webhooks_per_second);
    let admin = auth.is_on();
    let app = App(Arc::new(Inner { updates, auth, options, bucket }));
    let mut router = Router::new()
        .route("/healthz", get(|| async { StatusCode::OK }))
        .route("/metrics", get(resources::metrics))
        .route("/v1/updates", get(updates::list).post(updates::ship))
        .route("/v1/updates/{namespace}/{name}", get(updates::one));
    for sender in Sender::ALL {
        let path = format!("/v1/webhooks/{}", sender.segment());
        router = router.route(&path, post(move |app, request| webhooks::take(sender, app, request)));
    }
    if admin {
        router = router
            .route("/", get(page::show))
            .route("/vote", post(page::vote))
            .route("/login", post(page::login))
            .route("/logout", post(page::logout))
            .route("/v1/auth/login", post(auth::login))
            .route("/v1/auth/refresh", get(auth::refresh))
            .route("/v1/auth/info", get(auth::info))
            .route("/v1/auth/user", get(auth::info))
            .route("/v1/auth/logout", get(auth::logout).post(auth::logout))
            .route("/v1/approvals", get(approvals::list).post(approvals::act).put(approvals::require))
            .route("/v1/policies", axum::routing::put(approvals::set_policy))
            .route("/v1/resources", get(resources::list))
            .route("/v1/tracked", get(resources::tracked).put(resources::track))
            .route("/v1/audit", get(audit::list))
            .route("/v1/stats", get(audit::stats));
    }
    router.with_state(app).layer(middleware::from_fn(everywhere))
}

/// Keel lets pages of any origin ask, and answers OPTIONS with 200 whatever the path.
async fn everywhere(request: Request, next: Next) -> Response {
    let mut response = match *request.method() {
        Method::OPTIONS => Response::new(axum::body::Body::empty()),
        _ => next.run(request).await,
    };
    answer::add_cors(response.headers_mut());
    response
}

/// Reads a body within the limits of size and time.
async fn body(request: Request) -> Result<Vec<u8>, Response> {
    use http_body_util::{BodyExt, LengthLimitError, Limited};
    let limited = Limited::new(request.into_body(), LARGEST_BODY);
    match tokio::time::timeout(SLOWEST_BODY, limited.collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(answer::text(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {LARGEST_BODY} bytes")))
        }
        Ok(Err(_)) => Err(answer::text(StatusCode::BAD_REQUEST, String::new())),
        Err(_) => Err(answer::text(StatusCode::REQUEST_TIMEOUT, "the body did not come in time".to_string())),
    }
}
