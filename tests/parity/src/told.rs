//! The events of a scenario, by the object that they are about.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::known;
use crate::normal::{Hashes, Kind, anonymous, text, words};
use crate::record::Entry;
use crate::scenario::Strategy;

/// Events about each object, in order.
pub type Told = BTreeMap<String, Vec<String>>;

/// Longer than one pass, shorter than an act.
const MOMENT: SignedDuration = SignedDuration::from_secs(3);

/// An event, the object that it is about, and when it was told.
type Event = (Timestamp, (String, String));

/// As they were recorded in the cluster.
pub fn recorded(entries: &[Entry]) -> Vec<(String, String)> {
    let events = entries.iter().filter(|entry| entry.kind == Kind::Event).filter_map(|entry| entry.view.as_ref());
    let event = |view: &Value| {
        let at = text(&view["at"]).parse().unwrap_or(Timestamp::MIN);
        (at, (text(&view["about"]).to_owned(), text(&view["told"]).to_owned()))
    };
    once(events.map(event))
}

/// What is told of one object again within a moment comes from a pass over a stale cache, or from one that ended before it was written down. But a pause
/// that comes after the end of another step, or of another pause, is another pause, however soon it comes, and so is its end.
fn once(events: impl Iterator<Item = Event>) -> Vec<(String, String)> {
    let mut last: BTreeMap<(String, String), Timestamp> = BTreeMap::new();
    let mut out = Vec::new();
    for (at, event) in events {
        // The later time counts: a third time may follow.
        let before = last.insert(event.clone(), at);
        if before.is_none_or(|before| at.duration_since(before) > MOMENT) {
            let another: &[&str] = match event.1.split(": ").next() {
                Some("Normal RolloutStepCompleted" | "Normal RolloutResumed") => &["Normal RolloutPaused: "],
                Some("Normal RolloutPaused") => &["Normal RolloutResumed: "],
                _ => &[],
            };
            last.retain(|(about, told), _| *about != event.0 || !another.iter().any(|what| told.starts_with(what)));
            out.push(event);
        }
    }
    out
}

/// As the Argo controller's log tells them, by scenario. In the cluster it leaves out those after the first 25 of an object within five minutes.
pub fn logged(log: &str) -> BTreeMap<String, Vec<(String, String)>> {
    let mut all: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    for fields in log.lines().filter(|line| line.contains(" event_reason=")).map(fields) {
        let get = |key: &str| fields.get(key).map_or("", String::as_str);
        let about = ["rollout", "analysisrun", "experiment"].map(get).into_iter().find(|name| !name.is_empty());
        let (Some(about), Some(scenario)) = (about, about.and_then(|name| name.split('-').next())) else { continue };
        let kind = if get("level") == "info" { "Normal" } else { "Warning" };
        let told = format!("{kind} {}: {}", get("event_reason"), get("msg"));
        let (at, event) = (get("time").parse().unwrap_or(Timestamp::MIN), (about.to_owned(), told));
        all.entry(scenario.to_owned()).or_default().push((at, event));
    }
    all.into_iter().map(|(scenario, events)| (scenario, once(events.into_iter()))).collect()
}

/// The fields of a line of `key=value`, where a value is a word or a text in quotes.
fn fields(line: &str) -> BTreeMap<&str, String> {
    let mut fields = BTreeMap::new();
    let mut rest = line;
    while let Some((key, after)) = rest.trim_start().split_once('=') {
        let value;
        if after.starts_with('"') {
            // Go's quotes are those of JSON, as far as events need them.
            let mut values = serde_json::Deserializer::from_str(after).into_iter::<String>();
            let Some(Ok(text)) = values.next() else { return fields };
            rest = &after[values.byte_offset()..];
            value = text;
        } else {
            let end = after.find(' ').unwrap_or(after.len());
            value = after[..end].to_owned();
            rest = &after[end..];
        }
        fields.insert(key, value);
    }
    fields
}

/// In common words, without what is chance.
pub fn common(strategy: Strategy, events: &[(String, String)], scenario: &str, hashes: &Hashes) -> Told {
    let mut told = Told::new();
    for (about, event) in events {
        let about = words(about, scenario, hashes);
        let event = anonymous(&Value::String(event.clone()), scenario, hashes);
        told.entry(about).or_default().extend(known::in_common_words(text(&event)));
    }
    if strategy == Strategy::Basic {
        told.values_mut().for_each(|events| *events = turns(events));
    }
    told.values_mut().for_each(|events| side_by_side(events));
    told
}

const SCALED: &str = "Normal ScalingReplicaSet: ";

/// How sizes follow availability is chance with a basic canary: of the scalings of a ReplicaSet in one direction the first is left, with the size that
/// the last led to; those that stand side by side have the order of their texts.
fn turns(events: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    for event in events {
        let Some((what, _, to)) = scaling(event) else {
            out.push(event.clone());
            continue;
        };
        let set = what.replace("Scaled up", "").replace("Scaled down", "");
        let before = last.get(&set).copied().filter(|at| scaling(&out[*at]).is_some_and(|(way, _, _)| way == what));
        if let Some(at) = before {
            let merged = scaling(&out[at]).map(|(what, from, _)| format!("{what} from {from} to {to}"));
            out[at] = merged.unwrap_or_default();
        } else {
            last.insert(set, out.len());
            out.push(event.clone());
        }
    }
    // Whose place is chance does not part its neighbours.
    let loose = |event: &String| event.starts_with(SCALED) || known::may_move(event);
    let order = |event: &String| (known::may_move(event), event.starts_with(SCALED).then(|| event.clone()));
    out.chunk_by_mut(|a, b| loose(a) && loose(b)).for_each(|side_by_side| side_by_side.sort_by_cached_key(order));
    out
}

/// The templates of an Experiment come up and go side by side, whose pods are first is chance: between two events of the whole, each template tells its own story.
fn side_by_side(events: &mut [String]) {
    let names: BTreeSet<String> = events.iter().filter_map(|event| told_template(event)).map(str::to_owned).collect();
    let of = |event: &String| {
        let scaled = || scaling(event).map(|(what, _, _)| what.split_once(" (").map_or(what, |(what, _)| what));
        let ends = |name: &&String| scaled().is_some_and(|set| set.ends_with(&format!("-{name}")));
        told_template(event).map(str::to_owned).or_else(|| names.iter().find(ends).cloned())
    };
    events.chunk_by_mut(|a, b| of(a).is_some() && of(b).is_some()).for_each(|chunk| chunk.sort_by_cached_key(of));
}

/// The template that an event of an Experiment is about.
fn told_template(event: &str) -> Option<&str> {
    let (_, text) = event.split_once(": Template '").filter(|(reason, _)| reason.contains(" Template"))?;
    text.split_once("' transitioned ").map(|(name, _)| name)
}

/// Which way a ReplicaSet was scaled, from where, to where.
fn scaling(event: &str) -> Option<(&str, &str, &str)> {
    let (what, sizes) = event.strip_prefix(SCALED).and(event.rsplit_once(" from "))?;
    let (from, to) = sizes.split_once(" to ")?;
    Some((what, from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_tells_events_by_scenario() {
        let log = r#"time="2026-11-24T16:53:35Z" level=info msg="Started syncing rollout" generation=4 namespace=argo rollout=s2
time="2026-11-24T16:53:35Z" level=warning msg="Rollout \"s2\" aborted" event_reason=RolloutAborted namespace=argo rollout=s2
time="2026-11-24T16:53:35Z" level=warning msg="Rollout \"s2\" aborted" event_reason=RolloutAborted namespace=argo rollout=s2
time="2026-11-24T16:53:39Z" level=warning msg="Rollout \"s2\" aborted" event_reason=RolloutAborted namespace=argo rollout=s2
time="2026-11-24T16:53:39Z" level=info msg=Done event_reason=AnalysisRunSuccessful analysisrun=s2-abc-2-1 namespace=argo"#;
        let told = |about: &str, text: &str| (about.to_owned(), text.to_owned());
        let events = [
            told("s2", "Warning RolloutAborted: Rollout \"s2\" aborted"),
            told("s2", "Warning RolloutAborted: Rollout \"s2\" aborted"),
            told("s2-abc-2-1", "Normal AnalysisRunSuccessful: Done"),
        ];
        assert_eq!(logged(log), BTreeMap::from([("s2".to_owned(), events.to_vec())]));
    }

    #[test]
    fn what_a_pass_tells_again_counts_once() {
        let told = |events: &[(i64, &str, &str)]| {
            let event = |(at, about, text): &(i64, &str, &str)| {
                (Timestamp::from_second(*at).unwrap(), ((*about).to_owned(), (*text).to_owned()))
            };
            once(events.iter().map(event)).into_iter().map(|(_, text)| text).collect::<String>()
        };
        assert_eq!(told(&[(1, "x", "a"), (1, "x", "b"), (2, "x", "a"), (2, "x", "b"), (3, "x", "c")]), "abc");
        assert_eq!(told(&[(1, "x", "a"), (1, "y", "b"), (2, "x", "a"), (4, "x", "a")]), "ab");
        assert_eq!(told(&[(1, "x", "a"), (1, "x", "b"), (2, "x", "a"), (2, "x", "b"), (5, "x", "a")]), "ab");
        assert_eq!(told(&[(1, "x", "a"), (1, "x", "b"), (5, "x", "a"), (5, "x", "b")]), "abab");
    }

    #[test]
    fn a_pause_after_another_step_is_another_pause() {
        const PAUSED: &str = "Normal RolloutPaused: p";
        const RESUMED: &str = "Normal RolloutResumed: r";
        const ENDED: &str = "Normal RolloutStepCompleted: s";
        let pauses = |events: &[(&str, &str)]| {
            let event =
                |(about, text): &(&str, &str)| (Timestamp::UNIX_EPOCH, ((*about).to_owned(), (*text).to_owned()));
            once(events.iter().map(event)).iter().filter(|(_, text)| text != ENDED).count()
        };
        assert_eq!(pauses(&[("x", PAUSED), ("x", ENDED), ("x", PAUSED)]), 2);
        assert_eq!(pauses(&[("x", PAUSED), ("y", ENDED), ("x", PAUSED)]), 1);
        assert_eq!(pauses(&[("x", RESUMED), ("x", PAUSED), ("x", RESUMED), ("x", PAUSED)]), 4);
        assert_eq!(pauses(&[("x", RESUMED), ("x", RESUMED), ("x", PAUSED), ("x", PAUSED)]), 2);
        // A step that is told to have ended once more comes from a stale pass, and so does what follows.
        assert_eq!(pauses(&[("x", ENDED), ("x", PAUSED), ("x", ENDED), ("x", PAUSED)]), 1);
    }

    #[test]
    fn a_basic_canary_tells_its_way_in_larger_steps() {
        let scaled = |text: &str| format!("{SCALED}Scaled {text}");
        let events = [
            scaled("down ReplicaSet a from 4 to 3"),
            scaled("up ReplicaSet b from 0 to 1"),
            scaled("down ReplicaSet a from 3 to 1"),
            "Normal RolloutCompleted: x".to_owned(),
            scaled("down ReplicaSet a from 1 to 0"),
        ];
        let wanted = [
            scaled("down ReplicaSet a from 4 to 0"),
            scaled("up ReplicaSet b from 0 to 1"),
            "Normal RolloutCompleted: x".to_owned(),
        ];
        assert_eq!(turns(&events), wanted);
        let running =
            "Normal AnalysisRunRunning: Background Analysis Run 'x' Status New: 'Running' Previous: ''".to_owned();
        let parted = [scaled("up ReplicaSet c from 0 to 1"), running.clone(), scaled("down ReplicaSet b from 1 to 0")];
        let wanted = [scaled("down ReplicaSet b from 1 to 0"), scaled("up ReplicaSet c from 0 to 1"), running];
        assert_eq!(turns(&parted), wanted);
    }

    #[test]
    fn templates_come_up_side_by_side_and_the_whole_follows_them() {
        let scaled = |name: &str| format!("{SCALED}Scaled up ReplicaSet R-2-1-{name} from 0 to 1");
        let turned =
            |name: &str| format!("Normal TemplateRunning: Template '{name}' transitioned from Progressing -> Running");
        let whole = "Normal ExperimentRunning: Experiment transitioned from Pending -> Running".to_owned();
        let play = |mut events: Vec<String>| {
            side_by_side(&mut events);
            events
        };
        let each = vec![scaled("before"), turned("before"), scaled("after"), turned("after"), whole.clone()];
        let both = vec![scaled("before"), scaled("after"), turned("after"), turned("before"), whole.clone()];
        assert_eq!(play(each.clone()), play(both));
        let early = vec![scaled("before"), turned("before"), whole, scaled("after"), turned("after")];
        assert_ne!(play(each.clone()), play(early));
        let backwards = vec![turned("before"), scaled("before"), scaled("after"), turned("after")];
        assert_ne!(play(each[..4].to_vec()), play(backwards));
    }
}
