//! What a client learns about the server before it asks for objects: versions, groups, resources, and as much OpenAPI as
//! `kubectl apply` needs to leave validation to the server.

use crate::catalogue::{Catalogue, Kind};
use crate::failure::Failure;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// Answers a path that is not about objects. `aggregated`: the client reads the newer, single-answer form.
pub fn answer(catalogue: &Catalogue, path: &[String], aggregated: bool) -> Result<Value, Failure> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        [] => Ok(
            json!({"paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]}),
        ),
        ["version"] => Ok(version()),
        ["api"] if aggregated => Ok(aggregate(catalogue, true)),
        ["apis"] if aggregated => Ok(aggregate(catalogue, false)),
        ["api"] => Ok(json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}],
        })),
        ["apis"] => {
            let groups: Vec<Value> = groups(catalogue)
                .into_iter()
                .filter(|(name, _)| !name.is_empty())
                .map(|(name, versions)| group(&name, &versions))
                .collect();
            Ok(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
        ["apis", name] => {
            let groups = groups(catalogue);
            let versions = groups.get(*name).ok_or_else(Failure::no_such_path)?;
            let mut group = group(name, versions);
            if let Value::Object(map) = &mut group {
                map.insert("kind".into(), "APIGroup".into());
                map.insert("apiVersion".into(), "v1".into());
            }
            Ok(group)
        }
        ["api", version] => resources(catalogue, "", version),
        ["apis", group, version] => resources(catalogue, group, version),
        ["openapi", "v2"] => Ok(
            json!({"swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1.33.0"}, "paths": {}, "definitions": {}}),
        ),
        ["openapi", "v3"] => Ok(open_api_index(catalogue)),
        ["openapi", "v3", "api", version] => open_api(catalogue, "", version),
        ["openapi", "v3", "apis", group, version] => open_api(catalogue, group, version),
        _ => Err(Failure::no_such_path()),
    }
}

fn version() -> Value {
    json!({
        "major": "1", "minor": "33", "gitVersion": "v1.33.0+model", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "memory/any",
    })
}

fn groups(catalogue: &Catalogue) -> BTreeMap<String, BTreeSet<String>> {
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for kind in catalogue.all() {
        groups.entry(kind.resource.group.clone()).or_default().insert(kind.version.clone());
    }
    // Served for `/scale` alone; clients look for the group.
    groups.entry("autoscaling".into()).or_default().insert("v1".into());
    groups
}

fn group(name: &str, versions: &BTreeSet<String>) -> Value {
    // Newest first: `v1` before `v1beta1` before `v1alpha1`.
    let mut versions: Vec<&String> = versions.iter().collect();
    versions.sort_by_key(|version| {
        (version.contains("alpha"), version.contains("beta"), std::cmp::Reverse((*version).clone()))
    });
    let versions: Vec<Value> =
        versions.iter().map(|v| json!({"groupVersion": format!("{name}/{v}"), "version": v})).collect();
    json!({"name": name, "versions": versions, "preferredVersion": versions.first()})
}

fn resources(catalogue: &Catalogue, group: &str, version: &str) -> Result<Value, Failure> {
    let kinds: Vec<&Arc<Kind>> =
        catalogue.all().filter(|kind| kind.resource.group == group && kind.version == version).collect();
    if kinds.is_empty() && group != "autoscaling" {
        return Err(Failure::no_such_path());
    }
    let mut resources = Vec::new();
    for kind in kinds {
        let mut main = json!({
            "name": kind.resource.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind, "verbs": verbs(kind),
        });
        add_lists(&mut main, kind);
        resources.push(main);
        for (name, api) in subresources(kind) {
            let mut one = json!({
                "name": format!("{}/{name}", kind.resource.plural), "singularName": "", "namespaced": kind.namespaced, "kind": api.2, "verbs": sub_verbs(name),
            });
            if let (Value::Object(map), false) = (&mut one, api.0.is_empty()) {
                map.insert("group".into(), api.0.into());
                map.insert("version".into(), api.1.into());
            }
            resources.push(one);
        }
    }
    let version = if group.is_empty() { version.to_string() } else { format!("{group}/{version}") };
    Ok(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}))
}

fn add_lists(one: &mut Value, kind: &Kind) {
    if let Value::Object(map) = one {
        for (name, list) in [("shortNames", &kind.short_names), ("categories", &kind.categories)] {
            if !list.is_empty() {
                map.insert(name.into(), json!(list));
            }
        }
    }
}

/// Namespaces can't be deleted all at once.
fn verbs(kind: &Kind) -> Vec<&'static str> {
    VERBS.iter().filter(|verb| kind.kind != "Namespace" || **verb != "deletecollection").copied().collect()
}

fn sub_verbs(name: &str) -> &'static [&'static str] {
    match name {
        "log" => &["get"],
        "eviction" => &["create"],
        _ => &["get", "patch", "update"],
    }
}

/// Subresources with group, version and kind of what they take.
fn subresources(kind: &Kind) -> Vec<(&'static str, (&'static str, &'static str, String))> {
    let mut found = Vec::new();
    if kind.status {
        found.push(("status", ("", "", kind.kind.clone())));
    }
    if kind.scale.is_some() {
        found.push(("scale", ("autoscaling", "v1", "Scale".to_string())));
    }
    if kind.kind == "Pod" {
        found.push(("log", ("", "", "Pod".to_string())));
        found.push(("eviction", ("policy", "v1", "Eviction".to_string())));
    }
    found
}

/// The single-answer form: every group, version and resource at once.
fn aggregate(catalogue: &Catalogue, core: bool) -> Value {
    let mut items = Vec::new();
    for (name, versions) in groups(catalogue).into_iter().filter(|(name, _)| name.is_empty() == core) {
        let versions: Vec<Value> = versions
            .iter()
            .map(|version| {
                let kinds = catalogue.all().filter(|kind| kind.resource.group == name && kind.version == *version);
                let resources: Vec<Value> = kinds.map(|kind| aggregated(kind)).collect();
                json!({"version": version, "freshness": "Current", "resources": resources})
            })
            .collect();
        items.push(json!({"metadata": {"name": name, "creationTimestamp": null}, "versions": versions}));
    }
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn aggregated(kind: &Kind) -> Value {
    let kind_of = |group: &str, version: &str, name: &str| json!({"group": group, "version": version, "kind": name});
    let subresources: Vec<Value> = subresources(kind)
        .into_iter()
        .map(|(name, (group, version, taken))| {
            let (group, version) = if version.is_empty() {
                (kind.resource.group.as_str(), kind.version.as_str())
            } else {
                (group, version)
            };
            json!({"subresource": name, "responseKind": kind_of(group, version, &taken), "verbs": sub_verbs(name)})
        })
        .collect();
    let mut one = json!({
        "resource": kind.resource.plural, "responseKind": kind_of(&kind.resource.group, &kind.version, &kind.kind),
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" }, "singularResource": kind.singular, "verbs": verbs(kind),
    });
    add_lists(&mut one, kind);
    if let (Value::Object(map), false) = (&mut one, subresources.is_empty()) {
        map.insert("subresources".into(), subresources.into());
    }
    one
}

fn open_api_index(catalogue: &Catalogue) -> Value {
    let mut paths = Map::new();
    for (group, versions) in groups(catalogue) {
        for version in versions {
            let path = if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
            paths.insert(path.clone(), json!({"serverRelativeURL": format!("/openapi/v3/{path}")}));
        }
    }
    json!({"paths": paths})
}

/// What `kubectl explain` shows, and that each kind's patch takes `fieldValidation`.
fn open_api(catalogue: &Catalogue, group: &str, version: &str) -> Result<Value, Failure> {
    let kinds: Vec<&Arc<Kind>> =
        catalogue.all().filter(|kind| kind.resource.group == group && kind.version == version).collect();
    if kinds.is_empty() && group != "autoscaling" {
        return Err(Failure::no_such_path());
    }
    let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for kind in kinds {
        let place = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
        let identity = json!({"group": group, "version": version, "kind": kind.kind});
        let parameter =
            |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
        let operation = json!({
            "parameters": [parameter("dryRun"), parameter("fieldManager"), parameter("fieldValidation")],
            "responses": {"200": {"description": "OK"}}, "x-kubernetes-group-version-kind": identity,
        });
        let path = format!("{root}{place}/{}/{{name}}", kind.resource.plural);
        paths.insert(path, json!({"patch": operation, "put": operation}));
        crate::explain::describe(kind, identity, &mut schemas);
    }
    Ok(
        json!({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.33.0"}, "paths": paths, "components": {"schemas": schemas}}),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_is_found_in_both_forms() {
        let catalogue = Catalogue::default();
        let path = |text: &str| text.split('/').filter(|p| !p.is_empty()).map(str::to_string).collect::<Vec<_>>();
        let list = answer(&catalogue, &path("apis"), false).expect("groups");
        let names: Vec<&str> =
            list["groups"].as_array().expect("list").iter().filter_map(|g| g["name"].as_str()).collect();
        assert!(names.contains(&"apps") && names.contains(&"networking.k8s.io"));
        let all = answer(&catalogue, &path("apis"), true).expect("groups");
        assert_eq!(all["items"].as_array().map(Vec::len), Some(names.len()));
        for one in ["api/v1", "apis/apps/v1", "apis/events.k8s.io/v1"] {
            let resources = answer(&catalogue, &path(one), false).expect(one);
            assert!(!resources["resources"].as_array().expect("list").is_empty(), "{one}");
        }
        assert_eq!(answer(&catalogue, &path("apis/none.io/v1"), false).map_err(|f| f.code), Err(404));
    }
}
