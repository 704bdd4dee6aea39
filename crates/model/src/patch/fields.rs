//! Sets of fields: what an object has, and what differs between two, as server-side apply counts it.

use super::rules::{Place, Rule};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A path in the notation of `FieldsV1`: `f:spec`, `k:{"name":"a"}`, `v:"x"`.
pub type Path = Vec<String>;

/// A set of paths. A map or an item of a list may be in it by itself, with or without what is inside.
pub type Set = BTreeSet<Path>;

/// What differs between two objects.
#[derive(Debug, Default)]
pub struct Difference {
    /// What only the second has.
    pub added: Set,
    /// What only the first has.
    pub removed: Set,
    /// What both have with other values.
    pub modified: Set,
}

impl Difference {
    /// From one object to another.
    pub fn between(before: &Value, after: &Value, place: Place<'_>) -> Difference {
        let mut difference = Difference::default();
        difference.compare(Some(before), Some(after), place, &mut Vec::new());
        difference
    }
    /// Leaves some paths out.
    pub fn forget(&mut self, ignored: impl Fn(&Path) -> bool) {
        for set in [&mut self.added, &mut self.removed, &mut self.modified] {
            set.retain(|path| !ignored(path));
        }
    }
    /// What the second has that the first has not, or not so.
    pub fn written(&self) -> Set {
        self.added.union(&self.modified).cloned().collect()
    }

    fn compare(&mut self, old: Option<&Value>, new: Option<&Value>, place: Place<'_>, path: &mut Path) {
        let is = |test: fn(&Value) -> bool| old.is_some_and(test) || new.is_some_and(test);
        let is_leaf = if is(Value::is_object) {
            place.is_atomic_map() || self.compare_maps(old, new, place, path)
        } else if is(Value::is_array) {
            self.compare_lists(old, new, place, path)
        } else {
            true
        };
        match (old, new) {
            (None, Some(_)) => drop(self.added.insert(path.clone())),
            (Some(_), None) => drop(self.removed.insert(path.clone())),
            (Some(old), Some(new)) if is_leaf && old != new => drop(self.modified.insert(path.clone())),
            _ => {}
        }
    }

    /// Compares entry by entry; true when there are none on either side: then the maps themselves are what is compared.
    fn compare_maps(&mut self, old: Option<&Value>, new: Option<&Value>, place: Place<'_>, path: &mut Path) -> bool {
        let empty = Map::new();
        let map = |value: Option<&'_ Value>| value.and_then(Value::as_object).cloned().unwrap_or_else(|| empty.clone());
        let (old, new) = (map(old), map(new));
        for key in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
            path.push(format!("f:{key}"));
            self.compare(old.get(key), new.get(key), place.field(key), path);
            path.pop();
        }
        old.is_empty() && new.is_empty()
    }

    fn compare_lists(&mut self, old: Option<&Value>, new: Option<&Value>, place: Place<'_>, path: &mut Path) -> bool {
        let rule = place.list();
        let items = |value: Option<&Value>| -> Vec<(String, Value)> {
            let items = value.and_then(Value::as_array).into_iter().flatten();
            items.map(|item| (step_of(item, &rule), item.clone())).collect()
        };
        let (old, new) = (items(old), items(new));
        if rule == Rule::Atomic || (old.is_empty() && new.is_empty()) {
            return true;
        }
        let find = |list: &[(String, Value)], step: &str| {
            list.iter().find(|(one, _)| one == step).map(|(_, item)| item.clone())
        };
        let fresh = new.iter().filter(|(step, _)| !old.iter().any(|(one, _)| one == step));
        for (step, _) in old.iter().chain(fresh) {
            path.push(step.clone());
            self.compare(find(&old, step).as_ref(), find(&new, step).as_ref(), place.item(), path);
            path.pop();
        }
        false
    }
}

/// The step to an item of a list.
pub fn step_of(item: &Value, rule: &Rule) -> String {
    match rule {
        Rule::Map(keys) => format!("k:{}", key_of(item, keys)),
        Rule::Set | Rule::Atomic => format!("v:{item}"),
    }
}

/// The keys of a list item as JSON; a port without a protocol is a TCP port.
pub fn key_of(item: &Value, keys: &[String]) -> Value {
    let mut keys: Vec<&String> = keys.iter().collect();
    keys.sort();
    let key = |name: &String| {
        let value =
            item.get(name).cloned().unwrap_or_else(|| if name == "protocol" { "TCP".into() } else { Value::Null });
        (name.clone(), value)
    };
    Value::Object(keys.into_iter().map(key).collect())
}

/// The fields of a configuration, as the manager that applies it owns them.
pub fn fields_of(config: &Value, place: Place<'_>) -> Set {
    let mut set = Set::new();
    collect(config, place, &mut Vec::new(), &mut set);
    set
}

fn collect(value: &Value, place: Place<'_>, path: &mut Path, set: &mut Set) {
    match value {
        Value::Object(map) if !place.is_atomic_map() => {
            for (key, value) in map {
                path.push(format!("f:{key}"));
                let below = place.field(key);
                collect(value, below, path, set);
                let is_empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
                if is_empty || !place.has_field(key) {
                    set.insert(path.clone());
                }
                path.pop();
            }
        }
        Value::Array(items) if place.list() != Rule::Atomic => {
            let rule = place.list();
            for item in items {
                path.push(step_of(item, &rule));
                collect(item, place.item(), path, set);
                set.insert(path.clone());
                path.pop();
            }
        }
        _ => drop(set.insert(path.clone())),
    }
}

/// A set as `fieldsV1`: `.` stands for what has something inside and is a member itself.
pub fn tree(set: &Set) -> Value {
    let mut root = Map::new();
    for path in set {
        let mut here = &mut root;
        let mut steps = path.iter().peekable();
        while let Some(step) = steps.next() {
            let inside = here.entry(step.clone()).or_insert_with(|| json!({}));
            let Value::Object(below) = inside else { break };
            here = below;
            if steps.peek().is_none() {
                here.insert(".".to_string(), json!({}));
            }
        }
    }
    without_lone_dots(&mut root);
    Value::Object(root)
}

fn without_lone_dots(map: &mut Map<String, Value>) {
    for value in map.values_mut() {
        if let Value::Object(inside) = value {
            if inside.len() == 1 && inside.contains_key(".") {
                inside.clear();
            } else {
                without_lone_dots(inside);
            }
        }
    }
}

/// Reads `fieldsV1`.
pub fn flatten(tree: &Map<String, Value>) -> Set {
    let mut set = Set::new();
    read(tree, &mut Vec::new(), &mut set);
    set
}

fn read(tree: &Map<String, Value>, at: &mut Path, set: &mut Set) {
    for (step, below) in tree {
        if step == "." {
            set.insert(at.clone());
            continue;
        }
        at.push(step.clone());
        match below.as_object() {
            Some(below) if !below.is_empty() => read(below, at, set),
            _ => drop(set.insert(at.clone())),
        }
        at.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;
    use crate::catalogue::Catalogue;

    #[test]
    fn sets_are_written_and_read_again() {
        let object = json!({"f:metadata": {"f:labels": {".": {}, "f:a": {}}}, "f:spec": {"f:list": {"k:{\"name\":\"a\"}": {".": {}, "f:name": {}}}, "f:x": {}}});
        let set = flatten(object.as_object().expect("a map"));
        assert_eq!(set.len(), 5);
        assert_eq!(tree(&set), object);
    }

    #[test]
    fn what_a_new_object_always_has_is_nobodys() {
        let catalogue = Catalogue::default();
        let kind = catalogue.find("apps", "v1", "deployments").expect("served");
        let before = builtin::zero(&kind);
        let mut after = before.clone();
        after["metadata"] = json!({"name": "a", "labels": {"x": "1"}});
        after["spec"]["replicas"] = json!(1);
        after["spec"]["template"]["spec"]["containers"] = json!([{"name": "c", "resources": {}}]);
        let set = Difference::between(&before, &after, Place::of(&kind)).written();
        assert_eq!(
            tree(&set),
            json!({"f:metadata": {"f:labels": {".": {}, "f:x": {}}, "f:name": {}}, "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {
                "f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:name": {}, "f:resources": {}}}}}}})
        );
    }
}
