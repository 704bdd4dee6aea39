//! Accepts HTTP/1.1 connections until told to stop, then lets those that have begun finish.

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use serinus_serve::Patience;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long requests that have begun may take once the stop came.
pub const DRAIN: Duration = Duration::from_secs(5);

/// How long the head of a request may take.
const SLOWEST_HEAD: Duration = Duration::from_secs(30);

/// Binds a loopback port; 0 takes any that is free.
///
/// # Errors
/// One line that names the port and the remedy.
pub async fn bind(what: &str, flag: &str, port: u16) -> Result<(TcpListener, SocketAddr), String> {
    let remedy = |error: std::io::Error| {
        format!("{what}: can't listen on 127.0.0.1:{port}: {error}; give another port with {flag}, or 0 for any")
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(remedy)?;
    let address = listener.local_addr().map_err(remedy)?;
    Ok((listener, address))
}

/// Serves each connection with `service`. After `stop` each may take `drain` to end;
/// returns when all have.
pub async fn serve<S, B>(listener: TcpListener, service: S, stop: CancellationToken, drain: Duration)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    serinus_serve::serve_with(listener, service, None, Patience { head: SLOWEST_HEAD, drain }, stop).await;
}
