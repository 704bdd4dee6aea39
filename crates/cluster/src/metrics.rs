//! Counts, and their text for Prometheus. The names are those that dashboards for the peers already use.

use crate::cache::Cache;
use crate::lens::Rollouts;
use http::Method;
use serinus_wire::Rollout;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Upper bounds of `rollout_reconcile`.
const BOUNDS: [f64; 5] = [0.01, 0.15, 0.25, 0.5, 1.0];

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// By (kind, verb, status).
    requests: BTreeMap<(String, &'static str, u16), u64>,
    /// By (namespace, name).
    rollouts: BTreeMap<(String, String), Passes>,
    /// By (kind of the watch).
    watch_failures: BTreeMap<&'static str, u64>,
    events_lost: u64,
    stale: u64,
}

#[derive(Debug, Default)]
struct Passes {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    seconds: f64,
    errors: u64,
    /// By type and reason, in their order: a handful, for which a map would be many times as large.
    events: Vec<(&'static str, Box<str>, u64)>,
}

impl Metrics {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_rollout(&self, namespace: &str, name: &str, change: impl FnOnce(&mut Passes)) {
        change(self.counts().rollouts.entry((namespace.to_string(), name.to_string())).or_default());
    }

    /// One pass over a Rollout.
    pub fn reconciled(&self, namespace: &str, name: &str, took: Duration, failed: bool) {
        self.with_rollout(namespace, name, |passes| {
            let seconds = took.as_secs_f64();
            for (bucket, bound) in passes.buckets.iter_mut().zip(BOUNDS) {
                *bucket += u64::from(seconds <= bound);
            }
            passes.count += 1;
            passes.seconds += seconds;
            passes.errors += u64::from(failed);
        });
    }

    /// One event on a Rollout.
    pub fn event(&self, namespace: &str, name: &str, kind: &'static str, reason: &str) {
        self.with_rollout(namespace, name, |passes| {
            match passes.events.binary_search_by(|(of, why, _)| (*of, &**why).cmp(&(kind, reason))) {
                Ok(known) => passes.events.get_mut(known).into_iter().for_each(|(_, _, count)| *count += 1),
                Err(place) => passes.events.insert(place, (kind, reason.into(), 1)),
            }
        });
    }

    /// An event that could not be written.
    pub fn event_lost(&self) {
        self.counts().events_lost += 1;
    }

    /// A pass that had to wait for the caches.
    pub fn stale(&self) {
        self.counts().stale += 1;
    }

    /// A watch that failed.
    pub fn watch_failed(&self, kind: &'static str) {
        *self.counts().watch_failures.entry(kind).or_default() += 1;
    }

    /// A Rollout that is gone: nobody needs its series any more.
    pub fn forget(&self, namespace: &str, name: &str) {
        self.counts().rollouts.remove(&(namespace.to_string(), name.to_string()));
    }

    /// One request to the API server.
    pub fn request(&self, method: &Method, path_and_query: &str, status: u16) {
        let (kind, verb) = kind_and_verb(method, path_and_query);
        *self.counts().requests.entry((kind, verb, status)).or_default() += 1;
    }

    /// The text that Prometheus reads.
    pub fn text(&self, rollouts: Option<&Cache<Rollouts>>) -> String {
        let mut text = Text::default();
        let counts = self.counts();
        text.family("controller_clientset_k8s_request_total", "counter", "Requests to the API server.");
        for ((kind, verb, status), count) in &counts.requests {
            let status = status.to_string();
            text.sample("", &[("kind", kind), ("verb", verb), ("status_code", &status)], *count as f64);
        }
        passes(&mut text, &counts.rollouts);
        text.family("serinus_events_lost_total", "counter", "Events that could not be written.");
        text.sample("", &[], counts.events_lost as f64);
        text.family("serinus_stale_passes_total", "counter", "Passes that waited for the caches to show an own write.");
        text.sample("", &[], counts.stale as f64);
        text.family("serinus_watch_failures_total", "counter", "Watches that broke and were started again.");
        for (kind, count) in &counts.watch_failures {
            text.sample("", &[("kind", kind)], *count as f64);
        }
        drop(counts);
        text.family("argo_rollouts_controller_info", "gauge", "Version of the controller.");
        text.sample("", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
        if let Some(rollouts) = rollouts {
            states(&mut text, rollouts);
        }
        text.0
    }
}

fn passes(text: &mut Text, rollouts: &BTreeMap<(String, String), Passes>) {
    text.family("rollout_reconcile", "histogram", "Duration of passes over a Rollout in seconds.");
    for ((namespace, name), passes) in rollouts {
        let of = [("namespace", namespace.as_str()), ("name", name.as_str())];
        for (count, bound) in passes.buckets.iter().zip(BOUNDS) {
            text.sample("_bucket", &[of[0], of[1], ("le", &bound.to_string())], *count as f64);
        }
        text.sample("_bucket", &[of[0], of[1], ("le", "+Inf")], passes.count as f64);
        text.sample("_sum", &of, passes.seconds);
        text.sample("_count", &of, passes.count as f64);
    }
    text.family("rollout_reconcile_error", "counter", "Passes over a Rollout that failed.");
    for ((namespace, name), passes) in rollouts {
        text.sample("", &[("namespace", namespace), ("name", name)], passes.errors as f64);
    }
    text.family("rollout_events_total", "counter", "Events on a Rollout.");
    for ((namespace, name), passes) in rollouts {
        for (kind, reason, count) in &passes.events {
            let labels = [("namespace", namespace.as_str()), ("name", name), ("type", kind), ("reason", reason)];
            text.sample("", &labels, *count as f64);
        }
    }
}

/// What is read off a Rollout when somebody asks.
struct State {
    namespace: String,
    name: String,
    strategy: &'static str,
    router: &'static str,
    phase: &'static str,
    /// As `GAUGES` names them.
    counts: [i32; 4],
}

const GAUGES: [(&str, &str); 4] = [
    ("rollout_info_replicas_available", "Available pods."),
    ("rollout_info_replicas_unavailable", "Pods that are not available."),
    ("rollout_info_replicas_desired", "Wanted pods."),
    ("rollout_info_replicas_updated", "Pods of the wanted version."),
];

impl State {
    fn of(rollout: &Rollout) -> State {
        let Rollout { metadata, status, .. } = rollout;
        let unavailable = (status.replicas - status.available_replicas).max(0);
        State {
            namespace: metadata.namespace.clone(),
            name: metadata.name.clone(),
            strategy: strategy(rollout),
            router: router(rollout),
            phase: legacy_phase(&status.phase, rollout),
            counts: [status.available_replicas, unavailable, rollout.replicas(), status.updated_replicas],
        }
    }
}

fn states(text: &mut Text, rollouts: &Cache<Rollouts>) {
    let mut all = rollouts.all(|lens| State::of(&lens.value));
    all.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    text.family("rollout_info", "gauge", "Strategy, router and phase of a Rollout.");
    for State { namespace, name, strategy, router, phase, .. } in &all {
        let labels = [
            ("namespace", namespace.as_str()),
            ("name", name.as_str()),
            ("strategy", strategy),
            ("traffic_router", router),
            ("phase", phase),
        ];
        text.sample("", &labels, 1.0);
    }
    for (n, (name, help)) in GAUGES.into_iter().enumerate() {
        text.family(name, "gauge", help);
        for state in &all {
            let count = state.counts.get(n).copied().unwrap_or_default();
            text.sample("", &[("namespace", &state.namespace), ("name", &state.name)], f64::from(count));
        }
    }
}

fn strategy(rollout: &Rollout) -> &'static str {
    let strategy = &rollout.spec.strategy;
    match (&strategy.canary, &strategy.blue_green) {
        (_, Some(_)) => "blueGreen",
        (Some(_), None) => "canary",
        (None, None) => "none",
    }
}

fn router(rollout: &Rollout) -> &'static str {
    let Some(routing) = rollout.canary().and_then(|canary| canary.traffic_routing.as_ref()) else { return "" };
    let routers = [
        (routing.alb.is_some(), "ALB"),
        (routing.ambassador.is_some(), "Ambassador"),
        (routing.istio.is_some(), "Istio"),
        (routing.nginx.is_some(), "Nginx"),
        (routing.smi.is_some(), "SMI"),
        (routing.app_mesh.is_some(), "AppMesh"),
    ];
    routers.iter().find(|(is_set, _)| *is_set).map_or("", |(_, name)| name)
}

/// The vocabulary of `rollout_info` is older than that of `status.phase`.
fn legacy_phase(phase: &str, rollout: &Rollout) -> &'static str {
    let has = |reason: &str| rollout.status.conditions.iter().any(|condition| condition.reason == reason);
    match phase {
        "Healthy" => "Completed",
        "Paused" => "Paused",
        "Degraded" if rollout.status.conditions.iter().any(|condition| condition.kind == "InvalidSpec") => {
            "InvalidSpec"
        }
        "Degraded" if has("RolloutAborted") => "Abort",
        "Degraded" if has("ProgressDeadlineExceeded") => "Timeout",
        "Degraded" => "Error",
        _ => "Progressing",
    }
}

/// What a request is about: the plural of the kind and the verb.
fn kind_and_verb(method: &Method, path_and_query: &str) -> (String, &'static str) {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let rest = match parts.as_slice() {
        ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] => rest,
        _ => &[],
    };
    let rest = match rest {
        ["namespaces", _, rest @ ..] if !rest.is_empty() => rest,
        rest => rest,
    };
    let kind = rest.first().copied().unwrap_or("discovery").to_string();
    let verb = match (method.as_str(), rest.len()) {
        ("GET", _) if query.split('&').any(|pair| pair == "watch=true" || pair == "watch=1") => "Watch",
        ("GET", 0 | 1) => "List",
        ("GET", _) => "Get",
        ("POST", _) => "Create",
        ("PUT", _) => "Update",
        ("PATCH", _) => "Patch",
        ("DELETE", _) => "Delete",
        _ => "Unknown",
    };
    (kind, verb)
}

/// The text format, one family after the other.
#[derive(Default)]
struct Text(String, &'static str);

impl Text {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        self.1 = name;
    }

    fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        let _ = write!(self.0, "{}{suffix}", self.1);
        for (index, (name, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{name}=\"{value}\"", if index == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_what_they_are_about() {
        let table = [
            (Method::GET, "/apis/apps/v1/replicasets?limit=500", ("replicasets", "List")),
            (Method::GET, "/apis/apps/v1/namespaces/n/replicasets?watch=true&x=y", ("replicasets", "Watch")),
            (Method::GET, "/api/v1/namespaces/n/services/s", ("services", "Get")),
            (Method::GET, "/api/v1/namespaces/n", ("namespaces", "Get")),
            (Method::PATCH, "/apis/argoproj.io/v1alpha1/namespaces/n/rollouts/r/status", ("rollouts", "Patch")),
            (Method::POST, "/api/v1/namespaces/n/events", ("events", "Create")),
            (Method::GET, "/apis", ("discovery", "List")),
        ];
        for (method, path, (kind, verb)) in table {
            assert_eq!(kind_and_verb(&method, path), (kind.to_string(), verb), "{method} {path}");
        }
    }

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let metrics = Metrics::default();
        metrics.reconciled("n", "a\"b", Duration::from_millis(200), true);
        metrics.request(&Method::GET, "/api/v1/namespaces/n/services/s", 200);
        let text = metrics.text(None);
        for line in [
            "# TYPE rollout_reconcile histogram",
            "rollout_reconcile_bucket{namespace=\"n\",name=\"a\\\"b\",le=\"0.15\"} 0",
            "rollout_reconcile_bucket{namespace=\"n\",name=\"a\\\"b\",le=\"0.25\"} 1",
            "rollout_reconcile_bucket{namespace=\"n\",name=\"a\\\"b\",le=\"+Inf\"} 1",
            "rollout_reconcile_sum{namespace=\"n\",name=\"a\\\"b\"} 0.2",
            "rollout_reconcile_error{namespace=\"n\",name=\"a\\\"b\"} 1",
            "controller_clientset_k8s_request_total{kind=\"services\",verb=\"Get\",status_code=\"200\"} 1",
            "serinus_events_lost_total 0",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        metrics.forget("n", "a\"b");
        assert!(!metrics.text(None).contains("rollout_reconcile_sum"));
    }
}
