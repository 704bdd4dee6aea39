//! Freshness: after a write of ours, or a conflict, a subject is not decided again until its caches show what we know.
//!
//! Each expectation is about one object. When the caches don't show it in time, the subject is read directly instead.

use serinus_decide::Target;
use std::time::Duration;
use tokio::time::Instant;

/// How long the caches may lag before the subject is read directly.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What a cache shows of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its uid.
    pub uid: String,
    /// Its version.
    pub version: String,
}

/// What a cache must show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// The object at the version that our write returned, or later.
    AtLeast(Shown),
    /// Anything but this: the write of ours that relied on it was refused.
    Not(Shown),
    /// An object of that name: it was in the way of ours.
    Present,
    /// No longer the object with this uid, or at least marked for deletion after this version.
    Gone(Shown),
}

impl Want {
    /// Whether what the cache shows is what is wanted.
    pub fn is_met(&self, shown: Option<&Shown>) -> bool {
        match (self, shown) {
            (Want::AtLeast(wanted), Some(shown)) => {
                shown.uid != wanted.uid || !is_older(&shown.version, &wanted.version)
            }
            (Want::AtLeast(_) | Want::Present, None) => false,
            (Want::Not(refused), shown) => shown != Some(refused),
            (Want::Present, Some(_)) | (Want::Gone(_), None) => true,
            // A deletion with finalizers or a grace period first changes the object.
            (Want::Gone(old), Some(shown)) => shown != old,
        }
    }
}

/// Versions are numbers that grow; when they are not, only the same text is not older.
fn is_older(version: &str, than: &str) -> bool {
    match (version.parse::<u64>(), than.parse::<u64>()) {
        (Ok(version), Ok(than)) => version < than,
        _ => version != than,
    }
}

/// What must be seen before a subject is decided again.
#[derive(Clone, Debug, Default)]
pub struct Expectations {
    open: Vec<(Target, Want)>,
    since: Option<Instant>,
}

/// Whether a subject can be decided from the caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Yes.
    Fresh,
    /// Not yet; look again after this long at the latest.
    Wait(Duration),
    /// The caches lag too long: read directly.
    Overdue,
}

impl Expectations {
    /// Adds one; a later one about the same object replaces an earlier.
    pub fn expect(&mut self, target: Target, want: Want, now: Instant) {
        self.open.retain(|(other, _)| *other != target);
        self.open.push((target, want));
        self.since = Some(now);
    }

    /// Drops what is met, and says whether something is left.
    pub fn check(&mut self, shown: impl Fn(&Target) -> Option<Shown>, now: Instant) -> Freshness {
        self.open.retain(|(target, want)| !want.is_met(shown(target).as_ref()));
        let Some(since) = self.since.filter(|_| !self.open.is_empty()) else {
            self.since = None;
            return Freshness::Fresh;
        };
        match PATIENCE.checked_sub(now.duration_since(since)) {
            Some(left) if !left.is_zero() => Freshness::Wait(left),
            _ => Freshness::Overdue,
        }
    }

    /// The subject was read directly. From now on the caches must show what was read; an object that is not there is waited
    /// for no longer. So a cache that stays blind costs a direct reading each time, and never a write that was made already.
    pub fn confirm(&mut self, read: impl Fn(&Target) -> Option<Shown>, now: Instant) {
        let open = std::mem::take(&mut self.open);
        self.open = open
            .into_iter()
            .filter_map(|(target, _)| read(&target).map(|shown| (target, Want::AtLeast(shown))))
            .collect();
        self.since = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serinus_decide::Kind;

    fn shown(uid: &str, version: &str) -> Shown {
        Shown { uid: uid.into(), version: version.into() }
    }

    #[test]
    fn what_meets_what() {
        let table = [
            (Want::AtLeast(shown("u", "10")), Some(shown("u", "9")), false),
            (Want::AtLeast(shown("u", "10")), Some(shown("u", "10")), true),
            (Want::AtLeast(shown("u", "9")), Some(shown("u", "10")), true),
            (Want::AtLeast(shown("u", "10")), Some(shown("other", "1")), true),
            (Want::AtLeast(shown("u", "10")), None, false),
            (Want::AtLeast(shown("u", "b")), Some(shown("u", "a")), false),
            (Want::AtLeast(shown("u", "b")), Some(shown("u", "b")), true),
            (Want::Not(shown("u", "10")), Some(shown("u", "10")), false),
            (Want::Not(shown("u", "10")), Some(shown("u", "11")), true),
            (Want::Not(shown("u", "10")), None, true),
            (Want::Present, None, false),
            (Want::Present, Some(shown("u", "1")), true),
            (Want::Gone(shown("u", "1")), Some(shown("u", "1")), false),
            (Want::Gone(shown("u", "1")), Some(shown("u", "2")), true),
            (Want::Gone(shown("u", "1")), None, true),
        ];
        for (want, cache, met) in table {
            assert_eq!(want.is_met(cache.as_ref()), met, "{want:?} {cache:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let target = Target { kind: Kind::Service, namespace: "n".into(), name: "s".into() };
        let mut expectations = Expectations::default();
        assert_eq!(expectations.check(|_| None, Instant::now()), Freshness::Fresh);
        expectations.expect(target.clone(), Want::AtLeast(shown("u", "2")), Instant::now());
        tokio::time::advance(Duration::from_secs(2)).await;
        let old = |_: &Target| Some(shown("u", "1"));
        assert_eq!(expectations.check(old, Instant::now()), Freshness::Wait(Duration::from_secs(3)));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(expectations.check(old, Instant::now()), Freshness::Overdue);
        assert_eq!(expectations.check(|_| Some(shown("u", "2")), Instant::now()), Freshness::Fresh);
        assert_eq!(expectations.check(old, Instant::now()), Freshness::Fresh);
    }
    #[tokio::test(start_paused = true)]
    async fn after_a_direct_reading_the_caches_must_show_what_was_read() {
        let target = |name: &str| Target { kind: Kind::Service, namespace: "n".into(), name: name.into() };
        let mut expectations = Expectations::default();
        expectations.expect(target("here"), Want::AtLeast(shown("u", "2")), Instant::now());
        expectations.expect(target("gone"), Want::Present, Instant::now());
        tokio::time::advance(PATIENCE).await;
        assert_eq!(expectations.check(|_| None, Instant::now()), Freshness::Overdue);
        let read = |target: &Target| (target.name == "here").then(|| shown("u", "7"));
        expectations.confirm(read, Instant::now());
        let lags = |target: &Target| (target.name == "here").then(|| shown("u", "6"));
        assert_eq!(expectations.check(lags, Instant::now()), Freshness::Wait(PATIENCE));
        assert_eq!(expectations.check(read, Instant::now()), Freshness::Fresh);
    }
}
