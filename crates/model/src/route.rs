//! What a request asks for, from its method, path and query.

use std::collections::BTreeMap;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/version`, `/healthz`, `/apis` …
    Meta(Vec<String>),
    /// Objects.
    Objects(Address),
}

/// Which objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Group.
    pub group: String,
    /// Version.
    pub version: String,
    /// Namespace; empty: cluster-wide, or all namespaces.
    pub namespace: String,
    /// Plural.
    pub plural: String,
    /// Name; empty: the collection.
    pub name: String,
    /// `status`, `scale`, `log` …
    pub subresource: String,
}

impl Route {
    /// Reads a path.
    pub fn parse(path: &str) -> Route {
        let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let borrowed: Vec<&str> = parts.iter().map(String::as_str).collect();
        let address = match borrowed.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => Address::parse("", version, rest),
            ["apis", group, version, rest @ ..] if !rest.is_empty() => Address::parse(group, version, rest),
            _ => None,
        };
        address.map_or(Route::Meta(parts), Route::Objects)
    }
}

impl Address {
    fn parse(group: &str, version: &str, rest: &[&str]) -> Option<Address> {
        let mut address = Address { group: group.to_string(), version: version.to_string(), ..Address::default() };
        let rest = match rest {
            // `/namespaces/x` and its subresources are the Namespace itself, further down it is a place.
            ["namespaces", namespace, inner @ ..] if !inner.is_empty() && !matches!(inner, ["status" | "finalize"]) => {
                address.namespace = (*namespace).to_string();
                inner
            }
            other => other,
        };
        match rest {
            [plural] => address.plural = (*plural).to_string(),
            [plural, name] => (address.plural, address.name) = ((*plural).to_string(), (*name).to_string()),
            [plural, name, subresource] => {
                (address.plural, address.name) = ((*plural).to_string(), (*name).to_string());
                address.subresource = (*subresource).to_string();
            }
            _ => return None,
        }
        Some(address)
    }
}

/// The parameters of a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads a query string.
    pub fn parse(text: &str) -> Query {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Query(
            pairs
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(&key.replace('+', " ")), decode(&value.replace('+', " ")))
                })
                .collect(),
        )
    }
    /// The same with one more parameter, added to what is there.
    pub fn with(&self, key: &str, value: &str) -> Query {
        let mut query = self.clone();
        let there = query.0.entry(key.to_string()).or_default();
        if !there.is_empty() {
            there.push(',');
        }
        there.push_str(value);
        query
    }
    /// One parameter, or "".
    pub fn text(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }
    /// Whether a parameter is there.
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }
    /// Whether a parameter says yes.
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.0.get(key).map(String::as_str), Some("true" | "1" | ""))
    }
    /// One parameter as a number.
    pub fn number(&self, key: &str) -> Option<u64> {
        self.text(key).parse().ok()
    }
}

/// Undoes percent encoding.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_objects() {
        let table = [
            ("/api/v1/namespaces/n/pods/p/log", ("", "v1", "n", "pods", "p", "log")),
            ("/api/v1/namespaces/n", ("", "v1", "", "namespaces", "n", "")),
            ("/api/v1/namespaces/n/status", ("", "v1", "", "namespaces", "n", "status")),
            ("/api/v1/pods", ("", "v1", "", "pods", "", "")),
            ("/apis/apps/v1/namespaces/n/deployments", ("apps", "v1", "n", "deployments", "", "")),
            ("/apis/a.io/v1/namespaces/n/things/x%3Ay/scale", ("a.io", "v1", "n", "things", "x:y", "scale")),
        ];
        for (path, (group, version, namespace, plural, name, subresource)) in table {
            let Route::Objects(a) = Route::parse(path) else { panic!("{path}") };
            let found = (
                a.group.as_str(),
                a.version.as_str(),
                a.namespace.as_str(),
                a.plural.as_str(),
                a.name.as_str(),
                a.subresource.as_str(),
            );
            assert_eq!(found, (group, version, namespace, plural, name, subresource), "{path}");
        }
        for path in ["/", "/api/v1", "/apis/apps/v1", "/version", "/openapi/v3/apis/apps/v1"] {
            assert!(matches!(Route::parse(path), Route::Meta(_)), "{path}");
        }
    }

    #[test]
    fn queries_are_decoded() {
        let query = Query::parse("labelSelector=a%3Db%2Cc+in+%28d%29&watch=true&limit=5");
        assert_eq!(
            (query.text("labelSelector"), query.flag("watch"), query.number("limit")),
            ("a=b,c in (d)", true, Some(5))
        );
    }
}
