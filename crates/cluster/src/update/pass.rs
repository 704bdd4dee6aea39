//! One pass over one update: what is seen, what is decided, carry it out, when to look again.

use super::counts::Counts;
use super::verdicts::Verdicts;
use super::watches::{Subject, UpdateCaches};
use super::way::Way;
use crate::Clock;
use crate::conclude::{AT_ONCE, FAILED, PANICKED, conclude, trouble};
use crate::events::{About, Events};
use crate::memory::Memory;
use crate::queue::Action;
use crate::write::{Outcome, carry_out};
use kube::Client;
use serinus_decide::update::{Habits, decide};
use serinus_decide::{Act, Kind, Op, Plan, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// What every pass needs.
pub(crate) struct Pass {
    pub client: Client,
    pub caches: UpdateCaches,
    pub memory: Memory<Subject>,
    pub events: Events,
    pub clock: Arc<dyn Clock>,
    pub habits: Habits,
    pub resync: Duration,
    pub counts: Arc<Counts>,
    pub way: Arc<Way>,
    pub verdicts: Arc<Verdicts>,
}

/// Writes are guarded by the versions that were seen, so a cache that lags costs a conflict and never a second write.
pub(crate) async fn reconcile(subject: Arc<Subject>, pass: Arc<Pass>) -> Action {
    let Some(lens) = pass.caches.updates.named(&subject) else {
        pass.memory.forget(&subject);
        pass.way.forget(&subject);
        pass.verdicts.forget(&subject);
        return Action::OnChange;
    };
    let update = &lens.value;
    let seen = pass.caches.seen(update, pass.habits);
    let now = pass.clock.now();
    let decided = catch_unwind(AssertUnwindSafe(|| decide(&seen, now)));
    let concluded = match decided {
        Ok(plan) => {
            if can_wait(&plan)
                && let Some(pause) = pass.way.hold(&subject)
            {
                return Action::After(pause);
            }
            for line in plan.report.waits() {
                tracing::debug!(%subject, part = line.part, verdict = %line.verdict, "{}", line.text);
            }
            let carried = carry_out(&pass.client, &pass.events, &About::update(update), &plan).await;
            if matches!(carried.outcome, Outcome::Done) && writes_workload(&plan) {
                pass.counts.updated(&update.metadata.namespace, &update.spec.workload.name);
            }
            let left = plan.wake.and_then(|wake| Duration::try_from(wake.duration_since(pass.clock.now())).ok());
            let next = left.map_or(pass.resync, |left| left.clamp(AT_ONCE, pass.resync.max(AT_ONCE)));
            conclude(&pass.memory, &subject, carried, next)
        }
        Err(_) => trouble(&pass.memory, &subject, PANICKED, None),
    };
    let action = concluded.tell(&pass.events, &About::update(update), FAILED);
    match (pass.verdicts.look(&subject, update), action) {
        (Some(pause), Action::After(other)) => Action::After(pause.min(other)),
        (Some(pause), Action::OnChange) => Action::After(pause),
        (None, action) => action,
    }
}

/// Whether a plan only says of an update that it waits for votes, or that a later one has taken its place.
fn can_wait(plan: &Plan) -> bool {
    let only_tells = |write: &Write| match &write.op {
        Op::PatchStatus(patch) => matches!(patch["status"]["phase"].as_str(), Some("Pending" | "Superseded")),
        _ => false,
    };
    let mut writes = plan.acts.iter().filter_map(|act| if let Act::Write(write) = act { Some(write) } else { None });
    writes.next().is_some_and(only_tells) && writes.all(only_tells)
}

/// Whether a plan puts images into a workload.
fn writes_workload(plan: &Plan) -> bool {
    plan.acts.iter().any(
        |act| matches!(act, Act::Write(Write { op: Op::Patch(_), target, .. }) if target.kind != Kind::ImageUpdate),
    )
}
