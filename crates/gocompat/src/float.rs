//! Floating numbers as Go prints them.

/// `%v`: the shortest digits that read back, with an exponent below 1e-4 and from 1e6 on.
pub fn general(number: f64) -> String {
    shortest(number, -4, 6)
}

/// `strconv.FormatFloat(number, 'f', -1, 64)`: never an exponent.
pub fn plain(number: f64) -> String {
    special(number).unwrap_or_else(|| format!("{number}"))
}

/// As `encoding/json` writes it; `NaN` and infinities are written as `%v` does, which JSON can't say.
pub fn json(number: f64) -> String {
    let text = shortest(number, -6, 21);
    // e-09 is written e-9.
    match text.split_once("e-0") {
        Some((digits, exponent)) => format!("{digits}e-{exponent}"),
        None => text,
    }
}

fn special(number: f64) -> Option<String> {
    if number.is_nan() {
        return Some("NaN".to_string());
    }
    number.is_infinite().then(|| if number > 0.0 { "+Inf".to_string() } else { "-Inf".to_string() })
}

fn shortest(number: f64, least: i32, most: i32) -> String {
    if let Some(text) = special(number) {
        return text;
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number == 0.0 || (least..most).contains(&exponent) {
        return format!("{number}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_in_go() {
        let table = [
            (0.0, "0", "0", "0"),
            (-0.0, "-0", "-0", "-0"),
            (1.0, "1", "1", "1"),
            (0.1, "0.1", "0.1", "0.1"),
            (1e20, "1e+20", "100000000000000000000", "100000000000000000000"),
            (123456.0, "123456", "123456", "123456"),
            (1234567.0, "1.234567e+06", "1234567", "1234567"),
            (1e21, "1e+21", "1000000000000000000000", "1e+21"),
            (0.0001, "0.0001", "0.0001", "0.0001"),
            (0.00001, "1e-05", "0.00001", "0.00001"),
            (1.5e-9, "1.5e-09", "0.0000000015", "1.5e-9"),
            (f64::NAN, "NaN", "NaN", "NaN"),
            (f64::NEG_INFINITY, "-Inf", "-Inf", "-Inf"),
        ];
        for (number, as_general, as_plain, as_json) in table {
            assert_eq!((general(number).as_str(), plain(number).as_str()), (as_general, as_plain));
            assert_eq!(json(number), as_json);
        }
    }
}
