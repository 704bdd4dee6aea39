//! Puts together what is known about one Rollout: from the caches, or by reading it directly.

use crate::Error;
use crate::experiments::experiments_of;
use crate::lens::{
    AnalysisRuns, AnalysisTemplates, ClusterTemplates, Deployments, EndpointSlices, Experiments, Ingresses, Lens,
    PodTemplates, ReplicaSets, Rollouts, Services, Watched, WorkloadSets,
};
use crate::runs::runs_of;
use crate::watches::{Caches, OnDemand, SERVICE_NAME, managed_by, orphans_in, owned_by, service_key};
use futures::future::try_join_all;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::ListParams;
use kube::core::{Selector, SelectorExt};
use kube::{Api, Client};
use serde::Deserialize;
use serinus_decide::seen::{analysis_templates, fill_templates};
use serinus_decide::{Named, Seen, Workload, names, needs_pods};
use serinus_wire::k8s::ReplicaSet;
use serinus_wire::{ObjectMeta, Rollout, k8s, keys};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a decision waits for the first list of a kind that nobody needed so far.
const FIRST_LIST: Duration = Duration::from_secs(10);

/// Puts together what the caches know about `rollout`.
///
/// # Errors
/// The workloads of the kind that it refers to can't be listed.
pub(crate) async fn from_caches(caches: &Caches, rollout: &Rollout) -> Result<Seen, Error> {
    let named = names(rollout);
    let namespace = rollout.metadata.namespace.as_str();
    let workload = cached_workload(caches, namespace, &named).await?;
    let owned = caches.replica_sets.find(&owned_by(&rollout.metadata.uid));
    let orphans = caches.replica_sets.find(&orphans_in(namespace));
    let sets = owned.iter().chain(&orphans).map(|set| set.value.clone());
    let replica_sets = claimed(rollout, &workload, sets);
    let present = |name: &String| Some((name.clone(), caches.services.get(namespace, name)?.value.clone()));
    let ingress = |name: &String| Some((name.clone(), caches.ingresses.get(namespace, name)?.value.clone()));
    let endpoints = |name: &String| {
        let slices = caches.endpoint_slices.find(&service_key(namespace, name));
        (!slices.is_empty()).then(|| (name.clone(), slices.iter().map(|slice| slice.value.clone()).collect()))
    };
    let runs = caches.analysis_runs.find(&runs_of(&rollout.metadata.uid));
    let experiments = caches.experiments.find(&experiments_of(&rollout.metadata.uid));
    let marked = caches.services.find(&managed_by(namespace, &rollout.metadata.name));
    let released = marked.iter().filter(|service| !named.services.contains(&service.meta().name));
    let mut seen = Seen {
        released: released.map(|service| service.value.clone()).collect(),
        in_the_way: BTreeMap::new(),
        workload,
        replica_sets,
        services: named.services.iter().filter_map(present).collect(),
        ingresses: named.ingresses.iter().filter_map(ingress).collect(),
        endpoints: named.services.iter().filter_map(endpoints).collect(),
        runs: runs.iter().map(|run| run.value.clone()).collect(),
        experiments: experiments.iter().map(|it| it.value.clone()).collect(),
        rollout: rollout.clone(),
        ..Seen::default()
    };
    fill_templates(&mut seen, |cluster, name| match cluster {
        true => caches.cluster_templates.get("", name).map(|lens| lens.value.clone()),
        false => caches.templates.get(namespace, name).map(|lens| lens.value.clone()),
    });
    Ok(seen)
}

async fn cached_workload(caches: &Caches, namespace: &str, named: &Named) -> Result<Workload, Error> {
    async fn look<K: Watched<Value = k8s::Workload>>(
        kind: &OnDemand<K>,
        namespace: &str,
        name: &str,
    ) -> Result<Workload, Error> {
        let cache = kind.want();
        match tokio::time::timeout(FIRST_LIST, cache.ready()).await {
            Ok(true) => Ok(cache.get(namespace, name).map_or(Workload::Missing, found)),
            _ => Err(Error::NoList { kind: K::KIND }),
        }
    }
    let Some((_, kind, name)) = &named.workload else { return Ok(Workload::NotReferenced) };
    match workload_kind(named) {
        Some(Referable::Deployment) => look(&caches.deployments, namespace, name).await,
        Some(Referable::ReplicaSet) => look(&caches.workload_sets, namespace, name).await,
        Some(Referable::PodTemplate) => look(&caches.pod_templates, namespace, name).await,
        None => {
            tracing::debug!(kind, name, "a workloadRef names a kind that can't be referred to");
            Ok(Workload::Unsupported)
        }
    }
}

fn found<K: Watched<Value = k8s::Workload>>(lens: impl std::ops::Deref<Target = Lens<K>>) -> Workload {
    Workload::Found(Box::new(lens.value.clone()))
}

/// Kinds that a `workloadRef` may name.
enum Referable {
    Deployment,
    ReplicaSet,
    PodTemplate,
}

/// The version is not looked at: these kinds have one.
fn workload_kind(named: &Named) -> Option<Referable> {
    let (api_version, kind, _) = named.workload.as_ref()?;
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    match (group, kind.as_str()) {
        ("apps", "Deployment") => Some(Referable::Deployment),
        ("apps", "ReplicaSet") => Some(Referable::ReplicaSet),
        ("", "PodTemplate") => Some(Referable::PodTemplate),
        _ => None,
    }
}

/// The sets that the Rollout owns, and those without an owner that its selector matches.
fn claimed(rollout: &Rollout, workload: &Workload, sets: impl Iterator<Item = ReplicaSet>) -> Vec<ReplicaSet> {
    let selector = selector(rollout, workload);
    sets.filter(|set| match set.metadata.controller() {
        Some(owner) => owner.uid == rollout.metadata.uid,
        None => {
            set.metadata.deletion_timestamp.is_none()
                && selector.as_ref().is_some_and(|selector| selector.matches(&set.metadata.labels))
        }
    })
    .collect()
}

/// The selector in force. One that is empty or can't be read matches nothing here: it would adopt whatever stands beside.
fn selector(rollout: &Rollout, workload: &Workload) -> Option<Selector> {
    let of_workload = match workload {
        Workload::Found(workload) => Some(&workload.spec.selector),
        Workload::NotReferenced | Workload::Unsupported | Workload::Missing => None,
    };
    let raw = rollout.spec.selector.as_ref().or(of_workload)?;
    let selector = Selector::try_from(LabelSelector::deserialize(raw).ok()?).ok()?;
    (!selector.selects_all()).then_some(selector)
}

/// Reads everything about one Rollout directly from the API server.
///
/// # Errors
/// The API server can't be reached or refuses, or there is no such Rollout.
pub async fn see(client: Client, namespace: &str, name: &str) -> Result<Seen, Error> {
    let reads = Reads { client, namespace };
    let rollout = reads.get::<Rollouts>(name).await?;
    let rollout =
        rollout.ok_or_else(|| Error::NoRollout { namespace: namespace.to_string(), name: name.to_string() })?;
    let named = names(&rollout);
    let hashed = ListParams::default().labels(keys::HASH);
    let workload = reads.workload(&named).await?;
    let sets = reads.list::<ReplicaSets>(&hashed).await?;
    let services = reads.get_all::<Services>(named.services.iter()).await?;
    let ingresses = reads.get_all::<Ingresses>(named.ingresses.iter()).await?;
    let slices = try_join_all(named.services.iter().map(|service| reads.slices(service))).await?;
    let mut seen = Seen {
        // Whether a Service is to be given back can wait for the caches.
        released: Vec::new(),
        in_the_way: BTreeMap::new(),
        replica_sets: claimed(&rollout, &workload, sets.into_iter()),
        workload,
        services: services.into_iter().map(|service| (service.metadata.name.clone(), service)).collect(),
        ingresses: ingresses.into_iter().map(|ingress| (ingress.metadata.name.clone(), ingress)).collect(),
        endpoints: slices.into_iter().filter(|(_, slices)| !slices.is_empty()).collect(),
        rollout,
        ..Seen::default()
    };
    reads.analyses(&mut seen).await?;
    reads.experiments(&mut seen).await?;
    let pods = pods(&reads.client, &seen).await?;
    Ok(Seen { pods, ..seen })
}

/// The pods of the ReplicaSets that were seen, when the decision needs them. They are read, never cached.
///
/// # Errors
/// The API server can't be reached or refuses.
pub(crate) async fn pods(client: &Client, seen: &Seen) -> Result<Option<Vec<k8s::Pod>>, Error> {
    if !needs_pods(seen) {
        return Ok(None);
    }
    let hashes: Vec<&str> =
        seen.replica_sets.iter().filter_map(|set| set.metadata.labels.get(keys::HASH)).map(String::as_str).collect();
    if hashes.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let selector = format!("{} in ({})", keys::HASH, hashes.join(","));
    let api: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(client.clone(), &seen.rollout.metadata.namespace);
    let found = api.list(&ListParams::default().labels(&selector)).await?;
    let lens = |pod| serde_json::to_value(pod).ok().and_then(|pod| serde_json::from_value(pod).ok());
    Ok(Some(found.items.iter().filter_map(lens).collect()))
}

struct Reads<'a> {
    client: Client,
    namespace: &'a str,
}

impl Reads<'_> {
    fn api<K: Watched>(&self) -> Api<Lens<K>> {
        Api::namespaced(self.client.clone(), self.namespace)
    }

    async fn get<K: Watched>(&self, name: &str) -> Result<Option<K::Value>, Error> {
        Ok(self.api::<K>().get_opt(name).await?.map(|lens| lens.value))
    }

    async fn get_all<'n, K: Watched>(&self, names: impl Iterator<Item = &'n String>) -> Result<Vec<K::Value>, Error> {
        let found = try_join_all(names.map(|name| self.get::<K>(name))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn list<K: Watched>(&self, params: &ListParams) -> Result<Vec<K::Value>, Error> {
        Ok(self.api::<K>().list(params).await?.items.into_iter().map(|lens| lens.value).collect())
    }

    /// A cluster without the kind has none.
    async fn list_if_there<K: Watched>(&self) -> Result<Vec<K::Value>, Error> {
        match self.list::<K>(&ListParams::default()).await {
            Err(Error::Api(kube::Error::Api(status))) if status.code == 404 => Ok(Vec::new()),
            found => found,
        }
    }

    /// Runs and templates of a Rollout that names templates: which ones those name in turn is not known before.
    async fn analyses(&self, seen: &mut Seen) -> Result<(), Error> {
        if analysis_templates(&seen.rollout).is_empty() {
            return Ok(());
        }
        let uid = seen.rollout.metadata.uid.clone();
        let runs = self.list_if_there::<AnalysisRuns>().await?.into_iter();
        seen.runs = runs.filter(|run| run.metadata.controller().is_some_and(|owner| owner.uid == uid)).collect();
        let namespaced = self.list_if_there::<AnalysisTemplates>().await?;
        let everywhere: Api<Lens<ClusterTemplates>> = Api::all(self.client.clone());
        let cluster: Vec<_> = match everywhere.list(&ListParams::default()).await {
            Ok(found) => found.items.into_iter().map(|lens| lens.value).collect(),
            Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        fill_templates(seen, |in_cluster, name| {
            let from = if in_cluster { &cluster } else { &namespaced };
            from.iter().find(|template| template.metadata.name == name).cloned()
        });
        Ok(())
    }

    /// Experiments of a Rollout whose steps start some. That those of earlier steps end can wait for the caches.
    async fn experiments(&self, seen: &mut Seen) -> Result<(), Error> {
        let steps = seen.rollout.canary().and_then(|canary| canary.steps.as_deref()).unwrap_or_default();
        if !steps.iter().any(|step| step.experiment.is_some()) {
            return Ok(());
        }
        let uid = seen.rollout.metadata.uid.clone();
        let own = |meta: &ObjectMeta| meta.controller().is_some_and(|owner| owner.uid == uid);
        let found = self.list_if_there::<Experiments>().await?;
        seen.experiments = found.into_iter().filter(|experiment| own(&experiment.metadata)).collect();
        Ok(())
    }

    /// A cluster without EndpointSlices has none.
    async fn slices(&self, service: &str) -> Result<(String, Vec<k8s::EndpointSlice>), Error> {
        let of_service = ListParams::default().labels(&format!("{SERVICE_NAME}={service}"));
        let slices = match self.list::<EndpointSlices>(&of_service).await {
            Err(Error::Api(kube::Error::Api(status))) if status.is_not_found() => Vec::new(),
            slices => slices?,
        };
        Ok((service.to_string(), slices))
    }

    async fn workload(&self, named: &Named) -> Result<Workload, Error> {
        let Some((_, _, name)) = &named.workload else { return Ok(Workload::NotReferenced) };
        let found = match workload_kind(named) {
            Some(Referable::Deployment) => self.get::<Deployments>(name).await?,
            Some(Referable::ReplicaSet) => self.get::<WorkloadSets>(name).await?,
            Some(Referable::PodTemplate) => self.get::<PodTemplates>(name).await?,
            None => return Ok(Workload::Unsupported),
        };
        Ok(found.map_or(Workload::Missing, |workload| Workload::Found(Box::new(workload))))
    }
}
