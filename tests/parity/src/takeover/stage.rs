//! A namespace with its applications: what is done to them, and waiting for how they look.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use serinus_tests_lab::wait::{Look as Seen, until};

use super::app::{App, WAIT, gate_of, template};
use super::gate::Gates;
use super::mirror::{Kind, Mirror};
use super::state::{Act, Look, Move, SOON, State};
use crate::manifests::{Object, Words};
use crate::normal::text;
use crate::play::Side;

/// Nothing has changed for so long: all is quiet. Longer than any delay that no state is about.
const QUIET: Duration = Duration::from_secs(6);
/// Nothing has changed for so long: a user acts. The states are about the exchange of controllers, not about acts that meet a controller's own write;
/// whether such a meeting would lose one was not measured.
const BREATH: Duration = Duration::from_secs(2);
/// Longest wait for a look on the way to a state, other work of the machine included.
const PATIENCE: Duration = Duration::from_secs(100);
/// Longest wait for a look on the way to the end: it includes what ends by itself after [`SOON`] seconds.
const LONG_PATIENCE: Duration = Duration::from_secs(SOON as u64 + 50);

/// A namespace.
#[derive(Clone)]
pub struct Stage {
    /// What its users do.
    pub side: Side,
    /// What it looks like.
    pub mirror: Mirror,
    /// Where gated pods run.
    pub gates: Arc<Gates>,
}

impl Stage {
    /// Lays the ground and goes the way to a state, but for what comes late.
    ///
    /// # Errors
    /// The API refused something, or it never looked as it should.
    pub async fn bring(&self, state: &State, name: &str) -> Result<()> {
        self.side.answers.tell(&self.side.namespace, name, Some(WAIT));
        for object in state.app.ground(self.words(name)) {
            self.make(&object).await?;
        }
        self.go(state, name, &state.way, PATIENCE).await?;
        if state.late.is_empty() { self.arrive(state, name).await } else { self.calm(name, QUIET).await }
    }

    /// Goes the last part of the way.
    ///
    /// # Errors
    /// As for [`Stage::bring`].
    pub async fn bring_late(&self, state: &State, name: &str) -> Result<()> {
        self.go(state, name, &state.late, PATIENCE).await?;
        self.arrive(state, name).await
    }

    async fn arrive(&self, state: &State, name: &str) -> Result<()> {
        self.look("the state", name, state.at, PATIENCE).await?;
        self.calm(name, QUIET).await?;
        self.look("the state, still", name, state.at, PATIENCE).await
    }

    /// Does what comes after the takeover, and waits for the end.
    ///
    /// # Errors
    /// As for [`Stage::bring`].
    pub async fn end(&self, state: &State, name: &str) -> Result<()> {
        self.go(state, name, &state.then, LONG_PATIENCE).await?;
        self.look("the end", name, state.end, LONG_PATIENCE).await?;
        self.calm(name, QUIET).await?;
        self.look("the end, still", name, state.end, PATIENCE).await
    }

    async fn go(&self, state: &State, name: &str, moves: &[Move], patience: Duration) -> Result<()> {
        for (n, one) in moves.iter().enumerate() {
            let told = || format!("move {} of {}", n + 1, moves.len());
            match one {
                Move::Do(act) => {
                    if !matches!(act, Act::Create | Act::Room(_) | Act::Say(_)) {
                        self.calm(name, BREATH).await?;
                    }
                    self.act(&state.app, name, act).await.with_context(|| format!("{}: {act:?}", told()))?;
                }
                Move::Until(look) => self.look(&told(), name, *look, patience).await?,
            }
        }
        Ok(())
    }

    async fn look(&self, what: &str, name: &str, look: Look, patience: Duration) -> Result<()> {
        until(&format!("{what} of {name} in {}", self.side.namespace), patience, || async {
            let world = self.mirror.world(name);
            Ok(if look(&world) { Seen::Done(()) } else { Seen::Not(told(&world)) })
        })
        .await
    }

    /// Waits until nothing has changed for a while.
    async fn calm(&self, name: &str, enough: Duration) -> Result<()> {
        let began = Instant::now();
        until(&format!("quiet around {name} in {}", self.side.namespace), PATIENCE, || async {
            let quiet = self.mirror.quiet(name).min(began.elapsed());
            Ok(if quiet >= enough { Seen::Done(()) } else { Seen::Not(format!("quiet for {quiet:?}")) })
        })
        .await
    }

    /// Creates an object; a server that is slow is asked again.
    async fn make(&self, object: &Object) -> Result<()> {
        let Object { collection, body } = object;
        let path = format!("{collection}/{}", text(&body["metadata"]["name"]));
        until(&path, PATIENCE, || async {
            if self.side.api.get(&path).await.is_ok_and(|there| there.is_some()) {
                return Ok(Seen::Done(()));
            }
            Ok(match self.side.api.create(collection, body.clone()).await {
                Ok(()) => Seen::Done(()),
                Err(error) => Seen::Not(error.to_string()),
            })
        })
        .await
    }

    async fn act(&self, app: &App, name: &str, act: &Act) -> Result<()> {
        let side = &self.side;
        match act {
            Act::Create => self.make(&app.rollout(self.words(name))).await,
            Act::Ship(version) => {
                let template = template(self.words(name), *version);
                let Some(workload) = app.workload() else {
                    return side.spec(name, json!({"template": template})).await;
                };
                let (collection, patch) = workload.ship(&side.namespace, &template);
                side.api.merge(&format!("{collection}/{name}-work"), patch).await
            }
            Act::Promote => side.promote(name).await,
            Act::PromoteFull => side.status(name, json!({"promoteFull": true})).await,
            Act::Abort => side.status(name, json!({"abort": true})).await,
            Act::Retry => side.status(name, json!({"abort": false})).await,
            Act::Scale(replicas) => side.spec(name, json!({"replicas": replicas})).await,
            Act::Pause(paused) => side.spec(name, json!({"paused": paused})).await,
            Act::Restart => {
                let now = Timestamp::from_second(Timestamp::now().as_second())?;
                side.spec(name, json!({"restartAt": now.to_string()})).await
            }
            Act::Strategy(fields) => {
                let mut strategy = json!({});
                strategy[app.strategy()] = self.words(name).fill(fields);
                side.spec(name, json!({"strategy": strategy})).await
            }
            Act::Room(pods) => self.gates.room(&side.api, &gate_of(self.words(name)), *pods).await,
            Act::Say(word) => {
                side.answers.tell(&side.namespace, name, Some(*word));
                Ok(())
            }
        }
    }

    fn words<'a>(&'a self, name: &'a str) -> Words<'a> {
        Words { name, namespace: &self.side.namespace, web: &self.side.answers.address }
    }
}

/// What is told of an application that does not look as it should.
fn told(world: &super::world::World) -> String {
    let sizes: Vec<String> = (world.sets())
        .map(|set| format!("{}: {} {}", set["metadata"]["name"], set["spec"]["replicas"], set["status"]))
        .collect();
    let runs: Vec<&Value> = world.all(Kind::AnalysisRun).map(|run| &run["status"]["phase"]).collect();
    format!("{} weight {} {sizes:?} {runs:?}", world.status(), world.weight())
}
