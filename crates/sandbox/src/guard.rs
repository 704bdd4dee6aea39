//! Tells a bad canary by the answers that the gateway counted, until analysis runs do that.
//!
//! A canary is bad when its rate of failures is surely above what is allowed and above what the stable version shows in
//! the same time. "Surely" is the lower end of Wilson's interval, wide enough to be looked at every moment.

use crate::gateway::counts::Tally;

/// Requests that the canary must have had before anything is said.
pub const ENOUGH: u64 = 50;
/// Share of failures that is allowed.
pub const ALLOWED: f64 = 0.02;
/// Standard deviations: 1 in 10,000 for one look, which leaves room for the hundreds of looks at one canary.
const CERTAINTY: f64 = 3.7;

/// Why the canary is bad; `None` as long as that is not sure.
pub fn verdict(canary: &Tally, stable: &Tally) -> Option<String> {
    if canary.requests < ENOUGH {
        return None;
    }
    let limit = rate(stable).max(ALLOWED);
    if lower_end(canary.failures, canary.requests) <= limit {
        return None;
    }
    Some(format!(
        "{} of {} requests to the canary failed ({:.1} %); allowed are {:.1} %",
        canary.failures,
        canary.requests,
        rate(canary) * 100.0,
        limit * 100.0
    ))
}

fn rate(tally: &Tally) -> f64 {
    if tally.requests == 0 { 0.0 } else { tally.failures as f64 / tally.requests as f64 }
}

/// Lower end of Wilson's interval for `hits` of `of`.
fn lower_end(hits: u64, of: u64) -> f64 {
    let (n, z2) = (of as f64, CERTAINTY * CERTAINTY);
    let p = hits as f64 / n;
    let centre = p + z2 / (2.0 * n);
    let half = CERTAINTY * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    (centre - half) / (1.0 + z2 / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(failures: u64, requests: u64) -> Tally {
        Tally { requests, failures, ..Tally::default() }
    }

    #[test]
    fn says_nothing_until_it_is_sure() {
        for (canary, stable, bad) in [
            (tally(49, 49), tally(0, 500), false),
            (tally(0, 5000), tally(0, 500), false),
            (tally(2, 50), tally(0, 500), false),
            (tally(10, 50), tally(0, 0), true),
            (tally(20, 100), tally(0, 500), true),
            // 5 % is above the limit, but a hundred requests can't show that.
            (tally(5, 100), tally(0, 500), false),
            (tally(50, 1000), tally(0, 500), true),
            // The stable version fails as often: something else is broken.
            (tally(200, 1000), tally(200, 1000), false),
        ] {
            assert_eq!(verdict(&canary, &stable).is_some(), bad, "{canary:?} {stable:?}");
        }
    }

    #[test]
    fn the_reason_has_the_numbers() {
        let reason = verdict(&tally(25, 100), &tally(0, 400)).unwrap();
        assert_eq!(reason, "25 of 100 requests to the canary failed (25.0 %); allowed are 2.0 %");
    }
}
