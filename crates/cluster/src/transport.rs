//! Requests to metric providers and to receivers of verdicts over HTTP and TLS. An answer is read only up to a limit, and within the request's time.

use crate::measure::{Transport, Unanswered};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kube::client::ConfigExt;
use serinus_talk::metric::{LARGEST, Request};
use std::error::Error as _;

/// Redirects that are followed.
const HOPS: usize = 10;

/// HTTP/1.1 with TLS by rustls.
#[derive(Clone, Debug, Default)]
pub struct Http;

impl Transport for Http {
    fn send(&self, request: Request) -> BoxFuture<'static, Result<(u16, Bytes), Unanswered>> {
        async move {
            let (timeout, line) = (request.timeout, format!("{} \"{}\"", title(request.method), shown(&request.url)));
            let late = |_| Err(format!("no answer within {} s", timeout.as_secs()));
            let answer = tokio::time::timeout(timeout, follow(request)).await.unwrap_or_else(late);
            answer.map_err(|cause| Unanswered { request: line, cause })
        }
        .boxed()
    }
}

fn title(method: &str) -> &'static str {
    match method {
        "POST" => "Post",
        "PUT" => "Put",
        _ => "Get",
    }
}

/// A URL without name and password.
fn shown(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?))) {
        Some((scheme, (before, after))) if !before.contains('/') => format!("{scheme}://{after}"),
        _ => url.to_string(),
    }
}

/// Sends a request, and the ones that its answers point to.
async fn follow(mut request: Request) -> Result<(u16, Bytes), String> {
    for _ in 0..HOPS {
        let uri: Uri = request.url.parse().map_err(|error| format!("{error}"))?;
        let (status, location, body) = exchange(&request, &uri).await?;
        let Some(location) = location.filter(|_| request.follows && matches!(status, 301..=303 | 307 | 308)) else {
            return Ok((status, body));
        };
        let next = target(&uri, &location)?;
        if next.parse::<Uri>().map_err(|error| error.to_string())?.authority() != uri.authority() {
            // What was meant for one server is not for another.
            request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
        }
        if matches!(status, 301..=303) && request.method != "GET" {
            request.method = "GET";
            request.body.clear();
        }
        request.url = next;
    }
    Err(format!("stopped after {HOPS} redirects"))
}

fn target(from: &Uri, location: &str) -> Result<String, String> {
    if location.contains("://") {
        return Ok(location.to_string());
    }
    let (Some(scheme), Some(authority)) = (from.scheme_str(), from.authority()) else {
        return Err(format!("a redirect to {location:?} leads nowhere"));
    };
    Ok(format!("{scheme}://{authority}/{}", location.trim_start_matches('/')))
}

async fn exchange(request: &Request, uri: &Uri) -> Result<(u16, Option<String>, Bytes), String> {
    let mut config = kube::Config::new(uri.clone());
    config.accept_invalid_certs = request.insecure;
    let connector = config.rustls_https_connector().map_err(|error| error.to_string())?;
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let mut sent = http::Request::builder().method(request.method).uri(uri.clone());
    for (name, value) in &request.headers {
        let name: HeaderName = name.parse().map_err(|_| format!("{name:?} is no name of a header"))?;
        let value = HeaderValue::from_str(value).map_err(|_| format!("the value of header {name} can't be sent"))?;
        sent = sent.header(name, value);
    }
    let sent = sent.body(Full::from(request.body.clone())).map_err(|error| error.to_string())?;
    let answer = client.request(sent).await.map_err(|error| chain(&error))?;
    let status = answer.status().as_u16();
    let location = answer.headers().get(http::header::LOCATION).and_then(|value| value.to_str().ok()).map(String::from);
    let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(|error| {
        match error.downcast_ref::<LengthLimitError>() {
            Some(_) => format!("the answer is larger than {} MiB", LARGEST / 1024 / 1024),
            None => format!("the answer broke off: {error}"),
        }
    })?;
    Ok((status, location, body.to_bytes()))
}

/// An error and what caused it, without saying the same twice.
pub(crate) fn chain(error: &hyper_util::client::legacy::Error) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A server that answers every connection with these bytes, then with zeros up to the size.
    async fn server(head: &'static str, zeros: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut asked = [0; 4096];
                    let _ = socket.read(&mut asked).await;
                    let _ = socket.write_all(head.as_bytes()).await;
                    let chunk = vec![b'0'; 64 * 1024];
                    for _ in 0..zeros / chunk.len() {
                        if socket.write_all(&chunk).await.is_err() {
                            return;
                        }
                    }
                    let _ = socket.shutdown().await;
                });
            }
        });
        format!("http://{address}/")
    }

    fn get(url: String) -> Request {
        let timeout = Duration::from_secs(20);
        Request { method: "GET", url, headers: Vec::new(), body: Vec::new(), timeout, insecure: false, follows: true }
    }

    #[tokio::test]
    async fn answers_come_back_and_enormous_ones_are_refused() {
        let url = server("HTTP/1.1 404 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno", 0).await;
        assert_eq!(Http.send(get(url)).await, Ok((404, Bytes::from("no"))));
        let url = server("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", 50 << 20).await;
        let error = Http.send(get(url.clone())).await.unwrap_err().to_string();
        assert_eq!(error, format!("Get \"{url}\": the answer is larger than 10 MiB"));
    }

    /// A server that sends a little now and then and never comes to an end costs no more than the request's time.
    #[tokio::test]
    async fn an_answer_that_never_ends_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut asked = [0; 4096];
            let _ = socket.read(&mut asked).await;
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await;
            while socket.write_all(b"0").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let error =
            Http.send(Request { timeout: Duration::from_secs(1), ..get(url.clone()) }).await.unwrap_err().to_string();
        assert_eq!(error, format!("Get \"{url}\": no answer within 1 s"));
    }

    #[tokio::test]
    async fn silence_and_refusal_are_errors() {
        let url = server("", 0).await;
        assert!(Http.send(get(url)).await.is_err());
        let error = Http.send(get("http://u:secret@127.0.0.1:1/x".to_string())).await.unwrap_err().to_string();
        assert!(error.starts_with("Get \"http://127.0.0.1:1/x\": ") && error.contains("refused"), "{error}");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let error = Http
            .send(Request { timeout: Duration::from_millis(50), ..get(url.clone()) })
            .await
            .unwrap_err()
            .to_string();
        assert_eq!(error, format!("Get \"{url}\": no answer within 0 s"));
    }

    #[tokio::test]
    async fn redirects_are_followed() {
        let there = server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", 0).await;
        let head = format!("HTTP/1.1 302 Found\r\nLocation: {there}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let url = server(Box::leak(head.into_boxed_str()), 0).await;
        assert_eq!(Http.send(get(url.clone())).await, Ok((200, Bytes::from("ok"))));
        assert_eq!(Http.send(Request { follows: false, ..get(url) }).await, Ok((302, Bytes::new())));
    }
}
