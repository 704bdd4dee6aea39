//! What a pipeline and a person do over HTTP: post that an image was pushed, approve it, ask what became of it.

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Who is let in, as in the pipeline that started the project: `admin`, `admin`.
pub const USER: &str = "admin";
const BASIC: &str = "Basic YWRtaW46YWRtaW4=";

/// Somebody who talks to the API for updates.
#[derive(Clone)]
pub struct Pipeline {
    address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Pipeline {
    /// The API listens at `address`.
    pub fn to(address: SocketAddr) -> Pipeline {
        Pipeline { address, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Posts a push as the pipeline that started the project does: its template has swallowed the lines below it.
    /// Gives the number of workloads that it was meant for.
    ///
    /// # Errors
    /// What the API says.
    pub async fn push(&self, name: &str, tag: &str) -> Result<usize, String> {
        let body = format!(
            "{{\n  \"name\": \"{name}\",\n  \"tag\": \"{tag}\"\n}}\nwhen:\n  event:\n  - promote\n  target:\n  - production\n"
        );
        let (status, matched, text) = self.send(Method::POST, "/v1/webhooks/native", body).await?;
        if status != StatusCode::OK {
            return Err(format!("the webhook is answered with {status} {text}"));
        }
        Ok(matched)
    }

    /// Approves what waits for votes under this tag; says whether there was something.
    ///
    /// # Errors
    /// What the API says.
    pub async fn approve(&self, tag: &str) -> Result<bool, String> {
        let approvals = self.get("/v1/approvals").await?;
        let open = |one: &&Value| one["newVersion"] == tag && one["archived"] == false && one["rejected"] == false;
        let Some(one) = approvals.as_array().and_then(|all| all.iter().find(open)) else { return Ok(false) };
        let body = json!({"id": one["id"], "identifier": one["identifier"], "voter": USER, "action": "approve"});
        let (status, _, text) = self.send(Method::POST, "/v1/approvals", body.to_string()).await?;
        if status != StatusCode::OK {
            return Err(format!("the vote is answered with {status} {text}"));
        }
        Ok(true)
    }

    /// The phase of the latest update to this tag; empty when there is none.
    ///
    /// # Errors
    /// What the API says.
    pub async fn phase(&self, tag: &str) -> Result<String, String> {
        let updates = self.get("/v1/updates").await?;
        let all = updates["updates"].as_array().cloned().unwrap_or_default();
        let found = all.iter().find(|update| update["spec"]["tag"] == tag);
        Ok(found.and_then(|update| update["status"]["phase"].as_str()).unwrap_or_default().to_string())
    }

    async fn get(&self, path: &str) -> Result<Value, String> {
        let (status, _, text) = self.send(Method::GET, path, String::new()).await?;
        if status != StatusCode::OK {
            return Err(format!("{path} is answered with {status} {text}"));
        }
        serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))
    }

    async fn send(&self, method: Method, path: &str, body: String) -> Result<(StatusCode, usize, String), String> {
        let failed = |error: &dyn std::fmt::Display| format!("http://{}{path}: {error}", self.address);
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header(header::AUTHORIZATION, BASIC)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| failed(&error))?;
        let (head, body) = self.client.request(request).await.map_err(|error| failed(&error))?.into_parts();
        let matched = head.headers.get("x-serinus-matched").and_then(|count| count.to_str().ok()?.parse().ok());
        let text = body.collect().await.map_err(|error| failed(&error))?.to_bytes();
        Ok((head.status, matched.unwrap_or(0), String::from_utf8_lossy(&text).into_owned()))
    }
}
