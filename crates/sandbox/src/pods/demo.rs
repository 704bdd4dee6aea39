//! The built-in image `serinus/demo:<tag>`: an HTTP server in this process whose tag says how well it behaves.
//!
//! `2.0.0` answers at once, `2.0.0-errors5` fails 5 % of its requests, `2.0.0-slow200` takes 200 ms for each; the two
//! endings combine. `/healthz` always answers well, so that a bad version still becomes ready, as bad versions do.

use super::log::Log;
use crate::listener;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Repository of the built-in image.
pub const REPOSITORY: &str = "serinus/demo";

/// How one tag behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// The whole tag.
    pub tag: String,
    /// How many of 100 requests fail with status 500.
    pub errors: u8,
    /// How long each request takes.
    pub delay: Duration,
}

impl Behaviour {
    /// Reads `<version>[-errors<percent>][-slow<milliseconds>]`.
    ///
    /// # Errors
    /// Names the ending that makes no sense, and what would.
    pub fn of_tag(tag: &str) -> Result<Behaviour, String> {
        let mut behaviour = Behaviour { tag: tag.to_string(), errors: 0, delay: Duration::ZERO };
        for part in tag.split('-').skip(1) {
            if let Some(percent) = number_after(part, "errors") {
                behaviour.errors = match u8::try_from(percent) {
                    Ok(percent @ 0..=100) => percent,
                    _ => return Err(format!("tag {tag:?}: errors{percent}: a percentage from 0 to 100 is needed")),
                };
            } else if let Some(milliseconds) = number_after(part, "slow") {
                if milliseconds > 60_000 {
                    return Err(format!("tag {tag:?}: slow{milliseconds}: at most 60000 milliseconds"));
                }
                behaviour.delay = Duration::from_millis(milliseconds);
            }
        }
        Ok(behaviour)
    }
}

/// `errors5` after `errors` is 5; anything else is part of the version's name.
fn number_after(part: &str, word: &str) -> Option<u64> {
    part.strip_prefix(word)?.parse().ok()
}

/// The tag of a built-in image, `None` for all other images. No tag means `latest`.
pub fn tag_of(image: &str) -> Option<&str> {
    let rest = image.strip_prefix(REPOSITORY)?;
    if rest.is_empty() { Some("latest") } else { rest.strip_prefix(':').filter(|tag| !tag.is_empty()) }
}

/// A running demo server.
pub struct Demo {
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Demo {
    /// Listens on a free loopback port and answers until it is stopped.
    ///
    /// # Errors
    /// No port could be had.
    pub async fn start(pod: &str, behaviour: Behaviour, log: Log) -> std::io::Result<Demo> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        log.line(format!("serinus/demo:{} listens on {address}", behaviour.tag));
        let stop = CancellationToken::new();
        let state = Arc::new(State { pod: pod.to_string(), behaviour, log, requests: AtomicU64::new(0) });
        let service = hyper::service::service_fn(move |request| answer(Arc::clone(&state), request));
        let server = tokio::spawn(listener::serve(listener, service, stop.clone(), listener::DRAIN));
        Ok(Demo { address, stop, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connection, finishes what it has begun, and ends.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = self.server.await;
    }
}

struct State {
    pod: String,
    behaviour: Behaviour,
    log: Log,
    requests: AtomicU64,
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path();
    if path == "/healthz" {
        return Ok(text(StatusCode::OK, "ok\n".to_string()));
    }
    let behaviour = &state.behaviour;
    let number = state.requests.fetch_add(1, Ordering::Relaxed);
    if !behaviour.delay.is_zero() {
        tokio::time::sleep(behaviour.delay).await;
    }
    let status = if fails(number, behaviour.errors) { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
    state.log.line(format!("{} {path} {}", request.method(), status.as_u16()));
    let wants_json = request.headers().get(header::ACCEPT).is_some_and(|v| v.as_bytes() == b"application/json");
    Ok(if wants_json {
        let body = serde_json::json!({"version": behaviour.tag, "pod": state.pod, "status": status.as_u16()});
        let mut response = text(status, format!("{body}\n"));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    } else {
        let word = if status == StatusCode::OK { "hello from" } else { "failure in" };
        text(status, format!("{word} {} on {}\n", behaviour.tag, state.pod))
    })
}

/// Spreads the failures evenly over each hundred requests, so that a small sample shows the rate too.
fn fails(number: u64, percent: u8) -> bool {
    let (place, percent) = (number % 100, u64::from(percent));
    (place + 1) * percent / 100 > place * percent / 100
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_say_how_they_behave() {
        for (tag, errors, delay) in [
            ("2.0.0", 0, 0),
            ("2.0.0-errors5", 5, 0),
            ("2.0.0-slow200", 0, 200),
            ("2.0.0-rc1-errors100-slow20", 100, 20),
            ("2.0.0-errorsome", 0, 0),
            ("latest", 0, 0),
        ] {
            let seen = Behaviour::of_tag(tag).expect(tag);
            assert_eq!((seen.errors, seen.delay), (errors, Duration::from_millis(delay)), "{tag}");
        }
        assert!(Behaviour::of_tag("1-errors101").unwrap_err().contains("errors101"));
        assert!(Behaviour::of_tag("1-slow60001").unwrap_err().contains("slow60001"));
    }

    #[test]
    fn only_our_repository_is_built_in() {
        for (image, tag) in [
            ("serinus/demo:1.0.0", Some("1.0.0")),
            ("serinus/demo", Some("latest")),
            ("serinus/demo:", None),
            ("serinus/demonstration:1", None),
            ("nginx:1", None),
        ] {
            assert_eq!(tag_of(image), tag, "{image}");
        }
    }

    #[test]
    fn failures_have_the_rate_and_are_spread() {
        for percent in [0u8, 1, 5, 20, 50, 99, 100] {
            let failed = |range: std::ops::Range<u64>| range.filter(|n| fails(*n, percent)).count();
            assert_eq!(failed(0..1000), usize::from(percent) * 10, "{percent}");
            assert!(failed(0..50).abs_diff(usize::from(percent) / 2) <= 1, "{percent}");
        }
    }
}
