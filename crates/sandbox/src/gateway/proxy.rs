//! Carries a request to the pod that the table and the routing chose, and the answer back.
//!
//! A pod that can't be connected to is passed over for the next one, which no request notices. A request that a pod
//! has received is never sent twice.

use super::counts::Counts;
use super::route::{Head, route};
use super::table::{Endpoint, Shared, Table};
use crate::listener;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long a pod may take to begin its answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Response header that names the pod that answered.
pub const SERVED_BY: &str = "x-served-by";
/// Response header that names the tag of that pod's image.
pub const SERVED_VERSION: &str = "x-served-version";

type Answer = BoxBody<Bytes, hyper::Error>;

/// Serves until `stop`, then finishes what has begun.
pub async fn serve(listener: TcpListener, table: Shared, counts: Counts, stop: CancellationToken) {
    let gateway = Arc::new(Gateway { table, counts, pods: pool(), drawn: AtomicU64::new(0) });
    let service = hyper::service::service_fn(move |request| {
        let gateway = Arc::clone(&gateway);
        async move { Ok::<_, Infallible>(gateway.answer(request).await) }
    });
    listener::serve(listener, service, stop, listener::DRAIN).await;
}

struct Gateway {
    table: Shared,
    counts: Counts,
    pods: Client<HttpConnector, Answer>,
    drawn: AtomicU64,
}

fn pool() -> Client<HttpConnector, Answer> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(Duration::from_secs(1)));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .build(connector)
}

impl Gateway {
    async fn answer(&self, request: Request<Incoming>) -> Response<Answer> {
        let table = self.table.now();
        let endpoints = self.choose(&table, &request);
        if endpoints.is_empty() {
            self.counts.unrouted();
            return plain(StatusCode::SERVICE_UNAVAILABLE, "no Ingress with a ready pod serves this host and path\n");
        }
        let (head, body) = forwarded(request);
        let mut body = Sent::of(body);
        for endpoint in endpoints {
            let Some(request) = to_pod(&head, body.take(), endpoint) else {
                return plain(StatusCode::BAD_REQUEST, "the request's target can't be read\n");
            };
            let began = Instant::now();
            let answered = tokio::time::timeout(PATIENCE, self.pods.request(request)).await;
            match answered {
                Ok(Ok(response)) => {
                    let failed = response.status().is_server_error();
                    self.counts.answered(&endpoint.version, failed, began.elapsed());
                    return returned(response, endpoint);
                }
                Ok(Err(error)) if error.is_connect() && body.can_repeat() => {
                    tracing::debug!(pod = endpoint.pod, %error, "can't connect; the next pod gets the request");
                }
                Ok(Err(error)) => {
                    tracing::debug!(pod = endpoint.pod, %error, "no answer");
                    self.counts.answered(&endpoint.version, true, began.elapsed());
                    return plain(StatusCode::BAD_GATEWAY, &format!("pod {} did not answer\n", endpoint.pod));
                }
                Err(_) => {
                    self.counts.answered(&endpoint.version, true, began.elapsed());
                    return plain(StatusCode::GATEWAY_TIMEOUT, &format!("pod {} takes too long\n", endpoint.pod));
                }
            }
        }
        self.counts.unrouted();
        plain(StatusCode::BAD_GATEWAY, "no pod could be connected to\n")
    }

    fn choose<'t>(&self, table: &'t Table, request: &Request<Incoming>) -> Vec<&'t Endpoint> {
        let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
        let host = host.or_else(|| request.uri().host()).unwrap_or_default();
        let head = Head { host, path: request.uri().path(), headers: request.headers() };
        // Multiples of the golden ratio: spread more evenly than chance, so that small samples show the weight too.
        let draw = self.drawn.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        route(&table.ingresses, head, draw).map(|backend| table.endpoints(backend).collect()).unwrap_or_default()
    }
}

/// A body that is sent once; an empty one as often as needed.
enum Sent {
    Empty,
    Once(Option<Incoming>),
}

impl Sent {
    fn of(body: Incoming) -> Sent {
        if body.is_end_stream() { Sent::Empty } else { Sent::Once(Some(body)) }
    }
    fn take(&mut self) -> Answer {
        match self {
            Sent::Once(body) if body.is_some() => match body.take() {
                Some(body) => body.boxed(),
                None => empty(),
            },
            _ => empty(),
        }
    }
    fn can_repeat(&self) -> bool {
        matches!(self, Sent::Empty)
    }
}

fn empty() -> Answer {
    Empty::new().map_err(|never: Infallible| match never {}).boxed()
}

/// The head as the pod gets it.
fn forwarded(request: Request<Incoming>) -> (http::request::Parts, Incoming) {
    let (mut head, body) = request.into_parts();
    without_hop_headers(&mut head.headers);
    if let Some(host) = head.headers.get(header::HOST).cloned() {
        head.headers.insert(HeaderName::from_static("x-forwarded-host"), host);
    }
    head.headers.append(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_static("127.0.0.1"));
    head.headers.insert(HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static("http"));
    (head, body)
}

fn to_pod(head: &http::request::Parts, body: Answer, endpoint: &Endpoint) -> Option<Request<Answer>> {
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let uri: Uri = format!("http://{}{path}", endpoint.address).parse().ok()?;
    let mut request = Request::new(body);
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = head.headers.clone();
    Some(request)
}

fn returned(response: Response<Incoming>, endpoint: &Endpoint) -> Response<Answer> {
    let mut response = response.map(BodyExt::boxed);
    without_hop_headers(response.headers_mut());
    for (name, text) in [(SERVED_BY, &endpoint.pod), (SERVED_VERSION, &endpoint.version.tag)] {
        if let Ok(value) = HeaderValue::from_str(text) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Headers that speak of one connection, not of the request.
fn without_hop_headers(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let always = [
        header::CONNECTION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        HeaderName::from_static("keep-alive"),
    ];
    for name in named.iter().chain(&always) {
        headers.remove(name);
    }
}

fn plain(status: StatusCode, text: &str) -> Response<Answer> {
    let body = Full::new(Bytes::from(text.to_string())).map_err(|never: Infallible| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
