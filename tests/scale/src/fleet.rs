//! Many Rollouts in one namespace: made, changed, and followed until they are where they should be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use serinus_tests_lab::api::Api;
use serinus_tests_lab::wait::{Look, until};
use tokio::task::JoinSet;

use crate::objects::{collection, image, update};

/// Requests of this program that run at the same time.
const AT_ONCE: usize = 16;

/// The Rollouts of a namespace, and what is known of them. Its watches end with it.
pub struct Fleet {
    api: Arc<Api>,
    namespace: String,
    names: Vec<String>,
    known: Arc<Mutex<Known>>,
    watches: JoinSet<Result<()>>,
}

#[derive(Default)]
struct Known {
    version: u32,
    rollouts: BTreeMap<String, Value>,
    /// By Rollout and name.
    sets: BTreeMap<String, BTreeMap<String, Value>>,
    unfinished: BTreeSet<String>,
    /// When the last one got where it should be.
    finished: Option<Instant>,
}

impl Known {
    fn take(&mut self, event: &Value) {
        let object = &event["object"];
        let gone = event["type"] == "DELETED";
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let rollout = if object["kind"] == "Rollout" {
            if !gone {
                self.rollouts.insert(name.clone(), slim(object));
            }
            name
        } else {
            let owner = object["metadata"]["ownerReferences"][0]["name"].as_str().unwrap_or_default().to_owned();
            let sets = self.sets.entry(owner.clone()).or_default();
            match gone {
                true => sets.remove(&name),
                false => sets.insert(name, slim(object)),
            };
            owner
        };
        self.judge(&rollout);
    }

    fn judge(&mut self, name: &str) {
        let Some(rollout) = self.rollouts.get(name) else { return };
        let none = BTreeMap::new();
        if is_there(rollout, self.sets.get(name).unwrap_or(&none), self.version) {
            if self.unfinished.remove(name) && self.unfinished.is_empty() {
                self.finished = Some(Instant::now());
            }
        } else {
            self.unfinished.insert(name.to_owned());
            self.finished = None;
        }
    }
}

/// What is judged by: ten thousand whole objects would be heavier than what is measured.
fn slim(object: &Value) -> Value {
    let status = &object["status"];
    let pick = |names: &[&str]| -> Value {
        names.iter().map(|name| ((*name).to_owned(), status[*name].clone())).collect::<serde_json::Map<_, _>>().into()
    };
    json!({
        "version": object["metadata"]["resourceVersion"],
        "generation": object["metadata"]["generation"],
        "hash": object["metadata"]["labels"]["rollouts-pod-template-hash"],
        "replicas": object["spec"]["replicas"],
        "image": object["spec"]["template"]["spec"]["containers"][0]["image"],
        "status": pick(&["phase", "observedGeneration", "stableRS", "currentPodHash", "replicas", "readyReplicas"]),
    })
}

/// Whether the status is about the last change of the spec.
fn is_observed(rollout: &Value) -> bool {
    let observed = rollout["status"]["observedGeneration"].as_str().and_then(|text| text.parse::<i64>().ok());
    observed.is_some() && observed == rollout["generation"].as_i64()
}

/// A canary is out and waits: the update was seen, and every pod is ready.
fn is_paused(rollout: &Value) -> bool {
    let status = &rollout["status"];
    status["phase"] == "Paused"
        && is_observed(rollout)
        && status["stableRS"] != status["currentPodHash"]
        && status["replicas"] == status["readyReplicas"]
}

/// Healthy with the wanted image, as the controller itself says of the last change, and no pod of anything else. Judged alike,
/// whichever controller is at work.
fn is_there(rollout: &Value, sets: &BTreeMap<String, Value>, version: u32) -> bool {
    let status = &rollout["status"];
    let said = status["phase"] == "Healthy" && is_observed(rollout) && status["stableRS"] == status["currentPodHash"];
    let count = |value: &Value| value.as_i64().unwrap_or(0);
    let stable = sets.values().any(|set| {
        set["hash"] == status["stableRS"]
            && set["image"] == image(version)
            && count(&set["status"]["readyReplicas"]) == count(&rollout["replicas"])
    });
    let old = sets.values().filter(|set| set["hash"] != status["stableRS"]);
    said && stable && old.clone().all(|set| count(&set["replicas"]) == 0 && count(&set["status"]["replicas"]) == 0)
}

impl Fleet {
    /// A fresh namespace, and nothing in it.
    pub async fn found(api: &Arc<Api>, namespace: &str, names: Vec<String>) -> Result<Fleet> {
        strike(api, namespace).await?;
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        api.create("/api/v1/namespaces", body).await?;
        let known =
            Arc::new(Mutex::new(Known { version: 1, unfinished: names.iter().cloned().collect(), ..Known::default() }));
        let mut watches = JoinSet::new();
        for plural in ["rollouts", "replicasets"] {
            let path = format!("{}?watch=true", collection(namespace, plural));
            watches.spawn(follow(api.clone(), path, known.clone()));
        }
        Ok(Fleet { api: api.clone(), namespace: namespace.to_owned(), names, known, watches })
    }

    /// Makes every Rollout with what belongs to it.
    pub async fn make(&self, objects: impl Fn(&str) -> Vec<(&'static str, Value)>) -> Result<()> {
        let made = stream::iter(self.names.iter().map(|name| objects(name))).map(|objects| async {
            for (plural, body) in objects {
                self.create(plural, &body).await?;
            }
            Ok(())
        });
        made.buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Creates an object, in the end also on a server that does not keep up.
    async fn create(&self, plural: &str, body: &Value) -> Result<()> {
        let path = collection(&self.namespace, plural);
        let name = body["metadata"]["name"].as_str().unwrap_or_default();
        until(&format!("{plural} {name} to be made"), Duration::from_secs(300), || async {
            Ok(match self.api.create(&path, body.clone()).await {
                Ok(()) => Look::Done(()),
                // The answer to an earlier try was lost.
                Err(_) if self.api.get(&format!("{path}/{name}")).await.is_ok_and(|found| found.is_some()) => {
                    Look::Done(())
                }
                Err(error) => Look::Not(format!("{error:#}")),
            })
        })
        .await
    }

    /// Updates every Rollout to a version.
    pub async fn update(&self, version: u32) -> Result<()> {
        {
            let mut known = self.lock();
            known.version = version;
            known.unfinished = self.names.iter().cloned().collect();
            known.finished = None;
        }
        let patched = stream::iter(&self.names)
            .map(|name| async move { self.api.merge(&self.path(name), update(name, version)).await });
        patched.buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Waits until every Rollout is where it should be, and tells when the last one got there.
    pub async fn finished(&mut self, patience: Duration) -> Result<Instant> {
        let known = self.known.clone();
        let all = until("every Rollout to be Healthy and every old set to be without pods", patience, || async {
            let known = known.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(match known.finished {
                Some(at) => Look::Done(at),
                None => Look::Not(left(&known)),
            })
        });
        tokio::select! {
            finished = all => finished,
            Some(ended) = self.watches.join_next() => {
                ended??;
                bail!("a watch in {} ended", self.namespace)
            }
        }
    }

    /// Waits until one Rollout rests at a pause of its update, with all its pods ready.
    pub async fn paused(&self, name: &str) -> Result<()> {
        until(&format!("{name} to be paused with its pods ready"), Duration::from_secs(120), || async {
            let known = self.lock();
            let rollout = known.rollouts.get(name);
            let rests = rollout.is_some_and(is_paused);
            Ok(if rests { Look::Done(()) } else { Look::Not(format!("{rollout:?}")) })
        })
        .await
    }

    /// Path of a Rollout.
    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", collection(&self.namespace, "rollouts"))
    }

    /// The names of the Rollouts.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn left(known: &Known) -> String {
    let first = known.unfinished.first().cloned().unwrap_or_default();
    let (rollout, sets) = (known.rollouts.get(&first), known.sets.get(&first));
    format!("{} of them are not, the first is {first}: {rollout:?} {sets:?}", known.unfinished.len())
}

/// Follows a kind for ever. A server that finds a watch too slow ends it: then it begins again with all there is.
async fn follow(api: Arc<Api>, path: String, known: Arc<Mutex<Known>>) -> Result<()> {
    let known = || known.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        // A definition that has just come makes the server refuse its objects for a moment.
        let mut watch = until(&format!("a watch on {path}"), Duration::from_secs(60), || async {
            Ok(match api.watch(&path).await {
                Ok(watch) => Look::Done(watch),
                Err(error) => Look::Not(format!("{error:#}")),
            })
        })
        .await?;
        if path.contains("/replicasets?") {
            known().sets.clear();
        }
        while let Some(event) = watch.next().await? {
            known().take(&event);
        }
    }
}

/// Takes a namespace away with all that is in it.
pub async fn strike(api: &Api, namespace: &str) -> Result<()> {
    let path = format!("/api/v1/namespaces/{namespace}");
    api.delete(&path).await?;
    until(&format!("the namespace {namespace} to go"), Duration::from_secs(600), || async {
        Ok(if api.get(&path).await?.is_none() { Look::Done(()) } else { Look::Not("still there".into()) })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the end is: each line takes one thing away from it.
    #[test]
    fn the_end_is_told_from_what_is_not_yet_the_end() {
        let rollout = json!({"metadata": {"name": "web", "generation": 2}, "spec": {"replicas": 2}, "kind": "Rollout",
            "status": {"phase": "Healthy", "observedGeneration": "2", "stableRS": "b", "currentPodHash": "b"}});
        let set = |hash: &str, version: u32, replicas: i64| {
            slim(&json!({"metadata": {"labels": {"rollouts-pod-template-hash": hash}},
                "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"image": image(version)}]}}},
                "status": {"replicas": replicas, "readyReplicas": replicas}}))
        };
        let sets =
            |old: i64, new: i64| BTreeMap::from([("a".into(), set("a", 1, old)), ("b".into(), set("b", 2, new))]);
        let with = |field: &str, value: Value| {
            let mut changed = rollout.clone();
            changed["status"][field] = value;
            slim(&changed)
        };
        assert!(is_there(&slim(&rollout), &sets(0, 2), 2));
        assert!(!is_there(&slim(&rollout), &sets(1, 2), 2));
        assert!(!is_there(&slim(&rollout), &sets(0, 1), 2));
        assert!(!is_there(&slim(&rollout), &sets(0, 2), 3));
        assert!(!is_there(&with("phase", json!("Progressing")), &sets(0, 2), 2));
        assert!(!is_there(&with("observedGeneration", json!("1")), &sets(0, 2), 2));
        assert!(!is_there(&with("stableRS", json!("a")), &sets(0, 2), 2));
        let mut paused = with("phase", json!("Paused"));
        assert!(!is_paused(&paused), "nothing new is out");
        paused["status"]["stableRS"] = json!("a");
        assert!(is_paused(&paused));
        paused["status"]["replicas"] = json!(2);
        assert!(!is_paused(&paused), "a pod is not ready");
        paused["status"]["readyReplicas"] = json!(2);
        assert!(is_paused(&paused));
        paused["status"]["observedGeneration"] = json!("1");
        assert!(!is_paused(&paused));
    }
}
