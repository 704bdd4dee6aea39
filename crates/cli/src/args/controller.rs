//! Flags of the controller. Where a flag of the peers' controller makes sense here it has the same name and default.

use super::span;
use clap::{ArgAction, Args, ValueEnum};
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
    /// Port of the webhooks, votes and the approvals page; 0: no updates of images. Who is let in: BASIC_AUTH_USER and BASIC_AUTH_PASSWORD, AUTHENTICATED_WEBHOOKS, TOKEN_SECRET, WEBHOOK_SECRET
    #[arg(long = "updatesPort", value_name = "PORT", default_value_t = 9300)]
    pub updates_port: u16,
    /// Spell images as Keel does, `library/nginx:2`, instead of as their owners did
    #[arg(long)]
    pub keel_spelling: bool,
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

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object on each line.
    Json,
}
