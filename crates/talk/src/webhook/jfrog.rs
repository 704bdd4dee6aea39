//! JFrog Artifactory. It does not say which registry it is: that is configured. Only pushes count.

use super::{Parsed, Push, Received};
use serinus_gocompat::lenient::{Fields, first};

pub fn parse(body: &[u8], private_registry: &str) -> Parsed {
    let body = first(body)?;
    let fields = Fields::of(&body)?;
    let (event, data) = (fields.text("event_type")?, fields.object("data")?);
    data.integer32("size")?;
    let (name, tag) = (data.text("image_name")?, data.text("tag")?);
    if name.is_empty() {
        return Ok(Received::refused("data.image_name cannot be empty"));
    }
    if tag.is_empty() {
        return Ok(Received::refused("tag cannot be empty"));
    }
    if !matches!(event.as_str(), "" | "pushed") {
        return Ok(Received::ignored(format!("event_type {event:?} is not a push")));
    }
    // Keel takes what is too short for a host as not configured.
    let repository = if private_registry.len() > 2 { format!("{private_registry}/{name}") } else { name };
    Ok(Received::of(vec![Push::new(&repository, &tag, "")]))
}
