//! Pod templates as raw JSON: defaults as the API server stores them, equality in the sense of Kubernetes, images.

mod defaults;

use crate::keys;
pub use defaults::defaulted;
use serde_json::{Map, Value};
use serinus_gocompat::json::{self, Quantities};
use serinus_gocompat::shape;

/// Whether a stored template says the same as a desired one: defaults filled in, quantities by their worth, null and empty
/// alike, without the hash label and without the deprecated twin of `serviceAccountName`.
pub fn same(live: &Value, desired: &Value) -> bool {
    // Defaults are filled in on both sides: a set that an older API server stored lacks the newer ones.
    comparable(live) == comparable(desired)
}

fn comparable(template: &Value) -> String {
    let mut template = defaulted(&without_hash(template));
    if let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) {
        spec.shift_remove("serviceAccount");
    }
    json::encode(&shape::POD_TEMPLATE, &without_empty(template), Quantities::ByWorth)
}

/// Nil and empty lists and maps are the same to Kubernetes; an empty struct is something that was said.
fn without_empty(template: Value) -> Value {
    match template {
        Value::Array(items) => items.into_iter().map(without_empty).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty()))
            .map(|(key, value)| (key, without_empty(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => template,
    }
}

/// The template without the label that carries its hash.
pub fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.shift_remove(keys::HASH);
    }
    template
}

/// Name and image of each container, init containers first.
pub fn images(template: &Value) -> Vec<(String, String)> {
    let text =
        |container: &Value, key: &str| container.get(key).and_then(Value::as_str).unwrap_or_default().to_string();
    ["/spec/initContainers", "/spec/containers"]
        .iter()
        .filter_map(|path| template.pointer(path).and_then(Value::as_array))
        .flatten()
        .map(|container| (text(container, "name"), text(container, "image")))
        .collect()
}

/// The object under a key, made if it is missing or null.
pub fn child<'v>(value: &'v mut Value, key: &str) -> &'v mut Value {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let slot = &mut value[key];
    if slot.is_null() {
        *slot = Value::Object(Map::new());
    }
    slot
}

/// Fields of an object, if it is one.
fn fields<'a>(parent: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    parent.get_mut(key).and_then(Value::as_object_mut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template(container: Value) -> Value {
        json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [container]}})
    }

    #[test]
    fn a_stored_template_equals_the_one_it_was_made_from() {
        let desired = template(
            json!({"name": "c", "image": "nginx", "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}}}),
        );
        let live = json!({
            "metadata": {"creationTimestamp": null, "labels": {"app": "a", "rollouts-pod-template-hash": "abc"}},
            "spec": {
                "containers": [{
                    "name": "c", "image": "nginx", "imagePullPolicy": "Always",
                    "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}},
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                }],
                "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
                "securityContext": {}, "terminationGracePeriodSeconds": 30,
            },
        });
        assert!(same(&live, &desired));
    }

    #[test]
    fn what_differs_differs() {
        let base = json!({"name": "c", "image": "nginx:1", "resources": {"limits": {"memory": "1Gi"}}});
        let table = [
            (json!({"name": "c", "image": "nginx:1", "resources": {"limits": {"memory": "1073741824"}}}), true),
            (json!({"name": "c", "image": "nginx:1", "resources": {"limits": {"memory": "1Gi"}}, "env": []}), true),
            (json!({"name": "c", "image": "nginx:1", "resources": {"limits": {"memory": "1Gi"}}, "tty": false}), true),
            (json!({"name": "c", "image": "nginx:1", "resources": {"limits": {"memory": "1Gi"}}, "env": null}), true),
            (json!({"name": "c", "image": "nginx:2", "resources": {"limits": {"memory": "1Gi"}}}), false),
            (json!({"name": "c", "image": "nginx:1", "resources": {"limits": {"memory": "2Gi"}}}), false),
            (
                json!({"name": "c", "image": "nginx:1", "resources": {"limits": {"memory": "1Gi"}}, "securityContext": {}}),
                false,
            ),
        ];
        for (other, expected) in table {
            assert_eq!(same(&template(base.clone()), &template(other.clone())), expected, "{other}");
        }
    }

    #[test]
    fn the_deprecated_service_account_does_not_count() {
        let desired = json!({"spec": {"serviceAccountName": "sa"}});
        assert!(same(&json!({"spec": {"serviceAccountName": "sa", "serviceAccount": "sa"}}), &desired));
        assert!(!same(&json!({"spec": {"serviceAccountName": "sb", "serviceAccount": "sa"}}), &desired));
    }

    #[test]
    fn images_are_found() {
        let template =
            json!({"spec": {"containers": [{"name": "c", "image": "i:1"}], "initContainers": [{"name": "a"}]}});
        let expected = vec![("a".to_string(), String::new()), ("c".to_string(), "i:1".to_string())];
        assert_eq!(images(&template), expected);
        assert_eq!(images(&Value::Null), Vec::new());
    }
}
