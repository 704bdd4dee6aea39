//! Runs that are judged by Jobs: what becomes of a Job, and of its run.

use crate::{UID, World, start};
use jiff::SignedDuration;
use serde_json::{Value as Json, json};
use serinus_decide::analysis::decide;
use serinus_decide::{Kind, Op};
use serinus_wire::analysis::Phase;
use serinus_wire::k8s::{JobCondition, Pod};

#[test]
fn a_job_decides() {
    let spec = || json!({"metrics": [{"name": "j", "provider": {"job": {"spec": {"template": {"spec": {}}}}}}]});
    for (condition, phase) in [("Complete", Phase::Successful), ("Failed", Phase::Failed)] {
        let mut world = World::new(spec(), &[]);
        world.step();
        let name = format!("{UID}.j.1");
        assert_eq!(world.seen.jobs[0].metadata.name, name);
        assert_eq!(world.seen.run.status.metric_results[0].measurements[0].metadata["job-name"], name);
        assert!(world.look().plan.writes().next().is_none(), "it waits for the Job");
        let condition = JobCondition { kind: condition.into(), status: "True".into(), message: "m".into() };
        world.seen.jobs[0].status.conditions.push(condition);
        assert_eq!(world.finish().phase(), phase);
    }
    let mut world = World::new(spec(), &[]);
    world.step();
    world.seen.run.spec.terminate = true;
    let world = world.finish();
    assert_eq!(world.seen.jobs, []);
    assert_eq!(world.seen.run.status.metric_results[0].measurements[0].phase, Phase::Successful);
}

/// A run with a Job under way, made at the start.
fn with_job() -> World {
    let mut world = World::new(json!({"metrics": [job()]}), &[]);
    world.step();
    let metadata = &mut world.seen.jobs[0].metadata;
    metadata.uid = "job-uid".into();
    metadata.creation_timestamp = Some(serinus_wire::Time(start()));
    world.seen.jobs[0].status.active = 1;
    world
}

fn job() -> Json {
    json!({"name": "j", "provider": {"job": {"spec": {"template": {"spec": {}}}}}})
}

fn pod(status: Json) -> Pod {
    let owner = json!([{"kind": "Job", "name": format!("{UID}.j.1"), "uid": "job-uid", "controller": true}]);
    let metadata = json!({"name": "p", "creationTimestamp": "2026-01-01T00:00:00Z", "ownerReferences": owner});
    serde_json::from_value(json!({"metadata": metadata, "status": status})).unwrap()
}

#[test]
fn a_job_that_can_not_start_ends_inconclusive_and_is_deleted() {
    let waiting = |reason: &str| json!({"containerStatuses": [{"name": "c", "state": {"waiting": {"reason": reason, "message": "no such image"}}}]});
    let unscheduled = json!({"conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}]});
    let no_image = "the image of container c does not come";
    // Status of the pod, seconds until it is given up, and why.
    let table = [
        (Some(waiting("ErrImagePull")), 0, format!("{no_image}: ErrImagePull: no such image")),
        (Some(waiting("ImagePullBackOff")), 0, format!("{no_image}: ImagePullBackOff: no such image")),
        (Some(waiting("InvalidImageName")), 0, format!("{no_image}: InvalidImageName: no such image")),
        (Some(unscheduled), 300, "no node takes its pod: 0/3 nodes are available".to_string()),
        (
            Some(waiting("CreateContainerConfigError")),
            300,
            "container c can not be made: CreateContainerConfigError: no such image".to_string(),
        ),
        (None, 300, "it has no pod".to_string()),
    ];
    for (status, seconds, why) in table {
        let mut world = with_job();
        world.seen.jobs[0].status.active = i32::from(status.is_some());
        world.seen.pods.extend(status.map(pod));
        if seconds > 0 {
            let decision = world.look();
            assert_eq!(decision.plan.wake, Some(start() + SignedDuration::from_secs(seconds)), "{why}");
            let waits: Vec<_> = decision.plan.report.waits().map(|line| line.text.clone()).collect();
            assert!(waits.iter().any(|line| line.contains(&why)), "{waits:?}");
            assert_eq!(world.phase(), Phase::Running);
            world.now = decision.plan.wake.unwrap();
        }
        let world = world.finish();
        assert_eq!(world.phase(), Phase::Inconclusive, "{why}");
        let text = format!("Job {UID}.j.1: {why}");
        assert_eq!(world.seen.run.status.metric_results[0].message, text);
        assert!(world.message().ends_with(&format!("\"Error Message: {text}\"")), "{}", world.message());
        assert_eq!(world.seen.jobs, [], "nobody waits for it any more");
    }
}

#[test]
fn a_job_that_gets_on_or_is_held_back_on_purpose_is_waited_for() {
    let running = json!({"conditions": [{"type": "PodScheduled", "status": "True"}],
        "containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "ContainerCreating"}}}]});
    let suspended = JobCondition { kind: "Suspended".into(), status: "True".into(), message: String::new() };
    for held in [false, true] {
        let mut world = with_job();
        if held {
            world.seen.jobs[0].status.active = 0;
            world.seen.jobs[0].status.conditions.push(suspended.clone());
        } else {
            world.seen.pods.push(pod(running.clone()));
        }
        world.now += SignedDuration::from_hours(1);
        assert!(world.look().plan.acts.is_empty());
        assert_eq!(world.phase(), Phase::Running);
    }
}

/// A pass may end after any write: a Job that nobody waits for is found by the next, whatever became of the first.
#[test]
fn a_job_is_deleted_even_when_the_pass_that_ended_its_measurement_was_cut_short() {
    let mut world = with_job();
    world.seen.run.spec.terminate = true;
    let decision = decide(&world.seen, world.now);
    let kinds: Vec<_> = decision.plan.writes().map(|write| write.target.kind).collect();
    assert_eq!(kinds, [Kind::AnalysisRun, Kind::Job], "the status first");
    let first = decision.plan.writes().next().unwrap().clone();
    world.carry_out(first.target.kind, &first.target.name, &first.op);
    assert_eq!((world.phase(), world.seen.jobs.len()), (Phase::Successful, 1));
    world.step();
    assert_eq!(world.seen.jobs, []);
    assert_eq!(world.seen.run.status.metric_results[0].measurements[0].message, "Metric Terminated");
}

#[test]
fn jobs_may_have_a_namespace_of_their_own() {
    let mut world = World::new(json!({"metrics": [job()]}), &[]);
    world.seen.job_namespace = "checks".into();
    let decision = world.look();
    let write = decision.plan.writes().next().unwrap();
    let Op::Create(object) = &write.op else { panic!("{write:?}") };
    assert_eq!((write.target.namespace.as_str(), object["metadata"]["namespace"].as_str()), ("checks", Some("checks")));
    assert_eq!(object["metadata"].get("ownerReferences"), None, "an owner in another namespace counts as gone");
    let link = &object["metadata"]["annotations"];
    assert_eq!(
        (&link["analysisrun.argoproj.io/name"], &link["analysisrun.argoproj.io/namespace"]),
        (&json!("r"), &json!("n"))
    );
    assert_eq!(world.seen.run.status.metric_results[0].measurements[0].metadata["job-namespace"], "checks");
}

#[test]
fn finished_jobs_beyond_those_that_are_kept_are_deleted() {
    let metric = json!({"name": "j", "count": 4, "interval": "10s", "provider": job()["provider"]});
    let spec = json!({"metrics": [metric], "measurementRetention": [{"metricName": "j", "limit": 2}]});
    let mut world = World::new(spec, &[]);
    for _ in 0..4 {
        world.step();
        let last = world.seen.jobs.last_mut().unwrap();
        last.metadata.creation_timestamp = Some(serinus_wire::Time(world.now));
        last.metadata.annotations.insert("analysisrun.argoproj.io/metric-name".into(), "j".into());
        last.status.conditions.push(JobCondition {
            kind: "Complete".into(),
            status: "True".into(),
            message: String::new(),
        });
        world.step();
        world.now += SignedDuration::from_secs(11);
    }
    let names: Vec<_> = world.seen.jobs.iter().map(|job| job.metadata.name.clone()).collect();
    assert_eq!(names, [format!("{UID}.j.3"), format!("{UID}.j.4")]);
    assert_eq!((world.phase(), world.seen.run.status.metric_results[0].measurements.len()), (Phase::Successful, 2));
}

/// Found by the laws of `main.rs`: the Job that is being made counts among those that are kept, or the next look has something left to do.
#[test]
fn the_oldest_job_goes_in_the_look_that_makes_one_too_many() {
    let job = json!({"name": "m", "interval": "10s", "provider": {"job": {"spec": {"template": {"spec": {}}}}}});
    let mut world = World::new(json!({"metrics": [job]}), &[]);
    for round in 1..40 {
        let wake = world.look().plan.wake;
        let again = decide(&world.seen, world.now);
        assert!(again.plan.acts.is_empty(), "round {round}: {:?}", again.plan.acts);
        assert!(world.seen.jobs.len() <= 10, "round {round}: {} Jobs", world.seen.jobs.len());
        match world.seen.jobs.iter_mut().find(|job| job.status.conditions.is_empty()) {
            Some(job) => job.status.conditions.push(JobCondition {
                kind: "Complete".into(),
                status: "True".into(),
                message: String::new(),
            }),
            None => world.now = wake.unwrap(),
        }
    }
    assert!(world.seen.run.status.metric_results[0].count > 0);
}
