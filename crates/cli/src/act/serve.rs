//! Verbs that stay: the controller and the sandbox.

use crate::args::{Connection, ControllerArgs, SandboxArgs};
use anyhow::Context as _;
use serinus_cluster::client;
use serinus_cluster::update::{Polls, Receiver, Updates};
use serinus_decide::update::Habits;
use serinus_decide::update::schedule::Schedule;
use std::process::ExitCode;
use std::time::Duration;

/// Everything on this machine, until it is interrupted.
pub async fn sandbox(args: &SandboxArgs) -> anyhow::Result<ExitCode> {
    let options = serinus_sandbox::Options {
        directory: args.dir.clone(),
        once: args.once,
        port: args.port,
        gateway_port: args.gateway_port,
        updates_port: args.updates_port,
        registries: args.registries.hosts()?,
        ..serinus_sandbox::Options::default()
    };
    serinus_sandbox::run(options).await
}

/// The controller, until it is told to stop.
pub async fn controller(connection: &Connection, args: &ControllerArgs) -> anyhow::Result<ExitCode> {
    let cluster = client::connect(&connection.flags()).await?;
    let mut options = serinus_cluster::Options::new(serinus_decide::decide);
    options.scope.instance = args.instance_id.clone();
    if args.namespaced {
        options.scope.namespace = Some(cluster.namespace().to_string());
    }
    options.scope.job_namespace = job_namespace(|name| std::env::var(name).ok())?;
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
    if args.updates_port != 0 {
        let updates = Updates::new(Habits { spell_as_keel: args.keel_spelling });
        options.updates = Some(updates.clone());
        options.polls = polls(args, |name| std::env::var(name).ok())?;
        let receivers = Receiver::list(&std::env::var("VERDICT_WEBHOOKS").unwrap_or_default());
        options.receivers = receivers.map_err(|why| anyhow::anyhow!("VERDICT_WEBHOOKS: {why}"))?;
        let address = std::net::SocketAddr::new(args.bind_address, args.updates_port);
        let listener =
            tokio::net::TcpListener::bind(address).await.with_context(|| format!("can't listen on {address}"))?;
        let mut doors = doors(|name| std::env::var(name).ok())?;
        if let Some(kubernetes) = &mut doors.kubernetes {
            kubernetes.namespace.clone_from(&options.scope.namespace);
            kubernetes.secure = args.updates_certificate.is_some();
        }
        let tls = match (&args.updates_certificate, &args.updates_key) {
            (Some(certificate), Some(key)) => {
                Some(serinus_serve::Tls::new(certificate, key).map_err(anyhow::Error::msg)?)
            }
            _ => None,
        };
        tokio::spawn(serinus_serve::serve(listener, serinus_serve::router(updates, doors), tls, stop.clone()));
    }
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

/// Where the Jobs of metrics run, from the peer's environment variables.
fn job_namespace(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<String> {
    const CLUSTER: &str = "ARGO_ROLLOUTS_ANALYSIS_JOB_KUBECONFIG";
    let elsewhere = variable(CLUSTER).filter(|place| !place.is_empty() && place != "in-cluster");
    anyhow::ensure!(
        elsewhere.is_none(),
        "{CLUSTER} is {:?}: Jobs in another cluster are not supported yet; unset it, or leave the analyses with their present controller",
        elsewhere.unwrap_or_default()
    );
    Ok(variable("ARGO_ROLLOUTS_ANALYSIS_JOB_NAMESPACE").unwrap_or_default())
}

/// How registries are polled, with Keel's variables: `POLL=false` ends it, `POLL_DEFAULTSCHEDULE` is for workloads that name no schedule.
fn polls(args: &ControllerArgs, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Option<Polls>> {
    let text = |name: &str| variable(name).filter(|text| !text.trim().is_empty());
    if text("POLL").is_some_and(|text| matches!(text.as_str(), "0" | "f" | "F" | "false" | "False" | "FALSE")) {
        return Ok(None);
    }
    let default = Polls::default();
    let default_schedule = text("POLL_DEFAULTSCHEDULE").unwrap_or(default.default_schedule.clone());
    Schedule::parse(&default_schedule).map_err(|why| anyhow::anyhow!("POLL_DEFAULTSCHEDULE: {why}"))?;
    Ok(Some(Polls {
        default_schedule,
        hosts: args.registries.hosts()?,
        docker_config: text("DOCKER_REGISTRY_CFG").unwrap_or_default(),
        platforms: args.image_platforms.rule(),
        ..default
    }))
}

/// Who is let in to the updates: Keel's environment variables. An empty one counts as absent.
fn doors(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<serinus_serve::Options> {
    let text = |name: &str| variable(name).unwrap_or_default();
    let is_true = |name: &str| matches!(text(name).as_str(), "1" | "t" | "T" | "TRUE" | "true" | "True");
    let (user, password) = (text("BASIC_AUTH_USER"), text("BASIC_AUTH_PASSWORD"));
    let both = !user.is_empty() && !password.is_empty();
    let sources = serinus_serve::Source::list(&text("WEBHOOK_SOURCES"));
    let sources = sources.map_err(|why| anyhow::anyhow!("WEBHOOK_SOURCES: {why}"))?;
    Ok(serinus_serve::Options {
        credentials: both.then_some(serinus_serve::Credentials { user, password }),
        kubernetes: is_true("KUBERNETES_TOKENS").then(serinus_serve::Kubernetes::default),
        authenticated_webhooks: is_true("AUTHENTICATED_WEBHOOKS"),
        open_registry_webhook: is_true("OPEN_REGISTRY_WEBHOOK"),
        token_secret: text("TOKEN_SECRET"),
        webhook_secret: text("WEBHOOK_SECRET"),
        sources,
        private_registry: text("PRIVATE_REGISTRY"),
        webhooks_per_second: text("WEBHOOKS_PER_SECOND").parse().unwrap_or(5_000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_jobs_run_comes_from_the_peers_variables() {
        let set = |wanted: &'static str, value: &'static str| {
            job_namespace(move |name| (name == wanted).then(|| value.to_string())).map_err(|error| error.to_string())
        };
        assert_eq!(set("OTHER", "x").as_deref(), Ok(""));
        assert_eq!(set("ARGO_ROLLOUTS_ANALYSIS_JOB_NAMESPACE", "checks").as_deref(), Ok("checks"));
        assert_eq!(set("ARGO_ROLLOUTS_ANALYSIS_JOB_KUBECONFIG", "in-cluster").as_deref(), Ok(""));
        let refused = set("ARGO_ROLLOUTS_ANALYSIS_JOB_KUBECONFIG", "/etc/other").unwrap_err();
        assert!(refused.contains("/etc/other") && refused.contains("unset it"), "{refused}");
    }

    #[test]
    fn who_is_let_in_comes_from_keels_variables() {
        let none = doors(|_| None).unwrap();
        assert!(none.credentials.is_none() && !none.authenticated_webhooks && none.webhooks_per_second == 5_000);
        let half = doors(|name| (name == "BASIC_AUTH_USER").then(|| "admin".to_string())).unwrap();
        assert!(half.credentials.is_none());
        let both = doors(|name| match name {
            "BASIC_AUTH_USER" | "BASIC_AUTH_PASSWORD" => Some("admin".to_string()),
            "AUTHENTICATED_WEBHOOKS" => Some("True".to_string()),
            _ => None,
        })
        .unwrap();
        let wrong = doors(|name| (name == "WEBHOOK_SOURCES").then(|| "[{}]".to_string())).unwrap_err().to_string();
        assert!(wrong.starts_with("WEBHOOK_SOURCES: a source has no name"), "{wrong}");
        assert!(both.credentials.is_some() && both.authenticated_webhooks && !both.open_registry_webhook);
    }
}
