//! The client: sends requests at a steady rate whether or not answers come (open loop), and counts what comes back.

use crate::gateway::proxy::SERVED_VERSION;
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long the client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The gateway.
    pub gateway: SocketAddr,
    /// `Host` header.
    pub host: String,
    /// Path.
    pub path: String,
}

/// What the client has seen. The numbers only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Requests sent.
    pub sent: u64,
    /// Good answers by version.
    pub good: BTreeMap<String, u64>,
    /// Answers with a status from 500 up that a version itself gave.
    pub bad: BTreeMap<String, u64>,
    /// Requests that no version answered: refused, lost, too slow, or turned away by the gateway.
    pub lost: u64,
}

impl Seen {
    /// What came since `earlier`.
    pub fn since(&self, earlier: &Seen) -> Seen {
        let minus = |now: &BTreeMap<String, u64>, then: &BTreeMap<String, u64>| {
            let left = |(version, count): (&String, &u64)| {
                let count = count.saturating_sub(then.get(version).copied().unwrap_or(0));
                (count > 0).then(|| (version.clone(), count))
            };
            now.iter().filter_map(left).collect()
        };
        Seen {
            sent: self.sent.saturating_sub(earlier.sent),
            good: minus(&self.good, &earlier.good),
            bad: minus(&self.bad, &earlier.bad),
            lost: self.lost.saturating_sub(earlier.lost),
        }
    }

    /// Answers by version, good and bad.
    pub fn answers(&self) -> BTreeMap<&str, u64> {
        let mut all = BTreeMap::new();
        for (version, count) in self.good.iter().chain(&self.bad) {
            *all.entry(version.as_str()).or_default() += count;
        }
        all
    }
}

/// A count that the client writes and everybody reads. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    seen: Arc<Mutex<Seen>>,
}

impl Meter {
    /// What was seen so far.
    pub fn now(&self) -> Seen {
        self.seen().clone()
    }
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Caller = Client<HttpConnector, Empty<Bytes>>;

/// Sends `rate` requests a second until `stop`, then waits for the answers under way.
pub async fn run(target: Target, rate: u32, meter: Meter, stop: CancellationToken) {
    if rate == 0 {
        return;
    }
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let caller: Caller = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
    let requests = TaskTracker::new();
    let mut ticks = tokio::time::interval_at(Instant::now(), Duration::from_secs(1) / rate);
    // A late tick is made up for: the rate is a promise of the test, not of the machine.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        meter.seen().sent += 1;
        requests.spawn(one(caller.clone(), target.clone(), meter.clone()));
    }
    requests.close();
    requests.wait().await;
}

async fn one(caller: Caller, target: Target, meter: Meter) {
    let request = Request::get(format!("http://{}{}", target.gateway, target.path))
        .header(header::HOST, target.host)
        .body(Empty::new());
    let Ok(request) = request else {
        meter.seen().lost += 1;
        return;
    };
    let answer = tokio::time::timeout(PATIENCE, async {
        let response = caller.request(request).await.ok()?;
        let (head, body) = response.into_parts();
        // The body must be read, or the connection can't be used again.
        body.collect().await.ok()?;
        Some(head)
    });
    let head = answer.await.ok().flatten();
    let mut seen = meter.seen();
    let Some(head) = head else {
        seen.lost += 1;
        return;
    };
    match head.headers.get(SERVED_VERSION).and_then(|tag| tag.to_str().ok()) {
        Some(tag) if head.status.is_server_error() => *seen.bad.entry(tag.to_string()).or_default() += 1,
        Some(tag) => *seen.good.entry(tag.to_string()).or_default() += 1,
        None => seen.lost += 1,
    }
}
