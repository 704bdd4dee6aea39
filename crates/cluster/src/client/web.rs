//! An HTTP API that is not Kubernetes', reached with the same client: TLS, proxies and time limits are the same.

use super::{ClientError, Cluster};
use http::{Method, Request, header};
use kube::{Client, Config};
use serde_json::Value;
use std::time::Duration;

/// How long a request may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Where an API is, and who asks.
#[derive(Clone, Default)]
pub struct Door {
    /// `http://` or `https://`, host and port.
    pub url: String,
    /// User and password.
    pub basic: Option<(String, String)>,
    /// Bearer token.
    pub token: Option<String>,
    /// Trust any certificate.
    pub insecure: bool,
}

/// An API that speaks JSON.
#[derive(Clone)]
pub struct Web(Cluster);

impl Web {
    /// The API behind a door. Nothing is sent yet.
    ///
    /// # Errors
    /// The URL is none, or TLS can't be set up.
    pub fn behind(door: &Door) -> Result<Web, ClientError> {
        let url = door.url.trim_end_matches('/');
        let address = url
            .parse::<http::Uri>()
            .ok()
            .filter(|url| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some())
            .ok_or_else(|| {
                ClientError::config("the URL is no http:// or https:// address", "for example http://serinus:9300")
            })?;
        let mut config = Config::new(address);
        config.accept_invalid_certs = door.insecure;
        if let Some((user, password)) = &door.basic {
            config.auth_info.username = Some(user.clone());
            config.auth_info.password = Some(password.clone().into());
        }
        if let Some(token) = &door.token {
            config.auth_info.token = Some(token.clone().into());
        }
        let client = Client::try_from(config)?;
        Ok(Web(Cluster { client, namespace: String::new(), timeout: Some(LIMIT) }))
    }

    /// Reads.
    ///
    /// # Errors
    /// The server refused or did not answer.
    pub async fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.0.send(Method::GET, path, None, &Value::Null).await
    }

    /// Posts. The server takes a second request with the same `key` for the first.
    ///
    /// # Errors
    /// The server refused or did not answer.
    pub async fn post(&self, path: &str, body: &Value, key: &str) -> Result<Value, ClientError> {
        let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        let request = request
            .body(body.to_string().into_bytes())
            .map_err(|error| ClientError::config(format!("request to {path}: {error}"), ""))?;
        self.0.answered(request).await
    }
}
