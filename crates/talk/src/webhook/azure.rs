//! Azure Container Registry. Only pushes count: deletions and charts carry tags as well.

use super::{Parsed, Push, Received};
use serinus_gocompat::lenient::{Fields, first};

pub fn parse(body: &[u8]) -> Parsed {
    let body = first(body)?;
    let fields = Fields::of(&body)?;
    let (target, request) = (fields.object("target")?, fields.object("request")?);
    let (host, repository) = (request.text("host")?, target.text("repository")?);
    let (tag, digest) = (target.text("tag")?, target.text("digest")?);
    let action = fields.text("action")?;
    if tag.is_empty() {
        return Ok(Received::refused("tag cannot be empty"));
    }
    if !matches!(action.as_str(), "" | "push") {
        return Ok(Received::ignored(format!("action {action:?} is not a push")));
    }
    Ok(Received::of(vec![Push::new(&format!("{host}/{repository}"), &tag, &digest)]))
}
