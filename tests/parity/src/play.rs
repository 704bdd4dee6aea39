//! Plays a scenario under one controller: act, wait until all is quiet, note where the history stands, go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use serinus_tests_lab::api::Api;
use serinus_tests_lab::wait::{Look, until};

use crate::manifests::{objects, rollout_path, template};
use crate::normal::{Kind, text};
use crate::record::Record;
use crate::scenario::{Act, Scenario};

/// Nothing has changed for so long: all is quiet. Longer than the longest timed pause.
const QUIET: Duration = Duration::from_secs(6);
/// The same while the Rollout still says that it progresses.
const STUCK: Duration = Duration::from_secs(14);
/// Longest wait for quiet. Delays before old pods go are 30 s.
const PATIENCE: Duration = Duration::from_secs(180);

/// A controller's side.
#[derive(Clone)]
pub struct Side {
    /// The way to the cluster.
    pub api: Arc<Api>,
    /// The namespace that the controller looks after.
    pub namespace: String,
    /// What happened there.
    pub record: Record,
}

impl Side {
    /// Plays `scenario` as `name`; gives how many changes there were after each act.
    ///
    /// # Errors
    /// The API refused something, or it never got quiet.
    pub async fn play(&self, scenario: &Scenario, name: &str) -> Result<Vec<usize>> {
        let mut marks = Vec::new();
        for act in &scenario.script {
            let told = || format!("{}: {} ({name}), {act:?}", self.namespace, scenario.title);
            self.act(scenario, name, act).await.with_context(told)?;
            self.quiet(name, Instant::now()).await.with_context(told)?;
            marks.push(self.record.len(name));
        }
        Ok(marks)
    }

    async fn act(&self, scenario: &Scenario, name: &str, act: &Act) -> Result<()> {
        match act {
            Act::Apply => {
                for object in objects(scenario, &self.namespace, name) {
                    self.api.create(&object.collection, object.body).await?;
                }
                Ok(())
            }
            Act::Ship(version) => self.spec(name, json!({"template": template(name, *version)})).await,
            Act::Promote => self.promote(name).await,
            Act::PromoteFull => {
                let status = &self.rollout(name).await?["status"];
                if status["currentPodHash"] == status["stableRS"] {
                    return Ok(());
                }
                self.status(name, json!({"promoteFull": true})).await
            }
            Act::Abort => self.status(name, json!({"abort": true})).await,
            Act::Retry => self.status(name, json!({"abort": false})).await,
            Act::Scale(replicas) => self.spec(name, json!({"replicas": replicas})).await,
            Act::Pause => self.spec(name, json!({"paused": true})).await,
            Act::Unpause => self.spec(name, json!({"paused": false})).await,
            Act::Steps(steps) => self.spec(name, json!({"strategy": {"canary": {"steps": steps}}})).await,
            Act::Linger => self.linger(name).await,
        }
    }

    /// As the command line does it (spec 7.1), without `spec.paused`.
    async fn promote(&self, name: &str) -> Result<()> {
        let rollout = self.rollout(name).await?;
        let status = &rollout["status"];
        let paused = status["pauseConditions"].as_array().is_some_and(|list| !list.is_empty());
        let steps = rollout["spec"]["strategy"]["canary"]["steps"].as_array().map_or(0, Vec::len);
        let index = status["currentStepIndex"].as_u64().unwrap_or(0);
        let patch = match steps {
            _ if paused => json!({"pauseConditions": null}),
            0 => return Ok(()),
            _ => json!({"pauseConditions": null, "currentStepIndex": (index + 1).min(steps as u64)}),
        };
        self.status(name, patch).await
    }

    /// Waits until no ReplicaSet with pods has a deadline any more.
    async fn linger(&self, name: &str) -> Result<()> {
        until("the delays before old pods go", PATIENCE, || async {
            let collection = Kind::ReplicaSet.collection(&self.namespace);
            let list = self.api.get(&format!("{collection}?labelSelector=app%3D{name}")).await?.unwrap_or_default();
            let waiting: Vec<&str> = (list["items"].as_array().into_iter().flatten())
                .filter(|set| set["spec"]["replicas"] != 0)
                .filter(|set| !set["metadata"]["annotations"]["scale-down-deadline"].is_null())
                .map(|set| text(&set["metadata"]["name"]))
                .collect();
            Ok(if waiting.is_empty() { Look::Done(()) } else { Look::Not(format!("{waiting:?} linger")) })
        })
        .await
    }

    /// Waits until nothing has changed for a while, which begins after the act.
    async fn quiet(&self, name: &str, acted: Instant) -> Result<()> {
        until("quiet", PATIENCE, || async {
            let Some(quiet) = self.record.quiet(name) else { return Ok(Look::Not("nothing happened".into())) };
            let quiet = quiet.min(acted.elapsed());
            if quiet < QUIET {
                return Ok(Look::Not("it goes on".into()));
            }
            let rollout = self.rollout(name).await?;
            let phase = text(&rollout["status"]["phase"]);
            let enough = if matches!(phase, "Healthy" | "Paused" | "Degraded") { QUIET } else { STUCK };
            Ok(if quiet >= enough { Look::Done(()) } else { Look::Not(rollout["status"].to_string()) })
        })
        .await
    }

    async fn rollout(&self, name: &str) -> Result<Value> {
        let path = rollout_path(&self.namespace, name);
        match self.api.get(&path).await? {
            Some(rollout) => Ok(rollout),
            None => bail!("{path} is gone"),
        }
    }

    async fn spec(&self, name: &str, spec: Value) -> Result<()> {
        self.api.merge(&rollout_path(&self.namespace, name), json!({"spec": spec})).await
    }

    async fn status(&self, name: &str, status: Value) -> Result<()> {
        self.api.merge(&format!("{}/status", rollout_path(&self.namespace, name)), json!({"status": status})).await
    }
}
