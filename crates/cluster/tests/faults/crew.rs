//! Who works in the bad weather.

use crate::support::storm::{Dice, Log, Stormy};
use crate::support::{NS, Running, World};
use serinus_cluster::{LeaseOptions, Options};
use std::time::Duration;
use tokio::time::Instant;

/// Who works in the bad weather.
#[derive(Clone, Copy, Debug)]
pub enum Crew {
    /// One that is killed again and again.
    Mortal,
    /// Two that compete for the lease, each cut off now and then.
    Rivals,
    /// Two that both believe to lead.
    Twins,
}

impl Crew {
    pub fn of(dice: &Dice) -> Crew {
        [Crew::Mortal, Crew::Rivals, Crew::Twins][usize::try_from(dice.below(3)).unwrap()]
    }

    /// Works for ever. `ready` prepares the options of each controller that starts.
    pub async fn work(self, world: &World, dice: &Dice, log: &Log, ready: &dyn Fn(&mut Options)) {
        let began = Instant::now();
        let start = |change: &dyn Fn(&mut Options)| {
            let stormy = Stormy::new(world.model.service(), dice.clone(), log.clone(), began);
            world.start_over(serinus_decide::decide, stormy, |options| {
                ready(options);
                change(options);
            })
        };
        match self {
            Crew::Mortal => loop {
                let one = start(&|_| {});
                tokio::time::sleep(dice.millis(40_000)).await;
                one.kill().await;
            },
            Crew::Rivals => {
                let rival = async |name: &'static str| loop {
                    let mut one: Running = start(&|options| {
                        options.lease = Some(LeaseOptions { identity: name.to_string(), ..LeaseOptions::new(NS, "") });
                    });
                    // One that lost the lease ends by itself.
                    if tokio::time::timeout(dice.millis(90_000), &mut one.task).await.is_err() {
                        one.kill().await;
                    }
                    tokio::time::sleep(dice.millis(5_000)).await;
                };
                futures::join!(rival("first"), rival("second"));
            }
            Crew::Twins => {
                let _first = start(&|_| {});
                let _second = start(&|_| {});
                std::future::pending::<()>().await;
            }
        }
    }
}

/// How long a play may take to come to its end, in virtual time. Longer than every pause, deadline and back-off together.
const PATIENCE: Duration = Duration::from_secs(1800);
/// An end that lasts so long is one, and not a moment on the way.
const LASTS: Duration = Duration::from_secs(15);

/// Waits until the world is as it is to be, and stays so.
pub async fn comes_to(
    world: &World,
    end: &serde_json::Value,
    state: impl Fn(&World) -> serde_json::Value,
) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    let mut since = None;
    loop {
        let version = world.model.version();
        let now = state(world);
        let left = if now == *end {
            let since = *since.get_or_insert_with(Instant::now);
            if since.elapsed() >= LASTS {
                return Ok(());
            }
            since + LASTS
        } else {
            since = None;
            until
        };
        let news = tokio::time::timeout_at(left, world.model.changed(version)).await;
        if news.is_err() && since.is_none() {
            return Err(format!("it ends otherwise: {}", crate::support::difference(end, &now)));
        }
        if Instant::now() >= until {
            return Err("it comes to its end and goes on from there, again and again".to_string());
        }
    }
}
