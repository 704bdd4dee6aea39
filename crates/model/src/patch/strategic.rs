//! Strategic merge patch: maps merge, lists of named things merge by name, `$patch` and its kin steer.

use super::rules::{Rule, Rules};
use crate::failure::Failure;
use serde_json::{Map, Value};

/// Applies a strategic merge patch.
pub fn apply(object: &Value, patch: &Value, rules: Rules<'_>) -> Result<Value, Failure> {
    let (Value::Object(object), Value::Object(patch)) = (object, patch) else {
        return Err(Failure::bad_request("a strategic merge patch must be a map"));
    };
    let mut path = Vec::new();
    Ok(Value::Object(merge_map(object, patch, rules, &mut path)?))
}

fn merge_map<'p>(
    object: &Map<String, Value>,
    patch: &'p Map<String, Value>,
    rules: Rules<'_>,
    path: &mut Vec<&'p str>,
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
        path.push(key);
        let order = patch.get(&format!("$setElementOrder/{key}"));
        let merged = merge_value(result.get(key), value, order, rules, path)?;
        path.pop();
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

fn merge_value<'p>(
    old: Option<&Value>,
    new: &'p Value,
    order: Option<&Value>,
    rules: Rules<'_>,
    path: &mut Vec<&'p str>,
) -> Result<Option<Value>, Failure> {
    match (old, new) {
        (_, Value::Null) => Ok(None),
        (old, Value::Object(new)) => {
            if new.get("$patch").and_then(Value::as_str) == Some("delete") {
                return Ok(None);
            }
            let empty = Map::new();
            let old = old.and_then(Value::as_object).unwrap_or(&empty);
            merge_map(old, new, rules, path).map(|map| Some(Value::Object(map)))
        }
        (old, Value::Array(new)) => {
            let old = old.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            merge_list(old, new, order, rules, path).map(|list| Some(Value::Array(list)))
        }
        (_, scalar) => Ok(Some(scalar.clone())),
    }
}

fn merge_list<'p>(
    old: &[Value],
    new: &'p [Value],
    order: Option<&Value>,
    rules: Rules<'_>,
    path: &mut Vec<&'p str>,
) -> Result<Vec<Value>, Failure> {
    let directive = |item: &Value| item.get("$patch").and_then(Value::as_str).map(str::to_string);
    if new.iter().any(|item| directive(item).as_deref() == Some("replace")) {
        return Ok(new.iter().filter(|item| directive(item).is_none()).cloned().collect());
    }
    let Some(key) = rules.merge_key(path) else {
        return Ok(match rules.list(path) {
            Rule::Set => ordered(union(old, new), order, |item| item.clone()),
            _ => new.to_vec(),
        });
    };
    let mut result = old.to_vec();
    for item in new {
        let Some(wanted) = item.get(&key) else {
            return Err(Failure::bad_request(format!("map: {item} does not contain declared merge key: {key}")));
        };
        let at = result.iter().position(|one| one.get(&key) == Some(wanted));
        match (directive(item).as_deref(), at, item.as_object()) {
            (Some("delete"), at, _) => {
                at.map(|at| result.remove(at));
            }
            (_, Some(at), Some(map)) => {
                let empty = Map::new();
                let merged = merge_map(result[at].as_object().unwrap_or(&empty), map, rules, path)?;
                result[at] = Value::Object(merged);
            }
            (_, _, Some(map)) => result.push(Value::Object(merge_map(&Map::new(), map, rules, path)?)),
            _ => {}
        }
    }
    Ok(ordered(result, order, |item| item.get(&key).cloned().unwrap_or(Value::Null)))
}

fn union(old: &[Value], new: &[Value]) -> Vec<Value> {
    let mut result = old.to_vec();
    result.extend(new.iter().filter(|item| !old.contains(item)).cloned());
    result
}

/// Puts the items that the order names into that order; the others keep their places.
fn ordered(items: Vec<Value>, order: Option<&Value>, key: impl Fn(&Value) -> Value) -> Vec<Value> {
    let Some(order) = order.and_then(Value::as_array) else { return items };
    let rank = |item: &Value| {
        let wanted = key(item);
        order.iter().position(|one| key(one) == wanted || *one == wanted)
    };
    let mut ranked: Vec<(usize, Value)> =
        items.iter().filter_map(|item| rank(item).map(|at| (at, item.clone()))).collect();
    ranked.sort_by_key(|(at, _)| *at);
    let mut ranked = ranked.into_iter().map(|(_, item)| item);
    items
        .iter()
        .map(|item| if rank(item).is_some() { ranked.next().unwrap_or_else(|| item.clone()) } else { item.clone() })
        .collect()
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
                json!([{"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}], "args": ["3"]}, {"name": "b", "image": "b:1"}]),
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
            let result = apply(&object, &containers(patch), Rules::of(&kind)).expect(what);
            assert_eq!(result.pointer("/spec/template/spec/containers"), Some(&expected), "{what}");
        }
        let nameless = containers(json!({"containers": [{"image": "x"}]}));
        assert_eq!(apply(&object, &nameless, Rules::of(&kind)).map_err(|f| f.code), Err(400));
    }
}
