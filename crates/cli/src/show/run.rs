//! AnalysisRuns, the Jobs they started, and Experiments in the tree.

use super::age::age;
use super::icon::Icon;
use super::node::Node;
use super::text::{Colour, Text};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serinus_wire::{ObjectMeta, Time, keys};

/// Metadata of a raw object; what can't be read is empty.
pub fn metadata(object: &Value) -> ObjectMeta {
    ObjectMeta::deserialize(&object["metadata"]).unwrap_or_default()
}

/// Revision an object belongs to; 0 when it says none.
pub fn revision(object: &Value) -> i64 {
    object["metadata"]["annotations"][keys::REVISION].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The objects that another owns, oldest first, and of those that came at once the last by name first.
pub fn owned<'a>(objects: &'a [Value], uid: &str) -> Vec<&'a Value> {
    let mut mine: Vec<(ObjectMeta, &Value)> = objects
        .iter()
        .map(|object| (metadata(object), object))
        .filter(|(meta, _)| meta.controller().is_some_and(|owner| owner.uid == uid))
        .collect();
    mine.sort_by(|(a, _), (b, _)| a.creation_timestamp.cmp(&b.creation_timestamp).then_with(|| b.name.cmp(&a.name)));
    mine.into_iter().map(|(_, object)| object).collect()
}

fn icon(phase: &str) -> Icon {
    match phase {
        "Successful" => Icon::Good,
        "Failed" => Icon::Bad,
        "Inconclusive" => Icon::Unknown,
        "Error" => Icon::Warning,
        "Running" => Icon::Working,
        "Pending" => Icon::Waiting,
        _ => Icon::Blank,
    }
}

fn named(sign: &str, object: &Value, kind: &'static str, now: Timestamp) -> Node {
    let meta = metadata(object);
    let phase = object["status"]["phase"].as_str().unwrap_or_default();
    let colour = matches!(phase, "Running" | "Pending").then_some(Colour::Blue);
    Node {
        name: Text::plain(sign).then(Text::in_colour(colour, &meta.name)),
        kind,
        status: icon(phase).with(phase),
        age: age(meta.creation_timestamp, now),
        info: Vec::new(),
        children: Vec::new(),
    }
}

/// An Experiment, without its sets and runs.
pub fn experiment(object: &Value, now: Timestamp) -> Node {
    named("Σ ", object, "Experiment", now)
}

/// An AnalysisRun with its Jobs and the counts of its measurements.
pub fn analysis(object: &Value, now: Timestamp) -> Node {
    let metrics = object["status"]["metricResults"].as_array().map(Vec::as_slice).unwrap_or_default();
    let sum = |key: &str| metrics.iter().filter_map(|metric| metric[key].as_i64()).sum::<i64>();
    let counts = [
        (Icon::Good, sum("successful")),
        (Icon::Bad, sum("failed")),
        (Icon::Unknown, sum("inconclusive")),
        (Icon::Warning, sum("error")),
    ];
    let shown = counts.into_iter().filter(|(_, count)| *count > 0);
    let measurements = metrics.iter().filter_map(|metric| metric["measurements"].as_array()).flatten();
    Node {
        info: shown.map(|(icon, count)| icon.with(&count.to_string())).collect(),
        children: measurements.filter_map(|measurement| job(measurement, now)).collect(),
        ..named("α ", object, "AnalysisRun", now)
    }
}

/// The Job behind a measurement, if one did it.
fn job(measurement: &Value, now: Timestamp) -> Option<Node> {
    let name = measurement["metadata"]["job-name"].as_str()?;
    let phase = measurement["phase"].as_str().unwrap_or_default();
    let began = Time::deserialize(&measurement["startedAt"]).ok();
    Some(Node {
        name: Text::plain("⊞ ").and(name),
        kind: "Job",
        status: icon(phase).with(phase),
        age: age(began, now),
        info: Vec::new(),
        children: Vec::new(),
    })
}
