//! Server-side apply: merges what a manager wants, takes away what it no longer wants, and finds conflicts with others.

use super::owners::{Owners, Path, Writer, key_of, leaves};
use super::rules::{Rule, Rules};
use crate::failure::Failure;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Applies a configuration to what is there (absent: nothing yet) and gives the object with its new owners.
pub fn apply(
    live: Option<&Value>,
    config: &Value,
    rules: Rules<'_>,
    writer: Writer<'_>,
    force: bool,
) -> Result<(Value, Owners), Failure> {
    let empty = Value::Object(Map::new());
    let live = live.unwrap_or(&empty);
    let mut owners = Owners::read(live);
    let wanted = leaves(config, rules);
    let here = leaves(live, rules);
    let conflicts = conflicts(&owners, &wanted, &here, writer);
    if !conflicts.is_empty() && !force {
        let causes: Vec<(String, String)> =
            conflicts.iter().map(|(manager, path)| (manager.clone(), dotted(path))).collect();
        return Err(Failure::apply_conflict(&causes));
    }
    for (manager, path) in &conflicts {
        for owner in owners.0.iter_mut().filter(|owner| owner.manager == *manager) {
            owner.paths.remove(path);
        }
    }
    let wanted: BTreeSet<Path> = wanted.into_keys().collect();
    let before = std::mem::replace(&mut owners.entry(writer).paths, wanted.clone());
    let gone: Vec<Path> =
        before.into_iter().filter(|path| owners.0.iter().all(|owner| !owner.paths.contains(path))).collect();
    let mut result = merge(live, config, rules, &mut Vec::new());
    // Whole list entries first: an entry that lost its key field could not be found any more.
    let (entries, fields): (Vec<&Path>, Vec<&Path>) =
        gone.iter().partition(|path| path.last().is_some_and(|step| step == "."));
    for path in entries.into_iter().chain(fields) {
        remove(&mut result, path);
    }
    Ok((result, owners))
}

fn conflicts(
    owners: &Owners,
    wanted: &BTreeMap<Path, Value>,
    here: &BTreeMap<Path, Value>,
    writer: Writer<'_>,
) -> Vec<(String, Path)> {
    let mut found = Vec::new();
    for owner in owners.0.iter().filter(|owner| owner.manager != writer.manager || owner.applies != writer.applies) {
        for path in &owner.paths {
            if let (Some(new), Some(old)) = (wanted.get(path), here.get(path))
                && new != old
            {
                found.push((owner.manager.clone(), path.clone()));
            }
        }
    }
    found
}

/// `.spec.template.spec.containers[name="a"].image`.
fn dotted(path: &Path) -> String {
    let mut text = String::new();
    for step in path {
        match step.split_once(':') {
            Some(("f", name)) => {
                text.push('.');
                text.push_str(name);
            }
            Some(("k", keys)) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                text.push_str(&format!("[{}]", keys.join(",")));
            }
            Some((_, value)) => text.push_str(&format!("[={value}]")),
            None => {}
        }
    }
    text
}

fn merge<'p>(old: &Value, new: &'p Value, rules: Rules<'_>, names: &mut Vec<&'p str>) -> Value {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) if !rules.is_atomic_map(names) => {
            let mut result = old.clone();
            for (key, value) in new {
                names.push(key);
                let merged = merge(old.get(key).unwrap_or(&Value::Null), value, rules, names);
                names.pop();
                result.insert(key.clone(), merged);
            }
            Value::Object(result)
        }
        (Value::Array(old), Value::Array(new)) => match rules.list(names) {
            Rule::Atomic => Value::Array(new.clone()),
            Rule::Set => {
                let mut result = old.clone();
                result.extend(new.iter().filter(|item| !old.contains(item)).cloned());
                Value::Array(result)
            }
            Rule::Map(keys) => {
                let mut result = old.clone();
                for item in new {
                    match result.iter().position(|one| key_of(one, &keys) == key_of(item, &keys)) {
                        Some(at) => result[at] = merge(&result[at], item, rules, names),
                        None => result.push(item.clone()),
                    }
                }
                Value::Array(result)
            }
        },
        (_, new) => new.clone(),
    }
}

/// Takes away what stands at a path, and the maps that become empty by it.
fn remove(value: &mut Value, path: &[String]) {
    let Some((step, rest)) = path.split_first() else { return };
    match (step.split_once(':'), value) {
        (Some(("f", name)), Value::Object(map)) => {
            if let (false, Some(below)) = (rest.is_empty(), map.get_mut(name)) {
                remove(below, rest);
                if is_empty(below) {
                    map.shift_remove(name);
                }
            } else {
                map.shift_remove(name);
            }
        }
        (Some(("k", keys)), Value::Array(items)) => {
            let keys: Value = serde_json::from_str(keys).unwrap_or_default();
            let names: Vec<String> = keys.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
            let at = items.iter().position(|item| key_of(item, &names) == keys);
            match (at, rest) {
                (Some(at), [only]) if only == "." => {
                    items.remove(at);
                }
                (Some(at), rest) => remove(&mut items[at], rest),
                (None, _) => {}
            }
        }
        (Some(("v", item)), Value::Array(items)) => items.retain(|one| {
            let text = one.to_string();
            text != item
        }),
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use serde_json::json;

    fn writer(manager: &str) -> Writer<'_> {
        Writer { manager, applies: true, subresource: "", api_version: "apps/v1", now: jiff::Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_manager_takes_away_what_it_no_longer_wants_and_conflicts_over_what_others_own() {
        let catalogue = Catalogue::default();
        let kind = catalogue.find("apps", "v1", "deployments").expect("served");
        let rules = Rules::of(&kind);
        let first = json!({"metadata": {"name": "d", "labels": {"a": "1", "b": "2"}}, "spec": {"replicas": 2,
            "template": {"spec": {"containers": [{"name": "x", "image": "x:1"}]}}}});
        let (mut live, owners) = apply(None, &first, rules, writer("one"), false).expect("nothing there");
        owners.write(&mut live);
        assert_eq!(Owners::read(&live), owners);

        let second = json!({"metadata": {"name": "d"}, "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "y", "image": "y:1"}]}}}});
        let refused = apply(Some(&live), &second, rules, writer("two"), false).expect_err("replicas belong to one");
        assert_eq!(refused.message, "Apply failed with 1 conflict: conflict with \"one\": .spec.replicas");
        let (mut live, owners) = apply(Some(&live), &second, rules, writer("two"), true).expect("forced");
        owners.write(&mut live);
        assert_eq!(live.pointer("/spec/replicas"), Some(&json!(3)));

        let third = json!({"metadata": {"name": "d", "labels": {"a": "1"}}, "spec": {}});
        let (live, _) = apply(Some(&live), &third, rules, writer("one"), false).expect("no conflict");
        assert_eq!(live.pointer("/metadata/labels"), Some(&json!({"a": "1"})));
        assert_eq!(live.pointer("/spec/replicas"), Some(&json!(3)), "two owns it now");
        assert_eq!(live.pointer("/spec/template/spec/containers"), Some(&json!([{"name": "y", "image": "y:1"}])));
    }
}
