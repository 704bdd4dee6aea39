//! One container of a pod template.

use super::node::Node;
use super::{dns_name, resources};
use crate::finding::Finding;
use serde_json::Value;
use std::collections::BTreeSet;

/// The first thing that is wrong with the container. `first` is for init containers.
pub(super) fn check(container: &Node<'_>, volumes: &BTreeSet<&str>, first: bool) -> Option<Finding> {
    dns_name(&container.field("name"))
        .or_else(|| required(container, "image"))
        .or_else(|| container.one_of("terminationMessagePolicy", &["File", "FallbackToLogsOnError"]))
        .or_else(|| ports(container))
        .or_else(|| container.items("env").iter().find_map(environment))
        .or_else(|| mounts(container, volumes))
        .or_else(|| container.one_of("imagePullPolicy", &["Always", "IfNotPresent", "Never"]))
        .or_else(|| resources::check(&container.field("resources")))
        .or_else(|| restart(container, first))
        .or_else(|| lifecycle(container))
        .or_else(|| probes(container, first))
}

fn required(parent: &Node<'_>, key: &str) -> Option<Finding> {
    let found = parent.field(key);
    found.text().is_empty().then(|| Finding::required(found.path, ""))
}

fn ports(container: &Node<'_>) -> Option<Finding> {
    let mut seen = BTreeSet::new();
    container.items("ports").into_iter().find_map(|port| {
        let name = port.field("name");
        let number = port.field("containerPort");
        port_name(&name)
            .or_else(|| {
                let fresh = name.text().is_empty() || seen.insert(name.text().to_string());
                (!fresh).then(|| Finding::duplicate(name.path.clone(), name.value))
            })
            .or_else(|| {
                let absent = number.value.as_i64().is_none_or(|number| number == 0);
                absent.then(|| Finding::required(number.path.clone(), ""))
            })
            .or_else(|| port_number(&number))
            .or_else(|| {
                let host = port.field("hostPort");
                if host.value.as_i64() == Some(0) { None } else { port_number(&host) }
            })
            .or_else(|| port.one_of("protocol", &["SCTP", "TCP", "UDP"]))
    })
}

fn port_number(port: &Node<'_>) -> Option<Finding> {
    let number = port.value.as_i64()?;
    let text = "must be between 1 and 65535, inclusive";
    (!(1..=65535).contains(&number)).then(|| Finding::invalid(port.path.clone(), port.value, text))
}

fn port_name(name: &Node<'_>) -> Option<Finding> {
    let text = name.text();
    let problem = if text.is_empty() {
        return None;
    } else if text.len() > 15 {
        "must be no more than 15 characters"
    } else if !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    } else if !text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        "must contain at least one letter (a-z)"
    } else if text.contains("--") {
        "must not contain consecutive hyphens"
    } else if text.starts_with('-') || text.ends_with('-') {
        "must not begin or end with a hyphen"
    } else {
        return None;
    };
    Some(Finding::invalid(name.path.clone(), name.value, problem))
}

fn environment(env: &Node<'_>) -> Option<Finding> {
    const NAME: &str = "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')";
    let name = env.field("name");
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let source = env.field("valueFrom");
    let sources = source.value.as_object().map_or(0, |fields| fields.values().filter(|value| !value.is_null()).count());
    required(env, "name")
        .or_else(|| {
            let wrong = !name.text().bytes().all(inner) || name.text().starts_with(|char: char| char.is_ascii_digit());
            wrong.then(|| Finding::invalid(name.path.clone(), name.value, NAME))
        })
        .or_else(|| {
            let problem = match (source.is_set(), sources, env.value_text("value").is_empty()) {
                (false, _, _) | (true, 1, true) => return None,
                (true, 0, _) => {
                    "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
                }
                (true, _, false) => "may not be specified when `value` is not empty",
                (true, _, true) => "may not have more than one field specified at a time",
            };
            Some(Finding::invalid(source.path.clone(), &"".into(), problem))
        })
}

fn mounts(container: &Node<'_>, volumes: &BTreeSet<&str>) -> Option<Finding> {
    let mut seen = BTreeSet::new();
    container.items("volumeMounts").iter().find_map(|mount| {
        let (name, path) = (mount.field("name"), mount.field("mountPath"));
        required(mount, "name")
            .or_else(|| {
                let unknown = !volumes.contains(name.text());
                let message = format!("{}: Not found: {}", name.path, name.value);
                unknown.then(|| {
                    Finding { path: name.path.clone(), message, hint: None }
                        .hint(format!("add a volume {} to spec.template.spec.volumes", name.text()))
                })
            })
            .or_else(|| required(mount, "mountPath"))
            .or_else(|| {
                let fresh = seen.insert(path.text().to_string());
                (!fresh).then(|| Finding::invalid(path.path.clone(), path.value, "must be unique"))
            })
    })
}

fn restart(container: &Node<'_>, first: bool) -> Option<Finding> {
    let policy = container.field("restartPolicy");
    if first {
        return container.one_of("restartPolicy", &["Always"]);
    }
    policy.is_set().then(|| Finding::forbidden(policy.path, "may not be set for non-init containers"))
}

fn lifecycle(container: &Node<'_>) -> Option<Finding> {
    let lifecycle = container.field("lifecycle");
    ["postStart", "preStop"].iter().find_map(|hook| {
        let handler = lifecycle.field(hook);
        handler.is_set().then(|| one_handler(&handler, &["exec", "httpGet", "tcpSocket", "sleep"])).flatten()
    })
}

fn probes(container: &Node<'_>, first: bool) -> Option<Finding> {
    let passing = first && container.value_text("restartPolicy") != "Always";
    ["livenessProbe", "readinessProbe", "startupProbe"].iter().find_map(|kind| {
        let probe = container.field(kind);
        if !probe.is_set() {
            return None;
        }
        if passing {
            let text = "may not be set for init containers without restartPolicy=Always";
            return Some(Finding::forbidden(probe.path, text));
        }
        one_handler(&probe, &["exec", "httpGet", "tcpSocket", "grpc"])
            .or_else(|| numbers(&probe))
            .or_else(|| only_one_success(&probe, kind))
    })
}

fn numbers(probe: &Node<'_>) -> Option<Finding> {
    ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"].iter().find_map(
        |key| {
            let found = probe.field(key);
            found.value.as_i64().filter(|number| *number < 0)?;
            Some(Finding::invalid(found.path, found.value, "must be greater than or equal to 0"))
        },
    )
}

fn only_one_success(probe: &Node<'_>, kind: &str) -> Option<Finding> {
    let found = probe.field("successThreshold");
    let more = kind != "readinessProbe" && found.value.as_i64().is_some_and(|number| number > 1);
    more.then(|| Finding::invalid(found.path, found.value, "must be 1"))
}

fn one_handler(parent: &Node<'_>, kinds: &[&str]) -> Option<Finding> {
    let mut set = kinds.iter().map(|kind| parent.field(kind)).filter(Node::is_set);
    let Some(handler) = set.next() else {
        return Some(Finding::required(parent.path.clone(), "must specify a handler type"));
    };
    if let Some(second) = set.next() {
        return Some(Finding::forbidden(second.path, "may not specify more than 1 handler type"));
    }
    handler_is_complete(&handler)
}

fn handler_is_complete(handler: &Node<'_>) -> Option<Finding> {
    if handler.path.ends_with(".exec") {
        let command = handler.field("command");
        let empty = command.value.as_array().is_none_or(Vec::is_empty);
        return empty.then(|| Finding::required(command.path, ""));
    }
    if handler.path.ends_with(".sleep") {
        return None;
    }
    let port = handler.field("port");
    match port.value {
        Value::String(_) => port_name(&port),
        Value::Number(_) => port_number(&port),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            let text = "must be between 1 and 65535, inclusive";
            Some(Finding::invalid(port.path, &0.into(), text))
        }
    }
    .or_else(|| handler.one_of("scheme", &["HTTP", "HTTPS"]))
}
