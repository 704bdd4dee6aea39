//! Objects that nobody would write: whatever the definitions allow, and what they do not. A decision never panics, and one about
//! something broken names the field, writes a status, and nothing else.
//!
//! `just manifests 10000` makes so many of each kind and side; a number that fails makes the same object again.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod choices;
mod others;
mod rollouts;
#[path = "../world/mod.rs"]
mod world;

use serde_json::Value;
use std::panic::catch_unwind;
use std::time::Instant;

/// How many of each kind and side are made when nobody asks for more.
const ORDINARY: u64 = 150;

/// The schema of a part of the objects of a definition.
fn schema(definition: &Value, part: &str) -> Value {
    definition.pointer(&format!("/spec/versions/0/schema/openAPIV3Schema/properties/{part}")).unwrap().clone()
}

/// Makes and plays objects; one that plays another role than it was made for does not count.
fn play(what: &str, one: impl Fn(u64) -> bool + std::panic::RefUnwindSafe) {
    let wanted = std::env::var("MANIFESTS").map_or(ORDINARY, |text| text.parse().expect("MANIFESTS is a number"));
    let only = std::env::var("MANIFEST").ok().map(|text| text.parse::<u64>().expect("MANIFEST is a number"));
    let began = Instant::now();
    let (mut played, mut seed, mut wrong) = (0, only.unwrap_or(0), Vec::new());
    while played < only.map_or(wanted, |_| 1) {
        match catch_unwind(|| one(seed)) {
            Ok(counts) => played += u64::from(counts),
            Err(_) if wrong.len() > 20 => break,
            Err(_) => wrong.push(seed),
        }
        seed += 1;
        if only.is_some() {
            break;
        }
    }
    assert!(wrong.is_empty(), "{what}: to be seen again with MANIFEST=<number>: {wrong:?}");
    println!("figure: {played} {what}: no panic, {:.1} s", began.elapsed().as_secs_f64());
}

#[test]
fn valid_rollouts_are_decided() {
    play("valid Rollouts", |seed| {
        rollouts::valid(seed);
        true
    });
}

#[test]
fn broken_rollouts_name_the_field_and_are_left_alone() {
    play("broken Rollouts, each names the field", rollouts::broken);
}

#[test]
fn whatever_is_broken_at_several_places_is_left_alone() {
    play("Rollouts broken at several places", |seed| {
        rollouts::anyhow(seed);
        true
    });
}

#[test]
fn analysis_runs() {
    play("valid AnalysisRuns", |seed| others::run(seed, false));
    play("broken AnalysisRuns, each names the field", |seed| others::run(seed, true));
}

#[test]
fn analysis_templates() {
    play("valid AnalysisTemplates", |seed| others::analysis_template(seed, false, false));
    play("broken AnalysisTemplates, each names the field", |seed| others::analysis_template(seed, true, false));
}

#[test]
fn cluster_analysis_templates() {
    play("valid ClusterAnalysisTemplates", |seed| others::analysis_template(seed, false, true));
    play("broken ClusterAnalysisTemplates, each names the field", |seed| others::analysis_template(seed, true, true));
}

#[test]
fn experiments() {
    play("valid Experiments", |seed| others::experiment(seed, false));
    play("broken Experiments, each names the field", |seed| others::experiment(seed, true));
}

/// The generator must reach both sides, or the above says little.
#[test]
fn both_good_and_bad_ones_are_made() {
    let good = (0..300).filter(|seed| rollouts::valid(*seed)).count();
    assert!((20..280).contains(&good), "{good} of 300 are acted on");
}
