//! How Kubernetes wants names and labels to be spelled, and its words for what is wrong with one.

const LABEL_1123: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_1123: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NAME_PART: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const TOO_LONG_63: &str = "must be no more than 63 characters";
const TOO_LONG_253: &str = "must be no more than 253 characters";

/// What is wrong with a container, port or volume name (RFC 1123 label).
pub fn dns_label(name: &str) -> Option<&'static str> {
    if name.len() > 63 {
        return Some(TOO_LONG_63);
    }
    (!is_dns_label(name)).then_some(LABEL_1123)
}

/// What is wrong with an object's name (RFC 1123 subdomain).
pub fn dns_subdomain(name: &str) -> Option<&'static str> {
    if name.len() > 253 {
        return Some(TOO_LONG_253);
    }
    (!name.split('.').all(is_dns_label)).then_some(SUBDOMAIN_1123)
}

/// What is wrong with the value of a label.
pub fn label_value(value: &str) -> Option<&'static str> {
    if value.len() > 63 {
        return Some(TOO_LONG_63);
    }
    (!value.is_empty() && !is_loose_name(value)).then_some(LABEL_VALUE)
}

/// What is wrong with the key of a label or annotation: `[prefix/]name`.
pub fn qualified_name(key: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let name = match key.split('/').collect::<Vec<_>>()[..] {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                problems.push("prefix part must be non-empty".to_string());
            } else if let Some(problem) = dns_subdomain(prefix) {
                problems.push(format!("prefix part {problem}"));
            }
            name
        }
        _ => {
            let shape = NAME_PART.trim_start_matches("name part must");
            return vec![format!(
                "a qualified name must{shape} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        problems.push("name part must be non-empty".to_string());
    } else if name.len() > 63 {
        problems.push(format!("name part {TOO_LONG_63}"));
    }
    if !is_loose_name(name) {
        problems.push(NAME_PART.to_string());
    }
    problems
}

fn is_dns_label(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    framed(name, inner, |byte| inner(byte) || byte == b'-')
}

fn is_loose_name(name: &str) -> bool {
    let ends = |byte: u8| byte.is_ascii_alphanumeric();
    framed(name, ends, |byte| ends(byte) || matches!(byte, b'-' | b'_' | b'.'))
}

/// First and last byte satisfy `ends`, all others `inner`.
fn framed(name: &str, ends: impl Fn(u8) -> bool, inner: impl Fn(u8) -> bool) -> bool {
    match name.as_bytes() {
        [] => false,
        [only] => ends(*only),
        [first, middle @ .., last] => ends(*first) && ends(*last) && middle.iter().all(|byte| inner(*byte)),
    }
}
