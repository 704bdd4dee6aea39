//! Those who may tell of pushes, each with a token or a secret of its own, and of which images.

use crate::token;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Uri, header};
use serinus_gocompat::lenient::{Fields, Misfit, first};

/// Where senders put a signature of the body.
const SIGNATURES: [&str; 4] = ["x-hub-signature-256", "x-drone-signature", "x-signature", "x-serinus-signature"];
/// Where senders put a token, beside `Authorization`.
const TOKENS: [&str; 2] = ["x-gitlab-token", "x-serinus-token"];

/// A pipeline or a registry that tells of pushes.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    /// What the log calls it.
    pub name: String,
    /// It says this, as a bearer token, as the password of `name`, in a header, or as `?token=`; empty: it signs.
    pub token: String,
    /// It signs bodies with this (HMAC-SHA256); empty: it says its token.
    pub secret: String,
    /// Repositories that it may tell of; one that ends with `*` stands for all that begin so.
    pub images: Vec<String>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("name", &self.name).field("images", &self.images).finish_non_exhaustive()
    }
}

impl Source {
    /// All of a list in JSON: `[{"name", "token" or "secret", "images": […]}]`. An empty text is an empty list.
    ///
    /// # Errors
    /// One line that says what is wrong, without what is secret.
    pub fn list(text: &str) -> Result<Vec<Source>, String> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let misfit = |misfit: Misfit| misfit.to_string();
        let wrapped = format!("{{\"sources\": {text}\n}}");
        let json = first(wrapped.as_bytes()).map_err(misfit)?;
        let mut sources: Vec<Source> = Vec::new();
        for fields in Fields::of(&json).map_err(misfit)?.objects("sources").map_err(misfit)? {
            let text = |name: &str| fields.text(name).map_err(misfit);
            let images = fields.texts("images").map_err(misfit)?;
            let source = Source { name: text("name")?, token: text("token")?, secret: text("secret")?, images };
            let name = &source.name;
            if name.is_empty() {
                return Err("a source has no name: give each one".to_string());
            }
            if sources.iter().any(|other| other.name == *name) {
                return Err(format!("two sources are called {name:?}: give each its own name"));
            }
            if source.token.is_empty() == source.secret.is_empty() {
                return Err(format!("source {name:?}: give it a token or a secret, and not both"));
            }
            if source.images.is_empty() {
                return Err(format!("source {name:?}: images is empty: say which it may tell of, [\"*\"] for all"));
            }
            sources.push(source);
        }
        Ok(sources)
    }

    /// Whether it is known by the body alone.
    pub fn signs(&self) -> bool {
        !self.secret.is_empty()
    }

    /// Whether it sent this body. Without a body nothing is signed.
    pub fn sent(&self, headers: &HeaderMap, uri: &Uri, body: Option<&[u8]>) -> bool {
        match body {
            Some(body) if self.signs() => is_signed(&self.secret, headers, body),
            None if self.signs() => false,
            _ => self.says_token(headers, uri),
        }
    }

    fn says_token(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let is = |given: &str| token::same(&self.token, given);
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if TOKENS.iter().filter_map(|name| text(name)).any(is) {
            return true;
        }
        let query = uri.query().unwrap_or_default().split('&');
        if query.filter_map(|pair| pair.strip_prefix("token=")).any(is) {
            return true;
        }
        let Some(said) = text(header::AUTHORIZATION.as_str()) else { return false };
        match said.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => is(token.trim()),
            Some((scheme, basic)) if scheme.eq_ignore_ascii_case("basic") => {
                let decoded = STANDARD.decode(basic.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                decoded
                    .as_deref()
                    .and_then(|pair| pair.split_once(':'))
                    .is_some_and(|(user, password)| user == self.name && is(password))
            }
            // As Harbor sends what its webhook is given.
            _ => is(said),
        }
    }

    /// Whether it may tell of a repository.
    pub fn may_tell_of(&self, repository: &str) -> bool {
        self.images.iter().any(|image| match image.strip_suffix('*') {
            Some(beginning) => repository.starts_with(beginning),
            None => repository == image,
        })
    }
}

/// Who is at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visitor<'a> {
    /// Whom the credentials of people let in.
    Person,
    /// Who is on the list.
    Source(&'a Source),
    /// Nobody that is known.
    Stranger,
}

impl Visitor<'_> {
    /// Whether he may tell of a repository, once he is let in.
    pub fn may_tell_of(&self, repository: &str) -> bool {
        match self {
            Visitor::Source(source) => source.may_tell_of(repository),
            Visitor::Person | Visitor::Stranger => true,
        }
    }

    /// His name as a source; empty where he is none.
    pub fn source(&self) -> &str {
        match self {
            Visitor::Source(source) => &source.name,
            Visitor::Person | Visitor::Stranger => "",
        }
    }

    /// What the log calls him.
    pub fn name(&self) -> &str {
        match self {
            Visitor::Person => "a person",
            Visitor::Source(source) => &source.name,
            Visitor::Stranger => "a stranger",
        }
    }
}

/// Whether one of the headers is the signature of the body.
pub fn is_signed(secret: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let signatures = SIGNATURES.iter().filter_map(|name| headers.get(*name)?.to_str().ok());
    signatures.into_iter().any(|signature| token::is_signed(secret, signature, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Source {
        Source::list(&format!("[{text}]")).unwrap().remove(0)
    }

    #[test]
    fn a_list_is_read_or_refused_without_what_is_secret() {
        assert_eq!(Source::list(" "), Ok(Vec::new()));
        let drone = one(r#"{"name": "drone", "token": "hunter2", "images": ["172.16.77.115:5000/pregap"]}"#);
        assert_eq!((drone.name.as_str(), drone.images.len()), ("drone", 1));
        assert!(!format!("{drone:?}").contains("hunter2"));
        for (text, wanted) in [
            ("drone=hunter2", "no JSON value"),
            ("{}", "sources: must be a list"),
            (r#"[{"token": "hunter2", "images": ["*"]}]"#, "has no name"),
            (r#"[{"name": "a", "images": ["*"]}]"#, "a token or a secret"),
            (r#"[{"name": "a", "token": "hunter2", "secret": "hunter2", "images": ["*"]}]"#, "not both"),
            (r#"[{"name": "a", "token": "hunter2"}]"#, "images is empty"),
            (r#"[{"name": "a", "token": "hunter2", "images": "*"}]"#, "images: must be"),
            (
                r#"[{"name": "a", "token": "hunter2", "images": ["*"]}, {"name": "a", "token": "x", "images": ["*"]}]"#,
                "two sources",
            ),
        ] {
            let why = Source::list(text).unwrap_err();
            assert!(why.contains(wanted) && !why.contains("hunter2"), "{text}: {why}");
        }
    }

    #[test]
    fn a_token_is_said_in_the_ways_that_senders_have() {
        let source = one(r#"{"name": "quay", "token": "t0k", "images": ["*"]}"#);
        let sent = |name: &'static str, value: &str, uri: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            source.sent(&headers, &uri.parse().unwrap(), Some(b"{}"))
        };
        for (name, value, uri, wanted) in [
            ("authorization", "Bearer t0k", "/", true),
            ("authorization", "bearer  t0k", "/", true),
            ("authorization", "t0k", "/", true),
            ("authorization", "Basic cXVheTp0MGs=", "/", true),
            ("authorization", "Basic b3RoZXI6dDBr", "/", false), // other:t0k
            ("authorization", "Basic ???", "/", false),
            ("authorization", "Bearer t0", "/", false),
            ("authorization", "", "/", false),
            ("x-gitlab-token", "t0k", "/", true),
            ("x-serinus-token", "x", "/", false),
            ("x-other", "t0k", "/", false),
            ("x-other", "", "/v1/webhooks/quay?a=b&token=t0k", true),
            ("x-other", "", "/v1/webhooks/quay?token=", false),
        ] {
            assert_eq!(sent(name, value, uri), wanted, "{name}: {value} {uri}");
        }
        let signs = one(r#"{"name": "github", "secret": "Jefe", "images": ["*"]}"#);
        let mut headers = HeaderMap::new();
        // RFC 4231, test case 2.
        let good = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        headers.insert("x-hub-signature-256", good.parse().unwrap());
        let uri = Uri::from_static("/?token=Jefe");
        assert!(signs.sent(&headers, &uri, Some(b"what do ya want for nothing?")));
        assert!(!signs.sent(&headers, &uri, Some(b"what do ya want for nothing!")));
        assert!(!signs.sent(&HeaderMap::new(), &uri, Some(b"")), "who signs does not say its secret");
        assert!(!signs.sent(&headers, &uri, None));
    }

    #[test]
    fn images_are_named_whole_or_by_their_beginning() {
        let source = one(r#"{"name": "a", "token": "t", "images": ["r.io/a", "ghcr.io/acme/*"]}"#);
        for (repository, wanted) in
            [("r.io/a", true), ("r.io/ab", false), ("ghcr.io/acme/web", true), ("ghcr.io/acmeweb", false), ("", false)]
        {
            assert_eq!(source.may_tell_of(repository), wanted, "{repository}");
        }
    }
}
