//! Answers as Keel gives them: plain texts, two kinds of JSON, and the headers on every one.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;
use serinus_cluster::Error;

/// A plain text.
pub fn text(status: StatusCode, text: String) -> Response {
    let kind = (!text.is_empty()).then_some("text/plain; charset=utf-8");
    with(status, kind, text)
}

/// JSON as Keel's encoder writes it: with its content type and a line end.
pub fn encoded(value: &Value) -> Response {
    with(StatusCode::OK, Some("application/json"), format!("{}\n", html_safe(value)))
}

/// JSON as Keel marshals it by hand: without a line end, and taken for plain text.
pub fn marshalled(value: &Value) -> Response {
    with(StatusCode::OK, Some("text/plain; charset=utf-8"), html_safe(value))
}

/// Not let in, in Keel's words.
pub fn unauthorized() -> Response {
    with(StatusCode::UNAUTHORIZED, Some("text/plain; charset=utf-8"), "Unauthorized\n".to_string())
}

/// What a failure of ours is for the client: what may be tried again, and what not.
pub fn failure(error: &Error) -> Response {
    let (status, again) = match error {
        Error::Refused(_) => (StatusCode::CONFLICT, false),
        Error::Client(client) if client.is_not_found() => (StatusCode::NOT_FOUND, false),
        Error::Client(client) if client.code() == Some(403) => (StatusCode::FORBIDDEN, false),
        Error::Forbidden(_) => (StatusCode::FORBIDDEN, false),
        _ => (StatusCode::SERVICE_UNAVAILABLE, true),
    };
    let mut response = text(status, error.to_string());
    if again {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn with(status: StatusCode, kind: Option<&'static str>, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    if let Some(kind) = kind {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}

/// Go writes these three so that JSON can stand in a page; they only occur inside texts.
fn html_safe(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// Keel's headers for pages of other origins.
pub fn add_cors(headers: &mut HeaderMap) {
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "POST, GET, OPTIONS, PUT, DELETE"),
        (
            "access-control-allow-headers",
            "Accept, Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization",
        ),
        ("access-control-expose-headers", "Authorization"),
        ("access-control-request-headers", "Authorization"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}
