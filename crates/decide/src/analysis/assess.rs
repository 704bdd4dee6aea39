//! How a metric stands after its last measurement (spec 4.4).

use super::limits::Limits;
use serinus_wire::analysis::{MetricResult, Phase};

/// The phase of a metric, and why when it is not a good one.
pub fn assess(result: &MetricResult, limits: &Limits, interval: &str, terminating: bool) -> (Phase, String) {
    match result.measurements.last() {
        None if terminating => return (Phase::Successful, String::new()),
        None => return (Phase::Pending, String::new()),
        Some(last) if !last.phase.is_completed() => return (Phase::Running, String::new()),
        Some(_) => {}
    }
    if let Some(verdict) = exceeded(result, limits) {
        return verdict;
    }
    let in_a_row = i64::from(result.consecutive_success);
    let wants_a_row = limits.consecutive_success > 0;
    if wants_a_row && in_a_row >= limits.consecutive_success {
        return (Phase::Successful, String::new());
    }
    if limits.effective_count(interval).is_some_and(|count| i64::from(result.count) >= count) {
        let missed =
            || format!("consecutiveSuccess ({in_a_row}) < consecutiveSuccessLimit ({})", limits.consecutive_success);
        return match (limits.failure >= 0, wants_a_row) {
            (true, true) => (Phase::Inconclusive, missed()),
            (false, _) => (Phase::Failed, missed()),
            (true, false) => (Phase::Successful, String::new()),
        };
    }
    (if terminating { Phase::Successful } else { Phase::Running }, String::new())
}

/// The last of the limits that is exceeded.
fn exceeded(result: &MetricResult, limits: &Limits) -> Option<(Phase, String)> {
    let over = |phase, given: i32, what: &str, limit: i64, limit_name: &str| {
        (i64::from(given) > limit).then(|| (phase, format!("{what} ({given}) > {limit_name} ({limit})")))
    };
    let errors = result.consecutive_error;
    over(Phase::Error, errors, "consecutiveErrors", limits.consecutive_error, "consecutiveErrorLimit")
        .or_else(|| {
            over(Phase::Inconclusive, result.inconclusive, "inconclusive", limits.inconclusive, "inconclusiveLimit")
        })
        .or_else(|| {
            let failed = over(Phase::Failed, result.failed, "failed", limits.failure, "failureLimit");
            failed.filter(|_| limits.failure >= 0)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serinus_wire::analysis::Measurement;

    /// successful, failed, inconclusive, errors in a row, successes in a row.
    fn result([successful, failed, inconclusive, consecutive_error, consecutive_success]: [i32; 5]) -> MetricResult {
        MetricResult {
            measurements: vec![Measurement { phase: Phase::Successful, ..Measurement::default() }],
            count: successful + failed + inconclusive,
            successful,
            failed,
            inconclusive,
            consecutive_error,
            consecutive_success,
            ..MetricResult::default()
        }
    }

    /// count, failureLimit, inconclusiveLimit, consecutiveErrorLimit, consecutiveSuccessLimit.
    fn limits([count, failure, inconclusive, consecutive_error, consecutive_success]: [i64; 5]) -> Limits {
        Limits { count, failure, inconclusive, consecutive_error, consecutive_success }
    }

    #[test]
    fn limits_decide_in_their_order() {
        use Phase::{Error, Failed, Inconclusive, Running, Successful};
        let table = [
            ([1, 0, 0, 0, 1], [0, 0, 0, 4, 0], "", false, Successful, ""),
            ([1, 0, 0, 0, 1], [0, 0, 0, 4, 0], "5s", false, Running, ""),
            ([1, 0, 0, 0, 1], [0, 0, 0, 4, 0], "5s", true, Successful, ""),
            ([9, 0, 0, 0, 9], [10, 0, 0, 4, 0], "5s", false, Running, ""),
            ([10, 0, 0, 0, 9], [10, 0, 0, 4, 0], "5s", false, Successful, ""),
            ([0, 1, 0, 0, 0], [5, 0, 0, 4, 0], "5s", false, Failed, "failed (1) > failureLimit (0)"),
            ([0, 1, 0, 0, 0], [5, 1, 0, 4, 0], "5s", false, Running, ""),
            ([0, 0, 1, 0, 0], [5, 0, 0, 4, 0], "5s", false, Inconclusive, "inconclusive (1) > inconclusiveLimit (0)"),
            ([0, 0, 0, 5, 0], [5, 0, 0, 4, 0], "5s", false, Error, "consecutiveErrors (5) > consecutiveErrorLimit (4)"),
            ([0, 0, 0, 4, 0], [5, 0, 0, 4, 0], "5s", false, Running, ""),
            // The later of them overrides the earlier.
            ([0, 1, 1, 0, 0], [5, 0, 0, 4, 0], "5s", false, Inconclusive, "inconclusive (1) > inconclusiveLimit (0)"),
            ([0, 1, 1, 1, 0], [5, 0, 0, 0, 0], "5s", false, Error, "consecutiveErrors (1) > consecutiveErrorLimit (0)"),
            // Enough in a row ends it, unless a limit was exceeded.
            ([3, 0, 0, 0, 3], [0, 0, 0, 4, 3], "5s", false, Successful, ""),
            ([3, 1, 0, 0, 3], [0, 0, 0, 4, 3], "5s", false, Failed, "failed (1) > failureLimit (0)"),
            ([3, 9, 0, 0, 3], [0, -1, 0, 4, 3], "5s", false, Successful, ""),
            // The count is reached before that.
            (
                [4, 1, 0, 0, 2],
                [5, 1, 0, 4, 3],
                "5s",
                false,
                Inconclusive,
                "consecutiveSuccess (2) < consecutiveSuccessLimit (3)",
            ),
            (
                [4, 1, 0, 0, 2],
                [5, -1, 0, 4, 3],
                "5s",
                false,
                Failed,
                "consecutiveSuccess (2) < consecutiveSuccessLimit (3)",
            ),
        ];
        for (counts, given, interval, terminating, phase, reason) in table {
            let found = assess(&result(counts), &limits(given), interval, terminating);
            assert_eq!(found, (phase, reason.to_string()), "{counts:?} {given:?} {interval}");
        }
    }

    #[test]
    fn what_is_not_measured_is_pending_and_what_is_under_way_runs() {
        let given = limits([0, 0, 0, 4, 0]);
        let mut result = result([0; 5]);
        result.measurements.clear();
        assert_eq!(assess(&result, &given, "", false).0, Phase::Pending);
        assert_eq!(assess(&result, &given, "", true).0, Phase::Successful);
        result.measurements.push(Measurement { phase: Phase::Running, ..Measurement::default() });
        assert_eq!(assess(&result, &given, "", true).0, Phase::Running);
    }
}
