//! Moments and spans of time.

use super::Value;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// `duration(text)` and `date(text)`.
pub fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let Some(Value::Text(text)) = arguments.first() else {
        let given = arguments.first().map_or("nil", Value::type_name);
        return Err(format!("invalid argument for {name} (type {given})"));
    };
    if name == "duration" {
        let nanos = crate::duration::parse(text).ok_or_else(|| format!("time: invalid duration {text:?}"))?;
        return Ok(Value::Duration(SignedDuration::from_nanos(nanos)));
    }
    if arguments.len() > 1 {
        return Err("date() takes no layout or time zone here: write the time as RFC 3339".to_string());
    }
    moment(text).map(Value::Time).ok_or_else(|| format!("invalid date {text}"))
}

/// Dates as they are usually written; without a zone they are UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let civil = |time: DateTime| time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse()
        .ok()
        .or_else(|| text.parse::<Date>().ok().filter(|_| text.len() == 10).and_then(|date| civil(date.at(0, 0, 0, 0))))
        .or_else(|| text.parse::<DateTime>().ok().and_then(civil))
        .or_else(|| jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp()))
}

/// `moment.Hour()` and its kin.
pub fn method(base: &Value, name: &str, arguments: &[Value]) -> Result<Value, String> {
    let unknown = || format!("type {} has no method {name}", base.type_name());
    match (base, arguments) {
        (Value::Duration(span), []) => of_duration(*span, name).ok_or_else(unknown),
        (Value::Time(at), []) => of_time(*at, name).ok_or_else(unknown),
        (Value::Time(at), [Value::Duration(span)]) if name == "Add" => {
            at.checked_add(*span).map(Value::Time).map_err(|_| "the time is out of range".to_string())
        }
        (Value::Time(at), [Value::Time(other)]) => match name {
            "Sub" => Ok(Value::Duration(at.duration_since(*other))),
            "Before" => Ok(Value::Bool(at < other)),
            "After" => Ok(Value::Bool(at > other)),
            "Equal" => Ok(Value::Bool(at == other)),
            _ => Err(unknown()),
        },
        _ => Err(unknown()),
    }
}

fn of_duration(span: SignedDuration, name: &str) -> Option<Value> {
    Some(match name {
        "Hours" => Value::Float(span.as_secs_f64() / 3600.0),
        "Minutes" => Value::Float(span.as_secs_f64() / 60.0),
        "Seconds" => Value::Float(span.as_secs_f64()),
        "Milliseconds" => Value::Int(i64::try_from(span.as_millis()).ok()?),
        "Microseconds" => Value::Int(i64::try_from(span.as_micros()).ok()?),
        "Nanoseconds" => Value::Int(i64::try_from(span.as_nanos()).ok()?),
        "String" => Value::text(crate::duration::shown(span)),
        _ => return None,
    })
}

fn of_time(at: Timestamp, name: &str) -> Option<Value> {
    let zoned = at.to_zoned(TimeZone::UTC);
    Some(Value::Int(match name {
        "Unix" => at.as_second(),
        "UnixMilli" => at.as_millisecond(),
        "UnixNano" => i64::try_from(at.as_nanosecond()).ok()?,
        "Year" => zoned.year().into(),
        "Month" => zoned.month().into(),
        "Day" => zoned.day().into(),
        "Hour" => zoned.hour().into(),
        "Minute" => zoned.minute().into(),
        "Second" => zoned.second().into(),
        "Nanosecond" => zoned.subsec_nanosecond().into(),
        "YearDay" => zoned.day_of_year().into(),
        "Weekday" => zoned.weekday().to_sunday_zero_offset().into(),
        _ => return None,
    }))
}
