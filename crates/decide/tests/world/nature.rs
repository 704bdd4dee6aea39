//! What happens by itself: ReplicaSets reach their size, endpoints follow, experiments and analyses end.

use super::World;
use serinus_wire::analysis::Phase;
use serinus_wire::k8s::{Endpoint, EndpointConditions, EndpointSlice, TargetRef};
use serinus_wire::keys;

impl World {
    /// ReplicaSets reach their size, pods become ready, endpoints follow the selectors.
    pub fn settle_pods(&mut self) {
        for set in &mut self.seen.replica_sets {
            let wanted = set.spec.replicas.unwrap_or(1);
            set.status.replicas = wanted;
            set.status.ready_replicas = wanted;
            set.status.available_replicas = wanted;
            set.status.observed_generation = set.metadata.generation;
        }
        self.follow_sizes();
        self.endpoints();
        self.settle_experiments();
        self.settle_runs();
    }

    /// Runs that are to end are successful; the others come to the judgement.
    fn settle_runs(&mut self) {
        for run in self.seen.runs.iter_mut().filter(|run| !run.status.phase.is_some_and(Phase::is_completed)) {
            let next = if run.spec.terminate { self.judgement.map(|_| Phase::Successful) } else { self.judgement };
            if let Some(phase) = next {
                run.status.phase = Some(phase);
                run.status.message = if phase == Phase::Failed { "it is broken".into() } else { String::new() };
            }
        }
    }

    /// Experiments that are to end are successful; the others come to the verdict.
    fn settle_experiments(&mut self) {
        for experiment in &mut self.seen.experiments {
            let over = experiment.status.phase.is_some_and(Phase::is_completed);
            let next = if experiment.spec.terminate { Some(Phase::Successful) } else { self.verdict };
            if let Some(phase) = next.filter(|_| !over) {
                experiment.status.phase = Some(phase);
                experiment.status.message = if phase == Phase::Failed { "it is broken".into() } else { String::new() };
            } else if !over {
                experiment.status.phase = Some(Phase::Running);
            }
        }
    }

    /// As `settle_pods`, but only a part of the pods of each set is available.
    pub fn settle_partly(&mut self, parts: &[u8]) {
        for (index, set) in self.seen.replica_sets.iter_mut().enumerate() {
            let wanted = set.spec.replicas.unwrap_or(1);
            let part = i32::from(parts.get(index % parts.len().max(1)).copied().unwrap_or(4) % 5);
            set.status.replicas = wanted;
            set.status.ready_replicas = wanted * part / 4;
            set.status.available_replicas = wanted * part / 4;
            set.status.observed_generation = set.metadata.generation;
        }
        self.follow_sizes();
        self.endpoints();
    }

    pub(super) fn endpoints(&mut self) {
        for (name, service) in &self.seen.services {
            let selected = service.spec.selector.get(keys::HASH);
            let endpoints = self
                .seen
                .replica_sets
                .iter()
                .filter(|set| selected.is_none_or(|hash| set.metadata.labels.get(keys::HASH) == Some(hash)))
                .flat_map(|set| {
                    (0..set.status.available_replicas).map(|pod| Endpoint {
                        addresses: vec![],
                        conditions: EndpointConditions { ready: Some(true), ..Default::default() },
                        target_ref: Some(TargetRef {
                            kind: "Pod".into(),
                            name: format!("{}-{pod:05}", set.metadata.name),
                        }),
                    })
                })
                .collect();
            let slice = EndpointSlice { endpoints, ..Default::default() };
            self.seen.endpoints.insert(name.clone(), vec![slice]);
        }
    }
}
