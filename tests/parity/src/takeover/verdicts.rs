//! A server that metrics ask: what it answers for an application is what the run says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What is answered, by path; cheap to clone.
#[derive(Clone)]
pub struct Verdicts {
    words: Arc<Mutex<BTreeMap<String, String>>>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Verdicts {
    /// Listens on a free port of this machine, until the runtime ends.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let all = Self { words: Arc::default(), address: listener.local_addr()? };
        let answers = all.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answers = answers.clone();
                // Who hangs up early asks again.
                tokio::spawn(async move { answers.answer(stream).await.ok() });
            }
        });
        Ok(all)
    }

    /// From now on this is the answer to `path`.
    pub fn say(&self, path: &str, word: &str) {
        self.words.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), word.to_owned());
    }

    async fn answer(&self, stream: TcpStream) -> Result<()> {
        let mut stream = BufReader::new(stream);
        let mut first = String::new();
        stream.read_line(&mut first).await?;
        let mut line = first.clone();
        while !line.trim().is_empty() {
            line.clear();
            stream.read_line(&mut line).await?;
        }
        let path = first.split(' ').nth(1).unwrap_or_default();
        let known = self.words.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        let body = serde_json::json!({"verdict": known.unwrap_or_else(|| "wait".to_owned())}).to_string();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length:";
        stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
        Ok(stream.shutdown().await?)
    }
}
