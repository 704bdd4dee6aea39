//! `Plan`: what is to be done now, in order, and why nothing more.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is to be done now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[must_use = "a plan that nobody carries out does nothing"]
pub struct Plan {
    /// Writes and events in order. The shell stops at the first write that fails; the rest is decided anew.
    pub acts: Vec<Act>,
    /// When time alone changes the decision; absent: only a changed fact does.
    pub wake: Option<Timestamp>,
    /// New counts are held back, since then: the next decision is told so (`Seen::held_since`).
    pub held_since: Option<Timestamp>,
    /// What was done, and what it waits for.
    pub report: Report,
}

impl Plan {
    /// Adds an event.
    pub(crate) fn note(&mut self, kind: NoteType, reason: &str, message: impl Into<String>) {
        self.acts.push(Act::Note(Note { kind, reason: reason.to_string(), message: message.into() }));
    }
    /// Adds a line to the report.
    pub(crate) fn tell(&mut self, part: &str, verdict: Verdict, text: impl Into<String>) {
        self.report.lines.push(Line { part: part.to_string(), verdict, text: text.into() });
    }
    /// Time changes something at `at`, which lies after `now`: look again then.
    pub(crate) fn wake_at(&mut self, now: Timestamp, at: Timestamp) {
        if at > now {
            self.wake = Some(self.wake.map_or(at, |other| other.min(at)));
        }
    }
    /// The writes in order.
    pub fn writes(&self) -> impl Iterator<Item = &Write> {
        self.acts.iter().filter_map(|act| match act {
            Act::Write(write) => Some(write),
            Act::Note(_) | Act::NoteOwner(_) => None,
        })
    }
    /// The events in order.
    pub fn notes(&self) -> impl Iterator<Item = &Note> {
        self.acts.iter().filter_map(|act| match act {
            Act::Note(note) => Some(note),
            Act::Write(_) | Act::NoteOwner(_) => None,
        })
    }
}

/// One act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Act {
    /// Change an object.
    Write(Write),
    /// Record an event on the object that the plan is about.
    Note(Note),
    /// Record an event on the Rollout that controls this object, if one does.
    NoteOwner(Note),
}

/// One change of one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Write {
    /// Which object.
    pub target: Target,
    /// What must hold for the change to be made.
    pub guard: Guard,
    /// The change.
    pub op: Op,
}

/// An object by kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// Kind.
    pub kind: Kind,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// Kinds that Serinus writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// `argoproj.io/v1alpha1`.
    Rollout,
    /// `apps/v1`.
    ReplicaSet,
    /// `apps/v1`.
    Deployment,
    /// `v1`.
    Service,
    /// `networking.k8s.io/v1`.
    Ingress,
    /// `v1`.
    Pod,
    /// `argoproj.io/v1alpha1`.
    AnalysisRun,
    /// `argoproj.io/v1alpha1`.
    Experiment,
    /// `batch/v1`.
    Job,
    /// `apps/v1`.
    StatefulSet,
    /// `apps/v1`.
    DaemonSet,
    /// `batch/v1`.
    CronJob,
    /// `serinus.dev/v1alpha1`.
    ImageUpdate,
}

impl Kind {
    /// As objects spell it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Rollout => "Rollout",
            Kind::ReplicaSet => "ReplicaSet",
            Kind::Deployment => "Deployment",
            Kind::Service => "Service",
            Kind::Ingress => "Ingress",
            Kind::Pod => "Pod",
            Kind::AnalysisRun => "AnalysisRun",
            Kind::Experiment => "Experiment",
            Kind::Job => "Job",
            Kind::StatefulSet => "StatefulSet",
            Kind::DaemonSet => "DaemonSet",
            Kind::CronJob => "CronJob",
            Kind::ImageUpdate => "ImageUpdate",
        }
    }

    /// Group and version.
    pub fn api_version(self) -> &'static str {
        match self {
            Kind::Rollout | Kind::AnalysisRun | Kind::Experiment => "argoproj.io/v1alpha1",
            Kind::ReplicaSet | Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet => "apps/v1",
            Kind::Service | Kind::Pod => "v1",
            Kind::Ingress => "networking.k8s.io/v1",
            Kind::CronJob | Kind::Job => "batch/v1",
            Kind::ImageUpdate => "serinus.dev/v1alpha1",
        }
    }
}

/// What must hold for a write to be made. A conflict means: look again, never retry blindly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Guard {
    /// No object of that name.
    Absent,
    /// The very object that was seen. If an earlier write of the same plan changed it, the shell goes on from the version
    /// that write returned.
    Is {
        /// Its uid.
        uid: String,
        /// Its version.
        resource_version: String,
    },
}

/// The change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// Create this object.
    Create(Value),
    /// JSON merge patch (RFC 7386) of the object.
    Patch(Value),
    /// JSON merge patch of its `/status`.
    PatchStatus(Value),
    /// Delete it in the background.
    Delete,
    /// Evict it (pods only).
    Evict,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// Normal or Warning.
    pub kind: NoteType,
    /// One word (spec 2.17).
    pub reason: String,
    /// One sentence.
    pub message: String,
}

/// Type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoteType {
    /// Something happened.
    Normal,
    /// Something went wrong.
    Warning,
}

/// What was decided about each part, for a person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// One line per part, in the order of the pass.
    pub lines: Vec<Line>,
}

impl Report {
    /// The lines that say what is waited for.
    pub fn waits(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| matches!(line.verdict, Verdict::Waits | Verdict::Refused))
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in &self.lines {
            writeln!(f, "{:<10} {:<8} {}", line.part, line.verdict, line.text)?;
        }
        Ok(())
    }
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The part: `spec`, `scale`, `service`, `traffic`, `pause`, `promotion` …
    pub part: String,
    /// How it stands.
    pub verdict: Verdict,
    /// One sentence.
    pub text: String,
}

/// How a part stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Nothing is left to do.
    Done,
    /// A write was planned.
    Acts,
    /// Something outside must happen first.
    Waits,
    /// It can't go on until a person changes something.
    Refused,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Verdict::Done => "done",
            Verdict::Acts => "acts",
            Verdict::Waits => "waits",
            Verdict::Refused => "refused",
        })
    }
}
