//! The numbers of a metric, which may be written as texts.

use serinus_wire::IntOrString;
use serinus_wire::analysis::Metric;

/// The numbers of a metric with their defaults (spec 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// As given; 0 when it is not.
    pub count: i64,
    /// -1: off.
    pub failure: i64,
    /// Undecided ones that are put up with.
    pub inconclusive: i64,
    /// Errors in a row that are put up with.
    pub consecutive_error: i64,
    /// 0: off.
    pub consecutive_success: i64,
}

impl Limits {
    /// Reads the numbers.
    ///
    /// # Errors
    /// The first that is none.
    pub fn of(metric: &Metric) -> Result<Limits, String> {
        Ok(Limits {
            count: number("count", metric.count.as_ref(), 0)?,
            failure: number("failureLimit", metric.failure_limit.as_ref(), 0)?,
            inconclusive: number("inconclusiveLimit", metric.inconclusive_limit.as_ref(), 0)?,
            consecutive_error: number("consecutiveErrorLimit", metric.consecutive_error_limit.as_ref(), 4)?,
            consecutive_success: number("consecutiveSuccessLimit", metric.consecutive_success_limit.as_ref(), 0)?,
        })
    }

    /// How many measurements are taken; absent: no end of them.
    pub fn effective_count(&self, interval: &str) -> Option<i64> {
        match self.count {
            0 => interval.is_empty().then_some(1),
            count => Some(count),
        }
    }
}

fn number(field: &str, given: Option<&IntOrString>, absent: i64) -> Result<i64, String> {
    match given {
        None => Ok(absent),
        Some(IntOrString::Int(number)) => Ok(*number),
        Some(IntOrString::String(text)) => {
            text.trim().parse().map_err(|_| format!("{field} {text:?} is not a whole number"))
        }
    }
}
