//! Plays a scenario under one controller: act, wait until all is quiet, note where the history stands, go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use jiff::{Timestamp, Unit};
use serde_json::{Value, json};
use serinus_tests_lab::api::Api;
use serinus_tests_lab::wait::{Look, until};

use crate::answers::Answers;
use crate::manifests::{Words, objects, rollout_path, template};
use crate::normal::{self, Kind, text};
use crate::pulse::Pulse;
use crate::record::Record;
use crate::scenario::{Act, Scenario, Version};

/// Nothing has changed for so long, or for so many times what the controller takes to answer right now: all is quiet. Longer than the longest
/// timed pause, and than the longest interval of a metric.
const LAGS: u32 = 6;
const QUIET: Duration = Duration::from_secs(3);
/// The same while something is still on its way: the Rollout says that it progresses, or pods are missing.
const STUCK: Duration = Duration::from_secs(8);
/// The same while pods are missing that will come, which a busy machine makes late, or while those of an Experiment that is over wait for their end.
const LATE: Duration = Duration::from_secs(35);
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
    /// How slow the controller is.
    pub pulse: Pulse,
    /// What web metrics ask.
    pub answers: Answers,
}

/// Plays `scenario` as `name` on both sides; gives how many changes there were after each act, on the one and on the other. They go from act to act
/// together: what a deadline brings, 30 s later for example, belongs to the same act on both, however slow one of the controllers is.
///
/// # Errors
/// The API refused something, or it never got quiet.
pub async fn both(one: &Side, other: &Side, scenario: &Scenario, name: &str) -> Result<(Vec<usize>, Vec<usize>)> {
    let (mut here, mut there) = (Vec::new(), Vec::new());
    for (n, act) in scenario.script.iter().enumerate() {
        let told = |side: &Side| format!("{}: {} ({name}), {act:?}", side.namespace, scenario.title);
        let does = async |side: &Side| side.act(scenario, name, act).await.with_context(|| told(side));
        tokio::try_join!(does(one), does(other))?;
        // What is awaited belongs to the act before: how far one is on the way there is a matter of patience.
        if matches!(scenario.script.get(n + 1), Some(Act::Await(_))) {
            continue;
        }
        let acted = Instant::now();
        let rests = async |side: &Side| side.quiet(name, acted).await.with_context(|| told(side));
        tokio::try_join!(rests(one), rests(other))?;
        here.resize(n + 1, one.record.len(name));
        there.resize(n + 1, other.record.len(name));
    }
    Ok((here, there))
}

impl Side {
    /// Takes the Rollout of a scenario away, and what stands beside it, and with them their pods: nodes have room for so many.
    ///
    /// # Errors
    /// The API refused it.
    pub async fn strike(&self, name: &str) -> Result<()> {
        for kind in [Kind::Experiment, Kind::AnalysisRun] {
            for (alone, _) in self.record.present(name, kind).iter().filter(|(_, view)| view["owned"]["name"].is_null())
            {
                self.api.delete(&format!("{}/{alone}", kind.collection(&self.namespace))).await?;
            }
        }
        self.api.delete(&rollout_path(&self.namespace, name)).await
    }

    fn words<'a>(&'a self, name: &'a str) -> Words<'a> {
        Words { name, namespace: &self.namespace, web: &self.answers.address }
    }

    async fn act(&self, scenario: &Scenario, name: &str, act: &Act) -> Result<()> {
        match act {
            Act::Apply => {
                for object in objects(scenario, self.words(name)) {
                    self.api.create(&object.collection, object.body).await?;
                }
                Ok(())
            }
            Act::Ship(version) => self.ship(scenario, name, *version).await,
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
            Act::Restart => self.spec(name, json!({"restartAt": now()?})).await,
            Act::Scale(replicas) => self.spec(name, json!({"replicas": replicas})).await,
            Act::Autoscale(replicas) => {
                let path = format!("{}/scale", rollout_path(&self.namespace, name));
                self.api.merge(&path, json!({"spec": {"replicas": replicas}})).await
            }
            Act::Pause => self.spec(name, json!({"paused": true})).await,
            Act::Unpause => self.spec(name, json!({"paused": false})).await,
            Act::Spec(patch) => self.spec(name, self.words(name).fill(patch)).await,
            Act::Create(object) => {
                let object = self.words(name).object(object);
                self.api.create(&object.collection, object.body).await
            }
            Act::Measure(value) => {
                self.answers.tell(&self.namespace, name, *value);
                Ok(())
            }
            Act::Terminate => self.all(name, Kind::AnalysisRun, json!({"spec": {"terminate": true}})).await,
            Act::EndExperiments => self.all(name, Kind::Experiment, json!({"spec": {"terminate": true}})).await,
            Act::RetryExperiments => self.all(name, Kind::Experiment, json!({"status": null})).await,
            Act::Await(phase) => self.phase(name, phase).await,
            Act::Linger => self.linger(name).await,
        }
    }

    /// Writes the template of a version to where the Rollout has it from.
    async fn ship(&self, scenario: &Scenario, name: &str, version: Version) -> Result<()> {
        let template = template(name, version);
        let reference = &scenario.spec["workloadRef"];
        let plural = match text(&reference["kind"]) {
            "" => return self.spec(name, json!({"template": template})).await,
            kind => format!("{}s", kind.to_lowercase()),
        };
        let (group, patch) = match text(&reference["apiVersion"]) {
            "v1" => ("api/v1".to_owned(), json!({"template": template})),
            version => (format!("apis/{version}"), json!({"spec": {"template": template}})),
        };
        self.api.merge(&format!("/{group}/namespaces/{}/{plural}/{name}-workload", self.namespace), patch).await
    }

    /// As the command line does it (spec 7.1), without `spec.paused`.
    ///
    /// # Errors
    /// The API refused it.
    pub async fn promote(&self, name: &str) -> Result<()> {
        let rollout = self.rollout(name).await?;
        let status = &rollout["status"];
        let paused = status["pauseConditions"].as_array().is_some_and(|list| !list.is_empty());
        let steps = rollout["spec"]["strategy"]["canary"]["steps"].as_array().map_or(0, Vec::len);
        let index = status["currentStepIndex"].as_u64().unwrap_or(0);
        let next = (index + 1).min(steps as u64);
        let undecided = status["canary"]["currentStepAnalysisRunStatus"]["status"] == "Inconclusive";
        let patch = match steps {
            _ if paused && undecided && status["controllerPause"] == true => {
                json!({"pauseConditions": null, "controllerPause": false, "currentStepIndex": next})
            }
            _ if paused => json!({"pauseConditions": null}),
            0 => return Ok(()),
            _ => json!({"pauseConditions": null, "currentStepIndex": next}),
        };
        self.status(name, patch).await
    }

    /// Writes the same into every object of a kind.
    async fn all(&self, name: &str, kind: Kind, patch: Value) -> Result<()> {
        for (object, _) in self.record.present(name, kind) {
            self.api.merge(&format!("{}/{object}", kind.collection(&self.namespace)), patch.clone()).await?;
        }
        Ok(())
    }

    /// Waits until the Rollout has a phase.
    async fn phase(&self, name: &str, wanted: &str) -> Result<()> {
        until(&format!("phase {wanted}"), PATIENCE, || async {
            let (phase, status) = self.status_now(name);
            let done = phase == wanted && self.observed(name);
            Ok(if done { Look::Done(()) } else { Look::Not(status) })
        })
        .await
    }

    /// Waits until no ReplicaSet with pods has a deadline any more.
    async fn linger(&self, name: &str) -> Result<()> {
        until("the delays before old pods go", PATIENCE, || async {
            let sets = self.record.present(name, Kind::ReplicaSet).into_iter();
            let waiting: Vec<String> = sets
                .filter(|(_, set)| set["size"] != 0 && !set["annotations"]["scale-down-deadline"].is_null())
                .map(|(set, _)| set)
                .collect();
            Ok(if waiting.is_empty() { Look::Done(()) } else { Look::Not(format!("{waiting:?} linger")) })
        })
        .await
    }

    /// Waits until nothing has changed for a while, which begins after the act.
    async fn quiet(&self, name: &str, acted: Instant) -> Result<()> {
        until("quiet", PATIENCE, || async {
            let Some(quiet) = self.record.quiet(name) else { return Ok(Look::Not("nothing happened".into())) };
            let (quiet, lags) = (quiet.min(acted.elapsed()), self.pulse.lag() * LAGS);
            if quiet < QUIET.max(lags) {
                return Ok(Look::Not("it goes on".into()));
            }
            let (phase, status) = self.status_now(name);
            let settled = matches!(phase.as_str(), "Healthy" | "Paused" | "Degraded") && self.observed(name);
            let enough = match () {
                () if self.late(name) => LATE,
                () if settled && self.complete(name) => QUIET,
                () => STUCK,
            };
            Ok(if quiet >= enough.max(lags) { Look::Done(()) } else { Look::Not(status) })
        })
        .await
    }

    /// Whether a ReplicaSet whose pods have nodes to run on waits for some of them, or one of an Experiment for its deadline. Meanwhile the Argo
    /// controller writes the Experiment again and again, and so never rests.
    fn late(&self, name: &str) -> bool {
        let sets = self.record.present(name, Kind::ReplicaSet);
        let lingers = |set: &Value| {
            let annotations = &set["annotations"];
            !annotations["experiment.argoproj.io/name"].is_null()
                && !annotations["scale-down-deadline"].is_null()
                && set["size"] != 0
        };
        sets.iter().any(|(_, set)| (set["schedulable"] == true && !filled(set)) || lingers(set))
    }

    /// Whether every ReplicaSet has the pods that it wants, and no run or Experiment is under way that will end by itself.
    fn complete(&self, name: &str) -> bool {
        let of = |kind| self.record.present(name, kind);
        let (sets, runs, experiments) = (of(Kind::ReplicaSet), of(Kind::AnalysisRun), of(Kind::Experiment));
        let goes_on = |one: &Value| matches!(text(&one["status"]["phase"]), "" | "Pending" | "Running");
        sets.iter().all(|(_, set)| filled(set))
            && runs.iter().all(|(_, run)| !normal::ends(run) || !goes_on(run))
            && experiments.iter().all(|(_, one)| !normal::comes_to_an_end(one) || !goes_on(one))
    }

    /// Whether the controller has looked at the present spec.
    fn observed(&self, name: &str) -> bool {
        let rollouts = self.record.present(name, Kind::Rollout);
        rollouts.iter().all(|(_, rollout)| rollout["status"]["observedGeneration"] == normal::OBSERVED)
    }

    /// Phase and status as the watch last told them.
    fn status_now(&self, name: &str) -> (String, String) {
        let rollouts = self.record.present(name, Kind::Rollout);
        let status = rollouts.first().map_or(&Value::Null, |(_, rollout)| &rollout["status"]);
        (text(&status["phase"]).to_owned(), status.to_string())
    }

    async fn rollout(&self, name: &str) -> Result<Value> {
        let path = rollout_path(&self.namespace, name);
        match self.api.get(&path).await? {
            Some(rollout) => Ok(rollout),
            None => bail!("{path} is gone"),
        }
    }

    /// Writes fields of the spec.
    ///
    /// # Errors
    /// The API refused it.
    pub async fn spec(&self, name: &str, spec: Value) -> Result<()> {
        self.api.merge(&rollout_path(&self.namespace, name), json!({"spec": spec})).await
    }

    /// Writes fields of the status.
    ///
    /// # Errors
    /// The API refused it.
    pub async fn status(&self, name: &str, status: Value) -> Result<()> {
        self.api.merge(&format!("{}/status", rollout_path(&self.namespace, name)), json!({"status": status})).await
    }
}

/// Whether a ReplicaSet has the pods that it wants, and no more.
fn filled(set: &Value) -> bool {
    let number = |value: &Value| value.as_i64().unwrap_or(0);
    number(&set["size"]) == number(&set["existing"]) && number(&set["size"]) == number(&set["available"])
}

/// The present second as the API spells it.
fn now() -> Result<String> {
    Ok(Timestamp::now().round(Unit::Second)?.to_string())
}
