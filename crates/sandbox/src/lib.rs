//! The whole system in one process: a small Kubernetes API, pods as local servers and processes, a gateway that splits
//! real traffic, a client, and the controller.

pub mod api;
pub mod calls;
pub mod gateway;
pub mod guard;
pub mod kubeconfig;
pub mod listener;
pub mod manifests;
pub mod once;
pub mod patrol;
mod pipeline;
pub mod pods;
mod run;
mod sandbox;
pub mod screen;
pub mod seed;
pub mod ship;
pub mod story;
pub mod traffic;
pub mod watched;

pub use run::run;
pub use sandbox::{Options, Sandbox};
