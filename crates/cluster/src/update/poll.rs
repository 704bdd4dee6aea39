//! Polling: whoever leads asks registries at the times that workloads name, and proposes what they offer. What a round finds goes
//! the way of every push, so that a webhook for the same image is the same update.

use super::Updates;
use super::round::{Before, Round};
use super::watches::{News, UpdateCaches};
use crate::Clock;
use crate::client::Cluster;
use crate::registry::nodes::Nodes;
use crate::registry::{Hosts, Keys, Registries, RegistryHttp, RegistryTransport};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use serinus_decide::update::poll::{DEFAULT_SCHEDULE, Watch, schedule, watches};
use serinus_talk::registry::Why;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Changes that come close together are looked at together.
const TOGETHER: Duration = Duration::from_millis(500);
/// Longest sleep: the machine's clock may be set meanwhile.
const NAP: Duration = Duration::from_secs(60);
/// Rounds under way at the same time; the rest waits for its turn.
const ROUNDS: usize = 32;
/// How long a question is left after a first failure of its own, in seconds; twice as long after each further one.
const FIRST_BREAK: i64 = 30;
/// Longest such time, in seconds.
const LONGEST_BREAK: i64 = 900;

/// How to poll.
pub struct Polls {
    /// The schedule of workloads that name none (`POLL_DEFAULTSCHEDULE`).
    pub default_schedule: String,
    /// How registries are reached.
    pub hosts: Hosts,
    /// The text of a docker config file for all workloads (`DOCKER_REGISTRY_CFG`); empty for none.
    pub docker_config: String,
    /// What happens to images whose platforms can't be compared with those of the nodes.
    pub platforms: Platforms,
    /// Who sends the requests.
    pub transport: Arc<dyn RegistryTransport>,
    /// Where the clocks of schedules hang.
    pub zone: TimeZone,
}

impl Default for Polls {
    fn default() -> Polls {
        Polls {
            default_schedule: DEFAULT_SCHEDULE.to_string(),
            hosts: Hosts::default(),
            docker_config: String::new(),
            platforms: Platforms::default(),
            transport: Arc::new(RegistryHttp::default()),
            zone: TimeZone::system(),
        }
    }
}

/// What the platforms of an image must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Platforms {
    /// Those of the nodes, where nodes can be listed; where they can't, anything.
    #[default]
    Known,
    /// Those of the nodes; where they can't be listed, nothing is proposed. So it is with Keel.
    Strict,
    /// Anything.
    Any,
}

/// Who polls.
pub(crate) struct Poller {
    updates: Updates,
    caches: UpdateCaches,
    clock: Arc<dyn Clock>,
    default: String,
    zone: TimeZone,
    round: Arc<Round>,
    plan: BTreeMap<Watch, Place>,
    complained: BTreeSet<String>,
}

/// Where a watch stands.
struct Place {
    next: Timestamp,
    under_way: bool,
    failures: u32,
    complaint: Option<Why>,
    before: Before,
}

impl Poller {
    pub fn new(updates: Updates, client: &Client, caches: UpdateCaches, clock: Arc<dyn Clock>, polls: Polls) -> Poller {
        let cluster = Cluster::of(client.clone());
        let counts = updates.counts();
        let round = Round {
            updates: updates.clone(),
            caches: caches.clone(),
            registries: Registries::new(polls.transport, polls.hosts, clock.clone()),
            keys: Keys::new(cluster.clone(), &polls.docker_config, counts),
            nodes: Nodes::new(cluster, clock.clone()),
            platforms: polls.platforms,
            default: polls.default_schedule.clone(),
        };
        let (default, zone) = (polls.default_schedule, polls.zone);
        let (plan, complained) = Default::default();
        Poller { updates, caches, clock, default, zone, round: Arc::new(round), plan, complained }
    }

    /// Polls until the stop; rounds under way are dropped then: nothing in them is half done.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut rounds: JoinSet<(Watch, Before, Result<(), super::round::Failed>)> = JoinSet::new();
        let news = self.caches.news();
        let mut read = None;
        loop {
            if read != Some(news.epoch()) {
                read = Some(news.epoch());
                self.read();
            }
            self.begin(&mut rounds, &news);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.nap()) => {}
                () = news.after(read.unwrap_or_default()) => tokio::time::sleep(TOGETHER).await,
                Some(ended) = rounds.join_next(), if !rounds.is_empty() => if let Ok((watch, before, result)) = ended {
                    self.ended(&watch, before, result);
                },
            }
        }
    }

    /// What is to be watched now. What was watched already keeps its place.
    fn read(&mut self) {
        let now = self.clock.now();
        let mut wanted = BTreeSet::new();
        for tracked in self.caches.polled() {
            wanted.extend(watches(&tracked, &self.default));
            if let (_, Some(remark)) = schedule(&tracked.settings, &self.default) {
                let meta = &tracked.metadata;
                let line = format!("{} {}/{}: {remark}", tracked.kind.word(), meta.namespace, meta.name);
                if self.complained.insert(line.clone()) {
                    tracing::warn!("{line}");
                }
            }
        }
        self.plan.retain(|watch, place| wanted.contains(watch) || place.under_way);
        for watch in wanted {
            if let (false, Some(next)) = (self.plan.contains_key(&watch), watch.next(now, &self.zone)) {
                let before = Before::default();
                self.plan.insert(watch, Place { next, under_way: false, failures: 0, complaint: None, before });
            }
        }
        self.updates.counts().watched(self.plan.len());
    }

    /// Begins the rounds that are due.
    fn begin(&mut self, rounds: &mut JoinSet<(Watch, Before, Result<(), super::round::Failed>)>, news: &News) {
        let now = self.clock.now();
        for (watch, place) in &mut self.plan {
            if rounds.len() >= ROUNDS {
                return;
            }
            if place.under_way || place.next > now {
                continue;
            }
            place.under_way = true;
            let (round, watch, before, epoch) = (self.round.clone(), watch.clone(), place.before.clone(), news.epoch());
            rounds.spawn(async move {
                let (before, result) = round.play(&watch, before, epoch).await;
                (watch, before, result)
            });
        }
    }

    /// How long there is nothing to do.
    fn nap(&self) -> Duration {
        let now = self.clock.now();
        let next = self.plan.values().filter(|place| !place.under_way).map(|place| place.next).min();
        let left = next.and_then(|next| Duration::try_from(next.duration_since(now)).ok());
        // Due, and no room for it: a round that ends makes some.
        left.filter(|left| !left.is_zero()).unwrap_or(NAP).min(NAP)
    }

    fn ended(&mut self, watch: &Watch, before: Before, result: Result<(), super::round::Failed>) {
        let now = self.clock.now();
        let paused = self.round.registries.paused(&watch.registry);
        let Some(place) = self.plan.get_mut(watch) else { return };
        (place.under_way, place.before) = (false, before);
        let slot = watch.next(now, &self.zone);
        let own = match result {
            Ok(()) => {
                if place.complaint.take().is_some() {
                    tracing::info!(registry = watch.registry, image = watch.short_name, "the registry answers again");
                }
                place.failures = 0;
                None
            }
            Err(failed) => {
                place.failures += 1;
                failed.tell(watch, place.complaint);
                place.complaint = Some(failed.why());
                let doubled = FIRST_BREAK.saturating_mul(1 << place.failures.min(10).saturating_sub(1));
                now.checked_add(SignedDuration::from_secs(doubled.min(LONGEST_BREAK))).ok()
            }
        };
        // A whole host in trouble is asked again when it wants to be, however rare the schedule is.
        place.next = match (paused, own, slot) {
            (Some(until), _, _) => until,
            (None, Some(own), Some(slot)) => own.max(slot),
            (None, own, slot) => slot.or(own).unwrap_or(Timestamp::MAX),
        };
    }
}
