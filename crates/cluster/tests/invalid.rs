//! Bad input, over the real controller: the Rollout says what is wrong, where, and what to do; its pods and its traffic stay as
//! they are; and it goes on by itself when the cause is gone.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

mod support;

use serde_json::{Value, json};
use serinus_cluster::client::Resource;
use serinus_model::Model;
use std::time::Duration;
use support::{INGRESS, NS, REPLICA_SET, ROLLOUT, SERVICE, Tap, World, text, web};

/// One way to be wrong.
struct Bad {
    what: &'static str,
    /// Objects that stand beside it.
    beside: Vec<(Resource, Value)>,
    /// The edit, and the one that takes it back.
    edit: Value,
    back: Value,
    /// Path, value and remedy, as the condition has them.
    says: [&'static str; 3],
}

fn bad(what: &'static str, edit: Value, back: Value, says: [&'static str; 3]) -> Bad {
    Bad { what, beside: Vec::new(), edit: json!({"spec": edit}), back: json!({"spec": back}), says }
}

fn canary(edit: Value) -> Value {
    json!({"strategy": {"canary": edit}})
}

fn routed_by(ingress: &str) -> Value {
    canary(json!({"trafficRouting": {"nginx": {"stableIngress": ingress}}}))
}

fn table() -> Vec<Bad> {
    let spec = web::rollout()["spec"].clone();
    let (strategy, steps) = (spec["strategy"].clone(), canary(json!({"steps": spec["strategy"]["canary"]["steps"]})));
    let mut theirs = web::service("theirs");
    theirs["metadata"]["annotations"] = json!({"argo-rollouts.argoproj.io/managed-by-rollouts": "other"});
    let mut table = vec![
        bad(
            "no strategy",
            json!({"strategy": {"canary": null}}),
            json!({"strategy": strategy}),
            ["spec.strategy.strategy", "Required value", "canary"],
        ),
        bad(
            "both strategies",
            json!({"strategy": {"blueGreen": {"activeService": "web-stable"}}}),
            json!({"strategy": {"blueGreen": null}}),
            ["spec.strategy.strategy", "Invalid value", "Multiple Strategies can not be listed"],
        ),
        bad(
            "a weight over 100",
            canary(json!({"steps": [{"setWeight": 140}, {"pause": {}}]})),
            steps.clone(),
            ["spec.strategy.steps[0].setWeight", "140", "needs to be between 0 and 100"],
        ),
        bad(
            "a negative pause",
            canary(json!({"steps": [{"setWeight": 50}, {"pause": {"duration": -5}}]})),
            steps,
            ["spec.strategy.steps[1].pause.duration", "-5", "needs to be"],
        ),
        bad(
            "an unknown field",
            canary(json!({"maxSurg": 1})),
            canary(json!({"maxSurg": null})),
            ["spec.strategy.canary.maxSurg", "unknown field", "remove it or correct its spelling"],
        ),
        bad(
            "a selector that does not match its template",
            json!({"template": {"metadata": {"labels": {"app": "other"}}}}),
            json!({"template": {"metadata": {"labels": {"app": "web"}}}}),
            ["spec.template.metadata.labels", "other", "`selector` does not match template `labels`"],
        ),
        bad(
            "a workloadRef to nothing",
            json!({"template": null, "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "nothing"}}),
            json!({"template": web::template("2"), "workloadRef": null}),
            ["deployments.apps", "web/nothing\" not found", "create the workload, or correct spec.workloadRef"],
        ),
        bad(
            "a Service that is missing",
            canary(json!({"canaryService": "nothing"})),
            canary(json!({"canaryService": "web-canary"})),
            ["spec.strategy.canary.canaryService", "\"nothing\"", "create the Service, or correct the name"],
        ),
        bad(
            "a Service of another Rollout",
            canary(json!({"canaryService": "theirs"})),
            canary(json!({"canaryService": "web-canary"})),
            ["spec.strategy.canary.canaryService", "\"theirs\"", "use a Service of its own for each Rollout"],
        ),
        bad(
            "an Ingress that is missing",
            routed_by("nothing"),
            routed_by("web"),
            ["trafficRouting.nginx.stableIngress", "\"nothing\"", "create the Ingress, or correct the name"],
        ),
        bad(
            "an Ingress that does not lead here",
            routed_by("elsewhere"),
            routed_by("web"),
            ["trafficRouting.nginx.stableIngress", "\"elsewhere\"", "add a rule to the Ingress"],
        ),
        bad(
            "a canary Ingress of another Rollout",
            routed_by("shared"),
            routed_by("web"),
            ["trafficRouting.nginx.stableIngress", "\"shared\"", "delete the Ingress web-shared-canary, or rename"],
        ),
    ];
    let mut other = web::rollout();
    other["metadata"]["name"] = json!("other");
    other["spec"]["replicas"] = json!(0);
    other["spec"]["strategy"] = json!({"canary": {"canaryService": "theirs"}});
    let mut elsewhere = web::ingress("elsewhere");
    elsewhere["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = json!("another");
    for bad in &mut table {
        bad.beside = match bad.what {
            "a Service of another Rollout" => vec![(SERVICE, theirs.clone()), (ROLLOUT, other.clone())],
            "an Ingress that does not lead here" => vec![(INGRESS, elsewhere.clone())],
            "a canary Ingress of another Rollout" => {
                vec![(INGRESS, web::ingress("shared")), (INGRESS, web::ingress("web-shared-canary"))]
            }
            _ => Vec::new(),
        };
    }
    table
}

/// Everything that runs or leads somewhere, whole.
fn surroundings(world: &World) -> Value {
    let pods = world.model.list("", "Pod", NS);
    json!({"pods": pods, "sets": world.look_all(&REPLICA_SET), "services": world.look_all(&SERVICE),
        "ingresses": world.look_all(&INGRESS)})
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// A canary that waits at half of the traffic.
fn half_way() -> Model {
    runtime().block_on(async {
        let world = World::new().await;
        let controller = world.start(serinus_decide::decide, &Tap::default());
        web::apply(&world).await;
        web::phase(&world, "Healthy").await;
        web::edit(&world, json!({"spec": {"template": web::template("2")}})).await;
        web::phase(&world, "Paused").await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        controller.stop().await;
        world.still()
    })
}

#[test]
fn bad_input_is_said_leaves_everything_alone_and_heals() {
    let before = half_way();
    for bad in table() {
        runtime().block_on(async {
            let what = bad.what;
            let world = World::of(&before);
            for (resource, object) in &bad.beside {
                world.create(resource, object.clone()).await;
            }
            let controller = world.start(serinus_decide::decide, &Tap::default());
            tokio::time::sleep(Duration::from_secs(5)).await;
            let as_it_was = surroundings(&world);
            web::edit(&world, bad.edit).await;
            let rollout = web::phase(&world, "Degraded").await;
            let conditions = rollout["status"]["conditions"].as_array().unwrap();
            let invalid = conditions.iter().find(|condition| condition["type"] == "InvalidSpec").expect(what);
            for part in bad.says {
                assert!(text(invalid, "/message").contains(part), "{what}: {part:?} is not in {:#}", invalid);
            }
            tokio::time::sleep(Duration::from_secs(120)).await;
            let now = surroundings(&world);
            assert!(now == as_it_was, "{what}: {}", support::difference(&as_it_was, &now));

            web::edit(&world, bad.back).await;
            let rollout = web::phase(&world, "Paused").await;
            assert!(!rollout["status"]["conditions"].to_string().contains("InvalidSpec"), "{what}: {rollout:#}");
            tokio::time::sleep(Duration::from_secs(60)).await;
            let now = surroundings(&world);
            assert!(now == as_it_was, "{what}, healed: {}", support::difference(&as_it_was, &now));
            controller.stop().await;
        });
    }
}
