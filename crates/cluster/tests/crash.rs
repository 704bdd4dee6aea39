//! Two updates, an abort, a third version half way and the way back; and the same with the controller killed at every one of
//! its writes. Whatever moment it dies at, a new one with an empty memory brings the world to the same end.
//!
//! A controller that starts remembers nothing that is not in the cluster. So a crash is told from the beginning of its part of
//! the story, in a copy of the cluster as it was then, and compared at the end of that part.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

mod support;

use serde_json::Value;
use serinus_model::Model;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::story::{self, PARTS, Part};
use support::{Moment, Running, Tap, World};

/// One part as it goes when nothing goes wrong.
struct Smooth {
    part: Part,
    before: Model,
    end: End,
    written: Vec<String>,
}

/// What is compared at the end of a part.
#[derive(PartialEq)]
struct End {
    state: Value,
    created: usize,
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// The whole story in one world, with one controller for each part.
fn smooth() -> Vec<Smooth> {
    runtime().block_on(async {
        let mut model = World::new().await.still();
        let mut parts = Vec::new();
        for part in PARTS {
            let world = World::of(&model);
            let began = std::time::Instant::now();
            let tap = Tap::default();
            let controller = world.start(serinus_decide::decide, &tap);
            part.told_to_the_end(&world).await;
            controller.stop().await;
            println!("{part:?}: {} writes in {:?}", tap.written().len(), began.elapsed());
            let end = End { state: story::state(&world), created: story::created_sets(&world) };
            parts.push(Smooth { part, before: model, end, written: tap.written() });
            model = world.still();
        }
        parts
    })
}

/// A part whose first controller dies at its `nth` write.
fn rough(smooth: &Smooth, nth: usize, moment: Moment) -> End {
    runtime().block_on(async {
        let world = World::of(&smooth.before);
        let tap = Tap::ending_at(nth, moment);
        tokio::select! {
            () = smooth.part.told_to_the_end(&world) => {}
            () = controllers(&world, &tap) => unreachable!("controllers never end"),
        }
        End { state: story::state(&world), created: story::created_sets(&world) }
    })
}

/// Controllers one after the other: the first dies when its tap says so, the next one does not.
async fn controllers(world: &World, tap: &Tap) {
    let first: Running = world.start(serinus_decide::decide, tap);
    tap.ended().await;
    first.kill().await;
    let _second = world.start(serinus_decide::decide, &Tap::default());
    std::future::pending::<()>().await;
}

#[test]
fn whatever_write_it_dies_at_the_end_is_the_same() {
    let parts = smooth();
    let created: Vec<usize> = parts.iter().map(|smooth| smooth.end.created).collect();
    assert_eq!(created, [1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0], "ReplicaSets that each part creates");
    let points: Vec<(&Smooth, usize, Moment)> = parts
        .iter()
        .flat_map(|smooth| (1..=smooth.written.len()).map(move |nth| (smooth, nth)))
        .flat_map(|(smooth, nth)| [(smooth, nth, Moment::Before), (smooth, nth, Moment::After)])
        .collect();
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((smooth, nth, moment)) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let end = rough(smooth, *nth, *moment);
                    if end != smooth.end {
                        let (part, line) = (smooth.part, &smooth.written[nth - 1]);
                        let differs = support::difference(&smooth.end.state, &end.state);
                        let created = (smooth.end.created, end.created);
                        let text =
                            format!("{moment:?} write {nth} of {part:?} ({line}): created {created:?}, {differs}");
                        wrong.lock().unwrap().push(text);
                    }
                }
            });
        }
    });
    println!("{} crash points over {} writes", points.len(), points.len() / 2);
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} crash points differ:\n{}", wrong.len(), points.len(), wrong.join("\n"));
}
