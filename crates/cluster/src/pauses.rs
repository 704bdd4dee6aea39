//! How long a watch that failed pauses before it tries again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(800);
/// Longest pause while the server is in trouble.
const TROUBLE: Duration = Duration::from_secs(30);
/// Longest pause while a kind that need not be there is missing, or may not be read: people install it, or never will.
const MISSING: Duration = Duration::from_secs(120);

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

    /// The pause after one more failure; `missing`: the kind is not there, and need not be.
    pub fn failed(&mut self, missing: bool) -> Duration {
        let pause = self.next.min(if missing { MISSING } else { TROUBLE });
        self.next = pause.saturating_mul(2);
        pause
    }

    /// The watch has told something.
    pub fn succeeded(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_differ_from_kind_to_kind() {
        let (mut pauses, mut others) = (Pauses::of("Rollout"), Pauses::of("ReplicaSet"));
        let first = pauses.failed(false);
        assert!((FIRST..FIRST * 2).contains(&first) && others.failed(false) != first);
        assert_eq!(pauses.failed(false), first * 2);
        let longest = |pauses: &mut Pauses, missing| (0..10).map(|_| pauses.failed(missing)).max().unwrap();
        assert_eq!(longest(&mut pauses, false), TROUBLE);
        assert_eq!(longest(&mut pauses, true), MISSING);
        assert_eq!(pauses.failed(false), TROUBLE);
        pauses.succeeded();
        assert_eq!(pauses.failed(false), first);
    }
}
