//! Counts, hashes and selectors of a status: computed anew each time (spec 2.5, 2.6).

use crate::pass::Pass;
use crate::sets::SetView;
use serde_json::Value;
use serinus_wire::selector::Selector;

/// What a scaler and a person see of the pods that take traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serving {
    /// Pods that exist.
    pub existing: i32,
    /// Pods that are ready.
    pub ready: i32,
    /// Pods that are available.
    pub available: i32,
    /// Selector of all these pods.
    pub selector: String,
}

impl Serving {
    /// All sets take traffic.
    pub fn all(pass: &Pass<'_>) -> Serving {
        Serving {
            existing: pass.sets.sum(|set| set.existing()),
            ready: pass.sets.sum(|set| set.seen.status.ready_replicas),
            available: pass.sets.sum(|set| set.available()),
            selector: words(pass.rollout.spec.selector.as_ref()),
        }
    }

    /// One set takes it all.
    pub fn one(set: &SetView<'_>) -> Serving {
        Serving {
            existing: set.existing(),
            ready: set.seen.status.ready_replicas,
            available: set.available(),
            selector: words(Some(&set.seen.spec.selector)),
        }
    }
}

fn words(selector: Option<&Value>) -> String {
    let selector = selector.and_then(|value| Selector::parse(value).ok());
    selector.map(|selector| selector.to_string()).unwrap_or_default()
}

/// Writes the counts, the hash of the new set, and what lives on from the old status into the new one.
pub fn fill(pass: &mut Pass<'_>) {
    let serving = pass.strategy().serving(pass);
    let old = &pass.rollout.status;
    let (stable_rs, promote_full) = (old.stable_rs.clone(), old.promote_full);
    let (existing, new) = (pass.sets.sum(|set| set.existing()), pass.sets.new_set());
    let (hash, updated) =
        (new.map_or_else(String::new, |set| set.hash().to_string()), new.map_or(0, |set| set.existing()));
    let status = &mut pass.status;
    status.replicas = existing;
    status.updated_replicas = updated;
    status.ready_replicas = serving.ready;
    status.available_replicas = serving.available;
    status.hpa_replicas = serving.existing;
    status.selector = serving.selector;
    status.current_pod_hash = hash;
    status.stable_rs = stable_rs;
    status.promote_full = promote_full && status.stable_rs != status.current_pod_hash;
}
