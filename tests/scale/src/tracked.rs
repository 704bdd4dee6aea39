//! Many workloads whose images are asked for each minute, with nothing new: memory, time, and that the cluster is left alone. Then a push, which every
//! workload of its repository is offered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use serinus_tests_lab::api::Api;
use serinus_tests_lab::controller::Controller;
use serinus_tests_lab::scene::fresh;
use serinus_tests_lab::wait::{Look, until};

use crate::audit::Audit;
use crate::figure::{at_most, load, short};
use crate::objects::{collection, deployment};
use crate::registry::Registry;

const NAMESPACE: &str = "tracked";
const AGENT: &str = "serinus/";
/// Workloads of one repository.
const EACH: usize = 10;
const AT_ONCE: usize = 16;
/// Rounds of polling that are looked at.
const MINUTES: u32 = 3;
/// Questions of the first round come at once, those after it within a minute.
const PATIENCE: Duration = Duration::from_secs(150);

const MEMORY: f64 = 80.0;
const CORE: f64 = 5.0;

/// Measures; true when every target is reached.
pub async fn measure(count: usize) -> Result<bool> {
    let (api, registry) = (Arc::new(Api::open().await?), Registry::start()?);
    let repositories = count.div_ceil(EACH);
    println!("{count} tracked Deployments of {repositories} repositories, each asked for every minute");
    fresh(&api, NAMESPACE).await?;
    for n in 0..repositories {
        for tag in (0..20).map(|patch| format!("1.0.{patch}")).chain(["latest".to_owned()]) {
            registry.push(&repository(n), &tag);
        }
    }
    let said = json!({"keel.sh/policy": "minor", "keel.sh/trigger": "poll", "keel.sh/pollSchedule": "@every 1m", "keel.sh/approvals": "1"});
    let path = collection(NAMESPACE, "deployments");
    let made = stream::iter(0..count).map(|n| {
        let object = deployment(&format!("web-{n:05}"), &registry.image(&repository(n / EACH), "1.0.19"), &said);
        api.create(&path, object)
    });
    made.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    let controller = Controller::start_tracking(NAMESPACE, &[&format!("--plain-registry={}", registry.address)])?;
    let reached = controller.told(async {
        all_asked(&registry, repositories as u64).await?;
        let rested = rest(&controller, &registry, repositories as u64).await?;
        offered(&api, &registry).await?;
        Ok(rested)
    });
    reached.await
}

fn repository(n: usize) -> String {
    format!("team/app-{n:03}")
}

/// Every repository was asked for once.
async fn all_asked(registry: &Registry, repositories: u64) -> Result<()> {
    until("the first round of polling", PATIENCE, || async {
        let asked = registry.asked();
        Ok(if asked >= repositories { Look::Done(()) } else { Look::Not(format!("{asked} questions")) })
    })
    .await
}

async fn rest(controller: &Controller, registry: &Registry, repositories: u64) -> Result<bool> {
    let (process, rest) = (controller.process()?, Duration::from_secs(60) * MINUTES);
    println!("resident at the peak of the start: {} MB", short(process.peak()?));
    process.forget_peak()?;
    let (audit, cpu, asked) = (Audit::from_now()?, process.cpu()?, registry.asked());
    let began = Instant::now();
    tokio::time::sleep(rest).await;
    let (requests, cpu, asked) = (audit.of(AGENT)?, process.cpu()? - cpu, registry.asked() - asked);
    let took = began.elapsed();
    println!(
        "polled for {} s: {asked} questions to the registry, {} CPU s, API requests {:?}; {}",
        took.as_secs(),
        short(cpu),
        requests.0,
        load()
    );
    // What is cheap because it is not done is no figure.
    let wanted = repositories * u64::from(MINUTES);
    ensure!(asked + repositories > wanted, "{asked} questions in {MINUTES} minutes; {wanted} are due");
    let others = requests.count(|verb, of| verb != "watch" && of != "leases");
    let limits = [
        at_most("of a core, polling", 100.0 * cpu / took.as_secs_f64(), "%", CORE),
        at_most("resident at the peak, polling", process.peak()?, "MB", MEMORY),
        at_most("API requests while nothing changes, watches and the lease aside", others as f64, "", 0.0),
    ];
    Ok(limits.iter().all(|reached| *reached))
}

/// One push, and an update for every workload that runs its image.
async fn offered(api: &Api, registry: &Registry) -> Result<()> {
    registry.push(&repository(7), "1.1.0");
    let began = Instant::now();
    until("an update for each workload of a repository", PATIENCE, || async {
        let list = api.get(&collection(NAMESPACE, "imageupdates")).await?.unwrap_or_default();
        let count = list["items"].as_array().map_or(0, Vec::len);
        Ok(if count == EACH { Look::Done(()) } else { Look::Not(format!("{count} updates")) })
    })
    .await?;
    println!("a push was found {} s later and offered to its {EACH} workloads", began.elapsed().as_secs());
    Ok(())
}
