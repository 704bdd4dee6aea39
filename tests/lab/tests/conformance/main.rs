//! The model is kept honest: the same random requests go to it and to a real kube-apiserver, and both must answer alike.
//!
//! The API server is one of its own (`lab/lab api`), without controllers: only what it does by itself is compared. `CONFORMANCE_SEED=n` runs one
//! sequence and shows it, `CONFORMANCE_SEEDS=n` so many (300). What is left out on purpose is in `docs/model.md`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bodies;
mod compare;
mod dice;
mod normal;
mod sequence;
mod sides;

use anyhow::{Result, bail};
use futures::StreamExt;
use sides::Real;

/// Sequences that run side by side, each in a namespace of its own.
const ABREAST: usize = 8;
/// Requests of a sequence.
const LENGTH: usize = 30;

#[tokio::test]
async fn the_model_answers_as_a_real_api_server() -> Result<()> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (first, count) = match number("CONFORMANCE_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("CONFORMANCE_SEEDS").unwrap_or(300)),
    };
    let real = Real::open().await?;
    let mut runs = futures::stream::iter(first..first + count)
        .map(|seed| {
            let real = &real;
            async move { (seed, compare::run(real, seed, LENGTH, count == 1).await) }
        })
        .buffer_unordered(ABREAST);
    let (mut requests, mut differences) = (0, Vec::new());
    while let Some((seed, outcome)) = runs.next().await {
        match outcome? {
            Ok(compared) => requests += compared,
            Err(difference) => differences.push((seed, difference)),
        }
    }
    drop(runs);
    real.close().await?;
    println!(
        "{} of {count} sequences alike, {requests} answers and watch events compared",
        count as usize - differences.len()
    );
    differences.sort();
    for (seed, difference) in &differences {
        println!("\nCONFORMANCE_SEED={seed}\n{difference}");
    }
    if differences.is_empty() { Ok(()) } else { bail!("{} sequences differ; the seeds are above", differences.len()) }
}
