//! A cache of one kind: kube-runtime's store, and beside it an index from the names that a decision looks things up by.
//!
//! `Feed` takes the events of one watch and tells what changed: an object as it was and as it is. After a broken watch it
//! also tells what vanished meanwhile, and stays silent about what is the same as before.

use crate::lens::{Lens, Watched};
use kube::runtime::reflector::{ObjectRef, Store, store};
use kube::runtime::watcher::Event;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::Notify;

/// Names under which an object is found.
pub type Keys<K> = fn(&<K as Watched>::Value) -> Vec<String>;

type Index<K> = HashMap<String, HashSet<ObjectRef<Lens<K>>>>;

/// Read side of the cache of one kind.
pub struct Cache<K: Watched> {
    store: Store<Lens<K>>,
    index: Arc<RwLock<Index<K>>>,
    complete: Arc<Complete>,
}

/// Whether there was a complete list, and who waits for the first: they hear of it in the order in which they began to wait.
#[derive(Default)]
struct Complete {
    state: Mutex<Filling>,
    news: Notify,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Filling {
    #[default]
    Before,
    Complete,
    /// The watch ended before.
    Never,
}

impl Complete {
    fn state(&self) -> Filling {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From `Before` there is one way.
    fn becomes(&self, next: Filling) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state == Filling::Before {
            *state = next;
            self.news.notify_waiters();
        }
    }
}

impl<K: Watched> Clone for Cache<K> {
    fn clone(&self) -> Self {
        Cache { store: self.store.clone(), index: self.index.clone(), complete: self.complete.clone() }
    }
}

impl<K: Watched> Cache<K> {
    /// The object of that name; kinds of the whole cluster have no namespace.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<Lens<K>>> {
        let reference = ObjectRef::new(name);
        self.store.get(&if namespace.is_empty() { reference } else { reference.within(namespace) })
    }

    /// The objects under `key`, in the order of their names.
    pub fn find(&self, key: &str) -> Vec<Arc<Lens<K>>> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<_> =
            index.get(key).into_iter().flatten().filter_map(|reference| self.store.get(reference)).collect();
        found.sort_by(|a, b| (&a.meta().namespace, &a.meta().name).cmp(&(&b.meta().namespace, &b.meta().name)));
        found
    }

    /// All objects, in no order.
    pub fn all(&self) -> Vec<Arc<Lens<K>>> {
        self.store.state()
    }

    /// kube-runtime's store.
    pub fn store(&self) -> Store<Lens<K>> {
        self.store.clone()
    }

    /// Waits for the first complete list. False when the watch has ended before. Any number may wait: kube-runtime's store
    /// wakes only the last of them.
    pub async fn ready(&self) -> bool {
        loop {
            let news = self.complete.news.notified();
            match self.complete.state() {
                Filling::Before => news.await,
                state => return state == Filling::Complete,
            }
        }
    }
}

/// One object as it was and as it is.
pub struct Change<K: Watched> {
    /// Absent: it is new.
    pub before: Option<Arc<Lens<K>>>,
    /// Absent: it is gone.
    pub after: Option<Arc<Lens<K>>>,
}

/// Write side of the cache of one kind.
pub struct Feed<K: Watched> {
    writer: kube::runtime::reflector::store::Writer<Lens<K>>,
    cache: Cache<K>,
    keys: Keys<K>,
}

impl<K: Watched> Drop for Feed<K> {
    fn drop(&mut self) {
        self.cache.complete.becomes(Filling::Never);
    }
}

impl<K: Watched> Feed<K> {
    /// An empty cache that is found by `keys`.
    pub fn new(keys: Keys<K>) -> Feed<K> {
        let (store, writer) = store();
        Feed { writer, cache: Cache { store, index: Arc::default(), complete: Arc::default() }, keys }
    }

    /// The read side.
    pub fn cache(&self) -> Cache<K> {
        self.cache.clone()
    }

    /// Lets the cache count as complete, and empty, if it never was complete.
    pub fn be_empty_unless_ready(&mut self) {
        if self.cache.complete.state() == Filling::Before {
            self.take(Event::Init);
            self.take(Event::InitDone);
        }
    }

    /// Takes one event of the watch in, and tells what changed.
    pub fn take(&mut self, event: Event<Lens<K>>) -> Vec<Change<K>> {
        match event {
            Event::Apply(object) => {
                let reference = ObjectRef::from_obj(&object);
                let before = self.cache.store.get(&reference);
                self.writer.apply_watcher_event(&Event::Apply(object));
                vec![self.put(&reference, before)]
            }
            Event::Delete(object) => {
                let reference = ObjectRef::from_obj(&object);
                let before = self.cache.store.get(&reference).or_else(|| Some(Arc::new(object.clone())));
                self.writer.apply_watcher_event(&Event::Delete(object));
                vec![self.put(&reference, before)]
            }
            Event::Init | Event::InitApply(_) => {
                self.writer.apply_watcher_event(&event);
                Vec::new()
            }
            Event::InitDone => self.swap(),
        }
    }

    /// A complete list replaces what was there.
    fn swap(&mut self) -> Vec<Change<K>> {
        let mut before: BTreeMap<_, _> = self.in_order().map(|object| (place(&object), object)).collect();
        self.writer.apply_watcher_event(&Event::InitDone);
        let mut changes = Vec::new();
        for object in self.in_order() {
            let reference = ObjectRef::from_obj(&*object);
            let old = before.remove(&place(&object));
            let same = old.as_ref().is_some_and(|old| old.meta().resource_version == object.meta().resource_version);
            if !same {
                changes.push(self.put(&reference, old));
            }
        }
        for old in before.into_values() {
            changes.push(self.put(&ObjectRef::from_obj(&*old), Some(old)));
        }
        // Only now: whoever waits also looks things up by the index.
        self.cache.complete.becomes(Filling::Complete);
        changes
    }

    /// All objects in the order of their names: what they wake is woken in the same order each time.
    fn in_order(&self) -> std::vec::IntoIter<Arc<Lens<K>>> {
        let mut all = self.cache.store.state();
        all.sort_by_cached_key(|object| place(object));
        all.into_iter()
    }

    fn put(&self, reference: &ObjectRef<Lens<K>>, before: Option<Arc<Lens<K>>>) -> Change<K> {
        let after = self.cache.store.get(reference);
        let mut index = self.cache.index.write().unwrap_or_else(PoisonError::into_inner);
        for key in before.iter().flat_map(|object| (self.keys)(&object.value)) {
            if let Some(entry) = index.get_mut(&key) {
                entry.remove(reference);
                if entry.is_empty() {
                    index.remove(&key);
                }
            }
        }
        for key in after.iter().flat_map(|object| (self.keys)(&object.value)) {
            index.entry(key).or_default().insert(reference.clone());
        }
        Change { before, after }
    }
}

fn place<K: Watched>(object: &Lens<K>) -> (String, String) {
    (object.meta().namespace.clone(), object.meta().name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lens::Services;
    use serinus_wire::ObjectMeta;
    use serinus_wire::k8s::Service;

    fn service(name: &str, version: &str, label: &str) -> Lens<Services> {
        let metadata = ObjectMeta {
            name: name.into(),
            namespace: "n".into(),
            resource_version: version.into(),
            labels: [("by".to_string(), label.to_string())].into(),
            ..Default::default()
        };
        Lens::new(Service { metadata, ..Default::default() })
    }

    fn by_label(service: &Service) -> Vec<String> {
        service.metadata.labels.values().cloned().collect()
    }

    fn names(found: &[Arc<Lens<Services>>]) -> Vec<&str> {
        found.iter().map(|object| object.meta().name.as_str()).collect()
    }

    fn told(changes: &[Change<Services>]) -> Vec<(Option<&str>, Option<&str>)> {
        fn version(object: &Option<Arc<Lens<Services>>>) -> Option<&str> {
            object.as_ref().map(|object| object.meta().resource_version.as_str())
        }
        let mut told: Vec<_> = changes.iter().map(|change| (version(&change.before), version(&change.after))).collect();
        told.sort();
        told
    }

    #[tokio::test]
    async fn all_who_wait_hear_of_the_first_list() {
        let mut feed = Feed::<Services>::new(by_label);
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let cache = feed.cache();
                tokio::spawn(async move { cache.ready().await })
            })
            .collect();
        tokio::task::yield_now().await;
        feed.take(Event::Init);
        feed.take(Event::InitDone);
        for waiter in waiters {
            assert!(tokio::time::timeout(std::time::Duration::from_secs(5), waiter).await.unwrap().unwrap());
        }
        let never = Feed::<Services>::new(by_label).cache();
        assert!(!never.ready().await);
    }

    #[test]
    fn the_index_follows_the_objects() {
        let mut feed = Feed::new(by_label);
        let cache = feed.cache();
        feed.take(Event::Init);
        feed.take(Event::InitApply(service("a", "1", "red")));
        feed.take(Event::InitApply(service("b", "2", "red")));
        assert_eq!(names(&cache.find("red")), [""; 0]);
        feed.take(Event::InitDone);
        assert_eq!(names(&cache.find("red")), ["a", "b"]);
        assert_eq!(told(&feed.take(Event::Apply(service("a", "3", "blue")))), [(Some("1"), Some("3"))]);
        assert_eq!((names(&cache.find("red")), names(&cache.find("blue"))), (vec!["b"], vec!["a"]));
        assert_eq!(told(&feed.take(Event::Delete(service("a", "4", "blue")))), [(Some("3"), None)]);
        assert_eq!(names(&cache.find("blue")), [""; 0]);
    }

    #[test]
    fn a_new_list_tells_only_the_difference() {
        let mut feed = Feed::new(by_label);
        feed.take(Event::Init);
        for object in [service("same", "1", "x"), service("changed", "2", "x"), service("gone", "3", "x")] {
            feed.take(Event::InitApply(object));
        }
        assert_eq!(told(&feed.take(Event::InitDone)), [(None, Some("1")), (None, Some("2")), (None, Some("3"))]);
        feed.take(Event::Init);
        for object in [service("same", "1", "x"), service("changed", "5", "x"), service("new", "4", "x")] {
            feed.take(Event::InitApply(object));
        }
        assert_eq!(told(&feed.take(Event::InitDone)), [(None, Some("4")), (Some("2"), Some("5")), (Some("3"), None)]);
        assert_eq!(names(&feed.cache().find("x")), ["changed", "new", "same"]);
    }
}
