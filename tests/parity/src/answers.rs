//! The server that web metrics ask: a number for each scenario and namespace, which the script changes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is answered until a script says otherwise: a measurement that passes.
const PASSES: i32 = 10;

/// A running server; cheap to clone. It answers `GET /<namespace>/<scenario>` with `{"value": <number>}`.
#[derive(Clone)]
pub struct Answers {
    /// `host:port`.
    pub address: String,
    /// By path; nothing is an error of the server.
    told: Arc<Mutex<BTreeMap<String, Option<i32>>>>,
}

impl Answers {
    /// Listens on a free port of loopback.
    ///
    /// # Errors
    /// There is none.
    pub async fn listen() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a port for the web metrics")?;
        let answers = Self { address: listener.local_addr()?.to_string(), told: Arc::default() };
        let server = answers.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                // A client that goes away early is its own business.
                tokio::spawn(async move { server.answer(stream).await.ok() });
            }
        });
        Ok(answers)
    }

    /// From now on a scenario's metric is this.
    pub fn tell(&self, namespace: &str, name: &str, value: Option<i32>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(format!("/{namespace}/{name}"), value);
    }

    async fn answer(&self, mut stream: TcpStream) -> Result<()> {
        let mut request = Vec::new();
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            if stream.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let request = String::from_utf8_lossy(&request);
        let path = request.split(' ').nth(1).unwrap_or_default();
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied();
        let (status, body) = match told.unwrap_or(Some(PASSES)) {
            Some(value) => ("200 OK", format!("{{\"value\": {value}}}")),
            None => ("500 Internal Server Error", "{}".to_owned()),
        };
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n");
        stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
        Ok(())
    }
}
