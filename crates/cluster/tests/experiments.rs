//! Experiments over a small Kubernetes in memory, in virtual time: on their own and as a step of a canary; and the same with the
//! controller killed at every one of its writes.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

mod support;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use serinus_cluster::client::Resource;
use serinus_cluster::{Transport, Unanswered};
use serinus_decide::decide;
use serinus_model::Model;
use serinus_talk::metric::Request;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use support::{Moment, NS, REPLICA_SET, ROLLOUT, Running, SERVICE, Tap, World, text};

const fn argo(kind: &'static str, plural: &'static str) -> Resource {
    Resource { group: "argoproj.io", version: "v1alpha1", kind, plural }
}

const EXPERIMENT: Resource = argo("Experiment", "experiments");
const RUN: Resource = argo("AnalysisRun", "analysisruns");
const TEMPLATE: Resource = argo("AnalysisTemplate", "analysistemplates");

/// A server that always gives this number.
#[derive(Clone, Copy)]
struct Server(&'static str);

impl Transport for Server {
    fn send(&self, _: Request) -> BoxFuture<'static, Result<(u16, bytes::Bytes), Unanswered>> {
        let answer = self.0;
        async move { Ok((200, bytes::Bytes::from(answer))) }.boxed()
    }
}

fn start(world: &World, tap: &Tap, answer: &'static str) -> Running {
    world.start_with(decide, tap, |options| options.transport = Arc::new(Server(answer)))
}

/// A set of an Experiment.
fn set(name: &str, more: Value) -> Value {
    let mut set = json!({
        "name": name, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [
            {"name": "web", "image": "web:1", "ports": [{"name": "http", "containerPort": 8080}]}]}},
    });
    set.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    set
}

fn experiment(spec: Value) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Experiment", "metadata": {"name": "e", "namespace": NS}, "spec": spec})
}

async fn template(world: &World) {
    let metric = json!({"name": "m", "successCondition": "result == 1", "failureCondition": "result == 0",
        "provider": {"web": {"url": "http://h/", "jsonPath": "{$}"}}});
    let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
        "metadata": {"name": "t", "namespace": NS}, "spec": {"metrics": [metric]}});
    world.create(&TEMPLATE, object).await;
}

/// A story: what people do, and what they wait for.
#[derive(Clone, Copy, Debug)]
enum Story {
    /// An Experiment of its own that runs for a while.
    Alone,
    /// One that its analysis ends.
    Judged,
    /// A canary whose step tries two versions side by side.
    Step,
}

impl Story {
    /// What was there before.
    async fn prepare(self, world: &World) {
        template(world).await;
        if let Story::Step = self {
            let step = json!({"experiment": {"analyses": analyses(), "scaleDownDelaySeconds": 5, "templates": [
                {"name": "base", "specRef": "stable"}, {"name": "new", "specRef": "canary"}]}});
            let rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "w", "namespace": NS},
                "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "w"}}, "template": pods("w:1"),
                    "strategy": {"canary": {"steps": [step]}}}});
            world.create(&ROLLOUT, rollout).await;
            settled(world).await;
        }
    }

    async fn tell(self, world: &World) {
        match self {
            Story::Alone => {
                let sets = json!([set("a", json!({"replicas": 2})), set("b", json!({"service": {}}))]);
                let spec = json!({"templates": sets, "duration": "20s", "scaleDownDelaySeconds": 5});
                world.create(&EXPERIMENT, experiment(spec)).await;
                over(world, "e").await;
            }
            Story::Judged => {
                let sets = json!([set("a", json!({"service": {"name": "front"}}))]);
                let spec = json!({"templates": sets, "analyses": analyses(), "scaleDownDelaySeconds": 5});
                world.create(&EXPERIMENT, experiment(spec)).await;
                over(world, "e").await;
            }
            Story::Step => {
                world.patch(&ROLLOUT, "w", json!({"spec": {"template": pods("w:2")}})).await;
                settled(world).await;
            }
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

fn analyses() -> Value {
    json!([{"name": "x", "templateName": "t", "requiredForCompletion": true}])
}

fn pods(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
}

async fn over(world: &World, name: &str) {
    let over = |object: &Value| !matches!(text(object, "/status/phase"), "" | "Pending" | "Running");
    world.until(&EXPERIMENT, name, 600, over).await;
}

async fn settled(world: &World) {
    let settled = |object: &Value| {
        let generation = object["metadata"]["generation"].to_string();
        text(object, "/status/observedGeneration") == generation
            && matches!(text(object, "/status/phase"), "Healthy" | "Degraded" | "Paused")
    };
    world.until(&ROLLOUT, "w", 600, settled).await;
}

/// What is compared in the end: everything but times and identities.
fn state(world: &World) -> Value {
    let all = |resource: &Resource, of: fn(&Value) -> Value| {
        let objects = world.look_all(resource);
        objects.iter().map(|it| (text(it, "/metadata/name").to_string(), of(it))).collect::<BTreeMap<_, _>>()
    };
    let experiments = all(&EXPERIMENT, |it| {
        let status = &it["status"];
        let sets = status["templateStatuses"].as_array().into_iter().flatten();
        let sets: Vec<_> =
            sets.map(|set| json!([set["name"], set["status"], set["replicas"], set["serviceName"]])).collect();
        let conditions = status["conditions"].as_array().into_iter().flatten();
        let conditions: Vec<_> = conditions.map(|it| json!([it["type"], it["status"], it["reason"]])).collect();
        let rest = json!([status["phase"], status["message"], status["analysisRuns"], it["spec"]["terminate"]]);
        json!({"sets": sets, "conditions": conditions, "rest": rest})
    });
    let sets = all(&REPLICA_SET, |set| json!([set["spec"]["replicas"], set["metadata"]["labels"]]));
    let rollouts = all(&ROLLOUT, |it| {
        let status = &it["status"];
        json!([status["phase"], status["message"], status["currentStepIndex"], status["canary"], status["stableRS"]])
    });
    json!({"experiments": experiments, "sets": sets, "rollouts": rollouts,
        "services": all(&SERVICE, |service| service["spec"]["selector"].clone()),
        "runs": all(&RUN, |run| json!([run["status"]["phase"], run["spec"]["terminate"]]))})
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn experiments_come_to_their_ends() {
    let table = [
        (Story::Alone, "1", "e", "Successful", ""),
        (Story::Judged, "1", "e", "Successful", "Required AnalysisRuns completed"),
        (Story::Judged, "0", "e", "Failed", "Metric \"m\" assessed Failed due to failed (1) > failureLimit (0)"),
        (
            Story::Judged,
            "2",
            "e",
            "Inconclusive",
            "Metric \"m\" assessed Inconclusive due to inconclusive (1) > inconclusiveLimit (0)",
        ),
    ];
    for (story, answer, name, phase, message) in table {
        let world = World::new().await;
        let running = start(&world, &Tap::default(), answer);
        story.prepare(&world).await;
        story.tell(&world).await;
        let done = world.look(&EXPERIMENT, name);
        assert_eq!((text(&done, "/status/phase"), text(&done, "/status/message")), (phase, message), "{story:?}");
        let left: i64 = world.look_all(&REPLICA_SET).iter().map(|set| support::number(set, "/spec/replicas")).sum();
        assert_eq!((left, world.look_all(&SERVICE).len()), (0, 0), "{story:?}");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_follows_its_experiment() {
    let bad = "RolloutAborted: Rollout aborted update to revision 2: Experiment analysis phase is error/failed: Metric \"m\" assessed Failed due to failed (1) > failureLimit (0)";
    for (answer, phase, message) in
        [("1", "Healthy", ""), ("0", "Degraded", bad), ("2", "Paused", "InconclusiveExperiment")]
    {
        let world = World::new().await;
        let running = start(&world, &Tap::default(), answer);
        Story::Step.prepare(&world).await;
        Story::Step.tell(&world).await;
        let done = world.look(&ROLLOUT, "w");
        assert_eq!((text(&done, "/status/phase"), text(&done, "/status/message")), (phase, message));
        assert_eq!(world.look_all(&EXPERIMENT).len(), 1);
        let reasons = world.reasons("w").await;
        let heard =
            reasons.iter().filter(|reason| reason.starts_with("AnalysisRun") || *reason == "ExperimentCreated").count();
        assert!(heard >= 3, "the Rollout hears of it: {reasons:?}");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_server_will_not_have_is_said_in_its_words() {
    let world = World::new().await;
    let tap = Tap::default();
    tap.refuse("replicasets", 422);
    let running = start(&world, &tap, "1");
    world.create(&EXPERIMENT, experiment(json!({"templates": [set("a", json!({}))]}))).await;
    let done = world.until(&EXPERIMENT, "e", 10, |it| text(it, "/status/phase") == "Error").await;
    let message = text(&done, "/status/message");
    assert!(message.starts_with("Failed to create ReplicaSet for template 'a': "), "{message}");
    running.stop().await;
    assert!(world.reasons("e").await.contains(&"TemplateError".to_string()));
}

#[tokio::test(start_paused = true)]
async fn a_replica_set_in_the_way_is_named() {
    let world = World::new().await;
    let there = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "e-a", "namespace": NS},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "o"}}, "template": {"metadata": {"labels": {"app": "o"}},
            "spec": {"containers": [{"name": "o", "image": "o:1"}]}}}});
    world.create(&REPLICA_SET, there).await;
    let running = start(&world, &Tap::default(), "1");
    world.create(&EXPERIMENT, experiment(json!({"templates": [set("a", json!({}))]}))).await;
    let done = world.until(&EXPERIMENT, "e", 30, |it| text(it, "/status/phase") == "Error").await;
    assert!(text(&done, "/status/message").contains("replicasets.apps \"e-a\" already exists"), "{done}");
    running.stop().await;
}

/// The cluster before the story, as it stands still: all kinds are known, and a first version of the Rollout is healthy.
fn before(story: Story, answer: &'static str) -> Model {
    runtime().block_on(async {
        let world = World::new().await;
        let running = start(&world, &Tap::default(), answer);
        story.prepare(&world).await;
        running.stop().await;
        world.still()
    })
}

/// The whole story, and how it ends.
fn smooth(before: &Model, story: Story, answer: &'static str) -> (Value, Vec<String>) {
    runtime().block_on(async {
        let world = World::of(before);
        let tap = Tap::default();
        let running = start(&world, &tap, answer);
        story.tell(&world).await;
        running.stop().await;
        (state(&world), tap.written())
    })
}

/// The same, with a first controller that dies at its `nth` write.
fn rough(before: &Model, story: Story, answer: &'static str, nth: usize, moment: Moment) -> Value {
    runtime().block_on(async {
        let world = World::of(before);
        let tap = Tap::ending_at(nth, moment);
        let controllers = async {
            let first = start(&world, &tap, answer);
            tap.ended().await;
            first.kill().await;
            let _second = start(&world, &Tap::default(), answer);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = story.tell(&world) => {}
            () = controllers => unreachable!("controllers never end"),
        }
        state(&world)
    })
}

#[test]
fn whatever_write_it_dies_at_the_end_is_the_same() {
    let mut points = 0;
    let mut wrong = Vec::new();
    for (story, answer) in [(Story::Alone, "1"), (Story::Judged, "0"), (Story::Step, "1")] {
        let before = before(story, answer);
        let (end, written) = smooth(&before, story, answer);
        let all = written.iter().enumerate().flat_map(|it| [(it, Moment::Before), (it, Moment::After)]);
        for ((index, line), moment) in all {
            points += 1;
            let other = rough(&before, story, answer, index + 1, moment);
            if other != end {
                let differs = support::difference(&end, &other);
                wrong.push(format!("{story:?} {answer}, {moment:?} write {} ({line}): {differs}", index + 1));
            }
        }
    }
    println!("{points} crash points");
    assert!(points > 60);
    assert!(wrong.is_empty(), "{} of {points} differ:\n{}", wrong.len(), wrong.join("\n"));
}
