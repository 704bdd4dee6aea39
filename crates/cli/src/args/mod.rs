//! The command line: which verb, with which flags. Decided from the arguments and the name the program was called by.

mod connection;
mod controller;
mod span;

pub use connection::Connection;
pub use controller::{ControllerArgs, LogFormat};
pub use span::span;

use clap::{ArgAction, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  it did not work; for `status`: the rollout is degraded or the time ran out; for `lint`: something was found
  2  wrong usage, or input that can't be read";

/// Progressive delivery for Kubernetes: canaries that promote themselves, or go safely back.
#[derive(Debug, Parser)]
#[command(name = "serinus", after_help = EXIT_CODES, disable_version_flag = true, max_term_width = 120)]
pub struct Cli {
    /// Which cluster, and who asks.
    #[command(flatten)]
    pub connection: Connection,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run the controller
    Controller(Box<ControllerArgs>),
    /// Try everything on this machine: an API server, pods, traffic and the controller in one process
    Sandbox(SandboxArgs),
    /// Show a rollout with its revisions and pods
    #[command(subcommand)]
    Get(Get),
    /// List rollouts
    #[command(subcommand)]
    List(List),
    /// Let a paused rollout go on
    Promote(Promote),
    /// Stop an update and go back to the stable version
    Abort(Names),
    /// Start an aborted update again
    #[command(subcommand)]
    Retry(Retry),
    /// Pause rollouts
    Pause(Names),
    /// Show the status of a rollout, and wait until it is healthy or degraded
    Status(Status),
    /// Restart the pods of rollouts
    Restart(Restart),
    /// Say why a rollout stands where it stands, and what comes next
    Explain(One),
    /// Print the CustomResourceDefinition of Rollouts, to be applied to a cluster
    Crd,
    /// Show the version
    Version(Version),
}

/// `get`.
#[derive(Debug, Subcommand)]
pub enum Get {
    /// Show a rollout with its revisions and pods
    #[command(visible_aliases = ["ro", "rollouts"])]
    Rollout(GetRollout),
}

/// `list`.
#[derive(Debug, Subcommand)]
pub enum List {
    /// List rollouts
    #[command(visible_aliases = ["ro", "rollout"])]
    Rollouts(ListRollouts),
}

/// `retry`.
#[derive(Debug, Subcommand)]
pub enum Retry {
    /// Start aborted updates again
    #[command(visible_aliases = ["ro", "rollouts"])]
    Rollout(Names),
}

/// One rollout.
#[derive(Debug, Args)]
pub struct One {
    /// Name of the rollout
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// One or more rollouts.
#[derive(Debug, Args)]
pub struct Names {
    /// Names of the rollouts
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
}

/// `get rollout`.
#[derive(Debug, Args)]
pub struct GetRollout {
    /// Name of the rollout
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Keep the picture current
    #[arg(short, long)]
    pub watch: bool,
    /// Do without colours
    #[arg(long)]
    pub no_color: bool,
    /// Seconds after which watching ends; 0: never
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub timeout_seconds: u64,
}

/// `list rollouts`.
#[derive(Debug, Args)]
pub struct ListRollouts {
    /// Only the rollout of this name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Go on with each change
    #[arg(short, long)]
    pub watch: bool,
    /// Say when, in front of each line
    #[arg(long)]
    pub timestamps: bool,
}

/// `promote`.
#[derive(Debug, Args)]
pub struct Promote {
    /// Name of the rollout
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Skip all analyses, pauses and steps that are left
    #[arg(long)]
    pub full: bool,
    /// What `promote` does anyway: goes past the current step
    #[arg(short = 'c', long, hide = true, conflicts_with_all = ["full", "skip_all_steps"])]
    pub skip_current_step: bool,
    /// Former name of `--full`
    #[arg(short = 'a', long, hide = true)]
    pub skip_all_steps: bool,
}

/// `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Name of the rollout
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Wait until the rollout is healthy or degraded
    #[arg(
        short, long, action = ArgAction::Set, num_args = 0..=1, require_equals = true,
        default_value = "true", default_missing_value = "true", value_name = "BOOL"
    )]
    pub watch: bool,
    /// How long to wait, for example 90s or 5m; 0s: for ever
    #[arg(short, long, value_name = "DURATION", default_value = "0s", value_parser = span)]
    pub timeout: Duration,
}

/// `restart`.
#[derive(Debug, Args)]
pub struct Restart {
    /// Names of the rollouts
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// How long from now, for example 10s, 5m or 1h
    #[arg(short = 'i', long = "in", value_name = "DURATION", default_value = "0s", value_parser = span)]
    pub after: Duration,
}

/// `version`.
#[derive(Debug, Args)]
pub struct Version {
    /// The number alone
    #[arg(long)]
    pub short: bool,
}

/// `sandbox`.
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// Directory with manifests; without it, a canary behind an Ingress
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Ship one good and one bad image, then end; the exit code says whether both went as they should
    #[arg(long)]
    pub once: bool,
    /// Port of the API server; 0: any free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Port of the gateway; 0: any free one
    #[arg(long, default_value_t = 0)]
    pub gateway_port: u16,
}

/// The name this program was called by decides what it offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persona {
    /// Everything.
    Serinus,
    /// `kubectl serinus`: what works on rollouts.
    KubectlSerinus,
    /// `kubectl argo rollouts`: the same under its old name.
    ArgoRollouts,
}

impl Persona {
    /// From the path of the program as it was called.
    pub fn of(program: &Path) -> Persona {
        match program.file_stem().and_then(|stem| stem.to_str()) {
            Some("kubectl-argo-rollouts") => Persona::ArgoRollouts,
            Some("kubectl-serinus") => Persona::KubectlSerinus,
            _ => Persona::Serinus,
        }
    }

    /// How a person calls it.
    pub fn spelled(self) -> &'static str {
        match self {
            Persona::Serinus => "serinus",
            Persona::KubectlSerinus => "kubectl serinus",
            Persona::ArgoRollouts => "kubectl argo rollouts",
        }
    }
}

/// The command line of a persona.
pub fn command(persona: Persona) -> Command {
    let command = taking_values(Cli::command()).bin_name(persona.spelled());
    match persona {
        Persona::Serinus => command,
        Persona::KubectlSerinus | Persona::ArgoRollouts => ["controller", "sandbox"]
            .into_iter()
            .fold(command.name(persona.spelled()), |command, own| command.mut_subcommand(own, |verb| verb.hide(true))),
    }
}

/// `--flag=true` and `--flag=false` work as they do with kubectl.
fn taking_values(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_action() {
        ArgAction::SetTrue => arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .value_parser(clap::value_parser!(bool))
            .value_name("BOOL")
            .default_value("false")
            .default_missing_value("true")
            .hide_default_value(true)
            .hide_possible_values(true),
        _ => arg,
    });
    command.mut_subcommands(taking_values)
}

/// Reads the arguments, the first of which is the program.
///
/// # Errors
/// Wrong usage, or a request for help; the text says which.
pub fn parse(arguments: Vec<OsString>) -> Result<(Persona, Cli), clap::Error> {
    let persona = Persona::of(Path::new(arguments.first().map_or(OsString::new().as_os_str(), OsString::as_os_str)));
    let mut command = command(persona);
    let matches = command.try_get_matches_from_mut(arguments)?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok((persona, cli))
}

#[cfg(test)]
mod tests;
