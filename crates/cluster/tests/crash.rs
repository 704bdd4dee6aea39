//! A canary, an abort and the way back; and the same with the controller killed at every one of its writes. Whatever moment
//! it dies at, a new one with an empty memory brings the world to the same end.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

mod support;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{INGRESS, Moment, REPLICA_SET, ROLLOUT, Running, SERVICE, Tap, World, number, seed, text};

/// What people do: first deploy, a good version to the end, a bad one aborted at its first step, and back.
async fn story(world: &World) {
    seed::apply(world).await;
    world.until(&ROLLOUT, seed::NAME, 120, seed::is_healthy).await;
    let first = stable_hash(world).await;

    seed::ship(world, "2.0.0").await;
    let moved =
        |from: String| move |rollout: &Value| seed::is_healthy(rollout) && text(rollout, "/status/stableRS") != from;
    world.until(&ROLLOUT, seed::NAME, 300, moved(first)).await;

    seed::ship(world, "3.0.0").await;
    let waits = |rollout: &Value| {
        text(rollout, "/status/phase") == "Paused" && number(rollout, "/status/currentStepIndex") == 1
    };
    world.until(&ROLLOUT, seed::NAME, 120, waits).await;
    world.patch_status(&ROLLOUT, seed::NAME, json!({"status": {"abort": true}})).await;
    let second = stable_hash(world).await;
    world.until(&ROLLOUT, seed::NAME, 120, |rollout| text(rollout, "/status/phase") == "Degraded").await;

    seed::ship(world, "2.0.0").await;
    let back = |rollout: &Value| seed::is_healthy(rollout) && text(rollout, "/status/currentPodHash") == second;
    world.until(&ROLLOUT, seed::NAME, 300, back).await;
    // Old sets linger for their delay after an abort.
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
}

async fn stable_hash(world: &World) -> String {
    text(&world.get(&ROLLOUT, seed::NAME).await, "/status/stableRS").to_string()
}

/// Controllers one after the other: the first dies when its tap says so, the next one does not.
async fn controllers(world: &World, tap: &Tap) {
    let first: Running = world.start(serinus_decide::decide, tap);
    tap.ended().await;
    first.kill().await;
    let _second = world.start(serinus_decide::decide, &Tap::default());
    std::future::pending::<()>().await;
}

/// The end of one run: the state without what differs from run to run, and the writes of the first controller.
struct End {
    state: Value,
    created: usize,
    written: Vec<String>,
}

fn live(tap: Tap) -> End {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = World::new().await;
        tokio::select! {
            () = story(&world) => {}
            () = controllers(&world, &tap) => unreachable!("controllers never end"),
        }
        let created = world.model.history().iter().filter(|write| is_creation(write)).count();
        End { state: state(&world).await, created, written: tap.written() }
    })
}

fn is_creation(write: &serinus_model::Write) -> bool {
    write.verb == "create" && write.resource == "replicasets" && write.code == 201
}

/// Who has how many pods, who gets the traffic, and what the Rollout says.
async fn state(world: &World) -> Value {
    let rollout = world.get(&ROLLOUT, seed::NAME).await;
    let sets: BTreeMap<String, Value> = world.list(&REPLICA_SET).await.iter().map(summary_of_set).collect();
    let selectors: BTreeMap<String, Value> =
        world.list(&SERVICE).await.iter().map(|service| named(service, &service["spec"]["selector"])).collect();
    let routes: BTreeMap<String, Value> =
        world.list(&INGRESS).await.iter().map(|ingress| named(ingress, &ingress["metadata"]["annotations"])).collect();
    let mut status = rollout["status"].clone();
    without_times(&mut status);
    json!({"sets": sets, "selectors": selectors, "routes": routes, "status": status,
        "annotations": rollout["metadata"]["annotations"], "spec": rollout["spec"]})
}

fn named(object: &Value, value: &Value) -> (String, Value) {
    (text(object, "/metadata/name").to_string(), value.clone())
}

fn summary_of_set(set: &Value) -> (String, Value) {
    let annotations = &set["metadata"]["annotations"];
    named(
        set,
        &json!({"replicas": set["spec"]["replicas"], "pods": set["status"]["replicas"],
        "revision": annotations["rollout.argoproj.io/revision"], "deadline": annotations["scale-down-deadline"]}),
    )
}

fn without_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !name.ends_with("Time") && !name.ends_with("At") && name != "duration");
            fields.values_mut().for_each(without_times);
            if let Some(Value::Array(conditions)) = fields.get_mut("conditions") {
                // The order tells which changed last.
                conditions.sort_by_key(|condition| text(condition, "/type").to_string());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_times),
        _ => {}
    }
}

#[ignore = "open finding: it expects 3 created sets and counts 6, those of the Deployment included; not yet run to its end"]
#[test]
fn whatever_write_it_dies_at_the_end_is_the_same() {
    let whole = live(Tap::default());
    assert_eq!(whole.created, 3, "{:#}", whole.state);
    let points: Vec<(usize, Moment)> =
        (1..=whole.written.len()).flat_map(|nth| [(nth, Moment::Before), (nth, Moment::After)]).collect();
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((nth, moment)) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let end = live(Tap::ending_at(*nth, *moment));
                    if end.state != whole.state || end.created != whole.created {
                        let line = &end.written[nth - 1];
                        wrong.lock().unwrap().push(format!("{moment:?} write {nth} ({line}): {:#}", end.state));
                    }
                }
            });
        }
    });
    println!("{} crash points over {} writes", points.len(), whole.written.len());
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {} differ from {:#}\n{}",
        wrong.len(),
        points.len(),
        whole.state,
        wrong.join("\n")
    );
}
