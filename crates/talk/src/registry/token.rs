//! Tokens: the request for one, and the answer to it (Docker registry token authentication).

use super::credentials::{Credential, Secret};
use super::{Answer, Request};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// How long a token holds when its server does not say, in seconds.
const DEFAULT_LIFE: i64 = 60;
/// A token counts as ended so long before its end: a request must arrive with it.
const MARGIN: i64 = 10;
/// Longest time that a token is kept, in seconds.
const LONGEST_LIFE: i64 = 3_600;

/// A token, and until when it may be used.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// What stands in the header.
    pub text: String,
    /// Until when.
    pub until: Timestamp,
}

/// The request for a token.
pub fn request(realm: &str, service: &str, scope: &str, credential: Option<&Credential>) -> Request {
    let pairs: Vec<String> = [("service", service), ("scope", scope)]
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    let mut query = pairs.join("&");
    if let Some(Secret::Identity(token)) = credential.map(|credential| &credential.secret) {
        query = format!("grant_type=refresh_token&client_id=serinus&refresh_token={}&{query}", encoded(token));
        let form = "application/x-www-form-urlencoded".to_string();
        let headers = vec![("content-type", form), ("accept", "application/json".to_string())];
        return Request { method: "POST", url: realm.to_string(), headers, body: query };
    }
    let joint = if realm.contains('?') { '&' } else { '?' };
    let mut headers = vec![("accept", "application/json".to_string())];
    headers.extend(credential.and_then(Credential::basic).map(|basic| ("authorization", basic)));
    Request { method: "GET", url: format!("{realm}{joint}{query}"), headers, body: String::new() }
}

/// The token in an answer. The clocks of others do not count: its life begins when it arrives.
pub fn parse(answer: &Answer, now: Timestamp) -> Option<Token> {
    #[derive(Deserialize)]
    struct Given {
        #[serde(default)]
        token: Option<String>,
        #[serde(default)]
        access_token: Option<String>,
        #[serde(default)]
        expires_in: Option<f64>,
    }
    let given: Given = serde_json::from_slice(&answer.body).ok()?;
    let usable = |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let text = given.token.filter(usable).or(given.access_token.filter(usable))?;
    #[expect(clippy::cast_possible_truncation, reason = "it is within the bounds that it is clamped to")]
    let life = given.expires_in.map_or(DEFAULT_LIFE, |life| life.clamp(0.0, LONGEST_LIFE as f64) as i64);
    let until = now.checked_add(SignedDuration::from_secs(life - MARGIN)).ok()?;
    Some(Token { text, until })
}

/// A text as part of a query.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' | b':' | b',' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
