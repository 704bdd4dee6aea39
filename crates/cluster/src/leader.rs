//! The election carried out on a Lease object.

use crate::election::{Election, Record, Step, Timings};
use crate::error::said;
use crate::{Clock, Error};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Which lease, and under which name to compete for it.
#[derive(Clone, Debug)]
pub struct LeaseOptions {
    /// Namespace of the lease.
    pub namespace: String,
    /// Name of the lease.
    pub name: String,
    /// Name of this competitor.
    pub identity: String,
    /// The three periods.
    pub timings: Timings,
}

impl LeaseOptions {
    /// The lease of the peers' controller for that instance, so that the two never run at the same time.
    pub fn new(namespace: &str, instance: &str) -> LeaseOptions {
        let name = match instance {
            "" => "argo-rollouts-controller-lock".to_string(),
            id => format!("argo-rollouts-controller-lock-{id}"),
        };
        LeaseOptions { namespace: namespace.to_string(), name, identity: identity(), timings: Timings::default() }
    }
}

/// A name that no other process has: the host's, and a number that the kernel gives once.
fn identity() -> String {
    let read = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_string());
    let host = std::env::var("HOSTNAME").ok().or_else(|| read("/proc/sys/kernel/hostname")).unwrap_or_default();
    let unique = read("/proc/sys/kernel/random/uuid").unwrap_or_else(|| {
        let now = jiff::Timestamp::now().as_nanosecond();
        format!("{}-{now:x}", std::process::id())
    });
    format!("{host}_{unique}")
}

/// One competitor at work.
pub(crate) struct Leader {
    api: Api<Lease>,
    options: LeaseOptions,
    clock: Arc<dyn Clock>,
    election: Election,
    start: Instant,
}

impl Leader {
    pub fn new(client: &Client, options: LeaseOptions, clock: Arc<dyn Clock>) -> Leader {
        let election = Election::new(options.identity.clone(), options.timings);
        let api = Api::namespaced(client.clone(), &options.namespace);
        Leader { api, options, clock, election, start: Instant::now() }
    }

    /// Returns when this process leads.
    pub async fn acquire(&mut self) {
        tracing::info!(lease = %self, identity = self.options.identity, "competes for the lease");
        while !self.election.leads() {
            self.attempt().await;
            if !self.election.leads() {
                tokio::time::sleep(self.options.timings.retry).await;
            }
        }
        tracing::info!(lease = %self, "leads");
    }

    /// Keeps the lease; returns when it is lost.
    pub async fn keep(&mut self) -> Error {
        while let Some(deadline) = self.election.deadline() {
            let next = Instant::now() + self.options.timings.retry;
            tokio::time::sleep_until(next.min(self.start + deadline)).await;
            // A server that does not answer must not hold the leader beyond its deadline.
            let left = (self.start + deadline).saturating_duration_since(Instant::now());
            if tokio::time::timeout(left.max(Duration::from_millis(1)), self.attempt()).await.is_err() {
                self.election.failed(self.start.elapsed());
            }
        }
        Error::LeadershipLost { namespace: self.options.namespace.clone(), name: self.options.name.clone() }
    }

    /// Gives the lease back so that the next one need not wait.
    pub async fn release(mut self) {
        let Some(record) = self.election.released() else { return };
        let Ok(Some(lease)) = self.api.get_opt(&self.options.name).await else { return };
        if read(&lease).holder == self.options.identity && self.write(Some(lease), &record).await.is_ok() {
            tracing::info!(lease = %self, "released the lease");
        }
    }

    async fn attempt(&mut self) {
        let lease = match self.api.get_opt(&self.options.name).await {
            Ok(lease) => lease,
            Err(error) => {
                tracing::warn!(lease = %self, error = said(&error), "can't read the lease");
                self.election.failed(self.start.elapsed());
                return;
            }
        };
        let shown = lease.as_ref().map(read);
        let began = self.start.elapsed();
        if let Step::Write(record) = self.election.step(shown.as_ref(), began, self.clock.now()) {
            match self.write(lease, &record).await {
                Ok(written) => self.election.wrote(read(&written), began),
                Err(error) => {
                    tracing::debug!(lease = %self, error = said(&error), "could not write the lease");
                    self.election.failed(self.start.elapsed());
                }
            }
        }
    }

    /// The version that was read goes along: somebody else's write in between is a conflict.
    async fn write(&mut self, lease: Option<Lease>, record: &Record) -> kube::Result<Lease> {
        let params = PostParams::default();
        match lease {
            Some(mut lease) => {
                lease.spec = Some(spec(record));
                self.api.replace(&self.options.name, &params, &lease).await
            }
            None => {
                let metadata = ObjectMeta { name: Some(self.options.name.clone()), ..Default::default() };
                self.api.create(&params, &Lease { metadata, spec: Some(spec(record)) }).await
            }
        }
    }
}

impl std::fmt::Display for Leader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.options.namespace, self.options.name)
    }
}

fn spec(record: &Record) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(record.holder.clone()),
        lease_duration_seconds: Some(record.seconds),
        acquire_time: record.acquired.map(MicroTime),
        renew_time: record.renewed.map(MicroTime),
        lease_transitions: Some(record.transitions),
        ..LeaseSpec::default()
    }
}

fn read(lease: &Lease) -> Record {
    let spec = lease.spec.clone().unwrap_or_default();
    Record {
        holder: spec.holder_identity.unwrap_or_default(),
        seconds: spec.lease_duration_seconds.unwrap_or_default(),
        acquired: spec.acquire_time.map(|time| time.0),
        renewed: spec.renew_time.map(|time| time.0),
        transitions: spec.lease_transitions.unwrap_or_default(),
    }
}
