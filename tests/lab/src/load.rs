//! An open-loop client: requests leave when they are due, whether or not earlier ones have been answered, and latency counts from then.
//! A slow server is thus seen as slow, and not as one that is asked less.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use tokio::time::{Instant, sleep_until, timeout};

use crate::http1::connect;
use crate::tally::{Outcome, Sample, Tally};
use crate::wait::{Look, until};

const PATIENCE: Duration = Duration::from_secs(10);

/// A running load. It stops when dropped.
pub struct Load {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Makes the request of a number.
type Make = dyn Fn(u32) -> Result<Request<Full<Bytes>>> + Send + Sync;

struct Shared {
    address: String,
    make: Box<Make>,
    stop: AtomicBool,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    samples: Mutex<Vec<Sample>>,
}

/// A moment of the load, to count from.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

impl Load {
    /// Asks `address` for the page of `host`, `rate` times a second.
    pub fn start(address: &str, host: &str, rate: u32) -> Result<Self> {
        let host = host.to_owned();
        Self::start_with(address, rate, move |_| {
            Ok(Request::get("/").header(header::HOST, &host).body(Full::default())?)
        })
    }

    /// Sends `rate` requests a second to `address`, from a thread of its own: a busy test does not disturb the schedule.
    pub fn start_with(
        address: &str,
        rate: u32,
        make: impl Fn(u32) -> Result<Request<Full<Bytes>>> + Send + Sync + 'static,
    ) -> Result<Self> {
        let shared = Arc::new(Shared {
            address: address.to_owned(),
            make: Box::new(make),
            stop: AtomicBool::new(false),
            idle: Mutex::default(),
            samples: Mutex::default(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let driven = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("load".into()).spawn(move || runtime.block_on(drive(driven, rate)))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Now.
    pub fn mark(&self) -> Mark {
        Mark(lock(&self.shared.samples).len())
    }

    /// All that was answered since `mark`.
    pub fn since(&self, mark: Mark) -> Tally {
        Tally::of(lock(&self.shared.samples).get(mark.0..).unwrap_or_default())
    }

    /// The next `count` requests.
    pub async fn next(&self, count: usize) -> Result<Tally> {
        let mark = self.mark();
        until(&format!("{count} requests"), PATIENCE * 6, || async {
            let samples = lock(&self.shared.samples);
            let new = samples.get(mark.0..).unwrap_or_default();
            Ok(match new.get(..count) {
                Some(enough) => Look::Done(Tally::of(enough)),
                None => Look::Not(Tally::of(new).to_string()),
            })
        })
        .await
    }

    /// Waits until the last 200 requests satisfy `condition`: the data plane needs a moment to take a new weight in.
    pub async fn settles(&self, what: &str, condition: impl Fn(&Tally) -> bool) -> Result<()> {
        let mark = self.mark();
        until(what, PATIENCE * 6, || async {
            let samples = lock(&self.shared.samples);
            let from = samples.len().saturating_sub(200).max(mark.0);
            let recent = Tally::of(samples.get(from..).unwrap_or_default());
            Ok(if recent.total == 200 && condition(&recent) { Look::Done(()) } else { Look::Not(recent.to_string()) })
        })
        .await
    }

    /// Ends the load, waits for what is under way, and counts it all.
    pub fn finish(self) -> Result<Tally> {
        Ok(Tally::of(&self.samples()?))
    }

    /// Ends the load, waits for what is under way, and gives it all, in the order of the answers.
    pub fn samples(mut self) -> Result<Vec<Sample>> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("the load has ended already")?;
        thread.join().map_err(|_| anyhow!("the client panicked"))?;
        Ok(std::mem::take(&mut *lock(&self.shared.samples)))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

async fn drive(shared: Arc<Shared>, rate: u32) {
    let start = Instant::now();
    let period = Duration::from_secs(1) / rate;
    let mut flying = tokio::task::JoinSet::new();
    for n in 0u32.. {
        let due = start + period * n;
        sleep_until(due).await;
        if shared.stop.load(Ordering::Relaxed) {
            break;
        }
        let shared = Arc::clone(&shared);
        flying.spawn(async move {
            let outcome = match timeout(PATIENCE, send(&shared, n)).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(error)) => Outcome::Failure(format!("{error:#}")),
                Err(_) => Outcome::Failure(format!("no answer within {PATIENCE:?}")),
            };
            lock(&shared.samples).push(Sample { number: n, due: due - start, latency: due.elapsed(), outcome });
        });
        while flying.try_join_next().is_some() {}
    }
    while flying.join_next().await.is_some() {}
}

/// One request on an idle connection, or on a new one when there is none.
async fn send(shared: &Shared, number: u32) -> Result<Outcome> {
    let mut connection = match idle(shared) {
        Some(connection) => connection,
        None => connect(&shared.address).await?,
    };
    let (head, body) = connection.send_request((shared.make)(number)?).await.context("send")?.into_parts();
    let body = body.collect().await.context("read the answer")?.to_bytes();
    if connection.ready().await.is_ok() {
        lock(&shared.idle).push(connection);
    }
    if head.status != StatusCode::OK {
        return Ok(Outcome::Failure(format!("status {}", head.status.as_u16())));
    }
    Ok(Outcome::Version(String::from_utf8_lossy(&body).trim().to_owned()))
}

fn idle(shared: &Shared) -> Option<SendRequest<Full<Bytes>>> {
    let mut idle = lock(&shared.idle);
    idle.retain(|connection| !connection.is_closed());
    idle.pop()
}

/// A panic of another holder does not make the counts wrong.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
