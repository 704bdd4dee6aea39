//! Structural schemas: what is wrong with an object, worded as Kubernetes words it.

use super::schema::{entry, flag};
use crate::failure::Cause;
use crate::object::Fields;
use serde_json::{Value, json};

/// Everything wrong with an object.
pub(super) fn causes(object: &Value, schema: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    check(object, schema, "", &mut causes);
    causes
}

fn check(value: &Value, schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    if value.is_null() && flag(schema, "nullable") {
        return;
    }
    if let Some(cause) = type_cause(value, schema, path) {
        causes.push(cause);
        return;
    }
    check_value(value, schema, path, causes);
    match value {
        Value::Object(map) => {
            for name in
                schema.items("/required").iter().filter_map(Value::as_str).filter(|name| !map.contains_key(*name))
            {
                causes.push(Cause::required(join(path, name), ""));
            }
            for (key, value) in map {
                if path.is_empty() && matches!(key.as_str(), "apiVersion" | "kind" | "metadata") {
                    continue;
                }
                if let Some(schema) = entry(schema, key) {
                    check(value, schema, &join(path, key), causes);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for (at, item) in items.iter().enumerate() {
                    check(item, schema, &format!("{path}[{at}]"), causes);
                }
            }
            check_duplicates(items, schema, path, causes);
        }
        _ => {}
    }
    check_combinations(value, schema, path, causes);
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_string() } else { format!("{path}.{name}") }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn type_cause(value: &Value, schema: &Value, path: &str) -> Option<Cause> {
    let found = type_name(value);
    let wanted = if flag(schema, "x-kubernetes-int-or-string") { "integer,string" } else { schema.text("/type") };
    let whole = value.as_f64().is_some_and(|number| number.fract() == 0.0);
    let fits = match wanted {
        "" => true,
        "number" => matches!(found, "number" | "integer"),
        "integer" => found == "integer" || whole,
        "integer,string" => matches!(found, "integer" | "string"),
        other => other == found,
    };
    if fits {
        return None;
    }
    let detail = format!("{path} in body must be of type {wanted}: {}", json!(found));
    Some(Cause::wrong_type(path, &found.into(), &detail))
}

/// Limits of numbers, texts, lists and maps, and enums.
fn check_value(value: &Value, schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        let allowed: Vec<String> =
            allowed.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_string)).collect();
        causes.push(Cause::not_supported(path, value, &allowed));
    }
    let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
    let mut refuse =
        |shown: &Value, detail: String| causes.push(Cause::invalid(path, shown, &format!("{path} in body {detail}")));
    if let Some(number) = value.as_f64() {
        if let Some(least) =
            limit("minimum").filter(|least| number < *least || (flag(schema, "exclusiveMinimum") && number <= *least))
        {
            refuse(value, format!("should be greater than or equal to {least}"));
        }
        if let Some(most) =
            limit("maximum").filter(|most| number > *most || (flag(schema, "exclusiveMaximum") && number >= *most))
        {
            refuse(value, format!("should be less than or equal to {most}"));
        }
    }
    if let Some(text) = value.as_str() {
        let length = text.chars().count() as f64;
        if let Some(least) = limit("minLength").filter(|least| length < *least) {
            refuse(value, format!("should be at least {least} chars long"));
        }
        if let Some(most) = limit("maxLength").filter(|most| length > *most) {
            refuse(value, format!("should be at most {most} chars long"));
        }
        let pattern = schema.text("/pattern");
        if !pattern.is_empty() && regex::Regex::new(pattern).is_ok_and(|pattern| !pattern.is_match(text)) {
            refuse(value, format!("should match '{pattern}'"));
        }
    }
    if let Some(items) = value.as_array() {
        let count = json!(items.len());
        if let Some(least) = limit("minItems").filter(|least| (items.len() as f64) < *least) {
            refuse(&count, format!("should have at least {least} items"));
        }
        if let Some(most) = limit("maxItems").filter(|most| items.len() as f64 > *most) {
            refuse(&count, format!("should have at most {most} items"));
        }
    }
    if let Some(map) = value.as_object() {
        let count = json!(map.len());
        if let Some(least) = limit("minProperties").filter(|least| (map.len() as f64) < *least) {
            refuse(&count, format!("should have at least {least} properties"));
        }
        if let Some(most) = limit("maxProperties").filter(|most| map.len() as f64 > *most) {
            refuse(&count, format!("should have at most {most} properties"));
        }
    }
}

/// Lists that are sets or maps have no two entries with the same key.
fn check_duplicates(items: &[Value], schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    let keys: Vec<&str> = schema.items("/x-kubernetes-list-map-keys").iter().filter_map(Value::as_str).collect();
    let identity = |item: &Value| match schema.text("/x-kubernetes-list-type") {
        "set" => Some(item.clone()),
        "map" => {
            Some(keys.iter().map(|key| ((*key).to_string(), item.get(*key).cloned().unwrap_or(Value::Null))).collect())
        }
        _ => None,
    };
    let mut seen: Vec<Value> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let Some(identity) = identity(item) else { return };
        if seen.contains(&identity) {
            causes.push(Cause::duplicate(format!("{path}[{at}]"), &identity));
        }
        seen.push(identity);
    }
}

/// `allOf`, `anyOf`, `oneOf` and `not`.
fn check_combinations(value: &Value, schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    let holds = |schema: &Value| {
        let mut found = Vec::new();
        check(value, schema, path, &mut found);
        found.is_empty()
    };
    for part in schema.items("/allOf") {
        check(value, part, path, causes);
    }
    let mut refuse = |text: &str| causes.push(Cause::invalid(path, value, &format!("{path:?} must validate {text}")));
    let any = schema.items("/anyOf");
    if !any.is_empty() && !any.iter().any(holds) {
        refuse("at least one schema (anyOf)");
    }
    let one = schema.items("/oneOf");
    if !one.is_empty() && one.iter().filter(|part| holds(part)).count() != 1 {
        refuse("one and only one schema (oneOf)");
    }
    if schema.get("not").is_some_and(holds) {
        causes.push(Cause::invalid(path, value, &format!("{path:?} must not validate the schema (not)")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_gives_its_cause() {
        let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "required": ["must"], "properties": {
            "must": {"type": "string"},
            "n": {"type": "integer", "minimum": 0, "maximum": 100},
            "e": {"type": "string", "enum": ["a", "b"]},
            "ios": {"x-kubernetes-int-or-string": true},
            "p": {"type": "string", "pattern": "^a+$"},
            "l": {"type": "array", "items": {"type": "integer"}, "maxItems": 1},
            "m": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": {"type": "object"}},
        }}}});
        let table = [
            (json!({"must": "x", "n": 5, "e": "a", "ios": "1%", "p": "aa", "l": [1]}), vec![]),
            (json!({}), vec![("FieldValueRequired", "spec.must", "Required value")]),
            (
                json!({"must": 1}),
                vec![(
                    "FieldValueTypeInvalid",
                    "spec.must",
                    "Invalid value: \"integer\": spec.must in body must be of type string: \"integer\"",
                )],
            ),
            (
                json!({"must": "x", "n": 101}),
                vec![(
                    "FieldValueInvalid",
                    "spec.n",
                    "Invalid value: 101: spec.n in body should be less than or equal to 100",
                )],
            ),
            (
                json!({"must": "x", "e": "c"}),
                vec![("FieldValueNotSupported", "spec.e", "Unsupported value: \"c\": supported values: \"a\", \"b\"")],
            ),
            (
                json!({"must": "x", "ios": true}),
                vec![(
                    "FieldValueTypeInvalid",
                    "spec.ios",
                    "Invalid value: \"boolean\": spec.ios in body must be of type integer,string: \"boolean\"",
                )],
            ),
            (
                json!({"must": "x", "p": "b"}),
                vec![("FieldValueInvalid", "spec.p", "Invalid value: \"b\": spec.p in body should match '^a+$'")],
            ),
            (
                json!({"must": "x", "m": [{"name": "a"}, {"name": "a"}]}),
                vec![("FieldValueDuplicate", "spec.m[1]", "Duplicate value: {\"name\":\"a\"}")],
            ),
        ];
        for (spec, expected) in table {
            let found = causes(&json!({"kind": "X", "spec": spec}), &schema);
            let found: Vec<_> = found.iter().map(|c| (c.reason, c.field.as_str(), c.message.as_str())).collect();
            assert_eq!(found, expected, "{spec}");
        }
    }
}
