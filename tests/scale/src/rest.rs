//! Many Rollouts that nobody changes: memory, time and requests of a minute. Then single changes, and how soon each is acted on.

use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use serinus_tests_lab::api::{Api, Watch};
use serinus_tests_lab::controller::Controller;
use tokio::time::timeout;

use crate::audit::Audit;
use crate::figure::{at_most, load, short};
use crate::fleet::Fleet;
use crate::objects::{collection, plain, update};

const NAMESPACE: &str = "rest-ours";
const AGENT: &str = "serinus/";
/// How long all of them may take to become Healthy.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// How long they are looked at while they rest.
const REST: Duration = Duration::from_secs(60);
/// Changes to single Rollouts.
const CHANGES: usize = 200;
/// How long a change may take to be acted on before the run is given up.
const ANSWER: Duration = Duration::from_secs(30);

const MEMORY: f64 = 120.0;
const CORE: f64 = 1.0;
const ACTED: f64 = 50.0;

/// Measures; true when every target is reached. `REPLICAS` says how many pods each Rollout has (1 unless told).
pub async fn measure(count: usize) -> Result<bool> {
    let replicas = env::var("REPLICAS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let port = env::var("LAB_PORT").ok().and_then(|text| text.parse().ok()).unwrap_or(6443u16);
    println!("{count} Rollouts of {replicas} replicas, each with a ReplicaSet and a Service");
    let api = Arc::new(Api::open().await?);
    let names = (0..count).map(|n| format!("web-{n:05}")).collect();
    let mut fleet = Fleet::found(&api, NAMESPACE, names).await?;
    // The last three of the lab's ports are nobody's.
    let controller = Controller::start_whole(NAMESPACE, port + 27)?;
    let reached = controller.told(async {
        let began = Instant::now();
        fleet.make(|name| plain(name, replicas)).await?;
        eprintln!("made after {:.0?}", began.elapsed());
        let healthy = fleet.finished(PATIENCE).await?.duration_since(began);
        println!("figure: all Healthy after {} s, from the first that was made; {}", healthy.as_secs(), load());
        let rested = rest(&controller).await?;
        let acted = changes(&api, &fleet).await?;
        println!("resident after the changes: {} MB", short(controller.memory()?));
        Ok(rested && acted)
    });
    reached.await
}

async fn rest(controller: &Controller) -> Result<bool> {
    let process = controller.process()?;
    // Events lag behind, and what was just made is still being looked at.
    loop {
        let audit = Audit::from_now()?;
        tokio::time::sleep(Duration::from_secs(15)).await;
        let requests = audit.of(AGENT)?;
        if requests.writes() + requests.events() == 0 {
            break;
        }
    }
    let (audit, before) = (Audit::from_now()?, process.cpu()?);
    tokio::time::sleep(REST).await;
    let (requests, cpu) = (audit.of(AGENT)?, process.cpu()? - before);
    let (memory, peak) = (process.memory()?, process.peak()?);
    println!("at rest for {} s: {} CPU s, requests {:?}; {}", REST.as_secs(), short(cpu), requests.0, load());
    println!(
        "resident at the peak, since the start: {} MB; the lease was renewed {} times",
        short(peak),
        requests.leases()
    );
    let share = 100.0 * cpu / REST.as_secs_f64();
    let limits = [
        at_most("resident at rest", memory, "MB", MEMORY),
        at_most("of a core at rest", share, "%", CORE),
        at_most("writes in a minute at rest, the lease aside", (requests.writes() + requests.events()) as f64, "", 0.0),
    ];
    Ok(limits.iter().all(|reached| *reached))
}

/// Changes one Rollout after the other, and waits each time for the controller's first write about it; then until it rests at
/// the pause of its update, so that each is the change to one of many at rest.
async fn changes(api: &Api, fleet: &Fleet) -> Result<bool> {
    let mut watch = Both::open(api).await?;
    let mut took = Vec::new();
    let names = fleet.names();
    for n in 0..CHANGES.min(names.len()) {
        let name = &names[n * names.len() / CHANGES.min(names.len())];
        let changed = api.merged(&fleet.path(name), update(name, 2)).await?;
        let began = Instant::now();
        let seen = timeout(ANSWER, watch.until_written(name, version(&changed)?)).await;
        let at = seen.with_context(|| format!("nothing was written about {name} within {ANSWER:?}"))??;
        took.push(at.duration_since(began).as_secs_f64() * 1_000.0);
        fleet.paused(name).await?;
    }
    took.sort_by(f64::total_cmp);
    let at = |share: usize| took.get((took.len() * share).div_ceil(100).max(1) - 1).copied().unwrap_or_default();
    println!(
        "{} changes: acted on within {} ms (half), {} ms (9 of 10), {} ms at most; {}",
        took.len(),
        short(at(50)),
        short(at(90)),
        short(at(100)),
        load()
    );
    Ok(at_most("a change is acted on, 99 of 100", at(99), "ms", ACTED))
}

fn version(object: &Value) -> Result<u64> {
    object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).context("a resourceVersion")
}

/// Rollouts and ReplicaSets, as a watch shows them to anybody.
struct Both {
    rollouts: Watch,
    sets: Watch,
}

impl Both {
    /// From now on.
    async fn open(api: &Api) -> Result<Both> {
        let list = api.get(&format!("{}?limit=1", collection(NAMESPACE, "rollouts"))).await?.context("the Rollouts")?;
        let from = list["metadata"]["resourceVersion"].as_str().context("the version of a list")?.to_owned();
        let path = |plural| format!("{}?watch=true&resourceVersion={from}", collection(NAMESPACE, plural));
        Ok(Both { rollouts: api.watch(&path("rollouts")).await?, sets: api.watch(&path("replicasets")).await? })
    }

    /// When something about the Rollout was written after `version`: a ReplicaSet of its own, or the Rollout itself.
    async fn until_written(&mut self, name: &str, version: u64) -> Result<Instant> {
        loop {
            let event = tokio::select! {
                event = self.rollouts.next() => event?,
                event = self.sets.next() => event?,
            };
            let at = Instant::now();
            let object = &event.context("a watch ended")?["object"];
            let meta = &object["metadata"];
            let about = if object["kind"] == "Rollout" { &meta["name"] } else { &meta["ownerReferences"][0]["name"] };
            ensure!(object["kind"] != "Status", "a watch ended: {object}");
            if about == name && self::version(object)? > version {
                return Ok(at);
            }
        }
    }
}
