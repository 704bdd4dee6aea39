//! Events on Rollouts, AnalysisRuns and updates: queued in the order of the acts, those of one object written one after the other,
//! never in the way of a decision.
//!
//! A full queue or a server that will not have an event costs that event; the metrics count it.

use crate::Clock;
use crate::lens::{Rollouts, Watched};
use crate::metrics::Metrics;
use futures::future::join_all;
use jiff::Timestamp;
use kube::Client;
use kube::api::PostParams;
use kube::core::Request;
use serde_json::{Value, json};
use serinus_decide::{Note, NoteType};
use serinus_wire::{AnalysisRun, Experiment, ImageUpdate, ObjectMeta, Rollout, Time, image_update, keys};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// Who events say they come from: what tools and people look for.
const COMPONENT: &str = "rollouts-controller";
/// Events that may wait to be written.
const QUEUE: usize = 10_000;
/// Objects whose events are written at the same time: one after the other, those of many objects would lag behind them.
const LANES: usize = 8;
/// Events that may wait for those before them in a lane.
const LANE: usize = 32;
/// Tries of one event, with this pause between them.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// How long one try may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The object that an event is about.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    /// Its group and version.
    pub api_version: &'static str,
    /// Its kind.
    pub kind: &'static str,
    /// Its metadata.
    pub meta: &'a ObjectMeta,
}

impl<'a> About<'a> {
    /// A Rollout.
    pub fn rollout(rollout: &'a Rollout) -> About<'a> {
        About { api_version: keys::API_VERSION, kind: "Rollout", meta: &rollout.metadata }
    }

    /// An AnalysisRun.
    pub fn run(run: &'a AnalysisRun) -> About<'a> {
        About { api_version: keys::API_VERSION, kind: "AnalysisRun", meta: &run.metadata }
    }

    /// An Experiment.
    pub fn experiment(experiment: &'a Experiment) -> About<'a> {
        About { api_version: keys::API_VERSION, kind: "Experiment", meta: &experiment.metadata }
    }

    /// An update.
    pub fn update(update: &'a ImageUpdate) -> About<'a> {
        About { api_version: image_update::API_VERSION, kind: image_update::KIND, meta: &update.metadata }
    }
}

/// An event that waits to be written, as its text: thousands may wait, and a tree would be five times as large.
pub(crate) struct Waiting {
    namespace: Box<str>,
    lane: usize,
    text: Box<[u8]>,
}

/// Takes events; cheap to clone.
#[derive(Clone)]
pub(crate) struct Events {
    queue: mpsc::Sender<Waiting>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    instance: String,
    serial: Arc<AtomicU64>,
}

impl Events {
    /// A queue, and the end that `write_all` empties.
    pub fn new(clock: Arc<dyn Clock>, metrics: Arc<Metrics>, instance: String) -> (Events, mpsc::Receiver<Waiting>) {
        let (queue, written) = mpsc::channel(QUEUE);
        (Events { queue, clock, metrics, instance, serial: Arc::default() }, written)
    }

    /// Queues one event on the Rollout that controls an object; nothing when none does.
    pub fn note_owner(&self, about: &About<'_>, note: &Note) {
        let Some(owner) = about.meta.controller() else { return };
        if owner.kind != Rollouts::KIND || owner.api_version != keys::API_VERSION {
            return;
        }
        let meta = ObjectMeta {
            name: owner.name.clone(),
            namespace: about.meta.namespace.clone(),
            uid: owner.uid.clone(),
            ..ObjectMeta::default()
        };
        self.note(&About { api_version: keys::API_VERSION, kind: Rollouts::KIND, meta: &meta }, note);
    }

    /// Queues one event on an object.
    pub fn note(&self, about: &About<'_>, note: &Note) {
        let (kind, meta) = (type_name(note.kind), about.meta);
        if about.kind == Rollouts::KIND {
            self.metrics.event(&meta.namespace, &meta.name, kind, &note.reason);
        }
        let (namespace, name) = (&meta.namespace, &meta.name);
        tracing::info!(namespace, object = about.kind, name, kind, reason = note.reason, "{}", note.message);
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let event = event(about, note, self.clock.now(), serial, &self.instance);
        let text = event.to_string().into_bytes().into_boxed_slice();
        let waiting = Waiting { namespace: namespace.as_str().into(), lane: lane(&meta.uid), text };
        if self.queue.try_send(waiting).is_err() {
            self.metrics.event_lost();
        }
    }
}

fn type_name(kind: NoteType) -> &'static str {
    match kind {
        NoteType::Normal => "Normal",
        NoteType::Warning => "Warning",
    }
}

/// The event as the API takes it. Its name sorts by time.
fn event(about: &About<'_>, note: &Note, now: Timestamp, serial: u64, instance: &str) -> Value {
    let meta = about.meta;
    let stamp = now.as_nanosecond().saturating_add(i128::from(serial % 1_000_000));
    let at = Time(now).to_string();
    let mut event = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": format!("{}.{stamp:x}", meta.name), "namespace": meta.namespace},
        "involvedObject": {
            "apiVersion": about.api_version, "kind": about.kind, "namespace": meta.namespace, "name": meta.name,
            "uid": meta.uid, "resourceVersion": meta.resource_version,
        },
        "type": type_name(note.kind),
        "reason": note.reason,
        "message": truncated(&note.message),
        "count": 1,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": "",
    });
    if !instance.is_empty() {
        event["metadata"]["labels"] = json!({keys::INSTANCE_ID: instance});
    }
    event
}

/// The API takes messages of at most 1024 bytes.
fn truncated(message: &str) -> &str {
    let mut end = message.len().min(1024);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}

/// Writes what is queued until every `Events` is gone and the queue is empty. The events of one object keep their order.
pub(crate) async fn write_all(client: Client, mut queue: mpsc::Receiver<Waiting>, metrics: Arc<Metrics>) {
    let (lanes, ends): (Vec<_>, Vec<_>) = (0..LANES).map(|_| mpsc::channel(LANE)).unzip();
    let share_out = async move {
        while let Some(event) = queue.recv().await {
            if let Some(lane) = lanes.get(event.lane) {
                let _ = lane.send(event).await;
            }
        }
    };
    let written = ends.into_iter().map(|mut lane| {
        let (client, metrics) = (&client, &metrics);
        async move {
            while let Some(event) = lane.recv().await {
                if !write(client, &event).await {
                    metrics.event_lost();
                }
            }
        }
    });
    futures::join!(share_out, join_all(written));
}

fn lane(uid: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    usize::try_from(hasher.finish() % LANES as u64).unwrap_or_default()
}

async fn write(client: &Client, event: &Waiting) -> bool {
    let path = Request::new(format!("/api/v1/namespaces/{}/events", event.namespace));
    for attempt in 1..=TRIES {
        let Ok(request) = path.create(&PostParams::default(), event.text.to_vec()) else { return false };
        match tokio::time::timeout(TIMEOUT, client.request::<serde::de::IgnoredAny>(request)).await {
            Ok(Ok(_)) => return true,
            // The try before was carried out and only its answer lost.
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => return attempt > 1,
            Ok(Err(kube::Error::Api(status))) if status.code < 500 && status.code != 429 => {
                tracing::debug!(%status, "an event was refused");
                return false;
            }
            Ok(Err(error)) => tracing::debug!(%error, attempt, "an event could not be written"),
            Err(_) => tracing::debug!(attempt, "no answer to an event"),
        }
        if attempt < TRIES {
            tokio::time::sleep(PAUSE).await;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_names_of_their_own_in_order() {
        let mut rollout = Rollout::default();
        rollout.metadata.name = "web".into();
        let note = Note { kind: NoteType::Warning, reason: "R".into(), message: "é".repeat(1000) };
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let made: Vec<Value> =
            (0..3).map(|serial| event(&About::rollout(&rollout), &note, now, serial, "two")).collect();
        let names: Vec<&str> = made.iter().map(|event| event["metadata"]["name"].as_str().unwrap()).collect();
        assert!(names.is_sorted() && names[0] != names[1] && names[1] != names[2], "{names:?}");
        assert_eq!(made[0]["message"].as_str().unwrap().len(), 1024);
        assert_eq!(made[0]["metadata"]["labels"][keys::INSTANCE_ID], "two");
        assert_eq!(made[0]["firstTimestamp"], "2027-01-15T08:00:00Z");
    }
    /// A server that takes a second for each event.
    #[tokio::test(start_paused = true)]
    async fn events_of_one_object_keep_their_order_and_hold_up_nobody_else() {
        let written = Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = written.clone();
        let server = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let seen = seen.clone();
            async move {
                let body = request.into_body().collect_bytes().await.map_err(tower::BoxError::from)?;
                tokio::time::sleep(PAUSE).await;
                let event: Value = serde_json::from_slice(&body)?;
                seen.lock().unwrap().push((event["involvedObject"]["name"].to_string(), event["reason"].to_string()));
                Ok::<_, tower::BoxError>(http::Response::new(kube::client::Body::from(b"{}".to_vec())))
            }
        });
        let metrics = Arc::new(Metrics::default());
        let (events, queue) = Events::new(Arc::new(crate::SystemClock), metrics.clone(), String::new());
        for reason in 0..5 {
            for name in 0..40 {
                let mut rollout = Rollout::default();
                (rollout.metadata.name, rollout.metadata.uid) = (format!("web-{name}"), format!("uid-{name}"));
                let note = Note { kind: NoteType::Normal, reason: reason.to_string(), message: String::new() };
                events.note(&About::rollout(&rollout), &note);
            }
        }
        drop(events);
        let began = tokio::time::Instant::now();
        write_all(Client::new(server, "default"), queue, metrics).await;
        let (took, written) = (began.elapsed(), written.lock().unwrap());
        assert!(took < PAUSE * 100, "200 events took {took:?}");
        assert_eq!(written.len(), 200);
        for name in 0..40 {
            let name = format!("\"web-{name}\"");
            let reasons: Vec<&str> =
                written.iter().filter(|(of, _)| *of == name).map(|(_, reason)| reason.as_str()).collect();
            assert!(reasons.is_sorted() && reasons.len() == 5, "{name}: {reasons:?}");
        }
    }
}
