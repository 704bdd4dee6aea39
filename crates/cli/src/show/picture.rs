//! `get`: a head with the figures, then the tree of revisions, sets, runs and pods.

use super::age::age;
use super::node::{Node, draw};
use super::phase::phase;
use super::pod::Pod;
use super::text::{Paint, Text};
use super::world::{Raw, World, actual_weight, set_weight, step, strategy};
use super::{run, set};
use jiff::Timestamp;
use serde_json::Value;
use serinus_wire::k8s::ReplicaSet;
use std::collections::BTreeMap;

/// The whole picture.
pub fn picture(world: &World, now: Timestamp, paint: Paint) -> String {
    format!("{}\n{}", head(world, paint), draw(&tree(world, now), paint))
}

fn row(key: &str, value: &Text, paint: Paint) -> String {
    format!("{key:<17}{}\n", value.render(paint))
}

fn head(world: &World, paint: Paint) -> String {
    let mut out = String::new();
    let mut row = |key: &str, value: Text| out.push_str(&row(key, &value, paint));
    let rollout = &world.rollout;
    let (phase, message) = phase(rollout);
    row("Name:", rollout.metadata.name.as_str().into());
    row("Namespace:", rollout.metadata.namespace.as_str().into());
    row("Status:", phase.icon().with(phase.word()));
    if !message.is_empty() {
        row("Message:", message.into());
    }
    row("Strategy:", strategy(rollout).into());
    if rollout.canary().is_some() {
        let sets = world.sets_of(&rollout.metadata.uid);
        row("  Step:", step(rollout).into());
        row("  SetWeight:", set_weight(rollout).to_string().into());
        row("  ActualWeight:", actual_weight(rollout, &sets).to_string().into());
    }
    for (key, image) in images(world, &rollout.metadata.uid) {
        row(key, image);
    }
    out.push_str("Replicas:\n");
    let status = &rollout.status;
    for (key, count) in [
        ("  Desired:", rollout.replicas()),
        ("  Current:", status.replicas),
        ("  Updated:", status.updated_replicas),
        ("  Ready:", status.ready_replicas),
        ("  Available:", status.available_replicas),
    ] {
        out.push_str(&format!("{key:<17}{count}\n"));
    }
    out
}

/// The images, one in a line, with the roles of what runs them.
fn images(world: &World, uid: &str) -> Vec<(&'static str, Text)> {
    let line = |(index, (image, roles)): (usize, (String, Vec<set::Role>))| {
        let mut text: Text = image.into();
        if !roles.is_empty() {
            let roles = Text::joined(roles.into_iter().map(set::Role::text), ", ");
            text = text.and(" (").then(roles).and(")");
        }
        (if index == 0 { "Images:" } else { "" }, text)
    };
    world.images(uid).into_iter().enumerate().map(line).collect()
}

/// An experiment with its sets, their pods, and its runs.
pub fn experiment_picture(raw: &Raw, now: Timestamp, paint: Paint) -> String {
    let world = World::around(raw);
    let meta = run::metadata(&raw.top);
    let root = experiment(&world, &raw.top, now);
    let message = raw.top["status"]["message"].as_str().unwrap_or_default();
    let mut rows = vec![
        ("Name:", meta.name.as_str().into()),
        ("Namespace:", meta.namespace.as_str().into()),
        ("Status:", root.status.clone()),
    ];
    if !message.is_empty() {
        rows.push(("Message:", message.into()));
    }
    rows.extend(images(&world, &meta.uid));
    let head: String = rows.iter().map(|(key, value): &(&str, Text)| row(key, value, paint)).collect();
    format!("{head}\n{}", draw(&root, paint))
}

/// The tree below the rollout.
fn tree(world: &World, now: Timestamp) -> Node {
    let rollout = &world.rollout;
    let (phase, _) = phase(rollout);
    Node {
        name: Text::plain("⟳ ").and(&rollout.metadata.name),
        kind: "Rollout",
        status: phase.icon().with(phase.word()),
        age: age(rollout.metadata.creation_timestamp, now),
        info: Vec::new(),
        children: revisions(world, now),
    }
}

/// The revisions, newest first; in each its sets, then its experiments, then its runs.
fn revisions(world: &World, now: Timestamp) -> Vec<Node> {
    let uid = &world.rollout.metadata.uid;
    let mut by_revision: BTreeMap<i64, Vec<Node>> = BTreeMap::new();
    for set in world.sets_of(uid) {
        by_revision.entry(set::revision(set)).or_default().push(with_pods(world, set, now));
    }
    for one in run::owned(&world.experiments, uid) {
        by_revision.entry(run::revision(one)).or_default().push(experiment(world, one, now));
    }
    for analysis in run::owned(&world.runs, uid) {
        by_revision.entry(run::revision(analysis)).or_default().push(run::analysis(analysis, now));
    }
    let node = |(revision, children): (i64, Vec<Node>)| Node {
        name: format!("# revision:{revision}").into(),
        children,
        ..Node::default()
    };
    by_revision.into_iter().rev().map(node).collect()
}

fn experiment(world: &World, object: &Value, now: Timestamp) -> Node {
    let own = &run::metadata(object).uid;
    let mut node = run::experiment(object, now);
    node.children = world.sets_of(own).into_iter().map(|set| with_pods(world, set, now)).collect();
    node.children.extend(run::owned(&world.runs, own).into_iter().map(|run| run::analysis(run, now)));
    node
}

fn with_pods(world: &World, set: &ReplicaSet, now: Timestamp) -> Node {
    let mut node = set::node(set, &set::roles(&world.rollout, set), now);
    node.children = world.pods_of(&set.metadata.uid).into_iter().map(|pod| pod_node(pod, now)).collect();
    node
}

fn pod_node(pod: &Pod, now: Timestamp) -> Node {
    let (ready, containers) = pod.ready();
    let mut info = vec![format!("ready:{ready}/{containers}").into()];
    if pod.restarts() > 0 {
        info.push(format!("restarts:{}", pod.restarts()).into());
    }
    Node {
        name: Text::plain("□ ").and(&pod.metadata.name),
        kind: "Pod",
        status: pod.icon().with(&pod.reason()),
        age: age(pod.metadata.creation_timestamp, now),
        info,
        children: Vec::new(),
    }
}
