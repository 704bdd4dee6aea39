//! The worlds that the laws are held against: strategies with everything they may say, and where the template comes from.

use crate::world::{World, template};
use proptest::prelude::*;
use serde_json::{Value, json};
use serinus_wire::analysis::Phase;

pub fn step() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..=100i32).prop_map(|weight| json!({"setWeight": weight})),
        Just(json!({"pause": {}})),
        (1..90i32).prop_map(|seconds| json!({"pause": {"duration": seconds}})),
        Just(experiment(json!({}))),
        (1..90i32).prop_map(|seconds| experiment(json!({"duration": format!("{seconds}s")}))),
        Just(experiment(json!({"analyses": [{"name": "judge", "templateName": "once"}]}))),
        template_name().prop_map(|name| json!({"analysis": run(name)})),
    ]
}

fn experiment(mut experiment: Value) -> Value {
    experiment["templates"] = json!([{"name": "base", "specRef": "stable"}, {"name": "new", "specRef": "canary"}]);
    json!({ "experiment": experiment })
}

fn template_name() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("once"), Just("lasting")]
}

/// An analysis of a template, told which pods it is about.
fn run(template: &str) -> Value {
    json!({"templates": [{"templateName": template}],
        "args": [{"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}}]})
}

/// What every analysis can refer to.
fn with_templates(mut world: World) -> World {
    let provider = json!({"web": {"url": "http://metrics/{{args.hash}}"}});
    for (name, metric) in [
        ("once", json!({"name": "once", "count": 1, "provider": provider})),
        ("lasting", json!({"name": "lasting", "count": 1000, "interval": "5s", "provider": provider})),
        ("endless", json!({"name": "endless", "interval": "5s", "provider": provider})),
    ] {
        world.add_template(name, &json!({"metrics": [metric], "args": [{"name": "hash"}]}));
    }
    world
}

fn routed_step() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => step(),
        1 => (0..6i32).prop_map(|pods| json!({"setCanaryScale": {"replicas": pods}})),
        1 => (0..=100i32).prop_map(|weight| json!({"setCanaryScale": {"weight": weight}})),
        1 => Just(json!({"setCanaryScale": {"matchTrafficWeight": true}})),
    ]
}

/// A key with a value, or nothing.
fn perhaps(key: &'static str, value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    prop_oneof![2 => Just(json!({})), 1 => value.prop_map(move |value| json!({key: value}))].boxed()
}

/// What either kind of canary may say besides its steps.
fn common() -> impl Strategy<Value = Vec<Value>> {
    let threshold = prop_oneof![
        (0..=100i32).prop_map(|value| json!({"type": "Percent", "value": value})),
        (0..6i32).prop_map(|value| json!({"type": "Pods", "value": value})),
    ];
    vec![
        perhaps("replicaProgressThreshold", threshold),
        perhaps("canaryMetadata", Just(json!({"labels": {"role": "canary"}}))),
        perhaps("stableMetadata", Just(json!({"labels": {"role": "stable"}, "annotations": {"note": "x"}}))),
        perhaps("antiAffinity", Just(json!({"requiredDuringSchedulingIgnoredDuringExecution": {}}))),
    ]
}

fn strategy() -> impl Strategy<Value = Value> {
    let basic = (proptest::collection::vec(step(), 0..5), 0..4i32, 0..4i32).prop_map(|(steps, surge, missing)| {
        let missing = if surge == 0 && missing == 0 { 1 } else { missing };
        json!({"steps": steps, "maxSurge": surge, "maxUnavailable": missing})
    });
    let pair = json!({"pingService": "web-ping", "pongService": "web-pong"});
    let basic = (basic, perhaps("pingPong", Just(pair))).prop_map(|(basic, pair)| together(basic, &[pair]));
    let options = vec![
        perhaps("abortScaleDownDelaySeconds", (0..60i32).prop_map(|n| json!(n))),
        prop_oneof![
            perhaps("scaleDownDelaySeconds", (0..60i32).prop_map(|n| json!(n))),
            Just(json!({"dynamicStableScale": true})).boxed(),
        ]
        .boxed(),
        perhaps("minPodsPerReplicaSet", (1..4i32).prop_map(|n| json!(n))),
        perhaps("scaleDownDelayRevisionLimit", (0..3i32).prop_map(|n| json!(n))),
        prop_oneof![Just(json!(null)), Just(json!(100)), Just(json!(250))]
            .prop_map(|max| json!({"trafficRouting": {"nginx": {"stableIngress": "web"}, "maxTrafficWeight": max}}))
            .boxed(),
    ];
    let routed = (proptest::collection::vec(routed_step(), 0..5), options).prop_map(|(steps, options)| {
        let canary = json!({"steps": steps, "canaryService": "web-canary", "stableService": "web-stable"});
        together(canary, &options)
    });
    let lasting = prop_oneof![2 => template_name(), 1 => Just("endless")];
    let background = (lasting, proptest::option::of(0..4i32)).prop_map(|(name, from)| {
        let mut analysis = run(name);
        if let Some(step) = from {
            analysis["startingStep"] = json!(step);
        }
        analysis
    });
    let canary = (prop_oneof![basic, routed], common(), perhaps("analysis", background))
        .prop_map(|(canary, options, analysis)| json!({"canary": together(together(canary, &options), &[analysis])}));
    prop_oneof![2 => canary, 1 => blue_green()]
}

fn blue_green() -> impl Strategy<Value = Value> {
    let delays = (
        proptest::option::of(0..60i32),
        proptest::option::of(0..60i32),
        proptest::option::of(0..3i32),
        proptest::option::of(0..3i32),
    );
    let switch = (any::<bool>(), proptest::option::of(0..7i32), proptest::option::of(any::<bool>()), 0..40i32);
    let common = vec![
        perhaps("previewMetadata", Just(json!({"labels": {"role": "preview"}}))),
        perhaps("activeMetadata", Just(json!({"labels": {"role": "active"}}))),
        perhaps("antiAffinity", Just(json!({"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 1}}))),
        perhaps("prePromotionAnalysis", template_name().prop_map(run)),
        perhaps("postPromotionAnalysis", template_name().prop_map(run)),
    ];
    (switch, delays, common).prop_map(
        |((previewed, count, automatic, seconds), (delay, abort_delay, limit, missing), common)| {
            let mut strategy = json!({"activeService": "web-active"});
            if previewed {
                strategy["previewService"] = json!("web-preview");
            }
            for (key, value) in [
                ("previewReplicaCount", count),
                ("autoPromotionSeconds", (seconds > 20).then_some(seconds)),
                ("scaleDownDelaySeconds", delay),
                ("abortScaleDownDelaySeconds", abort_delay),
                ("scaleDownDelayRevisionLimit", limit),
                ("maxUnavailable", missing),
            ] {
                if let Some(value) = value {
                    strategy[key] = json!(value);
                }
            }
            if let Some(automatic) = automatic {
                strategy["autoPromotionEnabled"] = json!(automatic);
            }
            json!({"blueGreen": together(strategy, &common)})
        },
    )
}

fn together(mut object: Value, parts: &[Value]) -> Value {
    for (key, value) in parts.iter().flat_map(|part| part.as_object().unwrap()) {
        object[key.as_str()] = value.clone();
    }
    object
}

/// Where the template comes from: the Rollout's own, or a workload with as many pods as the Rollout wants.
fn reference() -> impl Strategy<Value = Option<Value>> {
    let mode = prop_oneof![Just("never"), Just("onsuccess"), Just("progressively")];
    let kind = prop_oneof![3 => Just(("apps/v1", "Deployment")), 1 => Just(("apps/v1", "ReplicaSet")), 1 => Just(("v1", "PodTemplate"))];
    let reference = (kind, mode).prop_map(
        |((version, kind), mode)| json!({"apiVersion": version, "kind": kind, "name": "web", "scaleDown": mode}),
    );
    prop_oneof![2 => Just(None), 1 => reference.prop_map(Some)]
}

pub fn world() -> impl Strategy<Value = World> {
    let options = vec![
        perhaps("revisionHistoryLimit", (0..3i32).prop_map(|n| json!(n))),
        perhaps("rollbackWindow", (0..4i32).prop_map(|n| json!({"revisions": n}))),
        perhaps("progressDeadlineAbort", Just(json!(true))),
        perhaps("analysis", (0..2i32).prop_map(|n| json!({"unsuccessfulRunHistoryLimit": n}))),
    ];
    (strategy(), 0..7i32, options, reference()).prop_map(|(strategy, replicas, options, reference)| {
        let mut spec = json!({
            "replicas": replicas, "strategy": strategy,
            "selector": {"matchLabels": {"app": "web"}}, "template": template("web:0"),
        });
        let behind = reference.is_some();
        if let Some(reference) = reference {
            spec["template"] = Value::Null;
            spec["workloadRef"] = reference;
        }
        let mut world = with_templates(World::new(together(spec, &options), &[]));
        if behind {
            world = world.behind_deployment(template("web:0"));
            world.workload().unwrap().spec.replicas = Some(replicas);
        }
        world.judgement = Some(Phase::Successful);
        world
    })
}
