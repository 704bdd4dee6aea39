//! Replica arithmetic of a canary, over plain numbers (spec 2.3.1 to 2.3.3).

use serinus_wire::IntOrString;

/// What the sizes are counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Wanted pods, `spec.replicas`.
    pub replicas: i32,
    /// Pods allowed above it.
    pub surge: i32,
    /// Pods that may be missing.
    pub unavailable: i32,
    /// What a weight counts up to.
    pub max_weight: i32,
}

impl Bounds {
    /// Fence posts: surge is rounded up, unavailable down; both 0 makes unavailable 1, so that something can move.
    pub fn new(
        replicas: i32,
        surge: Option<&IntOrString>,
        unavailable: Option<&IntOrString>,
        max_weight: i32,
    ) -> Bounds {
        let surge = scaled(surge, replicas, true);
        let mut missing = scaled(unavailable, replicas, false);
        if surge == 0 && missing == 0 {
            missing = 1;
        }
        Bounds { replicas, surge, unavailable: missing.min(replicas).max(0), max_weight }
    }

    /// Pods that must stay available.
    pub fn floor(&self) -> i32 {
        self.replicas - self.unavailable
    }
}

/// A number as it is, a text as percent of `total`; absent is 25 %. What can't be read counts as 0 (validation has refused it).
pub fn scaled(value: Option<&IntOrString>, total: i32, up: bool) -> i32 {
    let percent = match value {
        Some(IntOrString::Int(n)) => return i32::try_from(*n).unwrap_or(0).max(0),
        Some(IntOrString::String(text)) => text.trim_end_matches('%').parse::<i64>().unwrap_or(0).max(0),
        None => 25,
    };
    let product = percent.saturating_mul(i64::from(total));
    let pods = if up { product.div_euclid(100) + i64::from(product.rem_euclid(100) != 0) } else { product / 100 };
    i32::try_from(pods).unwrap_or(i32::MAX)
}

/// Size and availability of one set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// `spec.replicas`.
    pub spec: i32,
    /// Available pods.
    pub available: i32,
}

/// The two sets of a basic canary, and what else there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The new set, if it exists.
    pub new: Option<Size>,
    /// The stable set, if there is one that is not the new one.
    pub stable: Option<Size>,
    /// `spec.replicas` of all sets together.
    pub total: i32,
    /// An older set still has pods.
    pub older_alive: bool,
}

/// Where the two sets of a basic canary should end: (new, stable) for a weight (spec 2.3.2, first part).
///
/// Of all splits near the weight the one with the least error wins, the first listed on a tie. Neither side is empty for a
/// weight between the ends as long as there are two pods or a surge.
pub fn split(bounds: &Bounds, weight: i32) -> (i32, i32) {
    let (n, w, max) = (i64::from(bounds.replicas), i64::from(weight), i64::from(bounds.max_weight));
    if n == 0 || max == 0 {
        return (0, 0);
    }
    let zero_allowed = w == max || w == 0 || (n == 1 && bounds.surge == 0);
    let up = (n * w).div_euclid(max) + i64::from((n * w).rem_euclid(max) != 0);
    let down = (n * w).div_euclid(max);
    let half = |total: i64| 2 * (total * w).rem_euclid(max) == max;
    let down_allowed = down != 0 || zero_allowed;
    let mut candidates = Vec::with_capacity(4);
    if up < n || zero_allowed {
        candidates.push((up, n));
    }
    if !half(n) && down_allowed {
        candidates.push((down, n));
    }
    if bounds.surge > 0 {
        candidates.push((up, n + 1));
        if !half(n + 1) && down_allowed {
            candidates.push((down, n + 1));
        }
    }
    // Error of c/t against w/max, compared without fractions: |c*max - w*t| / t.
    let error = |(c, t): (i64, i64)| ((c * max - w * t).abs(), t);
    let mut best: Option<(i64, i64)> = None;
    for candidate in candidates {
        let (e, t) = error(candidate);
        let better = match best {
            None => true,
            Some(other) => {
                let (best_e, best_t) = error(other);
                e * best_t < best_e * t
            }
        };
        if better {
            best = Some(candidate);
        }
    }
    // Exactly half a pod, and rounding it up would leave the stable side empty: down is all that is left.
    let (new, total) = best.unwrap_or((down, n));
    (small(new), small(total - new))
}

/// The next sizes (new, stable) on the way to the split, within surge and availability (spec 2.3.2, second part).
pub fn basic_canary(bounds: &Bounds, weight: i32, now: &Sizes) -> (i32, i32) {
    let Some(stable) = now.stable else {
        return (bounds.replicas, 0);
    };
    let (want_new, want_stable) = split(bounds, weight);
    let new = now.new.unwrap_or_default();
    let (mut next_new, mut next_stable) = (new.spec, stable.spec);

    let mut budget = bounds.replicas + bounds.surge - now.total;
    if next_stable < want_stable && budget > 0 {
        let grow = budget.min(want_stable - next_stable);
        next_stable += grow;
        budget -= grow;
    }
    if next_new < want_new && budget > 0 {
        next_new += budget.min(want_new - next_new);
    }
    if now.older_alive {
        // Older sets are drained before these two shrink.
        return (next_new, next_stable);
    }

    let increasing = now.new.is_none_or(|new| want_new >= new.spec);
    let counted = |set: Option<Size>, ignore_availability: bool| match set {
        None => 0,
        Some(set) if ignore_availability || set.spec < set.available => set.spec,
        Some(set) => set.available,
    };
    let pool = counted(now.new, !increasing) + counted(now.stable, increasing);
    if pool <= bounds.floor() {
        return (next_new, next_stable);
    }
    let slack = pool - bounds.floor();
    let drained = |spec: i32, want: i32| spec.min(want.max(spec - slack));
    if increasing {
        let drain = if stable.spec > want_stable { drained(stable.spec, want_stable) } else { next_stable };
        let (drain, adjust) = fit(bounds, (drain, stable), (next_new, now.new));
        (adjust, drain)
    } else {
        let drain = if new.spec > want_new { drained(new.spec, want_new) } else { next_new };
        fit(bounds, (drain, new), (next_stable, now.stable))
    }
}

/// Keeps both sizes within surge and availability: the drained side gives, the adjusted side is corrected.
fn fit(bounds: &Bounds, drain: (i32, Size), adjust: (i32, Option<Size>)) -> (i32, i32) {
    let ceiling = bounds.replicas + bounds.surge;
    let (mut drain_to, drain_now) = drain;
    let (mut adjust_to, adjust_now) = adjust;
    if let Some(now) = adjust_now {
        adjust_to -= (adjust_to + drain_to - ceiling).max(0);
        let available = drain_now.available.min(drain_to) + now.available.min(adjust_to);
        let lost = (now.available - adjust_to).max(0);
        let need = (bounds.floor() - available).max(0);
        adjust_to += lost.min(need);
    }
    drain_to -= (adjust_to + drain_to - ceiling).max(0);
    (drain_to.max(0), adjust_to.max(0))
}

/// `ceil(weight * replicas / max_weight)`: pods that carry a weight under traffic routing (spec 2.3.3).
pub fn pods_for(bounds: &Bounds, weight: i32) -> i32 {
    if bounds.max_weight == 0 {
        return 0;
    }
    let (product, max) = (i64::from(weight) * i64::from(bounds.replicas), i64::from(bounds.max_weight));
    small(product.div_euclid(max) + i64::from(product.rem_euclid(max) != 0))
}

/// A floor for a set that is not empty (`minPodsPerReplicaSet`), never above `spec.replicas`.
pub fn at_least(count: i32, min_pods: Option<i32>, replicas: i32) -> i32 {
    match min_pods {
        Some(min) if count != 0 => count.max(min.min(replicas)),
        Some(_) | None => count,
    }
}

fn small(n: i64) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(text: &str) -> IntOrString {
        IntOrString::String(text.to_string())
    }

    fn bounds(n: i32, surge: i64, unavailable: i64) -> Bounds {
        Bounds::new(n, Some(&IntOrString::Int(surge)), Some(&IntOrString::Int(unavailable)), 100)
    }

    #[test]
    fn fence_posts_round_surge_up_and_unavailable_down() {
        for (n, surge, unavailable, want) in [
            (10, percent("25%"), percent("25%"), (3, 2)),
            (10, percent("25"), percent("25"), (3, 2)),
            (1, percent("25%"), percent("25%"), (1, 0)),
            (4, IntOrString::Int(0), IntOrString::Int(0), (0, 1)),
            (0, percent("25%"), IntOrString::Int(3), (0, 0)),
            (3, IntOrString::Int(0), IntOrString::Int(9), (0, 3)),
        ] {
            let bounds = Bounds::new(n, Some(&surge), Some(&unavailable), 100);
            assert_eq!((bounds.surge, bounds.unavailable), want, "{n} {surge} {unavailable}");
        }
        assert_eq!(Bounds::new(8, None, None, 100), Bounds { replicas: 8, surge: 2, unavailable: 2, max_weight: 100 });
    }

    #[test]
    fn a_split_is_as_near_to_the_weight_as_whole_pods_allow() {
        for (n, surge, weight, want) in [
            (10, 0, 30, (3, 7)),
            (10, 1, 5, (1, 10)),
            (10, 0, 5, (1, 9)),
            (1, 1, 5, (1, 1)),
            (1, 0, 5, (0, 1)),
            (1, 0, 51, (1, 0)),
            (5, 0, 50, (3, 2)),
            (5, 1, 50, (3, 3)),
            (4, 1, 0, (0, 4)),
            (4, 1, 100, (4, 0)),
            (0, 1, 50, (0, 0)),
            // Half a pod too many for the stable side.
            (10, 0, 95, (9, 1)),
            (2, 0, 75, (1, 1)),
            (10, 1, 95, (10, 1)),
        ] {
            assert_eq!(split(&bounds(n, surge, 1), weight), want, "N={n} surge={surge} weight={weight}");
        }
    }

    #[test]
    fn the_documented_examples_hold() {
        let sizes = |new: i32, stable: i32| Sizes {
            new: Some(Size { spec: new, available: new }),
            stable: Some(Size { spec: stable, available: stable }),
            total: new + stable,
            older_alive: false,
        };
        assert_eq!(basic_canary(&bounds(10, 3, 0), 30, &sizes(0, 10)), (3, 10));
        assert_eq!(basic_canary(&bounds(1, 1, 0), 5, &sizes(0, 1)), (1, 1));
    }

    #[test]
    fn crash_looping_canary_pods_never_cost_stable_ones_below_the_floor() {
        let now = Sizes {
            new: Some(Size { spec: 5, available: 0 }),
            stable: Some(Size { spec: 8, available: 8 }),
            total: 13,
            older_alive: false,
        };
        let (_, stable) = basic_canary(&bounds(10, 3, 2), 50, &now);
        assert_eq!(stable, 8);
    }
}

#[cfg(test)]
mod laws {
    use super::*;
    use proptest::prelude::*;

    fn worlds() -> impl Strategy<Value = (Bounds, i32, Sizes)> {
        (0..40i32, 0..12i32, 0..12i32, 0..=100i32, 0..50i32, 0..50i32, any::<bool>(), 0..=100u32, 0..=100u32).prop_map(
            |(n, surge, missing, weight, new, stable, has_new, new_up, stable_up)| {
                let up = |spec: i32, percent: u32| i32::try_from(i64::from(spec) * i64::from(percent) / 100).unwrap();
                let bounds = Bounds::new(
                    n,
                    Some(&IntOrString::Int(i64::from(surge))),
                    Some(&IntOrString::Int(i64::from(missing))),
                    100,
                );
                let new = has_new.then(|| Size { spec: new, available: up(new, new_up) });
                let stable = Size { spec: stable, available: up(stable, stable_up) };
                let total = new.map_or(0, |set| set.spec) + stable.spec;
                (bounds, weight, Sizes { new, stable: Some(stable), total, older_alive: false })
            },
        )
    }

    proptest! {
        #[test]
        fn a_step_never_takes_available_pods_below_the_floor((bounds, weight, now) in worlds()) {
            let (new, stable) = basic_canary(&bounds, weight, &now);
            prop_assert!(new >= 0 && stable >= 0);
            let size = now.stable.unwrap();
            let before = now.new.map_or(0, |set| set.available.min(set.spec)) + size.available.min(size.spec);
            // Unready pods are removed first, so at most `available - (spec after)` available ones go.
            let after = now.new.map_or(0, |set| set.available.min(new)) + size.available.min(stable);
            prop_assert!(after >= before.min(bounds.floor()), "{before} -> {after}, floor {}", bounds.floor());
        }

        #[test]
        fn repeating_the_step_with_ready_pods_ends_at_the_split((bounds, weight, start) in worlds()) {
            let mut now = start;
            let (mut new, mut stable) = (0, 0);
            for _ in 0..200 {
                (new, stable) = basic_canary(&bounds, weight, &now);
                let next = Sizes {
                    new: Some(Size { spec: new, available: new }),
                    stable: Some(Size { spec: stable, available: stable }),
                    total: new + stable,
                    older_alive: false,
                };
                if next == now { break; }
                now = next;
            }
            prop_assert_eq!((new, stable), split(&bounds, weight));
        }

        #[test]
        fn a_split_with_two_pods_leaves_neither_side_empty(n in 2..60i32, surge in 0..5i64, weight in 1..100i32) {
            let (new, stable) = split(&bounds_of(n, surge), weight);
            prop_assert!(new > 0 && stable > 0, "{new}/{stable}");
            prop_assert!(new + stable <= n + 1);
        }
    }

    fn bounds_of(n: i32, surge: i64) -> Bounds {
        Bounds::new(n, Some(&IntOrString::Int(surge)), Some(&IntOrString::Int(1)), 100)
    }
}
