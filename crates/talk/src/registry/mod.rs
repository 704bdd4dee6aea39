//! Registries of images: what is asked of them, and what their answers mean (OCI distribution, Docker registry HTTP API v2; spec:
//! keel 3.5). Who sends the requests is somebody else's business.
//!
//! An `Exchange` is one question: it says which request to send next until it has a reply or a trouble. Proofs that one question
//! earned are kept in a `Memory` for the next.

mod challenge;
pub mod credentials;
mod exchange;
mod manifest;
mod memory;
mod tags;
mod token;
mod trouble;

pub use credentials::Credential;
pub use exchange::{Ask, Exchange, Reply, Step};
pub use manifest::Platform;
pub use memory::Memory;
pub use trouble::{Trouble, Why};

/// Largest answer that is read, in bytes.
pub const LARGEST: usize = 4 << 20;

/// A repository at a registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    /// Host with its port, for example `172.16.77.115:5000`.
    pub host: String,
    /// Path below it, for example `library/nginx`.
    pub name: String,
    /// It speaks HTTP without TLS.
    pub plain: bool,
}

impl Repository {
    /// `https://host`, or `http://host`.
    fn origin(&self) -> String {
        format!("{}://{}", if self.plain { "http" } else { "https" }, self.host)
    }
}

/// A request.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `HEAD` or `POST`.
    pub method: &'static str,
    /// URL.
    pub url: String,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// Body; empty for none.
    pub body: String,
}

/// Headers and bodies may carry credentials: they are not shown.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
    }
}

/// An answer, by what is read of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body, at most [`LARGEST`] bytes.
    pub body: Vec<u8>,
    /// `WWW-Authenticate`, each of them.
    challenges: Vec<String>,
    link: String,
    digest: String,
    retry_after: String,
    location: String,
    kind: String,
}

impl Answer {
    /// An answer of a server.
    pub fn new<'h>(status: u16, headers: impl IntoIterator<Item = (&'h str, &'h str)>, body: Vec<u8>) -> Answer {
        let mut answer = Answer { status, body, ..Answer::default() };
        for (name, value) in headers {
            let place = match name.to_ascii_lowercase().as_str() {
                "www-authenticate" => {
                    answer.challenges.push(value.to_string());
                    continue;
                }
                "link" => &mut answer.link,
                "docker-content-digest" => &mut answer.digest,
                "retry-after" => &mut answer.retry_after,
                "location" => &mut answer.location,
                "content-type" => &mut answer.kind,
                _ => continue,
            };
            *place = value.to_string();
        }
        answer
    }

    /// Whether it is a page for people instead of an answer for us.
    fn is_page(&self) -> bool {
        let text = self.body.iter().find(|byte| !byte.is_ascii_whitespace());
        self.kind.to_ascii_lowercase().starts_with("text/html") || text == Some(&b'<')
    }
}

/// Tokens and digests may be in it: it is not shown.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("length", &self.body.len()).finish_non_exhaustive()
    }
}
