//! Two histories of one scenario: what each object went through and was after each act, and which events were told in all.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::known;
use crate::normal::{Hashes, Kind, anonymous, words};
use crate::record::Entry;
use crate::scenario::Strategy;
use crate::told::{self, Told};

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
    /// All events, each with the name of the object it is about.
    pub events: &'a [(String, String)],
    /// Ends of the parts.
    pub marks: &'a [usize],
    /// What hashes stand for.
    pub hashes: &'a Hashes,
}

/// The differences of each act.
pub fn compare(strategy: Strategy, argo: &History<'_>, ours: &History<'_>) -> Vec<Vec<Difference>> {
    let acts = argo.marks.len().min(ours.marks.len());
    let (mut argo_state, mut ours_state) = (State::new(), State::new());
    let mut all: Vec<Vec<Difference>> = Vec::new();
    for act in 0..acts {
        let (argo_part, ours_part) = (part(argo, act, &mut argo_state), part(ours, act, &mut ours_state));
        let mut found = Vec::new();
        for name in keys(&argo_part, &ours_part) {
            let lane = |part: &Part| course(strategy, part.get(&name));
            let (left, right) = (lane(&argo_part), lane(&ours_part));
            if left != right {
                found.push(Difference { part: name, argo: left.join(" → "), ours: right.join(" → ") });
            }
        }
        for name in keys(&argo_state, &ours_state) {
            let object = |state: &State| state.get(&name).cloned().unwrap_or(Value::Null);
            differ(&name, &object(&argo_state), &object(&ours_state), &mut found);
        }
        all.push(found);
    }
    // Events are written behind the acts, by queues of their own: they are compared as one story, and told after the last act.
    if let Some(last) = all.last_mut() {
        let told = |side: &History<'_>| told::common(strategy, side.events, side.name, side.hashes);
        let (argo, ours) = (told(argo), told(ours));
        for about in keys(&argo, &ours) {
            let of = |side: &Told| side.get(&about).cloned().unwrap_or_default();
            // Those of the Rollout itself are just "events".
            let part = if about == "R" { "events".to_owned() } else { format!("events of {about}") };
            events(&part, &of(&argo), &of(&ours), last);
        }
    }
    all
}

/// How sizes follow availability is chance with a basic canary: there only the turns count.
fn course(strategy: Strategy, lane: Option<&Vec<String>>) -> Vec<String> {
    let mut turns: Vec<String> = Vec::new();
    for value in lane.into_iter().flatten() {
        if let ([.., before, last], Strategy::Basic) = (&turns[..], strategy)
            && let (Ok(a), Ok(b), Ok(c)) = (before.parse::<i64>(), last.parse::<i64>(), value.parse::<i64>())
            && (b - a).signum() == (c - b).signum()
        {
            turns.pop();
        }
        turns.push(value.clone());
    }
    turns
}

/// All objects, by kind and name.
type State = BTreeMap<String, Value>;

/// What some fields went through after one act, by object and field.
type Part = BTreeMap<String, Vec<String>>;

fn part(history: &History<'_>, act: usize, state: &mut State) -> Part {
    let from = if act == 0 { 0 } else { history.marks[act - 1] };
    let mut part = Part::new();
    for entry in history.entries.get(from..history.marks[act]).unwrap_or_default() {
        if entry.kind == Kind::Event {
            continue;
        }
        let view = entry.view.as_ref().map(|view| anonymous(view, history.name, history.hashes));
        let name = format!("{:?} {}", entry.kind, words(&entry.name, history.name, history.hashes));
        for (field, value) in fields(entry.kind, view.as_ref().unwrap_or(&Value::Null)) {
            let before = state.get(&name).map(|before| plain(&field_of(before, field)));
            let lane =
                part.entry(format!("course of {name} {}", field.0)).or_insert_with(|| before.into_iter().collect());
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
    // What stayed as it was has no course, whoever wrote it again.
    part.retain(|_, lane| lane.len() > 1);
    part
}

/// A field, and where it is.
type Field = (&'static str, &'static str);

/// The fields whose whole course is compared.
fn fields(kind: Kind, view: &Value) -> Vec<(Field, Value)> {
    let fields: &[Field] = match kind {
        Kind::Rollout => &[
            ("step", "/status/currentStepIndex"),
            ("weight", "/status/canary/weights/canary/weight"),
            ("stable", "/status/stableRS"),
            ("active", "/status/blueGreen/activeSelector"),
        ],
        Kind::ReplicaSet | Kind::Deployment => &[("size", "/size")],
        Kind::AnalysisRun | Kind::Experiment => &[("phase", "/status/phase")],
        Kind::Service => &[("selector", "/selector/rollouts-pod-template-hash")],
        Kind::Ingress => &[("weight", "/annotations/nginx.ingress.kubernetes.io~1canary-weight")],
        Kind::Event => &[],
    };
    fields.iter().map(|field| (*field, field_of(view, *field))).collect()
}

fn field_of(view: &Value, field: Field) -> Value {
    view.pointer(field.1).cloned().unwrap_or(Value::Null)
}

/// Finds the smallest parts that differ.
pub fn differ(path: &str, argo: &Value, ours: &Value, found: &mut Vec<Difference>) {
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
fn events(part: &str, argo: &[String], ours: &[String], found: &mut Vec<Difference>) {
    let common = common(argo, ours);
    let (left, mut right) = (without(argo, &common), without(ours, &common));
    for at in left {
        let Some(place) = right.iter().position(|other| ours[*other] == argo[at]) else {
            found.push(Difference { part: part.to_owned(), argo: argo[at].clone(), ours: "-".to_owned() });
            continue;
        };
        let (argo, ours) = (placed(argo, at), placed(ours, right.remove(place)));
        found.push(Difference { part: format!("place among the {part}"), argo, ours });
    }
    let extra = |at: usize| Difference { part: part.to_owned(), argo: "-".to_owned(), ours: ours[at].clone() };
    found.extend(right.into_iter().map(extra));
}

/// An event, and what it comes after.
fn placed(list: &[String], at: usize) -> String {
    let before = at.checked_sub(1).and_then(|before| list.get(before));
    before.map_or_else(|| format!("{}, at first", list[at]), |before| format!("{}, after {before}", list[at]))
}

/// Places of what is left of a list without a subsequence.
fn without(list: &[String], common: &[&String]) -> Vec<usize> {
    let mut common = common.iter().peekable();
    let left = list.iter().enumerate().filter(|(_, event)| common.next_if(|next| **next == *event).is_none());
    left.map(|(at, _)| at).collect()
}

/// The longest common subsequence. Of two events that have changed places, the one whose place may be chance is left out: it is what has moved.
fn common<'a>(a: &'a [String], b: &[String]) -> Vec<&'a String> {
    // One whose place says something outweighs all the others.
    let weight = |event: &str| if known::may_move(event) { 1 } else { 1 + a.len() };
    let mut best = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, left) in a.iter().enumerate().rev() {
        for (j, right) in b.iter().enumerate().rev() {
            best[i][j] =
                if left == right { best[i + 1][j + 1] + weight(left) } else { best[i + 1][j].max(best[i][j + 1]) };
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
        Value::Null => "-".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn history<'a>(name: &'a str, entries: &'a [Entry], marks: &'a [usize], hashes: &'a Hashes) -> History<'a> {
        History { name, entries, events: &[], marks, hashes }
    }

    fn set(size: i32) -> Entry {
        Entry { kind: Kind::ReplicaSet, name: "s1-abc".into(), view: Some(json!({"size": size})) }
    }

    fn difference(part: &str, argo: &str, ours: &str) -> Difference {
        Difference { part: part.into(), argo: argo.into(), ours: ours.into() }
    }

    #[test]
    fn a_detour_counts_although_the_end_is_the_same() {
        let hashes = Hashes::new();
        let (argo, ours) = ([set(1), set(3), set(2)], [set(1), set(2)]);
        let found =
            compare(Strategy::Nginx, &history("s1", &argo, &[1, 3], &hashes), &history("s1", &ours, &[1, 2], &hashes));
        assert_eq!(found, [vec![], vec![difference("course of ReplicaSet R-abc size", "1 → 3 → 2", "1 → 2")]]);
    }

    #[test]
    fn a_basic_canary_may_take_its_way_in_smaller_steps() {
        let lane: Vec<String> = ["4", "3", "1", "2"].map(str::to_owned).into();
        assert_eq!(course(Strategy::Basic, Some(&lane)), ["4", "1", "2"]);
        assert_eq!(course(Strategy::Nginx, Some(&lane)), lane);
    }

    #[test]
    fn states_are_compared_field_by_field() {
        let hashes = Hashes::new();
        let (argo, ours) = ([set(1)], [set(2)]);
        let found =
            compare(Strategy::Nginx, &history("s1", &argo, &[1], &hashes), &history("s1", &ours, &[1], &hashes));
        assert_eq!(found[0].last(), Some(&difference("ReplicaSet R-abc size", "1", "2")));
    }

    #[test]
    fn events_are_compared_in_order() {
        let hashes = Hashes::new();
        let told = |words: &[&str]| words.iter().map(|word| ("s1".to_owned(), (*word).to_owned())).collect::<Vec<_>>();
        let (argo, ours) = (told(&["a", "b", "c"]), told(&["b", "d", "c"]));
        let side = |events| History { events, ..history("s1", &[], &[0], &hashes) };
        let found = compare(Strategy::Nginx, &side(&argo), &side(&ours));
        assert_eq!(found, [vec![difference("events", "a", "-"), difference("events", "-", "d")]]);
        let (argo, ours) = (told(&["a", "b", "c"]), told(&["c", "a", "b"]));
        let found = compare(Strategy::Nginx, &side(&argo), &side(&ours));
        assert_eq!(found, [vec![difference("place among the events", "c, after b", "c, at first")]]);
        // Whichever side it is on and whatever it has passed: what may move is told as moved.
        const MOVES: &str = "Normal AnalysisRunRunning: Background Analysis Run 'x' Status New: 'Running' Previous: ''";
        let (early, late) = (told(&["a", MOVES, "b"]), told(&["a", "b", MOVES]));
        let (first, last) = (format!("{MOVES}, after a"), format!("{MOVES}, after b"));
        for (argo, ours, was, is) in [(&early, &late, &first, &last), (&late, &early, &last, &first)] {
            let found = compare(Strategy::Nginx, &side(argo), &side(ours));
            assert_eq!(found, [vec![difference("place among the events", was, is)]]);
        }
    }
}
