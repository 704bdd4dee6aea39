//! Bad weather between a controller and the API, from a seed: refusals, broken connections, answers that never come, requests
//! that arrive long after their sender gave up, and watches that lag, break, and have to be listed anew.

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use serde_json::json;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use tower::{BoxError, Service, ServiceExt};

/// Numbers from a seed (splitmix64).
#[derive(Clone)]
pub struct Dice(Arc<Mutex<u64>>);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(Arc::new(Mutex::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x5851_f42d_4c95_7f2d)))
    }

    /// A number from 0 to `bound` - 1.
    pub fn below(&self, bound: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    pub fn one_in(&self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Up to so many milliseconds.
    pub fn millis(&self, most: u64) -> Duration {
        Duration::from_millis(self.below(most))
    }
}

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Pass,
    /// Not done, and said so.
    Refuse(u16),
    /// Done, and said that it was not.
    Deny,
    /// Not done; the connection breaks.
    Break,
    /// Done; the connection breaks before the answer.
    BreakAfter,
    /// Not done, and no answer comes.
    Silence,
    /// Done, and no answer comes.
    SilenceAfter,
    /// The connection breaks, and what was sent arrives much later.
    Late,
}

fn fate(dice: &Dice, writes: bool) -> Fate {
    if !writes {
        return if dice.one_in(25) { Fate::Refuse(500) } else { Fate::Pass };
    }
    match dice.below(100) {
        0..4 => Fate::Refuse(409),
        4..7 => Fate::Refuse(500),
        7..9 => Fate::Refuse(429),
        9..13 => Fate::Deny,
        13..15 => Fate::Break,
        15..18 => Fate::BreakAfter,
        18 => Fate::Silence,
        19 => Fate::SilenceAfter,
        20..23 => Fate::Late,
        _ => Fate::Pass,
    }
}

/// What was sent when, and what became of it: two runs of one seed are compared by it.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A service in bad weather.
#[derive(Clone)]
pub struct Stormy<S> {
    service: S,
    dice: Dice,
    log: Log,
    began: Instant,
}

impl<S> Stormy<S> {
    pub fn new(service: S, dice: Dice, log: Log, began: Instant) -> Stormy<S> {
        Stormy { service, dice, log, began }
    }
}

type Body = kube::client::Body;
type Answered = http::Response<UnsyncBoxBody<Bytes, BoxError>>;

impl<S, B> Service<http::Request<Body>> for Stormy<S>
where
    S: Service<http::Request<Body>, Response = http::Response<B>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Answered;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answered, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), BoxError>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let (service, dice) = (self.service.clone(), self.dice.clone());
        let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        let fate = fate(&dice, request.method() != http::Method::GET);
        let (method, uri) = (request.method(), request.uri());
        self.log.note(format!("{:?} {fate:?} {method} {uri}", self.began.elapsed()));
        Box::pin(async move {
            if dice.one_in(4) {
                tokio::time::sleep(dice.millis(400)).await;
            }
            match fate {
                Fate::Refuse(code) => return Ok(refusal(code)),
                Fate::Break => return Err("the connection broke".into()),
                Fate::Silence => std::future::pending().await,
                Fate::Late => {
                    let delay = dice.millis(20_000);
                    tokio::spawn(async move {
                        tokio::time::sleep(delay).await;
                        let _ = service.oneshot(request).await;
                    });
                    return Err("the connection broke".into());
                }
                Fate::Pass | Fate::Deny | Fate::BreakAfter | Fate::SilenceAfter => {}
            }
            let answer = service.oneshot(request).await?;
            match fate {
                Fate::Deny => Ok(refusal(500)),
                Fate::BreakAfter => Err("the connection broke before the answer".into()),
                Fate::SilenceAfter => std::future::pending().await,
                _ if watches => Ok(answer.map(|body| StreamBody::new(lagging(body, dice)).boxed_unsync())),
                _ => Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync())),
            }
        })
    }
}

/// The lines of a watch: now and then one keeps the rest waiting, and some watches break, or say that they are too old.
fn lagging<B>(body: B, dice: Dice) -> impl Stream<Item = Result<Frame<Bytes>, BoxError>> + Send + 'static
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let left = dice.one_in(2).then(|| dice.below(15));
    let start = (Box::pin(BodyStream::new(body)), left, dice, false);
    futures::stream::unfold(start, |(mut lines, left, dice, over)| async move {
        if over {
            return None;
        }
        if left == Some(0) {
            let line = dice.one_in(3).then(too_old)?;
            return Some((Ok(line), (lines, left, dice, true)));
        }
        let line = lines.next().await?.map_err(Into::into);
        if dice.one_in(12) {
            tokio::time::sleep(dice.millis(9_000)).await;
        }
        Some((line, (lines, left.map(|left| left - 1), dice, false)))
    })
}

fn too_old() -> Frame<Bytes> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired",
        "message": "too old resource version"});
    Frame::data(format!("{}\n", json!({"type": "ERROR", "object": status})).into())
}

fn refusal(code: u16) -> Answered {
    let reason = match code {
        409 => "Conflict",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
        "message": "the storm says so"});
    let body = Full::new(Bytes::from(status.to_string())).map_err(|never| match never {}).boxed_unsync();
    http::Response::builder().status(code).header("content-type", "application/json").body(body).unwrap()
}
