//! Updates of images: which push concerns which workload, and what becomes of it.

pub mod expression;
pub mod policy;
pub mod reference;
pub mod version;
