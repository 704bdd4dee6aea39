//! Credentials in the file that Docker writes, as pull secrets hold it: `.dockerconfigjson`, and the older `.dockercfg`.
//!
//! Nothing of a file that can't be read is ever told on.

use serde_json::{Map, Value};
use serinus_gocompat::base64;

/// Names of Docker Hub.
const HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// Who asks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credential {
    /// User.
    pub user: String,
    /// What proves it.
    pub secret: Secret,
}

/// What proves who asks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Secret {
    /// A password.
    Password(String),
    /// A token that the server of tokens takes in exchange for another.
    Identity(String),
}

/// Not even the user is shown: it may be a key.
impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").finish_non_exhaustive()
    }
}

impl Credential {
    /// User and password.
    pub fn new(user: &str, password: &str) -> Credential {
        Credential { user: user.to_string(), secret: Secret::Password(password.to_string()) }
    }

    /// The header of Basic authentication; nothing for an identity token.
    pub(super) fn basic(&self) -> Option<String> {
        match &self.secret {
            Secret::Password(password) => {
                Some(format!("Basic {}", base64::encode(format!("{}:{password}", self.user).as_bytes())))
            }
            Secret::Identity(_) => None,
        }
    }
}

/// What a file holds: names of registries and who asks them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    list: Vec<(String, Credential)>,
    /// Entries that hold something and can't be read.
    pub unreadable: usize,
}

impl Entries {
    /// Reads `.dockerconfigjson`: the entries are under `auths`.
    ///
    /// # Errors
    /// It is none.
    pub fn of_config(text: &[u8]) -> Result<Entries, &'static str> {
        const WRONG: &str = "it is not the JSON of a docker config: an object with \"auths\"";
        let file: Map<String, Value> = serde_json::from_slice(text).map_err(|_| WRONG)?;
        match file.get("auths") {
            Some(Value::Object(auths)) => Ok(Entries::read(auths)),
            None | Some(Value::Null) => Ok(Entries::default()),
            Some(_) => Err(WRONG),
        }
    }

    /// Reads `.dockercfg`: the entries are at the top.
    ///
    /// # Errors
    /// It is none.
    pub fn of_legacy(text: &[u8]) -> Result<Entries, &'static str> {
        let file: Map<String, Value> = serde_json::from_slice(text)
            .map_err(|_| "it is not the JSON of a .dockercfg: an object with a name for each registry")?;
        Ok(Entries::read(&file))
    }

    fn read(auths: &Map<String, Value>) -> Entries {
        let mut entries = Entries::default();
        for (name, auth) in auths {
            match credential(auth) {
                Ok(Some(credential)) => entries.list.push((name.trim().to_string(), credential)),
                // Nothing is in it: other secrets may know more.
                Ok(None) => {}
                Err(()) => entries.unreadable += 1,
            }
        }
        entries
    }

    /// Who asks `host` (with its port) for `path`: the entry for the very host and the longest part of the path, then one that
    /// leaves the port out.
    pub fn find(&self, host: &str, path: &str) -> Option<&Credential> {
        let rank = |name: &str| rank(name, host, path);
        let ranked = self.list.iter().filter_map(|(name, credential)| Some((rank(name)?, credential)));
        // Of equals the first counts.
        let mut best: Option<((u8, usize), &Credential)> = None;
        for (rank, credential) in ranked {
            if best.is_none_or(|(other, _)| rank > other) {
                best = Some((rank, credential));
            }
        }
        best.map(|(_, credential)| credential)
    }
}

/// How well the name of an entry fits a host and a path; nothing when it does not.
fn rank(name: &str, host: &str, path: &str) -> Option<(u8, usize)> {
    let rest = name.split_once("://").map_or(name, |(_, rest)| rest).trim_end_matches('/');
    let (of_host, of_path) = rest.split_once('/').unwrap_or((rest, ""));
    // `/v1/` and `/v2/` belong to the address of the API.
    let of_path = match of_path {
        "v1" | "v2" => "",
        other => other,
    };
    let fits =
        of_path.is_empty() || path == of_path || path.strip_prefix(of_path).is_some_and(|rest| rest.starts_with('/'));
    if !fits {
        return None;
    }
    let (wanted, given) = (plain(host), plain(of_host));
    if wanted == given {
        return Some((3, of_path.len()));
    }
    let bare = |host: &str| host.rsplit_once(':').map_or(host.to_string(), |(name, _)| name.to_string());
    if bare(&wanted) == given {
        return Some((2, of_path.len()));
    }
    if bare(&wanted) == bare(&given) {
        return Some((1, of_path.len()));
    }
    let stars = given.strip_prefix("*.").and_then(|domain| wanted.strip_suffix(domain)?.strip_suffix('.'));
    stars.filter(|label| !label.is_empty() && !label.contains('.')).map(|_| (0, of_path.len()))
}

/// A host without case, and Docker Hub under one name.
fn plain(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    if HUB.contains(&host.as_str()) { "index.docker.io".to_string() } else { host }
}

/// The credential of an entry; nothing when it holds none.
fn credential(auth: &Value) -> Result<Option<Credential>, ()> {
    let Value::Object(auth) = auth else { return Err(()) };
    let text = |key: &str| match auth.get(key) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err(()),
    };
    let (mut user, mut password) = (text("username")?.to_string(), text("password")?.to_string());
    if user.is_empty() || password.is_empty() {
        let packed = text("auth")?.trim();
        if !packed.is_empty() {
            let unpacked = unpack(packed).ok_or(())?;
            let (name, rest) = unpacked.split_once(':').ok_or(())?;
            (user, password) = (name.to_string(), rest.trim_end_matches('\0').to_string());
        }
    }
    let identity = text("identitytoken")?;
    if !identity.is_empty() {
        return Ok(Some(Credential { user, secret: Secret::Identity(identity.to_string()) }));
    }
    let whole = !user.is_empty() && !password.is_empty();
    Ok(whole.then_some(Credential { user, secret: Secret::Password(password) }))
}

/// Base64 of either alphabet, with or without its padding.
fn unpack(text: &str) -> Option<String> {
    let mut text = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    String::from_utf8(base64::decode(&text)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn user(auths: Value, host: &str, path: &str) -> Option<String> {
        let entries = Entries::of_config(json!({"auths": auths}).to_string().as_bytes()).unwrap();
        entries.find(host, path).map(|credential| credential.user.clone())
    }

    #[test]
    fn who_asks_which_host() {
        let auth = |user: &str| json!({"username": user, "password": "p"});
        let hub = json!({"https://index.docker.io/v1/": auth("hub")});
        for host in ["index.docker.io", "docker.io", "registry-1.docker.io"] {
            assert_eq!(user(hub.clone(), host, "library/nginx").as_deref(), Some("hub"), "{host}");
        }
        assert_eq!(user(hub, "ghcr.io", "a"), None);
        for (names, host, path, wanted) in [
            (vec!["reg:5000", "reg:6000"], "reg:6000", "a", Some("reg:6000")),
            (vec!["reg", "reg:6000"], "reg:6000", "a", Some("reg:6000")),
            (vec!["reg:5000", "reg"], "reg:6000", "a", Some("reg")),
            (vec!["reg:5000"], "reg:6000", "a", Some("reg:5000")),
            (vec!["reg:5000", "reg:7000"], "reg:6000", "a", Some("reg:5000")),
            (vec!["http://reg:5000/v2/"], "reg:5000", "a", Some("http://reg:5000/v2/")),
            (vec!["REG.io"], "reg.io", "a", Some("REG.io")),
            (vec!["reg.io", "reg.io/team", "reg.io/team/a"], "reg.io", "team/a", Some("reg.io/team/a")),
            (vec!["reg.io/team/a", "reg.io/team"], "reg.io", "team/ab", Some("reg.io/team")),
            (vec!["reg.io/team"], "reg.io", "other", None),
            (vec!["*.azurecr.io", "x.azurecr.io"], "x.azurecr.io", "a", Some("x.azurecr.io")),
            (vec!["*.azurecr.io"], "x.azurecr.io", "a", Some("*.azurecr.io")),
            (vec!["*.azurecr.io"], "a.b.azurecr.io", "a", None),
            (vec!["myreg.io"], "reg.io", "a", None),
            (vec!["", "/", "://"], "reg.io", "a", None),
        ] {
            let auths: Map<String, Value> = names.iter().map(|name| (name.to_string(), auth(name))).collect();
            assert_eq!(user(json!(auths), host, path).as_deref(), wanted, "{names:?} {host}/{path}");
        }
    }

    #[test]
    fn entries_in_all_their_forms() {
        let of = |auth: Value| user(json!({"h": auth}), "h", "a");
        assert_eq!(of(json!({"auth": "YW5uOnA6cQ=="})).as_deref(), Some("ann"));
        assert_eq!(of(json!({"auth": " YW5uOnA6cQ\n"})).as_deref(), Some("ann"));
        assert_eq!(of(json!({"username": "bob", "password": "p", "auth": "YW5uOnA="})).as_deref(), Some("bob"));
        assert_eq!(of(json!({"username": "bob", "auth": "YW5uOnA="})).as_deref(), Some("ann"));
        assert_eq!(of(json!({})), None);
        assert_eq!(of(json!({"username": "", "password": "", "auth": ""})), None);
        let entries = Entries::of_config(
            br#"{"auths": {"h": {"auth": "YW5uOnA6cQ=="}, "i": {"identitytoken": "t", "auth": "MDA6"}}}"#,
        )
        .unwrap();
        assert!(matches!(&entries.find("h", "").unwrap().secret, Secret::Password(password) if password == "p:q"));
        assert!(matches!(&entries.find("i", "").unwrap().secret, Secret::Identity(token) if token == "t"));
        let legacy = Entries::of_legacy(br#"{"https://h": {"auth": "YW5uOnA="}}"#).unwrap();
        assert!(legacy.find("h", "x").is_some());
    }

    #[test]
    fn what_can_not_be_read_is_not_told() {
        for text in ["", "hunter2", "[]", "{\"auths\": \"hunter2\"}", "\"hunter2\"", "{\"auths\": {\"hunter2\""] {
            let error = Entries::of_config(text.as_bytes()).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(Entries::of_legacy(b"hunter2").is_err());
        let half = json!({"auths": {"a": {"auth": "hunter2"}, "b": {"auth": "aHVudGVyMg=="}, "c": "x", "d": {"username": 1},
            "e": {"username": "ann", "password": "p"}}});
        let entries = Entries::of_config(half.to_string().as_bytes()).unwrap();
        assert_eq!((entries.unreadable, entries.list.len()), (4, 1));
        assert!(!format!("{entries:?}").contains("ann"));
    }
}
