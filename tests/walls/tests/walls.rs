//! The walls between the crates, read from cargo's resolved graph: the inner crates stay free of I/O, clocks and chance,
//! and only `cluster` speaks to Kubernetes. Dev-dependencies do not ship and do not count.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::error::Error;
use std::process::Command;

use serde_json::Value;

/// Crates that decide and compute. A crate that does not exist yet is held to it from its first day.
const PURE: [&str; 5] = ["serinus-gocompat", "serinus-wire", "serinus-decide", "serinus-judge", "serinus-talk"];
/// What they may not reach, through whatever path.
const IMPURE: [&str; 5] = ["tokio", "kube", "reqwest", "hyper", "rand"];

/// The packages of the workspace and what each of them links in.
struct Graph {
    names: BTreeMap<String, String>,
    edges: BTreeMap<String, Vec<String>>,
    members: BTreeSet<String>,
}

impl Graph {
    /// Only what is built on this platform: the others' crates need not be there.
    fn read() -> Result<Self, Box<dyn Error>> {
        let out = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version=1", "--offline", "--filter-platform=host-tuple", "--manifest-path"])
            .arg(std::env::var("CARGO_MANIFEST_DIR")? + "/Cargo.toml")
            .output()?;
        if !out.status.success() {
            return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&out.stderr)).into());
        }
        Ok(Self::of(&serde_json::from_slice(&out.stdout)?))
    }

    fn of(metadata: &Value) -> Self {
        let names = array(&metadata["packages"]).iter().map(|p| (text(&p["id"]), text(&p["name"]))).collect();
        let edges =
            array(&metadata["resolve"]["nodes"]).iter().map(|node| (text(&node["id"]), shipped(node))).collect();
        let members = array(&metadata["workspace_members"]).iter().map(text).collect();
        Self { names, edges, members }
    }

    fn member(&self, name: &str) -> Option<&String> {
        self.members.iter().find(|id| self.names[*id] == name)
    }

    /// The shortest way from a package to one of the given names: what to cut is best seen from the path.
    fn way(&self, from: &String, to: &[&str]) -> Option<Vec<String>> {
        let mut queue = VecDeque::from([vec![from]]);
        let mut met = BTreeSet::from([from]);
        while let Some(path) = queue.pop_front() {
            let last = path[path.len() - 1];
            if to.contains(&self.names[last].as_str()) {
                return Some(path.iter().map(|id| self.names[*id].clone()).collect());
            }
            for next in &self.edges[last] {
                if met.insert(next) {
                    queue.push_back(path.iter().copied().chain([next]).collect());
                }
            }
        }
        None
    }
}

/// What a package's own build links in: everything but dev-dependencies.
fn shipped(node: &Value) -> Vec<String> {
    let ships = |dep: &&Value| array(&dep["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
    array(&node["deps"]).iter().filter(ships).map(|dep| text(&dep["pkg"])).collect()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_core_reaches_no_io_no_clock_and_no_chance() -> Result<(), Box<dyn Error>> {
    let graph = Graph::read()?;
    let found: Vec<_> = PURE.iter().filter_map(|name| graph.member(name)).collect();
    assert!(found.len() >= 3, "gocompat, wire and decide are members of the workspace");
    for id in found {
        let way = graph.way(id, &IMPURE);
        assert!(way.is_none(), "a pure crate reaches an impure one: {}", way.unwrap_or_default().join(" -> "));
    }
    Ok(())
}

#[test]
fn only_cluster_depends_on_kube_directly() -> Result<(), Box<dyn Error>> {
    let graph = Graph::read()?;
    let direct = |id: &&String| graph.edges[*id].iter().any(|dep| graph.names[dep] == "kube");
    let users: Vec<_> = graph.members.iter().filter(direct).map(|id| graph.names[id].as_str()).collect();
    assert!(users.iter().all(|name| *name == "serinus-cluster"), "crates that depend on kube: {users:?}");
    Ok(())
}

#[test]
fn the_search_finds_a_way_through_others_and_ignores_dev_dependencies() {
    let graph = Graph::of(&serde_json::json!({
        "workspace_members": ["a"],
        "packages": [{"id": "a", "name": "core"}, {"id": "b", "name": "between"}, {"id": "c", "name": "tokio"}],
        "resolve": {"nodes": [
            {"id": "a", "deps": [{"pkg": "b", "dep_kinds": [{"kind": null}]}, {"pkg": "c", "dep_kinds": [{"kind": "dev"}]}]},
            {"id": "b", "deps": [{"pkg": "c", "dep_kinds": [{"kind": "dev"}, {"kind": "build"}]}]},
            {"id": "c", "deps": []},
        ]},
    }));
    let way = graph.way(&"a".to_owned(), &IMPURE);
    assert_eq!(way, Some(["core", "between", "tokio"].map(str::to_owned).to_vec()));
}
