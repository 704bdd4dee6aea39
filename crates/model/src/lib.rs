//! A small Kubernetes in memory.
//!
//! [`Model`] answers HTTP as kube-apiserver does, through a [`tower::Service`] that `kube::Client::new` takes in a test and
//! that stands behind a listener in the sandbox. The built-in controllers and the life of pods run in deterministic rounds
//! ([`Model::step`], [`Model::run`]) on a clock that the caller owns; [`PodRunner`] brings pods to life, and a fault hook decides
//! what goes wrong.
//!
//! Way through the code: `service` (HTTP) → `answer` (verbs) → `verbs`, `read`, `watch` (rules) → `store` (objects and log).

mod answer;
mod builtin;
mod catalogue;
mod controllers;
mod crd;
mod discovery;
mod events;
mod explain;
mod failure;
mod faults;
mod history;
mod model;
mod names;
mod object;
mod patch;
mod pods;
mod pulse;
mod read;
mod route;
mod selector;
mod selector_text;
mod service;
mod state;
mod store;
mod table;
mod verbs;
mod view;
mod watch;

pub use controllers::NODE;
pub use failure::{Cause, Failure};
pub use faults::{Broken, Call, Fault};
pub use history::Write;
pub use model::{Model, Step};
pub use object::{Fields, micro_stamp, stamp};
pub use pods::{Life, LogOptions, Phase, PodRunner, Pretend, leaving_since, pre_stop};
pub use selector::Labels;
pub use service::{ApiService, Body, BoxError};
