//! What people see of rollouts: pure functions from objects and the time to text.

pub mod age;
pub mod icon;
pub mod list;
pub mod node;
pub mod phase;
pub mod picture;
pub mod pod;
pub mod run;
pub mod set;
pub mod text;
pub mod world;

pub use picture::{experiment_picture, picture};
pub use world::World;
