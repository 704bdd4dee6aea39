//! kubectl's connection flags, on every verb.

use super::span;
use clap::Args;
use serinus_cluster::client::Flags;
use std::path::PathBuf;
use std::time::Duration;

/// Which cluster, and who asks.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// File that describes clusters and users
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Cluster of the kubeconfig
    #[arg(long, global = true, value_name = "NAME")]
    pub cluster: Option<String>,
    /// User of the kubeconfig
    #[arg(long, global = true, value_name = "NAME")]
    pub user: Option<String>,
    /// Namespace
    #[arg(short, long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Address of the API server
    #[arg(short, long, global = true, value_name = "URL")]
    pub server: Option<String>,
    /// Bearer token
    #[arg(long, global = true)]
    pub token: Option<String>,
    /// Limit of each request, for example 5s; 0: none
    #[arg(long, global = true, value_name = "DURATION", default_value = "0", value_parser = span)]
    pub request_timeout: Duration,
    /// User to act as
    #[arg(long = "as", global = true, value_name = "USER")]
    pub as_user: Option<String>,
    /// Group to act as; may be repeated
    #[arg(long = "as-group", global = true, value_name = "GROUP")]
    pub as_groups: Vec<String>,
    /// Uid to act as
    #[arg(long, global = true, value_name = "UID")]
    pub as_uid: Option<String>,
    /// File with the authority that signed the server's certificate
    #[arg(long, global = true, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    /// File with the client's certificate
    #[arg(long, global = true, value_name = "FILE")]
    pub client_certificate: Option<PathBuf>,
    /// File with the client's key
    #[arg(long, global = true, value_name = "FILE")]
    pub client_key: Option<PathBuf>,
    /// Trust any server
    #[arg(long, global = true)]
    pub insecure_skip_tls_verify: bool,
    /// Name that the server's certificate must have
    #[arg(long, global = true, value_name = "NAME")]
    pub tls_server_name: Option<String>,
    /// Accepted as kubectl has it; nothing is cached
    #[arg(long, global = true, hide = true)]
    pub cache_dir: Option<PathBuf>,
    /// Accepted as kubectl has it; nothing is compressed
    #[arg(long, global = true, hide = true)]
    pub disable_compression: bool,
    /// What is logged: trace, debug, info, warn or error
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info")]
    pub loglevel: String,
    /// What the Kubernetes client logs: 0 (nothing) to 9
    #[arg(short = 'v', long, global = true, value_name = "LEVEL", default_value_t = 0)]
    pub kloglevel: u8,
}

impl Connection {
    /// The same for the client.
    pub fn flags(&self) -> Flags {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Flags {
            kubeconfig: self.kubeconfig.clone().filter(|path| !path.as_os_str().is_empty()),
            context: given(&self.context),
            cluster: given(&self.cluster),
            user: given(&self.user),
            namespace: given(&self.namespace),
            server: given(&self.server),
            token: given(&self.token),
            certificate_authority: self.certificate_authority.clone(),
            client_certificate: self.client_certificate.clone(),
            client_key: self.client_key.clone(),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            tls_server_name: given(&self.tls_server_name),
            as_user: given(&self.as_user),
            as_groups: self.as_groups.clone(),
            as_uid: given(&self.as_uid),
            request_timeout: Some(self.request_timeout).filter(|limit| !limit.is_zero()),
        }
    }
}
