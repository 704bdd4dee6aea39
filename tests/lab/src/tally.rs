//! Counting what a client got: per version, per kind of failure, and how long it took.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// What one request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 200, and the version that answered.
    Version(String),
    /// Anything else, in a few words.
    Failure(String),
}

/// One request of the open loop.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its number, from 0.
    pub number: u32,
    /// When it was due, counted from the start of the load.
    pub due: Duration,
    /// From the moment it was due to the end of the answer: waiting for a free connection counts.
    pub latency: Duration,
    /// What it came to.
    pub outcome: Outcome,
}

/// The sum of some samples.
#[derive(Debug, Default)]
pub struct Tally {
    /// Requests in all.
    pub total: usize,
    /// Answers by version.
    pub versions: BTreeMap<String, usize>,
    /// Failures by kind, each with the moment the first of its kind was due.
    pub failures: BTreeMap<String, (usize, Duration)>,
    latencies: Vec<Duration>,
}

impl Tally {
    /// Adds samples up.
    pub fn of(samples: &[Sample]) -> Self {
        let mut tally = Self { total: samples.len(), ..Self::default() };
        for sample in samples {
            tally.latencies.push(sample.latency);
            match &sample.outcome {
                Outcome::Version(version) => *tally.versions.entry(version.clone()).or_default() += 1,
                Outcome::Failure(kind) => tally.failures.entry(kind.clone()).or_insert((0, sample.due)).0 += 1,
            }
        }
        tally.latencies.sort_unstable();
        tally
    }

    /// The share of all requests that `version` answered, in percent.
    pub fn share(&self, version: &str) -> f64 {
        let count = self.versions.get(version).copied().unwrap_or(0);
        if self.total == 0 { 0.0 } else { 100.0 * count as f64 / self.total as f64 }
    }

    /// How many requests failed.
    pub fn failed(&self) -> usize {
        self.failures.values().map(|(count, _)| count).sum()
    }

    /// The latency that the given part of the requests (0 to 1) stays within.
    pub fn quantile(&self, part: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get((part * last as f64).round() as usize).copied().unwrap_or_default()
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests", self.total)?;
        for (version, count) in &self.versions {
            write!(f, ", {version}: {count} ({:.1} %)", self.share(version))?;
        }
        write!(f, ", failed: {}", self.failed())?;
        for (kind, (count, first)) in &self.failures {
            write!(f, " [{kind}: {count}, first after {:.1} s]", first.as_secs_f64())?;
        }
        let ms = |part| self.quantile(part).as_secs_f64() * 1000.0;
        write!(f, "; latency p50 {:.1} ms, p99 {:.1} ms, worst {:.1} ms", ms(0.5), ms(0.99), ms(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(ms: u64, outcome: Outcome) -> Sample {
        Sample { number: 0, due: Duration::from_millis(ms), latency: Duration::from_millis(ms), outcome }
    }

    #[test]
    fn counts_versions_failures_and_latencies() {
        let version = |v: &str| Outcome::Version(v.into());
        let tally = Tally::of(&[
            sample(1, version("1.0.0")),
            sample(2, version("2.0.0")),
            sample(3, Outcome::Failure("status 502".into())),
            sample(4, version("1.0.0")),
        ]);
        assert_eq!((tally.total, tally.failed(), tally.share("1.0.0")), (4, 1, 50.0));
        assert_eq!(tally.quantile(1.0), Duration::from_millis(4));
        assert_eq!(
            tally.to_string(),
            "4 requests, 1.0.0: 2 (50.0 %), 2.0.0: 1 (25.0 %), failed: 1 [status 502: 1, first after 0.0 s]; latency p50 3.0 ms, p99 4.0 ms, worst 4.0 ms"
        );
    }

    #[test]
    fn nothing_counted_is_no_share() {
        let none = Tally::of(&[]);
        assert_eq!((none.share("1.0.0"), none.quantile(0.5)), (0.0, Duration::ZERO));
    }
}
