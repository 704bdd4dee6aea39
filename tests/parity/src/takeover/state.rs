//! A state that a rollout can be in when its controller is exchanged: how it gets there, how one sees that it is there, and what is done then.

use serde_json::Value;

use super::app::{App, Version};
use super::world::World;

/// Whether an application looks as it should.
pub type Look = fn(&World) -> bool;

/// What a user does.
#[derive(Clone, Debug)]
pub enum Act {
    /// The template of a version is written, into the Deployment if one describes the pods.
    Ship(Version),
    /// `promote`: ends a pause, skips any other step.
    Promote,
    /// `promote --full`.
    PromoteFull,
    /// `abort`.
    Abort,
    /// `retry rollout`.
    Retry,
    /// `spec.replicas`.
    Scale(i32),
    /// `spec.paused`.
    Pause(bool),
    /// `spec.restartAt`, now.
    Restart,
    /// Fields of the strategy; null takes one away.
    Strategy(Value),
    /// So many more pods of gated versions may run.
    Room(u32),
    /// What metrics hear from now on.
    Say(i32),
    /// The Rollout is created: the first move, unless it is preceded by others.
    Create,
}

/// One part of a way.
#[derive(Clone, Debug)]
pub enum Move {
    /// Somebody does something.
    Do(Act),
    /// It is waited until it looks so.
    Until(Look),
}

/// A state.
#[derive(Clone, Debug)]
pub struct State {
    /// What it is called.
    pub title: &'static str,
    /// The application.
    pub app: App,
    /// The way there, after the ground is laid.
    pub way: Vec<Move>,
    /// The last part of the way: it is gone when all others are where they should be, because the state ends by itself after [`SOON`] seconds.
    pub late: Vec<Move>,
    /// How it looks when it is there.
    pub at: Look,
    /// What is done after the takeover.
    pub then: Vec<Move>,
    /// How it looks at the end.
    pub end: Look,
}

/// Seconds after which a state that ends by itself does so: longer than a takeover.
pub const SOON: u32 = 150;

impl State {
    /// An application that is healthy with its first version, and stays so.
    pub fn of(title: &'static str, app: App) -> Self {
        let way = vec![Move::Do(Act::Create), Move::Until(|w| w.done(1))];
        Self { title, app, way, late: vec![], at: |w| w.done(1), then: vec![], end: |w| w.done(1) }
    }

    /// An application that does not exist yet.
    pub fn before(title: &'static str, app: App) -> Self {
        Self { way: vec![], ..Self::of(title, app) }
    }

    /// It gets there by this.
    pub fn way(mut self, moves: impl IntoIterator<Item = Move>) -> Self {
        self.way.extend(moves);
        self
    }

    /// It gets there by this in the end.
    pub fn late(mut self, moves: impl IntoIterator<Item = Move>) -> Self {
        self.late.extend(moves);
        self
    }

    /// It is there when it looks so.
    pub fn at(mut self, at: Look) -> Self {
        self.at = at;
        self
    }

    /// This is done then.
    pub fn then(mut self, moves: impl IntoIterator<Item = Move>) -> Self {
        self.then.extend(moves);
        self
    }

    /// It ends like this.
    pub fn end(mut self, end: Look) -> Self {
        self.end = end;
        self
    }
}

/// The moves, as the tables of states write them.
pub mod moves {
    use super::{Act, Look, Move, Value, Version};
    use serde_json::json;

    /// It is waited until it looks so.
    pub fn until(look: Look) -> Move {
        Move::Until(look)
    }

    /// The Rollout is created.
    pub fn create() -> Move {
        Move::Do(Act::Create)
    }

    /// A version whose pods run at once.
    pub fn ship(n: u8) -> Move {
        Move::Do(Act::Ship(Version::Open(n)))
    }

    /// A version whose pods wait for room.
    pub fn ship_gated(n: u8) -> Move {
        Move::Do(Act::Ship(Version::Gated(n)))
    }

    /// Room for so many more pods.
    pub fn room(pods: u32) -> Move {
        Move::Do(Act::Room(pods))
    }

    /// `promote`.
    pub fn promote() -> Move {
        Move::Do(Act::Promote)
    }

    /// `promote --full`.
    pub fn promote_full() -> Move {
        Move::Do(Act::PromoteFull)
    }

    /// `abort`.
    pub fn abort() -> Move {
        Move::Do(Act::Abort)
    }

    /// `retry rollout`.
    pub fn retry() -> Move {
        Move::Do(Act::Retry)
    }

    /// `spec.replicas`.
    pub fn scale(replicas: i32) -> Move {
        Move::Do(Act::Scale(replicas))
    }

    /// `pause`.
    pub fn pause_by_hand() -> Move {
        Move::Do(Act::Pause(true))
    }

    /// Taking that back.
    pub fn unpause() -> Move {
        Move::Do(Act::Pause(false))
    }

    /// `restart`.
    pub fn restart() -> Move {
        Move::Do(Act::Restart)
    }

    /// Fields of the strategy.
    pub fn strategy(fields: Value) -> Move {
        Move::Do(Act::Strategy(fields))
    }

    /// What metrics hear.
    pub fn say(word: i32) -> Move {
        Move::Do(Act::Say(word))
    }

    /// A version goes out to the pause that is step 1, counted from 0, and is promoted there.
    pub fn updated(n: u8) -> [Move; 3] {
        [ship(n), until(|w| w.at_pause(1)), promote()]
    }

    /// The same, promoted in full.
    pub fn updated_in_full(n: u8) -> [Move; 3] {
        [ship(n), until(|w| w.at_pause(1)), promote_full()]
    }

    /// Promoted at the pauses that are steps 1 and 3.
    pub fn past_both_pauses() -> [Move; 4] {
        [until(|w| w.at_pause(1)), promote(), until(|w| w.at_pause(3)), promote()]
    }

    /// A step: this weight.
    pub fn weight(weight: i32) -> Value {
        json!({"setWeight": weight})
    }

    /// A step: a pause without an end.
    pub fn pause() -> Value {
        json!({"pause": {}})
    }

    /// A step: a pause of so many seconds.
    pub fn pause_for(seconds: u32) -> Value {
        json!({"pause": {"duration": format!("{seconds}s")}})
    }

    /// A step: a size of the canary.
    pub fn canary_scale(scale: Value) -> Value {
        json!({"setCanaryScale": scale})
    }

    /// Templates of an analysis.
    pub fn judged(template: &str) -> Value {
        json!({"templates": [{"templateName": template}]})
    }

    /// A step: an analysis.
    pub fn analysis(template: &str) -> Value {
        json!({"analysis": judged(template)})
    }
}
