//! Walks past every canary under way, asks the guard, and aborts the bad ones, until analysis runs do that.

use crate::calls::Api;
use crate::gateway::counts::{Counts, Tally};
use crate::gateway::table::Key;
use crate::guard;
use crate::screen::Screen;
use crate::watched::Watched;
use serde_json::json;
use serinus_wire::Rollout;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;

const EVERY: Duration = Duration::from_millis(250);

/// A canary under way, and what was counted when it began.
struct Canary {
    hash: String,
    canary: Tally,
    stable: Tally,
}

/// Walks for ever.
pub async fn walk(api: Api, watched: watch::Receiver<Watched>, counts: Counts, screen: Screen) {
    let mut begun: BTreeMap<Key, Canary> = BTreeMap::new();
    loop {
        tokio::time::sleep(EVERY).await;
        let rollouts = watched.borrow().rollouts.clone();
        begun.retain(|key, canary| rollouts.get(key).and_then(canary_hash) == Some(canary.hash.as_str()));
        for (key, rollout) in &rollouts {
            let Some(hash) = canary_hash(rollout) else { continue };
            let now = |hash: &str| counts.of_hash(&key.0, hash);
            let start = begun.entry(key.clone()).or_insert_with(|| Canary {
                hash: hash.to_string(),
                canary: now(hash),
                stable: now(&rollout.status.stable_rs),
            });
            let canary = now(hash).since(&start.canary);
            let stable = now(&rollout.status.stable_rs).since(&start.stable);
            if let Some(reason) = guard::verdict(&canary, &stable) {
                abort(&api, key, &reason, &screen).await;
            }
        }
    }
}

/// The hash of the version that is being tried, if there is one and nobody gave it up.
fn canary_hash(rollout: &Rollout) -> Option<&str> {
    let status = &rollout.status;
    let trying = !status.abort && !status.stable_rs.is_empty() && status.current_pod_hash != status.stable_rs;
    trying.then_some(status.current_pod_hash.as_str())
}

async fn abort(api: &Api, key: &Key, reason: &str, screen: &Screen) {
    screen.tell(&format!("{}: the sandbox's guard aborts: {reason}", key.1));
    let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts/{}/status", key.0, key.1);
    if let Err(refused) = api.merge(&path, json!({"status": {"abort": true}})).await {
        screen.tell(&format!("{}: the abort was refused and is tried again: {refused}", key.1));
    }
}
