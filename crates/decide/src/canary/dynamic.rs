//! `dynamicStableScale`: the stable set shrinks as the canary's weight rises, and grows again before that weight falls.
//! Plain numbers (spec 2.3.3, 2.3.4, 3.0).

use super::counts::{Bounds, pods_for};

/// Size of the stable set: what the wanted or the recorded weight leaves to it, whichever is more.
pub fn stable_pods(bounds: &Bounds, wanted: i32, recorded: Option<i32>) -> i32 {
    let left = (bounds.max_weight - wanted).max(recorded.unwrap_or(0)).clamp(0, bounds.max_weight);
    pods_for(bounds, left)
}

/// The weight whose pods the canary keeps for now while an aborted update walks back: that of the last step which needs
/// fewer pods than `missing`, the pods that the stable set has yet to take over.
pub fn step_back(bounds: &Bounds, weights: impl DoubleEndedIterator<Item = i32>, missing: i32) -> i32 {
    weights.rev().find(|weight| pods_for(bounds, *weight) < missing).unwrap_or(0)
}

/// The weight of the canary while an update is walked back: it falls as the pods of the stable set become available, and
/// never rises above the recorded one. `wanted` is the weight of [`step_back`].
pub fn weight_back(bounds: &Bounds, wanted: i32, recorded: Option<i32>, stable_available: i32) -> i32 {
    let expected = uncarried(bounds, stable_available);
    let Some(recorded) = recorded else { return expected.max(wanted) };
    if wanted <= 0 {
        return expected.min(recorded);
    }
    if stable_available < pods_for(bounds, bounds.max_weight - wanted) {
        return recorded;
    }
    wanted.min(recorded)
}

/// The weight that so many pods of the stable set can't carry.
pub fn uncarried(bounds: &Bounds, stable_available: i32) -> i32 {
    (bounds.max_weight - share(bounds, stable_available)).max(0)
}

/// The weight that so many pods can carry, rounded down.
pub fn share(bounds: &Bounds, available: i32) -> i32 {
    if bounds.replicas <= 0 {
        return bounds.max_weight;
    }
    let carried = i64::from(bounds.max_weight) * i64::from(available) / i64::from(bounds.replicas);
    i32::try_from(carried).unwrap_or(i32::MAX).min(bounds.max_weight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bounds(replicas: i32) -> Bounds {
        Bounds { replicas, surge: 0, unavailable: 1, max_weight: 100 }
    }

    #[test]
    fn the_stable_set_has_what_the_canary_does_not_carry() {
        for (wanted, recorded, pods) in [
            (0, None, 10),
            (20, None, 8),
            (20, Some(100), 10),
            (80, Some(80), 8),
            (80, Some(20), 2),
            (100, Some(0), 0),
            (0, Some(20), 10),
            (33, Some(0), 7),
        ] {
            assert_eq!(stable_pods(&bounds(10), wanted, recorded), pods, "{wanted} {recorded:?}");
        }
    }

    #[test]
    fn an_abort_walks_back_step_by_step() {
        let steps = [20, 50, 80];
        for (missing, weight) in [(9, 80), (8, 50), (5, 20), (2, 0), (0, 0)] {
            assert_eq!(step_back(&bounds(10), steps.into_iter(), missing), weight, "{missing} missing");
        }
    }

    #[test]
    fn the_weight_falls_as_the_stable_set_grows() {
        for (wanted, recorded, stable, weight) in [
            (50, Some(80), 2, 80),
            (50, Some(80), 5, 50),
            (50, Some(20), 5, 20),
            (0, Some(20), 9, 10),
            (0, Some(20), 10, 0),
            (0, Some(20), 0, 20),
            (20, None, 5, 50),
            (20, None, 10, 20),
        ] {
            assert_eq!(weight_back(&bounds(10), wanted, recorded, stable), weight, "{wanted} {recorded:?} {stable}");
        }
    }

    proptest! {
        /// From any weight the walk ends at 0 with all pods in the stable set, and no weight is ever on missing pods.
        #[test]
        fn every_walk_back_ends(n in 1..40i32, steps in proptest::collection::vec(0..=100i32, 0..6), at in 0..=100i32, keeps in any::<bool>()) {
            let bounds = bounds(n);
            let (mut weight, mut stable, mut canary) = (at, pods_for(&bounds, 100 - at), pods_for(&bounds, at));
            for _ in 0..200 {
                let missing = if keeps { n - stable } else { (n - stable).max(canary) };
                let wanted = step_back(&bounds, steps.iter().copied(), missing);
                let next = weight_back(&bounds, wanted, Some(weight), stable);
                prop_assert!(next <= weight);
                prop_assert!(next == weight || stable >= pods_for(&bounds, 100 - next), "{stable} pods for {next}");
                weight = next;
                stable = stable_pods(&bounds, wanted, Some(100 - weight));
                if !keeps { canary = pods_for(&bounds, wanted.max(weight)); }
                prop_assert!(canary >= pods_for(&bounds, weight));
            }
            prop_assert_eq!((weight, stable), (0, n));
        }
    }
}
