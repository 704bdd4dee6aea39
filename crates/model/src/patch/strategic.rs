//! Strategic merge patch: maps merge, lists of named things merge by name, `$patch` and its kin steer.

use super::rules::Place;
use crate::failure::Failure;
use serde_json::{Map, Value};

/// Applies a strategic merge patch.
pub fn apply(object: &Value, patch: &Value, place: Place<'_>) -> Result<Value, Failure> {
    let (Value::Object(object), Value::Object(patch)) = (object, patch) else {
        return Err(Failure::bad_request("a strategic merge patch must be a map"));
    };
    Ok(Value::Object(merge_map(object, patch, place)?))
}

fn merge_map(
    object: &Map<String, Value>,
    patch: &Map<String, Value>,
    place: Place<'_>,
) -> Result<Map<String, Value>, Failure> {
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => return Ok(without_directives(patch)),
        Some("delete") => return Ok(Map::new()),
        Some("merge") | None => {}
        Some(other) => return Err(Failure::bad_request(format!("Unknown patch type found: {other}"))),
    }
    let mut result = object.clone();
    if let Some(Value::Array(kept)) = patch.get("$retainKeys") {
        result.retain(|key, _| kept.iter().any(|k| k.as_str() == Some(key)));
    }
    for (key, directive) in patch {
        if let Some(field) = key.strip_prefix("$deleteFromPrimitiveList/")
            && let (Some(Value::Array(list)), Value::Array(gone)) = (result.get_mut(field), directive)
        {
            list.retain(|item| !gone.contains(item));
        }
    }
    for (key, value) in patch.iter().filter(|(key, _)| !key.starts_with('$')) {
        let order = patch.get(&format!("$setElementOrder/{key}"));
        let merged = merge_value(result.get(key), value, order, place.field(key))?;
        match merged {
            Some(merged) => {
                result.insert(key.clone(), merged);
            }
            None => {
                result.shift_remove(key);
            }
        }
    }
    Ok(result)
}

fn merge_value(
    old: Option<&Value>,
    new: &Value,
    order: Option<&Value>,
    place: Place<'_>,
) -> Result<Option<Value>, Failure> {
    match (old, new) {
        (_, Value::Null) => Ok(None),
        (old, Value::Object(new)) => {
            if new.get("$patch").and_then(Value::as_str) == Some("delete") {
                return Ok(None);
            }
            let empty = Map::new();
            let old = old.and_then(Value::as_object).unwrap_or(&empty);
            merge_map(old, new, place).map(|map| Some(Value::Object(map)))
        }
        (old, Value::Array(new)) => {
            let old = old.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            merge_list(old, new, order, place).map(|list| Some(Value::Array(list)))
        }
        (_, scalar) => Ok(Some(scalar.clone())),
    }
}

fn merge_list(old: &[Value], new: &[Value], order: Option<&Value>, place: Place<'_>) -> Result<Vec<Value>, Failure> {
    let directive = |item: &Value| item.get("$patch").and_then(Value::as_str).map(str::to_string);
    if new.iter().any(|item| directive(item).as_deref() == Some("replace")) {
        return Ok(new.iter().filter(|item| directive(item).is_none()).cloned().collect());
    }
    let key = match place.merge_key() {
        None => return Ok(new.to_vec()),
        Some("") => {
            let order = order.and_then(Value::as_array).map_or(new, Vec::as_slice);
            return Ok(ordered(old, union(old, new), order, |item| item.clone()));
        }
        Some(key) => key,
    };
    let place = place.item();
    let mut result = old.to_vec();
    for item in new {
        let Some(wanted) = item.get(key) else {
            return Err(Failure::bad_request(format!("map: {item} does not contain declared merge key: {key}")));
        };
        let at = result.iter().position(|one| one.get(key) == Some(wanted));
        match (directive(item).as_deref(), at, item.as_object()) {
            (Some("delete"), at, _) => {
                at.map(|at| result.remove(at));
            }
            (_, Some(at), Some(map)) => {
                let empty = Map::new();
                let merged = merge_map(result[at].as_object().unwrap_or(&empty), map, place)?;
                result[at] = Value::Object(merged);
            }
            (_, _, Some(map)) => result.push(Value::Object(merge_map(&Map::new(), map, place)?)),
            _ => {}
        }
    }
    let key_of = |item: &Value| item.get(key).cloned().unwrap_or(Value::Null);
    // The order of the patch itself, unless it says another.
    let keys = |list: &[Value]| list.iter().map(key_of).collect::<Vec<Value>>();
    let order = keys(order.and_then(Value::as_array).map_or(new, Vec::as_slice));
    Ok(ordered(old, result, &order, key_of))
}

fn union(old: &[Value], new: &[Value]) -> Vec<Value> {
    let mut result = old.to_vec();
    result.extend(new.iter().filter(|item| !old.contains(item)).cloned());
    result
}

/// Puts merged items in order: those that the patch names as it names them, the others where the server had them. An item that
/// the server did not have goes before those that follow.
fn ordered(old: &[Value], merged: Vec<Value>, order: &[Value], key: impl Fn(&Value) -> Value) -> Vec<Value> {
    let is = |one: &Value, wanted: &Value| key(one) == *wanted || one == wanted;
    let place = |item: &Value| old.iter().position(|one| key(one) == key(item));
    let named: Vec<Value> =
        order.iter().filter_map(|wanted| merged.iter().find(|item| is(item, wanted)).cloned()).collect();
    let mut others = merged.iter().filter(|item| !named.contains(item)).peekable();
    let mut result = Vec::with_capacity(merged.len());
    for item in &named {
        while let (Some(at), Some(other)) = (place(item), others.peek()) {
            if place(other).is_some_and(|before| before < at) {
                result.extend(others.next().cloned());
            } else {
                break;
            }
        }
        result.push(item.clone());
    }
    result.extend(others.cloned());
    result
}

fn without_directives(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter().filter(|(key, _)| !key.starts_with('$')).map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use serde_json::json;

    #[test]
    fn lists_of_named_things_merge_by_name() {
        let catalogue = Catalogue::default();
        let kind = catalogue.find("apps", "v1", "deployments").expect("served");
        let object = json!({"spec": {"template": {"spec": {"containers": [
            {"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}], "args": ["1", "2"]}, {"name": "b", "image": "b:1"}]}}}});
        let containers = |patch: Value| json!({"spec": {"template": {"spec": patch}}});
        let table = [
            (
                "change one",
                json!({"containers": [{"name": "a", "image": "a:2"}]}),
                json!([{"name": "a", "image": "a:2", "env": [{"name": "X", "value": "1"}], "args": ["1", "2"]}, {"name": "b", "image": "b:1"}]),
            ),
            (
                "add to env, replace args",
                json!({"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}], "args": ["3"]}]}),
                json!([{"name": "a", "image": "a:1", "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}], "args": ["3"]}, {"name": "b", "image": "b:1"}]),
            ),
            (
                "delete one",
                json!({"containers": [{"name": "a", "$patch": "delete"}]}),
                json!([{"name": "b", "image": "b:1"}]),
            ),
            (
                "order",
                json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "a", "env": null, "args": null}]}),
                json!([{"name": "b", "image": "b:1"}, {"name": "a", "image": "a:1"}]),
            ),
            ("replace", json!({"containers": [{"$patch": "replace"}, {"name": "c"}]}), json!([{"name": "c"}])),
        ];
        for (what, patch, expected) in table {
            let result = apply(&object, &containers(patch), Place::of(&kind)).expect(what);
            assert_eq!(result.pointer("/spec/template/spec/containers"), Some(&expected), "{what}");
        }
        let nameless = containers(json!({"containers": [{"image": "x"}]}));
        assert_eq!(apply(&object, &nameless, Place::of(&kind)).map_err(|f| f.code), Err(400));
    }
}
