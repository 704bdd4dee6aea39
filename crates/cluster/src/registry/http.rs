//! Requests to registries over HTTP/1.1 and TLS. Connections are kept and used again; an answer is read only up to a limit.

use super::hosts::Trust;
use crate::transport::chain;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::ConfigExt;
use serinus_talk::registry::{Answer, LARGEST, Request};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(20);
/// Connections to one host that are kept.
const KEPT: usize = 2;

/// Sends requests to registries.
pub trait RegistryTransport: Send + Sync + 'static {
    /// The answer, at most [`LARGEST`] bytes of it; or why there is none, in one line without credentials.
    fn send(&self, request: Request, trust: Trust) -> BoxFuture<'_, Result<Answer, String>>;
}

/// A client, whatever it is connected by.
type Sender = Arc<dyn Fn(http::Request<Full<Bytes>>) -> ResponseFuture + Send + Sync>;

/// HTTP/1.1 with TLS by rustls.
#[derive(Default)]
pub struct RegistryHttp {
    clients: Mutex<BTreeMap<Trust, Sender>>,
}

impl RegistryHttp {
    fn client(&self, trust: Trust) -> Result<Sender, String> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&trust) {
            return Ok(client.clone());
        }
        let mut config = kube::Config::new(Uri::from_static("https://localhost"));
        config.accept_invalid_certs = trust == Trust::Anybody;
        if let Trust::Authorities(authorities) = &trust {
            config.root_cert = Some(authorities.clone());
        }
        let connector = config.rustls_https_connector().map_err(|error| error.to_string())?;
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(KEPT)
            .build(connector);
        let sender: Sender = Arc::new(move |request| client.request(request));
        clients.insert(trust, sender.clone());
        Ok(sender)
    }
}

impl RegistryTransport for RegistryHttp {
    fn send(&self, request: Request, trust: Trust) -> BoxFuture<'_, Result<Answer, String>> {
        async move {
            let client = self.client(trust)?;
            let mut sent = http::Request::builder()
                .method(request.method)
                .uri(request.url.as_str())
                .header(header::USER_AGENT, concat!("serinus/", env!("CARGO_PKG_VERSION")));
            for (name, value) in &request.headers {
                let value =
                    HeaderValue::from_str(value).map_err(|_| format!("the value of header {name} can't be sent"))?;
                sent = sent.header(HeaderName::from_static(name), value);
            }
            let sent = sent.body(Full::from(request.body)).map_err(|error| error.to_string())?;
            let answer = client(sent).await.map_err(|error| chain(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, LARGEST).collect().await.map_err(|error| {
                match error.downcast_ref::<LengthLimitError>() {
                    Some(_) => format!("its answer is larger than {} MiB", LARGEST >> 20),
                    None => format!("its answer broke off: {error}"),
                }
            })?;
            let headers = head.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
            Ok(Answer::new(head.status.as_u16(), headers, body.to_bytes().to_vec()))
        }
        .boxed()
    }
}
