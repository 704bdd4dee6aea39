//! Docker Hub.

use super::{Parsed, Push, Received};
use serinus_gocompat::lenient::{Fields, first};

pub fn parse(body: &[u8]) -> Parsed {
    let body = first(body)?;
    let fields = Fields::of(&body)?;
    let (repository, push) = (fields.object("repository")?, fields.object("push_data")?);
    push.integer("pushed_at")?;
    repository.integer("date_created")?;
    let (name, tag) = (repository.text("repo_name")?, push.text("tag")?);
    if name.is_empty() {
        return Ok(Received::refused("repository name cannot be empty"));
    }
    if tag.is_empty() {
        return Ok(Received::refused("repository tag cannot be empty"));
    }
    Ok(Received::of(vec![Push::new(&name, &tag, "")]))
}
