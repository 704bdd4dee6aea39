//! Durations as Go spells them: `1h30m`, `-1.5s`, `100ms`.

/// Nanoseconds of a duration, or nothing when Go would refuse it.
///
/// A number without a unit is refused, except a plain `0`.
pub fn parse(text: &str) -> Option<i64> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    // The magnitude of i64::MIN is one more than that of i64::MAX.
    let limit = 1_u64 << 63;
    let mut total = 0_u64;
    let mut rest = rest;
    while !rest.is_empty() {
        let (part, after) = component(rest)?;
        total = total.checked_add(part).filter(|total| *total <= limit)?;
        rest = after;
    }
    if negative { 0_i64.checked_sub_unsigned(total) } else { i64::try_from(total).ok() }
}

/// One number with its unit, in nanoseconds, and what comes after it.
fn component(text: &str) -> Option<(u64, &str)> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let end = rest.find(|char: char| char == '.' || char.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let unit = nanoseconds(unit)?;
    let limit = 1_u64 << 63;
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let value = whole.checked_mul(unit).filter(|value| *value <= limit)?;
    let value = value.checked_add(part_of(fraction, unit)).filter(|value| *value <= limit)?;
    Some((value, rest))
}

/// As Go's `String()` shows it: `1h30m0s`, `1.5s`, `100ms`, `0s`.
pub fn shown(span: jiff::SignedDuration) -> String {
    let nanos = span.as_nanos();
    let (sign, size) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    let fraction = |unit: u128| {
        let text = format!("{}.{:0width$}", size / unit, size % unit, width = unit.ilog10() as usize);
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    };
    match size {
        0 => return "0s".to_string(),
        1..1_000 => return format!("{sign}{size}ns"),
        1_000..1_000_000 => return format!("{sign}{}µs", fraction(1_000)),
        1_000_000..1_000_000_000 => return format!("{sign}{}ms", fraction(1_000_000)),
        _ => {}
    }
    let minutes = size / 60_000_000_000;
    let seconds = size % 60_000_000_000;
    let text = format!("{}.{:09}", seconds / 1_000_000_000, seconds % 1_000_000_000);
    let seconds = text.trim_end_matches('0').trim_end_matches('.');
    let hours = if minutes >= 60 { format!("{}h", minutes / 60) } else { String::new() };
    let minutes = if minutes > 0 { format!("{}m", minutes % 60) } else { String::new() };
    format!("{sign}{hours}{minutes}{seconds}s")
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len()))
}

fn nanoseconds(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        // The micro sign and the Greek letter look the same.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// The digits behind the point as a part of the unit. Like Go it stops at the digits a u63 can hold and computes in floating
/// point, so that the last nanosecond comes out the same.
fn part_of(fraction: &str, unit: u64) -> u64 {
    let (mut number, mut scale) = (0_u64, 1.0_f64);
    for digit in fraction.bytes() {
        let next = number.checked_mul(10).and_then(|n| n.checked_add(u64::from(digit - b'0')));
        match next.filter(|next| *next <= 1 << 63) {
            Some(next) if number <= ((1 << 63) - 1) / 10 => number = next,
            _ => break,
        }
        scale *= 10.0;
    }
    if number == 0 { 0 } else { (number as f64 * (unit as f64 / scale)) as u64 }
}
