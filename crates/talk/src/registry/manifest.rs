//! Manifests: which platforms an image is for, and its digest.

use aws_lc_rs::digest;
use serde::Deserialize;
use std::collections::BTreeSet;

/// What is taken: indexes and manifests, of Docker and of OCI.
pub const ACCEPT: &str = "application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json";

/// Operating system and architecture, as Go names them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// For example `linux`.
    pub os: String,
    /// For example `arm64`.
    pub architecture: String,
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

/// What a manifest tells about platforms.
pub enum Told {
    /// These; none of them: it is no image for any node.
    Platforms(BTreeSet<Platform>),
    /// The configuration under this digest tells.
    InConfig(String),
    /// It is no manifest.
    Malformed,
}

/// Reads a manifest or an index.
pub fn read(body: &[u8]) -> Told {
    #[derive(Deserialize)]
    struct Given {
        #[serde(default)]
        manifests: Option<Vec<Entry>>,
        #[serde(default)]
        config: Option<Config>,
        #[serde(default, rename = "schemaVersion")]
        schema: Option<u32>,
    }
    #[derive(Deserialize)]
    struct Entry {
        #[serde(default)]
        platform: Option<GivenPlatform>,
    }
    #[derive(Deserialize)]
    struct Config {
        #[serde(default)]
        digest: String,
    }
    let Ok(given) = serde_json::from_slice::<Given>(body) else { return Told::Malformed };
    match (given.manifests, given.config) {
        (Some(entries), _) => {
            Told::Platforms(entries.into_iter().filter_map(|entry| entry.platform?.known()).collect())
        }
        (None, Some(config)) if is_digest(&config.digest) => Told::InConfig(config.digest),
        // The first schema of Docker: nothing that can be relied on.
        (None, _) if given.schema.is_some() => Told::Platforms(BTreeSet::new()),
        _ => Told::Malformed,
    }
}

/// Reads the configuration of an image. What is no image has none.
pub fn of_config(body: &[u8]) -> Option<BTreeSet<Platform>> {
    let given: GivenPlatform = serde_json::from_slice(body).ok()?;
    Some(given.known().into_iter().collect())
}

#[derive(Deserialize)]
struct GivenPlatform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
}

impl GivenPlatform {
    /// Attestations stand in an index under `unknown`.
    fn known(self) -> Option<Platform> {
        let named = |text: &str| !text.is_empty() && text != "unknown" && text.len() <= 32;
        (named(&self.os) && named(&self.architecture))
            .then_some(Platform { os: self.os, architecture: self.architecture })
    }
}

/// The digest of a manifest, computed.
pub fn digest_of(body: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, body);
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Whether a text is a digest with a hash that is long enough.
pub fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hash)| {
        !algorithm.is_empty()
            && algorithm.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'_' | b'-'))
            && hash.len() >= 32
            && hash.len() <= 256
            && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(platforms: &BTreeSet<Platform>) -> String {
        platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn platforms_of_indexes_and_configurations() {
        let index = br#"{"schemaVersion":2,"manifests":[
            {"digest":"x","platform":{"os":"linux","architecture":"arm64","variant":"v8"}},
            {"platform":{"os":"linux","architecture":"amd64"}}, {"platform":{"os":"unknown","architecture":"unknown"}}, {}]}"#;
        assert!(matches!(read(index), Told::Platforms(found) if names(&found) == "linux/amd64 linux/arm64"));
        let digest = format!("sha256:{}", "a".repeat(64));
        let manifest = format!(r#"{{"schemaVersion":2,"config":{{"digest":"{digest}","mediaType":"x"}},"layers":[]}}"#);
        assert!(matches!(read(manifest.as_bytes()), Told::InConfig(found) if found == digest));
        assert!(
            matches!(read(br#"{"schemaVersion":1,"architecture":"amd64"}"#), Told::Platforms(found) if found.is_empty())
        );
        for body in ["", "<html>", "{}", "[]", r#"{"config":{"digest":"../x"}}"#] {
            assert!(matches!(read(body.as_bytes()), Told::Malformed), "{body}");
        }
        assert_eq!(names(&of_config(br#"{"os":"linux","architecture":"s390x"}"#).unwrap()), "linux/s390x");
        assert_eq!(of_config(b"{}").unwrap().len(), 0);
        assert_eq!(of_config(b"<"), None);
    }

    #[test]
    fn digests() {
        assert_eq!(digest_of(b""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert!(is_digest(&digest_of(b"x")));
        for text in ["", "sha256:", "sha256:12", &format!("sha256:{}", "g".repeat(64)), &format!(":{}", "a".repeat(64))]
        {
            assert!(!is_digest(text), "{text}");
        }
    }
}
