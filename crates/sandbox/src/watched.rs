//! What the sandbox itself knows of the Rollouts: follows them, tells the story, and lets others wait for a state.

use crate::calls::{Api, Change};
use crate::gateway::follow::key_of;
use crate::gateway::table::{Key, tag};
use crate::screen::Screen;
use crate::story::{self, Tags};
use serde_json::Value;
use serinus_wire::{Rollout, keys};
use std::collections::BTreeMap;
use tokio::sync::watch;

/// Path of all Rollouts.
pub const ROLLOUTS: &str = "/apis/argoproj.io/v1alpha1/rollouts";

/// The Rollouts as last seen, and the tags of their ReplicaSets.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// Rollouts by namespace and name.
    pub rollouts: BTreeMap<Key, Rollout>,
    /// Image tags by hash.
    pub tags: Tags,
}

impl Watched {
    /// The tag of the stable version of a Rollout.
    pub fn stable_tag(&self, key: &Key) -> Option<&str> {
        self.tags.get(&self.rollouts.get(key)?.status.stable_rs).map(String::as_str)
    }
}

/// Follows for ever.
pub async fn follow(api: Api, watched: watch::Sender<Watched>, screen: Screen) {
    let sets = api.follow("/apis/apps/v1/replicasets", |change| {
        watched.send_modify(|watched| match change {
            Change::All(all) => watched.tags.extend(all.iter().filter_map(tag_of_set)),
            Change::Put(set) => watched.tags.extend(tag_of_set(&set)),
            // The story may still have to name it.
            Change::Gone(_) => {}
        });
    });
    let rollouts = api.follow(ROLLOUTS, |change| watched.send_modify(|watched| watched.change(change, &screen)));
    let events = api.follow("/api/v1/events", |change| {
        if let Change::Put(event) = change
            && let Some(sentence) = warning(&event)
        {
            screen.tell(&sentence);
        }
    });
    let mut phases = BTreeMap::new();
    let updates = api.follow("/apis/serinus.dev/v1alpha1/imageupdates", |change| {
        if let Change::Put(update) = change
            && let Some(sentence) = said(&update, &mut phases)
        {
            screen.tell(&sentence);
        }
    });
    futures::join!(sets, rollouts, events, updates);
}

/// What is new about an update of an image.
fn said(update: &Value, phases: &mut BTreeMap<Key, String>) -> Option<String> {
    let status = &update["status"];
    let phase = format!("{} {}", status["phase"].as_str()?, status["message"].as_str()?);
    if phases.insert(key_of(update), phase.clone()).as_ref() == Some(&phase) {
        return None;
    }
    let spec = &update["spec"];
    let (workload, tag) = (spec["workload"]["name"].as_str()?, spec["tag"].as_str()?);
    Some(format!("{workload}: update to {tag}: {}: {}", status["phase"].as_str()?, status["message"].as_str()?))
}

impl Watched {
    fn change(&mut self, change: Change, screen: &Screen) {
        match change {
            Change::All(all) => {
                let gone = std::mem::take(&mut self.rollouts);
                for object in all {
                    let key = key_of(&object);
                    self.put(gone.get(&key).cloned(), key, object, screen);
                }
            }
            Change::Put(object) => {
                let key = key_of(&object);
                self.put(self.rollouts.get(&key).cloned(), key, object, screen);
            }
            Change::Gone(object) => {
                let key = key_of(&object);
                screen.tell(&format!("{}: deleted", key.1));
                self.rollouts.remove(&key);
            }
        }
    }

    fn put(&mut self, before: Option<Rollout>, key: Key, object: Value, screen: &Screen) {
        let Ok(rollout) = Rollout::read(object) else { return };
        for sentence in story::changes(before.as_ref(), &rollout, &self.tags) {
            screen.tell(&format!("{}: {sentence}", key.1));
        }
        self.rollouts.insert(key, rollout);
    }
}

fn tag_of_set(set: &Value) -> Option<(String, String)> {
    let hash = set["metadata"]["labels"][keys::HASH].as_str()?;
    let image = set["spec"]["template"]["spec"]["containers"][0]["image"].as_str()?;
    Some((hash.to_string(), tag(image).to_string()))
}

/// Warnings are part of the story; an abort is told already.
fn warning(event: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let reason = text(&event["reason"]);
    if event["type"] != "Warning" || reason == "RolloutAborted" {
        return None;
    }
    let about = &event["involvedObject"];
    Some(format!("{}: warning {reason}: {}", text(&about["name"]), text(&event["message"])))
}
