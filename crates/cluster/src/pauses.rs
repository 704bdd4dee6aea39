//! How long a watch that failed pauses before it tries again.

use kube::runtime::utils::Backoff;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(800);
const LONGEST: Duration = Duration::from_secs(30);

/// Pauses that double. Watches of different kinds pause differently long, so that they do not come back all at once; and each
/// time equally long, so that a run in virtual time repeats itself.
pub(crate) struct Pauses {
    first: Duration,
    next: Duration,
}

impl Pauses {
    /// Those of a watch over `kind`.
    pub fn of(kind: &str) -> Pauses {
        let number = kind.bytes().fold(0_u64, |number, byte| (number * 31 + u64::from(byte)) % 1_009);
        let first = FIRST + Duration::from_millis(number % 800);
        Pauses { first, next: first }
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(LONGEST);
        Some(pause)
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_differ_from_kind_to_kind() {
        let (mut pauses, mut others) = (Pauses::of("Rollout"), Pauses::of("ReplicaSet"));
        let first = pauses.next().unwrap();
        assert!((FIRST..FIRST * 2).contains(&first) && others.next() != Some(first));
        assert_eq!(pauses.next(), Some(first * 2));
        assert_eq!(pauses.nth(10), Some(LONGEST));
        pauses.reset();
        assert_eq!(pauses.next(), Some(first));
    }
}
