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
    /// The server has no such kind.
    #[error("the server does not know {0}: install the CRDs (`serinus crd`), or check --context")]
    UnknownKind(String),
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
            ClientError::UnknownKind(_) => Some(404),
            ClientError::Config(_) | ClientError::Unreachable(_) | ClientError::Timeout { .. } => None,
        }
    }

    /// There is no such object or kind.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// There is no such kind.
    pub fn is_unknown_kind(&self) -> bool {
        matches!(self, ClientError::UnknownKind(_))
    }

    /// Asking again will not help: the server refuses, or has not what is asked for.
    pub fn is_final(&self) -> bool {
        matches!(self.code(), Some(401 | 403 | 404))
    }

    /// The same, with the address named when it leads nowhere.
    pub(super) fn about(self, address: &str) -> ClientError {
        match self {
            ClientError::UnknownKind(_) => ClientError::UnknownKind(address.to_string()),
            error => error,
        }
    }

    /// An object of that name is there already.
    pub fn is_exists(&self) -> bool {
        matches!(self, ClientError::Refused { code: 409, reason, .. } if reason == "AlreadyExists")
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
                if status.code == 404 && NO_SUCH_PATH.contains(&status.message.trim()) {
                    return ClientError::UnknownKind("this kind".to_string());
                }
                let message = match (status.code, status.message.as_str()) {
                    (401, _) => {
                        "the server did not accept the credentials: log in again or check --user, --token and --kubeconfig"
                            .to_string()
                    }
                    (403, text) => {
                        format!("{}: ask for that right, or check --context, --user and --as", one_line(text))
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

/// What a server says of an address that leads nowhere. Of an object that is not there it names the object.
const NO_SUCH_PATH: [&str; 2] = ["404 page not found", "the server could not find the requested resource"];

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
