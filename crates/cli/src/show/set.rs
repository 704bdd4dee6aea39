//! A ReplicaSet in the tree: its role, its health, what is left of its delay.

use super::age::{age, span};
use super::icon::Icon;
use super::node::Node;
use super::text::{Colour, Text};
use jiff::Timestamp;
use serinus_wire::k8s::ReplicaSet;
use serinus_wire::{Rollout, keys};

/// What a set is to its rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Takes traffic before the switch.
    Active,
    /// The new version, being tried.
    Canary,
    /// Behind the ping Service.
    Ping,
    /// Behind the pong Service.
    Pong,
    /// The new version before the switch.
    Preview,
    /// The version to go back to.
    Stable,
}

impl Role {
    /// The word in its colour.
    pub fn text(self) -> Text {
        let word = match self {
            Role::Active => "active",
            Role::Canary => "canary",
            Role::Ping => "ping",
            Role::Pong => "pong",
            Role::Preview => "preview",
            Role::Stable => "stable",
        };
        Text::coloured(self.colour(), word)
    }

    fn colour(self) -> Colour {
        match self {
            Role::Active | Role::Stable => Colour::Green,
            Role::Canary => Colour::Yellow,
            Role::Ping | Role::Pong | Role::Preview => Colour::Blue,
        }
    }
}

/// Hash of a set.
pub fn hash(set: &ReplicaSet) -> &str {
    set.metadata.labels.get(keys::HASH).map_or("", String::as_str)
}

/// Revision of a set; 0 when it has none.
pub fn revision(set: &ReplicaSet) -> i64 {
    set.metadata.annotations.get(keys::REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Roles of a set, in the order they are shown.
pub fn roles(rollout: &Rollout, set: &ReplicaSet) -> Vec<Role> {
    let (hash, status) = (hash(set), &rollout.status);
    if hash.is_empty() {
        return Vec::new();
    }
    let stable = hash == status.stable_rs;
    let mut roles = Vec::new();
    if rollout.spec.strategy.canary.is_some() && hash == status.current_pod_hash && !stable {
        roles.push(Role::Canary);
    }
    if stable {
        roles.push(Role::Stable);
    }
    if rollout.spec.strategy.blue_green.is_some() {
        if hash == status.blue_green.active_selector {
            roles.push(Role::Active);
        } else if hash == status.blue_green.preview_selector {
            roles.push(Role::Preview);
        }
    }
    roles.extend(side(rollout, stable, hash == status.current_pod_hash));
    roles
}

/// Which of the two Services stands before it, when a rollout switches between two.
fn side(rollout: &Rollout, stable: bool, current: bool) -> Option<Role> {
    rollout.canary()?.ping_pong.as_ref()?;
    let ping_is_stable = rollout.status.canary.stable_ping_pong == "ping";
    match (stable, current) {
        (true, _) => Some(if ping_is_stable { Role::Ping } else { Role::Pong }),
        (false, true) => Some(if ping_is_stable { Role::Pong } else { Role::Ping }),
        (false, false) => None,
    }
}

/// How a set stands.
pub fn health(set: &ReplicaSet) -> (Icon, &'static str) {
    let failed = |kind: &str| set.status.conditions.iter().any(|one| one.kind == kind && one.status == "True");
    let wanted = set.spec.replicas.unwrap_or(1);
    if failed("ReplicaFailure") {
        return (Icon::Bad, "ReplicaFailure");
    }
    if wanted == 0 {
        return (Icon::Neutral, "ScaledDown");
    }
    if set.metadata.generation > set.status.observed_generation || set.status.available_replicas < wanted {
        return (Icon::Working, "Progressing");
    }
    (Icon::Good, "Healthy")
}

/// The set as a node, without its pods.
pub fn node(set: &ReplicaSet, roles: &[Role], now: Timestamp) -> Node {
    let (icon, word) = health(set);
    let mut info: Vec<Text> = roles.iter().map(|role| role.text()).collect();
    info.extend(delay(set, now));
    Node {
        name: Text::plain("⧉ ").then(Text::in_colour(roles.first().map(|role| role.colour()), &set.metadata.name)),
        kind: "ReplicaSet",
        status: icon.with(word),
        age: age(set.metadata.creation_timestamp, now),
        info,
        children: Vec::new(),
    }
}

/// How long a set is kept although nobody needs it any more.
fn delay(set: &ReplicaSet, now: Timestamp) -> Option<Text> {
    let deadline: Timestamp = set.metadata.annotations.get(keys::SCALE_DOWN_DEADLINE)?.parse().ok()?;
    let left = deadline.as_second() - now.as_second();
    Some(if left <= 0 { "delay:passed".into() } else { format!("delay:{}", span(left)).into() })
}
