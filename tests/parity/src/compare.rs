//! Two histories of one scenario, act by act: what each object went through, what it is in the end, and which events were told.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::normal::{Hashes, Kind, anonymous, words};
use crate::record::Entry;

/// One thing on which the two do not agree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Which object and which part of it, or `events`.
    pub part: String,
    /// What it is under the Argo controller.
    pub argo: String,
    /// What it is under ours.
    pub ours: String,
}

/// A history as it was recorded, with the place where each act's part ends.
pub struct History<'a> {
    /// The scenario's name.
    pub name: &'a str,
    /// All changes.
    pub entries: &'a [Entry],
    /// Ends of the parts.
    pub marks: &'a [usize],
    /// What hashes stand for.
    pub hashes: &'a Hashes,
}

/// The differences of each act.
pub fn compare(argo: &History<'_>, ours: &History<'_>) -> Vec<Vec<Difference>> {
    let acts = argo.marks.len().min(ours.marks.len());
    let (mut argo_state, mut ours_state) = (State::new(), State::new());
    let mut all = Vec::new();
    for act in 0..acts {
        let (argo_part, ours_part) = (part(argo, act, &mut argo_state), part(ours, act, &mut ours_state));
        let mut found = Vec::new();
        for name in keys(&argo_part.lanes, &ours_part.lanes) {
            let lane = |part: &Part| part.lanes.get(&name).cloned().unwrap_or_default();
            let (left, right) = (lane(&argo_part), lane(&ours_part));
            if left != right {
                found.push(Difference { part: name, argo: left.join(" → "), ours: right.join(" → ") });
            }
        }
        for name in keys(&argo_state, &ours_state) {
            let object = |state: &State| state.get(&name).cloned().unwrap_or(Value::Null);
            differ(&name, &object(&argo_state), &object(&ours_state), &mut found);
        }
        events(&argo_part.events, &ours_part.events, &mut found);
        all.push(found);
    }
    all
}

/// All objects, by kind and name.
type State = BTreeMap<String, Value>;

/// What happened after one act.
#[derive(Default)]
struct Part {
    /// What some fields went through, by object and field.
    lanes: BTreeMap<String, Vec<String>>,
    events: Vec<String>,
}

fn part(history: &History<'_>, act: usize, state: &mut State) -> Part {
    let from = if act == 0 { 0 } else { history.marks[act - 1] };
    let mut part = Part::default();
    for entry in history.entries.get(from..history.marks[act]).unwrap_or_default() {
        let view = entry.view.as_ref().map(|view| anonymous(view, history.name, history.hashes));
        if entry.kind == Kind::Event {
            part.events.extend(view.as_ref().and_then(Value::as_str).map(str::to_owned));
            continue;
        }
        let name = format!("{:?} {}", entry.kind, words(&entry.name, history.name, history.hashes));
        for (field, value) in fields(entry.kind, view.as_ref().unwrap_or(&Value::Null)) {
            let lane = part.lanes.entry(format!("course of {name} {field}")).or_default();
            let value = plain(&value);
            if lane.last() != Some(&value) {
                lane.push(value);
            }
        }
        match view {
            Some(view) => state.insert(name, view),
            None => state.remove(&name),
        };
    }
    part
}

/// The fields whose whole course is compared.
fn fields(kind: Kind, view: &Value) -> Vec<(&'static str, Value)> {
    let status = &view["status"];
    match kind {
        Kind::Rollout => vec![
            ("step", status["currentStepIndex"].clone()),
            ("weight", status["canary"]["weights"]["canary"]["weight"].clone()),
            ("stable", status["stableRS"].clone()),
            ("phase", status["phase"].clone()),
        ],
        Kind::ReplicaSet => vec![("size", view["size"].clone())],
        Kind::Service => vec![("selector", view["selector"]["rollouts-pod-template-hash"].clone())],
        Kind::Ingress => vec![("weight", view["annotations"]["nginx.ingress.kubernetes.io/canary-weight"].clone())],
        Kind::Event => vec![],
    }
}

/// Finds the smallest parts that differ.
fn differ(path: &str, argo: &Value, ours: &Value, found: &mut Vec<Difference>) {
    if argo == ours {
        return;
    }
    if let (Value::Object(left), Value::Object(right)) = (argo, ours) {
        for key in left.keys().chain(right.keys().filter(|key| !left.contains_key(*key))) {
            let field = |object: &serde_json::Map<String, Value>| object.get(key).cloned().unwrap_or(Value::Null);
            differ(&format!("{path} {key}"), &field(left), &field(right), found);
        }
        return;
    }
    found.push(Difference { part: path.to_owned(), argo: plain(argo), ours: plain(ours) });
}

/// Events that only one of them told, or told at another place in the order.
fn events(argo: &[String], ours: &[String], found: &mut Vec<Difference>) {
    let (mut left, mut right) = (argo.iter().peekable(), ours.iter().peekable());
    let none = || "-".to_owned();
    for common in common(argo, ours) {
        for event in std::iter::from_fn(|| left.next_if(|event| *event != common)) {
            found.push(Difference { part: "events".into(), argo: event.clone(), ours: none() });
        }
        for event in std::iter::from_fn(|| right.next_if(|event| *event != common)) {
            found.push(Difference { part: "events".into(), argo: none(), ours: event.clone() });
        }
        left.next();
        right.next();
    }
    found.extend(left.map(|event| Difference { part: "events".into(), argo: event.clone(), ours: none() }));
    found.extend(right.map(|event| Difference { part: "events".into(), argo: none(), ours: event.clone() }));
}

/// The longest common subsequence.
fn common<'a>(a: &'a [String], b: &[String]) -> Vec<&'a String> {
    let mut best = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, left) in a.iter().enumerate().rev() {
        for (j, right) in b.iter().enumerate().rev() {
            best[i][j] = if left == right { best[i + 1][j + 1] + 1 } else { best[i + 1][j].max(best[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            out.push(&a[i]);
            i += 1;
            j += 1;
        } else if best[i + 1][j] >= best[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    out
}

fn keys<V>(a: &BTreeMap<String, V>, b: &BTreeMap<String, V>) -> Vec<String> {
    let mut keys: Vec<String> = a.keys().chain(b.keys()).cloned().collect();
    keys.sort();
    keys.dedup();
    keys
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => json!("-").as_str().unwrap_or_default().to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history<'a>(name: &'a str, entries: &'a [Entry], marks: &'a [usize], hashes: &'a Hashes) -> History<'a> {
        History { name, entries, marks, hashes }
    }

    fn set(size: i32) -> Entry {
        Entry { kind: Kind::ReplicaSet, name: "s1-abc".into(), view: Some(json!({"size": size})) }
    }

    fn event(text: &str) -> Entry {
        Entry { kind: Kind::Event, name: "s1.1".into(), view: Some(json!(text)) }
    }

    fn told(part: &str, argo: &str, ours: &str) -> Difference {
        Difference { part: part.into(), argo: argo.into(), ours: ours.into() }
    }

    #[test]
    fn a_detour_counts_although_the_end_is_the_same() {
        let hashes = Hashes::new();
        let (argo, ours) = ([set(1), set(3), set(2)], [set(1), set(2)]);
        let found = compare(&history("s1", &argo, &[1, 3], &hashes), &history("s1", &ours, &[1, 2], &hashes));
        assert_eq!(found, [vec![], vec![told("course of ReplicaSet R-abc size", "3 → 2", "2")]]);
    }

    #[test]
    fn states_are_compared_field_by_field() {
        let hashes = Hashes::new();
        let (argo, ours) = ([set(1)], [set(2)]);
        let found = compare(&history("s1", &argo, &[1], &hashes), &history("s1", &ours, &[1], &hashes));
        assert_eq!(found[0].last(), Some(&told("ReplicaSet R-abc size", "1", "2")));
    }

    #[test]
    fn events_are_compared_in_order() {
        let hashes = Hashes::new();
        let (argo, ours) = ([event("a"), event("b"), event("c")], [event("b"), event("d"), event("c")]);
        let found = compare(&history("s1", &argo, &[3], &hashes), &history("s1", &ours, &[3], &hashes));
        assert_eq!(found, [vec![told("events", "a", "-"), told("events", "-", "d")]]);
    }
}
