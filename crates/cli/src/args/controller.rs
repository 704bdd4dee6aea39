//! Flags of the controller. Where a flag of the peers' controller makes sense here it has the same name and default.

use super::span;
use anyhow::Context as _;
use clap::{ArgAction, Args, ValueEnum};
use serinus_cluster::registry::Hosts;
use serinus_cluster::update::Platforms;
use std::path::PathBuf;
use std::time::Duration;

/// `controller`.
#[derive(Debug, Args)]
pub struct ControllerArgs {
    /// Look after one namespace only
    #[arg(long)]
    pub namespaced: bool,
    /// Look after the rollouts with this instance id; without it, after those that have none
    #[arg(long, value_name = "ID", default_value = "")]
    pub instance_id: String,
    /// Port of /metrics; 0: none
    #[arg(long = "metricsPort", alias = "metricsport", value_name = "PORT", default_value_t = 8090)]
    pub metrics_port: u16,
    /// Port of /healthz and /readyz; 0: none
    #[arg(long = "healthzPort", value_name = "PORT", default_value_t = 8080)]
    pub healthz_port: u16,
    /// Port of the webhooks, votes and the approvals page; 0: no updates of images. Who is let in: BASIC_AUTH_USER and BASIC_AUTH_PASSWORD, KUBERNETES_TOKENS, AUTHENTICATED_WEBHOOKS, TOKEN_SECRET, WEBHOOK_SECRET, WEBHOOK_SOURCES; who is told verdicts: VERDICT_WEBHOOKS
    #[arg(long = "updatesPort", value_name = "PORT", default_value_t = 9300)]
    pub updates_port: u16,
    /// Certificate of that port (PEM, with those between it and its authority): it speaks TLS then. The file is read again when it has changed
    #[arg(long, value_name = "FILE", requires = "updates_key")]
    pub updates_certificate: Option<PathBuf>,
    /// Key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "updates_certificate")]
    pub updates_key: Option<PathBuf>,
    /// Spell images as Keel does, `library/nginx:2`, instead of as their owners did
    #[arg(long)]
    pub keel_spelling: bool,
    /// How registries are reached
    #[command(flatten)]
    pub registries: RegistryFlags,
    /// What the platforms of an image must be before polling proposes it: known, those of the nodes where nodes can be listed; strict, always those; any
    #[arg(long, value_enum, default_value = "known")]
    pub image_platforms: ImagePlatforms,
    /// Address those ports listen on
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0")]
    pub bind_address: std::net::IpAddr,
    /// Compete for a lease, so that one of several controllers works
    #[arg(
        long, action = ArgAction::Set, num_args = 0..=1, require_equals = true,
        default_value = "true", default_missing_value = "true", value_name = "BOOL"
    )]
    pub leader_elect: bool,
    /// How long a lease holds
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = span)]
    pub leader_election_lease_duration: Duration,
    /// How long renewing is tried before leadership counts as lost
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = span)]
    pub leader_election_renew_deadline: Duration,
    /// How often the lease is tried
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = span)]
    pub leader_election_retry_period: Duration,
    /// Seconds after which each rollout is looked at again
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    pub rollout_resync: u64,
    /// Rollouts that are worked on at the same time
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    pub rollout_threads: u16,
    /// Form of the log
    #[arg(long, value_enum, default_value = "text")]
    pub logformat: LogFormat,
}

/// How registries are reached.
#[derive(Clone, Debug, Default, Args)]
pub struct RegistryFlags {
    /// A registry that speaks HTTP without TLS, for example 172.16.77.115:5000; may be repeated
    #[arg(long, value_name = "HOST[:PORT]")]
    pub plain_registry: Vec<String>,
    /// A registry whose certificate is not checked; may be repeated. INSECURE_REGISTRY=true: all of them, and HTTP where TLS does not work
    #[arg(long, value_name = "HOST[:PORT]")]
    pub unchecked_registry: Vec<String>,
    /// A registry with an authority of its own, and the PEM file of that; may be repeated
    #[arg(long, value_name = "HOST[:PORT]=FILE")]
    pub registry_ca: Vec<String>,
}

impl RegistryFlags {
    /// The rules for the hosts, with Keel's variable.
    ///
    /// # Errors
    /// A file that can't be read, or holds no certificate.
    pub fn hosts(&self) -> anyhow::Result<Hosts> {
        let mut hosts = Hosts::default();
        self.plain_registry.iter().for_each(|host| hosts.add_plain(host));
        self.unchecked_registry.iter().for_each(|host| hosts.add_unchecked(host));
        for text in &self.registry_ca {
            let (host, file) =
                text.split_once('=').with_context(|| format!("--registry-ca {text:?}: give HOST=FILE"))?;
            let pem =
                std::fs::read_to_string(file).with_context(|| format!("--registry-ca {host}: can't read {file}"))?;
            hosts.add_authority(host, &pem).map_err(|why| anyhow::anyhow!(why))?;
        }
        if std::env::var("INSECURE_REGISTRY").is_ok_and(|text| text == "true") {
            hosts.be_lax();
        }
        Ok(hosts)
    }
}

/// What the platforms of an image must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ImagePlatforms {
    /// Those of the nodes, where nodes can be listed.
    Known,
    /// Those of the nodes, always.
    Strict,
    /// Anything.
    Any,
}

impl ImagePlatforms {
    /// As the controller has it.
    pub fn rule(self) -> Platforms {
        match self {
            ImagePlatforms::Known => Platforms::Known,
            ImagePlatforms::Strict => Platforms::Strict,
            ImagePlatforms::Any => Platforms::Any,
        }
    }
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object on each line.
    Json,
}
