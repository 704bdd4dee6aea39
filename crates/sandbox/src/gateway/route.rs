//! Decides which backend a request goes to, from the Ingresses, the head of the request and one drawn number.
//!
//! As in nginx, a canary Ingress adds nothing of its own: it takes a share of a path that another Ingress serves.

use super::rules::{Backend, Canary, PathKind, PathRule, Rules};
use http::{HeaderMap, header};

/// What of a request decides.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Host, with or without a port.
    pub host: &'a str,
    /// Path without the query.
    pub path: &'a str,
    /// Headers.
    pub headers: &'a HeaderMap,
}

/// The backend for a request; `None` when no Ingress serves it. `draw` is uniform over all numbers.
pub fn route<'a>(ingresses: &'a [Rules], head: Head<'_>, draw: u64) -> Option<&'a Backend> {
    let host = host_name(head.host);
    let mut best: Option<(Fit, &Rules, &PathRule)> = None;
    for rules in ingresses.iter().filter(|rules| rules.canary.is_none()) {
        for path in &rules.paths {
            // Of equals the first stays.
            if let Some(fit) = fit(path, &host, head.path)
                && best.as_ref().is_none_or(|(other, _, _)| fit > *other)
            {
                best = Some((fit, rules, path));
            }
        }
    }
    let Some((_, rules, path)) = best else {
        return ingresses
            .iter()
            .filter(|rules| rules.canary.is_none())
            .find_map(|rules| rules.default_backend.as_ref());
    };
    match canary_of(ingresses, rules, path) {
        Some((canary, backend)) if takes(canary, head.headers, draw) => Some(backend),
        _ => Some(&path.backend),
    }
}

/// How well a path fits, the better the greater: exact host, wildcard host, any host; then the longer path, exact first.
type Fit = (u8, usize, bool);

fn fit(rule: &PathRule, host: &str, path: &str) -> Option<Fit> {
    let by_host = match rule.host.strip_prefix("*.") {
        _ if rule.host.is_empty() => 0,
        // A wildcard stands for exactly one label.
        Some(domain) => match host.split_once('.') {
            Some((label, rest)) if !label.is_empty() && rest == domain => 1,
            _ => return None,
        },
        None if rule.host == host => 2,
        None => return None,
    };
    let exact = rule.kind == PathKind::Exact;
    let fits = if exact { rule.path == path } else { is_prefix(&rule.path, path) };
    fits.then_some((by_host, rule.path.trim_end_matches('/').len(), exact))
}

/// Whole elements only: `/a` is a prefix of `/a` and `/a/b`, not of `/ab`.
fn is_prefix(prefix: &str, path: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The host without its port, in lower case.
fn host_name(host: &str) -> String {
    let end = match host.rfind(':') {
        // An IPv6 address has colons of its own, inside brackets.
        Some(colon) if !host[colon..].contains(']') => colon,
        _ => host.len(),
    };
    host[..end].to_ascii_lowercase()
}

/// The canary of one path: the first canary Ingress of the same namespace that has the same host and path.
fn canary_of<'a>(ingresses: &'a [Rules], stable: &Rules, path: &PathRule) -> Option<(&'a Canary, &'a Backend)> {
    ingresses.iter().filter(|rules| rules.namespace == stable.namespace).find_map(|rules| {
        let canary = rules.canary.as_ref()?;
        let same = rules.paths.iter().find(|other| {
            (&other.host, &other.path, other.kind) == (&path.host, &path.path, path.kind)
                && other.backend.service != path.backend.service
        })?;
        Some((canary, &same.backend))
    })
}

/// Header, then cookie, then weight; the first that has something to say decides.
fn takes(canary: &Canary, headers: &HeaderMap, draw: u64) -> bool {
    let header = canary.header.as_deref().and_then(|name| headers.get(name)).and_then(|value| value.to_str().ok());
    let by_header = match (header, canary.header_value.as_deref()) {
        (Some(value), Some(wanted)) => (value == wanted).then_some(true),
        (Some(value), None) => always_or_never(value),
        (None, _) => None,
    };
    let by_cookie = || canary.cookie.as_deref().and_then(|name| cookie(headers, name)).and_then(always_or_never);
    by_header.or_else(by_cookie).unwrap_or_else(|| share(draw, canary.total) < canary.weight)
}

fn always_or_never(value: &str) -> Option<bool> {
    match value {
        "always" => Some(true),
        "never" => Some(false),
        _ => None,
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    pairs
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.split_once('=').filter(|(key, _)| key.trim() == name))
        .map(|(_, value)| value.trim())
}

/// Maps a number that is uniform over all of `u64` to one that is uniform below `total`.
fn share(draw: u64, total: u64) -> u64 {
    // The product of two u64 fits u128, and its upper half is below `total`.
    u64::try_from((u128::from(draw) * u128::from(total)) >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use serinus_wire::k8s::Ingress;

    fn ingress(name: &str, annotations: Value, paths: &[(&str, &str, &str, &str)]) -> Rules {
        let rules: Vec<Value> = paths
            .iter()
            .map(|(host, path, kind, service)| {
                let backend = json!({"service": {"name": service, "port": {"name": "http"}}});
                json!({"host": host, "http": {"paths": [{"path": path, "pathType": kind, "backend": backend}]}})
            })
            .collect();
        let object = json!({
            "metadata": {"name": name, "namespace": "shop", "annotations": annotations}, "spec": {"rules": rules}
        });
        Rules::of(&serde_json::from_value::<Ingress>(object).unwrap())
    }

    fn canary(extra: Value) -> Value {
        let mut all = json!({"nginx.ingress.kubernetes.io/canary": "true"});
        for (key, value) in extra.as_object().unwrap() {
            all[format!("nginx.ingress.kubernetes.io/{key}")] = value.clone();
        }
        all
    }

    fn ask(rules: &[Rules], host: &str, path: &str, headers: &[(&str, &str)], draw: u64) -> String {
        let mut map = HeaderMap::new();
        for (key, value) in headers {
            map.append(key.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
        }
        let head = Head { host, path, headers: &map };
        route(rules, head, draw).map_or("none".to_string(), |backend| backend.service.clone())
    }

    #[test]
    fn the_most_exact_host_and_the_longest_path_win() {
        let rules = [
            ingress("any", json!({}), &[("", "/", "Prefix", "any"), ("", "/api", "Prefix", "any-api")]),
            ingress("wild", json!({}), &[("*.example.org", "/", "Prefix", "wild")]),
            ingress(
                "named",
                json!({}),
                &[
                    ("a.example.org", "/", "Prefix", "root"),
                    ("a.example.org", "/api", "Prefix", "api"),
                    ("a.example.org", "/api", "Exact", "exact"),
                    ("a.example.org", "/api/", "Prefix", "second of equals"),
                ],
            ),
        ];
        for (host, path, want) in [
            ("a.example.org", "/", "root"),
            ("A.Example.Org:8080", "/x", "root"),
            ("a.example.org", "/api", "exact"),
            ("a.example.org", "/api/v1", "api"),
            ("a.example.org", "/apis", "root"),
            ("b.example.org", "/api", "wild"),
            ("c.b.example.org", "/", "any"),
            ("example.org", "/api/v1", "any-api"),
            ("127.0.0.1:80", "/x", "any"),
            ("[::1]:80", "/x", "any"),
        ] {
            assert_eq!(ask(&rules, host, path, &[], 0), want, "{host}{path}");
        }
        assert_eq!(ask(&rules[1..2], "other.net", "/", &[], 0), "none");
    }

    #[test]
    fn the_canary_takes_its_share_of_the_same_path_only() {
        let stable = ingress("web", json!({}), &[("a", "/", "Prefix", "stable"), ("a", "/other", "Prefix", "other")]);
        let with = |extra: Value| [ingress("c", canary(extra), &[("a", "/", "Prefix", "canary")]), stable.clone()];
        let percent = |n: u64| u64::MAX / 100 * n;
        for (weights, draw, want) in [
            (json!({}), 0, "stable"),
            (json!({"canary-weight": "0"}), 0, "stable"),
            (json!({"canary-weight": "20"}), percent(19), "canary"),
            (json!({"canary-weight": "20"}), percent(21), "stable"),
            (json!({"canary-weight": "100"}), u64::MAX, "canary"),
            (json!({"canary-weight": "20", "canary-weight-total": "1000"}), percent(1), "canary"),
            (json!({"canary-weight": "20", "canary-weight-total": "1000"}), percent(3), "stable"),
            (json!({"canary-weight": "x"}), 0, "stable"),
        ] {
            assert_eq!(ask(&with(weights.clone()), "a", "/", &[], draw), want, "{weights} {draw}");
        }
        assert_eq!(ask(&with(json!({"canary-weight": "100"})), "a", "/other", &[], 0), "other");
        assert_eq!(ask(&with(json!({"canary-weight": "100"}))[..1], "a", "/", &[], 0), "none");
    }

    #[test]
    fn header_before_cookie_before_weight() {
        let stable = ingress("web", json!({}), &[("", "/", "Prefix", "stable")]);
        let by_name = json!({"canary-weight": "50", "canary-by-header": "X-Canary", "canary-by-cookie": "canary"});
        let by_value = json!({"canary-weight": "0", "canary-by-header": "X-Canary", "canary-by-header-value": "me"});
        for (extra, headers, draw, want) in [
            (&by_name, &[("x-canary", "always"), ("cookie", "canary=never")][..], u64::MAX, "canary"),
            (&by_name, &[("x-canary", "never"), ("cookie", "canary=always")][..], 0, "stable"),
            (&by_name, &[("x-canary", "other"), ("cookie", "a=b; canary=always")][..], u64::MAX, "canary"),
            (&by_name, &[("cookie", "canary=never")][..], 0, "stable"),
            (&by_name, &[("cookie", "canary=perhaps")][..], 0, "canary"),
            (&by_name, &[][..], u64::MAX, "stable"),
            (&by_value, &[("x-canary", "me")][..], u64::MAX, "canary"),
            (&by_value, &[("x-canary", "always")][..], 0, "stable"),
        ] {
            let rules = [stable.clone(), ingress("c", canary(extra.clone()), &[("", "/", "Prefix", "canary")])];
            assert_eq!(ask(&rules, "h", "/", headers, draw), want, "{extra} {headers:?}");
        }
    }

    #[test]
    fn a_default_backend_takes_the_rest() {
        let object = json!({"metadata": {"name": "d", "namespace": "shop"},
            "spec": {"defaultBackend": {"service": {"name": "rest", "port": {"number": 80}}}}});
        let rules = [Rules::of(&serde_json::from_value::<Ingress>(object).unwrap())];
        assert_eq!(ask(&rules, "h", "/", &[], 0), "rest");
    }
}
