//! What a takeover may change or end with, and why: each stands in docs/differences.md.

use super::judge::Written;
use crate::compare::Difference;

/// Why a write right after a takeover is meant; nothing when it is not.
pub fn written(_one: &Written) -> Option<&'static str> {
    None
}

/// Why an end that differs from the twin's is meant; nothing when it is not.
pub fn ended(_one: &Difference) -> Option<&'static str> {
    None
}
