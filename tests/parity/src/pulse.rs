//! How slow a controller is right now: a Rollout without pods is changed again and again, and the time is taken until its controller says so.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use serinus_tests_lab::api::Api;

use crate::manifests::{rollout_path, template};
use crate::normal::text;
use crate::scenario::Version;

/// Name of that Rollout.
pub const NAME: &str = "pulse";
/// So many answers are kept.
const KEPT: usize = 5;
/// Between an answer and the next question.
const PAUSE: Duration = Duration::from_millis(700);
const LOOK: Duration = Duration::from_millis(50);

/// The last answers of one controller; cheap to clone.
#[derive(Clone, Default)]
pub struct Pulse(Arc<Mutex<Beats>>);

#[derive(Default)]
struct Beats {
    last: VecDeque<Duration>,
    asked: Option<Instant>,
}

impl Pulse {
    /// The slowest of the last answers, and of the question that is not answered yet.
    pub fn lag(&self) -> Duration {
        let beats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = beats.asked.map(|asked| asked.elapsed());
        beats.last.iter().copied().chain(open).max().unwrap_or_default()
    }

    /// Makes the Rollout in a namespace and asks until the task ends.
    ///
    /// # Errors
    /// The API refused something.
    pub async fn beat(self, api: Arc<Api>, namespace: String) -> Result<()> {
        let path = rollout_path(&namespace, NAME);
        let spec = json!({
            "replicas": 0, "minReadySeconds": 0,
            "selector": {"matchLabels": {"app": NAME}}, "template": template(NAME, Version::Good(1)),
            "strategy": {"canary": {}},
        });
        let rollout =
            json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": NAME}, "spec": spec});
        let collection = path.trim_end_matches(&format!("/{NAME}"));
        api.create(collection, rollout).await?;
        for seconds in (0..2).cycle() {
            let asked = Instant::now();
            self.set(|beats| beats.asked = Some(asked));
            api.merge(&path, json!({"spec": {"minReadySeconds": seconds}})).await?;
            while !observed(&api.get(&path).await?.unwrap_or_default()) {
                tokio::time::sleep(LOOK).await;
            }
            self.set(|beats| {
                beats.asked = None;
                beats.last.push_back(asked.elapsed());
                beats.last.drain(..beats.last.len().saturating_sub(KEPT));
            });
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    fn set(&self, change: impl FnOnce(&mut Beats)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn observed(rollout: &Value) -> bool {
    rollout["metadata"]["generation"] == text(&rollout["status"]["observedGeneration"]).parse::<i64>().unwrap_or(0)
}
