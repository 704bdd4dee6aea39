//! The story of the seed's canary in bad weather. Whatever the weather does to requests and watches, and whoever is killed, cut
//! off or works beside another, every part of the story ends as it does on a quiet day, and no request is sent to nobody.
//!
//! `FAULT_SEEDS=1000 cargo test -p serinus-cluster --test faults -- --ignored` looks at more weather than the ordinary run, and
//! `FAULT_SEED=17` at one again: a seed repeats itself to the last request.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

mod support;

use serde_json::Value;
use serinus_cluster::{Decide, LeaseOptions};
use serinus_model::Model;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use support::play::ready_endpoints;
use support::storm::{Dice, Log, Stormy};
use support::story::{self, PARTS, Part};
use support::{INGRESS, NS, Running, Tap, World, seed, text};
use tokio::time::Instant;

/// How long a part may take to come to its end, in virtual time. Longer than every pause, deadline and back-off together.
const PATIENCE: Duration = Duration::from_secs(1800);
/// Seeds of a run that nobody asked for more. Always the same ones.
const ORDINARY: u64 = 12;
const DECIDE: Decide = serinus_decide::decide;

/// Parts that are told together: from rest to rest.
struct Chapter {
    parts: Vec<Part>,
    before: Model,
    /// The state at the end of the last part.
    end: Value,
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// The story on a quiet day.
fn chapters() -> Vec<Chapter> {
    runtime().block_on(async {
        let world = World::new().await;
        let controller = world.start(DECIDE, &Tap::default());
        let mut chapters = Vec::new();
        let (mut before, mut parts) = (world.still(), Vec::new());
        for part in PARTS {
            parts.push(part);
            if part.ends_at_rest() {
                part.told_to_the_end(&world).await;
                let parts = std::mem::take(&mut parts);
                chapters.push(Chapter { parts, before, end: story::state(&world) });
                before = world.still();
            } else {
                part.told(&world).await;
            }
        }
        controller.stop().await;
        chapters
    })
}

/// Who works in the bad weather.
#[derive(Clone, Copy, Debug)]
enum Crew {
    /// One that is killed again and again.
    Mortal,
    /// Two that compete for the lease, each cut off now and then.
    Rivals,
    /// Two that both believe to lead.
    Twins,
}

/// One chapter in the weather of one seed; what went wrong.
fn weather(chapters: &[Chapter], seed: u64, log: &Log) -> Result<(), String> {
    let chapter = &chapters[usize::try_from(seed).unwrap() % chapters.len()];
    let dice = Dice::new(seed);
    let crew = [Crew::Mortal, Crew::Rivals, Crew::Twins][usize::try_from(dice.below(3)).unwrap()];
    let told = runtime().block_on(async {
        let world = World::of(&chapter.before);
        tokio::select! {
            biased;
            told = tell(&world, chapter) => told,
            () = work(&world, crew, &dice, log) => unreachable!("controllers never end"),
            lost = sent_to_nobody(&world) => Err(lost),
        }
    });
    told.map_err(|why| format!("seed {seed} ({:?}, {crew:?}): {why}", chapter.parts))
}

async fn tell(world: &World, chapter: &Chapter) -> Result<(), String> {
    for part in &chapter.parts {
        part.told(world).await;
    }
    let end = Instant::now() + PATIENCE;
    loop {
        let version = world.model.version();
        let state = story::state(world);
        if state == chapter.end {
            return Ok(());
        }
        if tokio::time::timeout_at(end, world.model.changed(version)).await.is_err() {
            return Err(format!("it ends otherwise: {}", support::difference(&chapter.end, &state)));
        }
    }
}

async fn work(world: &World, crew: Crew, dice: &Dice, log: &Log) {
    let began = Instant::now();
    let stormy = |dice: &Dice| Stormy::new(world.model.service(), dice.clone(), log.clone(), began);
    match crew {
        Crew::Mortal => loop {
            let one = world.start_over(DECIDE, stormy(dice), |_| {});
            tokio::time::sleep(dice.millis(40_000)).await;
            one.kill().await;
        },
        Crew::Rivals => {
            let rival = async |name: &'static str| loop {
                let one = world.start_over(DECIDE, stormy(dice), |options| {
                    options.lease = Some(LeaseOptions { identity: name.to_string(), ..LeaseOptions::new(NS, "") });
                });
                let mut one: Running = one;
                // One that lost the lease ends by itself.
                if tokio::time::timeout(dice.millis(90_000), &mut one.task).await.is_err() {
                    one.kill().await;
                }
                tokio::time::sleep(dice.millis(5_000)).await;
            };
            futures::join!(rival("first"), rival("second"));
        }
        Crew::Twins => {
            let _first = world.start_over(DECIDE, stormy(dice), |_| {});
            let _second = world.start_over(DECIDE, stormy(dice), |_| {});
            std::future::pending::<()>().await;
        }
    }
}

/// Looks at every change whether somebody is sent to a Service without a ready pod. Once there was one, there always is.
async fn sent_to_nobody(world: &World) -> String {
    let mut served = false;
    loop {
        let version = world.model.version();
        let ready = ready_endpoints(world);
        let of = |service: &str| ready.get(service).copied().unwrap_or(0);
        served |= of(seed::STABLE) > 0;
        let weight = canary_weight(world);
        if served && of(seed::STABLE) == 0 {
            return format!("the stable Service has no ready endpoint at {}", world.model.now());
        }
        if weight > 0 && of(seed::CANARY) == 0 {
            return format!("weight {weight} on a canary without a ready endpoint at {}", world.model.now());
        }
        world.model.changed(version).await;
    }
}

fn canary_weight(world: &World) -> i64 {
    let ingress = world.look(&INGRESS, &format!("{}-{}-canary", seed::NAME, seed::STABLE));
    text(&ingress, "/metadata/annotations/nginx.ingress.kubernetes.io~1canary-weight").parse().unwrap_or(0)
}

#[test]
fn a_seed_repeats_itself() {
    let chapters = chapters();
    for seed in 0..std::env::var("FAULT_SEEDS").ok().map_or(3, |text| text.parse::<u64>().unwrap().min(50)) {
        let logs = [Log::default(), Log::default()];
        let ends = logs.each_ref().map(|log| weather(&chapters, seed, log));
        let [first, second] = logs.map(|log| log.lines());
        let differs = first.iter().zip(&second).position(|(first, second)| first != second);
        if let Some(at) = differs {
            panic!(
                "seed {seed} takes another way after {} requests:\n{}\n{}\n{}",
                at,
                first[at.saturating_sub(6)..at].join("\n"),
                first[at],
                second[at]
            );
        }
        assert_eq!((first.len(), &ends[0]), (second.len(), &ends[1]), "seed {seed}");
    }
}

#[ignore = "open finding: 1 of 170 seeds ends otherwise (154: two without a lease; one sees an old Deployment beside a new Rollout, and revisions count on); FAULT_SEED=154 with --ignored"]
#[test]
fn in_every_weather_the_story_ends_the_same() {
    let began = std::time::Instant::now();
    let chapters = chapters();
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let seeds = match number("FAULT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("FAULT_SEEDS").unwrap_or(ORDINARY),
    };
    let next = AtomicU64::new(seeds.start);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        weather(&chapters, seed, &Log::default())
                    }));
                    let told = told.unwrap_or_else(|panic| Err(format!("seed {seed}: {}", support::said(&*panic))));
                    if let Err(why) = told {
                        wrong.lock().unwrap().push(why);
                    }
                }
            });
        }
    });
    println!("figure: {} seeds of faults: {:.1} s", seeds.end - seeds.start, began.elapsed().as_secs_f64());
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {seeds:?} seeds, each to be seen again with FAULT_SEED:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
