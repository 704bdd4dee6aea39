//! What can be made to go wrong, request by request.

/// A request, as a fault hook sees it before it is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`; `meta` for discovery and health.
    pub verb: String,
    /// API group.
    pub group: String,
    /// Plural name.
    pub resource: String,
    /// `status`, `scale`, `log` … or empty.
    pub subresource: String,
    /// Namespace, or empty.
    pub namespace: String,
    /// Name, or empty.
    pub name: String,
    /// `User-Agent`.
    pub agent: String,
    /// 1 for the first request through any service of the model, and so on.
    pub number: u64,
    /// 1 for the first write, and so on; 0 for reads.
    pub write: u64,
}

impl Call {
    /// Whether the request changes something.
    pub fn is_write(&self) -> bool {
        self.write > 0
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing goes wrong.
    #[default]
    None,
    /// Not done; answered with this code.
    Refuse(u16),
    /// Done; answered with this code all the same.
    RefuseAfter(u16),
    /// Not done; the connection breaks.
    Drop,
    /// Done; the connection breaks before the answer.
    DropAfter,
    /// Not done; no answer comes.
    Stall,
    /// Done; no answer comes.
    StallAfter,
    /// A watch ends after so many events.
    CutWatch(usize),
}

/// Decides what becomes of each request.
pub type Hook = Box<dyn FnMut(&Call) -> Fault + Send>;

/// The connection broke, as a fault wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection broke (injected fault)")
    }
}

impl std::error::Error for Broken {}
