//! The parts of an Experiment: ReplicaSets, Services, runs, and what is wrong with a spec.

use crate::world::{World, set};
use serde_json::{Value, json};
use serinus_decide::experiment::is_behind;
use serinus_decide::{Kind, Target, Verdict};
use serinus_wire::analysis::Phase;
use serinus_wire::k8s::{ReplicaSet, Service};
use serinus_wire::keys;

#[test]
fn a_set_is_a_replica_set_with_a_hash_of_its_own() {
    let mut template = set("a");
    template["template"]["metadata"]["labels"][keys::HASH] = json!("of-another");
    template["selector"]["matchLabels"][keys::HASH] = json!("of-another");
    template["replicas"] = json!(2);
    template["minReadySeconds"] = json!(3);
    let mut world = World::new(json!({"templates": [template, set("b")]}));
    world.after(5);
    let of = |name: &str| world.replica_set(name).unwrap().clone();
    let (a, b) = (of("e-a"), of("e-b"));
    let hash = a.metadata.labels[keys::HASH].clone();
    assert!(hash != "of-another" && hash != b.metadata.labels[keys::HASH]);
    assert_eq!(a.spec.selector, json!({"matchLabels": {"app": "a", keys::HASH: hash}}));
    assert_eq!(a.spec.template["metadata"]["labels"], json!({"app": "a", keys::HASH: hash}));
    assert_eq!((a.spec.replicas, b.spec.replicas, a.spec.min_ready_seconds), (Some(2), Some(1), 3));
    assert_eq!(a.metadata.annotations[keys::EXPERIMENT_NAME], "e");
    assert_eq!(a.metadata.annotations[keys::EXPERIMENT_TEMPLATE_NAME], "a");
    assert_eq!(a.metadata.controller().unwrap().name, "e");
}

#[test]
fn sizes_follow_the_spec_and_the_template_does_not() {
    let mut world = World::new(json!({"templates": [set("a")]}));
    world.after(5);
    let mut template = set("a");
    template["replicas"] = json!(3);
    template["template"]["spec"]["containers"][0]["image"] = json!("web:2");
    let before = world.replica_set("e-a").unwrap().spec.template.clone();
    world.edit(&json!({"spec": {"templates": [template]}}));
    world.after(5);
    assert_eq!(world.sizes(), [("e-a".to_string(), 3)]);
    assert_eq!(world.replica_set("e-a").unwrap().spec.template, before);
}

#[test]
fn pods_stay_for_a_while_after_the_end() {
    for (delay, stays) in [(json!(null), 30), (json!(5), 5), (json!(0), 0)] {
        let mut world = World::new(json!({"templates": [set("a")], "duration": "10s", "scaleDownDelaySeconds": delay}));
        world.after(10);
        assert_eq!(world.phase(), Some(Phase::Successful));
        let ended = world.now;
        world.run();
        assert_eq!(world.sizes(), [("e-a".to_string(), 0)]);
        assert_eq!(world.now.duration_since(ended).as_secs(), stays, "{delay}");
    }
}

#[test]
fn a_service_comes_and_goes_with_the_pods() {
    let mut template = set("a");
    template["service"] = json!({});
    let mut named = set("b");
    named["service"] = json!({"name": "front"});
    let mut portless = set("c");
    portless["service"] = json!({});
    portless["template"]["spec"]["containers"][0]["ports"] = json!([]);
    let mut world = World::new(json!({"templates": [template, named, portless], "duration": "10s"}));
    world.after(5);
    let names: Vec<_> = world.seen.services.keys().cloned().collect();
    assert_eq!(names, ["e-a", "front"]);
    let service = &world.seen.services["front"];
    let labels = &world.replica_set("e-b").unwrap().metadata.labels;
    assert_eq!(&service.spec.selector, labels);
    assert_eq!(service.spec.ports, json!([{"name": "http", "port": 8080, "targetPort": 8080}]));
    let status = |world: &World| {
        let sets = &world.seen.experiment.status.template_statuses;
        sets.iter().map(|set| (set.service_name.clone(), !set.pod_template_hash.is_empty())).collect::<Vec<_>>()
    };
    let none = || (String::new(), false);
    assert_eq!(status(&world), [("e-a".to_string(), true), ("front".to_string(), true), none()]);
    world.run();
    assert!(world.seen.services.is_empty());
    assert_eq!(status(&world), [none(), none(), none()]);
}

#[test]
fn what_belongs_to_others_is_left_alone() {
    let mut template = set("a");
    template["service"] = json!({"name": "front"});
    let mut world = World::new(json!({"templates": [template, set("b")]}));
    let front: Service =
        serde_json::from_value(json!({"metadata": {"name": "front", "uid": "u", "resourceVersion": "1"}})).unwrap();
    world.seen.services.insert("front".to_string(), front.clone());
    world.run();
    assert_eq!(world.phase(), Some(Phase::Error));
    assert_eq!(
        world.message(),
        "Failed to create Service front for template 'a': service front already exists and is not owned by experiment template a"
    );
    assert_eq!(world.seen.services["front"], front);

    let mut world = World::new(json!({"templates": [set("a"), set("b")]}));
    let taken: ReplicaSet = serde_json::from_value(
        json!({"metadata": {"name": "e-a", "uid": "u", "resourceVersion": "1"}, "spec": {"replicas": 7}}),
    )
    .unwrap();
    world.seen.replica_sets.push(taken.clone());
    world.run();
    assert_eq!(world.phase(), Some(Phase::Error));
    assert!(world.message().contains("replicasets.apps \"e-a\" already exists"), "{}", world.message());
    assert_eq!(world.replica_set("e-a"), Some(&taken));
}

#[test]
fn what_the_server_will_not_have_ends_it() {
    for (kind, name, message) in [
        (Kind::ReplicaSet, "e-a", "Failed to create ReplicaSet for template 'a': too bad"),
        (Kind::Service, "e-a", "Failed to create Service e-a for template 'a': too bad"),
        (Kind::AnalysisRun, "e-x", "Failed to create AnalysisRun for analysis 'x': too bad"),
    ] {
        let mut template = set("a");
        template["service"] = json!({});
        let mut world = World::new(json!({"templates": [template], "analyses": [{"name": "x", "templateName": "t"}]}));
        let creates = |world: &World| {
            let plan = world.plan();
            plan.writes().any(|write| write.target.kind == kind && matches!(write.op, serinus_decide::Op::Create(_)))
        };
        while !creates(&world) {
            let plan = world.plan();
            world.apply(&plan, usize::MAX);
            world.behave();
        }
        let target = Target { kind, namespace: "n".to_string(), name: name.to_string() };
        world.seen.refused.insert(target, "too bad".to_string());
        world.run();
        assert_eq!((world.phase(), world.message()), (Some(Phase::Error), message));
        assert!(world.sizes().iter().all(|(_, size)| *size == 0));
    }
}

#[test]
fn runs_are_made_of_templates_and_arguments() {
    let mut world = World::new(json!({
        "templates": [set("a")], "duration": "10s",
        "dryRun": [{"metricName": "m"}], "measurementRetention": [{"metricName": "m", "limit": 2}],
        "analysisRunMetadata": {"labels": {"l": "1"}, "annotations": {"a": "2"}},
        "analyses": [{"name": "x", "templateName": "t", "args": [
            {"name": "x", "value": "{{templates.a.podTemplateHash}} {{templates.a.replicaset.name}} {{ experiment.availableAt }} {{experiment.finishedAt}}"},
            {"name": "undeclared", "value": "1"}]}],
    }));
    world.edit(&json!({"metadata": {"labels": {keys::INSTANCE_ID: "blue"}}}));
    world.after(5);
    let run = &world.seen.runs[0];
    let hash = &world.replica_set("e-a").unwrap().metadata.labels[keys::HASH];
    let value = format!("{hash} e-a 2026-01-01T00:00:00Z 2026-01-01T00:00:10Z");
    let args: Vec<_> = run.spec.args.iter().map(|arg| (arg.name.as_str(), arg.value.as_deref())).collect();
    assert_eq!(args, [("x", Some(value.as_str()))]);
    assert_eq!(run.metadata.name, "e-x");
    assert_eq!(json!(run.metadata.labels), json!({"l": "1", keys::INSTANCE_ID: "blue"}));
    assert_eq!(json!(run.metadata.annotations), json!({"a": "2"}));
    assert_eq!((run.spec.dry_run.len(), run.spec.measurement_retention.len()), (1, 1));
}

#[test]
fn a_run_that_goes_is_an_error() {
    let mut world = World::new(json!({"templates": [set("a")], "analyses": [{"name": "x", "templateName": "t"}]}));
    world.after(5);
    assert!(!is_behind(&world.seen));
    world.seen.runs.clear();
    assert!(is_behind(&world.seen), "it is read once more before it counts as gone");
    world.after(5);
    assert_eq!(
        (world.phase(), world.message()),
        (Some(Phase::Error), "AnalysisRun e-x is gone before it came to an end")
    );
    assert!(!is_behind(&world.seen), "what is over waits for nothing");
}

#[test]
fn a_template_is_missed_until_its_run_is_there() {
    let analyses = json!([{"name": "x", "templateName": "t"}]);
    let mut world = World::new(json!({"templates": [set("a")], "analyses": analyses}));
    let templates = std::mem::take(&mut world.seen.templates);
    assert!(is_behind(&world.seen));
    world.seen.templates = templates;
    assert!(!is_behind(&world.seen));
    world.after(5);
    world.seen.templates.clear();
    assert!(!is_behind(&world.seen), "a run has taken over what it needs of the template");
    world.edit(&json!({"spec": {"terminate": true}}));
    world.seen.runs.clear();
    assert!(!is_behind(&world.seen), "what comes to its end waits for nothing");
}

#[test]
fn a_wrong_spec_is_said_and_touches_nothing() {
    let with = |key: &str, value: Value| {
        let mut template = set("a");
        template[key] = value;
        template
    };
    let table = [
        (
            json!({"templates": [with("selector", json!({}))]}),
            "This experiment is selecting all pods at index 0. A non-empty selector is required.",
        ),
        (
            json!({"templates": [with("selector", json!(null))]}),
            "This experiment is selecting all pods at index 0. A non-empty selector is required.",
        ),
        (
            json!({"templates": [with("minReadySeconds", json!(20))], "progressDeadlineSeconds": 10}),
            "MinReadySeconds cannot be longer than ProgressDeadlineSeconds. Check template index 0",
        ),
        (json!({"templates": [with("name", json!(""))]}), "Experiment e has empty template name at index 0"),
        (json!({"templates": [set("a"), set("a")]}), "Experiment e has repeated template name 'a' in templates"),
        (
            json!({"templates": [set("a")], "duration": "soon"}),
            "spec.duration: Invalid value: \"soon\": not a duration: write one such as 90s, 5m or 1h30m",
        ),
        (
            json!({"templates": [set("a")], "analyses": [{"name": "x", "templateName": "t"}, {"name": "x", "templateName": "t"}]}),
            "spec.analyses[1].name: Duplicate value: \"x\": give each analysis a name of its own",
        ),
    ];
    for (spec, message) in table {
        let mut world = World::new(spec.clone());
        let plan = world.rest();
        let status = &world.seen.experiment.status;
        let found: Vec<_> = status.conditions.iter().map(|it| (it.kind.as_str(), it.message.as_str())).collect();
        assert_eq!(found, [("InvalidSpec", message)], "{spec}");
        assert!(status.phase.is_none() && world.seen.replica_sets.is_empty(), "{spec}");
        assert!(plan.report.lines.iter().any(|line| line.verdict == Verdict::Refused));
    }
    let mut world = World::new(json!({"templates": [set("a")], "duration": "soon"}));
    drop(world.rest());
    world.edit(&json!({"spec": {"duration": "5s"}}));
    world.run();
    assert_eq!(world.phase(), Some(Phase::Successful), "it goes on when the spec is right");
    assert_eq!(world.seen.experiment.status.conditions.len(), 1);
}
