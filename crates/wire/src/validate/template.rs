//! The pod template: what the API server would refuse when the ReplicaSet is created, said before anything is touched.

mod container;
mod node;
mod resources;

use crate::finding::Finding;
use crate::names;
use crate::selector::Selector;
use node::Node;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The first thing that is wrong with the template, or with how the selector fits it.
pub(super) fn check(template: &Value, selector: Option<&Value>) -> Option<Finding> {
    let template = Node::root("spec.template", template);
    let spec = template.field("spec");
    matches_selector(&template, selector)
        .or_else(|| labels(&template))
        .or_else(|| annotations(&template))
        .or_else(|| volumes(&spec))
        .or_else(|| containers(&spec))
        .or_else(|| pod(&spec))
}

fn matches_selector(template: &Node<'_>, selector: Option<&Value>) -> Option<Finding> {
    let selector = Selector::parse(selector.unwrap_or(&Value::Null)).unwrap_or_default();
    let labels = template.field("metadata").field("labels");
    let pairs: BTreeMap<String, String> = labels.texts().collect();
    (!selector.matches(&pairs)).then(|| {
        Finding::invalid(labels.path.clone(), labels.value, "`selector` does not match template `labels`")
            .hint(format!("give the pod template the labels that spec.selector asks for: {selector}"))
    })
}

fn labels(template: &Node<'_>) -> Option<Finding> {
    // Kubernetes writes this path without `metadata`.
    let path = format!("{}.labels", template.path);
    template.field("metadata").field("labels").texts().find_map(|(key, value)| {
        let (wrong, problem) = match names::qualified_name(&key).into_iter().next() {
            Some(problem) => (key, problem),
            None => (value.clone(), names::label_value(&value)?.to_string()),
        };
        Some(Finding::invalid(path.clone(), &wrong.into(), problem))
    })
}

fn annotations(template: &Node<'_>) -> Option<Finding> {
    let path = format!("{}.annotations", template.path);
    template.field("metadata").field("annotations").texts().find_map(|(key, _)| {
        let problem = names::qualified_name(&key.to_lowercase()).into_iter().next()?;
        Some(Finding::invalid(path.clone(), &key.into(), problem))
    })
}

fn volumes(spec: &Node<'_>) -> Option<Finding> {
    let mut seen = BTreeSet::new();
    spec.items("volumes").into_iter().find_map(|volume| {
        let name = volume.field("name");
        dns_name(&name)
            .or_else(|| {
                let fresh = seen.insert(name.text().to_string());
                (!fresh).then(|| Finding::duplicate(name.path.clone(), name.value))
            })
            .or_else(|| source(&volume))
    })
}

/// A volume has one source at most, and the common ones must say where their content is.
fn source(volume: &Node<'_>) -> Option<Finding> {
    const CONTENT: [(&str, &str); 4] =
        [("hostPath", "path"), ("secret", "secretName"), ("configMap", "name"), ("persistentVolumeClaim", "claimName")];
    let set = volume.value.as_object().into_iter().flatten().filter(|(key, value)| *key != "name" && !value.is_null());
    if let Some((second, _)) = { set }.nth(1) {
        return Some(Finding::forbidden(volume.field(second).path, "may not specify more than 1 volume type"));
    }
    CONTENT.iter().find_map(|(kind, key)| {
        let source = volume.field(kind);
        let missing = source.is_set() && source.value_text(key).is_empty();
        missing.then(|| Finding::required(source.field(key).path, ""))
    })
}

fn containers(spec: &Node<'_>) -> Option<Finding> {
    let volumes = spec.items("volumes");
    let volumes: BTreeSet<&str> = volumes.iter().map(|volume| volume.value_text("name")).collect();
    let running = spec.items("containers");
    if running.is_empty() {
        return Some(Finding::required(spec.field("containers").path, "").hint("list at least one container"));
    }
    let mut seen = BTreeSet::new();
    let mut unique = |container: &Node<'_>| {
        let name = container.field("name");
        let fresh = seen.insert(name.text().to_string());
        (!fresh).then(|| Finding::duplicate(name.path.clone(), name.value))
    };
    running.iter().find_map(|found| container::check(found, &volumes, false).or_else(|| unique(found))).or_else(|| {
        let first = spec.items("initContainers");
        first.iter().find_map(|found| container::check(found, &volumes, true).or_else(|| unique(found)))
    })
}

fn pod(spec: &Node<'_>) -> Option<Finding> {
    spec.one_of("restartPolicy", &["Always", "OnFailure", "Never"])
        .or_else(|| spec.one_of("dnsPolicy", &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]))
        .or_else(|| {
            ["serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"].iter().find_map(|key| {
                let name = spec.field(key);
                let problem = names::dns_subdomain(name.text()).filter(|_| !name.text().is_empty())?;
                Some(Finding::invalid(name.path.clone(), name.value, problem))
            })
        })
        .or_else(|| {
            let hostname = spec.field("hostname");
            let problem = names::dns_label(hostname.text()).filter(|_| !hostname.text().is_empty())?;
            Some(Finding::invalid(hostname.path.clone(), hostname.value, problem))
        })
        .or_else(|| node_selector(spec))
        .or_else(|| spec.items("tolerations").iter().find_map(toleration))
        .or_else(|| {
            let ephemeral = spec.field("ephemeralContainers");
            (!spec.items("ephemeralContainers").is_empty())
                .then(|| Finding::forbidden(ephemeral.path, "ephemeral containers not allowed in pod template"))
        })
        .or_else(|| spec.one_of("restartPolicy", &["Always"]))
        .or_else(|| {
            let deadline = spec.field("activeDeadlineSeconds");
            let text = "activeDeadlineSeconds in ReplicaSet is not Supported";
            (!deadline.value.is_null()).then(|| Finding::forbidden(deadline.path, text))
        })
}

fn node_selector(spec: &Node<'_>) -> Option<Finding> {
    let selector = spec.field("nodeSelector");
    selector.texts().find_map(|(key, _)| {
        let problem = names::qualified_name(&key).into_iter().next()?;
        Some(Finding::invalid(selector.path.clone(), &key.into(), problem))
    })
}

fn toleration(toleration: &Node<'_>) -> Option<Finding> {
    const EVERY_KEY: &str =
        "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
    let operator = toleration.field("operator");
    toleration
        .one_of("operator", &["Equal", "Exists"])
        .or_else(|| {
            let wrong = toleration.value_text("key").is_empty() && operator.text() != "Exists";
            wrong.then(|| Finding::invalid(operator.path.clone(), &operator.text().into(), EVERY_KEY))
        })
        .or_else(|| toleration.one_of("effect", &["NoSchedule", "PreferNoSchedule", "NoExecute"]))
}

/// A required name of the RFC 1123 kind.
fn dns_name(name: &Node<'_>) -> Option<Finding> {
    if name.text().is_empty() {
        return Some(Finding::required(name.path.clone(), ""));
    }
    Some(Finding::invalid(name.path.clone(), name.value, names::dns_label(name.text())?))
}
