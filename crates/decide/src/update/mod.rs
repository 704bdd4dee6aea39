//! Updates of images: which push concerns which workload, and what becomes of it.
//!
//! `propose` says what one push means for one workload; `decide` carries one `ImageUpdate` from its proposal to its verdict.

mod apply;
mod decide;
pub mod event;
pub mod expression;
mod follow;
pub mod policy;
pub mod poll;
mod promote;
pub mod propose;
pub mod pull;
pub mod reference;
pub mod schedule;
pub mod tracked;
pub mod verdict;
pub mod version;

pub use decide::{Behind, Seen, decide};
pub use event::Event;
pub use propose::{Answer, Habits, object, propose};
pub use tracked::Tracked;
