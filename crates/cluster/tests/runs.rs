//! AnalysisRuns over a small Kubernetes in memory, in virtual time: a metric of a server, and a Job.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

mod support;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};
use serinus_cluster::client::Resource;
use serinus_cluster::{Transport, Unanswered};
use serinus_decide::{Plan, Seen};
use serinus_talk::metric::Request;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Running, Tap, World, text};

const RUN: Resource =
    Resource { group: "argoproj.io", version: "v1alpha1", kind: "AnalysisRun", plural: "analysisruns" };
const TEMPLATE: Resource =
    Resource { group: "argoproj.io", version: "v1alpha1", kind: "AnalysisTemplate", plural: "analysistemplates" };
const JOB: Resource = Resource { group: "batch", version: "v1", kind: "Job", plural: "jobs" };
const POD: Resource = Resource { group: "", version: "v1", kind: "Pod", plural: "pods" };
const SECRET: Resource = Resource { group: "", version: "v1", kind: "Secret", plural: "secrets" };

/// A server that answers with these, the last one again and again; remembers what it was asked.
#[derive(Clone, Default)]
struct Server {
    answers: Arc<Mutex<Vec<&'static str>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Transport for Server {
    fn send(&self, request: Request) -> BoxFuture<'static, Result<(u16, bytes::Bytes), Unanswered>> {
        self.asked.lock().unwrap().push(request.url);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers.first().copied().unwrap_or("{}") };
        async move { Ok((200, bytes::Bytes::from(answer))) }.boxed()
    }
}

fn nothing(_: &Seen, _: Timestamp) -> Plan {
    Plan::default()
}

async fn world(answers: &[&'static str]) -> (World, Server, Tap, Running) {
    let world = World::new().await;
    let server = Server::default();
    server.answers.lock().unwrap().extend(answers);
    let (tap, transport) = (Tap::default(), server.clone());
    let running = world.start_with(nothing, &tap, |options| options.transport = Arc::new(transport));
    (world, server, tap, running)
}

fn run(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": name, "namespace": support::NS}, "spec": spec})
}

fn phase(object: &Value) -> &str {
    text(object, "/status/phase")
}

#[tokio::test(start_paused = true)]
async fn a_server_is_asked_at_the_metrics_pace_and_a_secret_goes_along() {
    let (world, server, tap, running) = world(&["{\"ok\": 3}", "{\"ok\": 2}", "{\"ok\": 0}"]).await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": support::NS}, "data": {"k": "dG9rZW4="}});
    world.create(&SECRET, secret).await;
    let metric = json!({
        "name": "m", "interval": "1m", "count": 5, "failureLimit": 0, "successCondition": "result > 1",
        "provider": {"web": {"url": "http://h/{{args.key}}", "jsonPath": "{$.ok}"}},
    });
    let args = json!([{"name": "key", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]);
    world.create(&RUN, run("a", json!({"metrics": [metric], "args": args}))).await;
    let done = world.until(&RUN, "a", 600, |object| phase(object) == "Failed").await;
    assert_eq!(text(&done, "/status/message"), "Metric \"m\" assessed Failed due to failed (1) > failureLimit (0)");
    let result = &done["status"]["metricResults"][0];
    assert_eq!((&result["count"], &result["successful"], &result["failed"]), (&json!(3), &json!(2), &json!(1)));
    let values: Vec<_> = result["measurements"].as_array().unwrap().iter().map(|one| text(one, "/value")).collect();
    assert_eq!(values, ["3", "2", "0"]);
    assert_eq!(*server.asked.lock().unwrap(), ["http://h/token"; 3]);
    // One write for each measurement and one for the start.
    let writes = tap.written().iter().filter(|path| path.contains("analysisruns")).count();
    assert_eq!(writes, 4, "{:?}", tap.written());
    running.stop().await;
    assert_eq!(world.reasons("a").await, ["MetricFailed", "AnalysisRunFailed"]);
}

#[tokio::test(start_paused = true)]
async fn a_job_is_run_and_a_terminated_run_takes_it_down() {
    let (world, _, _, running) = world(&[]).await;
    let template = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i:1"}]}});
    let metric = json!({"name": "j", "provider": {"job": {"spec": {"template": template, "backoffLimit": 0}}}});
    let created = world.create(&RUN, run("a", json!({"metrics": [metric]}))).await;
    let name = format!("{}.j.1", text(&created, "/metadata/uid"));
    let job = world.until(&JOB, &name, 10, |job| !job.is_null()).await;
    assert_eq!(text(&job, "/metadata/annotations/analysisrun.argoproj.io~1metric-name"), "j");
    assert_eq!(text(&job, "/metadata/ownerReferences/0/name"), "a");
    world.until(&RUN, "a", 10, |object| phase(object) == "Running").await;
    let now = "2026-01-01T00:00:05Z";
    let condition = json!({"type": "Complete", "status": "True", "lastTransitionTime": now, "lastProbeTime": now});
    world.patch_status(&JOB, &name, json!({"status": {"conditions": [condition], "succeeded": 1}})).await;
    let done = world.until(&RUN, "a", 60, |object| phase(object) == "Successful").await;
    assert_eq!(text(&done, "/status/metricResults/0/measurements/0/metadata/job-name"), name);

    let created = world.create(&RUN, run("b", json!({"metrics": done["spec"]["metrics"]}))).await;
    let name = format!("{}.j.1", text(&created, "/metadata/uid"));
    world.until(&JOB, &name, 10, |job| !job.is_null()).await;
    world.patch(&RUN, "b", json!({"spec": {"terminate": true}})).await;
    world.until(&RUN, "b", 60, |object| !text(object, "/status/completedAt").is_empty()).await;
    world.until(&JOB, &name, 60, Value::is_null).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_killed_controller_leaves_a_run_that_the_next_one_finishes() {
    let (world, server, _, running) = world(&["1"]).await;
    let metric = json!({"name": "m", "interval": "10s", "count": 6, "provider": {"web": {"url": "http://h/"}}});
    world.create(&RUN, run("a", json!({"metrics": [metric]}))).await;
    let measured = |object: &Value| object["status"]["metricResults"][0]["count"].as_i64().unwrap_or(0);
    world.until(&RUN, "a", 60, |object| measured(object) >= 2).await;
    running.kill().await;
    let transport = server.clone();
    let running = world.start_with(nothing, &Tap::default(), |options| options.transport = Arc::new(transport));
    let done = world.until(&RUN, "a", 120, |object| phase(object) == "Successful").await;
    assert_eq!(measured(&done), 6);
    running.stop().await;
}

/// A server that answers once and then never again; counts what it was asked.
#[derive(Clone, Default)]
struct Silent(Arc<AtomicUsize>);

impl Transport for Silent {
    fn send(&self, _: Request) -> BoxFuture<'static, Result<(u16, bytes::Bytes), Unanswered>> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => async { Ok((200, bytes::Bytes::from("1"))) }.boxed(),
            _ => futures::future::pending().boxed(),
        }
    }
}

/// It is told to end while a measurement is under way that nobody answers: both events that close it are told, each once.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_told_to_end_says_so_once_whatever_its_server_does() {
    let world = World::new().await;
    let server = Silent::default();
    let transport = server.clone();
    let running = world.start_with(nothing, &Tap::default(), |options| options.transport = Arc::new(transport));
    let metric = json!({"name": "m", "interval": "10s", "count": 6, "provider": {"web": {"url": "http://h/"}}});
    world.create(&RUN, run("a", json!({"metrics": [metric]}))).await;
    let second = async {
        while server.0.load(Ordering::Relaxed) < 2 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), second).await.expect("a second measurement begins");
    world.patch(&RUN, "a", json!({"spec": {"terminate": true}})).await;
    world.until(&RUN, "a", 60, |object| phase(object) == "Successful").await;
    running.stop().await;
    assert_eq!(world.reasons("a").await, ["MetricSuccessful", "AnalysisRunSuccessful"]);
}

fn template(app: &str, image: &str) -> Value {
    json!({"metadata": {"labels": {"app": app}}, "spec": {"containers": [{"name": "a", "image": image}]}})
}

/// A canary whose step measures a server: a good answer lets it go on, a bad one takes it back.
#[tokio::test(start_paused = true)]
async fn a_rollout_is_judged_by_its_analysis() {
    for (answer, phase, message) in [
        ("{\"ok\": 1}", "Healthy", ""),
        (
            "{\"ok\": 0}",
            "Degraded",
            "RolloutAborted: Rollout aborted update to revision 2: Step-based analysis phase error/failed: Metric \"m\" assessed Failed due to failed (1) > failureLimit (0)",
        ),
    ] {
        let world = World::new().await;
        let server = Server::default();
        server.answers.lock().unwrap().push(answer);
        let metric = json!({
            "name": "m", "interval": "10s", "count": 3, "successCondition": "result == 1",
            "provider": {"web": {"url": "http://h/{{args.hash}}", "jsonPath": "{$.ok}"}},
        });
        let analysis = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
            "metadata": {"name": "t", "namespace": support::NS}, "spec": {"metrics": [metric], "args": [{"name": "hash"}]}});
        world.create(&TEMPLATE, analysis).await;
        let step = json!({"analysis": {"templates": [{"templateName": "t"}],
            "args": [{"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}}]}});
        let rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "a", "namespace": support::NS},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "a"}}, "template": template("a", "i:1"),
                "strategy": {"canary": {"steps": [{"setWeight": 50}, step]}}}});
        world.create(&support::ROLLOUT, rollout).await;
        let transport = server.clone();
        let running = world
            .start_with(serinus_decide::decide, &Tap::default(), |options| options.transport = Arc::new(transport));
        world.until(&support::ROLLOUT, "a", 300, |object| phase_of(object, "Healthy")).await;
        world.patch(&support::ROLLOUT, "a", json!({"spec": {"template": template("a", "i:2")}})).await;
        let done =
            world.until(&support::ROLLOUT, "a", 600, |object| phase_of(object, phase) && is_observed(object)).await;
        assert_eq!(text(&done, "/status/message"), message);
        let hash = text(&done, "/status/currentPodHash");
        assert!(server.asked.lock().unwrap().iter().all(|url| *url == format!("http://h/{hash}")));
        let runs = world.list(&RUN).await;
        assert_eq!(runs.len(), 1);
        running.stop().await;
    }
}

fn phase_of(object: &Value, wanted: &str) -> bool {
    phase(object) == wanted
}

fn is_observed(object: &Value) -> bool {
    let generation = object["metadata"]["generation"].to_string();
    text(object, "/status/observedGeneration") == generation
}

/// A run of somebody else has the name that a step's run would have: ours takes the next number, and the other is left alone.
#[tokio::test(start_paused = true)]
async fn a_foreign_run_of_the_same_name_is_counted_on() {
    let world = World::new().await;
    let server = Server::default();
    server.answers.lock().unwrap().push("{\"ok\": 1}");
    let metric = json!({"name": "m", "count": 1, "provider": {"web": {"url": "http://h/", "jsonPath": "{$.ok}"}}});
    let analysis = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
        "metadata": {"name": "t", "namespace": support::NS}, "spec": {"metrics": [metric]}});
    world.create(&TEMPLATE, analysis).await;
    let steps = json!([{"setWeight": 50}, {"pause": {}}, {"analysis": {"templates": [{"templateName": "t"}]}}]);
    let rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "a", "namespace": support::NS},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "a"}}, "template": template("a", "i:1"),
            "strategy": {"canary": {"steps": steps}}}});
    world.create(&support::ROLLOUT, rollout).await;
    let running =
        world.start_with(serinus_decide::decide, &Tap::default(), |options| options.transport = Arc::new(server));
    world.until(&support::ROLLOUT, "a", 300, |object| phase_of(object, "Healthy")).await;
    world.patch(&support::ROLLOUT, "a", json!({"spec": {"template": template("a", "i:2")}})).await;
    let paused = world.until(&support::ROLLOUT, "a", 300, |object| phase_of(object, "Paused")).await;
    let name = format!("a-{}-2-2", text(&paused, "/status/currentPodHash"));
    // It belongs to another controller, so no cache of ours shows it.
    let mut foreign = run(&name, json!({"metrics": [{"name": "other", "provider": {"web": {"url": "http://o/"}}}]}));
    foreign["metadata"]["labels"] = json!({"argo-rollouts.argoproj.io/controller-instance-id": "other"});
    let foreign = world.create(&RUN, foreign).await;
    world.patch_status(&support::ROLLOUT, "a", json!({"status": {"pauseConditions": null}})).await;
    world.until(&support::ROLLOUT, "a", 600, |object| phase_of(object, "Healthy") && is_observed(object)).await;
    assert_eq!(phase(&world.look(&RUN, &format!("{name}.1"))), "Successful");
    assert_eq!(world.look(&RUN, &name), foreign);
    running.stop().await;
}

/// A Job whose pod finds no node is waited for five minutes; then its measurement says why, and it is deleted.
#[tokio::test(start_paused = true)]
async fn a_job_that_can_not_be_scheduled_is_given_up() {
    let (world, _, _, running) = world(&[]).await;
    let pod =
        json!({"restartPolicy": "Never", "schedulerName": "nobody", "containers": [{"name": "c", "image": "i:1"}]});
    let metric = json!({"name": "j", "provider": {"job": {"spec": {"template": {"spec": pod}}}}});
    let created = world.create(&RUN, run("a", json!({"metrics": [metric]}))).await;
    let name = format!("{}.j.1", text(&created, "/metadata/uid"));
    let job = world.until(&JOB, &name, 10, |job| job["status"]["active"] == 1).await;
    let pods = world.look_all(&POD);
    let pod =
        pods.iter().find(|pod| text(pod, "/metadata/ownerReferences/0/uid") == text(&job, "/metadata/uid")).unwrap();
    assert_eq!(text(pod, "/metadata/labels/analysisrun.argoproj.io~1uid"), text(&created, "/metadata/uid"));
    let unscheduled =
        json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes fit"});
    let status = json!({"status": {"phase": "Pending", "conditions": [unscheduled]}});
    world.patch_status(&POD, text(pod, "/metadata/name"), status).await;
    let done = world.until(&RUN, "a", 400, |object| phase(object) == "Inconclusive").await;
    let measurement = &done["status"]["metricResults"][0]["measurements"][0];
    assert_eq!(text(measurement, "/message"), format!("Job {name}: no node takes its pod: 0/1 nodes fit"));
    let (began, ended): (Timestamp, Timestamp) =
        (text(measurement, "/startedAt").parse().unwrap(), text(measurement, "/finishedAt").parse().unwrap());
    assert!((300..310).contains(&ended.duration_since(began).as_secs()), "{measurement}");
    world.until(&JOB, &name, 60, Value::is_null).await;
    assert_eq!(world.look_all(&POD), Vec::<Value>::new());
    running.stop().await;
}
