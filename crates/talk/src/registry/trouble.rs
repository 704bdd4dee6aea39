//! Why a registry gave no reply, in one line that names host, status and remedy, and never what it or we said.

use super::{Answer, Repository};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use std::time::Duration;

/// Longest wait that a registry may ask for.
const LONGEST: Duration = Duration::from_secs(6 * 3_600);

/// Why there is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// 401 or 403, or no token.
    Denied,
    /// 404.
    Missing,
    /// 429.
    TooMany,
    /// 5xx.
    Unavailable,
    /// No connection, no TLS, no answer in time.
    Unreachable,
    /// An answer that is none: a page, broken JSON.
    Malformed,
    /// A list without an end.
    Endless,
}

impl Why {
    /// One word for counters.
    pub fn word(self) -> &'static str {
        match self {
            Why::Denied => "denied",
            Why::Missing => "missing",
            Why::TooMany => "too-many",
            Why::Unavailable => "unavailable",
            Why::Unreachable => "unreachable",
            Why::Malformed => "malformed",
            Why::Endless => "endless",
        }
    }

    /// The whole registry is meant, not one repository.
    pub fn is_of_host(self) -> bool {
        matches!(self, Why::TooMany | Why::Unavailable | Why::Unreachable)
    }
}

/// Why a registry gave no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Why.
    pub why: Why,
    /// One line for people.
    pub text: String,
    /// How long the registry asks to be left alone.
    pub after: Option<Duration>,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Trouble {
    /// A trouble with `repository`.
    pub fn new(why: Why, repository: &Repository, text: &str) -> Trouble {
        let text = format!("registry {}, repository {}: {text}", repository.host, repository.name);
        Trouble { why, text, after: None }
    }

    /// What a status that is no success means. `server` answered: the registry, or who gives its tokens.
    pub(super) fn of(answer: &Answer, repository: &Repository, server: &str, known: bool, now: Timestamp) -> Trouble {
        let status = answer.status;
        let (why, text) = match status {
            401 | 403 if known => {
                (Why::Denied, "check the user and password in the pull secret, and that they may pull")
            }
            401 | 403 => (Why::Denied, "name a pull secret for this host on the workload or its service account"),
            404 => (Why::Missing, "check the name of the image; a registry may also hide what needs a pull secret"),
            429 => (
                Why::TooMany,
                "it wants fewer requests; poll less often, or give a pull secret with a larger allowance",
            ),
            500.. => (Why::Unavailable, "it is tried again later"),
            _ => (Why::Malformed, "no registry answers so; check the host"),
        };
        let mut trouble = Trouble::new(why, repository, &format!("{server}answered {status}: {text}"));
        trouble.after = retry_after(&answer.retry_after, now);
        trouble
    }
}

/// `Retry-After`: seconds, or a date.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = DateTimeParser::new().parse_timestamp(text).ok()?;
            Duration::try_from(at.duration_since(now)).ok()?
        }
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_to_wait() {
        let now: Timestamp = "2026-01-15T10:00:00Z".parse().unwrap();
        for (text, wanted) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999", Some(6 * 3_600)),
            ("Thu, 15 Jan 2026 10:01:30 GMT", Some(90)),
            ("Thu, 15 Jan 2026 09:00:00 GMT", None),
            ("soon", None),
            ("-5", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text, now).map(|wait| wait.as_secs()), wanted, "{text:?}");
        }
    }
}
