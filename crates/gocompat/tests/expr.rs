//! Expressions against what the library that defines the language answered (`lab/oracle/expr`).

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::Value as Json;
use serinus_gocompat::expr::{self, Env, Value};

/// Where we answer otherwise on purpose, and why.
const OTHERWISE: &[(&str, &str)] = &[];

fn env(result: &Json) -> Env {
    let numbers = result.as_array().filter(|items| !items.is_empty() && items.iter().all(Json::is_number));
    let result = match numbers {
        Some(items) => Value::floats(items.iter().filter_map(Json::as_f64).collect()),
        None => Value::from_json(result),
    };
    Env { values: [("result".to_string(), result)].into(), ..Env::default() }
}

/// JSON with all numbers as floating ones: the type is compared apart from the worth.
fn worth(json: &Json) -> Json {
    match json {
        Json::Number(number) => Json::from(number.as_f64()),
        Json::Array(items) => items.iter().map(worth).collect(),
        Json::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), worth(value))).collect(),
        _ => json.clone(),
    }
}

fn differs(case: &Json, found: &Result<Value, expr::Error>) -> Option<String> {
    match (case["error"] == true, found) {
        (true, Err(_)) => None,
        (true, Ok(value)) => Some(format!("ours {value}, want an error")),
        (false, Err(error)) => Some(format!("ours error {error}, want {} {}", case["type"], case["shown"])),
        (false, Ok(value)) => {
            let kind = case["type"].as_str().unwrap();
            let scalar = matches!(kind, "int" | "float64" | "string" | "bool" | "time.Duration");
            let same_type = !scalar || kind == value.type_name();
            let same_text = !scalar || case["shown"].as_str() == Some(value.to_string().as_str());
            let same_worth =
                case.get("value").is_none() || worth(&value.to_json().unwrap_or_default()) == worth(&case["value"]);
            let nothing = kind != "<nil>" || matches!(value, Value::Nil);
            let same = same_type && same_text && same_worth && nothing;
            (!same).then(|| format!("ours {} {value}, want {kind} {}", value.type_name(), case["shown"]))
        }
    }
}

#[test]
fn the_library_says_the_same() {
    let mut wrong = Vec::new();
    for line in include_str!("data/expr.jsonl").lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let source = case["source"].as_str().unwrap();
        if OTHERWISE.iter().any(|(known, _)| *known == source) {
            continue;
        }
        if let Some(text) = differs(&case, &expr::evaluate(source, &env(&case["result"]))) {
            wrong.push(format!("{source}  with {}: {text}", case["result"]));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn time_and_memory_are_bounded() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(5_000), close.repeat(5_000));
    for source in [
        deep("(", ")"),
        deep("[", "]"),
        deep("-", ""),
        "1+".repeat(5_000) + "1",
        "map(1..900, map(1..900, map(1..900, 1)))".to_string(),
        "repeat(repeat(\"a\", 1000), 100000)".to_string(),
        "replace(repeat(\"a\", 1000), \"a\", repeat(\"b\", 100000))".to_string(),
        "uniq(1..900000)".to_string(),
        "1..9223372036854775807".to_string(),
        "1".repeat(expr::LONGEST + 1),
    ] {
        assert!(expr::evaluate(&source, &Env::default()).is_err(), "{}", source.get(..40).unwrap_or(&source));
    }
}

#[test]
fn errors_say_where() {
    let table = [
        ("result >\n foo", "unknown name foo (2:2)"),
        ("1 + ", "unexpected token EOF (1:5)"),
        ("é + 1", "unknown name é (1:1)"),
        ("[1][2]", "index out of range: 2 (array length is 1) (1:4)"),
        ("1 + 'a'", "invalid operation: + (mismatched types int and string) (1:3)"),
    ];
    for (source, text) in table {
        assert_eq!(expr::evaluate(source, &env(&Json::Null)).unwrap_err().to_string(), text);
    }
}

proptest! {
    /// Whatever is written, there is an answer or an error.
    #[test]
    fn nothing_panics(source in "([a-z#.\\[\\](){}:,?|&<>=!+*/%^'\" -]|result|filter|map|[0-9]|\\.\\.|in|not){0,40}") {
        let _ = expr::evaluate(&source, &env(&serde_json::json!({"a": [1, 2, {"b": "c"}]})));
    }
}
