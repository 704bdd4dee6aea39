//! Calls to the API in this process, without a socket: JSON in, JSON out, and lists that are followed.

use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tower::{Service, ServiceExt};

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Answer = Result<Response<UnsyncBoxBody<Bytes, Failure>>, Failure>;

/// The API of a cluster. Clones share the service.
#[derive(Clone)]
pub struct Api {
    call: Arc<dyn Fn(Request<Full<Bytes>>) -> BoxFuture<'static, Answer> + Send + Sync>,
}

/// What a followed list does.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The whole list, at the start and whenever the history in between is lost.
    All(Vec<Value>),
    /// One object is new or another than before.
    Put(Value),
    /// One object is gone.
    Gone(Value),
}

/// Why a call was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What was asked, for example `PATCH /api/v1/…`.
    pub call: String,
    /// Status code; 0 when there was no answer.
    pub code: u16,
    /// What the API says.
    pub message: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call, self.message)
    }
}

impl std::error::Error for Refused {}

impl Api {
    /// Calls go to `service`.
    pub fn over<S, B>(service: S) -> Api
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<Failure>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Failure>,
    {
        let call = move |request| {
            let service = service.clone();
            async move {
                let response = service.oneshot(request).await.map_err(Into::into)?;
                Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
            }
            .boxed()
        };
        Api { call: Arc::new(call) }
    }

    /// Reads an object or a list.
    ///
    /// # Errors
    /// What the API says.
    pub async fn get(&self, path: &str) -> Result<Value, Refused> {
        self.send(Method::GET, path, "", Value::Null).await
    }

    /// Creates an object in its collection.
    ///
    /// # Errors
    /// What the API says.
    pub async fn create(&self, path: &str, object: &Value) -> Result<Value, Refused> {
        self.send(Method::POST, path, "application/json", object.clone()).await
    }

    /// Changes an object by a JSON merge patch.
    ///
    /// # Errors
    /// What the API says.
    pub async fn merge(&self, path: &str, patch: Value) -> Result<Value, Refused> {
        self.send(Method::PATCH, path, "application/merge-patch+json", patch).await
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: Value) -> Result<Value, Refused> {
        let call = format!("{method} {path}");
        let none = |error: Failure| Refused { call: call.clone(), code: 0, message: error.to_string() };
        let response = self.request(method, path, kind, &body).await.map_err(none)?;
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(none)?.to_bytes();
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(answer);
        }
        let message = answer["message"].as_str().map_or_else(|| status.to_string(), str::to_string);
        Err(Refused { call, code: status.as_u16(), message })
    }

    async fn request(&self, method: Method, path: &str, kind: &str, body: &Value) -> Answer {
        let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::USER_AGENT, "serinus-sandbox")
            .header(header::ACCEPT, "application/json");
        if !kind.is_empty() {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        (self.call)(request.body(Full::new(bytes))?).await
    }

    /// Follows a list for ever: tells all of it, then every change.
    pub async fn follow(&self, path: &str, mut tell: impl FnMut(Change)) {
        loop {
            if let Err(error) = self.follow_once(path, &mut tell).await {
                tracing::debug!(path, %error, "a watch ended");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn follow_once(&self, path: &str, tell: &mut impl FnMut(Change)) -> Result<(), Failure> {
        let mut list = self.get(path).await?;
        let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_string();
        let items = list.get_mut("items").map(Value::take);
        tell(Change::All(match items {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        }));
        let watch = format!("{path}?watch=1&resourceVersion={version}");
        let response = self.request(Method::GET, &watch, "", &Value::Null).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("status {}", response.status()).into());
        }
        let mut body = response.into_body();
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            read.extend_from_slice(&data);
            while let Some(end) = read.iter().position(|byte| *byte == b'\n') {
                let line = read.split_to(end + 1);
                let mut event: Value = serde_json::from_slice(&line)?;
                let object = event.get_mut("object").map(Value::take).unwrap_or_default();
                match event["type"].as_str().unwrap_or_default() {
                    "ADDED" | "MODIFIED" => tell(Change::Put(object)),
                    "DELETED" => tell(Change::Gone(object)),
                    "BOOKMARK" => {}
                    _ => return Err(object["message"].as_str().unwrap_or("the watch failed").into()),
                }
            }
        }
        Ok(())
    }
}
