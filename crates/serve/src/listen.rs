//! Connections, with TLS or without: how long they may take to say what they want, and how they end.

use crate::tls::Tls;
use axum::Router;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::error::Error;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// How long connections to Keel's port may take.
const PATIENCE: Patience = Patience { head: Duration::from_secs(10), drain: Duration::from_secs(5) };
/// After a connection could not be accepted: time for others to end.
const BREATH: Duration = Duration::from_millis(50);

/// How long a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until the head of a request has come, and until there is an agreement on TLS before it.
    pub head: Duration,
    /// Until requests that have begun are answered, once the stop came.
    pub drain: Duration,
}

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, router: Router, tls: Option<Tls>, stop: CancellationToken) {
    let service = service_fn(move |request| router.clone().oneshot(request));
    serve_with(listener, service, tls, PATIENCE, stop).await;
}

/// Serves each connection with `service` until `stop`; returns when all have ended.
pub async fn serve_with<S, B>(
    listener: TcpListener,
    service: S,
    tls: Option<Tls>,
    patience: Patience,
    stop: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(greet(stream, service.clone(), tls.clone(), patience, stop.clone()));
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

async fn greet<S, B>(stream: TcpStream, service: S, tls: Option<Tls>, patience: Patience, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return converse(stream, service, patience, stop).await };
    match tokio::time::timeout(patience.head, tls.accept(stream)).await {
        Ok(Ok(stream)) => converse(stream, service, patience, stop).await,
        Ok(Err(error)) => tracing::debug!(%error, "no agreement on TLS"),
        Err(_) => tracing::debug!("no agreement on TLS in time"),
    }
}

async fn converse<S, B>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    service: S,
    patience: Patience,
    stop: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(patience.head);
    let mut served = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            match tokio::time::timeout(patience.drain, served).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
