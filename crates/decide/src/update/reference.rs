//! References to images: what they name, and how they are spelled (spec: keel 1.3).

/// The host that stands for Docker Hub in a repository.
const HUB: &str = "index.docker.io";

/// An image by registry, path and tag, whatever its spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// `http` when the text said so, else `https`.
    pub scheme: &'static str,
    /// Host and port, for example `172.16.77.115:5000`; `index.docker.io` for Docker Hub.
    pub registry: String,
    /// Path below the registry, for example `library/nginx`.
    pub short_name: String,
    /// The tag, unless only a digest was given; `latest` when neither was.
    pub tag: Option<String>,
    /// The digest, for example `sha256:…`.
    pub digest: Option<String>,
}

impl Reference {
    /// Reads a reference as people write it.
    ///
    /// # Errors
    /// The text says what is wrong with it.
    pub fn parse(text: &str) -> Result<Reference, String> {
        let (scheme, rest) = strip_scheme(text);
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) if is_digest(digest) => (rest, Some(digest.to_string())),
            Some((_, digest)) => return Err(format!("image {text:?}: {digest:?} is no digest such as sha256:…")),
            None => (rest, None),
        };
        if rest.len() == 64 && digest.is_none() && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(format!("image {text:?}: 64 hexadecimal digits name no repository"));
        }
        let (name, tag) = split_tag(rest);
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(format!("image {text:?}: {tag:?} is no tag: letters, digits, '_', '.' and '-', at most 128"));
        }
        let (registry, path) = split_registry(name);
        let short_name = match (registry, path.contains('/')) {
            (None, false) => format!("library/{path}"),
            _ => path.to_string(),
        };
        if short_name.len() > 255 || !short_name.split('/').all(is_path_part) {
            let why =
                if short_name.bytes().any(|byte| byte.is_ascii_uppercase()) { " (it must be lower case)" } else { "" };
            return Err(format!("image {text:?}: {path:?} is no name of a repository{why}"));
        }
        if let Some(host) = registry.filter(|host| !is_host(host)) {
            return Err(format!("image {text:?}: {host:?} is no host with an optional port"));
        }
        let tag = match (&tag, &digest) {
            (None, None) => Some("latest".to_string()),
            (tag, _) => tag.map(str::to_string),
        };
        let registry = registry.unwrap_or(HUB).to_string();
        Ok(Reference { scheme, registry, short_name, tag, digest })
    }

    /// Registry and path: two references with the same are the same image in another version.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.registry, self.short_name)
    }

    /// What stands for the version: the digest when there is one, else the tag.
    pub fn version(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or_default()
    }

    /// The text that Keel would write for another tag: `library/nginx:1.26`, `host:5000/a/b:2`.
    pub fn rewritten(&self, tag: &str) -> String {
        match self.registry.as_str() {
            HUB => format!("{}:{tag}", self.short_name),
            registry => format!("{registry}/{}:{tag}", self.short_name),
        }
    }
}

/// The same image with another tag, in the spelling of its owner. A digest that was pinned is replaced by `digest`.
pub fn with_tag(image: &str, tag: &str, digest: Option<&str>) -> String {
    let (name, _) = image.split_once('@').unwrap_or((image, ""));
    let (name, _) = split_tag(name);
    match digest {
        Some(digest) => format!("{name}:{tag}@{digest}"),
        None => format!("{name}:{tag}"),
    }
}

fn strip_scheme(text: &str) -> (&'static str, &str) {
    match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
        (Some(rest), _) => ("http", rest),
        (_, Some(rest)) => ("https", rest),
        (None, None) => ("https", text),
    }
}

/// A colon after the last slash begins the tag; others belong to the port.
fn split_tag(name: &str) -> (&str, Option<&str>) {
    let path = name.rfind('/').map_or(0, |slash| slash + 1);
    match name.get(path..).and_then(|last| last.split_once(':')) {
        Some((last, tag)) => (name.get(..path + last.len()).unwrap_or(name), Some(tag)),
        None => (name, None),
    }
}

/// The host, unless it is Docker Hub, and the path.
fn split_registry(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some(("docker.io" | "index.docker.io", path)) => (None, path),
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), path),
        _ => (None, name),
    }
}

fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            let inner = address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':');
            return inner
                && !address.is_empty()
                && rest.strip_prefix(':').is_none_or(is_port)
                && (rest.is_empty() || rest.starts_with(':'));
        }
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let part = |part: &str| {
        let alphanumeric = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = part.as_bytes();
        alphanumeric(bytes.first())
            && alphanumeric(bytes.last())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    };
    name.split('.').all(part) && port.is_none_or(is_port)
}

fn is_port(port: &str) -> bool {
    !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Lower-case letters and digits, with one `.`, one or two `_`, or any number of `-` between them.
fn is_path_part(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    if !bytes.first().copied().is_some_and(plain) || !bytes.last().copied().is_some_and(plain) {
        return false;
    }
    part.split(|char: char| char.is_ascii_lowercase() || char.is_ascii_digit())
        .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

/// Whether a text can be a tag.
pub fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = tag.as_bytes();
    bytes.first().copied().is_some_and(word)
        && bytes.len() <= 128
        && bytes.iter().all(|byte| word(*byte) || matches!(byte, b'.' | b'-'))
}

/// Whether a text can be a digest: an algorithm and at least 32 hexadecimal digits.
pub fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hash)) = digest.split_once(':') else { return false };
    let word = |word: &str| {
        word.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    algorithm.split(['-', '_', '+', '.']).all(word)
        && hash.len() >= 32
        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn references_that_are_read() {
        for (text, repository, version) in [
            ("nginx", "index.docker.io/library/nginx", "latest"),
            ("nginx:1.25", "index.docker.io/library/nginx", "1.25"),
            ("acme/x", "index.docker.io/acme/x", "latest"),
            ("docker.io/acme/x:1", "index.docker.io/acme/x", "1"),
            ("index.docker.io/acme/x:1", "index.docker.io/acme/x", "1"),
            ("docker.io/nginx:1", "index.docker.io/library/nginx", "1"),
            ("registry-1.docker.io/acme/x:1", "registry-1.docker.io/acme/x", "1"),
            ("host:4567/a/b:v1", "host:4567/a/b", "v1"),
            ("172.16.77.115:5000/pregap:1.2.3", "172.16.77.115:5000/pregap", "1.2.3"),
            ("http://172.16.77.115:5000/pregap:1.2.3", "172.16.77.115:5000/pregap", "1.2.3"),
            ("https://ghcr.io/a/b", "ghcr.io/a/b", "latest"),
            ("localhost/a", "localhost/a", "latest"),
            ("[::1]:5000/a:1", "[::1]:5000/a", "1"),
            ("a__b/c-----d/e.f:T_1", "index.docker.io/a__b/c-----d/e.f", "T_1"),
            ("Host.io/a", "Host.io/a", "latest"),
            (&format!("nginx@{DIGEST}"), "index.docker.io/library/nginx", DIGEST),
            (&format!("r.io/a:1@{DIGEST}"), "r.io/a", DIGEST),
        ] {
            let read = Reference::parse(text).unwrap();
            assert_eq!((read.repository().as_str(), read.version()), (repository, version), "{text}");
        }
        assert_eq!(Reference::parse("http://r.io/a").unwrap().scheme, "http");
    }

    #[test]
    fn references_that_are_refused() {
        let digits = "a".repeat(64);
        let long = format!("r.io/{}", "a/".repeat(150));
        for text in [
            "",
            "/",
            ":1",
            "a:",
            "A",
            "a/B:1",
            "r.io/",
            "/repo",
            "/repo:1",
            "a..b",
            "a___b",
            "-a",
            "a-",
            "a b",
            "a:b c",
            "r.io:x/a",
            "a:-1",
            "a@sha256:12",
            "a@",
            "r_.io/a.b:c",
            "host:/a",
            &digits,
            &long,
            "é/a",
            "a:é",
            "[::1/a",
            "[]:5/a",
            "a/:1",
            "-r.io/a",
        ] {
            assert!(Reference::parse(text).is_err(), "{text:?}: {:?}", Reference::parse(text));
        }
        // With a tag the 64 digits are a name like any other.
        assert!(Reference::parse(&format!("{digits}:1")).is_ok());
    }

    #[test]
    fn another_tag_in_two_spellings() {
        for (image, own, keel) in [
            ("nginx:1.25", "nginx:2", "library/nginx:2"),
            ("nginx", "nginx:2", "library/nginx:2"),
            ("docker.io/acme/x:1", "docker.io/acme/x:2", "acme/x:2"),
            ("host:5000/a/b", "host:5000/a/b:2", "host:5000/a/b:2"),
            ("host:5000/a/b:1", "host:5000/a/b:2", "host:5000/a/b:2"),
            (&format!("r.io/a:1@{DIGEST}"), "r.io/a:2", "r.io/a:2"),
        ] {
            assert_eq!(with_tag(image, "2", None), own);
            assert_eq!(Reference::parse(image).unwrap().rewritten("2"), keel);
        }
        assert_eq!(with_tag("r.io:1/a", "2", Some(DIGEST)), format!("r.io:1/a:2@{DIGEST}"));
    }
}
