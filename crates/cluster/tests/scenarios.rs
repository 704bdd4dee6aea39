//! Every scenario of the comparison with the peer, with the controller killed at every one of its writes: whatever moment it dies
//! at, a new one with an empty memory brings the world to the same end.
//!
//! A crash is told from the beginning of its act, in a copy of the cluster as it was then, and compared once all is quiet after
//! it. The ordinary run looks at a fixed sample of a few scenarios; `just crash` at every write of every scenario, `just crash nginx/` at those
//! with that word in their title, `just crash 1 40` at one write in 40 of every scenario.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

mod support;

use serde_json::Value;
use serinus_tests_parity::scenario::{self, Act, Scenario};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::play::{self, Answers, Smooth, perform, rest, window};
use support::{Moment, Tap, World};

/// Nothing has changed for so long: all is quiet. Longer than the longest timed pause and interval, shorter than a delay.
const QUIET: Duration = Duration::from_secs(6);
/// How long nothing has changed in a scenario. Which pods of an old set go early, because they are being restarted at that
/// moment, is chance: with restarts it is waited until old sets are gone.
fn quiet(scenario: &Scenario) -> Duration {
    if scenario.script.contains(&Act::Restart) { 10 * QUIET } else { QUIET }
}

/// One in so many scenarios of the choice, and of their crash points, is looked at when nobody asks for more.
const SCENARIOS: usize = 18;
const SAMPLE: u32 = 40;

/// One in so many crash points is looked at.
fn sample(asked: bool) -> u32 {
    match std::env::var("CRASH_SAMPLE") {
        Ok(number) => number.parse().ok().filter(|n| *n > 0).expect("CRASH_SAMPLE is a number above 0"),
        Err(_) if asked => 1,
        Err(_) => SAMPLE,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// An act whose first controller dies at its `nth` write.
fn rough(scenario: &Scenario, smooth: &Smooth, nth: usize, moment: Moment) -> Value {
    runtime().block_on(async {
        let world = World::of(&smooth.before);
        let (tap, answers) = (Tap::ending_at(nth, moment), Answers::telling(smooth.told));
        let first = play::start(&world, &tap, &answers);
        let controllers = async {
            tap.ended().await;
            first.kill().await;
            let _second = play::start(&world, &Tap::default(), &answers);
            std::future::pending::<()>().await;
        };
        let told = async {
            perform(&world, scenario, &smooth.act, &answers).await;
            rest(&world, window(&smooth.act, quiet(scenario))).await
        };
        tokio::select! {
            biased;
            end = told => end,
            () = controllers => unreachable!("controllers never end"),
        }
    })
}

/// A number that is always the same for the same text (FNV-1a).
fn number(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// What was played already: scenarios that begin alike are crashed there once.
#[derive(Default)]
struct Played(Mutex<BTreeSet<String>>);

impl Played {
    fn is_new(&self, scenario: &Scenario, acts: &[Act]) -> bool {
        let ground = (&scenario.strategy, &scenario.spec, &scenario.others);
        self.0.lock().unwrap().insert(format!("{ground:?} {acts:?}"))
    }
}

/// Crashes of one scenario, one in `sample`; how many were looked at, and which ended otherwise.
fn crash(scenario: &Scenario, played: &Played, sample: u32) -> (usize, Vec<String>) {
    let smooth = runtime().block_on(play::smooth(scenario, quiet(scenario)));
    let (mut looked, mut wrong) = (0, Vec::new());
    for (at, act) in smooth.iter().enumerate() {
        if !played.is_new(scenario, &scenario.script[..=at]) {
            continue;
        }
        for (nth, line) in (1..).zip(&act.written) {
            for moment in [Moment::Before, Moment::After] {
                let point = format!("{}: {moment:?} write {nth} of {:?} ({line})", scenario.title, act.act);
                if !number(&point).is_multiple_of(sample) {
                    continue;
                }
                looked += 1;
                let end = rough(scenario, act, nth, moment);
                if end != act.end {
                    wrong.push(format!("{point}: {}", support::difference(&act.end, &end)));
                }
            }
        }
    }
    (looked, wrong)
}

#[test]
fn whatever_write_it_dies_at_each_scenario_ends_the_same() {
    let asked = std::env::var("CRASH_ALL").ok();
    let scenarios = match asked.as_deref() {
        None => scenario::chosen().into_iter().step_by(SCENARIOS).collect(),
        Some("1") => scenario::all(),
        Some(word) => scenario::all().into_iter().filter(|scenario| scenario.title.contains(word)).collect(),
    };
    let sample = sample(asked.is_some());
    let (next, looked, played) = (AtomicUsize::new(0), AtomicUsize::new(0), Played::default());
    let wrong = Mutex::new(Vec::new());
    let began = std::time::Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let told = std::panic::catch_unwind(|| crash(scenario, &played, sample));
                    let said = |panic: Box<dyn std::any::Any + Send>| {
                        vec![format!("{}: {}", scenario.title, support::said(&*panic))]
                    };
                    let (points, found) = told.unwrap_or_else(|panic| (0, said(panic)));
                    looked.fetch_add(points, Ordering::Relaxed);
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    let (looked, wrong) = (looked.into_inner(), wrong.into_inner().unwrap());
    println!(
        "figure: {looked} crash points of {} scenarios: {} end otherwise, {} s",
        scenarios.len(),
        wrong.len(),
        began.elapsed().as_secs()
    );
    assert!(looked > 0, "no scenario has that word in its title");
    assert!(wrong.is_empty(), "{} of {looked} crash points differ:\n{}", wrong.len(), wrong.join("\n"));
}
