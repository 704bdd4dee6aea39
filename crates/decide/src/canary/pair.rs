//! Ping-pong: two Services change roles instead of selectors (spec 2.9). The one that is stable is never touched.

use crate::pass::Pass;
use crate::service::{Care, point};
use serinus_wire::Rollout;

/// Value of `status.canary.stablePingPong` when the ping Service is the stable one. Anything else means the pong Service.
const PING: &str = "ping";
const PONG: &str = "pong";

/// Names of the canary and of the stable Service, whose roles a pair may have changed.
pub fn services(rollout: &Rollout) -> (String, String) {
    let Some(canary) = rollout.canary() else { return Default::default() };
    let Some(pair) = &canary.ping_pong else { return (canary.canary_service.clone(), canary.stable_service.clone()) };
    let (ping, pong) = (pair.ping_service.clone(), pair.pong_service.clone());
    if rollout.status.canary.stable_ping_pong == PING { (pong, ping) } else { (ping, pong) }
}

/// While the new set is not stable, the Service that is not stable points to it. Nobody sends to it yet, so it needs no pods.
pub fn reconcile(pass: &mut Pass<'_>) {
    let Some(new) = pass.sets.new_set() else { return };
    if pass.canary().ping_pong.is_none() || new.hash() == pass.rollout.status.stable_rs {
        return;
    }
    let (canary, _) = services(&pass.rollout);
    point(pass, &canary, pass.sets.new_index(), Care::Unchecked);
}

/// The roles change with the stable set.
pub fn promote(pass: &mut Pass<'_>) {
    if pass.canary().ping_pong.is_some() && pass.status.stable_rs != pass.rollout.status.stable_rs {
        let next = if pass.rollout.status.canary.stable_ping_pong == PING { PONG } else { PING };
        pass.status.canary.stable_ping_pong = next.to_string();
    }
}
