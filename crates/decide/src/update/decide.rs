//! One look at one `ImageUpdate`: votes, deadline, what takes its place, whether it may be applied, and what became of it.

use super::apply;
use super::follow;
use super::policy::Policy;
use super::promote;
use super::propose::{Habits, takes_place};
use super::tracked::Tracked;
use crate::plan::{Act, Guard, Kind, Line, Note, NoteType, Op, Plan, Target, Verdict, Write};
use jiff::Timestamp;
use serde_json::{Value, json};
use serinus_wire::image_update::{ImageUpdateStatus, Phase};
use serinus_wire::{ImageUpdate, ObjectMeta, Rollout, Time};

/// Finished updates of one image in one workload that are kept; what was rejected or rolled back is kept beside them.
const HISTORY: usize = 10;

/// Everything known about one update.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The update.
    pub update: ImageUpdate,
    /// The workload; absent: there is none of that name.
    pub tracked: Option<Tracked>,
    /// The other updates of that workload, in no order.
    pub siblings: Vec<ImageUpdate>,
    /// What rolls the workload out.
    pub behind: Behind,
    /// What the whole process does.
    pub habits: Habits,
}

/// What rolls a workload out.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Behind {
    /// Its own controller.
    #[default]
    Itself,
    /// A Rollout, which is the workload or refers to it.
    Rollout {
        /// Its name.
        name: String,
        /// Its status speaks of the workload as it is now.
        observed: bool,
        /// Hash of the wanted pods.
        pod_hash: String,
        /// Hash of the stable pods.
        stable_hash: String,
        /// The update was aborted.
        aborted: bool,
        /// `Healthy`, `Degraded`, `Progressing` or `Paused`.
        phase: String,
        /// Why.
        message: String,
        /// The Rollout itself, where it waits for nothing but a person who promotes it.
        held: Option<Box<ObjectMeta>>,
    },
}

impl Behind {
    /// The Rollout that is, or refers to, `tracked`.
    pub fn of(rollout: &Rollout, tracked: &Tracked) -> Behind {
        let (meta, status) = (&rollout.metadata, &rollout.status);
        let of_workload = tracked.kind == Kind::Rollout
            || status.workload_observed_generation == tracked.metadata.generation.to_string();
        Behind::Rollout {
            name: meta.name.clone(),
            observed: of_workload && status.observed_generation == meta.generation.to_string(),
            pod_hash: status.current_pod_hash.clone(),
            stable_hash: status.stable_rs.clone(),
            aborted: status.abort,
            phase: status.phase.clone(),
            message: status.message.clone(),
            held: promote::held(rollout),
        }
    }
}

/// Decides what is to be done about one update now. Total: every input gives a plan.
pub fn decide(seen: &Seen, now: Timestamp) -> Plan {
    let mut work = Work { seen, now, plan: Plan::default() };
    if seen.update.metadata.deletion_timestamp.is_some() {
        work.report("update", Verdict::Done, "it is being deleted");
    } else if seen.update.status.phase.is_final() {
        follow::finished(&mut work);
        prune(&mut work);
    } else {
        open(&mut work);
    }
    work.plan
}

/// An update without a verdict.
fn open(work: &mut Work<'_>) {
    let seen = work.seen;
    let Some(tracked) = &seen.tracked else {
        let name = &seen.update.spec.workload;
        return work.end(Phase::Refused, format!("there is no {} {}", name.kind, name.name));
    };
    if seen.update.status.applied_at.is_some() {
        return follow::follow(work, tracked);
    }
    if apply::is_in_place(&seen.update, tracked) {
        return work.applied(tracked);
    }
    if seen.update.spec.archived {
        return work.end(Phase::Withdrawn, "put away by a person".to_string());
    }
    if let Some(vote) = seen.update.rejection() {
        return work.end(Phase::Rejected, format!("{} voted against it", vote.voter));
    }
    let policy = match Policy::of(&tracked.settings) {
        Ok(Some(policy)) => policy,
        Ok(None) => return work.end(Phase::Refused, "the workload has no keel.sh/policy any more".to_string()),
        Err(why) => return work.end(Phase::Refused, why),
    };
    if let Some(other) = superseding(seen, &policy) {
        let message = format!("{} takes its place", other.spec.tag);
        return work
            .end_with(Phase::Superseded, message, |status| status.superseded_by.clone_from(&other.metadata.name));
    }
    let images = match apply::images(seen, tracked, &policy) {
        Ok(images) => images,
        Err(why) => return work.end(Phase::Refused, why),
    };
    if votes(work) {
        apply::write(work, tracked, images);
    }
}

/// The update of the same image that takes the place of this one, if there is one.
fn superseding<'a>(seen: &'a Seen, policy: &Policy) -> Option<&'a ImageUpdate> {
    let own = &seen.update;
    let rivals = seen.siblings.iter().filter(|other| {
        other.spec.repository == own.spec.repository
            && !other.status.phase.is_final()
            && other.status.applied_at.is_none()
            && other.metadata.deletion_timestamp.is_none()
            && !other.spec.archived
            && other.rejection().is_none()
    });
    let wins = |other: &&ImageUpdate| match other.order() > own.order() {
        true => takes_place(policy, &own.spec.tag, &other.spec.tag),
        false => !takes_place(policy, &other.spec.tag, &own.spec.tag),
    };
    rivals.filter(wins).max_by(|left, right| left.order().cmp(&right.order()))
}

/// Whether the votes are there; if not, what is waited for.
fn votes(work: &mut Work<'_>) -> bool {
    let update = &work.seen.update;
    let (given, needed) =
        (update.approvers().len(), usize::try_from(update.spec.required_approvals).unwrap_or(usize::MAX));
    if given >= needed {
        return true;
    }
    if let Some(deadline) = update.spec.deadline {
        if work.now > deadline.0 {
            let message = format!("{given} of {needed} approvals came until {deadline}");
            work.end(Phase::Expired, message);
            return false;
        }
        // A vote at the deadline itself still counts.
        let after = deadline.0.checked_add(jiff::SignedDuration::from_nanos(1)).unwrap_or(deadline.0);
        work.plan.wake = Some(after);
    }
    let until = update.spec.deadline.map_or(String::new(), |deadline| format!(" until {deadline}"));
    let message = format!("waits for approval: {given} of {needed}{until}");
    work.report("approval", Verdict::Waits, message.clone());
    if update.status.message != message {
        let mut status = update.status.clone();
        status.message = message;
        work.status(&status);
        if given == 0 {
            let text = format!("{} of {} needs {needed} approvals", update.spec.tag, update.spec.workload.name);
            work.note(NoteType::Normal, "UpdateNeedsApproval", text);
        }
    }
    false
}

/// Lets go of a finished update that is older than the history reaches.
fn prune(work: &mut Work<'_>) {
    let own = &work.seen.update;
    let counts = |update: &&ImageUpdate| update.status.phase.is_final() && !update.refuses_again();
    let newer = work.seen.siblings.iter().filter(counts).filter(|other| {
        other.spec.repository == own.spec.repository
            && other.order() > own.order()
            && other.metadata.deletion_timestamp.is_none()
    });
    // The newest round of a tag names the next one.
    let last_round =
        !work.seen.siblings.iter().any(|other| other.spec.tag == own.spec.tag && other.spec.round > own.spec.round);
    if counts(&own) && newer.count() >= HISTORY && !(last_round && own.spec.round > 0) {
        work.write(Kind::ImageUpdate, &own.metadata, Op::Delete);
        work.report("history", Verdict::Acts, format!("{HISTORY} later ones are finished: it is let go"));
    }
}

/// One look, and the plan that comes out of it.
pub struct Work<'a> {
    /// Everything that was seen.
    pub seen: &'a Seen,
    /// The time of the look.
    pub now: Timestamp,
    /// What is to be done.
    pub plan: Plan,
}

impl Work<'_> {
    /// Adds a line to the report.
    pub fn report(&mut self, part: &str, verdict: Verdict, text: impl Into<String>) {
        self.plan.report.lines.push(Line { part: part.to_string(), verdict, text: text.into() });
    }

    /// Adds an event.
    pub fn note(&mut self, kind: NoteType, reason: &str, message: String) {
        self.plan.acts.push(Act::Note(Note { kind, reason: reason.to_string(), message }));
    }

    /// Adds a write to an object that was seen.
    pub fn write(&mut self, kind: Kind, meta: &ObjectMeta, op: Op) {
        let guard = Guard::Is { uid: meta.uid.clone(), resource_version: meta.resource_version.clone() };
        let target = Target { kind, namespace: meta.namespace.clone(), name: meta.name.clone() };
        self.plan.acts.push(Act::Write(Write { target, guard, op }));
    }

    /// Writes the status.
    pub fn status(&mut self, status: &ImageUpdateStatus) {
        let status = serde_json::to_value(status).unwrap_or(Value::Null);
        let seen = self.seen;
        self.write(Kind::ImageUpdate, &seen.update.metadata, Op::PatchStatus(json!({"status": status})));
    }

    /// The verdict.
    pub fn end(&mut self, phase: Phase, message: String) {
        self.end_with(phase, message, |_| {});
    }

    /// The verdict, and what else changes in the status.
    pub fn end_with(&mut self, phase: Phase, message: String, change: impl FnOnce(&mut ImageUpdateStatus)) {
        let update = &self.seen.update;
        let at = Some(Time::whole_seconds(self.now));
        let mut status = ImageUpdateStatus { phase, message, finished_at: at, ..update.status.clone() };
        change(&mut status);
        let good = matches!(phase, Phase::Promoted | Phase::Superseded | Phase::Withdrawn);
        let kind = if good { NoteType::Normal } else { NoteType::Warning };
        let text = format!("{} of {}: {phase}: {}", update.spec.tag, update.spec.workload.name, status.message);
        self.report("update", Verdict::Acts, text.clone());
        self.status(&status);
        self.note(kind, &format!("Update{phase}"), text);
    }

    /// It stands in the workload: the rollout begins.
    fn applied(&mut self, tracked: &Tracked) {
        let update = &self.seen.update;
        let message = format!("{} is written into {} {}", update.spec.tag, tracked.kind.word(), tracked.metadata.name);
        let status = ImageUpdateStatus {
            phase: Phase::RollingOut,
            message: message.clone(),
            applied_at: Some(Time::whole_seconds(self.now)),
            rollout: Some(follow::started(&self.seen.behind, tracked)),
            ..update.status.clone()
        };
        self.report("apply", Verdict::Acts, message.clone());
        self.status(&status);
        self.note(NoteType::Normal, "UpdateApplied", message);
    }
}
