//! Requests to an HTTP server that is not Kubernetes': webhooks, votes, metrics.

use anyhow::{Context, Result};
use aws_lc_rs::hmac;
use bytes::Bytes;
use http::{Method, Request, Response, header};
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
    let answer = exchange(method, address, path, headers, body).await?;
    Ok((answer.status().as_u16(), answer.into_body()))
}

/// The same, with the headers of the answer.
pub async fn exchange(
    method: Method,
    address: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Response<String>> {
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, address);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned())))?;
    let answer = connect(address).await?.send_request(request).await;
    let answer = answer.with_context(|| format!("ask {address} for {path}"))?;
    let (head, body) = answer.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Response::from_parts(head, String::from_utf8_lossy(&body).into_owned()))
}

/// What signs a body for who knows the secret: `sha256=` and its HMAC.
pub fn signature(secret: &str, body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body);
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}
