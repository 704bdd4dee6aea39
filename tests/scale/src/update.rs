//! The same Rollouts updated at once under the Argo Rollouts controller and then under ours, one after the other in one lab.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use serinus_tests_lab::api::Api;
use serinus_tests_lab::controller::{Controller, Which};

use crate::audit::{Audit, Requests};
use crate::figure::{at_most, load, short};
use crate::fleet::{Fleet, strike};
use crate::objects::routed;

/// How long one half of the run may take.
const PATIENCE: Duration = Duration::from_secs(900);
/// A controller that has not asked for anything for so long has nothing more to write.
const QUIET: Duration = Duration::from_secs(10);

/// What an update of all Rollouts cost.
struct Cost {
    requests: Requests,
    /// Seconds from the first change to the end.
    took: f64,
    /// Seconds of one core, up to the last event.
    cpu: f64,
    /// MB before the update.
    idle: f64,
    /// The most MB during it.
    peak: f64,
}

/// Measures both; true when every target is reached. Ours alone, to compare its builds, has no targets.
pub async fn measure(count: usize, alone: bool) -> Result<bool> {
    println!(
        "{count} Rollouts, 2 replicas, nginx, setWeight 20, pause 2 s, setWeight 60, pause 2 s, scaleDownDelaySeconds 5"
    );
    let api = Arc::new(Api::open().await?);
    if alone {
        let Cost { requests, took, cpu, idle, peak } = half(&api, Which::Serinus, count).await?;
        let each = requests.writes() as f64 / count as f64;
        println!(
            "Serinus alone: {took:.1} s to the end, {cpu:.2} CPU s, {idle:.1} MB before, {peak:.1} MB at the peak, {each:.1} writes each"
        );
        return Ok(true);
    }
    let argo = half(&api, Which::Argo, count).await?;
    let ours = half(&api, Which::Serinus, count).await?;
    print!("{}", table(&argo, &ours, count));
    let each = |cost: &Cost| cost.requests.writes() as f64 / count as f64;
    let limits = [
        at_most("API writes for each Rollout, events aside", each(&ours), "", each(&argo) / 2.0),
        at_most("CPU seconds", ours.cpu, "s", argo.cpu / 5.0),
        at_most("peak RSS", ours.peak, "MB", argo.peak / 5.0),
        at_most("to the end", ours.took, "s", argo.took),
    ];
    Ok(limits.iter().all(|reached| *reached))
}

async fn half(api: &Arc<Api>, which: Which, count: usize) -> Result<Cost> {
    let (namespace, agent) = match which {
        Which::Argo => ("scale-argo", "rollouts-controller/"),
        Which::Serinus => ("scale-ours", "serinus/"),
    };
    let names = (0..count).map(|n| format!("web-{n:03}")).collect();
    let mut fleet = Fleet::found(api, namespace, names).await?;
    let controller = Controller::start_as(which, namespace)?;
    let cost = controller.told(async {
        let began = Instant::now();
        fleet.make(routed).await?;
        let healthy = fleet.finished(PATIENCE).await?;
        quiet(agent).await?;
        eprintln!("{which:?}: all Healthy {:.0?} after the first was made", healthy.duration_since(began));
        let (process, audit) = (controller.process()?, Audit::from_now()?);
        let (idle, before) = (process.memory()?, process.cpu()?);
        process.forget_peak()?;
        let began = Instant::now();
        fleet.update(2).await?;
        let took = fleet.finished(PATIENCE).await?.duration_since(began).as_secs_f64();
        quiet(agent).await?;
        eprintln!("{which:?}: the end {took:.1} s after the first was updated; {}", load());
        Ok(Cost { requests: audit.of(agent)?, took, cpu: process.cpu()? - before, idle, peak: process.peak()? })
    });
    let cost = cost.await?;
    drop((controller, fleet));
    strike(api, namespace).await?;
    Ok(cost)
}

/// Waits until the controller has nothing more to write: events may lag behind what they tell.
async fn quiet(agent: &str) -> Result<()> {
    loop {
        let audit = Audit::from_now()?;
        tokio::time::sleep(QUIET).await;
        let requests = audit.of(agent)?;
        if requests.writes() + requests.events() == 0 {
            return Ok(());
        }
    }
}

fn table(argo: &Cost, ours: &Cost, count: usize) -> String {
    let mut lines = vec![line("", "Argo", "Serinus", "ratio")];
    let mut row = |what: &str, argo: f64, ours: f64| {
        let ratio = if argo > 0.0 { format!("{:.2}", ours / argo) } else { "-".to_owned() };
        lines.push(line(what, &short(argo), &short(ours), &ratio));
    };
    row("s from the first change to the end", argo.took, ours.took);
    row("CPU seconds", argo.cpu, ours.cpu);
    row("MB before", argo.idle, ours.idle);
    row("MB at the peak", argo.peak, ours.peak);
    let each = |requests: u64| requests as f64 / count as f64;
    let mut of_each = |what: &str, value: &dyn Fn(&Requests) -> u64| {
        row(&format!("{what} for each Rollout"), each(value(&argo.requests)), each(value(&ours.requests)));
    };
    of_each("writes, events aside", &Requests::writes);
    of_each("event writes", &Requests::events);
    of_each("gets and lists of pods", &|requests| requests.reads(Some("pods")));
    of_each("gets and lists", &|requests| requests.reads(None));
    let kinds: BTreeSet<&String> = argo.requests.0.keys().chain(ours.requests.0.keys()).collect();
    for kind in kinds {
        of_each(&format!("  {kind}"), &|requests| requests.0.get(kind).copied().unwrap_or(0));
    }
    lines.concat()
}

fn line(what: &str, argo: &str, ours: &str, ratio: &str) -> String {
    format!("{what:<56} {argo:>8} {ours:>8} {ratio:>6}\n")
}
