//! Verdicts told to those who do not wait.

use crate::support::seed::STABLE;
use crate::support::{Running, Tap, World, text};
use crate::{proposed, push, until, vote, world};
use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use serinus_cluster::update::{IMAGE_UPDATE, Receiver, Updates};
use serinus_cluster::{Transport, Unanswered};
use serinus_model::Model;
use serinus_talk::metric::Request;
use serinus_wire::Time;
use serinus_wire::image_update::{Decision, Phase};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What was sent to whom, with which idempotency key; and the codes that are answered next, then 200.
#[derive(Clone, Default)]
struct Receivers {
    got: Arc<Mutex<Vec<(String, String, Value)>>>,
    codes: Arc<Mutex<Vec<u16>>>,
    /// How long an answer takes.
    takes: Duration,
    /// Whose watches hold back from the first delivery on what happens.
    late: Option<Model>,
}

impl Transport for Receivers {
    fn send(&self, request: Request) -> BoxFuture<'static, Result<(u16, Bytes), Unanswered>> {
        let key = request.headers.iter().find(|(name, _)| name == "Idempotency-Key").unwrap().1.clone();
        let body = serde_json::from_slice(&request.body).unwrap();
        self.got.lock().unwrap().push((request.url.clone(), key, body));
        let (code, takes) = (self.codes.lock().unwrap().pop().unwrap_or(200), self.takes);
        if let Some(model) = &self.late {
            model.hold_watches(true);
        }
        Box::pin(async move {
            tokio::time::sleep(takes).await;
            match code {
                0 => Err(Unanswered { request: request.url, cause: "no answer".to_string() }),
                code => Ok((code, Bytes::new())),
            }
        })
    }
}

impl Receivers {
    fn start(&self, world: &World) -> (Updates, Running) {
        let (updates, told) = (Updates::default(), self.clone());
        let handle = updates.clone();
        let running = world.start_with(serinus_decide::decide, &Tap::default(), |options| {
            options.updates = Some(handle);
            options.transport = Arc::new(told);
            options.receivers = Receiver::list(r#"[{"url": "http://one/hook"}, {"url": "http://two/hook"}]"#).unwrap();
        });
        (updates, running)
    }

    fn to(&self, place: &str) -> Vec<String> {
        let got = self.got.lock().unwrap();
        got.iter().filter(|(url, ..)| url.contains(place)).map(|(_, key, _)| key.clone()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_verdict_is_told_until_it_is_taken_and_no_more() {
    let (world, _, running) = world(json!({"keel.sh/policy": "minor"})).await;
    running.stop().await;
    let receivers = Receivers::default();
    // The first round: one takes it, two is ill; then two does not answer; then both are well.
    *receivers.codes.lock().unwrap() = vec![0, 500, 200];
    let (updates, running) = receivers.start(&world);
    while !updates.is_ready() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let name = proposed(push(&updates, "1.1.0").await);
    until(&world, &name, Phase::Promoted).await;
    let told = |update: &Value| !text(update, "/status/toldAt").is_empty();
    world.until(&IMAGE_UPDATE, &name, 30, told).await;
    let (one, two) = (receivers.to("one"), receivers.to("two"));
    assert_eq!((one.len(), two.len()), (1, 3), "who has taken it is not told again");
    assert!(two.iter().all(|key| *key == one[0] && key.contains("/Promoted/")), "{two:?}");
    let (_, _, body) = receivers.got.lock().unwrap()[0].clone();
    assert_eq!(
        (text(&body, "/phase"), text(&body, "/image"), text(&body, "/workload/name")),
        ("Promoted", "index.docker.io/library/pregap:1.1.0", STABLE)
    );
    // The next process has nothing to tell.
    running.stop().await;
    let (_, running) = receivers.start(&world);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(receivers.got.lock().unwrap().len(), 4);
    running.stop().await;
}

impl Receivers {
    /// The verdict on an update that is voted against.
    async fn rejection(&self, world: &World) -> (String, Running) {
        let (updates, running) = self.start(world);
        while !updates.is_ready() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let name = proposed(push(&updates, "1.1.0").await);
        vote(&updates, &name, "ann", Decision::Reject).await;
        until(world, &name, Phase::Rejected).await;
        (name, running)
    }

    async fn until_got(&self, count: usize) {
        while self.got.lock().unwrap().len() < count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// That it was told is on record before the cache shows it.
#[tokio::test(start_paused = true)]
async fn a_verdict_is_not_told_twice_by_a_cache_that_is_late() {
    let (world, _, running) = world(json!({"keel.sh/policy": "minor", "keel.sh/approvals": "1"})).await;
    running.stop().await;
    let receivers = Receivers { late: Some(world.model.clone()), ..Receivers::default() };
    let (name, running) = receivers.rejection(&world).await;
    let told = |update: &Value| !text(update, "/status/toldAt").is_empty();
    world.until(&IMAGE_UPDATE, &name, 30, told).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.model.hold_watches(false);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((receivers.to("one").len(), receivers.to("two").len()), (1, 1));
    running.stop().await;
}

/// Another verdict falls while receivers are slow to take the first: they get that one, too.
#[tokio::test(start_paused = true)]
async fn a_verdict_that_falls_while_another_is_told_is_told_as_well() {
    let (world, _, running) = world(json!({"keel.sh/policy": "minor", "keel.sh/approvals": "1"})).await;
    running.stop().await;
    let receivers = Receivers { takes: Duration::from_secs(8), ..Receivers::default() };
    let (name, running) = receivers.rejection(&world).await;
    receivers.until_got(1).await;
    let again = json!({"status": {"phase": "Failed", "finishedAt": Time::whole_seconds(world.model.now())}});
    world.patch_status(&IMAGE_UPDATE, &name, again).await;
    let told = |update: &Value| !text(update, "/status/toldAt").is_empty();
    world.until(&IMAGE_UPDATE, &name, 60, told).await;
    for place in ["one", "two"] {
        let phases: Vec<String> =
            receivers.to(place).iter().map(|key| key.split('/').nth(1).unwrap().to_string()).collect();
        assert_eq!(phases, ["Rejected", "Failed"], "{place}");
    }
    running.stop().await;
}
