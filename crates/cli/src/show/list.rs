//! `list rollouts`: one line for each, in columns that stay where they are while lines are added.

use super::phase::phase;
use super::text::{Paint, Text, table};
use super::world::{set_weight, step, strategy};
use super::{age, run};
use jiff::Timestamp;
use serde::Deserialize as _;
use serde_json::Value;
use serinus_wire::{Rollout, Time};

/// Which columns there are, and how wide the two are that depend on names.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    timestamp: bool,
    namespace: Option<usize>,
    name: usize,
}

impl Columns {
    /// Wide enough for these rollouts.
    pub fn fit<'a>(rollouts: impl Iterator<Item = &'a Rollout> + Clone, namespaces: bool, timestamp: bool) -> Columns {
        let widest =
            |least: usize, length: &dyn Fn(&Rollout) -> usize| rollouts.clone().map(length).fold(least, usize::max);
        let namespace = namespaces.then(|| widest("NAMESPACE".len(), &|rollout| rollout.metadata.namespace.len()));
        Columns { timestamp, namespace, name: widest(10, &|rollout| rollout.metadata.name.len()) }
    }

    /// The head of the table.
    pub fn head(&self) -> String {
        let rest = ["STRATEGY", "STATUS", "STEP", "SET-WEIGHT", "READY", "DESIRED", "UP-TO-DATE", "AVAILABLE"];
        self.line("TIMESTAMP", "NAMESPACE", "NAME", rest.map(str::to_string)).trim_end().to_string() + "\n"
    }

    /// One rollout.
    pub fn row(&self, rollout: &Rollout, now: Timestamp) -> String {
        let status = &rollout.status;
        let dash = |text: String| if text.is_empty() { "-".to_string() } else { text };
        let weight = rollout.canary().map_or_else(String::new, |_| set_weight(rollout).to_string());
        let rest = [
            strategy(rollout).to_string(),
            phase(rollout).0.word().to_string(),
            dash(step(rollout)),
            dash(weight),
            format!("{}/{}", status.ready_replicas, status.replicas),
            rollout.replicas().to_string(),
            status.updated_replicas.to_string(),
            status.available_replicas.to_string(),
        ];
        let stamp = serinus_wire::Time::whole_seconds(now).to_string();
        self.line(&stamp, &rollout.metadata.namespace, &rollout.metadata.name, rest) + "\n"
    }

    fn line(&self, timestamp: &str, namespace: &str, name: &str, rest: [String; 8]) -> String {
        let mut cells = Vec::new();
        if self.timestamp {
            cells.push(format!("{timestamp:<20}"));
        }
        if let Some(width) = self.namespace {
            cells.push(format!("{namespace:<width$}"));
        }
        cells.push(format!("{name:<0$}", self.name));
        let widths = [9, 12, 4, 10, 5, 7, 10, 9];
        cells.extend(rest.iter().zip(widths).map(|(text, width)| format!("{text:<width$}")));
        cells.join("  ")
    }
}

/// `list experiments`: the table.
pub fn experiments(objects: &[Value], namespaces: bool, now: Timestamp) -> String {
    let head = ["NAMESPACE", "NAME      ", "STATUS", "DURATION", "REMAINING", "AGE"].map(Text::plain).to_vec();
    let mut rows = vec![head];
    rows.extend(objects.iter().map(|object| experiment(object, now)));
    if !namespaces {
        for row in &mut rows {
            row.remove(0);
        }
    }
    table(&rows, Paint::Plain)
}

fn experiment(object: &Value, now: Timestamp) -> Vec<Text> {
    let meta = run::metadata(object);
    let time = |path: &str| object.pointer(path).and_then(|at| Time::deserialize(at).ok());
    let wanted = object["spec"]["duration"].as_str().and_then(seconds);
    let (since, dash) = (time("/status/availableAt"), || "-".to_string());
    let running = object["status"]["phase"] == "Running";
    let left = wanted
        .zip(since)
        .filter(|_| running)
        .map(|(wanted, since)| age::span((since.0.as_second() + wanted - now.as_second()).max(0)));
    [
        meta.namespace.clone(),
        meta.name.clone(),
        object["status"]["phase"].as_str().unwrap_or_default().to_string(),
        wanted.map_or_else(dash, age::span),
        left.unwrap_or_else(dash),
        age::age(meta.creation_timestamp, now),
    ]
    .map(Text::from)
    .to_vec()
}

fn seconds(duration: &str) -> Option<i64> {
    let whole = duration.parse().ok();
    whole.or_else(|| Some(serinus_gocompat::duration::parse(duration)? / 1_000_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines() {
        let rollout = |name: &str, strategy: serde_json::Value, status: serde_json::Value| {
            let meta = json!({"name": name, "namespace": "web"});
            Rollout::read(json!({"metadata": meta, "spec": {"replicas": 5, "strategy": strategy}, "status": status}))
                .unwrap()
        };
        let all = [
            rollout(
                "shop",
                json!({"canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}}),
                json!({"phase": "Paused", "currentStepIndex": 1, "stableRS": "a", "currentPodHash": "b", "replicas": 6,
                    "readyReplicas": 5, "updatedReplicas": 1, "availableReplicas": 4}),
            ),
            rollout("bg", json!({"blueGreen": {"activeService": "a"}}), json!({"phase": "Healthy", "replicas": 5})),
            rollout("fresh-and-long", json!({"canary": {}}), json!({})),
        ];
        let now = "2026-01-02T03:04:05.6Z".parse().unwrap();
        let text =
            |columns: Columns| all.iter().fold(columns.head(), |text, rollout| text + &columns.row(rollout, now));
        assert_eq!(
            text(Columns::fit(all.iter(), false, false)),
            "\
NAME            STRATEGY   STATUS        STEP  SET-WEIGHT  READY  DESIRED  UP-TO-DATE  AVAILABLE
shop            Canary     Paused        1/2   20          5/6    5        1           4        \n\
bg              BlueGreen  Healthy       -     -           0/5    5        0           0        \n\
fresh-and-long  Canary     Progressing   -     100         0/0    5        0           0        \n"
        );
        let stamped = text(Columns::fit(all.iter().take(1), true, true));
        assert!(stamped.starts_with("TIMESTAMP             NAMESPACE  NAME        STRATEGY "), "{stamped}");
        assert!(stamped.contains("\n2026-01-02T03:04:05Z  web        shop        Canary "), "{stamped}");
    }
}
