//! A controller brings Rollouts into many states and is stopped; the other one takes over. What it writes while nothing else happens is told, then the
//! same is done to all, and the ends are compared with those of a twin that the Argo Rollouts controller had from the beginning to the end.
//! `lab/takeover` brings the cluster up and runs it.

pub mod app;
pub mod crds;
pub mod gate;
pub mod judge;
pub mod known;
pub mod mirror;
pub mod run;
pub mod stage;
pub mod state;
pub mod states;
pub mod table;
pub mod world;
