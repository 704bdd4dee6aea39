//! The verbs and their flags.

use super::controller::RegistryFlags;
use super::{ControllerArgs, ImageVerb, ShipArgs, UpdatesArgs, Votes, span};
use crate::act::image::assignment;
use clap::{ArgAction, Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run the controller
    Controller(Box<ControllerArgs>),
    /// Try everything on this machine: an API server, pods, traffic and the controller in one process
    Sandbox(SandboxArgs),
    /// Show a rollout or an experiment with what belongs to it
    #[command(subcommand)]
    Get(Get),
    /// List rollouts or experiments
    #[command(subcommand)]
    List(List),
    /// Let a paused rollout go on
    Promote(Promote),
    /// Stop an update and go back to the stable version
    Abort(Names),
    /// Start an aborted update, or an experiment, again
    #[command(subcommand)]
    Retry(Retry),
    /// Go back to an earlier revision
    Undo(Undo),
    /// Pause rollouts
    Pause(Names),
    /// Change the image of a rollout
    #[command(subcommand)]
    Set(Set),
    /// Show the status of a rollout, and wait until it is healthy or degraded
    Status(Status),
    /// Restart the pods of rollouts
    Restart(Restart),
    /// End analysis runs or experiments early
    #[command(subcommand)]
    Terminate(Terminate),
    /// Create objects from files
    Create(Create),
    /// Check rollouts in files; needs no cluster
    Lint(Lint),
    /// Tell Serinus that an image was pushed, and follow it to its verdict
    Ship(ShipArgs),
    /// List updates of images, or let one in again
    Updates(UpdatesArgs),
    /// Vote for updates of images
    Approve(Votes),
    /// Vote against updates of images
    Reject(Votes),
    /// Say what a push of an image would mean
    #[command(subcommand)]
    Image(ImageVerb),
    /// Say why a rollout stands where it stands, and what comes next
    Explain(One),
    /// Print the CustomResourceDefinitions, to be applied to a cluster
    Crd,
    /// Print what makes a shell complete the command line
    Completion(Completion),
    /// Show the version
    Version(Version),
}

/// `get`.
#[derive(Debug, Subcommand)]
pub enum Get {
    /// Show a rollout with its revisions and pods
    #[command(visible_aliases = ["ro", "rollouts"])]
    Rollout(GetOne),
    /// Show an experiment with its sets, pods and analysis runs
    #[command(visible_aliases = ["exp", "experiments"])]
    Experiment(GetOne),
}

/// `list`.
#[derive(Debug, Subcommand)]
pub enum List {
    /// List rollouts
    #[command(visible_aliases = ["ro", "rollout"])]
    Rollouts(ListRollouts),
    /// List experiments
    #[command(visible_aliases = ["exp", "experiment"])]
    Experiments(ListExperiments),
}

/// `retry`.
#[derive(Debug, Subcommand)]
pub enum Retry {
    /// Start aborted updates again
    #[command(visible_aliases = ["ro", "rollouts"])]
    Rollout(Names),
    /// Start experiments again from nothing
    #[command(visible_aliases = ["exp", "experiments"])]
    Experiment(Names),
}

/// `set`.
#[derive(Debug, Subcommand)]
pub enum Set {
    /// Change images of a rollout, or of the workload that it refers to
    Image(SetImage),
}

/// `terminate`.
#[derive(Debug, Subcommand)]
pub enum Terminate {
    /// End analysis runs early
    #[command(name = "analysisrun", visible_aliases = ["ar", "analysisruns"])]
    AnalysisRun(Names),
    /// End experiments early
    #[command(visible_aliases = ["exp", "experiments"])]
    Experiment(Names),
}

/// One object.
#[derive(Debug, Args)]
pub struct One {
    /// Its name
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// One or more objects.
#[derive(Debug, Args)]
pub struct Names {
    /// Their names
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
}

/// `get rollout` and `get experiment`.
#[derive(Debug, Args)]
pub struct GetOne {
    /// Its name
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

/// `list experiments`.
#[derive(Debug, Args)]
pub struct ListExperiments {
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
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
    /// Go past the current step, paused or not
    #[arg(short = 'c', long, hide = true, conflicts_with_all = ["full", "skip_all_steps"])]
    pub skip_current_step: bool,
    /// Go past all steps
    #[arg(short = 'a', long, hide = true, conflicts_with = "full")]
    pub skip_all_steps: bool,
}

/// `undo`.
#[derive(Debug, Args)]
pub struct Undo {
    /// Name of the rollout
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Revision to go back to; 0: the one before the newest
    #[arg(long, value_name = "REVISION", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    pub to_revision: i64,
}

/// `set image`.
#[derive(Debug, Args)]
pub struct SetImage {
    /// Name of the rollout
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Container and its new image; the container * means all of them
    #[arg(value_name = "CONTAINER=IMAGE", required = true, value_parser = assignment)]
    pub images: Vec<(String, String)>,
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
    #[arg(short = 'i', long = "in", value_name = "DURATION", default_value = "0s", value_parser = Spoken::read)]
    pub after: Spoken,
}

/// A span, and how it was typed.
#[derive(Clone, Debug)]
pub struct Spoken {
    /// As it was typed.
    pub text: String,
    /// The span.
    pub span: Duration,
}

impl Spoken {
    fn read(text: &str) -> Result<Spoken, String> {
        Ok(Spoken { text: text.to_string(), span: span(text)? })
    }
}

/// `create`.
#[derive(Debug, Args)]
#[command(subcommand_negates_reqs = true)]
pub struct Create {
    /// What is not in a file yet.
    #[command(subcommand)]
    pub what: Option<CreateWhat>,
    /// File with Rollouts, Experiments, AnalysisTemplates or AnalysisRuns; - for standard input; may be repeated
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Show what was created, and keep the picture current
    #[arg(short, long)]
    pub watch: bool,
    /// Do without colours
    #[arg(long)]
    pub no_color: bool,
}

/// What `create` can make.
#[derive(Debug, Subcommand)]
pub enum CreateWhat {
    /// Create an analysis run from a template
    #[command(name = "analysisrun", visible_aliases = ["ar"])]
    AnalysisRun(CreateRun),
}

/// `create analysisrun`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("template").required(true).args(["from", "from_file"]))]
pub struct CreateRun {
    /// Name of the template in the cluster
    #[arg(long, value_name = "NAME")]
    pub from: Option<String>,
    /// File with the template; - for standard input
    #[arg(long, value_name = "FILE")]
    pub from_file: Option<PathBuf>,
    /// The template is a ClusterAnalysisTemplate
    #[arg(long)]
    pub global: bool,
    /// Value of an argument of the template; may be repeated
    #[arg(short, long = "argument", value_name = "NAME=VALUE", value_parser = argument)]
    pub arguments: Vec<(String, String)>,
    /// Name of the run
    #[arg(long, value_name = "NAME", conflicts_with = "generate_name")]
    pub name: Option<String>,
    /// Beginning of a name that the server completes; without it, that of the template
    #[arg(long, value_name = "PREFIX")]
    pub generate_name: Option<String>,
    /// Instance of the controller that is to work on the run
    #[arg(long, value_name = "ID")]
    pub instance_id: Option<String>,
}

fn argument(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_string(), value.to_string())).ok_or_else(|| "give NAME=VALUE".to_string())
}

/// `lint`.
#[derive(Debug, Args)]
pub struct Lint {
    /// File or directory with manifests; - for standard input; may be repeated
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Look into the directories below as well
    #[arg(short = 'R', long)]
    pub recursive: bool,
}

/// `completion`.
#[derive(Debug, Args)]
pub struct Completion {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `version`.
#[derive(Debug, Args)]
pub struct Version {
    /// Without the platform
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
    /// Port of the webhooks, votes and the approvals page; 0: any free one
    #[arg(long, default_value_t = 0)]
    pub updates_port: u16,
    /// How registries are reached, for workloads that ask for polling
    #[command(flatten)]
    pub registries: RegistryFlags,
}
