//! Metric providers: what is asked of a server, and what its answer means. Who sends the request is somebody else's business.

pub mod oauth2;
pub mod prometheus;
pub mod web;

use serinus_gocompat::expr::Value;
use serinus_wire::analysis::{Authentication, Header};
use std::collections::BTreeMap;
use std::time::Duration;

/// Largest answer that is read, in bytes.
pub const LARGEST: usize = 10 * 1024 * 1024;

/// A request to a server.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// `GET`, `POST` or `PUT`.
    pub method: &'static str,
    /// URL.
    pub url: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Body; empty for none.
    pub body: Vec<u8>,
    /// How long the whole exchange may take.
    pub timeout: Duration,
    /// Take any certificate.
    pub insecure: bool,
    /// Go where an answer points to.
    pub follows: bool,
}

/// Headers and bodies may carry credentials: they are not shown.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("method", &self.method).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// As the conditions see it.
    pub result: Value,
    /// As the status shows it.
    pub value: String,
    /// What the provider adds to the measurement.
    pub metadata: BTreeMap<String, String>,
}

/// Headers of a request.
fn headers(given: &[Header]) -> Vec<(String, String)> {
    given.iter().map(|header| (header.key.clone(), header.value.clone())).collect()
}

/// Adds what proves who asks, as far as nobody else must be asked for it: [`oauth2`] needs a token first.
fn authenticate(request: &mut Request, given: Option<&Authentication>) -> Result<(), String> {
    let Some(given) = given else { return Ok(()) };
    oauth2::wanted(Some(given))?;
    if let Some(basic) = &given.basic_auth {
        if basic.username.is_empty() || basic.password.is_empty() {
            return Err("authentication.basicAuth needs both username and password".to_string());
        }
        let pair = format!("{}:{}", basic.username, basic.password);
        let text = format!("Basic {}", serinus_gocompat::base64::encode(pair.as_bytes()));
        request.headers.push(("Authorization".to_string(), text));
    }
    Ok(())
}

/// Whether a text is a URL that can be asked.
fn check_url(field: &str, url: &str) -> Result<(), String> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && !url.contains(char::is_whitespace) => Ok(()),
        _ => Err(format!("{field} {url:?} is no URL: it must begin with http:// or https:// and name a host")),
    }
}

fn seconds(field: &str, given: Option<i64>, default: u64) -> Result<Duration, String> {
    match given {
        None | Some(0) => Ok(Duration::from_secs(default)),
        Some(given) => {
            u64::try_from(given).map(Duration::from_secs).map_err(|_| format!("{field} must be positive, not {given}"))
        }
    }
}

/// A text as part of a form or a query.
fn form_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
