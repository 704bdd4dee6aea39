//! What a person is told when a request did not work: what happened, where, and what helps. Never a credential.

use crate::error::said;
use std::time::Duration;

/// Why a request did not work.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server answered with a refusal.
    #[error("{message}")]
    Refused {
        /// HTTP status.
        code: u16,
        /// One word.
        reason: String,
        /// The server's own sentence, with a remedy where one is known.
        message: String,
    },
    /// The way to the server is not described well enough.
    #[error("{0}")]
    Config(String),
    /// The server could not be reached or its answer not be understood.
    #[error("can't talk to the server: {0}: check --server, --kubeconfig and the network")]
    Unreachable(String),
    /// The server took too long.
    #[error("no answer within {after:?}: raise --request-timeout or check the server")]
    Timeout {
        /// The limit.
        after: Duration,
    },
}

impl ClientError {
    /// A fault in the configuration, and what helps.
    pub(super) fn config(what: impl Into<String>, remedy: &str) -> ClientError {
        let what = what.into();
        ClientError::Config(if remedy.is_empty() { what } else { format!("{what}: {remedy}") })
    }

    /// HTTP status of the refusal.
    pub fn code(&self) -> Option<u16> {
        match self {
            ClientError::Refused { code, .. } => Some(*code),
            ClientError::Config(_) | ClientError::Unreachable(_) | ClientError::Timeout { .. } => None,
        }
    }

    /// There is no such object or kind.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// Somebody else wrote the object meanwhile.
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }
}

impl From<kube::Error> for ClientError {
    fn from(error: kube::Error) -> ClientError {
        match error {
            kube::Error::Api(status) => {
                let message = match (status.code, status.message.as_str()) {
                    (401, _) => {
                        "the server did not accept the credentials: log in again or check --user, --token and --kubeconfig"
                            .to_string()
                    }
                    (404, "404 page not found" | "the server could not find the requested resource") => {
                        "the server does not know this kind: install the CRDs, or check --context".to_string()
                    }
                    (code, "") => format!("the server answered {code} {}", status.reason),
                    (_, text) => one_line(text),
                };
                ClientError::Refused { code: status.code, reason: status.reason.clone(), message }
            }
            error => ClientError::Unreachable(one_line(&said(&error))),
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
