//! Harbor, in its own format. What it sends as CloudEvents is answered well and not taken, as Keel does.

use super::{Parsed, Push, Received};
use serinus_gocompat::lenient::{Fields, first};

pub fn parse(body: &[u8]) -> Parsed {
    let body = first(body)?;
    let fields = Fields::of(&body)?;
    let (kind, data) = (fields.text("type")?, fields.object("event_data")?);
    fields.integer("occur_at")?;
    data.object("repository")?.integer("date_created")?;
    let mut received = Received::default();
    let mut resources = Vec::new();
    for resource in data.objects("resources")? {
        resources.push((resource.text("resource_url")?, resource.text("digest")?));
    }
    if !matches!(kind.as_str(), "pushImage" | "PUSH_ARTIFACT") {
        return Ok(Received::ignored(format!("type {kind:?} is not a push")));
    }
    for (url, digest) in resources {
        if !is_reference(&url) {
            let text = format!("failed to parse repository {url}");
            received.remark = Some(text.clone());
            received.refusal = Some(text);
            break;
        }
        received.pushes.push(Push { image: url, digest: (!digest.is_empty()).then_some(digest) });
    }
    Ok(received)
}

/// Enough of a reference to be one; what it means is decided where it is used.
fn is_reference(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or(url);
    let name = rest.split_once('@').map_or(rest, |(name, _)| name);
    let (path, tag) = match name.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (name, None),
    };
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/' | b':' | b'[' | b']');
    let (_, below) = path.split_once('/').unwrap_or(("", path));
    !below.is_empty()
        && path.bytes().all(plain)
        && !path.starts_with('/')
        && !path.ends_with('/')
        && !below.bytes().any(|byte| byte.is_ascii_uppercase())
        && tag.is_none_or(|tag| !tag.is_empty() && tag.bytes().all(plain))
}
