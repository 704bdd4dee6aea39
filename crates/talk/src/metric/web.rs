//! Any HTTP server that answers with JSON or with text (spec 4.6, web).

use super::{Reading, Request, authenticate, check_url, headers, seconds};
use serde_json::Value as Json;
use serinus_gocompat::expr::Value;
use serinus_gocompat::{float, jsonpath};
use serinus_wire::analysis::Web;
use std::collections::BTreeMap;

/// Seconds that the exchange may take.
const TIMEOUT: u64 = 10;

/// What is asked.
///
/// # Errors
/// What is wrong with the provider's fields.
pub fn request(web: &Web) -> Result<Request, String> {
    let method = match web.method.as_str() {
        "" | "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        other => return Err(format!("method {other:?} is not supported: use GET, POST or PUT")),
    };
    check_url("url", &web.url)?;
    let mut headers = headers(&web.headers);
    let body = match (&web.json_body, web.body.as_str()) {
        (Some(_), body) if !body.is_empty() => return Err("use either body or jsonBody; both cannot exist".to_string()),
        (Some(_), _) if method == "GET" => return Err("body or jsonBody cannot be sent with GET".to_string()),
        (None, body) if method == "GET" && !body.is_empty() => {
            return Err("body or jsonBody cannot be sent with GET".to_string());
        }
        (Some(json), _) => {
            headers.push(("Content-Type".to_string(), "application/json".to_string()));
            json.to_string().into_bytes()
        }
        (None, body) => body.as_bytes().to_vec(),
    };
    let timeout = seconds("timeoutSeconds", web.timeout_seconds, TIMEOUT)?;
    let mut request =
        Request { method, url: web.url.clone(), headers, body, timeout, insecure: web.insecure, follows: true };
    authenticate(&mut request, web.authentication.as_ref())?;
    Ok(request)
}

/// What the answer means.
///
/// # Errors
/// The server refused, or the part that was asked for is not there.
pub fn parse(web: &Web, status: u16, body: &[u8]) -> Result<Reading, String> {
    if !(200..300).contains(&status) {
        return Err(format!("received non 2xx response code: {status}"));
    }
    let Ok(json) = serde_json::from_slice::<Json>(body) else {
        let text = String::from_utf8_lossy(body);
        return Ok(Reading { result: Value::text(&text), value: text.into_owned(), metadata: BTreeMap::new() });
    };
    let path = if web.json_path.is_empty() { "{$}" } else { &web.json_path };
    let found = jsonpath::find(path, &json).map_err(|error| format!("Could not find JSONPath in body: {error}"))?;
    let first = found.first().ok_or("Could not find JSONPath in body: nothing matches")?;
    Ok(Reading { result: Value::from_json(first), value: shown(first), metadata: BTreeMap::new() })
}

fn shown(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.as_f64().map_or_else(|| number.to_string(), float::json),
        _ => json.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use serinus_wire::analysis::{Authentication, BasicAuth, Header, OAuth2};

    fn web() -> Web {
        Web { url: "http://h/x".into(), ..Web::default() }
    }

    #[test]
    fn what_is_asked() {
        let asked = request(&Web {
            method: "POST".into(),
            headers: vec![Header { key: "X".into(), value: "y".into() }],
            json_body: Some(json!({"a": 1})),
            timeout_seconds: Some(3),
            authentication: Some(Authentication {
                basic_auth: Some(BasicAuth { username: "u".into(), password: "p".into() }),
                ..Authentication::default()
            }),
            ..web()
        });
        let asked = asked.unwrap();
        assert_eq!((asked.method, asked.body.as_slice()), ("POST", &b"{\"a\":1}"[..]));
        let pair = |key: &str, value: &str| (key.to_string(), value.to_string());
        let wanted = [pair("X", "y"), pair("Content-Type", "application/json"), pair("Authorization", "Basic dTpw")];
        assert_eq!(asked.headers, wanted);
        assert_eq!(asked.timeout.as_secs(), 3);
        assert!(!format!("{asked:?}").contains("dTpw"));
        assert_eq!(request(&web()).unwrap().timeout.as_secs(), 10);
    }

    #[test]
    fn what_can_not_be_asked() {
        let oauth = OAuth2 { token_url: "http://t".into(), ..OAuth2::default() };
        let table = [
            (Web { method: "HEAD".into(), ..web() }, "method \"HEAD\" is not supported: use GET, POST or PUT"),
            (Web { body: "x".into(), ..web() }, "body or jsonBody cannot be sent with GET"),
            (Web { json_body: Some(json!(1)), ..web() }, "body or jsonBody cannot be sent with GET"),
            (
                Web { method: "PUT".into(), body: "x".into(), json_body: Some(json!(1)), ..web() },
                "use either body or jsonBody; both cannot exist",
            ),
            (Web { timeout_seconds: Some(-1), ..web() }, "timeoutSeconds must be positive, not -1"),
            (
                Web { url: "h/x".into(), ..web() },
                "url \"h/x\" is no URL: it must begin with http:// or https:// and name a host",
            ),
            (
                Web {
                    authentication: Some(Authentication { oauth2: Some(oauth), ..Authentication::default() }),
                    ..web()
                },
                "authentication.oauth2 needs both clientId and clientSecret",
            ),
        ];
        for (web, error) in table {
            assert_eq!(request(&web).unwrap_err(), error);
        }
    }

    #[test]
    fn what_an_answer_means() {
        let table = [
            ("", 200, "{\"a\": 1.5}", Ok(("map[a:1.5]", "{\"a\":1.5}"))),
            ("{$.a}", 200, "{\"a\": 1.50}", Ok(("1.5", "1.5"))),
            ("{$.a[1]}", 201, "{\"a\": [1, \"x\"]}", Ok(("x", "x"))),
            ("{$.a}", 200, "{\"a\": null}", Ok(("<nil>", "null"))),
            ("{$.a}", 200, "plain", Ok(("plain", "plain"))),
            ("{$.b}", 200, "{}", Err("Could not find JSONPath in body: b is not found")),
            ("", 500, "{}", Err("received non 2xx response code: 500")),
        ];
        for (path, status, body, expected) in table {
            let found = parse(&Web { json_path: path.into(), ..web() }, status, body.as_bytes());
            let found = found.map(|reading| (reading.result.to_string(), reading.value));
            assert_eq!(
                found,
                expected.map(|(a, b)| (a.to_string(), b.to_string())).map_err(String::from),
                "{path} {body}"
            );
        }
    }
}
