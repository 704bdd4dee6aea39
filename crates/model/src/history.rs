//! Every write that was asked for, for tests that count writes or look at their order.

use jiff::Timestamp;

/// One write that was asked for, whether it was done or refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// When.
    pub at: Timestamp,
    /// `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: &'static str,
    /// API group.
    pub group: String,
    /// Plural name.
    pub resource: String,
    /// Empty, `status`, `scale`, `eviction` …
    pub subresource: String,
    /// Namespace; empty for cluster-wide objects.
    pub namespace: String,
    /// Name; empty when the server was to make one and refused.
    pub name: String,
    /// The version that the object has afterwards; empty when refused.
    pub version: String,
    /// HTTP status code that the write itself came to, whatever a fault made of the answer.
    pub code: u16,
    /// `User-Agent` of the client; `model/<controller>` for the model's own controllers.
    pub agent: String,
    /// Whether the write changed anything.
    pub changed: bool,
}

impl std::fmt::Display for Write {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slash = if self.subresource.is_empty() { "" } else { "/" };
        write!(
            f,
            "{} {} {} {}{slash}{} {}/{} -> {} {}",
            self.at,
            self.agent,
            self.verb,
            self.resource,
            self.subresource,
            self.namespace,
            self.name,
            self.code,
            self.version
        )
    }
}
