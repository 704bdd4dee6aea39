//! One pass over one Rollout: what was seen, what the plan changes so far, and the status that comes out of it.

use crate::plan::{Act, Guard, Kind, NoteType, Op, Plan, Target, Verdict, Write};
use crate::seen::Seen;
use crate::sets::{SetView, Sets};
use crate::status::pause::PauseEdits;
use crate::strategy::Strategy;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use serinus_wire::meta::ObjectMeta;
use serinus_wire::rollout::{CanaryStrategy, RolloutStatus};
use serinus_wire::{Rollout, Time, keys};
use std::collections::BTreeMap;

/// The work of one pass. Each part reads it, adds its acts, and sees what earlier parts of the same pass decided.
pub struct Pass<'a> {
    /// Everything that was seen.
    pub seen: &'a Seen,
    /// The time of the pass.
    pub now: Timestamp,
    /// The Rollout with the template and selector of its workload filled in.
    pub rollout: Rollout,
    /// Its ReplicaSets.
    pub sets: Sets<'a>,
    /// Selectors of its Services after the plan's own switches, by name.
    pub selectors: BTreeMap<String, BTreeMap<String, String>>,
    /// Pauses and aborts that this pass adds or takes back.
    pub pause: PauseEdits,
    /// The status that comes out.
    pub status: RolloutStatus,
    /// A weight is held back until the data plane is ready for it: why.
    pub traffic_waits: Option<String>,
    plan: Plan,
}

impl<'a> Pass<'a> {
    /// A pass that has decided nothing yet. The status starts with what is not recomputed (spec 2.1, skeleton 2).
    pub fn new(seen: &'a Seen, now: Timestamp, rollout: Rollout, sets: Sets<'a>) -> Pass<'a> {
        let old = &rollout.status;
        let status = RolloutStatus {
            restarted_at: old.restarted_at,
            alb: old.alb.clone(),
            albs: old.albs.clone(),
            duration: old.duration.clone(),
            collision_count: old.collision_count,
            ..RolloutStatus::default()
        };
        let selectors = seen.services.iter().map(|(name, svc)| (name.clone(), svc.spec.selector.clone())).collect();
        Pass {
            seen,
            now,
            pause: PauseEdits::default(),
            status,
            sets,
            selectors,
            rollout,
            traffic_waits: None,
            plan: Plan::default(),
        }
    }

    /// Wanted pods.
    pub fn replicas(&self) -> i32 {
        self.rollout.replicas()
    }
    /// The strategy in force.
    pub fn strategy(&self) -> Strategy {
        Strategy::of(&self.rollout)
    }
    /// The canary strategy; only called where it is the strategy in force.
    pub fn canary(&self) -> &CanaryStrategy {
        static NONE: std::sync::LazyLock<CanaryStrategy> = std::sync::LazyLock::new(CanaryStrategy::default);
        self.rollout.canary().unwrap_or(&NONE)
    }
    /// A router splits the traffic.
    pub fn has_router(&self) -> bool {
        self.canary().traffic_routing.is_some()
    }
    /// The update is or becomes aborted.
    pub fn aborted(&self) -> bool {
        self.pause.aborted(&self.rollout.status)
    }
    /// Everything rests: a person paused, or an analysis could not tell.
    pub fn halted(&self) -> bool {
        self.rollout.spec.paused || self.inconclusive()
    }
    /// An analysis could not tell, and a person has to.
    pub fn inconclusive(&self) -> bool {
        self.rollout.status.pause_conditions.iter().any(|pause| pause.reason == "InconclusiveAnalysisRun")
    }

    /// Adds an event.
    pub fn note(&mut self, kind: NoteType, reason: &str, message: impl Into<String>) {
        self.plan.note(kind, reason, message);
    }
    /// Adds a normal event.
    pub fn tell(&mut self, reason: &str, message: impl Into<String>) {
        self.note(NoteType::Normal, reason, message);
    }
    /// Adds a line to the report.
    pub fn report(&mut self, part: &str, verdict: Verdict, text: impl Into<String>) {
        self.plan.tell(part, verdict, text);
    }
    /// Says what is waited for.
    pub fn waits(&mut self, part: &str, text: impl Into<String>) {
        self.report(part, Verdict::Waits, text);
    }
    /// Time changes something at `at`: look again then.
    pub fn wake_at(&mut self, at: Timestamp) {
        self.plan.wake_at(self.now, at);
    }
    /// Counts are held back, since `since`.
    pub fn hold(&mut self, since: Timestamp) {
        self.plan.held_since = Some(since);
    }
    /// `seconds` after `start`; the far future when that can't be told.
    pub fn after(start: Timestamp, seconds: i64) -> Timestamp {
        start.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
    }
    /// Now, as the wire keeps it.
    pub fn wire_now(&self) -> Time {
        Time::whole_seconds(self.now)
    }

    /// Adds a write to an object that was seen.
    pub fn write(&mut self, kind: Kind, meta: &ObjectMeta, op: Op) {
        let guard = Guard::Is { uid: meta.uid.clone(), resource_version: meta.resource_version.clone() };
        let target = Target { kind, namespace: meta.namespace.clone(), name: meta.name.clone() };
        self.plan.acts.push(Act::Write(Write { target, guard, op }));
    }

    /// Whether this plan evicts the pod.
    pub fn evicts(&self, pod: &ObjectMeta) -> bool {
        let mut writes = self.plan.writes();
        writes.any(|write| {
            matches!(write.op, Op::Evict) && matches!(&write.guard, Guard::Is { uid, .. } if *uid == pod.uid)
        })
    }

    /// Adds the creation of an object that must not exist.
    pub fn create(&mut self, kind: Kind, name: &str, object: Value) {
        let target = Target { kind, namespace: self.rollout.metadata.namespace.clone(), name: name.to_string() };
        self.plan.acts.push(Act::Write(Write { target, guard: Guard::Absent, op: Op::Create(object) }));
    }
    /// Adds a patch of the Rollout itself (not its status).
    pub fn patch_rollout(&mut self, patch: Value) {
        let seen = self.seen;
        self.write(Kind::Rollout, &seen.rollout.metadata, Op::Patch(patch));
    }

    /// Sets size and `desired-replicas` of a set, where they differ; says whether the size changed. A set that is scaled to 0 loses its deadline, but
    /// not while an abort is waited out: then the deadline shows when the set went.
    pub fn scale(&mut self, index: usize, size: i32) -> bool {
        let keeps_deadline = self.strategy().delays_on_abort(self);
        let wanted = self.replicas();
        let Some(set) = self.sets.all.get_mut(index) else { return false };
        let from = set.replicas;
        let mut annotations = serde_json::Map::new();
        if set.desired_annotation() != Some(wanted) {
            annotations.insert(keys::DESIRED_REPLICAS.to_string(), json!(wanted.to_string()));
            set.annotations.insert(keys::DESIRED_REPLICAS.to_string(), wanted.to_string());
        }
        if from == size && annotations.is_empty() {
            return false;
        }
        let mut patch = serde_json::Map::new();
        if from != size {
            set.replicas = size;
            patch.insert("spec".to_string(), json!({"replicas": size}));
            if size == 0 && !keeps_deadline && set.annotations.remove(keys::SCALE_DOWN_DEADLINE).is_some() {
                annotations.insert(keys::SCALE_DOWN_DEADLINE.to_string(), Value::Null);
            }
        }
        if !annotations.is_empty() {
            patch.insert("metadata".to_string(), json!({"annotations": annotations}));
        }
        let (seen, revision) = (set.seen, set.revision());
        self.write(Kind::ReplicaSet, &seen.metadata, Op::Patch(Value::Object(patch)));
        if from != size {
            let (name, way) = (&seen.metadata.name, if size > from { "up" } else { "down" });
            let text = format!("Scaled {way} ReplicaSet {name} (revision {revision}) from {from} to {size}");
            self.report("scale", Verdict::Acts, text.clone());
            self.tell("ScalingReplicaSet", text);
        }
        from != size
    }

    /// Sets or removes one annotation of a set.
    pub fn annotate_set(&mut self, index: usize, key: &str, value: Option<String>) {
        let Some(set) = self.sets.all.get_mut(index) else { return };
        if set.annotations.get(key) == value.as_ref() {
            return;
        }
        match &value {
            Some(text) => set.annotations.insert(key.to_string(), text.clone()),
            None => set.annotations.remove(key),
        };
        let seen = set.seen;
        self.write(Kind::ReplicaSet, &seen.metadata, Op::Patch(json!({"metadata": {"annotations": {key: value}}})));
    }

    /// Name of a set by place; empty when there is none.
    pub fn name(&self, index: usize) -> String {
        self.set(index).map_or_else(String::new, |set| set.name().to_string())
    }
    /// A set by place.
    pub fn set(&self, index: usize) -> Option<&SetView<'a>> {
        self.sets.all.get(index)
    }

    /// The finished plan.
    pub fn into_plan(mut self) -> Plan {
        self.plan.acts = recorded_first(self.plan.acts);
        self.plan
    }
    /// Whether anything is to be written so far.
    pub fn has_writes(&self) -> bool {
        self.plan.writes().next().is_some()
    }
    /// Whether the report already names something that is waited for.
    pub fn has_waits(&self) -> bool {
        self.plan.report.waits().next().is_some()
    }
}

/// What a Rollout starts is on record before it is made: AnalysisRuns and Experiments come after the status that names them. One
/// that was made and not noted, because the controller died between, might be over before anybody looks again: then
/// nobody could tell it from that of an earlier try, and there would be another.
fn recorded_first(acts: Vec<Act>) -> Vec<Act> {
    let is_status = |act: &Act| {
        matches!(act, Act::Write(Write { target: Target { kind: Kind::Rollout, .. }, op: Op::PatchStatus(_), .. }))
    };
    let Some(recorded) = acts.iter().rposition(is_status) else { return acts };
    let (mut first, mut started, mut after) = (Vec::new(), Vec::new(), Vec::new());
    let mut starts = false;
    for (at, act) in acts.into_iter().enumerate() {
        // With it goes what is told of it.
        starts = is_start(&act) || (starts && matches!(act, Act::Note(_)));
        match at.cmp(&recorded) {
            std::cmp::Ordering::Less if starts => started.push(act),
            std::cmp::Ordering::Less | std::cmp::Ordering::Equal => first.push(act),
            std::cmp::Ordering::Greater => after.push(act),
        }
    }
    first.into_iter().chain(started).chain(after).collect()
}

fn is_start(act: &Act) -> bool {
    let Act::Write(write) = act else { return false };
    matches!(write.target.kind, Kind::AnalysisRun | Kind::Experiment) && matches!(write.op, Op::Create(_))
}
