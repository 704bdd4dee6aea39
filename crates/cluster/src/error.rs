//! What can go wrong while talking to a cluster.

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or could not be reached.
    #[error("{}", said(.0))]
    Api(#[from] kube::Error),
    /// There is no such Rollout.
    #[error("rollouts.argoproj.io \"{name}\" not found in namespace \"{namespace}\"")]
    NoRollout {
        /// Namespace that was asked.
        namespace: String,
        /// Name that was asked.
        name: String,
    },
    /// A kind that a `workloadRef` names can't be listed yet.
    #[error(
        "can't list objects of kind {kind}, which a workloadRef names: check the controller's permission to list and watch them"
    )]
    NoList {
        /// The kind.
        kind: &'static str,
    },
    /// Another process leads now.
    #[error("lost the lease {namespace}/{name}: it was not renewed in time; start again to compete for it")]
    LeadershipLost {
        /// Namespace of the lease.
        namespace: String,
        /// Name of the lease.
        name: String,
    },
    /// The cluster was not read yet.
    #[error("the controller has not read the cluster yet: try again in a moment")]
    NotReady,
    /// Others changed the same object all the time.
    #[error("{what} is changed by others all the time: try again")]
    Contended {
        /// The object.
        what: String,
    },
    /// A request of the client did not work.
    #[error(transparent)]
    Client(#[from] crate::client::ClientError),
    /// An object is not what its kind promises.
    #[error("the server gave an object that can't be read: {0}")]
    Malformed(String),
    /// What was asked makes no sense for the object.
    #[error("{0}")]
    Refused(String),
    /// The cluster does not let him who asks do it.
    #[error("{0}")]
    Forbidden(String),
    /// The cluster does not let us do it: which right is missing.
    #[error("the controller may not {0}: give it that right")]
    Lacks(&'static str),
    /// A part that runs for ever has ended.
    #[error("{0} ended unexpectedly")]
    Ended(&'static str),
}

/// What the server said, in one line.
pub(crate) fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({} {})", status.message, status.code, status.reason),
        error => {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(error);
            while let Some(inner) = source {
                let inner_text = inner.to_string();
                if !text.contains(&inner_text) {
                    text = format!("{text}: {inner_text}");
                }
                source = inner.source();
            }
            text
        }
    }
}
