//! Quantities of Kubernetes: `500m`, `1Gi`, `129e6`. Each has a worth (a decimal number) and a canonical spelling, which
//! keeps the family of the suffix it was written with.

use std::cmp::Ordering;

/// The spelling Kubernetes stores: `0.5` is `500m`, `1024Mi` is `1Gi`. Nothing when it is not a quantity.
pub fn canonical(text: &str) -> Option<String> {
    let quantity = Quantity::parse(text.trim())?;
    Some(quantity.canonical())
}

/// The spelling in a stored list of resources, where nothing is finer than a thousandth: the rest is rounded away from zero.
pub fn to_thousandths(text: &str) -> Option<String> {
    const MILLI: i32 = -3;
    let mut quantity = Quantity::parse(text.trim())?;
    if quantity.exponent < MILLI && !quantity.mantissa.0.is_empty() {
        quantity.round_up(MILLI);
        quantity.kept = None;
    }
    Some(quantity.canonical())
}

/// A text that is the same for all spellings of the same worth: `1Gi` and `1073741824`.
pub fn worth(text: &str) -> Option<String> {
    let quantity = Quantity::parse(text.trim())?;
    let sign = if quantity.negative && !quantity.mantissa.0.is_empty() { "-" } else { "" };
    let exponent = if quantity.mantissa.0.is_empty() { 0 } else { quantity.exponent };
    Some(format!("{sign}{}e{exponent}", quantity.mantissa))
}

/// Whether `a` is more, less or worth the same as `b`. Nothing when one is not a quantity.
pub fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (Quantity::parse(a.trim())?, Quantity::parse(b.trim())?);
    Some(a.compare(&b))
}

/// Digits beyond this many take Go's slow path, which always rewrites.
const FAST_DIGITS: usize = 18;
/// The same for binary quantities.
const FAST_BINARY_DIGITS: usize = 14;
/// Smallest unit; finer parts are rounded away from zero.
const NANO: i32 = -9;

/// Family of a suffix. The canonical spelling stays in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    /// `n` to `E`, and no suffix at all.
    Decimal,
    /// `e3`.
    Exponent,
    /// `Ki` to `Ei`.
    Binary,
}

/// `±digits × 10^exponent`, without leading and trailing zeros; zero has no digits.
struct Quantity<'a> {
    negative: bool,
    mantissa: Digits,
    exponent: i32,
    family: Family,
    /// The text itself, when Kubernetes keeps it because it looks canonical enough.
    kept: Option<&'a str>,
}

impl<'a> Quantity<'a> {
    fn parse(text: &'a str) -> Option<Quantity<'a>> {
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, rest) = split_digits(unsigned);
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
        let (family, base, exponent) = read_suffix(suffix)?;
        let kept = looks_canonical(whole, fraction, family, exponent).then_some(text);
        let mut mantissa = Digits::read(whole, fraction);
        let mut shift = i32::try_from(fraction.len()).ok()?.checked_neg()?;
        if base == 2 {
            mantissa.multiply_by_power_of_two(exponent);
        } else {
            shift = shift.checked_add(exponent)?;
        }
        let mut quantity = Quantity { negative, mantissa, exponent: shift, family, kept };
        quantity.round_up(NANO);
        if family == Family::Binary {
            quantity.cap();
        }
        Some(quantity)
    }

    /// Rounds what is finer than ten to this power away from zero.
    fn round_up(&mut self, finest: i32) {
        if self.exponent < finest {
            self.mantissa.drop_rounding_up(finest.saturating_sub(self.exponent).unsigned_abs() as usize);
            self.exponent = finest;
        }
        let zeros = self.mantissa.trim();
        self.exponent = self.exponent.saturating_add(zeros);
    }

    /// Binary quantities end at the largest whole number Go has.
    fn cap(&mut self) {
        let largest = Digits::read(&i64::MAX.to_string(), "");
        if compare_magnitude((&self.mantissa, self.exponent), (&largest, 0)) == Ordering::Greater {
            (self.mantissa, self.exponent) = (largest, 0);
        }
    }

    fn canonical(&self) -> String {
        if let Some(kept) = self.kept {
            return kept.to_string();
        }
        if self.mantissa.0.is_empty() {
            return "0".to_string();
        }
        let sign = if self.negative { "-" } else { "" };
        let (number, suffix) = match (self.family, self.whole()) {
            (Family::Binary, Some(whole)) if whole >= 1024 => in_binary(whole),
            (Family::Exponent, _) => self.in_decimal(Family::Exponent),
            (Family::Binary | Family::Decimal, _) => self.in_decimal(Family::Decimal),
        };
        format!("{sign}{number}{suffix}")
    }

    /// The magnitude, when it is a whole number that Go's integers hold.
    fn whole(&self) -> Option<u64> {
        let zeros = u32::try_from(self.exponent).ok()?;
        let digits: u64 = self.mantissa.to_string().parse().ok()?;
        digits.checked_mul(10_u64.checked_pow(zeros)?)
    }

    /// Number and suffix, the exponent a multiple of three.
    fn in_decimal(&self, family: Family) -> (String, String) {
        let extra = self.exponent.rem_euclid(3);
        let exponent = self.exponent - extra;
        let number = format!("{}{}", self.mantissa, "0".repeat(extra.unsigned_abs() as usize));
        let suffix = match (family, exponent) {
            (_, 0) => String::new(),
            (Family::Exponent, _) => format!("e{exponent}"),
            // Beyond the last letter Kubernetes writes none: a defect, but it is what gets hashed.
            _ => DECIMAL.iter().find(|(_, known)| *known == exponent).map_or("", |(letter, _)| letter).to_string(),
        };
        (number, suffix)
    }

    fn compare(&self, other: &Quantity<'_>) -> Ordering {
        let (a, b) = ((&self.mantissa, self.exponent), (&other.mantissa, other.exponent));
        let sign = |quantity: &Quantity<'_>| match (quantity.mantissa.0.is_empty(), quantity.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        match (sign(self), sign(other)) {
            (1, 1) => compare_magnitude(a, b),
            (-1, -1) => compare_magnitude(b, a),
            (mine, theirs) => mine.cmp(&theirs),
        }
    }
}

const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
const BINARY: [(&str, i32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len()))
}

/// Family, base and exponent of a suffix.
fn read_suffix(suffix: &str) -> Option<(Family, i32, i32)> {
    if let Some((_, exponent)) = DECIMAL.iter().find(|(known, _)| *known == suffix) {
        return Some((Family::Decimal, 10, *exponent));
    }
    if let Some((_, exponent)) = BINARY.iter().find(|(known, _)| *known == suffix) {
        return Some((Family::Binary, 2, *exponent));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((Family::Exponent, 10, exponent))
}

/// Whether Kubernetes keeps the spelling: short enough for its fast path, and nothing in it that could move to the suffix.
fn looks_canonical(whole: &str, fraction: &str, family: Family, exponent: i32) -> bool {
    let whole = whole.trim_start_matches('0');
    if whole.is_empty() {
        return false;
    }
    match family {
        Family::Decimal | Family::Exponent => {
            let scale = i64::from(exponent) - fraction.len() as i64;
            whole.len() + fraction.len() <= FAST_DIGITS
                && scale >= i64::from(NANO)
                && scale % 3 == 0
                && !format!("{whole}{fraction}").ends_with("000")
        }
        // Ten binary digits count as three decimal ones. Only a multiple of eight is taken for one of 1024.
        Family::Binary => {
            fraction.is_empty()
                && whole.len() + (exponent * 3 / 10).unsigned_abs() as usize <= FAST_BINARY_DIGITS
                && whole.parse::<u64>().is_ok_and(|number| number % 8 != 0)
        }
    }
}

/// A whole number with the largest binary suffix that divides it.
fn in_binary(mut number: u64) -> (String, String) {
    let mut suffix = "";
    for (next, _) in BINARY {
        if !number.is_multiple_of(1024) {
            break;
        }
        number /= 1024;
        suffix = next;
    }
    (number.to_string(), suffix.to_string())
}

fn compare_magnitude(a: (&Digits, i32), b: (&Digits, i32)) -> Ordering {
    let order = |(digits, exponent): (&Digits, i32)| digits.0.len() as i64 + i64::from(exponent);
    match (a.0.0.is_empty(), b.0.0.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        // Both without trailing zeros: the same order of magnitude compares like text.
        (false, false) => order(a).cmp(&order(b)).then_with(|| a.0.0.cmp(&b.0.0)),
    }
}

/// Decimal digits, the first one first.
struct Digits(Vec<u8>);

impl Digits {
    fn read(whole: &str, fraction: &str) -> Digits {
        let digits = whole.bytes().chain(fraction.bytes()).map(|byte| byte - b'0');
        Digits(digits.skip_while(|digit| *digit == 0).collect())
    }

    fn multiply_by_power_of_two(&mut self, power: i32) {
        for _ in 0..power / 10 {
            let mut carry = 0_u32;
            for digit in self.0.iter_mut().rev() {
                let product = u32::from(*digit) * 1024 + carry;
                *digit = (product % 10) as u8;
                carry = product / 10;
            }
            while carry > 0 {
                self.0.insert(0, (carry % 10) as u8);
                carry /= 10;
            }
        }
    }

    /// Takes away the last `count` digits; whatever is lost counts as one more.
    fn drop_rounding_up(&mut self, count: usize) {
        let kept = self.0.len().saturating_sub(count);
        if self.0.drain(kept..).all(|digit| digit == 0) {
            return;
        }
        for digit in self.0.iter_mut().rev() {
            if *digit < 9 {
                *digit += 1;
                return;
            }
            *digit = 0;
        }
        self.0.insert(0, 1);
    }

    /// Takes away trailing zeros and tells how many they were.
    fn trim(&mut self) -> i32 {
        let before = self.0.len();
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        i32::try_from(before - self.0.len()).unwrap_or(i32::MAX)
    }
}

impl std::fmt::Display for Digits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|digit| write!(f, "{digit}"))
    }
}
