//! The `experiment` step: it starts an Experiment, waits for it, and ends it with the update.

use crate::world::World;
use crate::{abort, basic, promote, routed, set_image};
use jiff::SignedDuration;
use serde_json::{Value, json};
use serinus_wire::analysis::Phase;
use serinus_wire::{Experiment, keys};

fn step() -> Value {
    json!({"experiment": {
        "templates": [
            {"name": "base", "specRef": "stable"},
            {"name": "new", "specRef": "canary", "replicas": 2, "metadata": {"labels": {"x": "y"}, "annotations": {"a": "b"}},
                "service": {"name": "front"}},
        ],
        "duration": "1h", "scaleDownDelaySeconds": 5, "dryRun": [{"metricName": "m"}],
        "analyses": [{"name": "check", "templateName": "t", "requiredForCompletion": true, "args": [
            {"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}},
            {"name": "base", "value": "{{templates.base.podTemplateHash}}"},
            {"name": "who", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}],
    }})
}

fn updating(verdict: Option<Phase>) -> World {
    let mut world = basic(json!({"steps": [step(), {"pause": {}}]}));
    world.verdict = verdict;
    world.run();
    assert!(world.seen.experiments.is_empty(), "none before a set is stable");
    set_image(&mut world, "web:2");
    world.run();
    world
}

fn names(world: &World) -> Vec<&str> {
    world.seen.experiments.iter().map(|it| it.metadata.name.as_str()).collect()
}

fn current(world: &World) -> &str {
    &world.seen.rollout.status.canary.current_experiment
}

fn hash(world: &World, image: &str) -> String {
    let of = |set: &&serinus_wire::k8s::ReplicaSet| crate::world::image(&set.spec.template) == image;
    world.seen.replica_sets.iter().find(of).unwrap().metadata.labels[keys::HASH].clone()
}

fn over(experiment: &Experiment) -> bool {
    experiment.spec.terminate
}

#[test]
fn an_experiment_is_made_of_the_sets_that_it_compares() {
    let world = updating(None);
    let (new, stable) = (hash(&world, "web:2"), hash(&world, "web:1"));
    let name = format!("web-{new}-2-0");
    assert_eq!((names(&world), current(&world)), (vec![name.as_str()], name.as_str()));
    assert_eq!(world.seen.rollout.status.phase, "Progressing");
    assert!(world.events.contains(&"ExperimentCreated".to_string()), "{:?}", world.events);
    let experiment = &world.seen.experiments[0];
    assert_eq!(json!(experiment.metadata.labels), json!({keys::HASH: new}));
    assert_eq!(json!(experiment.metadata.annotations), json!({keys::REVISION: "2"}));
    assert_eq!(experiment.metadata.controller().unwrap().name, "web");
    let spec = &experiment.spec;
    assert_eq!((spec.duration.as_str(), spec.scale_down_delay_seconds, spec.dry_run.len()), ("1h", Some(5), 1));
    let [base, canary] = spec.templates.as_slice() else { panic!("{spec:?}") };
    assert_eq!((base.replicas, canary.replicas), (None, Some(2)));
    assert_eq!(base.selector, Some(json!({"matchLabels": {"app": "web", keys::HASH: stable}})));
    assert_eq!(canary.selector, Some(json!({"matchLabels": {"app": "web", keys::HASH: new, "x": "y"}})));
    assert_eq!(canary.template["metadata"]["labels"], json!({"app": "web", keys::HASH: new, "x": "y"}));
    assert_eq!(canary.template["metadata"]["annotations"], json!({"a": "b"}));
    assert_eq!((base.service.is_none(), canary.service.as_ref().unwrap().name.as_str()), (true, "front"));
    let args: Vec<_> = spec.analyses[0].args.iter().map(|arg| arg.value.clone().unwrap()).collect();
    assert_eq!(args, [new.as_str(), "{{templates.base.podTemplateHash}}", "web"]);
    assert!(spec.analyses[0].required_for_completion);
}

#[test]
fn a_good_experiment_ends_the_step() {
    let mut world = updating(Some(Phase::Successful));
    assert_eq!((world.phase(), current(&world)), ("Paused", ""));
    assert_eq!(world.seen.rollout.status.current_step_index, Some(1));
    promote(&mut world);
    world.run();
    assert_eq!((world.phase(), names(&world).len()), ("Healthy", 1));
}

#[test]
fn a_bad_experiment_aborts_and_a_retry_takes_another() {
    for (phase, detail) in [(Phase::Failed, ": it is broken"), (Phase::Error, "")] {
        let mut world = updating(Some(phase));
        let text = format!(
            "RolloutAborted: Rollout aborted update to revision 2: Experiment analysis phase is error/failed{detail}"
        );
        assert_eq!((world.phase(), world.seen.rollout.status.message.as_str()), ("Degraded", text.as_str()));
        assert_eq!((current(&world), world.sizes()), ("", [("web:1".to_string(), 10)].into()));
        world.verdict = Some(Phase::Successful);
        world.edit_rollout(&json!({"status": {"abort": false}}), true);
        world.run();
        let base = format!("web-{}-2-0", hash(&world, "web:2"));
        assert_eq!(names(&world), [base.clone(), format!("{base}-1")]);
        assert_eq!(world.phase(), "Paused");
    }
}

#[test]
fn one_that_can_t_tell_pauses_until_a_person_tries_another() {
    let mut world = updating(Some(Phase::Inconclusive));
    let status = &world.seen.rollout.status;
    assert_eq!((status.phase.as_str(), status.message.as_str()), ("Paused", "InconclusiveExperiment"));
    assert_eq!((status.controller_pause, names(&world).len()), (true, 1), "and none is started meanwhile");
    world.verdict = Some(Phase::Successful);
    promote(&mut world);
    world.run();
    assert_eq!((world.seen.rollout.status.current_step_index, names(&world).len()), (Some(1), 2));
}

#[test]
fn it_ends_with_what_it_is_for() {
    type Deed = fn(&mut World);
    let table: [(&str, Deed, bool); 6] = [
        ("abort", abort, true),
        ("promote --full", |world| world.edit_rollout(&json!({"status": {"promoteFull": true}}), true), true),
        ("skip", |world| world.edit_rollout(&json!({"status": {"currentStepIndex": 1}}), true), true),
        ("third version", |world| set_image(world, "web:3"), true),
        ("undo", |world| set_image(world, "web:1"), true),
        ("pause", |world| world.edit_rollout(&json!({"spec": {"paused": true}}), false), false),
    ];
    for (what, deed, ends) in table {
        let mut world = updating(None);
        deed(&mut world);
        world.run();
        assert_eq!(over(&world.seen.experiments[0]), ends, "{what}");
        assert_eq!(names(&world).len(), if what == "third version" { 2 } else { 1 }, "{what}");
        let still = world.seen.experiments.iter().rfind(|it| !over(it)).map_or("", |it| it.metadata.name.as_str());
        assert_eq!(current(&world), still, "{what}");
    }
}

#[test]
fn other_steps_end_one_and_take_another() {
    let mut world = updating(None);
    let mut other = step();
    other["experiment"]["duration"] = json!("2h");
    world.edit_rollout(&json!({"spec": {"strategy": {"canary": {"steps": [other, {"pause": {}}]}}}}), false);
    world.run();
    let base = format!("web-{}-2-0", hash(&world, "web:2"));
    assert_eq!(
        (names(&world), current(&world)),
        (vec![base.as_str(), &format!("{base}-1")], format!("{base}-1").as_str())
    );
    assert!(over(&world.seen.experiments[0]) && !over(&world.seen.experiments[1]));
}

#[test]
fn one_that_a_person_deletes_is_made_again() {
    let mut world = updating(None);
    world.seen.experiments.clear();
    world.run();
    assert_eq!(names(&world).len(), 1);
}

#[test]
fn old_ones_are_forgotten() {
    let mut world = basic(json!({"steps": [step()]}));
    world.edit_rollout(
        &json!({"spec": {"analysis": {"successfulRunHistoryLimit": 1}, "revisionHistoryLimit": 9}}),
        false,
    );
    world.run();
    for image in ["web:2", "web:3", "web:4"] {
        world.now += SignedDuration::from_secs(60);
        set_image(&mut world, image);
        world.run();
    }
    assert_eq!(world.phase(), "Healthy");
    let kept: Vec<_> = names(&world).iter().map(|name| name.rsplit('-').nth(1).unwrap().to_string()).collect();
    assert_eq!(kept, ["4"], "revisions");
}

#[test]
fn what_can_t_be_an_experiment_is_said_at_once() {
    let one = |templates: Value| json!({"experiment": {"templates": templates}});
    let base = json!({"name": "base", "specRef": "stable"});
    let mut late = step();
    late["experiment"]["duration"] = json!("soon");
    let weighted = json!([{"name": "base", "specRef": "stable", "weight": 10}]);
    let table = [
        (one(json!([])), "templates: Required value: an experiment needs a set of pods"),
        (
            one(json!([{"name": "a", "specRef": "third"}])),
            "templates[0].specRef: Invalid value: \"third\": no such version",
        ),
        (one(json!([base, base])), "templates[1].name: Invalid value: \"base\": not a name of its own"),
        (late, "duration: Invalid value: \"soon\": not a duration"),
        (
            one(weighted.clone()),
            "templates[0].weight: Invalid value: 10: Experiment template weight cannot be set unless TrafficRouting is enabled",
        ),
    ];
    for (step, text) in table {
        let mut world = basic(json!({"steps": [step]}));
        world.run();
        assert!(world.seen.rollout.status.message.contains(text), "{}", world.seen.rollout.status.message);
    }
    let mut world = routed(json!({"steps": [one(weighted)]}));
    world.run();
    let text =
        "Experiment template weight is only available for TrafficRouting with SMI, ALB, Istio and Plugins at this time";
    assert!(world.seen.rollout.status.message.contains(text), "{}", world.seen.rollout.status.message);
}
