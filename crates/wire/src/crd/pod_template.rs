//! The schema of a pod template, from the shape of Kubernetes' own structs.
//!
//! As upstream has it: metadata holds labels and annotations only, volumes and amounts of resources are kept as they come,
//! and a few fields have defaults, which end up in the stored object and therefore in its hash.

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use serinus_gocompat::shape::{Field, Omit, POD_TEMPLATE, Type};

/// Lists whose items are told apart by these keys.
const KEYED: [(&str, &[&str]); 14] = [
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("env", &["name"]),
    ("ports", &["containerPort", "protocol"]),
    ("claims", &["name"]),
    ("volumeDevices", &["devicePath"]),
    ("volumeMounts", &["mountPath"]),
    ("hostAliases", &["ip"]),
    ("imagePullSecrets", &["name"]),
    ("resourceClaims", &["name"]),
    ("schedulingGates", &["name"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("mounts", &["name"]),
];

/// Objects that are replaced as a whole.
const ATOMIC: [&str; 13] = [
    "nodeSelector",
    "labelSelector",
    "namespaceSelector",
    "preference",
    "nodeSelectorTerms",
    "configMapKeyRef",
    "fieldRef",
    "fileKeyRef",
    "resourceFieldRef",
    "secretKeyRef",
    "configMapRef",
    "secretRef",
    "imagePullSecrets",
];

/// Fields that must be said although Go leaves them out when they are empty, by their parent.
const REQUIRED: [(&str, &str); 2] = [("restartPolicyRules", "action"), ("exitCodes", "operator")];

/// What a Kubernetes quantity looks like.
const QUANTITY: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

/// Parent, field and the value it takes when absent.
fn default_of(parent: &str, field: &str) -> Option<Value> {
    match (parent, field) {
        ("ports", "protocol") => Some("TCP".into()),
        ("grpc", "service") => Some("".into()),
        ("configMapKeyRef" | "secretKeyRef" | "configMapRef" | "secretRef" | "imagePullSecrets", "name") => {
            Some("".into())
        }
        ("fileKeyRef", "optional") => Some(false.into()),
        _ => None,
    }
}

/// `core/v1` PodTemplateSpec.
pub fn pod_template(_: &mut SchemaGenerator) -> Schema {
    let mut schema = of_type("template", POD_TEMPLATE.root());
    let texts = json!({"type": "object", "additionalProperties": {"type": "string"}});
    schema["properties"]["metadata"] = json!({"type": "object", "properties": {"labels": texts, "annotations": texts}});
    let spec = &mut schema["properties"]["spec"]["properties"];
    spec["volumes"] = json!({"x-kubernetes-preserve-unknown-fields": true});
    // Those of a pod are checked, unlike those of a container.
    for amounts in ["limits", "requests"] {
        spec["resources"]["properties"][amounts] = json!({"type": "object", "additionalProperties": quantity()});
    }
    spec["affinity"]["properties"]["nodeAffinity"]["properties"]["requiredDuringSchedulingIgnoredDuringExecution"]["x-kubernetes-map-type"] =
        "atomic".into();
    Schema::try_from(schema).unwrap_or_default()
}

fn of_type(name: &str, kind: &Type) -> Value {
    match kind {
        Type::String => json!({"type": "string"}),
        Type::Bool => json!({"type": "boolean"}),
        Type::Int32 => json!({"type": "integer", "format": "int32"}),
        Type::Int64 => json!({"type": "integer", "format": "int64"}),
        Type::Time => json!({"type": "string", "format": "date-time"}),
        Type::Quantity => quantity(),
        Type::IntOrString => {
            json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]})
        }
        Type::Any => json!({"x-kubernetes-preserve-unknown-fields": true}),
        Type::Pointer(inner) => of_type(name, inner),
        Type::List(inner) => list(name, inner),
        Type::Map(inner) => map(name, inner),
        Type::Struct(number) => object(name, POD_TEMPLATE.fields(*number)),
    }
}

fn quantity() -> Value {
    json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}], "pattern": QUANTITY})
}

fn list(name: &str, inner: &Type) -> Value {
    let mut schema = json!({"type": "array", "items": of_type(name, inner)});
    if let Some((_, keys)) = KEYED.iter().find(|(known, _)| *known == name) {
        schema["x-kubernetes-list-type"] = "map".into();
        schema["x-kubernetes-list-map-keys"] = json!(keys);
    }
    schema
}

fn map(name: &str, inner: &Type) -> Value {
    if matches!(inner, Type::Quantity) && name != "overhead" {
        return json!({"x-kubernetes-preserve-unknown-fields": true});
    }
    let mut schema = json!({"type": "object", "additionalProperties": of_type(name, inner)});
    if ATOMIC.contains(&name) {
        schema["x-kubernetes-map-type"] = "atomic".into();
    }
    schema
}

fn object(name: &str, fields: &[Field]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in fields {
        let mut schema = of_type(&field.name, &field.kind);
        let default = default_of(name, &field.name);
        let named = REQUIRED.contains(&(name, field.name.as_str()));
        if named || is_required(field) && default.is_none() {
            required.push(field.name.clone());
        }
        if let Some(default) = default {
            // What the API server fills in; a plain `default` is taken out later, as schemars makes them for our own structs.
            schema["x-default"] = default;
        }
        if (name, field.name.as_str()) == ("exitCodes", "values") {
            schema["x-kubernetes-list-type"] = "set".into();
        }
        properties.insert(field.name.clone(), schema);
    }
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if ATOMIC.contains(&name) {
        schema["x-kubernetes-map-type"] = "atomic".into();
    }
    schema
}

/// What Go writes even when nobody said it must be said.
fn is_required(field: &Field) -> bool {
    field.omit == Omit::Never && !matches!(field.kind, Type::Pointer(_))
}
