//! Puts the API of the model behind a listener, for `kubectl` and everybody else.

use crate::listener;
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

/// Watches never end by themselves: they are not waited for.
const DRAIN: Duration = Duration::from_millis(200);

/// Serves until `stop`.
pub async fn serve<S, B>(listener: TcpListener, service: S, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let service = hyper::service::service_fn(move |request| service.clone().oneshot(request));
    listener::serve(listener, service, stop, DRAIN).await;
}
