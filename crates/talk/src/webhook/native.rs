//! Keel's own format: what a pipeline posts.

use super::{Parsed, Push, Received};
use serinus_gocompat::lenient::{Fields, first};

pub fn parse(body: &[u8]) -> Parsed {
    let body = first(body)?;
    let fields = Fields::of(&body)?;
    let (host, name, tag) = (fields.text("host")?, fields.text("name")?, fields.text("tag")?);
    let digest = fields.text("digest")?;
    // Part of the format: of the wrong type they are refused, though nothing is decided by them.
    fields.flag("platformVerified")?;
    for platform in fields.objects("platforms")? {
        for field in ["os", "architecture", "variant"] {
            platform.text(field)?;
        }
    }
    if name.is_empty() {
        return Ok(Received::refused("repository name cannot be empty"));
    }
    if tag.is_empty() {
        return Ok(Received::refused("repository tag cannot be empty"));
    }
    let repository = if host.is_empty() { name } else { format!("{host}/{name}") };
    Ok(Received::of(vec![Push::new(&repository, &tag, &digest)]))
}
