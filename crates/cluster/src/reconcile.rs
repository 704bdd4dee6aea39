//! One pass over one Rollout: are the caches fresh, what is seen, what is decided, carry it out, when to look again.

use crate::conclude::{Concluded, FAILED, PANICKED, conclude, pause_until, trouble};
use crate::events::{About, Events};
use crate::fresh::Freshness;
use crate::lens::{AnalysisRuns, Lens, ReplicaSets, Rollouts};
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::queue::Action;
use crate::seen;
use crate::watches::{Caches, Subject};
use crate::write::{Carried, carry_out};
use crate::{Clock, Error};
use jiff::Timestamp;
use kube::{Api, Client};
use serinus_decide::{Kind, Note, NoteType, Plan, Seen, Target};
use serinus_wire::Rollout;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The decision: pure.
pub type Decide = fn(&Seen, Timestamp) -> Plan;

/// What every pass needs.
pub(crate) struct Pass {
    pub client: Client,
    pub caches: Caches,
    pub memory: Arc<Memory<Subject>>,
    pub events: Events,
    pub metrics: Arc<Metrics>,
    pub clock: Arc<dyn Clock>,
    pub decide: Decide,
    pub resync: Duration,
}

/// The pass as the queue calls it. The object is taken out of its cache once the caches are known to be fresh: a decision on
/// an older one would only earn a conflict.
pub(crate) async fn reconcile(subject: Arc<Subject>, pass: Arc<Pass>) -> Action {
    let began = Instant::now();
    if let Some(left) = pass.memory.of(&subject, |remembered| remembered.resting()) {
        return Action::After(left);
    }
    let overdue = match pass.memory.of(&subject, |remembered| remembered.freshness(&pass.caches)) {
        Freshness::Wait(left) => {
            pass.metrics.stale();
            return Action::After(left);
        }
        Freshness::Fresh => false,
        Freshness::Overdue => true,
    };
    let Some(lens) = pass.caches.rollouts.named(&subject) else { return Action::OnChange };
    let (namespace, name) = (lens.meta().namespace.as_str(), lens.meta().name.as_str());
    let cached = if overdue { None } else { Some(seen::from_caches(&pass.caches, &lens.value).await) };
    let seen = match cached {
        Some(Ok(seen)) if !serinus_decide::is_behind(&seen) => {
            seen::pods(&pass.client, &seen).await.map(|pods| Seen { pods, ..seen })
        }
        Some(Err(error)) => Err(error),
        Some(Ok(_)) | None => pass.read_directly(&subject, namespace, name).await,
    };
    let seen = seen.map(|seen| pass.memory.of(&subject, |remembered| remembered.told(seen)));
    let (action, failed) = pass.decide_on(&subject, seen, &lens).await;
    pass.metrics.reconciled(namespace, name, began.elapsed(), failed);
    action
}

impl Pass {
    /// What is seen past the caches, when they lag, or when what one of them shows is older than what another tells of it.
    async fn read_directly(&self, subject: &Subject, namespace: &str, name: &str) -> Result<Seen, Error> {
        tracing::info!(%subject, "the caches lag behind: reads directly");
        let seen = seen::see(self.client.clone(), namespace, name).await?;
        self.memory.of(subject, |remembered| remembered.read_directly(&seen));
        Ok(seen)
    }

    /// Decides on what was seen and carries it out. Also says whether the pass failed.
    async fn decide_on(&self, subject: &Subject, seen: Result<Seen, Error>, lens: &Lens<Rollouts>) -> (Action, bool) {
        let seen = match seen {
            Ok(seen) => seen,
            // It went between the event and the reading.
            Err(Error::NoRollout { .. }) => return (Action::OnChange, false),
            Err(error) => return self.trouble(subject, &lens.value, &error.to_string(), None),
        };
        self.announce(subject, &seen.rollout);
        let now = self.clock.now();
        let Ok(plan) = catch_unwind(AssertUnwindSafe(|| (self.decide)(&seen, now))) else {
            return self.trouble(subject, &seen.rollout, PANICKED, None);
        };
        self.memory.of(subject, |remembered| remembered.held_since = plan.held_since);
        for line in plan.report.waits() {
            tracing::debug!(%subject, part = line.part, verdict = %line.verdict, "{}", line.text);
        }
        let mut carried = carry_out(&self.client, &self.events, &About::rollout(&seen.rollout), &plan).await;
        self.see_collision(subject, &seen.rollout, &mut carried).await;
        self.conclude(subject, &seen.rollout, carried, plan.wake)
    }

    /// An object of the wanted name exists. If it is not the Rollout's own, the caches may never show it: the next decision
    /// is told of it instead.
    async fn see_collision(&self, subject: &Subject, rollout: &Rollout, carried: &mut Carried) {
        let Some(target) = carried.collision().cloned() else { return };
        let foreign = match target.kind {
            Kind::ReplicaSet => self.foreign_set(subject, rollout, &target).await,
            Kind::AnalysisRun => self.foreign_run(subject, rollout, &target).await,
            _ => false,
        };
        if foreign {
            carried.expected.retain(|(other, _)| *other != target);
        }
    }

    async fn foreign_set(&self, subject: &Subject, rollout: &Rollout, target: &Target) -> bool {
        let sets: Api<Lens<ReplicaSets>> = Api::namespaced(self.client.clone(), &target.namespace);
        let Ok(Some(set)) = sets.get_opt(&target.name).await else { return false };
        let foreign = !serinus_decide::is_own(&set.value, rollout);
        if foreign {
            self.memory.of(subject, |remembered| remembered.in_the_way.insert(target.name.clone(), set.value));
        }
        foreign
    }

    async fn foreign_run(&self, subject: &Subject, rollout: &Rollout, target: &Target) -> bool {
        let runs: Api<Lens<AnalysisRuns>> = Api::namespaced(self.client.clone(), &target.namespace);
        let Ok(Some(run)) = runs.get_opt(&target.name).await else { return false };
        let foreign = run.meta().controller().is_none_or(|owner| owner.uid != rollout.metadata.uid);
        if foreign {
            self.memory.of(subject, |remembered| remembered.taken_runs.insert(target.name.clone()));
        }
        foreign
    }

    fn conclude(
        &self,
        subject: &Subject,
        rollout: &Rollout,
        carried: Carried,
        wake: Option<Timestamp>,
    ) -> (Action, bool) {
        let next = pause_until(wake, self.clock.now(), self.resync);
        // The one reason that the contract has for a router that will not be told.
        let routes = carried.refusal.as_ref().is_some_and(|(target, _)| target.kind == Kind::Ingress);
        let reason = if routes { "TrafficRoutingError" } else { FAILED };
        self.tell(rollout, conclude(&self.memory, subject, carried, next), reason)
    }

    fn trouble(&self, subject: &Subject, rollout: &Rollout, text: &str, later: Option<Duration>) -> (Action, bool) {
        self.tell(rollout, trouble(&self.memory, subject, text, later), FAILED)
    }

    fn tell(&self, rollout: &Rollout, concluded: Concluded, reason: &str) -> (Action, bool) {
        let failed = concluded.failed;
        (concluded.tell(&self.events, &About::rollout(rollout), reason), failed)
    }

    /// One event for a Rollout that no controller has looked at yet.
    fn announce(&self, subject: &Subject, rollout: &Rollout) {
        let known = !rollout.status.observed_generation.is_empty();
        let first = self.memory.of(subject, |remembered| !std::mem::replace(&mut remembered.announced, true));
        if first && !known {
            let meta = &rollout.metadata;
            let message = format!("Rollout {}/{} is now looked after", meta.namespace, meta.name);
            self.events.note(
                &About::rollout(rollout),
                &Note { kind: NoteType::Normal, reason: "RolloutAddedToInformer".into(), message },
            );
        }
    }
}
