//! The eight laws of the core, over generated worlds: random strategies, random people, random pods.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../cases/mod.rs"]
mod cases;
mod generate;
mod hold;
mod life;
mod rounds;
mod safe;
#[path = "../world/mod.rs"]
mod world;

use cases::config;
use generate::world;
use life::{Happening, happen, happening};
use proptest::prelude::*;
use rounds::{check_companions, check_pods, lawful_end, lawful_round};
use world::World;

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn every_world_obeys_the_laws(mut world in world(), life in proptest::collection::vec(happening(), 0..24)) {
        for what in &life {
            happen(&mut world, what);
            if !matches!(what, Happening::Crash(_)) {
                lawful_round(&mut world)?;
            }
        }
        lawful_end(&mut world)?;
        if !world.seen.rollout.spec.paused {
            check_pods(&world)?;
        }
        check_companions(&world)?;
    }

    /// 8: a crash after any write changes nothing about where it ends.
    #[test]
    fn a_crash_after_any_write_ends_in_the_same_place(world in world(), tag in 1..3u8, stops in proptest::collection::vec(0..4usize, 1..40)) {
        let mut smooth = world.clone();
        lawful_end(&mut smooth)?;
        happen(&mut smooth, &Happening::Image(tag));
        lawful_end(&mut smooth)?;

        let mut rough = world;
        let mut stops = stops.into_iter().cycle();
        let mut stumble = |world: &mut World| {
            for _ in 0..60 {
                let plan = world.plan();
                if plan.writes().next().is_none() {
                    return;
                }
                world.apply(&plan, stops.next().unwrap_or(1));
            }
        };
        stumble(&mut rough);
        lawful_end(&mut rough)?;
        happen(&mut rough, &Happening::Image(tag));
        stumble(&mut rough);
        lawful_end(&mut rough)?;
        prop_assert_eq!(rough.phase(), smooth.phase());
        prop_assert_eq!(rough.sizes(), smooth.sizes());
        prop_assert_eq!(rough.seen.replica_sets.len(), smooth.seen.replica_sets.len());
        prop_assert_eq!(rough.canary_weight(), smooth.canary_weight());
        for service in ["web-stable", "web-active", "web-preview"] {
            prop_assert_eq!(rough.selected(service), smooth.selected(service));
        }
    }
}
