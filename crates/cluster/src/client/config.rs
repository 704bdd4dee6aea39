//! Which server and who asks: the kubeconfig with kubectl's flags laid over it, else the pod's own service account.

use super::{ClientError, Cluster};
use kube::config::{Config, KubeConfigOptions, Kubeconfig, KubeconfigError};
use std::path::PathBuf;
use std::time::Duration;

/// Who asks, as the API server's logs and metrics show it.
const USER_AGENT: &str = concat!("serinus/", env!("CARGO_PKG_VERSION"));

/// kubectl's connection flags. Absent: as the kubeconfig says.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// File to read instead of `$KUBECONFIG` and `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig.
    pub context: Option<String>,
    /// Cluster of the kubeconfig.
    pub cluster: Option<String>,
    /// User of the kubeconfig.
    pub user: Option<String>,
    /// Namespace.
    pub namespace: Option<String>,
    /// Address of the server.
    pub server: Option<String>,
    /// Bearer token.
    pub token: Option<String>,
    /// File with the server's certificate authority.
    pub certificate_authority: Option<PathBuf>,
    /// File with the client's certificate.
    pub client_certificate: Option<PathBuf>,
    /// File with the client's key.
    pub client_key: Option<PathBuf>,
    /// Do not check the server's certificate.
    pub insecure_skip_tls_verify: bool,
    /// Name that the server's certificate must have.
    pub tls_server_name: Option<String>,
    /// User to act as.
    pub as_user: Option<String>,
    /// Groups to act as.
    pub as_groups: Vec<String>,
    /// Uid to act as.
    pub as_uid: Option<String>,
    /// Limit of one request; absent: none.
    pub request_timeout: Option<Duration>,
}

/// Finds the server; nothing is sent yet.
///
/// # Errors
/// The kubeconfig can't be read, lacks what the flags name, or its certificates are broken.
pub async fn connect(flags: &Flags) -> Result<Cluster, ClientError> {
    let config = load(flags).await?;
    let mut config = overlay(config, flags)?;
    config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT)));
    let namespace = config.default_namespace.clone();
    let client = kube::Client::try_from(config)?;
    Ok(Cluster { client, namespace, timeout: flags.request_timeout })
}

async fn load(flags: &Flags) -> Result<Config, ClientError> {
    let options =
        KubeConfigOptions { context: flags.context.clone(), cluster: flags.cluster.clone(), user: flags.user.clone() };
    let picked = options.context.is_some() || options.cluster.is_some() || options.user.is_some();
    let explained = |error: &KubeconfigError| {
        let remedy = "check --kubeconfig and KUBECONFIG, or the names given with --context, --cluster and --user";
        ClientError::config(with_sources(error), remedy)
    };
    if let Some(path) = &flags.kubeconfig {
        let file = Kubeconfig::read_from(path).map_err(|error| explained(&error))?;
        return Config::from_custom_kubeconfig(file, &options).await.map_err(|error| explained(&error));
    }
    let missing = match Config::from_kubeconfig(&options).await {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    if picked || std::env::var_os("KUBECONFIG").is_some_and(|path| !path.is_empty()) || present_but_broken(&missing) {
        return Err(explained(&missing));
    }
    if let Some(server) = &flags.server {
        return Ok(Config::new(address(server)?));
    }
    Config::incluster().map_err(|_| {
        let what = "no kubeconfig found, and this is not a pod of a cluster";
        ClientError::config(what, "give --kubeconfig or --server, or set KUBECONFIG")
    })
}

/// A file that is there and can't be used is an error, not a reason to look elsewhere.
fn present_but_broken(error: &KubeconfigError) -> bool {
    match error {
        KubeconfigError::FindPath | KubeconfigError::CurrentContextNotSet => false,
        KubeconfigError::ReadConfig(error, _) => error.kind() != std::io::ErrorKind::NotFound,
        _ => true,
    }
}

fn overlay(mut config: Config, flags: &Flags) -> Result<Config, ClientError> {
    if let Some(server) = &flags.server {
        config.cluster_url = address(server)?;
    }
    if let Some(namespace) = &flags.namespace {
        config.default_namespace.clone_from(namespace);
    }
    if let Some(token) = &flags.token {
        config.auth_info.token = Some(token.clone().into());
    }
    if let Some(path) = &flags.certificate_authority {
        config.root_cert_file = Some(readable("--certificate-authority", path)?);
    }
    if let Some(path) = &flags.client_certificate {
        config.auth_info.client_certificate = Some(text(&readable("--client-certificate", path)?));
        config.auth_info.client_certificate_data = None;
    }
    if let Some(path) = &flags.client_key {
        config.auth_info.client_key = Some(text(&readable("--client-key", path)?));
        config.auth_info.client_key_data = None;
    }
    config.accept_invalid_certs |= flags.insecure_skip_tls_verify;
    if flags.tls_server_name.is_some() {
        config.tls_server_name.clone_from(&flags.tls_server_name);
    }
    if flags.as_user.is_some() {
        config.auth_info.impersonate.clone_from(&flags.as_user);
    }
    if !flags.as_groups.is_empty() {
        config.auth_info.impersonate_groups = Some(flags.as_groups.clone());
    }
    if flags.as_uid.is_some() {
        config.auth_info.impersonate_uid.clone_from(&flags.as_uid);
    }
    Ok(config)
}

fn address(server: &str) -> Result<http::Uri, ClientError> {
    let with_scheme = if server.contains("://") { server.to_string() } else { format!("http://{server}") };
    let what = |error: &dyn std::fmt::Display| format!("--server {server}: {error}");
    with_scheme.parse().map_err(|error| ClientError::config(what(&error), "give it as https://host:port"))
}

fn readable(flag: &str, path: &std::path::Path) -> Result<PathBuf, ClientError> {
    match std::fs::File::open(path) {
        Ok(_) => Ok(path.to_path_buf()),
        Err(error) => Err(ClientError::config(format!("{flag} {}: {error}", path.display()), "")),
    }
}

fn text(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text.lines().next().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "apiVersion: v1
kind: Config
current-context: one
clusters:
- {name: a, cluster: {server: 'http://127.0.0.1:1'}}
- {name: b, cluster: {server: 'http://127.0.0.1:2'}}
users:
- {name: u, user: {token: t}}
contexts:
- {name: one, context: {cluster: a, user: u, namespace: web}}
- {name: two, context: {cluster: b, user: u}}
";

    #[tokio::test]
    async fn flags_lie_over_the_kubeconfig() {
        let dir = std::env::temp_dir().join(format!("serinus-config-{}", std::process::id()));
        std::fs::write(&dir, FILE).unwrap();
        let base = Flags { kubeconfig: Some(dir.clone()), ..Flags::default() };
        for (flags, url, namespace) in [
            (base.clone(), "http://127.0.0.1:1/", "web"),
            (Flags { context: Some("two".into()), ..base.clone() }, "http://127.0.0.1:2/", "default"),
            (Flags { cluster: Some("b".into()), ..base.clone() }, "http://127.0.0.1:2/", "web"),
            (Flags { server: Some("127.0.0.1:3".into()), ..base.clone() }, "http://127.0.0.1:3/", "web"),
            (Flags { namespace: Some("x".into()), ..base.clone() }, "http://127.0.0.1:1/", "x"),
        ] {
            let config = overlay(load(&flags).await.unwrap(), &flags).unwrap();
            assert_eq!((config.cluster_url.to_string().as_str(), config.default_namespace.as_str()), (url, namespace));
        }
        let flags = Flags { context: Some("gone".into()), ..base };
        let error = load(&flags).await.unwrap_err().to_string();
        assert!(error.contains("--context"), "{error}");
        std::fs::remove_file(dir).unwrap();
    }

    #[tokio::test]
    async fn a_missing_file_is_named() {
        let flags = Flags { kubeconfig: Some("/nowhere/config".into()), ..Flags::default() };
        let error = load(&flags).await.unwrap_err().to_string();
        assert!(error.contains("/nowhere/config"), "{error}");
    }
}
