//! Flags of the verbs on updates of images.

use super::controller::RegistryFlags;
use super::span;
use clap::{Args, Subcommand};
use std::time::Duration;

/// `updates`.
#[derive(Debug, Args)]
pub struct UpdatesArgs {
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Those with a verdict as well
    #[arg(long)]
    pub all: bool,
    /// What to do with one of them; without it they are listed
    #[command(subcommand)]
    pub verb: Option<UpdatesVerb>,
}

/// What to do with an update.
#[derive(Debug, Subcommand)]
pub enum UpdatesVerb {
    /// Let in again what was rejected or rolled back
    Allow(Votes),
    /// Put away: withdraws what waits, forgets what is done
    Archive(Votes),
}

/// `approve`, `reject`.
#[derive(Debug, Args)]
pub struct Votes {
    /// Names of updates, or of workloads with one update that waits
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
}

/// `ship`.
#[derive(Debug, Args)]
pub struct ShipArgs {
    /// The image with its tag, for example 172.16.77.115:5000/pregap:1.2.3
    #[arg(value_name = "IMAGE:TAG")]
    pub image: String,
    /// Its digest, where it is known, for example sha256:…
    #[arg(long, value_name = "DIGEST")]
    pub digest: Option<String>,
    /// Follow it through approval and rollout, and end with its verdict
    #[arg(long)]
    pub wait: bool,
    /// How long to wait, for example 90s or 2h; 0s: for ever
    #[arg(short, long, value_name = "DURATION", default_value = "1h", value_parser = span)]
    pub timeout: Duration,
    /// Where Serinus listens, for example http://serinus:9300; also SERINUS_URL. Credentials: SERINUS_USER and SERINUS_PASSWORD, or SERINUS_TOKEN
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Trust any certificate of that server
    #[arg(long)]
    pub insecure: bool,
    /// A second request with the same key is the same request, for example the number of the build
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub key: String,
}

/// `image`.
#[derive(Debug, Subcommand)]
pub enum ImageVerb {
    /// Say what a push of an image would mean for each workload, and why; nothing is done
    Explain(ImageExplain),
}

/// `image explain`.
#[derive(Debug, Args)]
pub struct ImageExplain {
    /// The image with its tag; with --registry the tag does not matter
    #[arg(value_name = "IMAGE[:TAG]")]
    pub image: String,
    /// Ask the image's registry for its real tags, with the secrets that the workloads name, and say which each workload would be offered
    #[arg(long)]
    pub registry: bool,
    /// Try this policy in place of the workloads' own, for example minor or glob:release-*
    #[arg(long, value_name = "POLICY")]
    pub policy: Option<String>,
    /// How registries are reached
    #[command(flatten)]
    pub registries: RegistryFlags,
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Also the workloads that have nothing to do with it
    #[arg(long)]
    pub all: bool,
}
