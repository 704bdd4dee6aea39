//! Services that outlive their Rollout: the mark and the hash in their selector are taken away, and they select by their own
//! labels again (spec 2.9).

use crate::lens::{Lens, Rollouts};
use crate::watches::{Caches, managed_by};
use crate::write::{Outcome, make};
use kube::{Api, Client};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Pause after something that could not be looked up or written.
const RETRY: Duration = Duration::from_secs(10);

/// Rollouts that Services are marked with and that may be gone.
#[derive(Default)]
pub(crate) struct Orphans {
    suspects: Mutex<BTreeSet<(String, String)>>,
    news: Notify,
}

impl Orphans {
    /// Services may be left of the Rollout with this namespace and name.
    pub fn suspect(&self, namespace: &str, rollout: &str) {
        let suspect = (namespace.to_string(), rollout.to_string());
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner).insert(suspect);
        self.news.notify_one();
    }

    async fn next(&self) -> (String, String) {
        loop {
            let next = self.suspects.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
            match next {
                Some(suspect) => return suspect,
                None => self.news.notified().await,
            }
        }
    }
}

/// Gives back the Services of Rollouts that are gone. Never ends.
pub(crate) async fn give_back(client: Client, caches: Caches, orphans: std::sync::Arc<Orphans>) {
    loop {
        let (namespace, name) = orphans.next().await;
        if caches.rollouts.get(&namespace, &name).is_some() {
            continue;
        }
        if let Err(text) = look(&client, &caches, &namespace, &name).await {
            tracing::debug!(namespace, rollout = name, text, "Services could not be given back: tries again");
            tokio::time::sleep(RETRY).await;
            orphans.suspect(&namespace, &name);
        }
    }
}

/// The cache holds the Rollouts of one instance: only the API server knows that there is none.
async fn look(client: &Client, caches: &Caches, namespace: &str, name: &str) -> Result<(), String> {
    let rollouts: Api<Lens<Rollouts>> = Api::namespaced(client.clone(), namespace);
    if rollouts.get_opt(name).await.map_err(|error| error.to_string())?.is_some() {
        return Ok(());
    }
    for service in caches.services.find(&managed_by(namespace, name)) {
        let Some(write) = serinus_decide::release(&service.value) else { continue };
        match make(client, &write, None).await {
            Ok(_) => tracing::info!(namespace, service = write.target.name, rollout = name, "gave a Service back"),
            // It changed meanwhile: the watch tells of it, and it is looked at again.
            Err(failure) if matches!(failure.outcome, Outcome::Conflict(_)) => {}
            Err(failure) => return Err(format!("{:?}", failure.outcome)),
        }
    }
    Ok(())
}
