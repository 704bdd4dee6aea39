//! Server-side apply: merges what a manager wants, takes away what it no longer wants, and finds conflicts with others.

use super::fields::{Difference, Path, Set, fields_of, key_of};
use super::owners::{Owner, Owners, Writer, bare, is_servers};
use super::rules::{Place, Rule};
use crate::failure::Failure;
use serde_json::{Map, Value};

/// Applies a configuration to what is there (absent: nothing yet) and gives the object with its new owners. `empty`: what an empty
/// object looks like; `ignored`: fields that this apply can't reach.
pub fn apply(
    live: Option<&Value>,
    empty: &Value,
    config: &Value,
    place: Place<'_>,
    writer: Writer<'_>,
    force: bool,
    ignored: impl Fn(&Path) -> bool,
) -> Result<(Value, Owners), Failure> {
    let is_there = live.is_some();
    let live = live.unwrap_or(empty);
    let mut owners = Owners::read(live);
    if owners.0.is_empty() && is_there {
        let earlier = Writer { manager: "before-first-apply", applies: false, subresource: "", ..writer };
        let mut own = Difference::between(empty, &bare(live), place).written();
        own.retain(|path| !is_servers(path) && !ignored(path));
        owners.entry(earlier).paths = own;
        owners.date(earlier);
    }
    let mut wanted = fields_of(config, place);
    wanted.retain(|path| !is_servers(path) && !ignored(path));
    let before = std::mem::replace(&mut owners.entry(writer).paths, wanted);
    let mut result = merge(live, config, place);
    // Whole list entries first: an entry that lost its key field could not be found any more.
    let is_item = |path: &Path| path.last().is_some_and(|step| !step.starts_with("f:"));
    // What somebody still owns something inside of stays.
    let held = |path: &Path| owners.0.iter().flat_map(|owner| &owner.paths).any(|owned| owned.starts_with(path));
    let gone: Vec<Path> = before.into_iter().filter(|path| !held(path)).collect();
    let (entries, fields): (Vec<&Path>, Vec<&Path>) = gone.iter().partition(|path| is_item(path));
    for path in entries.into_iter().chain(fields) {
        remove(&mut result, path);
    }
    let mut difference = Difference::between(&bare(live), &bare(&result), place);
    difference.forget(&ignored);
    let written = difference.written();
    let conflicts = conflicts(&owners, &written, writer);
    if !conflicts.is_empty() && !force {
        return Err(Failure::apply_conflict(&conflicts));
    }
    for owner in owners.0.iter_mut().filter(|owner| !writer.is(owner)) {
        owner.paths.retain(|path| !written.contains(path) && !difference.removed.contains(path));
    }
    owners.0.retain(|owner| !owner.paths.is_empty());
    // Who changes nothing by it owns what is wanted all the same, but at no time.
    if !written.is_empty() || !difference.removed.is_empty() {
        owners.date(writer);
    }
    Ok((result, owners))
}

/// Who owns what is to be changed: how the owner is named, and the field.
fn conflicts(owners: &Owners, written: &Set, writer: Writer<'_>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for owner in owners.0.iter().filter(|owner| !writer.is(owner)) {
        let mut paths: Vec<&Path> = owner.paths.intersection(written).collect();
        paths.sort_by(|a, b| in_order(a, b));
        found.extend(paths.into_iter().map(|path| (named(owner), dotted(path))));
    }
    found
}

/// What ends at a place comes before what goes further down from it.
fn in_order(a: &Path, b: &Path) -> std::cmp::Ordering {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let ends = |path: &Path| path.len() > same + 1;
    ends(a).cmp(&ends(b)).then_with(|| a.cmp(b))
}

/// An owner as the message names it.
fn named(owner: &Owner) -> String {
    let mut name = format!("{:?}", owner.manager);
    if !owner.subresource.is_empty() {
        name.push_str(&format!(" with subresource {:?}", owner.subresource));
    }
    if !owner.applies {
        name.push_str(&format!(" using {}", owner.api_version));
    }
    name
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

fn merge(old: &Value, new: &Value, place: Place<'_>) -> Value {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) if !place.is_atomic_map() => {
            let mut result = old.clone();
            for (key, value) in new {
                let merged = merge(old.get(key).unwrap_or(&Value::Null), value, place.field(key));
                result.insert(key.clone(), merged);
            }
            Value::Object(result)
        }
        (Value::Array(old), Value::Array(new)) => match place.list() {
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
                        Some(at) => result[at] = merge(&result[at], item, place.item()),
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
            match at {
                Some(at) if rest.is_empty() => drop(items.remove(at)),
                Some(at) => remove(&mut items[at], rest),
                None => {}
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
    use crate::builtin;
    use crate::catalogue::Catalogue;
    use serde_json::json;

    fn writer(manager: &str) -> Writer<'_> {
        Writer { manager, applies: true, subresource: "", api_version: "apps/v1", now: jiff::Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_manager_takes_away_what_it_no_longer_wants_and_conflicts_over_what_others_own() {
        let catalogue = Catalogue::default();
        let kind = catalogue.find("apps", "v1", "deployments").expect("served");
        let run = |live: &Value, config: &Value, manager: &str, force: bool| {
            let empty = builtin::zero(&kind);
            let live = Some(live).filter(|live| !live.is_null());
            let done = apply(live, &empty, config, Place::of(&kind), writer(manager), force, |_| false);
            done.map(|(mut object, owners)| {
                owners.write(&mut object);
                assert_eq!(Owners::read(&object), owners);
                object
            })
        };
        let first = json!({"metadata": {"name": "d", "labels": {"a": "1", "b": "2"}}, "spec": {"replicas": 2,
            "template": {"spec": {"containers": [{"name": "x", "image": "x:1"}]}}}});
        let live = run(&Value::Null, &first, "one", false).expect("nothing there");

        let second = json!({"metadata": {"name": "d"}, "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "y", "image": "y:1"}]}}}});
        let refused = run(&live, &second, "two", false).expect_err("replicas belong to one");
        assert_eq!(refused.message, "Apply failed with 1 conflict: conflict with \"one\": .spec.replicas");
        let live = run(&live, &second, "two", true).expect("forced");
        assert_eq!(live.pointer("/spec/replicas"), Some(&json!(3)));

        let third = json!({"metadata": {"name": "d", "labels": {"a": "1"}}, "spec": {}});
        let live = run(&live, &third, "one", false).expect("no conflict");
        assert_eq!(live.pointer("/metadata/labels"), Some(&json!({"a": "1"})));
        assert_eq!(live.pointer("/spec/replicas"), Some(&json!(3)), "two owns it now");
        assert_eq!(live.pointer("/spec/template/spec/containers"), Some(&json!([{"name": "y", "image": "y:1"}])));

        let empty =
            run(&Value::Null, &json!({"metadata": {"name": "e", "labels": {}}}), "one", false).expect("nothing there");
        let filled =
            run(&empty, &json!({"metadata": {"name": "e", "labels": {"a": "1"}}}), "one", false).expect("no conflict");
        assert_eq!(filled.pointer("/metadata/labels"), Some(&json!({"a": "1"})), "the empty map became this one");
    }
}
