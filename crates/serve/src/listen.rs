//! Connections, with TLS or without: how long they may take to say what they want, and how they end.

use crate::tls::Tls;
use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// How long the head of a request may take to come, and the agreement on TLS before it.
const SLOWEST_HEAD: Duration = Duration::from_secs(10);
/// How long requests that have begun may take once the stop came.
const DRAIN: Duration = Duration::from_secs(5);
/// After a connection could not be accepted: time for others to end.
const BREATH: Duration = Duration::from_millis(50);

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, router: Router, tls: Option<Tls>, stop: CancellationToken) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(greet(stream, router.clone(), tls.clone(), stop.clone()));
            }
            // Out of file descriptors, most likely.
            Err(error) => {
                tracing::warn!(%error, "can't accept a connection");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn greet(stream: TcpStream, router: Router, tls: Option<Tls>, stop: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return converse(stream, router, stop).await };
    match tokio::time::timeout(SLOWEST_HEAD, tls.accept(stream)).await {
        Ok(Ok(stream)) => converse(stream, router, stop).await,
        Ok(Err(error)) => tracing::debug!(%error, "no agreement on TLS"),
        Err(_) => tracing::debug!("no agreement on TLS in time"),
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send, router: Router, stop: CancellationToken) {
    let service = service_fn(move |request| router.clone().oneshot(request));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(SLOWEST_HEAD);
    let mut served = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            match tokio::time::timeout(DRAIN, served).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
