//! Quay: one push of several tags.

use super::{Parsed, Push, Received};
use serinus_gocompat::lenient::{Fields, first};

pub fn parse(body: &[u8]) -> Parsed {
    let body = first(body)?;
    let fields = Fields::of(&body)?;
    let (url, tags) = (fields.text("docker_url")?, fields.texts("updated_tags")?);
    if url.is_empty() {
        return Ok(Received::refused("docker_url cannot be empty"));
    }
    if tags.is_empty() {
        return Ok(Received::refused("updated_tags cannot be empty"));
    }
    Ok(Received::of(tags.iter().map(|tag| Push::new(&url, tag, "")).collect()))
}
