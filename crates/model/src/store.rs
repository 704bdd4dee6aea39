//! The objects, the version counter and the bounded log of changes that watches read.

use crate::catalogue::Resource;
use crate::object::Fields;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Namespace and name.
pub type Key = (String, String);

/// One change, as watches see it.
#[derive(Clone, Debug)]
pub struct Change {
    /// The version that this change made.
    pub version: u64,
    /// Which resource.
    pub resource: Resource,
    /// What was before; absent: created.
    pub before: Option<Arc<Value>>,
    /// What is now; absent: deleted.
    pub after: Option<Arc<Value>>,
}

/// All objects.
#[derive(Clone, Debug)]
pub struct Store {
    objects: BTreeMap<Resource, BTreeMap<Key, Arc<Value>>>,
    version: u64,
    log: VecDeque<Change>,
    forgotten: u64,
    limit: usize,
}

impl Store {
    /// An empty store that remembers so many changes.
    pub fn new(limit: usize) -> Store {
        Store { objects: BTreeMap::new(), version: 1, log: VecDeque::new(), forgotten: 1, limit }
    }
    /// The version of the newest change.
    pub fn version(&self) -> u64 {
        self.version
    }
    /// Changes up to this version are forgotten.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }
    /// Sets how many changes are remembered.
    pub fn remember(&mut self, limit: usize) {
        self.limit = limit;
        self.trim();
    }
    /// One object.
    pub fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        self.objects.get(resource)?.get(&(namespace.to_string(), name.to_string()))
    }
    /// The objects of a resource in the order of namespace and name, in one namespace or all.
    pub fn list<'a>(
        &'a self,
        resource: &Resource,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Arc<Value>> + use<'a> {
        let all = self.objects.get(resource).into_iter().flatten();
        all.filter(move |((ns, _), _)| namespace.is_none_or(|wanted| wanted == ns)).map(|(_, object)| object)
    }
    /// Every object of every resource.
    pub fn everything(&self) -> impl Iterator<Item = (&Resource, &Arc<Value>)> {
        self.objects.iter().flat_map(|(resource, objects)| objects.values().map(move |object| (resource, object)))
    }
    /// Puts an object, new or changed, under the next version.
    pub fn put(&mut self, resource: &Resource, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object.put(&["metadata", "resourceVersion"], self.version.to_string());
        let object = Arc::new(object);
        let key = (object.namespace().to_string(), object.name().to_string());
        let before = self.objects.entry(resource.clone()).or_default().insert(key, object.clone());
        self.note(resource, before, Some(object.clone()));
        object
    }
    /// Takes an object away. What is given back carries the version of the deletion.
    pub fn remove(&mut self, resource: &Resource, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let gone = self.objects.get_mut(resource)?.remove(&(namespace.to_string(), name.to_string()))?;
        self.version += 1;
        let mut last = (*gone).clone();
        last.put(&["metadata", "resourceVersion"], self.version.to_string());
        self.note(resource, Some(gone), None);
        Some(Arc::new(last))
    }
    /// The objects of a resource as they were at an earlier version that is not forgotten.
    pub fn list_at(&self, resource: &Resource, version: u64) -> BTreeMap<Key, Arc<Value>> {
        let mut objects = self.objects.get(resource).cloned().unwrap_or_default();
        for change in
            self.log.iter().rev().take_while(|change| change.version > version).filter(|c| c.resource == *resource)
        {
            if let Some(after) = &change.after {
                objects.remove(&(after.namespace().to_string(), after.name().to_string()));
            }
            if let Some(before) = &change.before {
                objects.insert((before.namespace().to_string(), before.name().to_string()), before.clone());
            }
        }
        objects
    }
    /// The changes after a version, oldest first.
    pub fn since(&self, version: u64) -> impl Iterator<Item = &Change> {
        let start = self.log.partition_point(|change| change.version <= version);
        self.log.range(start..)
    }
    fn note(&mut self, resource: &Resource, before: Option<Arc<Value>>, after: Option<Arc<Value>>) {
        self.log.push_back(Change { version: self.version, resource: resource.clone(), before, after });
        self.trim();
    }
    fn trim(&mut self) {
        while self.log.len() > self.limit {
            if let Some(change) = self.log.pop_front() {
                self.forgotten = change.version;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_log_is_bounded_and_says_from_where_it_knows() {
        let mut store = Store::new(2);
        let resource = Resource::new("", "configmaps");
        for name in ["a", "b", "c"] {
            store.put(&resource, json!({"metadata": {"name": name, "namespace": "n"}}));
        }
        assert_eq!((store.version(), store.forgotten()), (4, 2));
        assert_eq!(store.since(2).map(|c| c.version).collect::<Vec<_>>(), [3, 4]);
        let gone = store.remove(&resource, "n", "a").expect("was there");
        assert_eq!(gone.version(), "5");
        assert_eq!(store.list(&resource, Some("n")).count(), 2);
        assert_eq!(store.list_at(&resource, 4).len(), 3);
    }
}
