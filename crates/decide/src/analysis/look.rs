//! The work of one look: the status that comes out of it, and the plan so far.

use super::seen::{Ask, Decision, Seen};
use crate::plan::{Act, Guard, Kind, NoteType, Op, Plan, Target, Verdict, Write};
use jiff::Timestamp;
use serde_json::Value;
use serinus_wire::ObjectMeta;
use serinus_wire::Time;
use serinus_wire::analysis::{AnalysisRunStatus, MetricResult};

/// The work of one look. Each part reads it and adds to it.
pub struct Look<'a> {
    /// Everything that was seen.
    pub seen: &'a Seen,
    /// The time of the look.
    pub now: Timestamp,
    /// The status that comes out.
    pub status: AnalysisRunStatus,
    /// What to measure.
    pub asks: Vec<Ask>,
    plan: Plan,
}

impl<'a> Look<'a> {
    /// A look that has decided nothing yet.
    pub fn new(seen: &'a Seen, now: Timestamp) -> Look<'a> {
        Look { seen, now, status: seen.run.status.clone(), asks: Vec::new(), plan: Plan::default() }
    }

    /// Now, as the wire keeps it.
    pub fn wire_now(&self) -> Time {
        Time::whole_seconds(self.now)
    }

    /// What came out of a metric so far.
    pub fn result(&self, metric: &str) -> Option<&MetricResult> {
        self.status.metric_results.iter().find(|result| result.name == metric)
    }

    /// Changes what came out of a metric; it is made if it is not there.
    pub fn change(&mut self, metric: &str, change: impl FnOnce(&mut MetricResult)) {
        match self.status.metric_results.iter_mut().find(|result| result.name == metric) {
            Some(result) => change(result),
            None => {
                let mut result = MetricResult { name: metric.to_string(), ..MetricResult::default() };
                change(&mut result);
                self.status.metric_results.push(result);
            }
        }
    }

    /// Adds an event on the run.
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

    /// Adds a write to the run itself.
    pub fn write_run(&mut self, op: Op) {
        let seen = self.seen;
        self.write(Kind::AnalysisRun, &seen.run.metadata, op);
    }
    /// Adds a write to an object that was seen.
    pub fn write(&mut self, kind: Kind, meta: &ObjectMeta, op: Op) {
        let guard = Guard::Is { uid: meta.uid.clone(), resource_version: meta.resource_version.clone() };
        let target = Target { kind, namespace: meta.namespace.clone(), name: meta.name.clone() };
        self.plan.acts.push(Act::Write(Write { target, guard, op }));
    }
    /// Adds the creation of an object that must not exist.
    pub fn create(&mut self, kind: Kind, namespace: &str, name: &str, object: Value) {
        let target = Target { kind, namespace: namespace.to_string(), name: name.to_string() };
        self.plan.acts.push(Act::Write(Write { target, guard: Guard::Absent, op: Op::Create(object) }));
    }

    /// The finished decision.
    pub fn into_decision(self) -> Decision {
        Decision { plan: self.plan, asks: self.asks }
    }
}
