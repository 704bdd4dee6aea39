//! The whole system in one process: a small Kubernetes API, pods as local servers and processes, a gateway that splits
//! real traffic, a client, and the controller.

pub mod calls;
pub mod demo;
pub mod gateway;
pub mod guard;
pub mod listener;

pub mod kubeconfig;
pub mod log;
pub mod manifests;
pub mod once;
pub mod patrol;
pub mod process;
pub mod screen;
pub mod seed;
pub mod ship;
pub mod story;
pub mod traffic;
pub mod watched;
