//! The history of a namespace, as watches tell it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde_json::Value;
use serinus_tests_lab::api::Api;

use crate::normal::{Hashes, Kind, learn, scenario_of, text, view};
use crate::pulse;

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What kind of object.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What it is now; nothing when it was deleted.
    pub view: Option<Value>,
}

/// What is known of one scenario in one namespace.
#[derive(Default)]
struct Story {
    entries: Vec<Entry>,
    hashes: Hashes,
    /// Everything as it is now.
    present: BTreeMap<(Kind, String), Value>,
    last: Option<Instant>,
    last_event: Option<Instant>,
}

/// Follows one namespace; cheap to clone.
#[derive(Clone, Default)]
pub struct Record {
    stories: Arc<Mutex<BTreeMap<String, Story>>>,
}

impl Record {
    /// Follows all kinds until the task ends.
    ///
    /// # Errors
    /// A watch ended or can't be read.
    pub async fn follow(self, api: Arc<Api>, namespace: String) -> Result<()> {
        let mut watches = tokio::task::JoinSet::new();
        for kind in Kind::ALL {
            watches.spawn(self.clone().follow_kind(api.clone(), namespace.clone(), kind));
        }
        while let Some(ended) = watches.join_next().await {
            ended??;
        }
        bail!("all watches in {namespace} ended")
    }

    async fn follow_kind(self, api: Arc<Api>, namespace: String, kind: Kind) -> Result<()> {
        let mut version = String::new();
        // The API server ends a watch now and then: the next one goes on where it was.
        loop {
            let from = format!("{}?watch=true&allowWatchBookmarks=true", kind.collection(&namespace));
            let mut watch = api.watch(&format!("{from}&resourceVersion={version}")).await?;
            while let Some(event) = watch.next().await? {
                ensure!(event["type"] != "ERROR", "the watch on {kind:?} in {namespace}: {}", event["object"]);
                version = text(&event["object"]["metadata"]["resourceVersion"]).to_owned();
                if event["type"] != "BOOKMARK" {
                    self.note(kind, &event);
                }
            }
        }
    }

    fn note(&self, kind: Kind, event: &Value) {
        let object = &event["object"];
        let Some(scenario) = scenario_of(kind, object).filter(|name| *name != pulse::NAME) else { return };
        let mut stories = self.lock();
        let story = stories.entry(scenario.to_owned()).or_default();
        if kind == Kind::ReplicaSet {
            learn(&mut story.hashes, object);
        }
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let view = (event["type"] != "DELETED").then(|| view(kind, object));
        // An Event that goes is history all the same.
        if kind == Kind::Event && view.is_none() {
            return;
        }
        let changed = match &view {
            Some(view) => story.present.insert((kind, name.clone()), view.clone()).as_ref() != Some(view),
            None => story.present.remove(&(kind, name.clone())).is_some(),
        };
        // Argo turns the selector of an aborted canary's Service back and forth until its pods are gone, with an event each time.
        if changed && !matches!(kind, Kind::Service | Kind::Event) {
            story.last = Some(Instant::now());
        }
        if kind == Kind::Event {
            story.last_event = Some(Instant::now());
        }
        story.entries.push(Entry { kind, name, view });
    }

    /// How long no event has come, in all scenarios: they may come long after what they tell.
    pub fn quiet_of_events(&self) -> Duration {
        let last = self.lock().values().filter_map(|story| story.last_event).max();
        last.map_or(Duration::MAX, |last| last.elapsed())
    }

    /// How long nothing has changed but Services and events; nothing when nothing has happened yet.
    pub fn quiet(&self, scenario: &str) -> Option<Duration> {
        self.lock().get(scenario)?.last.map(|last| last.elapsed())
    }

    /// All objects of a kind as they are now.
    pub fn present(&self, scenario: &str, kind: Kind) -> Vec<(String, Value)> {
        let stories = self.lock();
        let objects = stories.get(scenario).into_iter().flat_map(|story| &story.present);
        objects.filter(|((of, _), _)| *of == kind).map(|((_, name), view)| (name.clone(), view.clone())).collect()
    }

    /// How many changes there were.
    pub fn len(&self, scenario: &str) -> usize {
        self.lock().get(scenario).map_or(0, |story| story.entries.len())
    }

    /// All changes, and the hashes that are known.
    pub fn story(&self, scenario: &str) -> (Vec<Entry>, Hashes) {
        self.lock().get(scenario).map(|story| (story.entries.clone(), story.hashes.clone())).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Story>> {
        self.stories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
