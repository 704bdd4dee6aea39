//! All objects of a namespace as they are now, and what changed since a moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;
use serinus_tests_lab::api::Api;
use serinus_tests_lab::wait::{Look, until};
use tokio::task::JoinSet;

use super::world::World;
use crate::normal::text;

/// Longest wait for the API server to serve a kind.
const PATIENCE: Duration = Duration::from_secs(30);

/// The kinds that a takeover must leave alone, and events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Rollouts.
    Rollout,
    /// ReplicaSets.
    ReplicaSet,
    /// Pods.
    Pod,
    /// Services.
    Service,
    /// Ingresses.
    Ingress,
    /// Deployments that a Rollout refers to.
    Deployment,
    /// AnalysisRuns.
    AnalysisRun,
    /// Experiments.
    Experiment,
    /// Events.
    Event,
}

impl Kind {
    const ALL: [Kind; 9] = [
        Kind::Rollout,
        Kind::ReplicaSet,
        Kind::Pod,
        Kind::Service,
        Kind::Ingress,
        Kind::Deployment,
        Kind::AnalysisRun,
        Kind::Experiment,
        Kind::Event,
    ];

    /// The path of its collection in a namespace.
    pub fn collection(self, namespace: &str) -> String {
        let (group, plural) = match self {
            Kind::Rollout => ("/apis/argoproj.io/v1alpha1", "rollouts"),
            Kind::ReplicaSet => ("/apis/apps/v1", "replicasets"),
            Kind::Pod => ("/api/v1", "pods"),
            Kind::Service => ("/api/v1", "services"),
            Kind::Ingress => ("/apis/networking.k8s.io/v1", "ingresses"),
            Kind::Deployment => ("/apis/apps/v1", "deployments"),
            Kind::AnalysisRun => ("/apis/argoproj.io/v1alpha1", "analysisruns"),
            Kind::Experiment => ("/apis/argoproj.io/v1alpha1", "experiments"),
            Kind::Event => ("/api/v1", "events"),
        };
        format!("{group}/namespaces/{namespace}/{plural}")
    }
}

/// An object's kind and name.
pub type Key = (Kind, String);

/// One change of one object.
#[derive(Clone)]
pub struct Change {
    /// Which object.
    pub key: Key,
    /// What it was.
    pub before: Option<Arc<Value>>,
    /// What it became; nothing when it was deleted.
    pub now: Option<Arc<Value>>,
}

#[derive(Default)]
struct Known {
    objects: BTreeMap<Key, Arc<Value>>,
    changes: Vec<Change>,
    /// When something last changed, by application.
    last: BTreeMap<String, Instant>,
}

/// Follows one namespace; cheap to clone.
#[derive(Clone, Default)]
pub struct Mirror {
    known: Arc<Mutex<Known>>,
}

impl Mirror {
    /// Follows all kinds until the task ends.
    ///
    /// # Errors
    /// A watch ended or can't be read.
    pub async fn follow(self, api: Arc<Api>, namespace: String) -> Result<()> {
        let mut watches = JoinSet::new();
        for kind in Kind::ALL {
            watches.spawn(self.clone().follow_kind(api.clone(), namespace.clone(), kind));
        }
        while let Some(ended) = watches.join_next().await {
            ended??;
        }
        bail!("all watches in {namespace} ended")
    }

    async fn follow_kind(self, api: Arc<Api>, namespace: String, kind: Kind) -> Result<()> {
        let collection = kind.collection(&namespace);
        loop {
            let list = self.list(&api, &collection, kind).await?;
            let from =
                format!("{collection}?watch=true&resourceVersion={}", text(&list["metadata"]["resourceVersion"]));
            let Ok(mut watch) = api.watch(&from).await else { continue };
            while let Ok(Some(event)) = watch.next().await {
                if event["type"] == "ERROR" {
                    break;
                }
                self.note(kind, event["type"] == "DELETED", event["object"].clone());
            }
        }
    }

    /// Reads all objects of a kind; what is not among them is gone.
    async fn list(&self, api: &Api, collection: &str, kind: Kind) -> Result<Value> {
        let list = until(&format!("a list of {kind:?}"), PATIENCE, || async {
            Ok(match api.get(collection).await {
                Ok(Some(list)) => Look::Done(list),
                Ok(None) => Look::Not("not served".to_owned()),
                Err(error) => Look::Not(error.to_string()),
            })
        })
        .await?;
        let items = list["items"].as_array().into_iter().flatten();
        let names: BTreeSet<&str> = items.clone().map(|object| text(&object["metadata"]["name"])).collect();
        let known: Vec<(Key, Arc<Value>)> =
            self.lock().objects.iter().map(|(key, object)| (key.clone(), object.clone())).collect();
        for ((_, _), object) in
            known.into_iter().filter(|((of, name), _)| *of == kind && !names.contains(name.as_str()))
        {
            self.note(kind, true, object.as_ref().clone());
        }
        items.for_each(|object| self.note(kind, false, object.clone()));
        Ok(list)
    }

    fn note(&self, kind: Kind, gone: bool, object: Value) {
        let key = (kind, text(&object["metadata"]["name"]).to_owned());
        let app = app_of(kind, &object).to_owned();
        let now = (!gone).then(|| Arc::new(object));
        let mut known = self.lock();
        let version = |object: &Arc<Value>| object["metadata"]["resourceVersion"].clone();
        if known.objects.get(&key).map(version) == now.as_ref().map(version) {
            return;
        }
        let before = match &now {
            Some(object) => known.objects.insert(key.clone(), object.clone()),
            None => known.objects.remove(&key),
        };
        // Events come behind what they tell, a run measures for as long as it runs, and Argo turns the canary Service of an aborted update back and forth.
        if !matches!(kind, Kind::Event | Kind::AnalysisRun | Kind::Service) {
            known.last.insert(app, Instant::now());
        }
        known.changes.push(Change { key, before, now });
    }

    /// An application's objects as they are now.
    pub fn world(&self, app: &str) -> World {
        let known = self.lock();
        let own =
            |(key, object): (&Key, &Arc<Value>)| (app_of(key.0, object) == app).then(|| (key.clone(), object.clone()));
        World::new(known.objects.iter().filter_map(own).collect())
    }

    /// How long nothing of an application has changed.
    pub fn quiet(&self, app: &str) -> Duration {
        self.lock().last.get(app).map_or(Duration::ZERO, |last| last.elapsed())
    }

    /// How many changes there were up to now, in all.
    pub fn mark(&self) -> usize {
        self.lock().changes.len()
    }

    /// What changed of an application between two marks.
    pub fn changes(&self, app: &str, from: usize, to: usize) -> Vec<Change> {
        let known = self.lock();
        let own = |change: &&Change| {
            let object = change.now.as_ref().or(change.before.as_ref());
            object.is_some_and(|object| app_of(change.key.0, object) == app)
        };
        known.changes.get(from..to).unwrap_or_default().iter().filter(own).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The application that an object belongs to: the first word of its name, or of the name that an event is about.
fn app_of(kind: Kind, object: &Value) -> &str {
    let name = if kind == Kind::Event { &object["involvedObject"]["name"] } else { &object["metadata"]["name"] };
    text(name).split('-').next().unwrap_or_default()
}
