//! Notifications of a plain registry (`distribution`): blobs and manifests; only manifests under a tag count.

use super::{Parsed, Push, Received};
use jiff::Timestamp;
use serinus_gocompat::lenient::{Fields, Misfit, first};

pub fn parse(body: &[u8]) -> Parsed {
    let body = first(body)?;
    let mut pushes = Vec::new();
    for event in Fields::of(&body)?.objects("events")? {
        let (target, request) = (event.object("target")?, event.object("request")?);
        let timestamp = event.text("timestamp")?;
        // One that can't be read spoils the whole envelope.
        if !timestamp.is_empty() && timestamp.parse::<Timestamp>().is_err() {
            return Err(Misfit::Type { field: "timestamp".to_string(), wanted: "a time of RFC 3339" });
        }
        let (host, repository) = (request.text("host")?, target.text("repository")?);
        let (tag, digest) = (target.text("tag")?, target.text("digest")?);
        if event.text("action")? == "push" && !tag.is_empty() {
            pushes.push(Push::new(&format!("{host}/{repository}"), &tag, &digest));
        }
    }
    Ok(Received::of(pushes))
}
