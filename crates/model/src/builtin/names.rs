//! Names, labels, annotations, finalizers and owners: what is wrong with the metadata of any kind.

use crate::failure::Cause;
use crate::object::Fields;
use serde_json::Value;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_1123: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const NAME_PART: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

fn is_subdomain(name: &str) -> bool {
    !name.is_empty() && name.len() <= 253 && name.split('.').all(is_label)
}

fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// What is wrong with a name that may not have dots.
pub fn label_1123(text: &str) -> Vec<String> {
    if is_label(text) && text.len() <= 63 { vec![] } else { vec![LABEL_1123.to_string()] }
}

/// Letters, digits and `-_.`, with a letter or digit at both ends.
fn is_name_part(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && edge(text.chars().next())
        && edge(text.chars().last())
}

/// What is wrong with the value of a label.
pub fn label_value(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > 63 {
        wrong.push("must be no more than 63 bytes".to_string());
    }
    if !text.is_empty() && !is_name_part(text) {
        wrong.push(LABEL_VALUE.to_string());
    }
    wrong
}

/// What is wrong with the key of a label, an annotation or the name of a finalizer.
pub fn label_key(key: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let (prefix, name) = match key.split_once('/') {
        None => (None, key),
        Some((_, rest)) if rest.contains('/') => {
            return vec![format!(
                "a valid label key must consist of {NAME_PART} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
        Some((prefix, name)) => (Some(prefix), name),
    };
    match prefix {
        Some("") => wrong.push("prefix part must be non-empty".to_string()),
        Some(prefix) if !is_subdomain(prefix) => wrong.push(format!("prefix part {SUBDOMAIN}")),
        _ => {}
    }
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_string());
    } else if name.len() > 63 {
        wrong.push("name part must be no more than 63 bytes".to_string());
    }
    if !is_name_part(name) {
        wrong.push(NAME_PART.to_string());
    }
    wrong
}

/// What is wrong with a key of a ConfigMap or a Secret.
pub fn config_key(key: &str) -> Vec<String> {
    let good = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if good { vec![] } else { vec![CONFIG_KEY.to_string()] }
}

/// What is wrong with names, labels and owners of any kind. `built_in`: finalizers must be qualified or well known.
pub fn metadata(kind: &str, object: &Value, built_in: bool) -> Vec<Cause> {
    let mut causes = Vec::new();
    name(kind, object.name(), &mut causes);
    for (key, value) in object.map("/metadata/labels").into_iter().flatten() {
        let text = value.as_str().unwrap_or_default();
        causes.extend(label_key(key).iter().map(|why| Cause::invalid("metadata.labels", &key.as_str().into(), why)));
        causes.extend(label_value(text).iter().map(|why| Cause::invalid("metadata.labels", value, why)));
    }
    for (key, _) in object.map("/metadata/annotations").into_iter().flatten() {
        let lower = key.to_lowercase();
        causes.extend(
            label_key(&lower).iter().map(|why| Cause::invalid("metadata.annotations", &key.as_str().into(), why)),
        );
    }
    for owner in object.items("/metadata/ownerReferences") {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner.text(&format!("/{field}")).is_empty() {
                causes.push(Cause::invalid(
                    format!("metadata.ownerReferences.{field}"),
                    &"".into(),
                    "must not be empty",
                ));
            }
        }
    }
    let finalizers = object.items("/metadata/finalizers");
    for finalizer in finalizers {
        let text = finalizer.as_str().unwrap_or_default();
        causes.extend(label_key(text).iter().map(|why| Cause::invalid("metadata.finalizers", finalizer, why)));
    }
    for (at, finalizer) in finalizers.iter().enumerate().filter(|_| built_in) {
        let text = finalizer.as_str().unwrap_or_default();
        if !text.contains('/') && !matches!(text, "kubernetes" | "orphan" | "foregroundDeletion") {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            causes.push(Cause::invalid(format!("metadata.finalizers[{at}]"), finalizer, why));
        }
    }
    causes
}

fn name(kind: &str, name: &str, causes: &mut Vec<Cause>) {
    let mut refuse = |why: &str| causes.push(Cause::invalid("metadata.name", &name.into(), why));
    match kind {
        _ if name.is_empty() => causes.push(Cause::required("metadata.name", "name or generateName is required")),
        "Namespace" | "Service" => label_1123(name).iter().for_each(|why| refuse(why)),
        "Event" | "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => {}
        _ if !is_subdomain(name) => refuse(SUBDOMAIN),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn metadata_is_checked() {
        let wrong = |kind: &str, metadata_of: Value| -> Vec<String> {
            metadata(kind, &json!({"metadata": metadata_of}), true).into_iter().map(|cause| cause.field).collect()
        };
        for (kind, name, good) in [
            ("ConfigMap", "a.b-c", true),
            ("ConfigMap", "A", false),
            ("Service", "a.1", false),
            ("Service", "a-1", true),
            ("Namespace", "a.b", false),
        ] {
            assert_eq!(wrong(kind, json!({"name": name})).is_empty(), good, "{kind} {name}");
        }
        let bad = json!({"name": "a", "finalizers": ["unqualified", "/x", "a.io/b"], "labels": {"l": "-x", "bad key": "x"}, "annotations": {"bad key!": "x"}});
        assert_eq!(
            wrong("ConfigMap", bad),
            [
                "metadata.labels",
                "metadata.labels",
                "metadata.annotations",
                "metadata.finalizers",
                "metadata.finalizers[0]"
            ]
        );
    }
}
