//! `--once`: ships one good and one bad image as a pipeline does, approves both, and says whether the first was promoted and the
//! second aborted.

use crate::calls::Api;
use crate::gateway::table::Key;
use crate::pipeline::Pipeline;
use crate::screen::Screen;
use crate::ship::{Template, ship};
use crate::traffic::Meter;
use crate::watched::Watched;
use std::time::Duration;
use tokio::sync::watch;

/// The image that deserves to be promoted.
pub const GOOD: &str = "2.0.0";
/// The image that does not.
pub const BAD: &str = "3.0.0-errors20";

/// What the run needs.
pub struct Once {
    /// The API.
    pub api: Api,
    /// The Rollout that is updated.
    pub key: Key,
    /// Where its template is.
    pub template: Template,
    /// What is known of it.
    pub watched: watch::Receiver<Watched>,
    /// The pipeline, and the person who approves.
    pub pipeline: Pipeline,
    /// The client's count.
    pub meter: Meter,
    /// Where the story goes.
    pub screen: Screen,
    /// No workload is tracked: images are written by hand.
    pub by_hand: bool,
    /// How long each of the parts may take.
    pub patience: Duration,
}

impl Once {
    /// Runs it; the reason when it did not go as it should.
    pub async fn run(&mut self) -> Result<(), String> {
        self.until("the first version is healthy", |_, _, phase| phase == "Healthy").await?;
        let first = self.watched.borrow().stable_tag(&self.key).unwrap_or_default().to_string();
        self.traffic_goes_only_to(&first).await?;
        self.ship(GOOD).await?;
        self.until("2.0.0 is promoted", |tag, _, phase| tag == GOOD && phase == "Healthy").await?;
        self.traffic_goes_only_to(GOOD).await?;
        self.verdict_is(GOOD, "Promoted").await?;
        self.ship(BAD).await?;
        let aborted = |aborted: bool, phase: &str| aborted && phase == "Degraded";
        self.until("3.0.0-errors20 is aborted or promoted", |tag, abort, phase| tag == BAD || aborted(abort, phase))
            .await?;
        if self.watched.borrow().stable_tag(&self.key) == Some(BAD) {
            return Err(format!("{BAD} was promoted; it should have been aborted"));
        }
        self.traffic_goes_only_to(GOOD).await?;
        self.verdict_is(BAD, "RolledBack").await?;
        let watched = self.watched.borrow().clone();
        match watched.stable_tag(&self.key) {
            Some(GOOD) => Ok(()),
            other => Err(format!("{GOOD} should still be the stable version, not {}", other.unwrap_or("nothing"))),
        }
    }

    /// Posts the push and approves it. Where no workload is tracked, the image is written as people do it by hand.
    async fn ship(&mut self, tag: &str) -> Result<(), String> {
        let name = crate::pods::demo::REPOSITORY;
        self.screen.tell(&format!("pipeline: posts {name}:{tag} to /v1/webhooks/native"));
        if self.pipeline.push(name, tag).await? == 0 {
            self.screen.tell(&format!("{}: no workload has a policy, so {name}:{tag} is written by hand", self.key.1));
            let shipped = ship(&self.api, &self.template, &format!("{name}:{tag}")).await;
            self.by_hand = true;
            return shipped.map_err(|refused| refused.to_string());
        }
        let pipeline = self.pipeline.clone();
        let approved = async {
            loop {
                if pipeline.approve(tag).await? || pipeline.phase(tag).await? != "Pending" {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let limit = format!("waited {} s for something to approve", self.patience.as_secs());
        tokio::time::timeout(self.patience, approved).await.unwrap_or(Err(limit))
    }

    /// Waits for the verdict that a pipeline would get.
    async fn verdict_is(&self, tag: &str, wanted: &str) -> Result<(), String> {
        if self.by_hand {
            return Ok(());
        }
        let verdict = async {
            while self.pipeline.phase(tag).await? != wanted {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok(())
        };
        let limit = format!("waited {} s for the verdict {wanted} on {tag}", self.patience.as_secs());
        tokio::time::timeout(self.patience, verdict).await.unwrap_or(Err(limit))
    }

    /// Waits for a state given by the stable tag, the abort flag and the phase.
    async fn until(&mut self, what: &str, state: impl Fn(&str, bool, &str) -> bool) -> Result<(), String> {
        let key = self.key.clone();
        let reached = |watched: &Watched| {
            watched.rollouts.get(&key).is_some_and(|rollout| {
                let tag = watched.stable_tag(&key).unwrap_or_default();
                state(tag, rollout.status.abort, &rollout.status.phase)
            })
        };
        let ended =
            tokio::time::timeout(self.patience, self.watched.wait_for(reached)).await.map(|found| found.is_ok());
        if ended == Ok(true) {
            return Ok(());
        }
        let status = self.watched.borrow().rollouts.get(&self.key).map(|rollout| rollout.status.clone());
        let (phase, message) = status.map_or(("absent".to_string(), String::new()), |s| (s.phase, s.message));
        let patience = self.patience.as_secs();
        Err(format!("waited {patience} s until {what}; {} is {phase:?} {message:?}", self.key.1))
    }

    /// Waits until the client has had a number of answers in a row from one version only.
    async fn traffic_goes_only_to(&self, tag: &str) -> Result<(), String> {
        let wait = async {
            let mut earlier = self.meter.now();
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let now = self.meter.now();
                let recent = now.since(&earlier);
                if recent.answers().keys().any(|version| *version != tag) || recent.lost > 0 {
                    earlier = now;
                } else if recent.good.get(tag).is_some_and(|count| *count >= 20) {
                    return;
                }
            }
        };
        let ended = tokio::time::timeout(self.patience, wait).await;
        ended.map_err(|_| format!("waited {} s until only {tag} gets traffic", self.patience.as_secs()))
    }
}

/// The most memory that this process ever had, in bytes; `None` where the system does not tell.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
