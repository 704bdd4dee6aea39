//! Verbs that stay: the controller and the sandbox.

use crate::args::{Connection, ControllerArgs, SandboxArgs};
use anyhow::Context as _;
use serinus_cluster::client;
use std::process::ExitCode;
use std::time::Duration;

/// Everything on this machine, until it is interrupted.
pub async fn sandbox(args: &SandboxArgs) -> anyhow::Result<ExitCode> {
    let options = serinus_sandbox::Options {
        directory: args.dir.clone(),
        once: args.once,
        port: args.port,
        gateway_port: args.gateway_port,
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
