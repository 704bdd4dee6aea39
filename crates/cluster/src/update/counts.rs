//! What is counted about updates, under the names that Keel's dashboards use, and some of our own. Names of images come from
//! outside: only so many of them have a line of their own.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lines of one name; what is more is counted together.
const MOST: usize = 1_000;
/// The label of what is counted together.
const OTHERS: &str = "others";

/// All counts.
#[derive(Debug, Default)]
pub struct Counts(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// By name of the metric, then image.
    webhooks: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// By registry and image.
    scanned: BTreeMap<(String, String), u64>,
    /// By namespace/name.
    versioned: BTreeMap<String, u64>,
    /// By reason.
    troubles: BTreeMap<&'static str, u64>,
    unfit: u64,
    unreadable_secrets: u64,
    watched: usize,
}

impl Counts {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A push that was posted; `metric` is Keel's name.
    pub fn webhook(&self, metric: &'static str, image: &str) {
        count(self.inner().webhooks.entry(metric).or_default(), image.to_string(), OTHERS.to_string());
    }

    /// A registry was asked and answered.
    pub(crate) fn scanned(&self, registry: &str, image: &str) {
        let others = (OTHERS.to_string(), OTHERS.to_string());
        count(&mut self.inner().scanned, (registry.to_string(), image.to_string()), others);
    }

    /// A registry did not answer, or not well.
    pub(crate) fn trouble(&self, why: &'static str) {
        *self.inner().troubles.entry(why).or_default() += 1;
    }

    /// A tag that is not for the platforms of its workload.
    pub(crate) fn unfit(&self) {
        self.inner().unfit += 1;
    }

    /// A pull secret that can't be read.
    pub(crate) fn secret_unreadable(&self) {
        self.inner().unreadable_secrets += 1;
    }

    /// How many questions are asked again and again.
    pub(crate) fn watched(&self, count: usize) {
        self.inner().watched = count;
    }

    /// An update was written into a workload.
    pub(crate) fn updated(&self, namespace: &str, name: &str) {
        count(&mut self.inner().versioned, format!("{namespace}/{name}"), OTHERS.to_string());
    }

    /// The text that Prometheus reads. `pending` updates wait for approval.
    pub fn text(&self, pending: usize) -> String {
        let inner = self.inner();
        let mut text = String::new();
        for (metric, images) in &inner.webhooks {
            head(&mut text, metric, "counter", "Pushes that were posted.");
            for (image, count) in images {
                line(&mut text, metric, &[("image", image)], *count);
            }
        }
        head(&mut text, "registries_scanned_total", "counter", "Answers of registries to polling.");
        for ((registry, image), count) in &inner.scanned {
            line(&mut text, "registries_scanned_total", &[("registry", registry), ("image", image)], *count);
        }
        head(&mut text, "kubernetes_versioned_updates_total", "counter", "Updates that were written.");
        for (workload, count) in &inner.versioned {
            line(&mut text, "kubernetes_versioned_updates_total", &[("kubernetes", workload)], *count);
        }
        head(&mut text, "serinus_registry_troubles_total", "counter", "Questions without a reply, by reason.");
        for (why, count) in &inner.troubles {
            line(&mut text, "serinus_registry_troubles_total", &[("reason", why)], *count);
        }
        let whole = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        for (name, kind, help, value) in [
            ("poll_trigger_tracked_images", "gauge", "Images that registries are asked for.", whole(inner.watched)),
            ("pending_approvals", "gauge", "Updates that wait for votes.", whole(pending)),
            ("serinus_unfit_images_total", "counter", "Tags that lack a platform of their workload.", inner.unfit),
            (
                "serinus_unreadable_pull_secrets_total",
                "counter",
                "Pull secrets that can't be read.",
                inner.unreadable_secrets,
            ),
        ] {
            head(&mut text, name, kind, help);
            line(&mut text, name, &[], value);
        }
        text
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K, others: K) {
    let key = if counts.len() < MOST || counts.contains_key(&key) { key } else { others };
    *counts.entry(key).or_default() += 1;
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(text: &mut String, name: &str, labels: &[(&str, &str)], value: u64) {
    let _ = write!(text, "{name}");
    for (index, (label, value)) in labels.iter().enumerate() {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(text, "{}{label}=\"{value}\"", if index == 0 { '{' } else { ',' });
    }
    let _ = writeln!(text, "{} {value}", if labels.is_empty() { "" } else { "}" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_are_bounded() {
        let counts = Counts::default();
        for index in 0..5_000 {
            counts.webhook("native_webhook_requests_total", &format!("image\"{index}"));
        }
        counts.scanned("r.io", "team/app");
        let text = counts.text(2);
        assert!(text.lines().filter(|line| line.starts_with("native_webhook")).count() <= MOST + 1);
        for line in [
            "native_webhook_requests_total{image=\"others\"} 4000",
            "native_webhook_requests_total{image=\"image\\\"0\"} 1",
            "registries_scanned_total{registry=\"r.io\",image=\"team/app\"} 1",
            "pending_approvals 2",
            "poll_trigger_tracked_images 0",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
    }
}
