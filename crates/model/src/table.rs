//! Tables for people: what `kubectl get` shows, kind by kind.

use crate::catalogue::{Column, Kind, Shape};
use crate::object::Fields;
use crate::view::{Include, partial};
use jiff::Timestamp;
use serde_json::{Value, json};

/// A `meta.k8s.io/v1` Table.
pub fn table(kind: &Kind, objects: &[&Value], include: Include, now: Timestamp, metadata: Value) -> Value {
    let columns = columns(kind);
    let definitions: Vec<Value> = columns
        .iter()
        .map(|column| {
            let format = if column.name == "Name" { "name" } else { "" };
            json!({"name": column.name, "type": column.kind, "format": format, "description": column.name, "priority": column.priority})
        })
        .collect();
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let cells: Vec<Value> = columns.iter().map(|column| (column.cell)(object, now)).collect();
            match include {
                Include::Nothing => json!({"cells": cells}),
                Include::Metadata => json!({"cells": cells, "object": partial(object)}),
                Include::Object => json!({"cells": cells, "object": kind.to_shown(object)}),
            }
        })
        .collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": definitions, "rows": rows})
}

type Cell = Box<dyn Fn(&Value, Timestamp) -> Value>;

struct TableColumn {
    name: String,
    kind: String,
    priority: i64,
    cell: Cell,
}

fn column(name: &str, kind: &str, priority: i64, cell: impl Fn(&Value, Timestamp) -> Value + 'static) -> TableColumn {
    TableColumn { name: name.to_string(), kind: kind.to_string(), priority, cell: Box::new(cell) }
}

fn columns(kind: &Kind) -> Vec<TableColumn> {
    let mut columns = vec![column("Name", "string", 0, |object, _| object.name().into())];
    match &kind.shape {
        Shape::Custom(_, custom) if !custom.is_empty() => columns.extend(custom.iter().map(custom_column)),
        Shape::Custom(..) => columns.push(age()),
        Shape::Builtin(_) => columns.extend(builtin(&kind.kind)),
    }
    columns
}

fn age() -> TableColumn {
    column("Age", "string", 0, |object, now| since(object.text("/metadata/creationTimestamp"), now).into())
}

fn text(name: &str, pointer: &'static str) -> TableColumn {
    column(name, "string", 0, move |object, _| match object.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => text.as_str().into(),
        Some(Value::Bool(_) | Value::Number(_)) => object.pointer(pointer).map(ToString::to_string).into(),
        _ => "<none>".into(),
    })
}

fn number(name: &str, pointer: &'static str) -> TableColumn {
    column(name, "integer", 0, move |object, _| object.int(pointer).unwrap_or(0).into())
}

fn wide(mut column: TableColumn) -> TableColumn {
    column.priority = 1;
    column
}

fn builtin(kind: &str) -> Vec<TableColumn> {
    let fraction =
        |object: &Value, a: &str, b: &str| format!("{}/{}", object.int(a).unwrap_or(0), object.int(b).unwrap_or(0));
    let containers = || {
        vec![
            wide(column("Containers", "string", 0, |object, _| of_containers(object, "/name").into())),
            wide(column("Images", "string", 0, |object, _| of_containers(object, "/image").into())),
            wide(column("Selector", "string", 0, |object, _| pairs(object, "/spec/selector/matchLabels").into())),
        ]
    };
    match kind {
        "Pod" => vec![
            column("Ready", "string", 0, |object, _| {
                let ready = object
                    .items("/status/containerStatuses")
                    .iter()
                    .filter(|c| c.get("ready") == Some(&Value::Bool(true)))
                    .count();
                format!("{ready}/{}", object.items("/spec/containers").len()).into()
            }),
            column("Status", "string", 0, |object, _| pod_status(object).into()),
            column("Restarts", "string", 0, |object, _| {
                let restarts: i64 =
                    object.items("/status/containerStatuses").iter().filter_map(|c| c.int("/restartCount")).sum();
                restarts.to_string().into()
            }),
            age(),
            wide(text("IP", "/status/podIP")),
            wide(text("Node", "/spec/nodeName")),
        ],
        "Deployment" => [
            vec![
                column("Ready", "string", 0, move |object, _| {
                    fraction(object, "/status/readyReplicas", "/spec/replicas").into()
                }),
                number("Up-to-date", "/status/updatedReplicas"),
                number("Available", "/status/availableReplicas"),
                age(),
            ],
            containers(),
        ]
        .into_iter()
        .flatten()
        .collect(),
        "ReplicaSet" => [
            vec![
                number("Desired", "/spec/replicas"),
                number("Current", "/status/replicas"),
                number("Ready", "/status/readyReplicas"),
                age(),
            ],
            containers(),
        ]
        .into_iter()
        .flatten()
        .collect(),
        "StatefulSet" => {
            vec![
                column("Ready", "string", 0, move |object, _| {
                    fraction(object, "/status/readyReplicas", "/spec/replicas").into()
                }),
                age(),
            ]
        }
        "Job" => vec![
            column("Status", "string", 0, |object, _| job_status(object).into()),
            column("Completions", "string", 0, move |object, _| {
                fraction(object, "/status/succeeded", "/spec/completions").into()
            }),
            age(),
        ],
        "Service" => vec![
            text("Type", "/spec/type"),
            text("Cluster-IP", "/spec/clusterIP"),
            column("External-IP", "string", 0, |_, _| "<none>".into()),
            column("Port(s)", "string", 0, |object, _| ports(object).into()),
            age(),
            wide(column("Selector", "string", 0, |object, _| pairs(object, "/spec/selector").into())),
        ],
        "Ingress" => vec![
            text("Class", "/spec/ingressClassName"),
            column("Hosts", "string", 0, |object, _| hosts(object).into()),
            column("Address", "string", 0, |object, _| {
                let addresses = object.items("/status/loadBalancer/ingress").iter();
                addresses
                    .map(|one| if one.text("/ip").is_empty() { one.text("/hostname") } else { one.text("/ip") })
                    .collect::<Vec<_>>()
                    .join(",")
                    .into()
            }),
            column("Ports", "string", 0, |object, _| {
                if object.items("/spec/tls").is_empty() { "80".into() } else { "80, 443".into() }
            }),
            age(),
        ],
        "ConfigMap" | "Secret" => {
            let data = column("Data", "integer", 0, |object, _| {
                (object.map("/data").map_or(0, serde_json::Map::len)
                    + object.map("/binaryData").map_or(0, serde_json::Map::len))
                .into()
            });
            if kind == "Secret" { vec![text("Type", "/type"), data, age()] } else { vec![data, age()] }
        }
        "Namespace" => vec![text("Status", "/status/phase"), age()],
        "Node" => vec![
            column("Status", "string", 0, |_, _| "Ready".into()),
            age(),
            text("Version", "/status/nodeInfo/kubeletVersion"),
        ],
        "Event" => vec![
            column("Last Seen", "string", 0, |object, now| last_seen(object, now).into()),
            text("Type", "/type"),
            text("Reason", "/reason"),
            column("Object", "string", 0, |object, _| {
                format!(
                    "{}/{}",
                    object.text("/involvedObject/kind").to_lowercase(),
                    object.text("/involvedObject/name")
                )
                .into()
            }),
            column("Message", "string", 0, |object, _| object.text("/message").trim().into()),
        ],
        "EndpointSlice" => vec![
            text("AddressType", "/addressType"),
            column("Ports", "string", 0, |object, _| {
                object
                    .items("/ports")
                    .iter()
                    .filter_map(|p| p.int("/port"))
                    .map(|p| p.to_string())
                    .collect::<Vec<_>>()
                    .join(",")
                    .into()
            }),
            column("Endpoints", "string", 0, |object, _| {
                let addresses =
                    object.items("/endpoints").iter().flat_map(|e| e.items("/addresses")).filter_map(Value::as_str);
                some(addresses.collect::<Vec<_>>().join(",")).into()
            }),
            age(),
        ],
        "Endpoints" => vec![
            column("Endpoints", "string", 0, |object, _| {
                let subsets = object.items("/subsets").iter().flat_map(|subset| {
                    let port = subset.items("/ports").first().and_then(|p| p.int("/port")).unwrap_or(0);
                    subset.items("/addresses").iter().map(move |address| format!("{}:{port}", address.text("/ip")))
                });
                some(subsets.collect::<Vec<_>>().join(",")).into()
            }),
            age(),
        ],
        "Lease" => vec![text("Holder", "/spec/holderIdentity"), age()],
        "CustomResourceDefinition" => {
            vec![column("Created At", "date", 0, |object, _| object.text("/metadata/creationTimestamp").into())]
        }
        _ => vec![age()],
    }
}

fn custom_column(custom: &Column) -> TableColumn {
    let (path, is_date) = (custom.path.clone(), custom.kind == "date");
    column(&custom.name, &custom.kind, custom.priority, move |object, now| {
        let value = simple_path(object, &path);
        match value {
            Some(value) if is_date => since(value.as_str().unwrap_or_default(), now).into(),
            Some(value) => value.clone(),
            None => Value::Null,
        }
    })
}

/// The first thing a JSONPath finds: fields, indices and `[?(@.a=="b")]`.
fn simple_path<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let mut here = object;
    let mut rest = path.trim_start_matches('.');
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (inside, after) = inner.split_once(']')?;
            here = match inside.strip_prefix("?(@.").and_then(|filter| filter.strip_suffix(')')) {
                Some(filter) => {
                    let (field, wanted) = filter.split_once("==")?;
                    let wanted = wanted.trim_matches(|c| c == '"' || c == '\'');
                    here.as_array()?
                        .iter()
                        .find(|item| item.text(&format!("/{}", field.replace('.', "/"))) == wanted)?
                }
                None => match inside.parse::<usize>() {
                    Ok(at) => here.get(at)?,
                    Err(_) => here.get(inside.trim_matches(|c| c == '"' || c == '\''))?,
                },
            };
            rest = after.trim_start_matches('.');
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            here = here.get(&rest[..end])?;
            rest = rest[end..].trim_start_matches('.');
        }
    }
    Some(here)
}

fn some(text: String) -> String {
    if text.is_empty() { "<none>".to_string() } else { text }
}

fn of_containers(object: &Value, pointer: &str) -> String {
    object.items("/spec/template/spec/containers").iter().map(|c| c.text(pointer)).collect::<Vec<_>>().join(",")
}

fn pairs(object: &Value, pointer: &str) -> String {
    let pairs = object.map(pointer).into_iter().flatten();
    some(
        pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect::<Vec<_>>().join(","),
    )
}

fn ports(object: &Value) -> String {
    let port = |port: &Value| {
        let node = port.int("/nodePort").map(|node| format!(":{node}")).unwrap_or_default();
        format!("{}{node}/{}", port.int("/port").unwrap_or(0), port.text("/protocol"))
    };
    some(object.items("/spec/ports").iter().map(port).collect::<Vec<_>>().join(","))
}

fn hosts(object: &Value) -> String {
    let hosts: Vec<&str> =
        object.items("/spec/rules").iter().map(|rule| rule.text("/host")).filter(|host| !host.is_empty()).collect();
    if hosts.is_empty() { "*".to_string() } else { hosts.join(",") }
}

fn pod_status(object: &Value) -> String {
    if object.is_leaving() {
        return "Terminating".to_string();
    }
    let waits = object
        .items("/status/containerStatuses")
        .iter()
        .map(|c| c.text("/state/waiting/reason"))
        .find(|reason| !reason.is_empty());
    match (waits, object.text("/status/phase")) {
        (Some(reason), _) => reason.to_string(),
        (None, "Succeeded") => "Completed".to_string(),
        (None, "Failed") => "Error".to_string(),
        (None, phase) => phase.to_string(),
    }
}

fn job_status(object: &Value) -> String {
    let is = |kind: &str| {
        object.items("/status/conditions").iter().any(|c| c.text("/type") == kind && c.text("/status") == "True")
    };
    match () {
        () if is("Complete") => "Complete",
        () if is("Failed") => "Failed",
        () if object.pointer("/spec/suspend") == Some(&Value::Bool(true)) => "Suspended",
        () => "Running",
    }
    .to_string()
}

fn last_seen(event: &Value, now: Timestamp) -> String {
    let times = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"];
    times
        .iter()
        .map(|pointer| event.text(pointer))
        .find(|text| !text.is_empty())
        .map_or_else(|| "<unknown>".into(), |text| since(text, now))
}

/// How long ago, as kubectl shows it.
fn since(time: &str, now: Timestamp) -> String {
    let Ok(at) = time.parse::<Timestamp>() else { return "<unknown>".to_string() };
    let seconds = now.duration_since(at).as_secs();
    let two = |whole: i64, unit: &str, part: i64, small: &str| {
        if part == 0 { format!("{whole}{unit}") } else { format!("{whole}{unit}{part}{small}") }
    };
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        ..-1 => "<invalid>".to_string(),
        -1..=0 => "0s".to_string(),
        1..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        _ => two(days / 365, "y", days % 365, "d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_in_kubectl() {
        let now = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24_000);
        for (ago, expected) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (3_600, "60m"),
            (10_860, "3h1m"),
            (90_000, "25h"),
            (180_000, "2d2h"),
        ] {
            let at = crate::object::stamp(now - jiff::SignedDuration::from_secs(ago));
            assert_eq!(since(&at, now), expected, "{ago}");
        }
    }

    #[test]
    fn json_paths_of_printer_columns_are_followed() {
        let object = json!({"spec": {"a": [{"t": "x", "v": 1}, {"t": "y", "v": 2}]}, "status": {"n": 3}});
        assert_eq!(simple_path(&object, ".status.n"), Some(&json!(3)));
        assert_eq!(simple_path(&object, ".spec.a[?(@.t==\"y\")].v"), Some(&json!(2)));
        assert_eq!(simple_path(&object, ".spec.a[0].v"), Some(&json!(1)));
        assert_eq!(simple_path(&object, ".status.gone"), None);
    }
}
