//! Prometheus (spec 4.6): one moment or a span of time; a scalar is a number, everything else a list of numbers.

use super::{Reading, Request, authenticate, check_url, form_encoded, headers, seconds};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;
use serinus_gocompat::expr::{self, Env, Value};
use serinus_gocompat::{duration, float};
use serinus_wire::analysis::{Prometheus, RangeQuery};
use std::collections::BTreeMap;

/// Seconds that the exchange may take.
const TIMEOUT: u64 = 30;

/// What is asked. `default_address` stands in for an address that is not given.
///
/// # Errors
/// What is wrong with the provider's fields.
pub fn request(prometheus: &Prometheus, default_address: &str, now: Timestamp) -> Result<Request, String> {
    let address = if prometheus.address.is_empty() { default_address } else { &prometheus.address };
    if address.is_empty() {
        return Err(
            "prometheus address is not set: set provider.prometheus.address, or the controller's default".to_string()
        );
    }
    check_url("prometheus address", address)?;
    let signed = prometheus.authentication.as_ref().and_then(|auth| auth.sigv4.as_ref());
    if signed.is_some_and(|sigv4| !sigv4.region.is_empty()) && address.contains("aps-workspaces") {
        return Err("authentication.sigv4 is not supported by this version of Serinus".to_string());
    }
    let (path, times) = match &prometheus.range_query {
        None => ("query", format!("time={}", unix(now))),
        Some(range) => ("query_range", span(range, now)?),
    };
    let mut headers = headers(&prometheus.headers);
    headers.push(("Content-Type".to_string(), "application/x-www-form-urlencoded".to_string()));
    let mut request = Request {
        method: "POST",
        url: format!("{}/api/v1/{path}", address.trim_end_matches('/')),
        headers,
        body: format!("query={}&{times}", form_encoded(&prometheus.query)).into_bytes(),
        timeout: seconds("prometheus timeout", prometheus.timeout, TIMEOUT)?,
        insecure: prometheus.insecure,
        follows: true,
    };
    authenticate(&mut request, prometheus.authentication.as_ref())?;
    Ok(request)
}

/// Seconds since 1970, with milliseconds.
fn unix(at: Timestamp) -> String {
    let millis = at.as_millisecond();
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}

fn span(range: &RangeQuery, now: Timestamp) -> Result<String, String> {
    let moment = |field: &str, source: &str| {
        let env = Env { now, ..Env::default() };
        match expr::evaluate(source, &env) {
            Ok(Value::Time(at)) => Ok(at),
            Ok(other) => Err(format!("rangeQuery.{field} {source:?} is no time but {}", other.type_name())),
            Err(error) => Err(format!("rangeQuery.{field} {source:?}: {error}")),
        }
    };
    let (start, end) = (moment("start", &range.start)?, moment("end", &range.end)?);
    let step = duration::parse(&range.step).filter(|step| *step > 0);
    let step = step.ok_or_else(|| format!("rangeQuery.step {:?} is no duration above zero", range.step))?;
    Ok(format!("start={}&end={}&step={}", unix(start), unix(end), float::plain(step as f64 / 1e9)))
}

/// What a server answers.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Answer {
    status: String,
    data: Data,
    error_type: String,
    error: String,
    warnings: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Data {
    result_type: String,
    result: Json,
}

/// What the answer means.
///
/// # Errors
/// The server refused, or what it says is not understood.
pub fn parse(status: u16, body: &[u8]) -> Result<Reading, String> {
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else {
        return Err(match status {
            200..=299 => "bad_response: the answer is no JSON of Prometheus".to_string(),
            400..=499 => format!("client_error: client error: {status}"),
            _ => format!("server_error: server error: {status}"),
        });
    };
    if answer.status != "success" {
        return Err(format!("{}: {} (status {status})", answer.error_type, answer.error));
    }
    let mut metadata = BTreeMap::new();
    if !answer.warnings.is_empty() {
        metadata.insert("warnings".to_string(), format!("[{}]", answer.warnings.join(" ")));
    }
    let numbers = numbers(&answer.data)?;
    Ok(match (answer.data.result_type.as_str(), numbers.first()) {
        ("scalar", Some(number)) => Reading { result: Value::Float(*number), value: float::plain(*number), metadata },
        _ => {
            let texts: Vec<String> = numbers.iter().map(|number| float::plain(*number)).collect();
            Reading { value: format!("[{}]", texts.join(",")), result: Value::floats(numbers), metadata }
        }
    })
}

fn numbers(data: &Data) -> Result<Vec<f64>, String> {
    let series = || data.result.as_array().ok_or_else(|| "the answer has no list of series".to_string());
    match data.result_type.as_str() {
        "scalar" => Ok(vec![number(&data.result)?]),
        "vector" => series()?.iter().map(|sample| number(&sample["value"])).collect(),
        "matrix" => {
            let points = series()?.iter().flat_map(|series| series["values"].as_array().map_or(&[][..], Vec::as_slice));
            points.map(number).collect()
        }
        other => Err(format!("Prometheus metric type {other:?} is not supported")),
    }
}

/// The number of a pair of time and text.
fn number(pair: &Json) -> Result<f64, String> {
    let text = pair.get(1).and_then(Json::as_str).ok_or("a sample of the answer is no pair of time and text")?;
    text.parse().map_err(|_| format!("{text:?} in the answer is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_asked() {
        let now = at("2026-01-01T00:00:10.5Z");
        let query =
            Prometheus { query: "up{a=\"b c\"}".into(), address: "http://p:9090/".into(), ..Prometheus::default() };
        let asked = request(&query, "", now).unwrap();
        assert_eq!(asked.url, "http://p:9090/api/v1/query");
        let body = String::from_utf8(asked.body).unwrap();
        assert_eq!(body, "query=up%7Ba%3D%22b+c%22%7D&time=1767225610.500");
        assert_eq!(asked.timeout.as_secs(), 30);

        let range = RangeQuery { start: "now() - duration(\"10m\")".into(), end: "now()".into(), step: "1m30s".into() };
        let asked = request(&Prometheus { range_query: Some(range), ..query.clone() }, "", now).unwrap();
        assert_eq!(asked.url, "http://p:9090/api/v1/query_range");
        let body = String::from_utf8(asked.body).unwrap();
        assert_eq!(body, "query=up%7Ba%3D%22b+c%22%7D&start=1767225010.500&end=1767225610.500&step=90");

        let table = [
            (
                Prometheus::default(),
                "prometheus address is not set: set provider.prometheus.address, or the controller's default",
            ),
            (
                Prometheus { address: "p".into(), ..Prometheus::default() },
                "prometheus address \"p\" is no URL: it must begin with http:// or https:// and name a host",
            ),
            (Prometheus { timeout: Some(-1), ..query.clone() }, "prometheus timeout must be positive, not -1"),
            (
                Prometheus {
                    range_query: Some(RangeQuery { start: "1".into(), end: "now()".into(), step: "1m".into() }),
                    ..query.clone()
                },
                "rangeQuery.start \"1\" is no time but int",
            ),
        ];
        for (query, error) in table {
            assert_eq!(request(&query, "", now).unwrap_err(), error);
        }
        assert!(request(&Prometheus::default(), "http://default", now).is_ok());
    }

    #[test]
    fn what_an_answer_means() {
        let success = |kind: &str, result: &str| {
            format!("{{\"status\":\"success\",\"data\":{{\"resultType\":\"{kind}\",\"result\":{result}}}}}")
        };
        let table = [
            (200, success("scalar", "[1, \"0.5\"]"), Ok(("0.5", "float64"))),
            (200, success("vector", "[{\"value\":[1,\"1\"]},{\"value\":[1,\"2.5\"]}]"), Ok(("[1,2.5]", "[]float64"))),
            (200, success("vector", "[]"), Ok(("[]", "[]float64"))),
            (
                200,
                success("vector", "[{\"value\":[1,\"NaN\"]},{\"value\":[1,\"+Inf\"]}]"),
                Ok(("[NaN,+Inf]", "[]float64")),
            ),
            (200, success("matrix", "[{\"values\":[[1,\"1\"],[2,\"3\"]]}]"), Ok(("[1,3]", "[]float64"))),
            (200, success("string", "[1,\"x\"]"), Err("Prometheus metric type \"string\" is not supported")),
            (200, success("vector", "[{\"value\":[1,\"x\"]}]"), Err("\"x\" in the answer is no number")),
            (
                400,
                "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse error\"}".to_string(),
                Err("bad_data: parse error (status 400)"),
            ),
            (503, "busy".to_string(), Err("server_error: server error: 503")),
            (200, "<html>".to_string(), Err("bad_response: the answer is no JSON of Prometheus")),
        ];
        for (status, body, expected) in table {
            let found = parse(status, body.as_bytes()).map(|reading| (reading.value, reading.result.type_name()));
            assert_eq!(found, expected.map(|(a, b)| (a.to_string(), b)).map_err(String::from), "{body}");
        }
    }
}
