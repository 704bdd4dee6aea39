//! Objects that nobody would write, valid and broken, under a controller that has better things to do: it goes on, and a healthy
//! workload beside them keeps its pods and its traffic.
//!
//! `just manifests 10000` shows so many of each kind and side to a decision, and a mix of 500 to a controller.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

#[path = "../../decide/tests/manifests/choices.rs"]
mod choices;
mod support;

use choices::{Choices, break_one};
use serde_json::{Value, json};
use serinus_cluster::client::Resource;
use serinus_wire::crd;
use std::time::Duration;
use support::play::{Answers, RUN};
use support::{INGRESS, NS, REPLICA_SET, ROLLOUT, SERVICE, Tap, World, text, web};

/// How many objects are made when nobody asks for more.
const ORDINARY: u64 = 60;
/// So many are there at once.
const AT_ONCE: usize = 10;

fn definitions() -> [(Resource, Value); 5] {
    let resource = |kind, plural| Resource { kind, plural, ..ROLLOUT };
    [
        (ROLLOUT, crd::rollout()),
        (RUN, crd::analysis_run()),
        (resource("AnalysisTemplate", "analysistemplates"), crd::analysis_template()),
        (resource("ClusterAnalysisTemplate", "clusteranalysistemplates"), crd::cluster_analysis_template()),
        (resource("Experiment", "experiments"), crd::experiment()),
    ]
}

/// A definition that lets everything in, as that of another release may.
fn lenient(mut definition: Value) -> Value {
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"] =
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    definition
}

/// Nobody starts two thousand million pods here.
fn few_pods(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                match value.as_i64() {
                    Some(pods) if key.to_lowercase().ends_with("replicas") => *value = json!(pods.min(2)),
                    _ => few_pods(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(few_pods),
        _ => {}
    }
}

/// One object of a kind, every second of them broken.
fn made(resource: &Resource, definition: &Value, seed: u64) -> Value {
    let schema = definition.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec").unwrap();
    let mut choices = Choices::new(seed, false);
    let mut spec = choices.value(schema, 0);
    if resource.kind == "Rollout" && choices.below(2) == 1 {
        spec["selector"] = json!({"matchLabels": {"app": "random"}});
        spec["template"] = web::template("1");
        spec["template"]["metadata"]["labels"]["app"] = json!("random");
        spec["workloadRef"] = Value::Null;
    }
    few_pods(&mut spec);
    if seed.is_multiple_of(2) {
        break_one(&mut choices, schema, &mut spec, "spec");
    }
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": resource.kind,
        "metadata": {"name": format!("random-{seed}")}, "spec": spec})
}

/// What belongs to the healthy workload, whole.
fn surroundings(world: &World) -> Value {
    let uid = text(&world.look(&ROLLOUT, web::NAME), "/metadata/uid").to_string();
    let owned = |object: &Value, by: &str| text(object, "/metadata/ownerReferences/0/uid") == by;
    let sets: Vec<Value> = world.look_all(&REPLICA_SET).into_iter().filter(|set| owned(set, &uid)).collect();
    let of_it = |pod: &Value| sets.iter().any(|set| owned(pod, text(set, "/metadata/uid")));
    let pods: Vec<Value> = world.model.list("", "Pod", NS).into_iter().filter(of_it).collect();
    let services = ["web-stable", "web-canary"].map(|name| world.look(&SERVICE, name));
    json!({"pods": pods, "sets": sets, "services": services, "ingress": world.look(&INGRESS, "web")})
}

async fn request(world: &World, method: &str, path: String, body: &Value) -> bool {
    let request = http::Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.body(body.to_string().into_bytes()).unwrap();
    world.people.client().request::<Value>(request).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_controller_goes_on_beside_them_and_a_healthy_workload_stays_as_it_is() {
    let count = std::env::var("MANIFESTS_LIVE").map_or(ORDINARY, |text| text.parse().expect("a number"));
    let began = std::time::Instant::now();
    let definitions = definitions();
    let world = World::with(definitions.iter().map(|(_, definition)| lenient(definition.clone()))).await;
    let answers = Answers::default();
    let controller = world.start_with(serinus_decide::decide, &Tap::default(), |options| answers.serve(options));
    web::apply(&world).await;
    web::phase(&world, "Healthy").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let as_it_was = surroundings(&world);
    let (mut there, mut taken) = (Vec::new(), 0);
    for seed in 0..count {
        let (resource, definition) = &definitions[usize::try_from(seed / 2 % 5).unwrap()];
        let namespace = (resource.kind != "ClusterAnalysisTemplate").then_some(NS);
        let collection = resource.collection(namespace);
        let object = made(resource, definition, seed);
        if request(&world, "POST", collection.clone(), &object).await {
            taken += 1;
            there.push(format!("{collection}/random-{seed}"));
        }
        if there.len() >= AT_ONCE {
            tokio::time::sleep(Duration::from_secs(20)).await;
            for path in there.drain(..) {
                request(&world, "DELETE", path, &json!({})).await;
            }
        }
        assert!(!controller.task.is_finished(), "random-{seed} ended the controller");
        let now = surroundings(&world);
        assert!(now == as_it_was, "random-{seed} and those before: {}", support::difference(&as_it_was, &now));
    }
    web::edit(&world, json!({"spec": {"template": web::template("2")}})).await;
    web::phase(&world, "Paused").await;
    controller.stop().await;
    println!(
        "figure: {count} random objects, {taken} of them taken by the API, beside a controller: it goes on, the workload \
         beside them is as it was, {:.1} s",
        began.elapsed().as_secs_f64()
    );
}
