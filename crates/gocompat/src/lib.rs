//! Go behaviour that is on the wire: the byte-exact JSON of Kubernetes' structs, the hashes made from it, durations and
//! quantities. Everything here answers "what would the Go program have written?", and nothing else.

pub mod duration;
pub mod hash;
pub mod json;
pub mod lenient;
pub mod quantity;
pub mod shape;
