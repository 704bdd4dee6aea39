//! What the writes of a plan do to the world.

use super::{World, patched};
use jiff::SignedDuration;
use serinus_decide::{Guard, Kind, Op, Workload, Write};
use serinus_wire::k8s::{Ingress, ReplicaSet};
use serinus_wire::{AnalysisRun, Experiment, keys};

impl World {
    pub(super) fn write(&mut self, write: &Write) {
        let name = &write.target.name;
        let weight_before = self.canary_weight();
        match &write.guard {
            Guard::Absent => assert!(matches!(write.op, Op::Create(_)), "only creations expect absence: {write:?}"),
            Guard::Is { uid, resource_version } => {
                assert!(!uid.is_empty() && !resource_version.is_empty(), "{write:?}")
            }
        }
        let version = self.bump();
        match (write.target.kind, &write.op) {
            (Kind::ReplicaSet, Op::Create(object)) => {
                self.births += 1;
                assert!(!self.seen.replica_sets.iter().any(|set| &set.metadata.name == name), "{name} exists");
                let mut set: ReplicaSet = serde_json::from_value(object.clone()).unwrap();
                set.metadata.uid = format!("uid-rs-{}", self.births);
                set.metadata.resource_version = version;
                set.metadata.generation = 1;
                set.metadata.creation_timestamp = Some(serinus_wire::Time::whole_seconds(
                    self.now.checked_add(SignedDuration::from_millis(i64::try_from(self.births).unwrap())).unwrap(),
                ));
                self.seen.replica_sets.push(set);
            }
            (Kind::ReplicaSet, Op::Delete) => self.seen.replica_sets.retain(|set| &set.metadata.name != name),
            (Kind::ReplicaSet, Op::Patch(patch)) => {
                let set = self.seen.replica_sets.iter_mut().find(|set| &set.metadata.name == name).unwrap();
                *set = patched(set, patch);
                set.metadata.resource_version = version;
                if patch.get("spec").is_some() {
                    set.metadata.generation += 1;
                }
            }
            (Kind::Rollout, Op::Patch(patch)) => self.edit_rollout(patch, false),
            (Kind::Rollout, Op::PatchStatus(patch)) => self.edit_rollout(patch, true),
            (Kind::Service, Op::Patch(patch)) => {
                let service = self.seen.services.get_mut(name).unwrap();
                if name == "web-active" {
                    self.once_active.extend(service.spec.selector.get(keys::HASH).cloned());
                }
                *service = patched(service, patch);
                service.metadata.resource_version = version;
            }
            (Kind::Ingress, Op::Create(object)) => {
                let mut ingress: Ingress = serde_json::from_value(object.clone()).unwrap();
                ingress.metadata.uid = format!("uid-{name}");
                ingress.metadata.resource_version = version;
                assert!(self.seen.ingresses.insert(name.clone(), ingress).is_none());
            }
            (Kind::Ingress, Op::Patch(patch)) => {
                let ingress = self.seen.ingresses.get_mut(name).unwrap();
                *ingress = patched(ingress, patch);
                ingress.metadata.resource_version = version;
            }
            (Kind::Deployment, Op::Patch(patch)) => {
                let Workload::Found(workload) = &mut self.seen.workload else { panic!("no such workload: {write:?}") };
                **workload = patched(&**workload, patch);
                workload.metadata.resource_version = version;
                workload.metadata.generation += 1;
            }
            (Kind::Pod, Op::Evict) => self.evict(name),
            (Kind::Pod, Op::Patch(patch)) => {
                let pod = self.pods.iter_mut().find(|pod| &pod.metadata.name == name).unwrap();
                *pod = patched(pod, patch);
                pod.metadata.resource_version = version;
            }
            (Kind::AnalysisRun, Op::Create(object)) => {
                assert!(!self.seen.runs.iter().any(|run| &run.metadata.name == name), "{name} exists");
                let mut run = AnalysisRun::read(object).unwrap();
                run.metadata.uid = format!("uid-{name}");
                run.metadata.resource_version = version;
                run.metadata.creation_timestamp = Some(serinus_wire::Time::whole_seconds(self.now));
                self.seen.runs.push(run);
            }
            (Kind::AnalysisRun, Op::Delete) => self.seen.runs.retain(|run| &run.metadata.name != name),
            (Kind::AnalysisRun, Op::Patch(patch)) => {
                let run = self.seen.runs.iter_mut().find(|run| &run.metadata.name == name).unwrap();
                *run = patched(run, patch);
                run.metadata.resource_version = version;
            }
            (Kind::Experiment, Op::Create(object)) => {
                assert!(!self.seen.experiments.iter().any(|it| &it.metadata.name == name), "{name} exists");
                let mut experiment = Experiment::read(object).unwrap();
                experiment.metadata.uid = format!("uid-{name}");
                experiment.metadata.resource_version = version;
                experiment.metadata.creation_timestamp = Some(serinus_wire::Time::whole_seconds(self.now));
                self.seen.experiments.push(experiment);
            }
            (Kind::Experiment, Op::Delete) => self.seen.experiments.retain(|it| &it.metadata.name != name),
            (Kind::Experiment, Op::Patch(patch)) => {
                let experiment = self.seen.experiments.iter_mut().find(|it| &it.metadata.name == name).unwrap();
                *experiment = patched(experiment, patch);
                experiment.metadata.resource_version = version;
            }
            other => panic!("unexpected write {other:?}"),
        }
        self.check_weight(weight_before);
    }

    /// Weight for a Service without a ready endpoint would lose requests.
    fn check_weight(&mut self, before: i32) {
        let weight = self.canary_weight();
        let reachable = |service: &str| {
            self.seen.endpoints.get(service).is_some_and(|slices| {
                slices.iter().flat_map(|slice| &slice.endpoints).any(|endpoint| endpoint.conditions.ready == Some(true))
            })
        };
        let (canary, stable) = (reachable("web-canary"), reachable("web-stable"));
        if (weight > before && !canary) || (weight < before && !stable && canary) {
            self.blind_weight = self.blind_weight.max(weight.max(before));
        }
    }
}
