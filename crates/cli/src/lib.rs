//! The `serinus` program: what it is called by decides what it offers, the verb decides what it does.

pub mod act;
pub mod args;
pub mod screen;
pub mod show;
