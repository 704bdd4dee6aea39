//! A registry that knows 500 or however many repositories with a few tags each, and counts what it is asked.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

/// A running registry. Clones are the same one.
#[derive(Clone)]
pub struct Registry {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Tags by repository.
    tags: Mutex<BTreeMap<String, Vec<String>>>,
    asked: AtomicU64,
}

impl Registry {
    /// Serves, from a thread of its own: the figures are not to hang on what else this program does.
    pub fn start() -> Result<Registry> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let registry = Registry { address: listener.local_addr()?, shared: Arc::default() };
        let shared = registry.shared.clone();
        let serve = async move {
            match TcpListener::from_std(listener) {
                Ok(listener) => accept(listener, shared).await,
                Err(error) => eprintln!("the registry can't listen: {error}"),
            }
        };
        std::thread::Builder::new().name("registry".into()).spawn(move || runtime.block_on(serve))?;
        Ok(registry)
    }

    /// The image of a repository here.
    pub fn image(&self, repository: &str, tag: &str) -> String {
        format!("{}/{repository}:{tag}", self.address)
    }

    /// A push.
    pub fn push(&self, repository: &str, tag: &str) {
        let mut tags = self.shared.tags.lock().unwrap_or_else(PoisonError::into_inner);
        tags.entry(repository.to_owned()).or_default().push(tag.to_owned());
    }

    /// How many requests there were.
    pub fn asked(&self) -> u64 {
        self.shared.asked.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        let answer = service_fn(move |request| {
            let answer = shared.answer(&request);
            async move { Ok::<_, Infallible>(answer) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

impl Shared {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        let path = request.uri().path().strip_prefix("/v2/").unwrap_or_default();
        if let Some(repository) = path.strip_suffix("/tags/list")
            && let Some(tags) = tags.get(repository)
        {
            return Response::new(Full::new(json!({"name": repository, "tags": tags}).to_string().into()));
        }
        let mut response = Response::new(Full::default());
        match path.split_once("/manifests/") {
            Some((repository, tag)) if tags.get(repository).is_some_and(|tags| tags.iter().any(|one| one == tag)) => {
                let digest = format!("sha256:{:0>64}", tag.replace(|c: char| !c.is_ascii_digit(), ""));
                let digest = digest.parse().unwrap_or_else(|_| http::HeaderValue::from_static(""));
                response.headers_mut().insert("docker-content-digest", digest);
            }
            _ => *response.status_mut() = StatusCode::NOT_FOUND,
        }
        response
    }
}
