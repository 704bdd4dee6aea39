//! Pods on this machine: the built-in image as a server in this process, commands as local processes.

pub mod demo;
pub mod kubelet;
pub mod life;
pub mod log;
pub mod plan;
pub mod process;
pub mod runner;
