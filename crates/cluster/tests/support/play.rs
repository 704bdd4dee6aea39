//! The scenarios of the comparison with the peer (`tests/parity`), played in the model and in virtual time.

use super::{ENDPOINT_SLICE, INGRESS, NS, ROLLOUT, Running, Tap, World, story, text};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use serinus_cluster::client::Resource;
use serinus_cluster::{Options, Transport, Unanswered};
use serinus_model::Model;
use serinus_talk::metric::Request;
use serinus_tests_parity::manifests::{Words, objects, template};
use serinus_tests_parity::scenario::{Act, Scenario, Version};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// The name that every scenario is played as.
pub const NAME: &str = "s1";
/// Longest that a play waits for rest, in virtual time.
const PATIENCE: Duration = Duration::from_secs(900);

pub const RUN: Resource =
    Resource { group: "argoproj.io", version: "v1alpha1", kind: "AnalysisRun", plural: "analysisruns" };

pub const EXPERIMENT: Resource =
    Resource { group: "argoproj.io", version: "v1alpha1", kind: "Experiment", plural: "experiments" };

const WORDS: Words<'_> = Words { name: NAME, namespace: NS, web: "metrics.example" };

/// What web metrics are told: a number, or an error of their server.
#[derive(Clone)]
pub struct Answers(Arc<Mutex<Option<i32>>>);

impl Default for Answers {
    fn default() -> Self {
        Answers(Arc::new(Mutex::new(Some(10))))
    }
}

impl Answers {
    pub fn told(&self) -> Option<i32> {
        *self.0.lock().unwrap()
    }

    pub fn telling(value: Option<i32>) -> Answers {
        Answers(Arc::new(Mutex::new(value)))
    }

    /// Lets a controller ask here.
    pub fn serve(&self, options: &mut Options) {
        options.transport = Arc::new(self.clone());
    }
}

impl Transport for Answers {
    fn send(&self, _: Request) -> BoxFuture<'static, Result<(u16, bytes::Bytes), Unanswered>> {
        let answer = match self.told() {
            Some(value) => (200, format!("{{\"value\": {value}}}")),
            None => (500, "{}".to_string()),
        };
        async move { Ok((answer.0, answer.1.into())) }.boxed()
    }
}

/// One act as it goes when nothing goes wrong.
pub struct Smooth {
    pub act: Act,
    pub before: Model,
    /// What web metrics were told before it.
    pub told: Option<i32>,
    pub written: Vec<String>,
    /// The state once all is quiet after it.
    pub end: Value,
    /// Nobody was sent to a Service without a ready pod.
    pub served: bool,
}

/// The whole scenario under one controller. All is quiet when nothing has changed for so long.
pub async fn smooth(scenario: &Scenario, quiet: Duration) -> Vec<Smooth> {
    let world = World::new().await;
    let (tap, answers) = (Tap::default(), Answers::default());
    let _one = start(&world, &tap, &answers);
    let mut acts = Vec::new();
    for act in &scenario.script {
        let (before, told, from) = (world.still(), answers.told(), tap.written().len());
        let play = async {
            perform(&world, scenario, act, &answers).await;
            rest(&world, window(act, quiet)).await
        };
        let mut served = true;
        let end = tokio::select! {
            biased;
            end = play => end,
            () = async { sent_to_nobody(&world).await; served = false; std::future::pending().await } => unreachable!(),
        };
        let written = tap.written()[from..].to_vec();
        acts.push(Smooth { act: act.clone(), before, told, written, end, served });
    }
    acts
}

pub fn start(world: &World, tap: &Tap, answers: &Answers) -> Running {
    world.start_with(serinus_decide::decide, tap, |options| answers.serve(options))
}

/// How long nothing may change: at the end of a script every delay has passed.
pub fn window(act: &Act, quiet: Duration) -> Duration {
    if matches!(act, Act::Linger) { quiet.max(Duration::from_secs(60)) } else { quiet }
}

/// Waits until the state has not changed for so long, and gives it.
pub async fn rest(world: &World, quiet: Duration) -> Value {
    let end = Instant::now() + PATIENCE;
    let (mut state, mut since) = (state(world), Instant::now());
    while since.elapsed() < quiet && Instant::now() < end {
        let version = world.model.version();
        let seen = self::state(world);
        if seen != state {
            (state, since) = (seen, Instant::now());
        }
        let _ = tokio::time::timeout_at(since + quiet, world.model.changed(version)).await;
    }
    state
}

/// What people do.
pub async fn perform(world: &World, scenario: &Scenario, act: &Act, answers: &Answers) {
    let spec = async |spec: Value| drop(world.patch(&ROLLOUT, NAME, json!({"spec": spec})).await);
    let status = async |status: Value| drop(world.patch_status(&ROLLOUT, NAME, json!({"status": status})).await);
    match act {
        Act::Apply => {
            for object in objects(scenario, WORDS) {
                create(world, &object.collection, &object.body).await;
            }
        }
        Act::Ship(version) => {
            // Sets are told apart by the second of their birth.
            tokio::time::sleep(Duration::from_secs(2)).await;
            ship(world, scenario, *version).await;
        }
        Act::Promote => promote(world).await,
        Act::PromoteFull => {
            let rollout = world.look(&ROLLOUT, NAME);
            if rollout["status"]["currentPodHash"] != rollout["status"]["stableRS"] {
                status(json!({"promoteFull": true})).await;
            }
        }
        Act::Abort => status(json!({"abort": true})).await,
        Act::Retry => status(json!({"abort": false})).await,
        Act::Restart => {
            let now = jiff::Timestamp::from_second(world.model.now().as_second()).unwrap();
            spec(json!({"restartAt": now.to_string()})).await;
        }
        Act::Scale(replicas) | Act::Autoscale(replicas) => spec(json!({"replicas": replicas})).await,
        Act::Pause => spec(json!({"paused": true})).await,
        Act::Unpause => spec(json!({"paused": false})).await,
        Act::Spec(patch) => spec(WORDS.fill(patch)).await,
        Act::Create(object) => {
            let object = WORDS.object(object);
            create(world, &object.collection, &object.body).await;
        }
        Act::Measure(value) => *answers.0.lock().unwrap() = *value,
        Act::Terminate => all(world, &RUN, json!({"spec": {"terminate": true}})).await,
        Act::EndExperiments => all(world, &EXPERIMENT, json!({"spec": {"terminate": true}})).await,
        Act::RetryExperiments => all(world, &EXPERIMENT, json!({"status": null})).await,
        Act::Await(_) | Act::Linger => {}
    }
}

/// Writes the same into every object of a kind.
async fn all(world: &World, resource: &Resource, patch: Value) {
    for object in world.look_all(resource) {
        world.patch(resource, text(&object, "/metadata/name"), patch.clone()).await;
    }
}

async fn create(world: &World, collection: &str, body: &Value) {
    let request = http::Request::post(collection)
        .header("content-type", "application/json")
        .body(body.to_string().into_bytes())
        .unwrap();
    world.people.client().request::<Value>(request).await.unwrap();
}

async fn ship(world: &World, scenario: &Scenario, version: Version) {
    let template = template(NAME, version);
    let (group, kind, plural) = match text(&scenario.spec, "/workloadRef/kind") {
        "" => return drop(world.patch(&ROLLOUT, NAME, json!({"spec": {"template": template}})).await),
        "Deployment" => ("apps", "Deployment", "deployments"),
        "ReplicaSet" => ("apps", "ReplicaSet", "replicasets"),
        _ => ("", "PodTemplate", "podtemplates"),
    };
    let patch = if group.is_empty() { json!({"template": template}) } else { json!({"spec": {"template": template}}) };
    let resource = Resource { group, version: "v1", kind, plural };
    world.patch(&resource, &format!("{NAME}-workload"), patch).await;
}

/// As the command line does it, without `spec.paused`.
async fn promote(world: &World) {
    let rollout = world.look(&ROLLOUT, NAME);
    let status = &rollout["status"];
    let paused = status["pauseConditions"].as_array().is_some_and(|list| !list.is_empty());
    let steps = rollout["spec"]["strategy"]["canary"]["steps"].as_array().map_or(0, Vec::len);
    let next = (status["currentStepIndex"].as_u64().unwrap_or(0) + 1).min(steps as u64);
    let undecided = status["canary"]["currentStepAnalysisRunStatus"]["status"] == "Inconclusive";
    let patch = match steps {
        _ if paused && undecided && status["controllerPause"] == true => {
            json!({"pauseConditions": null, "controllerPause": false, "currentStepIndex": next})
        }
        _ if paused => json!({"pauseConditions": null}),
        0 => return,
        _ => json!({"pauseConditions": null, "currentStepIndex": next}),
    };
    world.patch_status(&ROLLOUT, NAME, json!({"status": patch})).await;
}

/// Who has how many pods, who gets the traffic, what the Rollout says, and how its runs and Experiments stand; without times.
pub fn state(world: &World) -> Value {
    let mut state = story::state_of(world, NAME);
    let phases = |resource: &Resource| -> BTreeMap<String, Value> {
        let phase = |one: &Value| (text(one, "/metadata/name").to_string(), one["status"]["phase"].clone());
        world.look_all(resource).iter().map(phase).collect()
    };
    state["runs"] = json!(phases(&RUN));
    state["experiments"] = json!(phases(&EXPERIMENT));
    state
}

/// Looks at every change whether somebody is sent to a Service without a ready pod: by a weight, or, once there was one, by
/// the Service of production.
pub async fn sent_to_nobody(world: &World) -> String {
    let mut served = false;
    loop {
        let version = world.model.version();
        let ready = ready_endpoints(world);
        let of = |service: &str| ready.get(&format!("{NAME}-{service}")).copied().unwrap_or(0);
        let production = of("stable") + of("active");
        served |= production > 0;
        if served && production == 0 && world.look(&ROLLOUT, NAME)["spec"]["replicas"] != 0 {
            return format!("the Service of production has no ready endpoint at {}", world.model.now());
        }
        let weight = canary_weight(world);
        if weight > 0 && of("canary") == 0 {
            return format!("weight {weight} on a canary without a ready endpoint at {}", world.model.now());
        }
        world.model.changed(version).await;
    }
}

/// Ready endpoints by Service.
pub fn ready_endpoints(world: &World) -> BTreeMap<String, usize> {
    let mut ready = BTreeMap::new();
    for slice in world.look_all(&ENDPOINT_SLICE) {
        let endpoints = slice["endpoints"].as_array().cloned().unwrap_or_default();
        let count = endpoints.iter().filter(|endpoint| endpoint["conditions"]["ready"] == true).count();
        *ready.entry(text(&slice, "/metadata/labels/kubernetes.io~1service-name").to_string()).or_default() += count;
    }
    ready
}

fn canary_weight(world: &World) -> i64 {
    let weight = |ingress: &Value| {
        text(ingress, "/metadata/annotations/nginx.ingress.kubernetes.io~1canary-weight").parse().unwrap_or(0)
    };
    world.look_all(&INGRESS).iter().map(weight).max().unwrap_or(0)
}
