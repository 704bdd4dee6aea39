//! A tap between a controller and the API: writes down what it writes, and can end its life at any of its writes.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::Value;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;
use tower::Service;

/// When a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The write never reaches the server.
    Before,
    /// The server carries it out, and the answer never comes back.
    After,
}

/// One tap; clones share what was written.
#[derive(Clone, Default)]
pub struct Tap(Arc<Mutex<Inner>>, Arc<Notify>);

#[derive(Default)]
struct Inner {
    written: Vec<String>,
    listed: Vec<String>,
    end: Option<(usize, Moment)>,
    refusals: VecDeque<(&'static str, u16)>,
    blind: Option<&'static str>,
}

impl Tap {
    /// A tap that ends the life of its controller at its `nth` write, counted from 1.
    pub fn ending_at(nth: usize, moment: Moment) -> Tap {
        let tap = Tap::default();
        tap.0.lock().unwrap().end = Some((nth, moment));
        tap
    }

    /// Answers the next write whose line contains `part` with this code instead of passing it on.
    pub fn refuse(&self, part: &'static str, code: u16) {
        self.0.lock().unwrap().refusals.push_back((part, code));
    }

    /// From now on watches whose path ends in `part` tell nothing.
    pub fn blind(&self, part: &'static str) {
        self.0.lock().unwrap().blind = Some(part);
    }

    fn is_blind(&self, request: &http::Request<kube::client::Body>) -> bool {
        let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        watches && self.0.lock().unwrap().blind.is_some_and(|part| request.uri().path().ends_with(part))
    }

    /// Returns when the end has come.
    pub async fn ended(&self) {
        self.1.notified().await;
    }

    /// The writes so far: `METHOD path`. Events and leases are not counted.
    pub fn written(&self) -> Vec<String> {
        self.0.lock().unwrap().written.clone()
    }

    /// Paths of the lists that were asked for so far.
    pub fn listed(&self) -> Vec<String> {
        self.0.lock().unwrap().listed.clone()
    }

    fn note(&self, line: String) -> Verdict {
        let mut inner = self.0.lock().unwrap();
        let refused = inner.refusals.front().is_some_and(|(part, _)| line.contains(part));
        inner.written.push(line);
        if refused && let Some((_, code)) = inner.refusals.pop_front() {
            return Verdict::Refuse(code);
        }
        match inner.end {
            Some((nth, moment)) if inner.written.len() == nth => Verdict::End(moment),
            Some((nth, _)) if inner.written.len() > nth => Verdict::End(Moment::Before),
            _ => Verdict::Pass,
        }
    }

    /// The service behind this tap.
    pub fn on<S>(&self, service: S) -> Tapped<S> {
        Tapped { service, tap: self.clone() }
    }
}

enum Verdict {
    Pass,
    Refuse(u16),
    End(Moment),
}

/// A service behind a tap.
#[derive(Clone)]
pub struct Tapped<S> {
    service: S,
    tap: Tap,
}

type Body = kube::client::Body;
type Answered = http::Response<UnsyncBoxBody<Bytes, tower::BoxError>>;
type Answer<E> = Pin<Box<dyn Future<Output = Result<Answered, E>> + Send>>;

impl<S, B> Service<http::Request<Body>> for Tapped<S>
where
    S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<tower::BoxError>,
{
    type Response = Answered;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let path = request.uri().path().to_string();
        if self.tap.is_blind(&request) {
            let silence = StreamBody::new(futures::stream::pending::<Result<_, tower::BoxError>>());
            return Box::pin(std::future::ready(Ok(http::Response::new(silence.boxed_unsync()))));
        }
        let query = request.uri().query().unwrap_or_default();
        if request.method() == http::Method::GET && query.contains("limit=") && !query.contains("watch=true") {
            self.tap.0.lock().unwrap().listed.push(path.clone());
        }
        let counts = request.method() != http::Method::GET && !path.contains("/events") && !path.contains("/leases");
        let verdict = if counts { self.tap.note(format!("{} {path}", request.method())) } else { Verdict::Pass };
        let creates = request.method() == http::Method::POST;
        let tap = self.tap.clone();
        let mut service = self.service.clone();
        Box::pin(async move {
            match verdict {
                Verdict::Refuse(code) => return Ok(refusal(code, creates)),
                Verdict::End(Moment::Before) => {
                    tap.1.notify_one();
                    std::future::pending::<()>().await;
                }
                Verdict::Pass | Verdict::End(Moment::After) => {}
            }
            let answer = service.call(request).await?;
            if matches!(verdict, Verdict::End(_)) {
                tap.1.notify_one();
                std::future::pending::<()>().await;
            }
            Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()))
        })
    }
}

fn refusal(code: u16, creates: bool) -> Answered {
    let reason = match code {
        409 if creates => "AlreadyExists",
        403 => "Forbidden",
        409 => "Conflict",
        422 => "Invalid",
        _ => "InternalError",
    };
    let status: Value = serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
        "reason": reason, "message": format!("the test says {code}")});
    let body = Full::new(Bytes::from(status.to_string())).map_err(|never| match never {}).boxed_unsync();
    http::Response::builder().status(code).header("content-type", "application/json").body(body).unwrap()
}
