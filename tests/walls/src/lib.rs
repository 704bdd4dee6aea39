//! What a crate may touch is visible from its manifest; the test in `tests/walls.rs` keeps it so.
