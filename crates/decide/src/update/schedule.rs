//! When a registry is asked: Keel's dialect of cron (spec: keel 3.2).
//!
//! Five or six fields with the seconds first; with five of them the day of the week is left out. `@every <Go duration>`, `@hourly`,
//! `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`. The answers of Keel's own parser are the test vectors.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serinus_gocompat::duration;

/// Longest shift of a schedule of fields, in seconds: not everybody is asked at the full hour.
const SHIFT: u64 = 30;
/// A schedule that has no time within so many years has none.
const YEARS: i16 = 5;

const SECONDS: Field = Field { name: "second", low: 0, high: 59, names: &[] };
const MINUTES: Field = Field { name: "minute", low: 0, high: 59, names: &[] };
const HOURS: Field = Field { name: "hour", low: 0, high: 23, names: &[] };
const DAYS: Field = Field { name: "day of the month", low: 1, high: 31, names: &[] };
const MONTHS: Field = Field { name: "month", low: 1, high: 12, names: &MONTH_NAMES };
const WEEK: Field = Field { name: "day of the week", low: 0, high: 6, names: &DAY_NAMES };
const MONTH_NAMES: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAY_NAMES: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// After each such time; whole seconds, at least one.
    Every(i64),
    /// At the times that all fields allow.
    Fields(Box<Fields>),
}

/// What each field allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    seconds: Allowed,
    minutes: Allowed,
    hours: Allowed,
    days: Allowed,
    months: Allowed,
    week: Allowed,
    /// The day of the week was left out.
    five: bool,
}

/// Values that a field allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Allowed {
    bits: u64,
    /// It begins with `*` or `?`, perhaps with a step.
    star: bool,
}

/// A field by its bounds and names.
struct Field {
    name: &'static str,
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

impl Schedule {
    /// Reads a schedule. A plain Go duration, which Keel's API writes and Keel itself can't read, is `@every` of it.
    ///
    /// # Errors
    /// What is wrong with it, and how to write it.
    pub fn parse(text: &str) -> Result<Schedule, String> {
        let wrong = |why: String| format!("schedule {text:?}: {why}");
        if let Some(descriptor) = text.strip_prefix('@') {
            return described(descriptor).map_err(wrong);
        }
        if let Some(nanoseconds) = duration::parse(text) {
            return Ok(every(nanoseconds));
        }
        let parts: Vec<&str> = text.split_whitespace().collect();
        let (five, week) = match parts.len() {
            5 => (true, "*"),
            6 => (false, parts.get(5).copied().unwrap_or("*")),
            count => {
                return Err(wrong(format!(
                    "it has {count} fields; give second, minute, hour, day of the month, month and day of the week, or @every 5m"
                )));
            }
        };
        let [seconds, minutes, hours, days, months, ..] = parts[..] else {
            return Err(wrong("it has too few fields".to_string()));
        };
        let fields = || {
            Ok(Fields {
                seconds: SECONDS.parse(seconds)?,
                minutes: MINUTES.parse(minutes)?,
                hours: HOURS.parse(hours)?,
                days: DAYS.parse(days)?,
                months: MONTHS.parse(months)?,
                week: WEEK.parse(week)?,
                five,
            })
        };
        fields().map(|fields| Schedule::Fields(Box::new(fields))).map_err(wrong)
    }

    /// The first time after `after`, where the clocks of `zone` count; nothing when there is none within five years.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Schedule::Every(seconds) => Timestamp::from_second(after.as_second().checked_add(*seconds)?).ok(),
            Schedule::Fields(fields) => fields.next(after, zone),
        }
    }

    /// The same, shifted by a part of the time between two times that `seed` chooses, so that not all registries are asked at
    /// once. It depends on nothing else: after a restart, and for everybody who asks, it is the same time.
    pub fn next_shifted(&self, seed: u64, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Schedule::Every(seconds) => {
                let shift = i64::try_from(seed % u64::try_from(*seconds).ok()?).ok()?;
                let slot = (after.as_second() - shift).div_euclid(*seconds) + 1;
                Timestamp::from_second(slot.checked_mul(*seconds)?.checked_add(shift)?).ok()
            }
            Schedule::Fields(fields) => {
                let shift = SignedDuration::from_secs(i64::try_from(seed % SHIFT).ok()?);
                fields.next(after.checked_sub(shift).ok()?, zone)?.checked_add(shift).ok()
            }
        }
    }

    /// What a person should know who thinks of another cron.
    pub fn remark(&self) -> Option<&'static str> {
        match self {
            Schedule::Fields(fields) if fields.five => {
                Some("five fields are second, minute, hour, day of the month and month; a crontab needs a 0 before it")
            }
            _ => None,
        }
    }
}

fn described(descriptor: &str) -> Result<Schedule, String> {
    let text = match descriptor {
        "yearly" | "annually" => "0 0 0 1 1 *",
        "monthly" => "0 0 0 1 * *",
        "weekly" => "0 0 0 * * 0",
        "daily" | "midnight" => "0 0 0 * * *",
        "hourly" => "0 0 * * * *",
        other => {
            let nanoseconds = other.strip_prefix("every ").and_then(duration::parse);
            return nanoseconds.map(every).ok_or_else(|| {
                "give @every with a duration such as 5m or 1h30m, @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually"
                    .to_string()
            });
        }
    };
    Schedule::parse(text)
}

fn every(nanoseconds: i64) -> Schedule {
    Schedule::Every((nanoseconds / 1_000_000_000).max(1))
}

impl Field {
    fn parse(&self, text: &str) -> Result<Allowed, String> {
        let mut allowed = Allowed { bits: 0, star: false };
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let one = self.range(part).map_err(|why| format!("{} {text:?}: {why}", self.name))?;
            allowed = Allowed { bits: allowed.bits | one.bits, star: allowed.star || one.star };
        }
        Ok(allowed)
    }

    /// `number`, `number-number`, `*` or `?`, and an optional `/step`.
    fn range(&self, part: &str) -> Result<Allowed, String> {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let (from, to) = range.split_once('-').map_or((range, None), |(from, to)| (from, Some(to)));
        let star = matches!(from, "*" | "?");
        let low = if star { self.low } else { self.value(from)? };
        let high = match (star, to, step) {
            (true, ..) | (_, None, Some(_)) => self.high,
            (_, Some(to), _) => self.value(to)?,
            (_, None, None) => low,
        };
        let step = step.map_or(Ok(1), number)?;
        if step == 0 {
            return Err("a step must be at least 1".to_string());
        }
        if low < self.low || high > self.high || low > high {
            return Err(format!("must lie between {} and {}, the smaller first", self.low, self.high));
        }
        let values = (low..=high).step_by(usize::try_from(step).unwrap_or(usize::MAX));
        Ok(Allowed { bits: values.fold(0, |bits, value| bits | 1 << value), star })
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let name = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        match name.and_then(|at| u32::try_from(at).ok()) {
            Some(at) => Ok(at + self.low),
            None => number(text),
        }
    }
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

impl Allowed {
    fn has(self, value: i8) -> bool {
        u32::try_from(value).is_ok_and(|value| self.bits & (1 << value) != 0)
    }

    /// The first allowed value that is not below `from`.
    fn from(self, from: i8) -> Option<i8> {
        (from..64).find(|value| self.has(*value))
    }
}

impl Fields {
    fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        // A time that the clocks skip, or show twice, may come out before: then the one after it.
        let mut from = zone.to_datetime(after);
        for _ in 0..4 {
            from = self.after(from)?;
            let found = zone.to_timestamp(from).ok()?;
            if found > after {
                return Some(found);
            }
        }
        None
    }

    /// The first allowed time of the wall clock after `from`.
    fn after(&self, from: DateTime) -> Option<DateTime> {
        let from = from.checked_add(1.second()).ok()?.with().subsec_nanosecond(0).build().ok()?;
        let last = from.year().saturating_add(YEARS);
        let mut day = from.date();
        let mut earliest = Some((from.hour(), from.minute(), from.second()));
        while day.year() <= last {
            if !self.months.has(day.month()) {
                day = day.first_of_month().checked_add(1.month()).ok()?;
            } else if let Some((hour, minute, second)) = self.is_day(day).then(|| self.time(earliest)).flatten() {
                return Some(day.at(hour, minute, second, 0));
            } else {
                day = day.tomorrow().ok()?;
            }
            earliest = None;
        }
        None
    }

    /// Both days must fit when one of them begins with a star, else one of them is enough.
    fn is_day(&self, date: Date) -> bool {
        let of_month = self.days.has(date.day());
        let of_week = self.week.has(date.weekday().to_sunday_zero_offset());
        if self.days.star || self.week.star { of_month && of_week } else { of_month || of_week }
    }

    /// The first allowed time of a day that is not before `earliest`.
    fn time(&self, earliest: Option<(i8, i8, i8)>) -> Option<(i8, i8, i8)> {
        let (hour, minute, second) = earliest.unwrap_or_default();
        let first = (self.hours.from(0)?, self.minutes.from(0)?, self.seconds.from(0)?);
        if self.hours.has(hour) {
            if self.minutes.has(minute)
                && let Some(second) = self.seconds.from(second)
            {
                return Some((hour, minute, second));
            }
            if let Some(minute) = self.minutes.from(minute + 1) {
                return Some((hour, minute, first.2));
            }
        }
        self.hours.from(hour + 1).map(|hour| (hour, first.1, first.2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The next four times, as the vectors have them.
    fn times(schedule: &Schedule) -> String {
        let mut found = Vec::new();
        let mut from = at("2026-01-15T10:20:30.5Z");
        while found.len() < 4 {
            match schedule.next(from, &TimeZone::UTC) {
                Some(next) => {
                    found.push(next.to_string());
                    from = next;
                }
                None => {
                    found.push("never".to_string());
                    break;
                }
            }
        }
        found.join(" ")
    }

    #[test]
    fn schedules_are_what_keels_parser_says() {
        let mut count = 0;
        for line in include_str!("../../tests/data/cron.tsv").lines() {
            let (spelled, wanted) = line.split_once('\t').unwrap();
            let text = spelled.replace("\\t", "\t");
            let got = Schedule::parse(&text).map_or_else(|_| "error".to_string(), |schedule| times(&schedule));
            // Keel's own API writes plain durations, which its parser refuses.
            if duration::parse(&text).is_none() {
                assert_eq!(got, wanted, "{text:?}");
                count += 1;
            }
        }
        assert!(count > 100, "{count}");
        assert_eq!(Schedule::parse("5m"), Ok(Schedule::Every(300)));
    }

    #[test]
    fn refusals_say_what_and_how() {
        for (text, part) in [
            ("", "it has 0 fields"),
            ("* * *", "it has 3 fields"),
            ("@never", "give @every"),
            ("61 * * * * *", "second \"61\": must lie between 0 and 59"),
            ("* * * * * 7", "day of the week \"7\""),
            ("* * * * x *", "\"x\" is no number"),
            ("*/0 * * * * *", "a step must be at least 1"),
        ] {
            let error = Schedule::parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn clocks_that_are_put_forward_and_back() {
        let Ok(zone) = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3") else { panic!() };
        let daily = Schedule::parse("0 30 2 * * *").unwrap();
        // 02:30 does not exist on 29 March, and comes twice on 25 October.
        let next = |from: &str| daily.next(at(from), &zone).unwrap().to_string();
        assert_eq!(next("2026-03-28T12:00:00Z"), "2026-03-29T01:30:00Z");
        assert_eq!(next("2026-03-29T01:30:00Z"), "2026-03-30T00:30:00Z");
        assert_eq!(next("2026-10-24T12:00:00Z"), "2026-10-25T00:30:00Z");
        assert_eq!(next("2026-10-25T00:30:00Z"), "2026-10-26T01:30:00Z");
    }

    #[test]
    fn a_shift_spreads_and_keeps_the_distance() {
        for text in ["@every 1m", "@every 7s", "@hourly", "*/15 * * * * *", "0 0 9 * * MON"] {
            let schedule = Schedule::parse(text).unwrap();
            for seed in [0, 1, 7, 29, 59, 12_345_678, u64::MAX] {
                let mut from = at("2026-01-15T10:20:30.5Z");
                let first = schedule.next_shifted(seed, from, &TimeZone::UTC).unwrap();
                // Whoever asks in between hears the same.
                let between = from + first.duration_since(from) / 2;
                assert_eq!(schedule.next_shifted(seed, between, &TimeZone::UTC), Some(first), "{text} {seed}");
                let mut gaps = Vec::new();
                for _ in 0..5 {
                    let next = schedule.next_shifted(seed, from, &TimeZone::UTC).unwrap();
                    assert!(next > from);
                    gaps.push(next.duration_since(from));
                    from = next;
                }
                assert!(gaps.windows(2).skip(1).all(|pair| pair[0] == pair[1]), "{text} {seed} {gaps:?}");
            }
        }
        let starts: std::collections::BTreeSet<_> = (0..60)
            .map(|seed| Schedule::Every(60).next_shifted(seed, at("2026-01-15T10:20:00Z"), &TimeZone::UTC))
            .collect();
        assert_eq!(starts.len(), 60);
    }

    #[test]
    fn a_crontab_is_remarked() {
        assert!(Schedule::parse("0 9 * * 1").unwrap().remark().is_some());
        assert!(Schedule::parse("0 0 9 * * 1").unwrap().remark().is_none());
        assert!(Schedule::parse("@every 1m").unwrap().remark().is_none());
    }
}
