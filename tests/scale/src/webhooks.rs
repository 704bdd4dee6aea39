//! A thousand webhooks a second over loopback. Then as many at a controller that is killed again and again: what was answered with 200 is in the cluster.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http::{Method, Request, header};
use http_body_util::Full;
use serde_json::json;
use serinus_tests_lab::api::Api;
use serinus_tests_lab::controller::Controller;
use serinus_tests_lab::load::Load;
use serinus_tests_lab::scene::fresh;
use serinus_tests_lab::settings;
use serinus_tests_lab::tally::{Outcome, Sample, Tally};
use serinus_tests_lab::wait::{Look, until};
use serinus_tests_lab::web::ask;

use crate::figure::{at_most, load, short};
use crate::objects::{collection, deployment};

const NAMESPACE: &str = "webhooks";
const RATE: u32 = 1_000;
const WORKLOADS: u32 = 1_000;
/// Of so many webhooks one tells of a new version; most of the others tell of it again, as pipelines and registries do.
const NEW: u32 = 10;
/// Of as many, so many name an image that nobody runs.
const STRANGE: u32 = 3;
const KILLS: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(60);

const P99: f64 = 20.0;

/// A workload and its version.
type Change = (u32, u32);

/// Measures; true when every target is reached.
pub async fn measure(seconds: u32) -> Result<bool> {
    let api = Api::open().await?;
    fresh(&api, NAMESPACE).await?;
    let said = json!({"keel.sh/policy": "all", "keel.sh/approvals": "1"});
    let path = collection(NAMESPACE, "deployments");
    let made = stream::iter(0..WORKLOADS)
        .map(|n| api.create(&path, deployment(&format!("web-{n}"), &format!("{}:1.0.0", repository(n)), &said)));
    made.buffer_unordered(16).try_collect::<()>().await?;
    println!(
        "{RATE} webhooks a second for {seconds} s at {WORKLOADS} workloads: 1 of {NEW} tells of a new version, {STRANGE} of an image that nobody runs, the others again of a version before"
    );
    let address = settings::free_address()?;
    let quick = calm(&api, address, seconds).await?;
    let none_lost = killed(&api, address, seconds).await?;
    Ok(quick && none_lost)
}

/// What the webhook of a number tells of: a workload and its version. Nothing: an image that nobody runs.
fn tells(number: u32) -> Option<Change> {
    let (round, place) = (number / NEW, number % NEW);
    let change = match place {
        0 => round,
        place if place <= STRANGE => return None,
        // One of those before, the last ones more often, and none that a later version of its workload has followed.
        place => {
            let back = [1, 4, 16, 64, 256, WORKLOADS - 1].get((place - STRANGE - 1) as usize).copied().unwrap_or(1);
            // Numbers far apart, by a multiplication.
            round - ((round.wrapping_mul(2_654_435_761) >> 8) % back).min(round)
        }
    };
    Some((change % WORKLOADS, change / WORKLOADS + 1))
}

fn repository(workload: u32) -> String {
    format!("registry.example/team/web-{workload}")
}

fn webhooks(address: SocketAddr, from: u32) -> Result<Load> {
    let address = address.to_string();
    let host = address.clone();
    Load::start_with(&address, RATE, move |number| {
        let (name, tag) = match tells(from + number) {
            Some((workload, version)) => (repository(workload), format!("1.{version}.0")),
            None => (format!("registry.example/other/{}", number % 50), "1.0.0".to_owned()),
        };
        let body = json!({"name": name, "tag": tag}).to_string();
        let request = Request::post("/v1/webhooks/native").header(header::HOST, &host);
        Ok(request.body(Full::new(Bytes::from(body)))?)
    })
}

async fn listening(address: SocketAddr) -> Result<()> {
    until("webhooks to be taken", PATIENCE, || async {
        let body = json!({"name": "registry.example/none", "tag": "1.0.0"}).to_string();
        Ok(match ask(Method::POST, &address.to_string(), "/v1/webhooks/native", &[], &body).await {
            Ok((200, _)) => Look::Done(()),
            other => Look::Not(format!("{other:?}")),
        })
    })
    .await
}

/// A quiet life: how long answers take.
async fn calm(api: &Api, address: SocketAddr, seconds: u32) -> Result<bool> {
    let controller = Controller::start_for_updates(NAMESPACE, address, &[])?;
    let samples = controller.told(async {
        listening(address).await?;
        let (process, load) = (controller.process()?, webhooks(address, 0)?);
        let cpu = process.cpu()?;
        tokio::time::sleep(Duration::from_secs(seconds.into())).await;
        let samples = load.samples()?;
        println!(
            "the controller computed for {} s and held {} MB at the peak; {}",
            short(process.cpu()? - cpu),
            short(process.peak()?),
            self::load()
        );
        Ok(samples)
    });
    let samples = samples.await?;
    // The next one listens on the same port.
    controller.stop().await?;
    let tally = Tally::of(&samples);
    println!("webhooks: {tally}");
    let kept = kept(api, &samples, 0).await?;
    println!("figure: webhooks: {} changes told by {} webhooks, each in the cluster", kept, samples.len());
    ensure!(tally.failed() == 0, "webhooks failed: {tally}");
    Ok(at_most("webhooks, 99 of 100 are answered", tally.quantile(0.99).as_secs_f64() * 1_000.0, "ms", P99))
}

/// Killed at moments that it can't know of.
async fn killed(api: &Api, address: SocketAddr, seconds: u32) -> Result<bool> {
    let from = RATE * seconds + NEW;
    let mut controller = Controller::start_for_updates(NAMESPACE, address, &[])?;
    listening(address).await?;
    let load = webhooks(address, from)?;
    let mut chance = Instant::now().elapsed().as_nanos() as u64 ^ u64::from(std::process::id());
    for _ in 0..KILLS {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_millis(500 + (chance >> 33) % 2_500)).await;
        controller.kill().await?;
        controller = Controller::start_for_updates(NAMESPACE, address, &[])?;
        listening(address).await?;
    }
    let samples = load.samples()?;
    println!("webhooks at a controller that is killed: {}", Tally::of(&samples));
    let kept = kept(api, &samples, from).await?;
    println!("figure: webhooks lost by {KILLS} kills: 0 (target: 0): {kept} changes were answered with 200");
    Ok(true)
}

/// How many changes were answered with 200; fails unless each is in the cluster, once.
async fn kept(api: &Api, samples: &[Sample], from: u32) -> Result<usize> {
    let taken = samples.iter().filter(|sample| matches!(sample.outcome, Outcome::Version(_)));
    let told = taken.filter_map(|sample| Some((tells(from + sample.number)?, sample.due + sample.latency)));
    let told: Vec<(Change, Duration)> = told.collect();
    let mut there = BTreeSet::new();
    let mut next = String::new();
    loop {
        let path = format!("{}?limit=2000&continue={next}", collection(NAMESPACE, "imageupdates"));
        let list = api.get(&path).await?.context("the updates")?;
        for update in list["items"].as_array().into_iter().flatten() {
            let of = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok());
            let workload = update["spec"]["workload"]["name"].as_str().and_then(|name| name.strip_prefix("web-"));
            let version = update["spec"]["tag"].as_str().and_then(|tag| tag.split('.').nth(1));
            let change = of(workload).zip(of(version)).with_context(|| format!("a strange update: {update}"))?;
            ensure!(there.insert(change), "two updates for one change: {update}");
        }
        list["metadata"]["continue"].as_str().unwrap_or_default().clone_into(&mut next);
        if next.is_empty() {
            break;
        }
    }
    let lost = told.iter().filter(|(change, at)| !there.contains(change) && !overtaken(*change, *at, from, &there));
    let lost: BTreeSet<Change> = lost.map(|(change, _)| *change).collect();
    ensure!(lost.is_empty(), "answered with 200 and not in the cluster (workload, version): {lost:?}");
    let changes: BTreeSet<Change> = told.iter().map(|(change, _)| *change).collect();
    Ok(changes.intersection(&there).count())
}

/// Whether the next version of the workload was told of before a change was answered, and is there: the change has come too late then, and
/// is refused, with a 200 as Keel does. Answers are that slow when a controller begins anew.
fn overtaken((workload, version): Change, answered: Duration, from: u32, there: &BTreeSet<Change>) -> bool {
    let next = (workload + version * WORKLOADS) * NEW;
    let due = Duration::from_secs(1) * next.saturating_sub(from) / RATE;
    there.contains(&(workload, version + 1)) && due <= answered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_again_was_told_before() {
        let mut seen = BTreeSet::new();
        let mut again = 0;
        for number in 0..60_000 {
            let Some(change) = tells(number) else { continue };
            if number % NEW == 0 {
                assert!(seen.insert(change), "{number} tells of nothing new");
            } else {
                assert!(seen.contains(&change), "{number} tells of {change:?} too early");
                again += 1;
            }
        }
        assert_eq!((seen.len(), again), (6_000, 36_000));
    }

    #[test]
    fn a_change_is_overtaken_only_by_the_next_one_that_was_told_before_its_answer() {
        let (from, there) = (60_010, BTreeSet::from([(928, 9)]));
        // Number 89,280 tells of (928, 9): due 29.27 s after the start.
        assert_eq!(tells(89_280), Some((928, 9)));
        assert!(overtaken((928, 8), Duration::from_millis(29_270), from, &there));
        assert!(!overtaken((928, 8), Duration::from_millis(29_269), from, &there), "told of in good time");
        assert!(!overtaken((929, 8), Duration::from_millis(29_900), from, &there), "nothing has followed");
    }
}
