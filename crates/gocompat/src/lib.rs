//! Go behaviour that is on the wire: the byte-exact JSON of Kubernetes' structs, the hashes made from it, durations and
//! quantities, and the languages people write in: conditions (`expr`), JSONPath, regular expressions, placeholders. Everything here answers "what would the Go program have written?", and nothing else.

pub mod base64;
pub mod duration;
pub mod expr;
pub mod float;
pub mod hash;
pub mod json;
pub mod jsonpath;
pub mod lenient;
pub mod quantity;
pub mod regex;
pub mod shape;
pub mod template;
