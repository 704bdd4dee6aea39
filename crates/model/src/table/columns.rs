//! The columns of the built-in kinds.

use super::{TableColumn, column, since};
use crate::object::Fields;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// The name of the object.
pub fn name(priority: i64) -> TableColumn {
    column("Name", "string", priority, |object, _| object.name().into())
}

/// How old the object is.
pub fn age() -> TableColumn {
    column("Age", "string", 0, |object, now| since(object.text("/metadata/creationTimestamp"), now).into())
}

/// A text, or `<none>`.
fn text(name: &str, pointer: &'static str) -> TableColumn {
    column(name, "string", 0, move |object, _| some(object.text(pointer).to_string()).into())
}

/// A text as it is.
fn plain(name: &str, pointer: &'static str) -> TableColumn {
    column(name, "string", 0, move |object, _| object.text(pointer).into())
}

fn number(name: &str, kind: &str, pointer: &'static str) -> TableColumn {
    column(name, kind, 0, move |object, _| object.int(pointer).unwrap_or(0).into())
}

fn shown(name: &str, cell: fn(&Value) -> String) -> TableColumn {
    column(name, "string", 0, move |object, _| cell(object).into())
}

fn wide(mut column: TableColumn) -> TableColumn {
    column.priority = 1;
    column
}

fn created() -> TableColumn {
    column("Created At", "date", 0, |object, _| object.text("/metadata/creationTimestamp").into())
}

/// The columns of a kind.
pub fn builtin(kind: &str) -> Vec<TableColumn> {
    let mut columns = if kind == "Event" { vec![] } else { vec![name(0)] };
    columns.extend(match kind {
        "Pod" => pod(),
        "Deployment" => with_template(vec![
            shown("Ready", |object| fraction(object, "/status/readyReplicas", "/spec/replicas")),
            number("Up-to-date", "string", "/status/updatedReplicas"),
            number("Available", "string", "/status/availableReplicas"),
            age(),
        ]),
        "ReplicaSet" => with_template(vec![
            number("Desired", "integer", "/spec/replicas"),
            number("Current", "integer", "/status/replicas"),
            number("Ready", "integer", "/status/readyReplicas"),
            age(),
        ]),
        "StatefulSet" => {
            let mut columns = with_template(vec![
                shown("Ready", |object| fraction(object, "/status/readyReplicas", "/spec/replicas")),
                age(),
            ]);
            columns.pop();
            columns
        }
        "DaemonSet" => with_template(vec![
            number("Desired", "integer", "/status/desiredNumberScheduled"),
            number("Current", "integer", "/status/currentNumberScheduled"),
            number("Ready", "integer", "/status/numberReady"),
            number("Up-to-date", "integer", "/status/updatedNumberScheduled"),
            number("Available", "integer", "/status/numberAvailable"),
            shown("Node Selector", |object| pairs(object.map("/spec/template/spec/nodeSelector"))),
            age(),
        ]),
        "Job" => with_template(vec![
            shown("Status", job_status),
            shown("Completions", completions),
            column("Duration", "string", 0, |object, now| duration(object, now).into()),
            age(),
        ]),
        "CronJob" => vec![
            text("Schedule", "/spec/schedule"),
            text("Timezone", "/spec/timeZone"),
            column("Suspend", "boolean", 0, |object, _| {
                object.pointer("/spec/suspend").cloned().unwrap_or(false.into())
            }),
            column("Active", "integer", 0, |object, _| object.items("/status/active").len().into()),
            column("Last Schedule", "string", 0, |object, now| match object.text("/status/lastScheduleTime") {
                "" => "<none>".into(),
                time => since(time, now).into(),
            }),
            age(),
        ],
        "Service" => vec![
            text("Type", "/spec/type"),
            text("Cluster-IP", "/spec/clusterIPs/0"),
            shown("External-IP", external),
            shown("Port(s)", ports),
            age(),
            wide(shown("Selector", |object| pairs(object.map("/spec/selector")))),
        ],
        "Ingress" => vec![
            text("Class", "/spec/ingressClassName"),
            shown("Hosts", hosts),
            shown("Address", balancer),
            shown("Ports", |object| if object.items("/spec/tls").is_empty() { "80" } else { "80, 443" }.to_string()),
            age(),
        ],
        "ConfigMap" => vec![data(), age()],
        "Secret" => vec![plain("Type", "/type"), data(), age()],
        "Namespace" => vec![plain("Status", "/status/phase"), age()],
        "Node" => node(),
        "Event" => event(),
        "EndpointSlice" => vec![
            plain("AddressType", "/addressType"),
            shown("Ports", slice_ports),
            shown("Endpoints", slice_endpoints),
            age(),
        ],
        "Endpoints" => vec![shown("Endpoints", endpoints), age()],
        "Lease" => vec![plain("Holder", "/spec/holderIdentity"), age()],
        "IngressClass" => {
            vec![plain("Controller", "/spec/controller"), shown("Parameters", |_| some(String::new())), age()]
        }
        "NetworkPolicy" => {
            vec![shown("Pod-Selector", |object| pairs(object.map("/spec/podSelector/matchLabels"))), age()]
        }
        "PodDisruptionBudget" => vec![
            shown("Min Available", |object| number_or(object.pointer("/spec/minAvailable"))),
            shown("Max Unavailable", |object| number_or(object.pointer("/spec/maxUnavailable"))),
            number("Allowed Disruptions", "integer", "/status/disruptionsAllowed"),
            age(),
        ],
        "RoleBinding" | "ClusterRoleBinding" => vec![
            shown("Role", |object| format!("{}/{}", object.text("/roleRef/kind"), object.text("/roleRef/name"))),
            age(),
            wide(shown("Users", |object| subjects(object, "User"))),
            wide(shown("Groups", |object| subjects(object, "Group"))),
            wide(shown("ServiceAccounts", |object| subjects(object, "ServiceAccount"))),
        ],
        "Role" | "ClusterRole" | "CustomResourceDefinition" => vec![created()],
        _ => vec![age()],
    });
    columns
}

fn with_template(mut columns: Vec<TableColumn>) -> Vec<TableColumn> {
    let of = |object: &Value, pointer: &str| -> String {
        object.items("/spec/template/spec/containers").iter().map(|c| c.text(pointer)).collect::<Vec<_>>().join(",")
    };
    columns.push(wide(column("Containers", "string", 0, move |object, _| of(object, "/name").into())));
    columns.push(wide(column("Images", "string", 0, move |object, _| of(object, "/image").into())));
    columns.push(wide(shown("Selector", |object| pairs(object.map("/spec/selector/matchLabels")))));
    columns
}

fn data() -> TableColumn {
    column("Data", "string", 0, |object, _| {
        (object.map("/data").map_or(0, Map::len) + object.map("/binaryData").map_or(0, Map::len)).into()
    })
}

fn fraction(object: &Value, a: &str, b: &str) -> String {
    format!("{}/{}", object.int(a).unwrap_or(0), object.int(b).unwrap_or(0))
}

fn some(text: String) -> String {
    if text.is_empty() { "<none>".to_string() } else { text }
}

fn number_or(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "N/A".to_string(),
    }
}

fn pairs(map: Option<&Map<String, Value>>) -> String {
    let mut pairs: Vec<String> =
        map.into_iter().flatten().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    pairs.sort();
    some(pairs.join(","))
}

fn pod() -> Vec<TableColumn> {
    vec![
        shown("Ready", |object| {
            let is_ready = |one: &&Value| {
                one.get("ready") == Some(&Value::Bool(true))
                    && !one.pointer("/state/running").is_none_or(Value::is_null)
            };
            let ready = object.items("/status/containerStatuses").iter().filter(is_ready).count();
            format!("{ready}/{}", object.items("/spec/containers").len())
        }),
        shown("Status", pod_status),
        shown("Restarts", |object| {
            object
                .items("/status/containerStatuses")
                .iter()
                .filter_map(|c| c.int("/restartCount"))
                .sum::<i64>()
                .to_string()
        }),
        age(),
        wide(text("IP", "/status/podIPs/0/ip")),
        wide(text("Node", "/spec/nodeName")),
        wide(text("Nominated Node", "/status/nominatedNodeName")),
        wide(shown("Readiness Gates", |object| {
            let gates = object.items("/spec/readinessGates");
            let open = |gate: &&Value| {
                let conditions = object.items("/status/conditions").iter();
                conditions
                    .into_iter()
                    .any(|one| one.text("/type") == gate.text("/conditionType") && one.text("/status") == "True")
            };
            if gates.is_empty() {
                some(String::new())
            } else {
                format!("{}/{}", gates.iter().filter(open).count(), gates.len())
            }
        })),
    ]
}

fn pod_status(object: &Value) -> String {
    if object.is_leaving() {
        return "Terminating".to_string();
    }
    let own = Some(object.text("/status/reason")).filter(|reason| !reason.is_empty());
    let mut status = own.unwrap_or(object.text("/status/phase")).to_string();
    let mut runs = false;
    for one in object.items("/status/containerStatuses").iter().rev() {
        let waits = one.text("/state/waiting/reason");
        let ended = one.text("/state/terminated/reason");
        if !waits.is_empty() {
            status = waits.to_string();
        } else if !ended.is_empty() {
            status = ended.to_string();
        } else if let Some(code) = one.int("/state/terminated/exitCode") {
            status = format!("ExitCode:{code}");
        } else {
            runs |= one.get("ready") == Some(&Value::Bool(true));
        }
    }
    if status == "Completed" && runs { "Running".to_string() } else { status }
}

fn job_status(object: &Value) -> String {
    let is = |kind: &str| {
        object.items("/status/conditions").iter().any(|c| c.text("/type") == kind && c.text("/status") == "True")
    };
    match () {
        () if is("Complete") => "Complete",
        () if is("Failed") => "Failed",
        () if object.is_leaving() => "Terminating",
        () if is("Suspended") => "Suspended",
        () => "Running",
    }
    .to_string()
}

fn completions(object: &Value) -> String {
    let succeeded = object.int("/status/succeeded").unwrap_or(0);
    match (object.int("/spec/completions"), object.int("/spec/parallelism").unwrap_or(0)) {
        (Some(wanted), _) => format!("{succeeded}/{wanted}"),
        (None, parallel) if parallel > 1 => format!("{succeeded}/1 of {parallel}"),
        (None, _) => format!("{succeeded}/1"),
    }
}

fn duration(object: &Value, now: Timestamp) -> String {
    let began = object.text("/status/startTime");
    let until = object.time("/status/completionTime").unwrap_or(now);
    if began.is_empty() { String::new() } else { since(began, until) }
}

fn external(object: &Value) -> String {
    let own: Vec<&str> = object.items("/spec/externalIPs").iter().filter_map(Value::as_str).collect();
    match object.text("/spec/type") {
        "ExternalName" => object.text("/spec/externalName").to_string(),
        "LoadBalancer" => match balancer(object) {
            address if address.is_empty() && own.is_empty() => "<pending>".to_string(),
            address if address.is_empty() => own.join(","),
            address => address,
        },
        _ => some(own.join(",")),
    }
}

fn balancer(object: &Value) -> String {
    let address =
        |one: &Value| if one.text("/ip").is_empty() { one.text("/hostname") } else { one.text("/ip") }.to_string();
    object.items("/status/loadBalancer/ingress").iter().map(address).collect::<Vec<_>>().join(",")
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
    match hosts.len() {
        0 => "*".to_string(),
        1..=3 => hosts.join(","),
        more => format!("{} + {} more...", hosts[..3].join(","), more - 3),
    }
}

fn node() -> Vec<TableColumn> {
    let address = |kind: &'static str| {
        move |object: &Value, _: Timestamp| -> Value {
            let found = object.items("/status/addresses").iter().find(|one| one.text("/type") == kind);
            some(found.map(|one| one.text("/address").to_string()).unwrap_or_default()).into()
        }
    };
    vec![
        shown("Status", |object| {
            let ready = object.items("/status/conditions").iter().find(|one| one.text("/type") == "Ready");
            match ready.map(|one| one.text("/status")) {
                Some("True") => "Ready",
                Some(_) => "NotReady",
                None => "Unknown",
            }
            .to_string()
        }),
        shown("Roles", |object| {
            let labels = object.map("/metadata/labels").into_iter().flatten();
            let roles = labels.filter_map(|(key, _)| key.strip_prefix("node-role.kubernetes.io/"));
            some(roles.collect::<Vec<_>>().join(","))
        }),
        age(),
        plain("Version", "/status/nodeInfo/kubeletVersion"),
        wide(column("Internal-IP", "string", 0, address("InternalIP"))),
        wide(column("External-IP", "string", 0, address("ExternalIP"))),
        wide(shown("OS-Image", |object| unknown(object.text("/status/nodeInfo/osImage")))),
        wide(shown("Kernel-Version", |object| unknown(object.text("/status/nodeInfo/kernelVersion")))),
        wide(shown("Container-Runtime", |object| unknown(object.text("/status/nodeInfo/containerRuntimeVersion")))),
    ]
}

fn unknown(text: &str) -> String {
    if text.is_empty() { "<unknown>".to_string() } else { text.to_string() }
}

fn event() -> Vec<TableColumn> {
    vec![
        column("Last Seen", "string", 0, |object, now| {
            seen(
                object,
                &["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"],
                now,
            )
            .into()
        }),
        plain("Type", "/type"),
        plain("Reason", "/reason"),
        shown("Object", |object| {
            let kind = object.text("/involvedObject/kind").to_lowercase();
            match object.text("/involvedObject/name") {
                "" => kind,
                name => format!("{kind}/{name}"),
            }
        }),
        wide(plain("Subobject", "/involvedObject/fieldPath")),
        wide(shown("Source", |object| {
            let component = Some(object.text("/source/component")).filter(|text| !text.is_empty());
            let component = component.unwrap_or(object.text("/reportingComponent"));
            match object.text("/source/host") {
                "" => component.to_string(),
                host => format!("{component}, {host}"),
            }
        })),
        shown("Message", |object| object.text("/message").trim().to_string()),
        wide(column("First Seen", "string", 0, |object, now| {
            seen(object, &["/firstTimestamp", "/eventTime", "/metadata/creationTimestamp"], now).into()
        })),
        wide(column("Count", "string", 0, |object, _| {
            let counted = object.int("/series/count").or(object.int("/count"));
            counted.filter(|count| *count > 0).unwrap_or(1).into()
        })),
        name(1),
    ]
}

fn seen(event: &Value, times: &[&str], now: Timestamp) -> String {
    let found = times.iter().map(|pointer| event.text(pointer)).find(|text| !text.is_empty());
    found.map_or_else(|| "<unknown>".into(), |text| since(text, now))
}

fn slice_ports(object: &Value) -> String {
    let ports: Vec<String> = object
        .items("/ports")
        .iter()
        .map(|port| port.int("/port").map_or("*".to_string(), |number| number.to_string()))
        .collect();
    few(ports)
}

fn slice_endpoints(object: &Value) -> String {
    let addresses = object.items("/endpoints").iter().flat_map(|one| one.items("/addresses")).filter_map(Value::as_str);
    few(addresses.map(str::to_string).collect())
}

/// The first three, and how many there are beyond.
fn few(all: Vec<String>) -> String {
    match all.len() {
        0 => "<unset>".to_string(),
        1..=3 => all.join(","),
        more => format!("{} + {} more...", all[..3].join(","), more - 3),
    }
}

fn endpoints(object: &Value) -> String {
    let subsets = object.items("/subsets").iter().flat_map(|subset| {
        let port = subset.items("/ports").first().and_then(|p| p.int("/port")).unwrap_or(0);
        subset.items("/addresses").iter().map(move |address| format!("{}:{port}", address.text("/ip")))
    });
    some(subsets.collect::<Vec<_>>().join(","))
}

fn subjects(object: &Value, kind: &str) -> String {
    let of_kind = object.items("/subjects").iter().filter(|one| one.text("/kind") == kind);
    let name = |one: &Value| match one.text("/namespace") {
        "" => one.text("/name").to_string(),
        namespace => format!("{namespace}/{}", one.text("/name")),
    };
    of_kind.map(name).collect::<Vec<_>>().join(", ")
}
