//! CustomResourceDefinitions: which kinds one adds, with which schema, subresources and columns.

mod schema;
mod validate;

pub use schema::Schema;

use crate::catalogue::{Column, Kind, Resource, Scale, Shape};
use crate::failure::Cause;
use crate::object::{Fields, stamp};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// The resource that a CustomResourceDefinition adds.
pub fn resource(crd: &Value) -> Resource {
    Resource::new(crd.text("/spec/group"), crd.text("/spec/names/plural"))
}

/// The kinds that a CustomResourceDefinition adds, one for each served version, the stored one first.
pub fn kinds(crd: &Value) -> Vec<Kind> {
    let mut versions: Vec<&Value> =
        crd.items("/spec/versions").iter().filter(|v| v.get("served") == Some(&Value::Bool(true))).collect();
    versions.sort_by_key(|version| version.get("storage") != Some(&Value::Bool(true)));
    versions.into_iter().map(|version| kind(crd, version)).collect()
}

fn kind(crd: &Value, version: &Value) -> Kind {
    let texts = |pointer: &str| crd.items(pointer).iter().filter_map(Value::as_str).map(str::to_string).collect();
    let name = crd.text("/spec/names/kind").to_string();
    let or = |text: &str, other: String| if text.is_empty() { other } else { text.to_string() };
    let scale = version.pointer("/subresources/scale").map(|scale| Scale {
        spec: pointer(scale.text("/specReplicasPath")),
        status: pointer(scale.text("/statusReplicasPath")),
        selector: Some(pointer(scale.text("/labelSelectorPath"))).filter(|p| !p.is_empty()),
    });
    let columns = version.items("/additionalPrinterColumns").iter().map(|column| Column {
        name: column.text("/name").to_string(),
        kind: column.text("/type").to_string(),
        path: column.text("/jsonPath").to_string(),
        priority: column.int("/priority").unwrap_or(0),
    });
    let schema = version.pointer("/schema/openAPIV3Schema").cloned().unwrap_or_else(|| json!({}));
    Kind {
        resource: resource(crd),
        version: version.text("/name").to_string(),
        list_kind: or(crd.text("/spec/names/listKind"), format!("{name}List")),
        singular: or(crd.text("/spec/names/singular"), name.to_lowercase()),
        kind: name,
        short_names: texts("/spec/names/shortNames"),
        categories: texts("/spec/names/categories"),
        namespaced: crd.text("/spec/scope") == "Namespaced",
        status: version.pointer("/subresources/status").is_some(),
        scale,
        generation: true,
        shape: Shape::Custom(Arc::new(Schema::new(schema)), Arc::new(columns.collect())),
    }
}

/// `.spec.replicas` as a JSON pointer.
fn pointer(path: &str) -> String {
    path.replace('.', "/")
}

/// Fills in what a CustomResourceDefinition leaves out.
pub fn default(crd: &mut Value) {
    let kind = crd.text("/spec/names/kind").to_string();
    crd.put_default(&["spec", "names", "singular"], kind.to_lowercase());
    crd.put_default(&["spec", "names", "listKind"], format!("{kind}List"));
    crd.put_default(&["spec", "conversion"], json!({"strategy": "None"}));
}

/// What is wrong with a CustomResourceDefinition.
pub fn validate(crd: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let wanted = format!("{}.{}", crd.text("/spec/names/plural"), crd.text("/spec/group"));
    if crd.name() != wanted {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        causes.push(Cause::invalid("metadata.name", &crd.name().into(), detail));
    }
    let versions = crd.items("/spec/versions");
    if versions.iter().filter(|v| v.get("storage") == Some(&Value::Bool(true))).count() != 1 {
        let detail = "must have exactly one version marked as storage version";
        causes.push(Cause::invalid("spec.versions", &Value::Array(vec![]), detail));
    }
    for (at, version) in versions.iter().enumerate() {
        if version.pointer("/schema/openAPIV3Schema").is_none() {
            causes.push(Cause::required(format!("spec.versions[{at}].schema.openAPIV3Schema"), "schemas are required"));
        }
    }
    causes
}

/// The status of a CustomResourceDefinition that is served.
pub fn established(crd: &Value, now: Timestamp) -> Value {
    let at = stamp(now);
    let stored: Vec<&str> = crd
        .items("/spec/versions")
        .iter()
        .filter(|version| version.get("storage") == Some(&Value::Bool(true)))
        .map(|version| version.text("/name"))
        .collect();
    json!({
        "acceptedNames": crd.pointer("/spec/names"),
        "storedVersions": stored,
        "conditions": [
            {"type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "no conflicts found", "lastTransitionTime": at},
            {"type": "Established", "status": "True", "reason": "InitialNamesAccepted", "message": "the initial names have been accepted", "lastTransitionTime": at},
        ],
    })
}
