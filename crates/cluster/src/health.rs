//! `/healthz`, `/readyz` and `/metrics` on whatever listeners are given.

use crate::metrics::Metrics;
use crate::update::Updates;
use crate::watches::Caches;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// How far the process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    /// The caches are not complete.
    Starting = 0,
    /// Another process leads; this one would take over at once.
    Standby = 1,
    /// At work.
    Working = 2,
    /// On its way out.
    Stopping = 3,
}

/// What the pages are made of.
pub(crate) struct Pages {
    stage: AtomicU8,
    caches: OnceLock<Caches>,
    updates: OnceLock<Updates>,
    metrics: Arc<Metrics>,
}

impl Pages {
    pub fn new(metrics: Arc<Metrics>) -> Pages {
        Pages {
            stage: AtomicU8::new(Stage::Starting as u8),
            caches: OnceLock::new(),
            updates: OnceLock::new(),
            metrics,
        }
    }

    pub fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    pub fn show(&self, caches: &Caches, updates: Option<Updates>) {
        let _ = self.caches.set(caches.clone());
        let _ = updates.map(|updates| self.updates.set(updates));
    }

    fn page(&self, path: &str) -> (StatusCode, &'static str, String) {
        const PLAIN: &str = "text/plain; charset=utf-8";
        match path {
            "/healthz" => (StatusCode::OK, PLAIN, "ok".to_string()),
            "/readyz" => match self.stage.load(Ordering::Relaxed) {
                stage if stage == Stage::Working as u8 => (StatusCode::OK, PLAIN, "ok: leads".to_string()),
                stage if stage == Stage::Standby as u8 => (StatusCode::OK, PLAIN, "ok: stands by".to_string()),
                stage if stage == Stage::Stopping as u8 => {
                    (StatusCode::SERVICE_UNAVAILABLE, PLAIN, "stops".to_string())
                }
                _ => (StatusCode::SERVICE_UNAVAILABLE, PLAIN, "reads the cluster".to_string()),
            },
            "/metrics" => {
                let rollouts = self.caches.get().map(|caches| &caches.rollouts);
                let of_updates = self.updates.get().map(Updates::metrics).unwrap_or_default();
                (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", self.metrics.text(rollouts) + &of_updates)
            }
            _ => (StatusCode::NOT_FOUND, PLAIN, "not found: try /healthz, /readyz or /metrics".to_string()),
        }
    }
}

/// Answers on `listener` for ever.
pub(crate) async fn serve(listener: TcpListener, pages: Arc<Pages>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let pages = pages.clone();
                connections.spawn(async move {
                    let answer = service_fn(move |request| answer(request, pages.clone()));
                    let mut server = http1::Builder::new();
                    server.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10));
                    if let Err(error) = server.serve_connection(TokioIo::new(stream), answer).await {
                        tracing::debug!(%error, "a connection ended badly");
                    }
                });
            }
            // For example too many open files: come back when some are closed.
            Err(error) => {
                tracing::warn!(%error, "can't accept a connection");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn answer<B>(request: Request<B>, pages: Arc<Pages>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, kind, text) = pages.page(request.uri().path());
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_synced_and_leading_or_standing_by() {
        let pages = Pages::new(Arc::default());
        let table = [(Stage::Starting, 503), (Stage::Standby, 200), (Stage::Working, 200), (Stage::Stopping, 503)];
        for (stage, status) in table {
            pages.enter(stage);
            assert_eq!(pages.page("/readyz").0.as_u16(), status, "{stage:?}");
            assert_eq!(pages.page("/healthz").0.as_u16(), 200);
        }
        assert_eq!(pages.page("/").0.as_u16(), 404);
    }
}
