//! Experiments: tables over whole lives, with the outside world played by the test, and the laws over generated ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../cases/mod.rs"]
mod cases;
mod laws;
mod life;
#[path = "../merge/mod.rs"]
mod merge;
mod parts;
mod world;
