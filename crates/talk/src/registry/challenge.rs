//! `WWW-Authenticate`: how a registry wants to be asked (RFC 9110, section 11.6.1).

/// How a registry wants to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// With a token that `realm` gives.
    Bearer {
        /// URL of the server that gives tokens.
        realm: String,
        /// Who the token is for.
        service: String,
        /// What it may do; empty: the registry does not say.
        scope: String,
    },
    /// With user and password.
    Basic,
}

/// The best challenge of an answer: tokens before passwords. Nothing when none is understood.
pub fn best(headers: &[String]) -> Option<Challenge> {
    let all: Vec<Challenge> = headers.iter().flat_map(|header| parse(header)).collect();
    let bearer = all.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
    bearer.or(all.first()).cloned()
}

/// The challenges of one header that are understood.
fn parse(header: &str) -> Vec<Challenge> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            break;
        }
        match after.trim_start_matches([' ', '\t']).strip_prefix('=') {
            // A parameter of the scheme before it.
            Some(value) => {
                let (value, after) = parameter(value.trim_start_matches([' ', '\t']));
                if let Some((_, parameters)) = found.last_mut() {
                    parameters.push((word.to_ascii_lowercase(), value));
                }
                rest = after;
            }
            None => {
                found.push((word.to_ascii_lowercase(), Vec::new()));
                rest = after;
            }
        }
    }
    found.into_iter().filter_map(|(scheme, parameters)| challenge(&scheme, &parameters)).collect()
}

/// A value, quoted or not, and what comes after it.
fn parameter(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find([',', ' ', '\t']).unwrap_or(text.len()));
        return (value.to_string(), rest);
    };
    let (mut value, mut escaped) = (String::new(), false);
    for (at, char) in quoted.char_indices() {
        match char {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return (value, quoted.get(at + 1..).unwrap_or_default()),
            char => {
                value.push(char);
                escaped = false;
            }
        }
    }
    (value, "")
}

fn challenge(scheme: &str, parameters: &[(String, String)]) -> Option<Challenge> {
    let of = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" => {
            let (service, scope) = (of("service").unwrap_or_default(), of("scope").unwrap_or_default());
            Some(Challenge::Bearer { realm: of("realm").filter(|realm| !realm.is_empty())?, service, scope })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: &str, scope: &str) -> Option<Challenge> {
        let [realm, service, scope] = [realm, service, scope].map(str::to_string);
        Some(Challenge::Bearer { realm, service, scope })
    }

    #[test]
    fn challenges_as_registries_send_them() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull""#;
        let wanted = bearer("https://auth.docker.io/token", "registry.docker.io", "repository:library/nginx:pull");
        for (headers, wanted) in [
            (vec![hub], wanted.clone()),
            (vec!["Basic realm=\"x\"", hub], wanted.clone()),
            (
                vec![r#"Basic realm="a, b", Bearer realm="https://t/x" , service=s,scope="a:b:pull,push""#],
                bearer("https://t/x", "s", "a:b:pull,push"),
            ),
            (vec![r#"bearer Realm = "https://t""#], bearer("https://t", "", "")),
            (vec![r#"Bearer realm="https://t/\"q\"",error="invalid_token""#], bearer("https://t/\"q\"", "", "")),
            (vec!["BASIC realm=basic"], Some(Challenge::Basic)),
            (vec!["Basic"], Some(Challenge::Basic)),
            (vec!["Negotiate", "Basic realm=\"\""], Some(Challenge::Basic)),
            (vec!["Bearer service=\"s\""], None),
            (vec!["Bearer realm=\"\""], None),
            (vec!["Negotiate abc="], None),
            (vec![r#"Bearer realm="unended"#], bearer("unended", "", "")),
            (vec!["", ",,,", "=", "\"", "realm=\"x\""], None),
            (vec![], None),
        ] {
            let headers: Vec<String> = headers.into_iter().map(str::to_string).collect();
            assert_eq!(best(&headers), wanted, "{headers:?}");
        }
    }
}
