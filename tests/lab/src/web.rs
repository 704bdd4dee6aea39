//! Requests to an HTTP server that is not Kubernetes': webhooks, votes, metrics.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};

use crate::http1::connect;

/// The header of the seed's user.
pub const ADMIN: (&str, &str) = ("authorization", "Basic YWRtaW46YWRtaW4=");

/// Sends one request to `address` (`host:port`) on a connection of its own; gives status and body.
pub async fn ask(
    method: Method,
    address: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<(u16, String)> {
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, address);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned())))?;
    let answer = connect(address).await?.send_request(request).await;
    let answer = answer.with_context(|| format!("ask {address} for {path}"))?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
