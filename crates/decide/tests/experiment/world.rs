//! A tiny world with one Experiment in it: plans are applied to plain data, ReplicaSets and AnalysisRuns follow.

use crate::merge::{merge, patched};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use serinus_decide::experiment::{Seen, decide, is_own};
use serinus_decide::{Act, Guard, Kind, Op, Plan, Write};
use serinus_wire::analysis::Phase;
use serinus_wire::k8s::{ReplicaSet, Service};
use serinus_wire::{AnalysisRun, AnalysisTemplate, Experiment, Time};
use std::collections::BTreeMap;

pub fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// Everything there is.
#[derive(Clone)]
pub struct World {
    pub seen: Seen,
    pub now: Timestamp,
    pub events: Vec<String>,
    /// Events on the Rollout behind it.
    pub told: Vec<String>,
    /// How the runs of each analysis end; those that are not here go on for ever.
    pub verdicts: BTreeMap<String, Phase>,
    /// Sets whose pods never become available.
    pub stuck: Vec<String>,
    version: u64,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (spec, verdicts, stuck) = (json!(self.seen.experiment.spec), &self.verdicts, &self.stuck);
        write!(f, "{spec} {verdicts:?} {stuck:?}")
    }
}

/// A set of an Experiment.
pub fn set(name: &str) -> Value {
    json!({
        "name": name, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [
            {"name": "web", "image": "web:1", "ports": [{"name": "http", "containerPort": 8080}]}]}},
    })
}

impl World {
    pub fn new(spec: Value) -> World {
        let object = json!({
            "metadata": {"name": "e", "namespace": "n", "uid": "uid-e", "resourceVersion": "1",
                "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": "u", "controller": true}]},
            "spec": spec,
        });
        let template = json!({"metadata": {"name": "t"}, "spec": {"args": [{"name": "x", "value": "1"}],
            "metrics": [{"name": "m", "provider": {"web": {"url": "http://h/"}}}]}});
        let template = AnalysisTemplate::read(&template).unwrap();
        let seen = Seen {
            experiment: Experiment::read(&object).unwrap(),
            templates: BTreeMap::from([("t".to_string(), template)]),
            ..Seen::default()
        };
        let (events, told, verdicts, stuck) = Default::default();
        World { seen, now: start(), events, told, verdicts, stuck, version: 1 }
    }

    pub fn with(mut self, verdicts: &[(&str, Phase)]) -> World {
        self.verdicts = verdicts.iter().map(|(name, phase)| ((*name).to_string(), *phase)).collect();
        self
    }

    pub fn stuck(mut self, sets: &[&str]) -> World {
        self.stuck = sets.iter().map(|name| (*name).to_string()).collect();
        self
    }

    pub fn plan(&self) -> Plan {
        decide(&self.seen, self.now)
    }

    /// Applies at most `limit` writes, as a crash would.
    pub fn apply(&mut self, plan: &Plan, limit: usize) -> usize {
        let mut done = 0;
        for act in &plan.acts {
            match act {
                Act::Note(note) => self.events.push(format!("{:?} {}: {}", note.kind, note.reason, note.message)),
                Act::NoteOwner(note) => self.told.push(format!("{:?} {}: {}", note.kind, note.reason, note.message)),
                Act::Write(_) if done == limit => return done,
                Act::Write(write) => {
                    self.write(write);
                    done += 1;
                }
            }
        }
        if limit == usize::MAX {
            self.seen.refused.clear();
        }
        done
    }

    fn write(&mut self, write: &Write) {
        self.version += 1;
        let (name, version) = (&write.target.name, self.version.to_string());
        if let Guard::Is { uid, resource_version } = &write.guard {
            assert!(!uid.is_empty() && !resource_version.is_empty(), "4: {write:?}");
        } else {
            assert!(matches!(write.op, Op::Create(_)), "4: only creations expect absence: {write:?}");
        }
        let born = |object: &Value| {
            let mut object = object.clone();
            object["metadata"]["uid"] = json!(format!("uid-{name}-{version}"));
            object["metadata"]["resourceVersion"] = json!(version);
            object["metadata"]["creationTimestamp"] = json!(Time::whole_seconds(self.now).to_string());
            object
        };
        match (write.target.kind, &write.op) {
            (Kind::Experiment, Op::Patch(patch)) => {
                let mut object = json!({"metadata": self.seen.experiment.metadata, "spec": self.seen.experiment.spec,
                    "status": self.seen.experiment.status});
                merge(&mut object, patch);
                self.seen.experiment = Experiment::read(&object).unwrap();
            }
            (Kind::ReplicaSet, Op::Create(object)) => {
                assert!(self.replica_set(name).is_none(), "{name} exists");
                self.seen.replica_sets.push(serde_json::from_value(born(object)).unwrap());
            }
            (Kind::ReplicaSet, Op::Patch(patch)) => {
                let set = self.seen.replica_sets.iter_mut().find(|set| &set.metadata.name == name).unwrap();
                *set = patched(set, patch);
                set.metadata.resource_version = version;
            }
            (Kind::Service, Op::Create(object)) => {
                let service: Service = serde_json::from_value(born(object)).unwrap();
                assert!(self.seen.services.insert(name.clone(), service).is_none(), "{name} exists");
            }
            (Kind::Service, Op::Delete) => assert!(self.seen.services.remove(name).is_some()),
            (Kind::AnalysisRun, Op::Create(object)) => {
                assert!(!self.seen.runs.iter().any(|run| &run.metadata.name == name), "{name} exists");
                self.seen.runs.push(AnalysisRun::read(&born(object)).unwrap());
            }
            (Kind::AnalysisRun, Op::Patch(patch)) => {
                let run = self.seen.runs.iter_mut().find(|run| &run.metadata.name == name).unwrap();
                *run = patched(run, patch);
                run.metadata.resource_version = version;
            }
            other => panic!("unexpected write {other:?}"),
        }
    }

    /// A person edits the Experiment.
    pub fn edit(&mut self, patch: &Value) {
        let mut object = json!({"metadata": self.seen.experiment.metadata, "spec": self.seen.experiment.spec,
            "status": self.seen.experiment.status});
        merge(&mut object, patch);
        self.seen.experiment = Experiment::read(&object).unwrap();
    }

    pub fn replica_set(&self, name: &str) -> Option<&ReplicaSet> {
        self.seen.replica_sets.iter().find(|set| set.metadata.name == name)
    }

    /// Pods come and go, runs come to their verdicts. Says whether anything changed.
    pub fn behave(&mut self) -> bool {
        let before = (json!(self.seen.replica_sets), json!(self.seen.runs));
        for set in self.seen.replica_sets.iter_mut().filter(|set| is_own(&self.seen.experiment, &set.metadata)) {
            let wanted = set.spec.replicas.unwrap_or(1);
            let stuck = self.stuck.iter().any(|name| set.metadata.name.ends_with(&format!("-{name}")));
            set.status.replicas = wanted;
            set.status.ready_replicas = if stuck { 0 } else { wanted };
            set.status.available_replicas = set.status.ready_replicas;
        }
        for run in &mut self.seen.runs {
            let verdict = self.verdicts.iter().find(|(name, _)| run.metadata.name.starts_with(&format!("e-{name}")));
            let next = match (run.spec.terminate, verdict) {
                _ if run.status.phase.is_some_and(Phase::is_completed) => continue,
                (true, _) => Phase::Successful,
                (false, Some((_, phase))) => *phase,
                (false, None) => Phase::Running,
            };
            run.status.phase = Some(next);
            run.status.message = if next == Phase::Failed { "it failed".to_string() } else { String::new() };
        }
        before != (json!(self.seen.replica_sets), json!(self.seen.runs))
    }

    /// Decides and applies until nothing is left to write.
    pub fn rest(&mut self) -> Plan {
        for _ in 0..40 {
            let plan = self.plan();
            if plan.writes().next().is_none() {
                return plan;
            }
            self.apply(&plan, usize::MAX);
        }
        panic!("2: no rest after 40 rounds: {}", self.plan().report);
    }

    /// Lets the world behave until `end`, or until nothing is waited for but a person.
    pub fn run_until(&mut self, end: Timestamp) {
        for _ in 0..200 {
            let plan = self.rest();
            if self.behave() {
                continue;
            }
            match plan.wake.filter(|wake| *wake <= end) {
                Some(at) => self.now = at,
                None => return,
            }
        }
        panic!("7: never comes to an end: {}", self.plan().report);
    }

    pub fn run(&mut self) {
        self.run_until(start() + SignedDuration::from_hours(10));
    }

    pub fn after(&mut self, seconds: i64) {
        let end = self.now + SignedDuration::from_secs(seconds);
        self.run_until(end);
        self.now = end;
        self.run_until(end);
    }

    pub fn phase(&self) -> Option<Phase> {
        self.seen.experiment.status.phase
    }

    pub fn message(&self) -> &str {
        &self.seen.experiment.status.message
    }

    /// Sizes of the sets.
    pub fn sizes(&self) -> Vec<(String, i32)> {
        self.seen.replica_sets.iter().map(|set| (set.metadata.name.clone(), set.spec.replicas.unwrap_or(1))).collect()
    }
}
