//! What each verb does: a read or a patch of one Rollout, and a line about it.

use crate::args::{Cli, Connection, ControllerArgs, Get, List, Retry, SandboxArgs, Verb};
use crate::show::list::Columns;
use crate::show::phase::{Phase, phase};
use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use serinus_cluster::client::{self, Cluster, Patch, ROLLOUT, Selection};
use serinus_wire::Rollout;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Carries a verb out.
///
/// # Errors
/// One line: what did not work, where, and the remedy where there is one.
pub async fn act(cli: Cli) -> anyhow::Result<ExitCode> {
    let connection = &cli.connection;
    match cli.verb {
        Verb::Controller(args) => return controller(connection, &args).await,
        Verb::Sandbox(args) => return sandbox(args).await,
        Verb::Version(version) => {
            let number = env!("CARGO_PKG_VERSION");
            println!("{}", if version.short { number.to_string() } else { format!("serinus: v{number}") });
            return Ok(ExitCode::SUCCESS);
        }
        Verb::Crd => {
            println!("{}", serde_json::to_string(&serinus_wire::crd::list())?);
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let cluster = client::connect(&connection.flags()).await?;
    let namespace = cluster.namespace().to_string();
    let at = At { cluster: &cluster, namespace: &namespace };
    match cli.verb {
        Verb::Promote(args) => at.promote(&args.name, args.full || args.skip_all_steps).await?,
        Verb::Abort(args) => {
            for name in &args.names {
                at.status(name, json!({"status": {"abort": true}})).await?;
                println!("rollout '{name}' aborted");
            }
        }
        Verb::Retry(Retry::Rollout(args)) => {
            for name in &args.names {
                at.status(name, json!({"status": {"abort": false}})).await?;
                println!("rollout '{name}' retried");
            }
        }
        Verb::Pause(args) => {
            for name in &args.names {
                at.spec(name, json!({"spec": {"paused": true}})).await?;
                println!("rollout '{name}' paused");
            }
        }
        Verb::Restart(args) => {
            let when = Timestamp::now() + args.after;
            for name in &args.names {
                let when = serinus_wire::Time::whole_seconds(when).to_string();
                at.spec(name, json!({"spec": {"restartAt": when}})).await?;
                println!("rollout '{name}' restarts in {}s", args.after.as_secs());
            }
        }
        Verb::Explain(args) => at.explain(&args.name).await?,
        Verb::Status(args) => return at.wait(&args.name, args.watch, args.timeout).await,
        Verb::Get(Get::Rollout(args)) if args.watch => {
            anyhow::bail!(
                "get rollout {} --watch: not supported yet; use `status {}` to follow it",
                args.name,
                args.name
            )
        }
        Verb::List(List::Rollouts(args)) if args.watch => {
            anyhow::bail!("list rollouts --watch: not supported yet; leave the flag out")
        }
        Verb::Get(Get::Rollout(args)) => println!("{}", at.summary(&args.name).await?),
        Verb::List(List::Rollouts(args)) => at.list(args.all_namespaces, args.name.as_deref()).await?,
        Verb::Controller(_) | Verb::Sandbox(_) | Verb::Version(_) | Verb::Crd => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// A namespace of a cluster.
struct At<'a> {
    cluster: &'a Cluster,
    namespace: &'a str,
}

impl At<'_> {
    async fn read(&self, name: &str) -> anyhow::Result<Rollout> {
        let object = self.cluster.get(&ROLLOUT, self.namespace, name).await?;
        Rollout::read(object).map_err(|error| anyhow::anyhow!("rollout '{name}': {error}"))
    }

    async fn status(&self, name: &str, patch: Value) -> anyhow::Result<()> {
        self.cluster.patch_status(&ROLLOUT, self.namespace, name, &patch).await?;
        Ok(())
    }

    async fn spec(&self, name: &str, patch: Value) -> anyhow::Result<()> {
        self.cluster.patch(&ROLLOUT, self.namespace, name, Patch::Merge, &patch).await?;
        Ok(())
    }

    async fn promote(&self, name: &str, full: bool) -> anyhow::Result<()> {
        let rollout = self.read(name).await?;
        if let Some(patch) = promotion(&rollout, full) {
            self.status(name, json!({"status": patch})).await?;
        }
        if rollout.spec.paused {
            self.spec(name, json!({"spec": {"paused": false}})).await?;
        }
        println!("rollout '{name}' {}promoted", if full { "fully " } else { "" });
        Ok(())
    }

    async fn explain(&self, name: &str) -> anyhow::Result<()> {
        let seen = serinus_cluster::see(self.cluster.client(), self.namespace, name).await?;
        let plan = serinus_decide::decide(&seen, Timestamp::now());
        let status = &seen.rollout.status;
        println!("{}/{name}  {} {}", self.namespace, status.phase, status.message);
        print!("{}", plan.report);
        if let Some(wake) = plan.wake {
            println!("looks again at {}", serinus_wire::Time(wake));
        }
        Ok(())
    }

    async fn summary(&self, name: &str) -> anyhow::Result<String> {
        let rollout = self.read(name).await?;
        let (phase, message) = phase(&rollout);
        let status = &rollout.status;
        let mut lines = vec![
            format!("{:<17}{name}", "Name:"),
            format!("{:<17}{}", "Namespace:", self.namespace),
            format!("{:<17}{}", "Status:", phase.word()),
        ];
        if !message.is_empty() {
            lines.push(format!("{:<17}{message}", "Message:"));
        }
        if let Some(canary) = rollout.canary() {
            lines.push(format!("{:<17}Canary", "Strategy:"));
            let steps = canary.steps.as_ref().map_or(0, Vec::len);
            lines.push(format!("{:<17}{}/{steps}", "  Step:", status.current_step_index.unwrap_or(0)));
        }
        lines.push("Replicas:".to_string());
        for (word, count) in [
            ("  Desired:", rollout.replicas()),
            ("  Current:", status.replicas),
            ("  Updated:", status.updated_replicas),
            ("  Ready:", status.ready_replicas),
            ("  Available:", status.available_replicas),
        ] {
            lines.push(format!("{word:<17}{count}"));
        }
        Ok(lines.join("\n"))
    }

    async fn list(&self, all: bool, name: Option<&str>) -> anyhow::Result<()> {
        let namespace = (!all).then_some(self.namespace);
        let found = self.cluster.list(&ROLLOUT, namespace, &Selection::default()).await?;
        let rollouts: Vec<Rollout> = found.into_iter().filter_map(|object| Rollout::read(object).ok()).collect();
        let wanted = rollouts.iter().filter(|rollout| name.is_none_or(|name| rollout.metadata.name == name));
        if wanted.clone().next().is_none() {
            eprintln!("No resources found.");
            return Ok(());
        }
        let columns = Columns::fit(wanted.clone(), all, false);
        println!("{}", columns.head().trim_end());
        for rollout in wanted {
            println!("{}", columns.row(rollout, Timestamp::now()).trim_end());
        }
        Ok(())
    }

    /// Prints each change until Healthy (0) or Degraded (1), or until the time is up (1).
    async fn wait(&self, name: &str, watch: bool, timeout: Duration) -> anyhow::Result<ExitCode> {
        let began = Instant::now();
        let mut said = String::new();
        loop {
            let rollout = self.read(name).await?;
            let (phase, message) = phase(&rollout);
            let line =
                if message.is_empty() { phase.word().to_string() } else { format!("{} - {message}", phase.word()) };
            if line != said {
                println!("{line}");
                said = line;
            }
            match phase {
                Phase::Degraded => return Ok(ExitCode::FAILURE),
                Phase::Healthy => return Ok(ExitCode::SUCCESS),
                _ if !watch => return Ok(ExitCode::SUCCESS),
                _ if !timeout.is_zero() && began.elapsed() >= timeout => {
                    anyhow::bail!("rollout '{name}' is neither healthy nor degraded after {}s", timeout.as_secs())
                }
                _ => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    }
}

/// The status patch of `promote` (spec 7.1): resume what is paused, else go past the current step; `--full` only mid-update.
fn promotion(rollout: &Rollout, full: bool) -> Option<Value> {
    let status = &rollout.status;
    if full {
        return (status.current_pod_hash != status.stable_rs).then(|| json!({"promoteFull": true}));
    }
    if !status.pause_conditions.is_empty() {
        return Some(json!({"pauseConditions": null}));
    }
    let steps = rollout.canary()?.steps.as_ref().filter(|steps| !steps.is_empty())?;
    let last = i32::try_from(steps.len()).unwrap_or(i32::MAX);
    let next = (status.current_step_index.unwrap_or(0) + 1).min(last);
    Some(json!({"pauseConditions": null, "currentStepIndex": next}))
}

async fn sandbox(args: SandboxArgs) -> anyhow::Result<ExitCode> {
    let options = serinus_sandbox::Options {
        directory: args.dir,
        once: args.once,
        port: args.port,
        gateway_port: args.gateway_port,
        ..serinus_sandbox::Options::default()
    };
    serinus_sandbox::run(options).await
}

async fn controller(connection: &Connection, args: &ControllerArgs) -> anyhow::Result<ExitCode> {
    let cluster = client::connect(&connection.flags()).await?;
    let mut options = serinus_cluster::Options::new(serinus_decide::decide);
    options.scope.instance = args.instance_id.clone();
    if args.namespaced {
        options.scope.namespace = Some(cluster.namespace().to_string());
    }
    options.threads = args.rollout_threads;
    options.resync = Duration::from_secs(args.rollout_resync);
    if args.leader_elect {
        let home = std::env::var("POD_NAMESPACE").unwrap_or_else(|_| cluster.namespace().to_string());
        options.lease = Some(serinus_cluster::LeaseOptions::new(&home, &args.instance_id));
    }
    for port in [args.healthz_port, args.metrics_port] {
        let address = std::net::SocketAddr::new(args.bind_address, port);
        let listener =
            tokio::net::TcpListener::bind(address).await.with_context(|| format!("can't listen on {address}"))?;
        options.listeners.push(listener);
    }
    let stop = tokio_util::sync::CancellationToken::new();
    let ended = stop.clone();
    tokio::spawn(async move {
        let terminated = async {
            match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                Ok(mut signal) => signal.recv().await,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated => {}
        }
        ended.cancel();
    });
    serinus_cluster::run(cluster.client(), options, stop).await?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(status: Value) -> Rollout {
        let canary = json!({"canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}});
        Rollout::read(json!({"metadata": {"name": "web"}, "spec": {"strategy": canary}, "status": status})).unwrap()
    }

    #[test]
    fn promote_resumes_a_pause_else_goes_past_the_step() {
        let pause = json!([{"reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:00Z"}]);
        for (status, full, want) in [
            (json!({"pauseConditions": pause}), false, Some(json!({"pauseConditions": null}))),
            (json!({"currentStepIndex": 0}), false, Some(json!({"pauseConditions": null, "currentStepIndex": 1}))),
            (json!({"currentStepIndex": 2}), false, Some(json!({"pauseConditions": null, "currentStepIndex": 2}))),
            (json!({"currentPodHash": "a", "stableRS": "b"}), true, Some(json!({"promoteFull": true}))),
            (json!({"currentPodHash": "a", "stableRS": "a"}), true, None),
        ] {
            assert_eq!(promotion(&rollout(status), full), want);
        }
    }
}
