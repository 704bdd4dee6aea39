//! How Experiments end, and what they say on the way, as Argo Rollouts says it.

use crate::world::{World, set};
use serde_json::{Value, json};
use serinus_decide::{Act, Kind};
use serinus_wire::analysis::Phase::{self, Error, Failed, Inconclusive, Running, Successful};

fn analysis(name: &str, required: bool) -> Value {
    json!({"name": name, "templateName": "t", "requiredForCompletion": required})
}

/// A life: its spec, the verdicts of its analyses, its stuck sets, and how it stands after a minute.
type Life = (Value, &'static [(&'static str, Phase)], &'static [&'static str], Phase, &'static str);

#[test]
fn lives_end_as_they_should() {
    let sets = || json!([set("a"), set("b")]);
    let table: Vec<Life> = vec![
        (json!({"templates": sets(), "duration": "20s"}), &[], &[], Successful, ""),
        (json!({"templates": sets()}), &[], &[], Running, ""),
        (json!({"templates": []}), &[], &[], Successful, ""),
        (
            json!({"templates": sets(), "progressDeadlineSeconds": 5}),
            &[],
            &["b"],
            Failed,
            "Template 'b' exceeded its progressDeadlineSeconds (5)",
        ),
        (
            json!({"templates": sets(), "analyses": [analysis("x", true)]}),
            &[("x", Successful)],
            &[],
            Successful,
            "Required AnalysisRuns completed",
        ),
        (json!({"templates": sets(), "analyses": [analysis("x", false)]}), &[("x", Successful)], &[], Running, ""),
        (json!({"templates": sets(), "analyses": [analysis("x", false)]}), &[("x", Failed)], &[], Failed, "it failed"),
        (
            json!({"templates": sets(), "analyses": [analysis("x", false)]}),
            &[("x", Inconclusive)],
            &[],
            Inconclusive,
            "",
        ),
        (json!({"templates": sets(), "analyses": [analysis("x", false)]}), &[("x", Error)], &[], Error, ""),
        (json!({"templates": sets(), "duration": "20s", "analyses": [analysis("x", false)]}), &[], &[], Successful, ""),
        (json!({"templates": sets(), "duration": "20s", "analyses": [analysis("x", true)]}), &[], &[], Running, ""),
        (
            json!({"templates": sets(), "analyses": [analysis("x", true), analysis("y", true)]}),
            &[("x", Successful)],
            &[],
            Running,
            "",
        ),
        (
            json!({"templates": sets(), "analyses": [{"name": "x", "templateName": "gone"}]}),
            &[],
            &[],
            Error,
            "AnalysisTemplate verification failed for analysis 'x': analysistemplates.argoproj.io \"gone\" not found",
        ),
        (
            json!({"templates": sets(), "analyses": [{"name": "x", "templateName": "gone", "clusterScope": true}]}),
            &[],
            &[],
            Error,
            "AnalysisTemplate verification failed for analysis 'x': clusteranalysistemplates.argoproj.io \"gone\" not found",
        ),
        (
            json!({"templates": sets(), "analyses": [{"name": "x", "templateName": "t", "args": [{"name": "x", "value": "{{templates.c.podTemplateHash}}"}]}]}),
            &[],
            &[],
            Error,
            "Failed to create AnalysisRun for analysis 'x': failed to resolve {{templates.c.podTemplateHash}}",
        ),
        (
            json!({"templates": sets(), "analyses": [{"name": "x", "templateName": "t", "args": [{"name": "x", "value": "{{experiment.finishedAt}}"}]}]}),
            &[],
            &[],
            Error,
            "Failed to create AnalysisRun for analysis 'x': failed to resolve {{experiment.finishedAt}}",
        ),
    ];
    for (spec, verdicts, stuck, phase, message) in table {
        let mut world = World::new(spec.clone()).with(verdicts).stuck(stuck);
        world.after(60);
        assert_eq!((world.phase(), world.message()), (Some(phase), message), "{spec}\n{}", world.plan().report);
        let sizes: i32 = world.sizes().iter().map(|(_, size)| size).sum();
        assert_eq!(sizes, if phase == Running && spec["duration"].is_null() { 2 } else { 0 }, "{spec}");
    }
}

/// Of a required analysis that succeeds and another that fails, the one that is seen first ends the Experiment; seen at once, it has failed.
#[test]
fn the_verdict_that_is_seen_first_counts() {
    let spec = json!({"templates": [set("a")], "analyses": [analysis("x", true), analysis("y", false)]});
    let verdicts = [("x", Successful), ("y", Failed)];
    for (first, phase) in [(&verdicts[..1], Successful), (&verdicts[1..], Failed), (&verdicts[..], Failed)] {
        let mut world = World::new(spec.clone()).with(first);
        world.after(5);
        world = world.with(&verdicts);
        world.after(60);
        assert_eq!(world.phase(), Some(phase), "{first:?}\n{}", world.plan().report);
    }
}

#[test]
fn the_events_are_those_of_the_peer() {
    let mut world = World::new(json!({"templates": [set("a"), set("b")], "scaleDownDelaySeconds": 0, "analyses": [analysis("x", false), analysis("y", false)]}))
        .with(&[("x", Failed)]);
    world.run();
    assert_eq!(
        world.events,
        [
            "Normal TemplateProgressing: Template 'a' transitioned from  -> Progressing",
            "Normal TemplateProgressing: Template 'b' transitioned from  -> Progressing",
            "Normal ExperimentPending: Experiment transitioned from  -> Pending",
            "Normal ScalingReplicaSet: Scaled up ReplicaSet e-a from 0 to 1",
            "Normal ScalingReplicaSet: Scaled up ReplicaSet e-b from 0 to 1",
            "Normal TemplateRunning: Template 'a' transitioned from Progressing -> Running",
            "Normal TemplateRunning: Template 'b' transitioned from Progressing -> Running",
            "Normal ExperimentRunning: Experiment transitioned from Pending -> Running",
            "Normal AnalysisRunPending: AnalysisRun 'x' transitioned from  -> Pending",
            "Normal AnalysisRunPending: AnalysisRun 'y' transitioned from  -> Pending",
            "Warning AnalysisRunFailed: AnalysisRun 'x' transitioned from Pending -> Failed: it failed",
            "Normal AnalysisRunRunning: AnalysisRun 'y' transitioned from Pending -> Running",
            "Warning ExperimentFailed: Experiment transitioned from Running -> Failed",
            "Normal ScalingReplicaSet: Scaled down ReplicaSet e-a from 1 to 0",
            "Normal TemplateSuccessful: Template 'a' transitioned from Running -> Successful",
            "Normal ScalingReplicaSet: Scaled down ReplicaSet e-b from 1 to 0",
            "Normal TemplateSuccessful: Template 'b' transitioned from Running -> Successful",
            "Normal AnalysisRunTerminating: Terminating y (e-y)",
        ]
    );
    let told: Vec<_> =
        world.events.iter().filter(|event| event.contains(" AnalysisRun") && !event.contains("Terminating")).collect();
    assert_eq!(world.told.iter().collect::<Vec<_>>(), told, "the Rollout hears of the analyses");
}

/// Nothing is missing in a set of no pods, not even at the look that makes it.
#[test]
fn a_set_of_no_pods_runs_at_once() {
    let mut none = set("a");
    none["replicas"] = json!(0);
    let mut world = World::new(json!({"templates": [none], "duration": "20s"}));
    world.after(1);
    assert_eq!(
        world.events,
        [
            "Normal TemplateRunning: Template 'a' transitioned from  -> Running",
            "Normal ExperimentPending: Experiment transitioned from  -> Pending",
            "Normal ExperimentRunning: Experiment transitioned from Pending -> Running",
        ]
    );
    world.after(60);
    assert_eq!(world.phase(), Some(Successful), "{}", world.plan().report);
}

#[test]
fn the_status_goes_through_the_conditions_of_the_peer() {
    let mut world = World::new(json!({"templates": [set("a")], "duration": "20s"}));
    let condition = |world: &World| {
        let conditions = &world.seen.experiment.status.conditions;
        conditions
            .iter()
            .map(|it| format!("{}={} {}: {}", it.kind, it.status, it.reason, it.message))
            .collect::<Vec<_>>()
    };
    let plan = world.plan();
    world.apply(&plan, usize::MAX);
    assert_eq!(condition(&world), ["Progressing=True ReplicaSetUpdated: Experiment \"e\" is progressing."]);
    world.after(1);
    assert_eq!(condition(&world), ["Progressing=True NewReplicaSetAvailable: Experiment \"e\" is running."]);
    world.after(60);
    assert_eq!(
        condition(&world),
        ["Progressing=False ExperimentCompleted: Experiment \"e\" has successfully ran and completed."]
    );
}

#[test]
fn a_person_ends_it_at_any_time() {
    for (before, required, stuck) in
        [(0, false, false), (5, false, false), (5, true, false), (5, false, true), (60, false, true)]
    {
        let spec = json!({"templates": [set("a")], "analyses": [analysis("x", required)]});
        let mut world = World::new(spec).stuck(if stuck { &["a"] } else { &[] });
        world.after(before);
        world.edit(&json!({"spec": {"terminate": true}}));
        world.after(60);
        assert_eq!(world.phase(), Some(Successful), "after {before} s, required {required}, stuck {stuck}");
        assert!(world.seen.runs.iter().all(|run| run.spec.terminate), "its runs end too");
        assert!(world.sizes().iter().all(|(_, size)| *size == 0));
    }
}

/// A run that measures is written all the time: the write that ends it often meets a conflict, and what was told before is told again.
#[test]
fn nothing_is_told_before_its_runs_are_ended() {
    let mut world = World::new(json!({"templates": [set("a")], "analyses": [analysis("x", true)]}));
    world.after(5);
    world.edit(&json!({"spec": {"terminate": true}}));
    let plan = world.plan();
    let told = plan.acts.iter().position(|act| !matches!(act, Act::Write(_)));
    let ended =
        plan.acts.iter().position(|act| matches!(act, Act::Write(write) if write.target.kind == Kind::AnalysisRun));
    assert!(ended.is_some() && ended < told, "{:?}", plan.acts);
}

#[test]
fn a_retry_starts_from_nothing() {
    let mut world =
        World::new(json!({"templates": [set("a")], "analyses": [analysis("x", true)]})).with(&[("x", Failed)]);
    world.after(60);
    assert_eq!(world.phase(), Some(Failed));
    world.verdicts.insert("x".to_string(), Successful);
    world.edit(&json!({"status": null}));
    world.after(60);
    assert_eq!(world.phase(), Some(Successful), "{}", world.plan().report);
    let runs: Vec<_> = world.seen.runs.iter().map(|run| run.metadata.name.as_str()).collect();
    assert_eq!(runs, ["e-x", "e-x.1"], "the verdict of the earlier life does not count");
    assert!(world.sizes().iter().all(|(_, size)| *size == 0));
}

#[test]
fn pods_that_go_are_waited_for_again() {
    let mut world = World::new(json!({"templates": [set("a")], "progressDeadlineSeconds": 30}));
    world.after(5);
    assert_eq!(world.phase(), Some(Running));
    let since = world.seen.experiment.status.available_at;
    world.stuck.push("a".to_string());
    world.after(5);
    assert_eq!(world.phase(), Some(Phase::Pending), "{}", world.plan().report);
    world.stuck.clear();
    world.after(5);
    assert_eq!(world.phase(), Some(Running));
    assert_eq!(world.seen.experiment.status.available_at, since, "its time goes on");
    world.stuck.push("a".to_string());
    world.after(60);
    assert_eq!(world.phase(), Some(Failed));
}
