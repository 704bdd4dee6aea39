//! How Go's decoder reads what people send.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serinus_gocompat::lenient::{Fields, Json, Misfit, first};

fn name(body: &[u8]) -> Result<String, Misfit> {
    Fields::of(&first(body)?)?.text("name")
}

#[test]
fn bodies_that_are_read() {
    let table: &[(&[u8], &str)] = &[
        (br#"{"name":"a"}"#, "a"),
        (b" \r\n\t{\"name\" : \"a\" } \nwhen:\n  event: promote", "a"),
        (br#"{"name":"a"}}}]"#, "a"),
        (br#"{"NAME":"a"}"#, "a"),
        (br#"{"Name":"a","name":"b"}"#, "b"),
        (br#"{"name":"b","NAME":"a"}"#, "a"),
        (br#"{"name":"a","name":null}"#, "a"),
        (br#"{"name":null}"#, ""),
        (br#"{}"#, ""),
        (br#"null"#, ""),
        (br#"{"unknown":[1,{"name":"x"}],"name":"a"}"#, "a"),
        (br#"{"name":"\u00e9\ud83d\ude00\n\/"}"#, "\u{e9}\u{1f600}\n/"),
        (br#"{"name":"\ud83dx"}"#, "\u{fffd}x"),
        (br#"{"name":"\ud83d\u0041"}"#, "\u{fffd}A"),
        (b"{\"name\":\"a\xff\"}", "a\u{fffd}"),
        ("{\"name\":\"a\u{fffd}\"}".as_bytes(), "a\u{fffd}"),
    ];
    for (body, wanted) in table {
        assert_eq!(name(body).as_deref(), Ok(*wanted), "{}", String::from_utf8_lossy(body));
    }
    // Go knows two letters more that fold to ASCII.
    let body = first("{\"to\u{212a}en\u{17f}\": \"a\"}".as_bytes()).unwrap();
    assert_eq!(Fields::of(&body).unwrap().text("tokens").as_deref(), Ok("a"));
}

#[test]
fn bodies_that_are_refused() {
    let syntax: &[&[u8]] = &[
        b"",
        b"   ",
        b"{",
        b"{\"name\"}",
        b"{name:1}",
        b"{\"name\":\"a\"",
        b"{\"name\":\"a\",}",
        b"[1,]",
        b"tru",
        b"{'name':1}",
        b"{\"name\":01}",
        b"{\"name\":\"\\x\"}",
        b"{\"name\":\"\\u12\"}",
        b"{\"name\":\"a\nb\"}",
        b"-",
        b"1.",
        b"1e",
        b"+1",
        b"name=a&tag=b",
        b"\xef\xbb\xbf{}",
    ];
    for body in syntax {
        assert!(matches!(name(body), Err(Misfit::Syntax(_))), "{}", String::from_utf8_lossy(body));
    }
    let types: &[&[u8]] =
        &[b"[]", b"1", b"\"a\"", b"true", b"{\"name\":1}", b"{\"name\":{}}", b"{\"name\":1,\"name\":\"a\"}"];
    for body in types {
        assert!(matches!(name(body), Err(Misfit::Type { .. })), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn numbers_fit_gos_types() {
    for (spelled, wide, narrow) in [
        ("0", Some(0), Some(0)),
        ("-7", Some(-7), Some(-7)),
        ("2147483648", Some(2_147_483_648), None),
        ("9223372036854775808", None, None),
        ("1.0", None, None),
        ("1e3", None, None),
        ("\"1\"", None, None),
        ("null", Some(0), Some(0)),
    ] {
        let body = first(format!("{{\"n\":{spelled}}}").as_bytes()).unwrap();
        let fields = Fields::of(&body).unwrap();
        assert_eq!((fields.integer("n").ok(), fields.integer32("n").ok()), (wide, narrow), "{spelled}");
    }
}

#[test]
fn objects_given_twice_are_merged_and_lists_replaced() {
    let body = first(br#"{"r":{"a":"1","b":"2"},"l":["x"],"R":{"a":"3"},"l":["y","z",null]}"#).unwrap();
    let fields = Fields::of(&body).unwrap();
    let r = fields.object("r").unwrap();
    assert_eq!((r.text("a").unwrap(), r.text("b").unwrap()), ("3".to_string(), "2".to_string()));
    assert_eq!(fields.texts("l").unwrap(), ["y", "z", ""]);
    assert!(fields.objects("l").is_err() && fields.list("r").is_err() && fields.object("l").is_err());
}

#[test]
fn depth_costs_no_stack() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert!(first(deep(1_000).as_bytes()).is_ok());
        assert!(matches!(first(deep(1_001).as_bytes()), Err(Misfit::Syntax(_))));
        assert!(first(open.repeat(1_000_000).as_bytes()).is_err());
    }
}

fn values() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Value, json};
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(".*", inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

fn same(read: &Json, value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (read, value) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(a), Value::Bool(b)) => a == b,
        (Json::Number(a), Value::Number(b)) => *a == b.to_string(),
        (Json::Text(a), Value::String(b)) => a == b,
        (Json::List(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((ka, va), (kb, vb))| ka == kb && same(va, vb))
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn what_is_json_is_read_the_same_whatever_follows(value in values(), rest in proptest::collection::vec(any::<u8>(), 0..20)) {
        let mut bytes = value.to_string().into_bytes();
        bytes.push(b' ');
        bytes.extend(rest);
        prop_assert!(same(&first(&bytes).unwrap(), &value));
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = first(&bytes) {
            let _ = Fields::of(&value).map(|fields| fields.text("name"));
        }
    }
}
