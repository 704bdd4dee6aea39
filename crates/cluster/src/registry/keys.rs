//! Credentials of workloads: the secrets that they, or their service accounts, name. No other secret is ever read, and none twice
//! as long as its registry is content with it.

use crate::client::{Cluster, Resource};
use crate::update::counts::Counts;
use serde_json::Value;
use serinus_decide::update::Tracked;
use serinus_talk::registry::Credential;
use serinus_talk::registry::credentials::Entries;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SECRET: Resource = Resource { group: "", version: "v1", kind: "Secret", plural: "secrets" };
const ACCOUNT: Resource = Resource { group: "", version: "v1", kind: "ServiceAccount", plural: "serviceaccounts" };

/// Namespace and name.
type Place = (String, String);

/// The credentials that have been read.
pub(crate) struct Keys {
    cluster: Cluster,
    /// For all workloads, before their own (`DOCKER_REGISTRY_CFG`).
    common: Entries,
    read: Mutex<Read>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Read {
    secrets: HashMap<Place, Arc<Entries>>,
    /// Pull secrets of service accounts.
    accounts: HashMap<Place, Vec<String>>,
}

impl Keys {
    /// `common` is the text of a docker config file; empty for none.
    pub fn new(cluster: Cluster, common: &str, counts: Arc<Counts>) -> Keys {
        let common = match common.trim() {
            "" => Entries::default(),
            text => Entries::of_config(text.as_bytes()).unwrap_or_else(|why| {
                counts.secret_unreadable();
                tracing::warn!(why, "DOCKER_REGISTRY_CFG can't be read and does not count");
                Entries::default()
            }),
        };
        Keys { cluster, common, read: Mutex::default(), counts }
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who may ask `host` for `name` on behalf of the workloads, each once, the surest first.
    pub async fn of(&self, workloads: &[Tracked], host: &str, name: &str) -> Vec<Credential> {
        let mut found: Vec<Credential> = self.common.find(host, name).cloned().into_iter().collect();
        for place in self.places(workloads).await {
            let entries = self.secret(&place).await;
            found.extend(entries.find(host, name).filter(|credential| !found.contains(credential)).cloned());
        }
        found
    }

    /// The secrets that workloads name, each once: by annotation, on their pods, on their service accounts.
    async fn places(&self, workloads: &[Tracked]) -> Vec<Place> {
        let mut places = Vec::new();
        for tracked in workloads {
            let Some(pull) = &tracked.pull else { continue };
            let namespace = &tracked.metadata.namespace;
            let mut names: Vec<String> = tracked.settings.image_pull_secret.iter().cloned().collect();
            names.extend(pull.secrets.iter().cloned());
            names.extend(self.account(namespace, &pull.account).await);
            for name in names {
                let place = (namespace.clone(), name);
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        places
    }

    async fn account(&self, namespace: &str, name: &str) -> Vec<String> {
        let place = (namespace.to_string(), name.to_string());
        if let Some(known) = self.read().accounts.get(&place) {
            return known.clone();
        }
        let secrets = match self.cluster.get(&ACCOUNT, namespace, name).await {
            Ok(account) => {
                let names = account.get("imagePullSecrets").and_then(Value::as_array).into_iter().flatten();
                names.filter_map(|secret| Some(secret.get("name")?.as_str()?.to_string())).collect()
            }
            Err(error) => {
                tracing::debug!(namespace, name, %error, "a service account was not read: its pull secrets do not count");
                Vec::new()
            }
        };
        self.read().accounts.insert(place, secrets.clone());
        secrets
    }

    async fn secret(&self, place: &Place) -> Arc<Entries> {
        if let Some(known) = self.read().secrets.get(place) {
            return known.clone();
        }
        let (namespace, name) = place;
        let entries = match self.cluster.get(&SECRET, namespace, name).await {
            Ok(secret) => entries(&secret).unwrap_or_else(|why| {
                self.counts.secret_unreadable();
                tracing::warn!(namespace, name, why, "a pull secret can't be read and does not count");
                Entries::default()
            }),
            Err(error) => {
                self.counts.secret_unreadable();
                let remedy = "the controller needs `get` on secrets in this namespace";
                tracing::warn!(namespace, name, code = error.code(), remedy, "a pull secret was not given to us");
                Entries::default()
            }
        };
        if entries.unreadable > 0 {
            self.counts.secret_unreadable();
            tracing::warn!(
                namespace,
                name,
                entries = entries.unreadable,
                "entries of a pull secret can't be read and do not count"
            );
        }
        let entries = Arc::new(entries);
        self.read().secrets.insert(place.clone(), entries.clone());
        entries
    }

    /// Reads the secrets of these workloads again when they are needed next: a registry did not take what they hold.
    pub fn forget(&self, workloads: &[Tracked]) {
        let mut read = self.read();
        for tracked in workloads {
            let namespace = &tracked.metadata.namespace;
            read.secrets.retain(|(of, _), _| of != namespace);
            read.accounts.retain(|(of, _), _| of != namespace);
        }
    }
}

/// What a pull secret holds. The text of an error never has anything of it.
fn entries(secret: &Value) -> Result<Entries, &'static str> {
    let data = |key: &str| secret.get("data").and_then(|data| data.get(key)).and_then(Value::as_str);
    let unpacked = |text: &str| serinus_gocompat::base64::decode(text).ok_or("its data is no base64");
    match (data(".dockerconfigjson"), data(".dockercfg")) {
        (Some(text), _) => Entries::of_config(&unpacked(text)?),
        (None, Some(text)) => Entries::of_legacy(&unpacked(text)?),
        (None, None) => {
            Err("it has neither .dockerconfigjson nor .dockercfg: its type must be kubernetes.io/dockerconfigjson")
        }
    }
}
