//! The laws of the core over generated Experiments: random specs, random verdicts, people, crashes.

use crate::cases::config;
use crate::world::{World, set};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use serinus_decide::{Plan, Verdict, experiment::decide};
use serinus_wire::analysis::Phase;

#[derive(Clone, Debug)]
enum Happening {
    Behave,
    Time(u16),
    Terminate,
    Retry,
    Stuck(bool),
    Crash(usize),
    Size(i32),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        5 => Just(Happening::Behave),
        4 => (0..40u16).prop_map(Happening::Time),
        1 => Just(Happening::Terminate),
        1 => Just(Happening::Retry),
        1 => any::<bool>().prop_map(Happening::Stuck),
        3 => (0..3usize).prop_map(Happening::Crash),
        1 => (0..4i32).prop_map(Happening::Size),
    ]
}

fn template(name: &'static str) -> impl Strategy<Value = Value> {
    (0..4i32, any::<bool>()).prop_map(move |(replicas, served)| {
        let mut template = set(name);
        template["replicas"] = json!(replicas);
        if served {
            template["service"] = json!({});
        }
        template
    })
}

fn world() -> impl Strategy<Value = World> {
    let verdict = prop_oneof![
        Just(None),
        Just(Some(Phase::Successful)),
        Just(Some(Phase::Failed)),
        Just(Some(Phase::Error)),
        Just(Some(Phase::Inconclusive)),
    ];
    let analysis = (verdict, any::<bool>(), prop_oneof![4 => Just("t"), 1 => Just("gone")]);
    let spec = (
        proptest::option::of(0..60i32),
        proptest::option::of(1..60i32),
        proptest::option::of(0..60i32),
        (template("a"), template("b")),
        proptest::collection::vec(analysis, 0..3),
        any::<bool>(),
    );
    spec.prop_map(|(duration, deadline, delay, (a, b), analyses, stuck)| {
        let mut spec = json!({"templates": [a, b], "progressDeadlineSeconds": deadline, "scaleDownDelaySeconds": delay});
        if let Some(seconds) = duration {
            spec["duration"] = json!(format!("{seconds}s"));
        }
        let names = ["x", "y", "z"];
        let named = |(name, (_, required, template)): (&&str, &(Option<Phase>, bool, &str))| {
            json!({"name": name, "templateName": template, "requiredForCompletion": required})
        };
        spec["analyses"] = names.iter().zip(&analyses).map(named).collect();
        let mut world = World::new(spec).stuck(if stuck { &["b"] } else { &[] });
        let verdicts = names.iter().zip(&analyses).filter_map(|(name, (verdict, _, _))| Some((name.to_string(), (*verdict)?)));
        world.verdicts = verdicts.collect();
        world
    })
}

fn happen(world: &mut World, what: &Happening) {
    match what {
        Happening::Behave => drop(world.behave()),
        Happening::Time(seconds) => world.now += SignedDuration::from_secs(i64::from(*seconds)),
        Happening::Terminate => world.edit(&json!({"spec": {"terminate": true}})),
        Happening::Retry => world.edit(&json!({"status": null})),
        Happening::Stuck(stuck) => world.stuck = if *stuck { vec!["a".to_string()] } else { Vec::new() },
        Happening::Crash(writes) => {
            let plan = world.plan();
            world.apply(&plan, *writes);
        }
        Happening::Size(size) => {
            let mut templates = json!(world.seen.experiment.spec.templates);
            templates[0]["replicas"] = json!(size);
            world.edit(&json!({"spec": {"templates": templates}}));
        }
    }
}

fn lawful_round(world: &mut World) -> Result<bool, TestCaseError> {
    let plan = world.plan();
    let text = |plan: &Plan| serde_json::to_string(plan).unwrap();
    prop_assert_eq!(text(&plan), text(&world.plan()), "1: not deterministic");
    let serves = |world: &World| world.seen.services.len();
    let before = serves(world);
    let wrote = world.apply(&plan, usize::MAX) > 0;
    let pods: i32 = world.seen.replica_sets.iter().map(|set| set.status.available_replicas).sum();
    prop_assert!(
        serves(world) >= before || before > 0 && (pods == 0 || serves(world) > 0 || before == 1),
        "6: a Service goes before its pods"
    );
    if let Some(wake) = plan.wake {
        prop_assert!(wake > world.now, "3: wakes in the past");
    }
    Ok(wrote)
}

fn lawful_rest(world: &mut World) -> Result<Plan, TestCaseError> {
    for _ in 0..40 {
        if lawful_round(world)? {
            continue;
        }
        let plan = world.plan();
        prop_assert!(plan.writes().next().is_none(), "2: no fixpoint");
        let far = world.now + SignedDuration::from_hours(24 * 30);
        let span = plan.wake.unwrap_or(far).as_second() - world.now.as_second();
        for part in [span / 3, span * 2 / 3, span - 1] {
            let at = Timestamp::from_second(world.now.as_second() + part).unwrap().max(world.now);
            let later = decide(&world.seen, at);
            prop_assert!(later.writes().next().is_none(), "3: missed wake-up at {at}\n{:#?}", later);
        }
        let said = plan.report.lines.iter().any(|line| line.verdict != Verdict::Acts && !line.text.is_empty());
        prop_assert!(said, "5: not a word");
        if !world.phase().is_some_and(Phase::is_completed) {
            prop_assert!(plan.report.waits().next().is_some(), "5: {:?} waits for nothing", world.phase());
        }
        return Ok(plan);
    }
    Err(TestCaseError::fail(format!("2: no rest\n{:#?}", world.plan())))
}

/// The world behaves from now on: everything comes to rest, and whoever can end has ended.
fn lawful_end(world: &mut World) -> Result<(), TestCaseError> {
    for _ in 0..200 {
        let plan = lawful_rest(world)?;
        if world.behave() {
            continue;
        }
        if let Some(at) = plan.wake {
            world.now = at;
            continue;
        }
        let over = world.phase().is_some_and(Phase::is_completed);
        let pods: i32 = world.sizes().iter().map(|(_, size)| size).sum();
        prop_assert!(over || world.phase() == Some(Phase::Running), "7: rests as {:?}\n{}", world.phase(), plan.report);
        if over {
            prop_assert_eq!(pods, 0, "7: pods are left");
            prop_assert!(world.seen.services.is_empty(), "7: Services are left");
            prop_assert!(
                world.seen.runs.iter().all(|run| run.status.phase.is_some_and(Phase::is_completed)),
                "7: a run goes on"
            );
        }
        return Ok(());
    }
    Err(TestCaseError::fail(format!("7: no end\n{}", world.plan().report)))
}

/// Where it ended: phase, message, sizes of the sets, names of the runs.
type End = (Option<Phase>, String, Vec<(String, i32)>, Vec<String>);

fn end(world: &World) -> End {
    let runs = world.seen.runs.iter().map(|run| run.metadata.name.clone()).collect();
    (world.phase(), world.message().to_string(), world.sizes(), runs)
}

/// Where it ends without a crash, whenever verdicts come: after all else has come to rest, or at once, or that of one analysis after those of
/// the others. What ends an Experiment first counts (spec 5), be it a failure, the end of what is required, or that of its time.
fn smooth_ends(world: &World) -> Result<Vec<End>, TestCaseError> {
    let mut at_rest = world.clone();
    lawful_end(&mut at_rest)?;
    let mut ends = vec![end(&at_rest)];
    for late in std::iter::once(None).chain(world.verdicts.keys().map(Some)) {
        let mut smooth = world.clone();
        smooth.verdicts.retain(|name, _| Some(name) != late);
        while lawful_round(&mut smooth)? | smooth.behave() {}
        smooth.verdicts.clone_from(&world.verdicts);
        lawful_end(&mut smooth)?;
        ends.push(end(&smooth));
    }
    Ok(ends)
}

proptest! {
    #![proptest_config(config(128))]

    #[test]
    fn every_experiment_obeys_the_laws(mut world in world(), life in proptest::collection::vec(happening(), 0..24)) {
        for what in &life {
            happen(&mut world, what);
            if !matches!(what, Happening::Crash(_)) {
                lawful_round(&mut world)?;
            }
        }
        lawful_end(&mut world)?;
    }

    /// 8: a crash after any write changes nothing about where it ends, but for which verdict is seen first: runs go on while nobody looks.
    #[test]
    fn a_crash_after_any_write_ends_in_the_same_place(mut world in world(), stops in proptest::collection::vec(0..4usize, 1..40)) {
        if world.seen.experiment.spec.duration == "0s" {
            // Its time is over in the very look that starts its runs: only after a crash in there is a verdict ever seen.
            world.verdicts.clear();
        }
        let ends = smooth_ends(&world)?;
        let mut rough = world;
        for stop in stops {
            let plan = rough.plan();
            rough.apply(&plan, stop);
            if stop == 0 {
                rough.behave();
            }
        }
        lawful_end(&mut rough)?;
        prop_assert!(ends.contains(&end(&rough)), "8: {:?} is none of {:#?}", end(&rough), ends);
    }
}
