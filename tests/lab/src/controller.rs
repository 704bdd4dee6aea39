//! A controller as a process of its own, watching one namespace: `serinus controller`, or the Argo Rollouts controller when
//! `LAB_CONTROLLER=argo` asks for a comparison.

use std::env;
use std::fs::{self, File};
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::process::Process;
use crate::settings;

/// Longest wait for a controller to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running controller; it ends with this.
pub struct Controller {
    child: Child,
    log: PathBuf,
    /// When it was started.
    pub since: Instant,
}

/// Which controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// `serinus controller`.
    Serinus,
    /// The Argo Rollouts controller.
    Argo,
}

impl Controller {
    /// Starts the one that this run is about, for `namespace`.
    pub fn start(namespace: &str) -> Result<Self> {
        Self::start_as(if compares() { Which::Argo } else { Which::Serinus }, namespace)
    }

    /// Starts it for `namespace`.
    pub fn start_as(which: Which, namespace: &str) -> Result<Self> {
        Self::start_with(which, namespace, &[])
    }

    /// The same, with further flags.
    pub fn start_with(which: Which, namespace: &str, flags: &[&str]) -> Result<Self> {
        let (command, kubeconfig, ports): (_, _, &[&str]) = match which {
            Which::Argo => {
                let mut argo = Command::new("rollouts-controller");
                argo.env("POD_NAMESPACE", namespace);
                (argo, settings::kubeconfig()?, &["--metricsPort=0", "--healthzPort=0"])
            }
            Which::Serinus => {
                let ports = &["--metricsport=0", "--healthzPort=0", "--updatesPort=0"];
                (serinus()?, settings::controllers_kubeconfig()?, ports)
            }
        };
        let scope = ["--namespaced", "--leader-elect=false", "--namespace", namespace];
        Self::run(command, kubeconfig, namespace, &[ports, &scope, flags].concat())
    }

    /// Starts ours for `namespace`, with webhooks and votes on `address`; `variables` say who is let in.
    pub fn start_for_updates(namespace: &str, address: SocketAddr, variables: &[(&str, &str)]) -> Result<Self> {
        Self::start_for_updates_with(namespace, address, variables, &[])
    }

    /// The same, with further flags.
    pub fn start_for_updates_with(
        namespace: &str,
        address: SocketAddr,
        variables: &[(&str, &str)],
        flags: &[&str],
    ) -> Result<Self> {
        let mut command = serinus()?;
        command.envs(variables.iter().copied());
        let (host, port) = (format!("--bind-address={}", address.ip()), format!("--updatesPort={}", address.port()));
        let fixed = ["--metricsport=0", "--healthzPort=0", "--namespaced", "--leader-elect=false"];
        let scope = ["--namespace", namespace, &host, &port];
        Self::run(command, settings::controllers_kubeconfig()?, namespace, &[&fixed[..], &scope, flags].concat())
    }

    /// Starts ours for all namespaces with its defaults, and what it is told of registries.
    pub fn start_tracking(name: &str, flags: &[&str]) -> Result<Self> {
        let updates = format!("--updatesPort={}", settings::free_address()?.port());
        let ports = ["--metricsport=0", "--healthzPort=0", "--bind-address=127.0.0.1", &updates];
        Self::run(serinus()?, settings::controllers_kubeconfig()?, name, &[&ports[..], flags].concat())
    }

    /// Starts ours with its defaults: for all namespaces, with a lease and with updates of images. `first_port` and the two
    /// after it are taken.
    pub fn start_whole(name: &str, first_port: u16) -> Result<Self> {
        let ports = [("metricsPort", 0), ("healthzPort", 1), ("updatesPort", 2)];
        let ports = ports.map(|(flag, n)| format!("--{flag}={}", first_port + n));
        let flags: Vec<&str> = ports.iter().map(String::as_str).chain(["--bind-address=127.0.0.1"]).collect();
        Self::run(serinus()?, settings::controllers_kubeconfig()?, name, &flags)
    }

    fn run(mut command: Command, kubeconfig: PathBuf, name: &str, flags: &[&str]) -> Result<Self> {
        let log = env::temp_dir().join(format!("controller-{name}.log"));
        let out = File::create(&log).with_context(|| format!("create {}", log.display()))?;
        command.args(flags).arg("--kubeconfig").arg(kubeconfig);
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).kill_on_drop(true);
        let since = Instant::now();
        let child = command.spawn().with_context(|| format!("start {command:?}"))?;
        Ok(Self { child, log, since })
    }

    /// What it costs.
    pub fn process(&self) -> Result<Process> {
        Ok(Process { id: self.child.id().context("the controller has ended")? })
    }

    /// All that it has written so far.
    pub fn written(&self) -> Result<String> {
        let bytes = fs::read(&self.log).with_context(|| format!("read {}", self.log.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Asks it to end, as a cluster does with a Deployment that is scaled to 0, and waits until it has.
    pub async fn stop(mut self) -> Result<()> {
        let id =
            self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).context("the controller has ended")?;
        kill_process(id, Signal::TERM).context("signal the controller")?;
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.with_context(|| format!("the controller did not end within {PATIENCE:?} of SIGTERM"))??;
        Ok(())
    }

    /// Kills it: it can't put anything in order.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("kill the controller")
    }

    /// Its resident memory in MB.
    pub fn memory(&self) -> Result<f64> {
        self.process()?.memory()
    }

    /// Does something that needs it, and adds its last lines to what went wrong.
    pub async fn told<T>(&self, act: impl Future<Output = Result<T>>) -> Result<T> {
        act.await.map_err(|error| error.context(tail(&self.log)))
    }
}

/// Ours, with the settings of its allocator that the chart gives it.
fn serinus() -> Result<Command> {
    const CHART: &str = include_str!("../../../charts/serinus/templates/controller.yaml");
    let setting = |line: &'static str| {
        let (name, value) = line.trim().strip_prefix("- {name: ")?.strip_suffix("\"}")?.split_once(", value: \"")?;
        name.starts_with("MIMALLOC_").then_some((name, value))
    };
    let mut serinus = Command::new(settings::serinus()?);
    serinus.arg("controller").envs(CHART.lines().filter_map(setting));
    Ok(serinus)
}

/// Whether this run is about the Argo Rollouts controller.
pub fn compares() -> bool {
    env::var("LAB_CONTROLLER").is_ok_and(|name| name == "argo")
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.get(lines.len().saturating_sub(30)..).unwrap_or_default();
    format!("the controller's last lines ({}):\n{}", log.display(), last.join("\n"))
}
