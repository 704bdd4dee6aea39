//! Updates of images in a live cluster: pushes in, `ImageUpdate` objects out, votes and verdicts on them.
//!
//! `Updates` is the handle that a server holds. Whoever leads also carries the updates out (`pass`).

pub(crate) mod counts;
pub(crate) mod own;
pub(crate) mod pass;
mod poll;
mod questions;
mod round;
mod survey;
mod verdicts;
pub(crate) mod watches;
mod way;

pub use poll::{Platforms, Polls};
pub use survey::{Survey, Surveyed, explain, survey};
pub use verdicts::Receiver;

use crate::cache::Cache;
use crate::client::{ClientError, Cluster, Patch, Resource};
use crate::events::Events;
use crate::lens::Rollouts;
use crate::measure::Transport;
use crate::queue::work;
use crate::watches::{Scope, Told as Hears};
use crate::{Clock, Error};
use counts::Counts;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::future::{BoxFuture, OptionFuture};
use futures::{FutureExt, StreamExt, stream};
use kube::Client;
use poll::Poller;
use serde::Deserialize;
use serde_json::{Value, json};
use serinus_decide::update::reference::Reference;
use serinus_decide::update::{Answer, Event, Habits, Tracked, decide, object, propose};
use serinus_decide::{Kind, Report};
use serinus_wire::ImageUpdate;
use serinus_wire::image_update::ImageUpdateSpec;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use verdicts::Verdicts;
use watches::{Subject, UpdateCaches, Waker, workload_key};
use way::Way;

/// Workloads that are proposed to at the same time, for one push.
const AT_ONCE: usize = 10;
/// Tries of one write that others are in the way of.
const TRIES: usize = 8;
/// Proposals that are written at the same time. Each takes a connection of its own, and thousands of handshakes would be
/// slower than thousands of requests in turn.
const WRITES: usize = 32;

/// `serinus.dev/v1alpha1` ImageUpdate.
pub const IMAGE_UPDATE: Resource =
    Resource { group: "serinus.dev", version: "v1alpha1", kind: "ImageUpdate", plural: "imageupdates" };

/// The handle: clones share it. It answers once the controller that it was given to has read the cluster.
#[derive(Clone, Default)]
pub struct Updates(Arc<Inner>);

#[derive(Default)]
struct Inner {
    habits: Habits,
    live: OnceLock<Live>,
    counts: Arc<Counts>,
    way: Arc<Way>,
}

struct Live {
    cluster: Cluster,
    caches: UpdateCaches,
    clock: Arc<dyn Clock>,
    writes: Semaphore,
}

/// What a push meant for one workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Kind of the workload.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What it meant.
    pub outcome: Outcome,
    /// When its registry is asked next, by the schedule of the workload; only `explain` tells.
    pub next_poll: Option<jiff::Timestamp>,
}

/// What a push means for one workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An update of this name was created, or would be.
    Proposed(String),
    /// It is the update of this name.
    Known(String),
    /// The workload runs the image and does not take the push: why.
    Refused(String),
    /// The workload has nothing to do with it: why.
    Apart(String),
}

impl Updates {
    /// A handle with habits of its own.
    pub fn new(habits: Habits) -> Updates {
        Updates(Arc::new(Inner { habits, ..Inner::default() }))
    }

    pub(crate) fn habits(&self) -> Habits {
        self.0.habits
    }

    pub(crate) fn go_live(&self, client: Client, caches: UpdateCaches, clock: Arc<dyn Clock>) {
        let cluster = Cluster::of(client);
        let _ = self.0.live.set(Live { cluster, caches, clock, writes: Semaphore::new(WRITES) });
    }

    fn live(&self) -> Result<&Live, Error> {
        self.0.live.get().ok_or(Error::NotReady)
    }

    /// Whether pushes can be taken.
    pub fn is_ready(&self) -> bool {
        self.0.live.get().is_some()
    }

    /// Proposes a push to every workload that runs the image. When this returns, each update is in the cluster.
    ///
    /// # Errors
    /// One of them could not be created; to send the push once more is safe.
    pub async fn push(&self, event: &Event) -> Result<Vec<Told>, Error> {
        let live = self.live()?;
        let workloads = live.caches.running(&event.reference.repository());
        let told = stream::iter(workloads).map(|tracked| self.propose(live, event, tracked)).buffered(AT_ONCE);
        told.collect::<Vec<_>>().await.into_iter().collect()
    }

    /// What a push would mean for one workload, without doing anything.
    pub(crate) fn consider(&self, event: &Event, tracked: &Tracked) -> Result<Outcome, Error> {
        let live = self.live()?;
        let known = live.caches.of_workload(&tracked.metadata.namespace, &workload_name(tracked));
        Ok(told(tracked, propose(event, tracked, &known, self.0.habits, live.clock.now())).outcome)
    }

    /// Proposes a push to one workload.
    pub(crate) async fn offer(&self, event: &Event, tracked: Tracked) -> Result<Told, Error> {
        self.propose(self.live()?, event, tracked).await
    }

    /// What is counted.
    pub fn counts(&self) -> Arc<Counts> {
        self.0.counts.clone()
    }

    /// What is counted, as Prometheus reads it.
    pub fn metrics(&self) -> String {
        let waits = |update: &&ImageUpdate| {
            let needed = usize::try_from(update.spec.required_approvals).unwrap_or(usize::MAX);
            !update.status.phase.is_final() && update.status.applied_at.is_none() && update.approvers().len() < needed
        };
        self.0.counts.text(self.all().iter().filter(waits).count())
    }

    /// What a push would mean for every workload there is, without doing anything.
    ///
    /// # Errors
    /// The cluster was not read yet.
    pub fn explain(&self, event: &Event) -> Result<Vec<Told>, Error> {
        let live = self.live()?;
        let now = live.clock.now();
        let one = |tracked: Tracked| {
            let known = live.caches.of_workload(&tracked.metadata.namespace, &workload_name(&tracked));
            let answer = propose(event, &tracked, &known, self.0.habits, now);
            Told { next_poll: next_poll(&tracked, &event.reference, now), ..told(&tracked, answer) }
        };
        Ok(live.caches.workloads().into_iter().map(one).collect())
    }

    async fn propose(&self, live: &Live, event: &Event, tracked: Tracked) -> Result<Told, Error> {
        let consider = |known: &[ImageUpdate]| propose(event, &tracked, known, self.0.habits, live.clock.now());
        let (namespace, workload) = (tracked.metadata.namespace.as_str(), workload_name(&tracked));
        let mut answer = consider(&live.caches.of_workload(namespace, &workload));
        // What is known already takes no turn.
        if matches!(answer, Answer::Propose(_)) {
            let key = workload_key(namespace, &workload);
            let _turn = live.caches.own.turn(&key).await;
            let mut known = live.caches.of_workload(namespace, &workload);
            live.caches.own.complete(&key, &mut known);
            answer = consider(&known);
            let mut tries = 0;
            while let Answer::Propose(update) = &answer {
                match self.create(live, &key, update).await {
                    Ok(()) => break,
                    Err(error) if error.is_exists() && tries == TRIES => {
                        let what = format!("{} {namespace}/{}", tracked.kind.word(), tracked.metadata.name);
                        return Err(Error::Contended { what });
                    }
                    // It is there already, and the cache does not show it yet: decide with it.
                    Err(error) if error.is_exists() => {
                        let name = &update.metadata.name;
                        let there = live.cluster.get(&IMAGE_UPDATE, namespace, name).await?;
                        known.retain(|other| other.metadata.name != *name);
                        known.extend(ImageUpdate::deserialize(there).ok());
                        tries += 1;
                    }
                    Err(error) => return Err(error.into()),
                }
                answer = consider(&known);
            }
        }
        if let Answer::Known { name, learns: Some(digest) } = &answer {
            self.learn(namespace, name, digest).await;
        }
        Ok(told(&tracked, answer))
    }

    async fn create(&self, live: &Live, key: &str, update: &ImageUpdate) -> Result<(), ClientError> {
        let _turn = live.writes.acquire().await;
        let making = live.caches.own.making(key, update);
        self.0.way.pushed();
        live.cluster.create(&IMAGE_UPDATE, &update.metadata.namespace, &object(update)).await?;
        making.made();
        Ok(())
    }

    /// A digest is good to have and not worth a failed push.
    async fn learn(&self, namespace: &str, name: &str, digest: &str) {
        let add = |spec: &mut ImageUpdateSpec| {
            if spec.digest.is_none() {
                spec.digest = Some(digest.to_string());
            }
            Ok(())
        };
        if let Err(error) = self.change(namespace, name, add).await {
            tracing::debug!(namespace, name, %error, "the digest of an update was not noted");
        }
    }

    /// All updates, in no order.
    pub fn all(&self) -> Vec<ImageUpdate> {
        let all = |live: &Live| live.caches.updates.all(|lens| lens.value.clone());
        self.0.live.get().map(all).unwrap_or_default()
    }

    /// All workloads, tracked or not.
    pub fn workloads(&self) -> Vec<Tracked> {
        self.0.live.get().map(|live| live.caches.workloads()).unwrap_or_default()
    }

    /// One update, and what it waits for.
    pub fn look(&self, namespace: &str, name: &str) -> Option<(ImageUpdate, Report)> {
        let live = self.0.live.get()?;
        let lens = live.caches.updates.get(namespace, name)?;
        let seen = live.caches.seen(&lens.value, self.0.habits);
        let report = decide(&seen, live.clock.now()).report;
        Some((lens.value.clone(), report))
    }

    /// Changes what people say to an update: reads it, lets `change` work on it, and writes it unless somebody was faster; then
    /// again. Gives the update as it stands.
    ///
    /// # Errors
    /// There is none of that name, `change` refuses, or the server does.
    pub async fn change(
        &self,
        namespace: &str,
        name: &str,
        change: impl Fn(&mut ImageUpdateSpec) -> Result<(), String>,
    ) -> Result<ImageUpdate, Error> {
        change_spec(&self.live()?.cluster, namespace, name, change).await
    }

    /// Deletes an update: with it goes the memory of it.
    ///
    /// # Errors
    /// There is none of that name, or the server refuses.
    pub async fn delete(&self, namespace: &str, name: &str) -> Result<(), Error> {
        self.live()?.cluster.delete(&IMAGE_UPDATE, namespace, name).await?;
        Ok(())
    }

    /// Merges a patch into the metadata of a workload.
    ///
    /// # Errors
    /// There is none of that name, or the server refuses.
    pub async fn annotate(&self, workload: &Tracked, labels: Value, annotations: Value) -> Result<(), Error> {
        let Some(resource) = resource(workload.kind) else { return Err(Error::NotReady) };
        let patch = json!({"metadata": {"labels": labels, "annotations": annotations}});
        let meta = &workload.metadata;
        self.live()?.cluster.patch(&resource, &meta.namespace, &meta.name, Patch::Merge, &patch).await?;
        Ok(())
    }

    /// The name of the bearer of a token of the cluster, who may vote in `namespace`, or in all; nobody: the cluster does not know the token.
    ///
    /// # Errors
    /// He may not, or the cluster does not say.
    pub async fn voter(&self, token: &str, namespace: Option<&str>) -> Result<Option<String>, Error> {
        let cluster = &self.live()?.cluster;
        let Some(user) = who_bears(cluster, token).await? else { return Ok(None) };
        let name = user["username"].as_str().unwrap_or_default();
        if may_vote(cluster, &user, namespace).await? {
            return Ok(Some(name.to_string()));
        }
        let place = namespace.map_or("all namespaces".to_string(), |namespace| format!("namespace {namespace}"));
        Err(Error::Forbidden(format!(
            "{name} may not patch imageupdates.serinus.dev in {place}: give that right by a role"
        )))
    }

    /// The moment it is for the controller.
    pub fn now(&self) -> jiff::Timestamp {
        self.0.live.get().map_or_else(jiff::Timestamp::now, |live| live.clock.now())
    }
}

/// Changes what people say to an update; see `Updates::change`. For those who have a cluster and no controller.
///
/// # Errors
/// There is none of that name, `change` refuses, or the server does.
pub async fn change_spec(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    change: impl Fn(&mut ImageUpdateSpec) -> Result<(), String>,
) -> Result<ImageUpdate, Error> {
    for _ in 0..TRIES {
        let there = cluster.get(&IMAGE_UPDATE, namespace, name).await?;
        let update = ImageUpdate::deserialize(there).map_err(|error| Error::Malformed(error.to_string()))?;
        let mut spec = update.spec.clone();
        change(&mut spec).map_err(Error::Refused)?;
        if spec == update.spec {
            return Ok(update);
        }
        let meta = &update.metadata;
        let patch = json!({"metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version}, "spec": spec});
        match cluster.patch(&IMAGE_UPDATE, namespace, name, Patch::Merge, &patch).await {
            Ok(changed) => {
                return ImageUpdate::deserialize(changed).map_err(|error| Error::Malformed(error.to_string()));
            }
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Contended { what: format!("ImageUpdate {namespace}/{name}") })
}

/// Whom the server takes the bearer of a token for, by its TokenReview; nobody: it does not know the token.
///
/// # Errors
/// The server does not say, or does not let us ask.
async fn who_bears(cluster: &Cluster, token: &str) -> Result<Option<Value>, Error> {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}});
    let answer = cluster.post("/apis/authentication.k8s.io/v1/tokenreviews", &review).await;
    let answer = answer.map_err(|error| lacking(error, "create tokenreviews.authentication.k8s.io"))?;
    let known = answer.pointer("/status/authenticated").and_then(Value::as_bool).unwrap_or_default();
    Ok(answer.pointer("/status/user").filter(|_| known).cloned())
}

/// Whether a user may vote: the server's SubjectAccessReview of `patch` on updates.
///
/// # Errors
/// The server does not say, or does not let us ask.
async fn may_vote(cluster: &Cluster, user: &Value, namespace: Option<&str>) -> Result<bool, Error> {
    let (group, resource) = (IMAGE_UPDATE.group, IMAGE_UPDATE.plural);
    let attributes = json!({"verb": "patch", "group": group, "resource": resource, "namespace": namespace});
    let spec = json!({"user": user["username"], "uid": user["uid"], "groups": user["groups"], "extra": user["extra"],
        "resourceAttributes": attributes});
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec});
    let answer = cluster.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", &review).await;
    let answer = answer.map_err(|error| lacking(error, "create subjectaccessreviews.authorization.k8s.io"))?;
    Ok(answer.pointer("/status/allowed").and_then(Value::as_bool).unwrap_or_default())
}

/// What is forbidden to us is not the fault of him who asks.
fn lacking(error: ClientError, right: &'static str) -> Error {
    if error.code() == Some(403) { Error::Lacks(right) } else { error.into() }
}

/// Who the server takes us for.
///
/// # Errors
/// The server does not say.
pub async fn who_am_i(cluster: &Cluster) -> Result<String, Error> {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let answer = cluster.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &review).await?;
    let user = answer.pointer("/status/userInfo/username").and_then(Value::as_str).unwrap_or_default();
    Ok(user.to_string())
}

fn workload_name(tracked: &Tracked) -> serinus_wire::image_update::WorkloadName {
    serinus_wire::image_update::WorkloadName {
        kind: tracked.kind.word().to_string(),
        name: tracked.metadata.name.clone(),
    }
}

/// When a workload's own schedule has this image asked for next. It follows from the schedule alone: no server is needed.
fn next_poll(tracked: &Tracked, image: &Reference, now: jiff::Timestamp) -> Option<jiff::Timestamp> {
    use serinus_decide::update::poll::{DEFAULT_SCHEDULE, watches};
    let default = std::env::var("POLL_DEFAULTSCHEDULE").unwrap_or_else(|_| DEFAULT_SCHEDULE.to_string());
    let (repository, zone) = (image.repository(), jiff::tz::TimeZone::system());
    let own = watches(tracked, &default).into_iter().filter(|watch| watch.repository() == repository);
    own.filter_map(|watch| watch.next(now, &zone)).min()
}

fn told(tracked: &Tracked, answer: Answer) -> Told {
    let outcome = match answer {
        Answer::Propose(update) => Outcome::Proposed(update.metadata.name),
        Answer::Known { name, .. } => Outcome::Known(name),
        Answer::Refused(why) => Outcome::Refused(why),
        Answer::Apart(why) => Outcome::Apart(why),
    };
    let meta = &tracked.metadata;
    Told { kind: tracked.kind, namespace: meta.namespace.clone(), name: meta.name.clone(), outcome, next_poll: None }
}

/// The kind as the client knows it.
fn resource(kind: Kind) -> Option<Resource> {
    use crate::client::{DEPLOYMENT, ROLLOUT};
    let apps = |kind, plural| Resource { group: "apps", version: "v1", kind, plural };
    match kind {
        Kind::Rollout => Some(ROLLOUT),
        Kind::Deployment => Some(DEPLOYMENT),
        Kind::StatefulSet => Some(apps("StatefulSet", "statefulsets")),
        Kind::DaemonSet => Some(apps("DaemonSet", "daemonsets")),
        Kind::CronJob => Some(Resource { group: "batch", version: "v1", kind: "CronJob", plural: "cronjobs" }),
        _ => None,
    }
}

/// Whom the part of a controller that looks after updates talks with, beside the cluster.
pub(crate) struct Outside {
    /// How registries are polled; absent: they are not.
    pub polls: Option<Polls>,
    /// Who is told verdicts.
    pub receivers: Vec<Receiver>,
    /// How they are told.
    pub transport: Arc<dyn Transport>,
}

/// The part of a controller that looks after updates.
pub(crate) struct Updating {
    updates: Updates,
    caches: UpdateCaches,
    waker: Waker,
    queue: UnboundedSender<Subject>,
    queued: UnboundedReceiver<Subject>,
    clock: Arc<dyn Clock>,
    habits: Habits,
}

impl Updating {
    /// Sets it up. The futures run the watches for ever, and let the handle answer once the caches are full, whoever leads.
    pub fn start(
        updates: Updates,
        client: &Client,
        scope: &Scope,
        rollouts: Cache<Rollouts>,
        clock: Arc<dyn Clock>,
        told: &impl Hears,
    ) -> (Updating, Vec<BoxFuture<'static, ()>>) {
        let (queue, queued) = unbounded();
        let (caches, waker, mut running) = watches::watches(client, scope, rollouts.clone(), queue.clone(), told);
        let habits = updates.habits();
        let (of_handle, client, time, handle) = (caches.clone(), client.clone(), clock.clone(), updates.clone());
        let go_live = async move {
            if rollouts.ready().await && of_handle.ready().await {
                handle.go_live(client, of_handle, time);
            }
        };
        running.push(go_live.boxed());
        (Updating { updates, caches, waker, queue, queued, clock, habits }, running)
    }

    /// What wakes updates.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Works until the stop, once the caches are full.
    pub fn work(
        self,
        client: Client,
        events: Events,
        resync: Duration,
        threads: u16,
        outside: Outside,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> {
        let Updating { updates, caches, queue, queued, clock, habits, .. } = self;
        let Outside { polls, receivers, transport } = outside;
        let verdicts = Arc::new(Verdicts {
            receivers,
            transport,
            cluster: Cluster::of(client.clone()),
            events: events.clone(),
            clock: clock.clone(),
            queue,
            told: Default::default(),
        });
        let poller = polls.map(|polls| Poller::new(updates.clone(), &client, caches.clone(), clock.clone(), polls));
        let (counts, way) = (updates.counts(), updates.0.way.clone());
        let memory = Default::default();
        let pass = pass::Pass { client, caches, memory, events, clock, habits, resync, counts, way, verdicts };
        async move {
            if stop.run_until_cancelled(pass.caches.ready()).await == Some(true) {
                let store = pass.caches.updates.clone();
                let polling = OptionFuture::from(poller.map(|poller| poller.run(stop.clone())));
                let passes = work(pass::reconcile, store, Arc::new(pass), threads, queued, &stop);
                futures::join!(passes, polling);
            }
        }
    }
}
