//! Payloads for webhooks, for whoever wants to see what they do. Other crates' tests take this file as well.

use proptest::prelude::*;

/// How many: `WEBHOOK_CASES`, or else as many as a test plays every time.
pub fn cases(otherwise: u32) -> u32 {
    std::env::var("WEBHOOK_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Bodies near what the senders post: the right keys with any values.
pub fn bodies() -> impl Strategy<Value = String> {
    use serde_json::{Value, json};
    let keys = [
        "host",
        "name",
        "tag",
        "digest",
        "platforms",
        "platformVerified",
        "repository",
        "repo_name",
        "push_data",
        "pushed_at",
        "date_created",
        "docker_url",
        "updated_tags",
        "request",
        "target",
        "action",
        "package",
        "ecosystem",
        "namespace",
        "package_version",
        "container_metadata",
        "registry_package",
        "package_type",
        "version",
        "full_name",
        "type",
        "event_data",
        "resources",
        "resource_url",
        "occur_at",
        "data",
        "image_name",
        "size",
        "event_type",
        "events",
        "timestamp",
    ];
    let words = [
        "",
        "CONTAINER",
        "push",
        "pushed",
        "PUSH_ARTIFACT",
        "a/b",
        "h.io/a:1",
        "1.2.3",
        "2026-01-01T00:00:00Z",
        "\u{0}é:@//",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        proptest::sample::select(words.to_vec()).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 8, move |inner| {
        let object = proptest::collection::vec((proptest::sample::select(keys.to_vec()), inner.clone()), 0..8);
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Value::from),
            object.prop_map(|entries| json!(
                entries.into_iter().map(|(k, v)| (k.to_string(), v)).collect::<serde_json::Map<_, _>>()
            )),
        ]
    })
    .prop_map(|value| value.to_string())
}
