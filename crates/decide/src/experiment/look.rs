//! The work of one look: the status that comes out of it, and the plan so far.

use super::seen::{Seen, is_own};
use crate::plan::{Act, Guard, Kind, Note, NoteType, Op, Plan, Target, Verdict, Write};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use serinus_wire::analysis::Phase;
use serinus_wire::experiment::{ExperimentAnalysisRunStatus, ExperimentStatus, TemplatePhase, TemplateStatus};
use serinus_wire::{Experiment, ObjectMeta, Time, keys};

/// The work of one look. Each part reads it and adds to it.
pub struct Look<'a> {
    /// Everything that was seen.
    pub seen: &'a Seen,
    /// The time of the look.
    pub now: Timestamp,
    /// The status that comes out.
    pub status: ExperimentStatus,
    /// The Experiment comes to its end, by what the status said before this look.
    pub terminating: bool,
    /// A count or a phase of a set is not what it was.
    pub moved: bool,
    plan: Plan,
}

impl<'a> Look<'a> {
    /// A look that has decided nothing yet.
    pub fn new(seen: &'a Seen, now: Timestamp) -> Look<'a> {
        let status = seen.experiment.status.clone();
        let terminating = terminating(&seen.experiment);
        Look { seen, now, status, terminating, moved: false, plan: Plan::default() }
    }

    /// The Experiment.
    pub fn experiment(&self) -> &'a Experiment {
        &self.seen.experiment
    }
    /// Now, as the wire keeps it.
    pub fn wire_now(&self) -> Time {
        Time::whole_seconds(self.now)
    }
    /// `seconds` after `start`; the far future when that can't be told.
    pub fn after(start: Time, span: SignedDuration) -> Timestamp {
        start.0.checked_add(span).unwrap_or(Timestamp::MAX)
    }
    /// When its time is over; absent: that is not known yet, or only an analysis or a person ends it.
    pub fn ends_at(&self) -> Option<Timestamp> {
        let span = super::valid::duration(self.experiment())?;
        self.seen.experiment.status.available_at.map(|since| Look::after(since, span))
    }

    /// How a set stood before this look.
    pub fn set_before(&self, template: &str) -> TemplateStatus {
        let fresh = || TemplateStatus { name: template.to_string(), ..TemplateStatus::default() };
        let known = self.seen.experiment.status.template_statuses.iter().find(|status| status.name == template);
        known.cloned().unwrap_or_else(fresh)
    }
    /// How an analysis stands.
    pub fn analysis(&self, name: &str) -> ExperimentAnalysisRunStatus {
        let fresh = || ExperimentAnalysisRunStatus { name: name.to_string(), ..ExperimentAnalysisRunStatus::default() };
        self.status.analysis_runs.iter().find(|status| status.name == name).cloned().unwrap_or_else(fresh)
    }
    /// Keeps how a set stands, and tells when that is new.
    pub fn keep_set(&mut self, next: TemplateStatus) {
        let before = self.set_before(&next.name);
        if before.status != next.status {
            let (from, to) =
                (before.status.map_or("", TemplatePhase::as_str), next.status.map_or("", TemplatePhase::as_str));
            let bad = matches!(next.status, Some(TemplatePhase::Failed | TemplatePhase::Error));
            let text = format!("Template '{}' transitioned from {from} -> {to}{}", next.name, detail(&next.message));
            self.note(severity(bad), &format!("Template{to}"), text);
        }
        match self.status.template_statuses.iter_mut().find(|status| status.name == next.name) {
            Some(known) => *known = next,
            None => self.status.template_statuses.push(next),
        }
    }
    /// Keeps how an analysis stands, and tells when that is new: its Rollout hears of it too.
    pub fn keep_analysis(&mut self, next: ExperimentAnalysisRunStatus) {
        let before = self.analysis(&next.name);
        if before.phase != next.phase {
            let word = |phase: Option<Phase>| phase.map_or("", Phase::as_str);
            let bad = next.phase.is_some_and(is_bad);
            let (from, to) = (word(before.phase), word(next.phase));
            let text = format!("AnalysisRun '{}' transitioned from {from} -> {to}{}", next.name, detail(&next.message));
            let note = Note { kind: severity(bad), reason: format!("AnalysisRun{to}"), message: text };
            self.plan.acts.push(Act::Note(note.clone()));
            self.plan.acts.push(Act::NoteOwner(note));
        }
        match self.status.analysis_runs.iter_mut().find(|status| status.name == next.name) {
            Some(known) => *known = next,
            None => self.status.analysis_runs.push(next),
        }
    }

    /// Adds an event on the Experiment.
    pub fn note(&mut self, kind: NoteType, reason: &str, message: impl Into<String>) {
        self.plan.note(kind, reason, message);
    }
    /// Adds a line to the report.
    pub fn report(&mut self, part: &str, verdict: Verdict, text: impl Into<String>) {
        self.plan.tell(part, verdict, text);
    }
    /// Time changes something at `at`: look again then.
    pub fn wake_at(&mut self, at: Timestamp) {
        self.plan.wake_at(self.now, at);
    }

    /// Adds a write to an object that was seen.
    pub fn write(&mut self, kind: Kind, meta: &ObjectMeta, op: Op) {
        self.plan.acts.push(Act::Write(self.guarded(kind, meta, op)));
    }
    /// Adds a write that goes before everything that is told: a run that measures is written all the time, so that a conflict is likely, and the next
    /// look would tell it all again.
    pub fn write_first(&mut self, kind: Kind, meta: &ObjectMeta, op: Op) {
        let told = self.plan.acts.iter().position(|act| !matches!(act, Act::Write(_)));
        let write = Act::Write(self.guarded(kind, meta, op));
        self.plan.acts.insert(told.unwrap_or(self.plan.acts.len()), write);
    }
    fn guarded(&self, kind: Kind, meta: &ObjectMeta, op: Op) -> Write {
        let guard = Guard::Is { uid: meta.uid.clone(), resource_version: meta.resource_version.clone() };
        Write { target: self.target(kind, &meta.name), guard, op }
    }
    /// Adds the creation of an object that must not exist; the Experiment becomes its owner.
    pub fn create(&mut self, kind: Kind, name: &str, mut object: Value) {
        let experiment = &self.experiment().metadata;
        object["apiVersion"] = json!(kind.api_version());
        object["kind"] = json!(kind.word());
        object["metadata"]["name"] = json!(name);
        object["metadata"]["namespace"] = json!(experiment.namespace);
        object["metadata"]["ownerReferences"] = json!([{
            "apiVersion": keys::API_VERSION, "kind": "Experiment", "name": experiment.name, "uid": experiment.uid,
            "controller": true, "blockOwnerDeletion": true,
        }]);
        let target = self.target(kind, name);
        self.plan.acts.push(Act::Write(Write { target, guard: Guard::Absent, op: Op::Create(object) }));
    }
    /// What the API server said when it would not have the last write to this object.
    pub fn refused(&self, kind: Kind, name: &str) -> Option<&'a str> {
        self.seen.refused.get(&self.target(kind, name)).map(String::as_str)
    }
    fn target(&self, kind: Kind, name: &str) -> Target {
        Target { kind, namespace: self.experiment().metadata.namespace.clone(), name: name.to_string() }
    }
    /// Whether an object is the Experiment's own.
    pub fn is_own(&self, meta: &ObjectMeta) -> bool {
        is_own(self.experiment(), meta)
    }

    /// The finished plan.
    pub fn into_plan(self) -> Plan {
        self.plan
    }
}

/// The status, or a wish of the user, says that it comes to its end.
pub fn terminating(experiment: &Experiment) -> bool {
    let (spec, status) = (&experiment.spec, &experiment.status);
    let set_is_bad =
        |status: &TemplateStatus| matches!(status.status, Some(TemplatePhase::Failed | TemplatePhase::Error));
    spec.terminate
        || status.phase.is_some_and(Phase::is_completed)
        || status.template_statuses.iter().any(set_is_bad)
        || status.analysis_runs.iter().any(|run| run.phase.is_some_and(is_bad))
        || required_are_done(experiment, status)
}

/// It waits for some of its analyses, and all of those were successful.
pub fn required_are_done(experiment: &Experiment, status: &ExperimentStatus) -> bool {
    let mut required = experiment.spec.analyses.iter().filter(|analysis| analysis.required_for_completion).peekable();
    let successful =
        |name: &str| status.analysis_runs.iter().any(|run| run.name == name && run.phase == Some(Phase::Successful));
    required.peek().is_some() && required.all(|analysis| successful(&analysis.name))
}

/// It is over, and not well.
pub fn is_bad(phase: Phase) -> bool {
    matches!(phase, Phase::Failed | Phase::Error | Phase::Inconclusive)
}

/// The type of an event.
pub fn severity(bad: bool) -> NoteType {
    if bad { NoteType::Warning } else { NoteType::Normal }
}

fn detail(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}
