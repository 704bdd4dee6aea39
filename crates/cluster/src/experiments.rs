//! One look at one Experiment: what is seen, what is decided, carry it out, and when to look again.

use crate::conclude::{AT_ONCE, Concluded, FAILED, PANICKED, conclude, pause_until, trouble};
use crate::events::{About, Events};
use crate::lens::{
    AnalysisRuns, AnalysisTemplates, ClusterTemplates, Experiments, Lens, ReplicaSets, Services, Watched,
};
use crate::memory::Memory;
use crate::queue::Action;
use crate::runs::runs_of;
use crate::watches::{Caches, key, owned_by};
use crate::write::{Carried, carry_out};
use crate::{Clock, Error};
use kube::api::ListParams;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Client};
use serinus_decide::Kind;
use serinus_decide::experiment::{Seen, analysis_templates, decide, is_behind, is_own, part_name, services};
use serinus_decide::seen::open_templates;
use serinus_wire::{AnalysisTemplate, Experiment, ObjectMeta};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// An Experiment by namespace and name: what the queue holds.
pub type ExperimentRef = ObjectRef<Lens<Experiments>>;

/// What every look needs.
pub(crate) struct ExperimentPass {
    pub client: Client,
    pub caches: Caches,
    pub memory: Arc<Memory<ExperimentRef>>,
    pub events: Events,
    pub clock: Arc<dyn Clock>,
    pub resync: Duration,
}

/// The look as the queue calls it.
pub(crate) async fn reconcile(subject: Arc<ExperimentRef>, pass: Arc<ExperimentPass>) -> Action {
    let overdue = match pass.memory.due(&subject, &pass.caches) {
        Ok(overdue) => overdue,
        Err(left) => return Action::After(left),
    };
    let Some(lens) = pass.caches.experiments.named(&subject) else { return Action::OnChange };
    let cached = if overdue { None } else { Some(from_caches(&pass.caches, &lens.value)) };
    let seen = if let Some(seen) = cached.filter(|seen| !is_behind(seen)) {
        seen
    } else {
        tracing::info!(%subject, "the caches lag behind: reads directly");
        match Reads::of(&pass.client, lens.meta()).see(&subject.name).await {
            Ok(Some(seen)) => seen,
            Ok(None) => return Action::OnChange,
            Err(error) => {
                let concluded = trouble(&pass.memory, &subject, &error.to_string(), None);
                return pass.tell(&lens.value, concluded);
            }
        }
    };
    pass.look(&subject, seen).await
}

impl ExperimentPass {
    async fn look(&self, subject: &ExperimentRef, seen: Seen) -> Action {
        let refused = self.memory.of(subject, |remembered| remembered.refused.clone());
        let seen = Seen { refused, ..seen };
        let now = self.clock.now();
        let Ok(plan) = catch_unwind(AssertUnwindSafe(|| decide(&seen, now))) else {
            return self.tell(&seen.experiment, trouble(&self.memory, subject, PANICKED, None));
        };
        for line in plan.report.waits() {
            tracing::debug!(%subject, part = line.part, verdict = %line.verdict, "{}", line.text);
        }
        let carried = carry_out(&self.client, &self.events, &About::experiment(&seen.experiment), &plan).await;
        let next = pause_until(plan.wake, self.clock.now(), self.resync);
        if self.remember_refusal(subject, &carried) {
            self.memory.of(subject, |remembered| remembered.expect(carried.expected));
            return Action::After(AT_ONCE);
        }
        self.tell(&seen.experiment, conclude(&self.memory, subject, carried, next))
    }

    /// What the server will not have of a part of the Experiment is an end of the Experiment: the next look says so.
    fn remember_refusal(&self, subject: &ExperimentRef, carried: &Carried) -> bool {
        let Some((target, text)) = &carried.refusal else { return false };
        let of_a_part = matches!(target.kind, Kind::ReplicaSet | Kind::Service | Kind::AnalysisRun);
        of_a_part && self.memory.of(subject, |it| it.refused.insert(target.clone(), text.clone())).is_none()
    }

    fn tell(&self, experiment: &Experiment, concluded: Concluded) -> Action {
        concluded.tell(&self.events, &About::experiment(experiment), FAILED)
    }
}

/// Key of Experiments by what controls them.
pub(crate) fn experiments_of(uid: &str) -> String {
    key("experiment-owner", "", uid)
}

/// Keys of an Experiment.
pub(crate) fn experiment_keys(experiment: &Experiment) -> Vec<String> {
    experiment.metadata.controller().map(|owner| experiments_of(&owner.uid)).into_iter().collect()
}

/// The Experiment that controls an object.
pub(crate) fn controlled(meta: &ObjectMeta) -> Option<ExperimentRef> {
    let owner = meta.controller()?;
    let ours = owner.kind == Experiments::KIND && owner.api_version.starts_with("argoproj.io/");
    ours.then(|| ExperimentRef::new(&owner.name).within(&meta.namespace))
}

/// What the caches know about an Experiment.
fn from_caches(caches: &Caches, experiment: &Experiment) -> Seen {
    let (namespace, uid) = (experiment.metadata.namespace.as_str(), experiment.metadata.uid.as_str());
    let mut replica_sets: Vec<_> =
        caches.replica_sets.find(&owned_by(uid)).iter().map(|set| set.value.clone()).collect();
    for template in &experiment.spec.templates {
        let there = caches.replica_sets.get(namespace, &part_name(experiment, &template.name));
        replica_sets.extend(there.filter(|set| !is_own(experiment, set.meta())).map(|set| set.value.clone()));
    }
    let mut runs: Vec<_> = caches.analysis_runs.find(&runs_of(uid)).iter().map(|run| run.value.clone()).collect();
    for analysis in &experiment.spec.analyses {
        let base = part_name(experiment, &analysis.name);
        let names = std::iter::once(base.clone()).chain((1..).map(|number| format!("{base}.{number}")));
        let there = names.map_while(|name| caches.analysis_runs.get(namespace, &name));
        runs.extend(there.filter(|run| !is_own(experiment, run.meta())).map(|run| run.value.clone()));
    }
    let service = |name: String| Some((name.clone(), caches.services.get(namespace, &name)?.value.clone()));
    let (templates, cluster_templates) =
        open_templates(analysis_templates(experiment), |cluster, name| match cluster {
            true => caches.cluster_templates.get("", name).map(|lens| lens.value.clone()),
            false => caches.templates.get(namespace, name).map(|lens| lens.value.clone()),
        });
    Seen {
        experiment: experiment.clone(),
        replica_sets,
        services: services(experiment).into_iter().filter_map(service).collect(),
        templates,
        cluster_templates,
        runs,
        ..Seen::default()
    }
}

/// Reads what concerns one Experiment directly from the API server.
struct Reads<'a> {
    client: &'a Client,
    namespace: &'a str,
}

impl<'a> Reads<'a> {
    fn of(client: &'a Client, meta: &'a ObjectMeta) -> Reads<'a> {
        Reads { client, namespace: &meta.namespace }
    }

    async fn get<K: Watched>(&self, name: &str) -> Result<Option<K::Value>, Error> {
        let api: Api<Lens<K>> = Api::namespaced(self.client.clone(), self.namespace);
        Ok(api.get_opt(name).await?.map(|lens| lens.value))
    }

    async fn list<K: Watched>(&self) -> Result<Vec<K::Value>, Error> {
        let api: Api<Lens<K>> = Api::namespaced(self.client.clone(), self.namespace);
        Ok(api.list(&ListParams::default()).await?.items.into_iter().map(|lens| lens.value).collect())
    }

    async fn see(&self, name: &str) -> Result<Option<Seen>, Error> {
        let Some(experiment) = self.get::<Experiments>(name).await? else { return Ok(None) };
        let mut seen = Seen::default();
        for template in &experiment.spec.templates {
            seen.replica_sets.extend(self.get::<ReplicaSets>(&part_name(&experiment, &template.name)).await?);
        }
        for name in services(&experiment) {
            if let Some(service) = self.get::<Services>(&name).await? {
                seen.services.insert(name, service);
            }
        }
        if !experiment.spec.analyses.is_empty() {
            let prefix = format!("{}-", experiment.metadata.name);
            let concerns = |meta: &ObjectMeta| is_own(&experiment, meta) || meta.name.starts_with(&prefix);
            seen.runs = self.list::<AnalysisRuns>().await?.into_iter().filter(|run| concerns(&run.metadata)).collect();
            let namespaced = self.list::<AnalysisTemplates>().await?;
            let everywhere = self.cluster_templates().await?;
            (seen.templates, seen.cluster_templates) =
                open_templates(analysis_templates(&experiment), |cluster, name| {
                    let from = if cluster { &everywhere } else { &namespaced };
                    from.iter().find(|template| template.metadata.name == name).cloned()
                });
        }
        Ok(Some(Seen { experiment, ..seen }))
    }

    /// A cluster without the kind, or one that does not show it, has none.
    async fn cluster_templates(&self) -> Result<Vec<AnalysisTemplate>, Error> {
        let api: Api<Lens<ClusterTemplates>> = Api::all(self.client.clone());
        match api.list(&ListParams::default()).await {
            Ok(found) => Ok(found.items.into_iter().map(|lens| lens.value).collect()),
            Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}
