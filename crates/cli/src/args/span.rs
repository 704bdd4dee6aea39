//! Spans of time as kubectl's flags have them: `90s`, `1h30m`, or plain seconds.

use std::time::Duration;

/// Reads a span.
///
/// # Errors
/// The text says how to write one.
pub fn span(text: &str) -> Result<Duration, String> {
    read(text).ok_or_else(|| "give a time such as 90s, 5m or 1h30m".to_string())
}

fn read(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(letters)?;
        let seconds = number.parse::<f64>().ok()? * unit_seconds(unit)?;
        total = total.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (text, millis) in [
            ("0s", Some(0)),
            ("0", Some(0)),
            ("90", Some(90_000)),
            ("1m30s", Some(90_000)),
            ("1.5h", Some(5_400_000)),
            ("250ms", Some(250)),
            ("", None),
            ("s", None),
            ("5", Some(5_000)),
            ("5x", None),
            ("-5s", None),
            ("1m5", None),
            ("99999999999999999999h", None),
        ] {
            assert_eq!(span(text).ok().map(|span| span.as_millis()), millis, "{text}");
        }
    }
}
