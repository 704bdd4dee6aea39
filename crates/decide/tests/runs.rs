//! Analyses of a Rollout: runs come, are followed, and end, and the update with them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use serde_json::{Value, json};
use serinus_decide::{Act, decide};
use serinus_wire::analysis::{AnalysisRun, AnalysisTemplate, Phase};
use world::{World, template};

fn canary(strategy: Value) -> World {
    let mut world = World::new(
        json!({
            "replicas": 4,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template("web:1"),
            "strategy": {"canary": strategy},
        }),
        &[],
    );
    let metric = json!({"name": "m", "count": 1, "provider": {"web": {"url": "http://{{args.host}}/"}}});
    add(
        &mut world,
        "ok",
        json!({"metrics": [metric], "args": [{"name": "host", "value": "h"}, {"name": "hash", "value": ""}]}),
    );
    let endless = json!({"name": "e", "interval": "5s", "provider": {"web": {"url": "http://h/"}}});
    add(&mut world, "endless", json!({"metrics": [endless]}));
    world
}

fn add(world: &mut World, name: &str, spec: Value) {
    let object = json!({"metadata": {"name": name, "namespace": "shop"}, "spec": spec});
    world.seen.templates.insert(name.to_string(), AnalysisTemplate::read(&object).unwrap());
}

/// Version 1 is out, version 2 is on its way.
fn updating(strategy: Value) -> World {
    let mut world = canary(strategy);
    world.run();
    assert_eq!(world.phase(), "Healthy", "{}", world.plan().report);
    world.edit_rollout(&json!({"spec": {"template": template("web:2")}}), false);
    world.events.clear();
    world.run();
    world
}

fn step() -> Value {
    let hash = json!({"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}});
    json!({"analysis": {"templates": [{"templateName": "ok"}], "args": [hash]}})
}

fn end(world: &mut World, phase: Phase, message: &str) {
    let run = world.seen.runs.last_mut().unwrap();
    run.status.phase = Some(phase);
    run.status.message = message.to_string();
    world.run();
}

fn only(world: &World) -> &AnalysisRun {
    assert_eq!(world.seen.runs.len(), 1, "{:?}", names(world));
    &world.seen.runs[0]
}

fn names(world: &World) -> Vec<&str> {
    world.seen.runs.iter().map(|run| run.metadata.name.as_str()).collect()
}

#[test]
fn a_step_waits_for_its_run() {
    let mut world = updating(json!({"steps": [{"setWeight": 25}, step(), {"pause": {}}]}));
    let run = only(&world).clone();
    let hash = world.seen.rollout.status.current_pod_hash.clone();
    assert_eq!(run.metadata.name, format!("web-{hash}-2-1"));
    let label = |key: &str| run.metadata.labels.get(key).map(String::as_str);
    assert_eq!(label("rollout-type"), Some("Step"));
    assert_eq!(label("step-index"), Some("1"));
    assert_eq!(label("rollouts-pod-template-hash"), Some(hash.as_str()));
    assert_eq!(label("app"), Some("web"));
    let args: Vec<_> = run.spec.args.iter().map(|arg| (arg.name.as_str(), arg.value.as_deref())).collect();
    assert_eq!(args, [("host", Some("h")), ("hash", Some(hash.as_str()))]);
    let recorded = world.seen.rollout.status.canary.current_step_analysis_run_status.clone().unwrap();
    assert_eq!(recorded.name, run.metadata.name);
    assert!(world.plan().report.waits().any(|line| line.part == "analysis"), "{}", world.plan().report);

    end(&mut world, Phase::Successful, "");
    assert_eq!(world.seen.rollout.status.current_step_index, Some(2));
    assert_eq!(world.seen.rollout.status.canary.current_step_analysis_run_status, None);
    assert!(world.events.contains(&"AnalysisRunSuccessful".to_string()), "{:?}", world.events);
}

#[test]
fn a_failed_run_aborts_and_a_retry_takes_another() {
    for (phase, event) in [(Phase::Failed, "AnalysisRunFailed"), (Phase::Error, "AnalysisRunError")] {
        let mut world = updating(json!({"steps": [{"setWeight": 25}, step()]}));
        end(&mut world, phase, "it is broken");
        let status = &world.seen.rollout.status;
        assert!(status.abort && status.phase == "Degraded");
        let text = "RolloutAborted: Rollout aborted update to revision 2: Step-based analysis phase error/failed: it is broken";
        assert_eq!(status.message, text);
        assert_eq!(status.canary.current_step_analysis_run_status.as_ref().unwrap().status, phase.to_string());
        assert_eq!(world.sizes(), [("web:1".to_string(), 4)].into());
        assert!(world.events.contains(&event.to_string()) && world.events.contains(&"RolloutAborted".to_string()));

        world.edit_rollout(&json!({"status": {"abort": false}}), true);
        world.run();
        assert_eq!(world.seen.runs.len(), 2);
        assert!(names(&world)[1].ends_with("-2-1.1"), "{:?}", names(&world));
        end(&mut world, Phase::Successful, "");
        assert_eq!(world.phase(), "Healthy", "{}", world.plan().report);
    }
}

#[test]
fn a_run_that_can_not_tell_pauses_until_a_person_decides() {
    let mut world = updating(json!({"steps": [{"setWeight": 25}, step()]}));
    end(&mut world, Phase::Inconclusive, "");
    let status = &world.seen.rollout.status;
    assert_eq!((status.phase.as_str(), status.message.as_str()), ("Paused", "InconclusiveAnalysisRun"));
    assert!(status.controller_pause);
    world.edit_rollout(&json!({"status": {"pauseConditions": null}}), true);
    world.run();
    assert_eq!(world.seen.runs.len(), 2, "{}", world.plan().report);
    end(&mut world, Phase::Successful, "");
    assert_eq!(world.phase(), "Healthy");
}

#[test]
fn a_background_run_goes_along_and_ends_with_the_update() {
    let strategy = json!({
        "analysis": {"templates": [{"templateName": "endless"}], "startingStep": 1},
        "steps": [{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}],
    });
    let mut world = updating(strategy.clone());
    let run = only(&world).clone();
    assert!(run.metadata.name.ends_with("-2") && run.metadata.labels["rollout-type"] == "Background", "{run:?}");
    world.seen.runs[0].status.phase = Some(Phase::Running);
    world.edit_rollout(&json!({"status": {"pauseConditions": null}}), true);
    world.run();
    assert_eq!(world.phase(), "Healthy");
    assert!(only(&world).spec.terminate);
    assert_eq!(world.seen.rollout.status.canary.current_background_analysis_run_status, None);

    let mut world = updating(strategy);
    end(&mut world, Phase::Failed, "x");
    assert!(world.seen.rollout.status.message.ends_with(": Background analysis phase error/failed: x"));
}

#[test]
fn a_new_version_and_an_abort_end_what_runs() {
    let mut world = updating(json!({"steps": [{"setWeight": 25}, step()]}));
    world.edit_rollout(&json!({"spec": {"template": template("web:3")}}), false);
    world.run();
    let terminated: Vec<bool> = world.seen.runs.iter().map(|run| run.spec.terminate).collect();
    assert_eq!(terminated, [true, false]);
    world.edit_rollout(&json!({"status": {"abort": true}}), true);
    world.run();
    assert!(world.seen.runs.iter().all(|run| run.spec.terminate));
    end(&mut world, Phase::Successful, "Run Terminated");
    let shown = world.seen.rollout.status.canary.current_step_analysis_run_status.clone().unwrap();
    assert_eq!((shown.status.as_str(), shown.message.as_str()), ("Successful", "Run Terminated"));
    assert_eq!(world.events.last().map(String::as_str), Some("ScalingReplicaSet"), "nobody is told of that end");
}

#[test]
fn the_first_phase_of_a_run_has_none_before_it() {
    let mut world = updating(json!({"steps": [{"setWeight": 25}, step()]}));
    world.seen.runs[0].status.phase = Some(Phase::Running);
    let notes = world.plan().acts.into_iter().filter_map(|act| match act {
        Act::Note(note) => Some(note.message),
        Act::NoteOwner(_) | Act::Write(_) => None,
    });
    let name = only(&world).metadata.name.clone();
    let text = format!("Step Analysis Run '{name}' Status New: 'Running' Previous: ''");
    assert_eq!(notes.collect::<Vec<_>>(), [text]);
}

#[test]
fn old_runs_are_deleted() {
    let mut world = canary(json!({"steps": [step()]}));
    world.edit_rollout(&json!({"spec": {"analysis": {"successfulRunHistoryLimit": 2}}}), false);
    world.run();
    for version in 2..6 {
        world.edit_rollout(&json!({"spec": {"template": template(&format!("web:{version}"))}}), false);
        world.run();
        end(&mut world, Phase::Successful, "");
        assert_eq!(world.phase(), "Healthy");
    }
    assert_eq!(world.seen.runs.len(), 2, "{:?}", names(&world));
}

/// What Argo Rollouts says of the same specs.
#[test]
fn templates_are_validated() {
    let vectors: Value = serde_json::from_str(include_str!("../../wire/tests/data/validation-vectors.json")).unwrap();
    let mut looked_at = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let note = case["note"].as_str().unwrap();
        if !["template missing", "infinite inline", "infinite background", "inline arg missing", "good analysis"]
            .contains(&note)
        {
            continue;
        }
        let mut world = World::new(case["spec"].clone(), &[]);
        world.edit_rollout(&json!({"metadata": {"name": "NAME"}}), false);
        for object in
            vectors["objects"].as_array().unwrap().iter().filter(|object| object["kind"] == "AnalysisTemplate")
        {
            add(&mut world, object["metadata"]["name"].as_str().unwrap(), object["spec"].clone());
        }
        drop(world.rest());
        let conditions = &world.seen.rollout.status.conditions;
        let invalid = conditions.iter().find(|condition| condition.kind == "InvalidSpec");
        // Ours has the remedy behind it, in brackets, and nothing else.
        let said = invalid.map(|condition| condition.message.as_str());
        let peer = case["invalidSpec"].as_str();
        let remedy = said.zip(peer).and_then(|(said, peer)| said.strip_prefix(peer));
        let has_remedy = remedy.is_some_and(|rest| rest.starts_with(" (") && rest.ends_with(')'));
        assert!(said == peer || has_remedy, "{note}: {said:?} is not {peer:?}");
        looked_at += 1;
    }
    assert_eq!(looked_at, 5);
}

/// Every look of a whole update is a fixpoint once it is carried out.
#[test]
fn nothing_is_written_twice() {
    let mut world = updating(json!({
        "analysis": {"templates": [{"templateName": "endless"}]},
        "steps": [{"setWeight": 25}, step(), {"setWeight": 50}, {"pause": {}}],
    }));
    assert_eq!(decide(&world.seen, world.now), decide(&world.seen, world.now));
    assert!(world.plan().writes().next().is_none());
    end(&mut world, Phase::Successful, "");
    assert!(world.plan().writes().next().is_none());
}

/// A blue/green update with an analysis before and after the switch, standing before it.
fn switching(more: Value) -> World {
    let mut strategy = json!({
        "activeService": "web-active", "previewService": "web-preview",
        "prePromotionAnalysis": {"templates": [{"templateName": "ok"}]},
        "postPromotionAnalysis": {"templates": [{"templateName": "ok"}]},
    });
    strategy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut world = canary(json!({}));
    world.edit_rollout(&json!({"spec": {"strategy": {"canary": null, "blueGreen": strategy}}}), false);
    world.run();
    assert_eq!(world.phase(), "Healthy", "{}", world.plan().report);
    assert_eq!(names(&world), [""; 0], "the first version is not judged");
    world.edit_rollout(&json!({"spec": {"template": template("web:2")}}), false);
    world.events.clear();
    world.run();
    assert!(only(&world).metadata.name.ends_with("-2-pre"));
    world
}

fn active(world: &World) -> String {
    world.seen.services["web-active"].spec.selector["rollouts-pod-template-hash"].clone()
}

fn status(world: &World) -> &serinus_wire::rollout::RolloutStatus {
    &world.seen.rollout.status
}

#[test]
fn a_switch_is_judged_before_and_after() {
    let mut world = switching(json!({}));
    assert_eq!(active(&world), status(&world).stable_rs);
    end(&mut world, Phase::Successful, "");
    assert_eq!(active(&world), status(&world).current_pod_hash);
    assert_ne!(status(&world).stable_rs, status(&world).current_pod_hash);
    assert_eq!(status(&world).blue_green.pre_promotion_analysis_run_status.as_ref().unwrap().status, "Successful");
    assert!(names(&world)[1].ends_with("-2-post"), "{:?}", names(&world));
    assert_eq!(status(&world).message, "waiting for analysis to complete");
    assert_eq!(world.sizes(), [("web:1".to_string(), 4), ("web:2".to_string(), 4)].into());
    end(&mut world, Phase::Successful, "");
    assert_eq!(world.phase(), "Healthy", "{}", world.plan().report);
    assert_eq!(world.sizes(), [("web:2".to_string(), 4)].into());
    assert_eq!(status(&world).blue_green.post_promotion_analysis_run_status.as_ref().unwrap().status, "Successful");
}

#[test]
fn a_bad_run_keeps_or_takes_back_the_traffic() {
    let mut world = switching(json!({}));
    end(&mut world, Phase::Failed, "x");
    assert!(status(&world).message.ends_with(": Blue/green pre-promotion analysis phase error/failed: x"));
    assert_eq!(active(&world), status(&world).stable_rs);

    let mut world = switching(json!({}));
    end(&mut world, Phase::Successful, "");
    end(&mut world, Phase::Error, "x");
    assert!(status(&world).message.ends_with(": Blue/green post-promotion analysis phase error/failed: x"));
    assert_eq!(active(&world), status(&world).stable_rs);
}

/// As Argo tells it: the end of a run that a full promotion cuts short comes after the promotion, however soon it ends.
#[test]
fn the_end_of_a_run_that_a_full_promotion_ends_is_told_after_it() {
    for ends_at_once in [false, true] {
        let mut world = switching(json!({}));
        world.edit_rollout(&json!({"status": {"promoteFull": true}}), true);
        if !ends_at_once {
            world.run();
            assert!(only(&world).spec.terminate);
        }
        end(&mut world, Phase::Successful, "");
        let told = |event: &&str| matches!(*event, "RolloutCompleted" | "AnalysisRunSuccessful");
        let events: Vec<&str> = world.events.iter().map(String::as_str).filter(told).collect();
        assert_eq!(events, ["RolloutCompleted", "AnalysisRunSuccessful"], "{ends_at_once}");
        let shown = status(&world).blue_green.pre_promotion_analysis_run_status.as_ref();
        assert_eq!(shown.unwrap().status, "Successful");
    }
}

#[test]
fn the_pause_before_a_switch_begins_after_the_analysis() {
    let mut world = switching(json!({"autoPromotionEnabled": false}));
    end(&mut world, Phase::Inconclusive, "");
    assert_eq!(status(&world).message, "InconclusiveAnalysisRun");
    world.edit_rollout(&json!({"status": {"pauseConditions": null}}), true);
    world.run();
    assert_eq!(world.seen.runs.len(), 2);
    end(&mut world, Phase::Successful, "");
    assert_eq!((world.phase(), status(&world).message.as_str()), ("Paused", "BlueGreenPause"));
    assert_eq!(active(&world), status(&world).stable_rs);
    world.edit_rollout(&json!({"status": {"pauseConditions": null}}), true);
    world.run();
    assert_eq!(active(&world), status(&world).current_pod_hash);
}

/// A metric that nobody here can measure is found before anything is started: the update stays where it is.
#[test]
fn a_metric_that_needs_what_is_not_built_in_leaves_everything_as_it_is() {
    let table = [
        (json!({"plugin": {"org/check": {"any": "thing"}}}), "metric m: the plugin \"org/check\" is not built in"),
        (json!({"datadog": {"query": "q"}}), "metric m: the metric provider datadog is not supported"),
        (json!({"kayenta": {"address": "a"}}), "metric m: the metric provider kayenta is not supported"),
    ];
    let analysis = json!({"templates": [{"templateName": "odd"}]});
    let sites = [
        (
            json!({"canary": {"steps": [{"setWeight": 25}, {"analysis": analysis}]}}),
            "spec.strategy.canary.steps[1].analysis.templates",
        ),
        (json!({"canary": {"analysis": analysis}}), "spec.strategy.canary.analysis.templates"),
        (
            json!({"blueGreen": {"activeService": "web-active", "prePromotionAnalysis": analysis}}),
            "spec.strategy.blueGreen.prePromotionAnalysis.templates",
        ),
        (
            json!({"blueGreen": {"activeService": "web-active", "postPromotionAnalysis": analysis}}),
            "spec.strategy.blueGreen.postPromotionAnalysis.templates",
        ),
    ];
    for (provider, text) in table {
        for (strategy, path) in &sites {
            let plain = match strategy.get("canary") {
                Some(_) => json!({"canary": {"steps": [{"setWeight": 25}, {"pause": {}}]}}),
                None => json!({"blueGreen": {"activeService": "web-active", "autoPromotionEnabled": false}}),
            };
            let spec = json!({"replicas": 4, "selector": {"matchLabels": {"app": "web"}}, "template": template("web:1"), "strategy": plain});
            let mut world = World::new(spec, &[]);
            add(&mut world, "odd", json!({"metrics": [{"name": "m", "count": 1, "provider": provider}]}));
            world.run();
            world.edit_rollout(&json!({"spec": {"template": template("web:2")}}), false);
            world.run();
            assert_eq!(world.phase(), "Paused", "{}", world.plan().report);
            let traffic = |world: &World| strategy.get("blueGreen").map(|_| world.selected("web-active"));
            let before = (world.sizes(), traffic(&world));
            world.edit_rollout(&json!({"spec": {"strategy": strategy}}), false);
            for write in world.plan().writes() {
                assert!(write.target.kind == serinus_decide::Kind::Rollout, "{write:?}");
            }
            world.run();
            let message = &world.seen.rollout.status.message;
            assert!(message.contains(path) && message.contains(text), "{message}");
            assert_eq!(world.phase(), "Degraded");
            assert_eq!((world.sizes(), traffic(&world)), before);
            assert!(world.seen.runs.is_empty());
        }
    }
}

#[test]
fn a_template_that_refers_to_itself_is_taken_once_and_one_that_contradicts_another_is_named() {
    let metric = |name: &str| json!({"name": name, "count": 1, "provider": {"web": {"url": "http://h/"}}});
    let mut world = canary(json!({"steps": [{"analysis": {"templates": [{"templateName": "me"}]}}, {"pause": {}}]}));
    add(
        &mut world,
        "me",
        json!({"metrics": [metric("m")], "templates": [{"templateName": "me"}, {"templateName": "you"}]}),
    );
    add(&mut world, "you", json!({"metrics": [metric("n")], "templates": [{"templateName": "me"}]}));
    world.run();
    world.edit_rollout(&json!({"spec": {"template": template("web:2")}}), false);
    world.run();
    assert_eq!(only(&world).spec.metrics.iter().map(|metric| metric.name.as_str()).collect::<Vec<_>>(), ["m", "n"]);

    let conflicts = [
        (json!({"metrics": [metric("m")]}), "two metrics have the same name 'm'"),
        (
            json!({"metrics": [metric("n")], "args": [{"name": "a", "value": "2"}]}),
            "Argument 'a' specified multiple times with different values: '1', '2'",
        ),
        (
            json!({"metrics": [metric("n")], "dryRun": [{"metricName": "m"}]}),
            "two Dry-Run metric rules have the same name 'm'",
        ),
        (
            json!({"metrics": [metric("n")], "measurementRetention": [{"metricName": "m", "limit": 1}]}),
            "two Measurement Retention metric rules have the same name 'm'",
        ),
        (
            json!({"metrics": [metric("n")], "templates": [{"templateName": "gone"}]}),
            "AnalysisTemplate 'gone' not found",
        ),
    ];
    for (other, text) in conflicts {
        let analysis = json!({"templates": [{"templateName": "one"}, {"templateName": "two"}]});
        let mut world = canary(json!({"steps": [{"analysis": analysis}]}));
        let one = json!({"metrics": [metric("m")], "args": [{"name": "a", "value": "1"}],
            "dryRun": [{"metricName": "m"}], "measurementRetention": [{"metricName": "m", "limit": 2}]});
        add(&mut world, "one", one);
        add(&mut world, "two", other);
        world.run();
        let message = &world.seen.rollout.status.message;
        assert!(
            message.contains("spec.strategy.canary.steps[0].analysis.templates") && message.contains(text),
            "{message}"
        );
        assert_eq!(world.phase(), "Degraded");
    }
}

/// A run of somebody else has the name: ours gets the next number, and the other one is left alone.
#[test]
fn a_name_that_is_taken_is_counted_on() {
    let mut world = canary(json!({"steps": [{"setWeight": 25}, step(), {"pause": {}}]}));
    world.run();
    world.edit_rollout(&json!({"spec": {"template": template("web:2")}}), false);
    let hash = {
        let mut trial = updating(json!({"steps": [{"setWeight": 25}, step(), {"pause": {}}]}));
        trial.run();
        trial.seen.rollout.status.current_pod_hash.clone()
    };
    let base = format!("web-{hash}-2-1");
    world.seen.taken_runs = [base.clone(), format!("{base}.1")].into();
    world.run();
    assert_eq!(only(&world).metadata.name, format!("{base}.2"));
    end(&mut world, Phase::Successful, "");
    assert_eq!(world.seen.rollout.status.current_step_index, Some(2));
}
