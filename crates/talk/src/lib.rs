//! Protocols without sockets: one file for each, with what is asked and what an answer means. No I/O, no clock.

pub mod metric;
pub mod registry;
pub mod webhook;
