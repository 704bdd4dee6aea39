//! What a controller asked the API server for, as the server's own audit log tells it, by user agent.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;
use serinus_tests_lab::settings;

/// Verbs that change something.
const CHANGES: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];

/// The log, read from one place on.
pub struct Audit {
    path: PathBuf,
    from: u64,
}

/// Requests by verb and resource, for example `patch rollouts/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests(pub BTreeMap<String, u64>);

impl Audit {
    /// What comes from now on.
    pub fn from_now() -> Result<Audit> {
        let path = settings::audit()?;
        let from = path.metadata()?.len();
        Ok(Audit { path, from })
    }

    /// What clients whose name begins with `agent` have asked for since.
    pub fn of(&self, agent: &str) -> Result<Requests> {
        let mut file = File::open(&self.path).with_context(|| format!("open {}", self.path.display()))?;
        file.seek(SeekFrom::Start(self.from))?;
        let mut requests = Requests::default();
        let mut lines = BufReader::new(file);
        let mut line = String::new();
        // The last line may be half written.
        while lines.read_line(&mut line)? > 0 && line.ends_with('\n') {
            // Cheaper than to read what is somebody else's.
            if line.contains(agent) {
                requests.add(&serde_json::from_str(&line).context("a line of the audit log")?, agent);
            }
            line.clear();
        }
        Ok(requests)
    }
}

impl Requests {
    /// Each request is written once, when it is over; a watch also when it begins, and only then it counts.
    fn add(&mut self, entry: &Value, agent: &str) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (verb, stage) = (text(&entry["verb"]), text(&entry["stage"]));
        let counts = if verb == "watch" { "ResponseStarted" } else { "ResponseComplete" };
        if stage != counts || !text(&entry["userAgent"]).starts_with(agent) {
            return;
        }
        let (resource, part) = (text(&entry["objectRef"]["resource"]), text(&entry["objectRef"]["subresource"]));
        let part = if part.is_empty() { part } else { format!("/{part}") };
        *self.0.entry(format!("{verb} {resource}{part}")).or_default() += 1;
    }

    /// How many of those whose verb and resource `choose` takes.
    pub fn count(&self, choose: impl Fn(&str, &str) -> bool) -> u64 {
        let chosen = self.0.iter().filter(|(what, _)| what.split_once(' ').is_some_and(|(verb, of)| choose(verb, of)));
        chosen.map(|(_, count)| count).sum()
    }

    /// Changes of anything but events and leases.
    pub fn writes(&self) -> u64 {
        self.count(|verb, of| CHANGES.contains(&verb) && of != "events" && of != "leases")
    }

    /// Events that were written.
    pub fn events(&self) -> u64 {
        self.count(|verb, of| CHANGES.contains(&verb) && of == "events")
    }

    /// Renewals of a lease.
    pub fn leases(&self) -> u64 {
        self.count(|verb, of| CHANGES.contains(&verb) && of == "leases")
    }

    /// Gets and lists; of `resource` alone, when it is named.
    pub fn reads(&self, resource: Option<&str>) -> u64 {
        self.count(|verb, of| matches!(verb, "get" | "list") && resource.is_none_or(|resource| resource == of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn requests_are_counted_once_and_by_agent() {
        let entry = |agent: &str, verb: &str, stage: &str, resource: &str, part: Option<&str>| {
            let of = json!({"resource": resource, "subresource": part});
            json!({"userAgent": agent, "verb": verb, "stage": stage, "objectRef": of})
        };
        let mut requests = Requests::default();
        for entry in [
            entry("serinus/1", "patch", "ResponseComplete", "rollouts", Some("status")),
            entry("serinus/1", "create", "ResponseComplete", "events", None),
            entry("serinus/1", "update", "ResponseComplete", "leases", None),
            entry("serinus/1", "list", "ResponseComplete", "pods", None),
            entry("serinus/1", "watch", "ResponseStarted", "pods", None),
            entry("serinus/1", "watch", "ResponseComplete", "pods", None),
            entry("kubectl/1 serinus/1", "patch", "ResponseComplete", "rollouts", None),
        ] {
            requests.add(&entry, "serinus/");
        }
        assert_eq!((requests.writes(), requests.events(), requests.leases()), (1, 1, 1));
        assert_eq!((requests.reads(Some("pods")), requests.reads(Some("nodes")), requests.reads(None)), (1, 0, 1));
        assert_eq!(requests.0["watch pods"], 1);
    }
}
