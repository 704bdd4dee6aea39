//! Registries over the network: who is asked how (`hosts`), by whom (`keys`), how often at most (`client`).

mod client;
mod hosts;
mod http;
mod keys;
pub(crate) mod nodes;

pub(crate) use client::Registries;
pub use hosts::Hosts;
pub use hosts::Trust;
pub use http::{RegistryHttp, RegistryTransport};
pub(crate) use keys::Keys;
