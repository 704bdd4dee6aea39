//! The cluster as the core sees it: watches in, guarded writes out. The only crate with `kube`.
//!
//! ```text
//! watches -> caches -> Seen -> decide -> Plan -> guarded writes, events, wake-up
//! ```
//! Watches are kube-runtime's. `cache` keeps what they show, packed, beside an index; `queue` says who is looked at when; `fresh`
//! makes a subject wait until its caches show our own writes, `write` carries a plan out, `election` says who leads, `run` ties it
//! together.

mod cache;
pub mod client;
mod clock;
mod conclude;
mod election;
mod error;
mod events;
mod experiments;
mod fresh;
mod health;
mod leader;
mod lens;
mod measure;
mod memory;
mod metrics;
mod middle;
mod orphans;
mod pack;
mod pauses;
mod queue;
mod reconcile;
pub mod registry;
mod requests;
mod run;
mod runs;
mod seen;
mod stripped;
mod transport;
pub mod update;
mod watches;
mod write;

pub use clock::{Clock, SystemClock, TokioClock};
pub use election::Timings;
pub use error::Error;
pub use leader::LeaseOptions;
pub use measure::{Transport, Unanswered};
pub use reconcile::Decide;
pub use run::{Options, run};
pub use seen::see;
pub use transport::Http;
pub use watches::Scope;

/// kube's client and the bodies of its requests, for those who make one.
pub use kube::Client;
pub use kube::client::Body;
