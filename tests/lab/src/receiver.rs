//! A receiver of webhooks on a port of this machine: answers as it is told to, and keeps what it got.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request that came.
#[derive(Clone, Debug)]
pub struct Got {
    /// Method and path with its query, for example `POST /hook?a=b`.
    pub line: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Got {
    /// The text of a header; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// What is answered to a request, given those that came before it: a status, or nothing, and the connection ends.
type Answers = dyn Fn(&Got, &[Got]) -> Option<u16> + Send + Sync;

/// A running receiver; it ends with this.
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Starts it on a free port.
    pub async fn start(answers: impl Fn(&Got, &[Got]) -> Option<u16> + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen for webhooks")?;
        let (address, got) = (listener.local_addr()?, Arc::<Mutex<Vec<Got>>>::default());
        let (kept, answers): (_, Arc<Answers>) = (got.clone(), Arc::new(answers));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, kept.clone(), answers.clone()));
            }
        });
        Ok(Self { address, got, task })
    }

    /// All that came so far, in order.
    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, kept: Arc<Mutex<Vec<Got>>>, answers: Arc<Answers>) {
    let service = service_fn(|request: http::Request<Incoming>| {
        let (kept, answers) = (kept.clone(), answers.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let got = Got { line: format!("{} {}", head.method, head.uri), headers: head.headers, body };
            let mut before = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let status = answers(&got, &before);
            before.push(got);
            // An error of the service ends the connection without a word.
            let status = status.ok_or_else(|| anyhow!("no answer is wanted"))?;
            anyhow::Ok(Response::builder().status(status).body(Full::<Bytes>::default())?)
        }
    });
    // Whoever sends sees how it ended.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
