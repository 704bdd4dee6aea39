//! The cluster's API as plain JSON over HTTP, through a `kubectl proxy`: cheap enough to be asked ten times a second while a load runs.

use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::http1::connect;
use crate::scene::PATIENCE;
use crate::settings;
use crate::wait::{Look, until};

/// A way to the API server. The proxy ends with it.
pub struct Api {
    address: String,
    /// Connections that nobody uses: ten thousand requests would otherwise take as many ports.
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    _proxy: Child,
}

impl Api {
    /// Starts a proxy on a free port.
    pub async fn open() -> Result<Self> {
        settings::kubeconfig()?;
        let mut proxy = Command::new("kubectl")
            .args(["proxy", "--port=0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .context("start kubectl; run: eval \"$(lab/lab env)\"")?;
        let mut line = String::new();
        let out = proxy.stdout.take().context("kubectl proxy's output")?;
        BufReader::new(out).read_line(&mut line).await?;
        let address = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        ensure!(address.contains(':'), "kubectl proxy does not say where it listens: {line:?}");
        Ok(Self { address, idle: Mutex::default(), _proxy: proxy })
    }

    /// An object, or nothing when there is none.
    pub async fn get(&self, path: &str) -> Result<Option<Value>> {
        let (status, body) = self.ask(Method::GET, path, "application/json", None).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(body)),
            status => bail!("GET {path}: {status}: {body}"),
        }
    }

    /// Creates an object in a collection.
    pub async fn create(&self, collection: &str, object: Value) -> Result<()> {
        self.created(collection, object).await.map(drop)
    }

    /// Creates an object in a collection, and gives it as the server made it.
    pub async fn created(&self, collection: &str, object: Value) -> Result<Value> {
        let (status, body) = self.ask(Method::POST, collection, "application/json", Some(object)).await?;
        ensure!(status.is_success(), "POST {collection}: {status}: {body}");
        Ok(body)
    }

    /// A JSON merge patch.
    pub async fn merge(&self, path: &str, patch: Value) -> Result<()> {
        self.merged(path, patch).await.map(drop)
    }

    /// A JSON merge patch, and the object as it is then.
    pub async fn merged(&self, path: &str, patch: Value) -> Result<Value> {
        let (status, body) = self.ask(Method::PATCH, path, "application/merge-patch+json", Some(patch)).await?;
        ensure!(status.is_success(), "PATCH {path}: {status}: {body}");
        Ok(body)
    }

    /// Deletes an object; one that is not there is fine.
    pub async fn delete(&self, path: &str) -> Result<()> {
        let (status, body) = self.ask(Method::DELETE, path, "application/json", None).await?;
        ensure!(status.is_success() || status == StatusCode::NOT_FOUND, "DELETE {path}: {status}: {body}");
        Ok(())
    }

    /// Opens a watch at `path` and hands out its lines as they come. A server that has just learned a kind takes no watches of it yet: it is waited for.
    pub async fn watch(&self, path: &str) -> Result<Watch> {
        until(&format!("a watch of {path}"), PATIENCE, || async {
            let request = request(Method::GET, path, "application/json", None)?;
            let response = connect(&self.address).await?.send_request(request).await?;
            let status = response.status();
            if status == StatusCode::TOO_MANY_REQUESTS {
                return Ok(Look::Not(status.to_string()));
            }
            ensure!(status.is_success(), "GET {path}: {status}");
            Ok(Look::Done(Watch { body: response.into_body(), rest: Vec::new() }))
        })
        .await
    }

    async fn ask(&self, method: Method, path: &str, kind: &str, body: Option<Value>) -> Result<(StatusCode, Value)> {
        let mut connection = self.connection().await?;
        let response = connection.send_request(request(method, path, kind, body)?).await;
        let response = response.with_context(|| format!("ask the API server for {path}"))?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_else(|_| text())))
    }

    /// One that nobody uses, or a new one.
    async fn connection(&self) -> Result<SendRequest<Full<Bytes>>> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut connection) = idle else { return connect(&self.address).await };
            // The proxy may have closed it meanwhile.
            if connection.ready().await.is_ok() {
                return Ok(connection);
            }
        }
    }
}

fn request(method: Method, path: &str, kind: &str, body: Option<Value>) -> Result<Request<Full<Bytes>>> {
    let body = body.map(|value| Bytes::from(value.to_string())).unwrap_or_default();
    let request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
    Ok(request.header(header::CONTENT_TYPE, kind).body(Full::new(body))?)
}

/// The events of a watch.
pub struct Watch {
    body: Incoming,
    rest: Vec<u8>,
}

impl Watch {
    /// The next event, or nothing when the watch has ended.
    pub async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Ok(Some(serde_json::from_slice(&line)?));
            }
            match self.body.frame().await {
                Some(frame) => self.rest.extend_from_slice(frame?.data_ref().map_or(&[][..], |data| data)),
                None => return Ok(None),
            }
        }
    }
}

/// `kubectl apply` of manifests in YAML, as a user does it.
pub async fn apply(manifests: &str) -> Result<()> {
    let mut child = Command::new("kubectl")
        .args(["apply", "--server-side", "--force-conflicts", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().context("kubectl's input")?;
    stdin.write_all(manifests.as_bytes()).await?;
    drop(stdin);
    let out = child.wait_with_output().await?;
    ensure!(out.status.success(), "kubectl apply: {}", String::from_utf8_lossy(&out.stderr));
    Ok(())
}
