//! The story of the seed's canary: parts that are told together, from rest to rest.

use crate::crew::{Crew, comes_to};
use crate::support::play::ready_endpoints;
use crate::support::storm::{Dice, Log};
use crate::support::story::{self, PARTS, Part};
use crate::support::{INGRESS, Tap, World, seed, text};
use serde_json::Value;
use serinus_model::Model;

/// Parts that are told together.
pub struct Chapter {
    pub parts: Vec<Part>,
    before: Model,
    /// The state at the end of the last part.
    end: Value,
}

/// The story on a quiet day.
pub async fn on_a_quiet_day() -> Vec<Chapter> {
    let world = World::new().await;
    let controller = world.start(serinus_decide::decide, &Tap::default());
    let mut chapters = Vec::new();
    let (mut before, mut parts) = (world.still(), Vec::new());
    for part in PARTS {
        parts.push(part);
        if part.ends_at_rest() {
            part.told_to_the_end(&world).await;
            let parts = std::mem::take(&mut parts);
            chapters.push(Chapter { parts, before, end: story::state(&world) });
            before = world.still();
        } else {
            part.told(&world).await;
        }
    }
    controller.stop().await;
    chapters
}

impl Chapter {
    /// The chapter in bad weather; what went wrong.
    pub async fn told(&self, crew: Crew, dice: &Dice, log: &Log) -> Result<(), String> {
        let world = World::of(&self.before);
        let people = async {
            for part in &self.parts {
                part.told(&world).await;
            }
            comes_to(&world, &self.end, story::state).await
        };
        tokio::select! {
            biased;
            told = people => told,
            () = crew.work(&world, dice, log, &|_| {}) => unreachable!("controllers never end"),
            lost = sent_to_nobody(&world) => Err(lost),
        }
    }
}

/// Looks at every change whether somebody is sent to a Service without a ready pod. Once there was one, there always is.
async fn sent_to_nobody(world: &World) -> String {
    let mut served = false;
    loop {
        let version = world.model.version();
        let ready = ready_endpoints(world);
        let of = |service: &str| ready.get(service).copied().unwrap_or(0);
        served |= of(seed::STABLE) > 0;
        let weight = canary_weight(world);
        if served && of(seed::STABLE) == 0 {
            return format!("the stable Service has no ready endpoint at {}", world.model.now());
        }
        if weight > 0 && of(seed::CANARY) == 0 {
            return format!("weight {weight} on a canary without a ready endpoint at {}", world.model.now());
        }
        world.model.changed(version).await;
    }
}

fn canary_weight(world: &World) -> i64 {
    let ingress = world.look(&INGRESS, &format!("{}-{}-canary", seed::NAME, seed::STABLE));
    text(&ingress, "/metadata/annotations/nginx.ingress.kubernetes.io~1canary-weight").parse().unwrap_or(0)
}
