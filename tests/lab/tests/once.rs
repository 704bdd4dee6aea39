//! `serinus sandbox --once`: the whole way in under a minute, and an exit code that can be believed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serinus_tests_lab::settings;
use tokio::process::Command;

struct Ended {
    code: Option<i32>,
    text: String,
    took: Duration,
}

async fn once(directory: Option<&std::path::Path>) -> Result<Ended> {
    let mut command = Command::new(settings::serinus()?);
    command.args(["sandbox", "--once", "--port", "0", "--gateway-port", "0"]).args(directory).kill_on_drop(true);
    let began = Instant::now();
    let output = tokio::time::timeout(Duration::from_secs(180), command.output()).await.context("it hangs")??;
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Ok(Ended { code: output.status.code(), text, took: began.elapsed() })
}

#[tokio::test]
async fn the_good_image_is_promoted_and_the_bad_one_aborted() -> Result<()> {
    let ended = once(None).await?;
    ensure!(ended.code == Some(0) && ended.text.contains("ok: 2.0.0 was promoted"), "{:?}: {}", ended.code, ended.text);
    ensure!(ended.took < Duration::from_secs(60), "it took {:?}", ended.took);
    let megabytes =
        ended.text.split_once("peak memory of the whole system ").and_then(|(_, rest)| rest.split_once(" MB"));
    let megabytes: f64 = megabytes.context("its memory")?.0.parse()?;
    println!("once: {:?}, {megabytes} MB", ended.took);
    ensure!(megabytes < 150.0, "{megabytes} MB");
    Ok(())
}

/// Without steps nobody tries a version before it serves everybody: the bad one is promoted, and the run must say so.
#[tokio::test]
async fn a_bad_image_that_is_promoted_is_a_failure() -> Result<()> {
    let directory = std::env::temp_dir().join(format!("once-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let seed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/seed");
    std::fs::copy(format!("{seed}/app.yaml"), directory.join("app.yaml"))?;
    let rollout = std::fs::read_to_string(format!("{seed}/rollout.yaml"))?;
    let (before, _) = rollout.split_once("      # Short, so that").context("the steps of the seed")?;
    std::fs::write(directory.join("rollout.yaml"), before)?;
    let ended = once(Some(&directory)).await;
    std::fs::remove_dir_all(&directory)?;
    let ended = ended?;
    let said = ended.text.lines().find(|line| line.starts_with("failed: ")).unwrap_or_default();
    ensure!(ended.code == Some(1) && said.contains("3.0.0-errors20 was promoted"), "{:?}: {}", ended.code, ended.text);
    Ok(())
}
