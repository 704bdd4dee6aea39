//! What the tests on a real cluster share. Each test gets a namespace, a controller and a client of its own, so they run side by side.
//!
//! `lab/suite` brings a lab up and runs them. By hand: `eval "$(lab/lab env)"`, build `serinus`, `cargo test -p serinus-tests-lab`.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

pub mod api;
pub mod controller;
pub mod http1;
pub mod load;
pub mod process;
pub mod push;
pub mod receiver;
pub mod scene;
pub mod settings;
pub mod tally;
pub mod wait;
pub mod web;
