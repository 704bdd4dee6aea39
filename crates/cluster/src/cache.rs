//! A cache of one kind: its objects by name, and beside them an index from the names that a decision looks things up by.
//!
//! Objects rest packed (`pack`). Those that were used last are kept open, so that an object in motion is read once.
//! `Feed` takes the events of one watch and tells what changed: an object as it was and as it is. After a broken watch it
//! also tells what vanished meanwhile, and stays silent about what is the same as before.

use crate::lens::{Lens, Watched};
use crate::pack::{Likeness, Packed};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::Event;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::Notify;

/// Names under which an object is found.
pub type Keys<K> = fn(&<K as Watched>::Value) -> Vec<String>;

/// Objects of a kind that are kept open.
const OPEN: usize = 64;

/// `namespace/name`; kinds of the whole cluster have an empty namespace.
type Id = Arc<str>;

fn id(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

fn id_of<K: Watched>(lens: &Lens<K>) -> Id {
    id(&lens.meta().namespace, &lens.meta().name).into()
}

fn reference<K: Watched>(id: &str) -> ObjectRef<Lens<K>> {
    match id.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() => ObjectRef::new(name).within(namespace),
        _ => ObjectRef::new(id.trim_start_matches('/')),
    }
}

/// One object.
struct Kept<K: Watched> {
    version: Box<str>,
    packed: Packed,
    open: Mutex<Option<Arc<Lens<K>>>>,
}

impl<K: Watched> Kept<K> {
    fn opened(&self) -> Option<Arc<Lens<K>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, open: Option<Arc<Lens<K>>>) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = open;
    }
}

/// Who is found under one key: mostly one object.
enum Members {
    One(Id),
    Many(HashSet<Id>),
}

impl Members {
    fn add(&mut self, id: &Id) {
        match self {
            Members::One(one) if one == id => {}
            Members::One(one) => *self = Members::Many([one.clone(), id.clone()].into()),
            Members::Many(many) => {
                many.insert(id.clone());
            }
        }
    }

    /// Whether nobody is left.
    fn remove(&mut self, id: &Id) -> bool {
        match self {
            Members::One(one) => one == id,
            Members::Many(many) => {
                many.remove(id);
                many.is_empty()
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Id> {
        let (one, many) = match self {
            Members::One(one) => (Some(one), None),
            Members::Many(many) => (None, Some(many)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

struct Shelf<K: Watched> {
    objects: HashMap<Id, Arc<Kept<K>>>,
    index: HashMap<Box<str>, Members>,
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

/// Read side of the cache of one kind.
pub struct Cache<K: Watched> {
    shelf: Arc<RwLock<Shelf<K>>>,
    likeness: Arc<Likeness>,
    /// The open ones, the oldest first.
    open: Arc<Mutex<VecDeque<Arc<Kept<K>>>>>,
    complete: Arc<Complete>,
}

impl<K: Watched> Clone for Cache<K> {
    fn clone(&self) -> Self {
        Cache {
            shelf: self.shelf.clone(),
            likeness: self.likeness.clone(),
            open: self.open.clone(),
            complete: self.complete.clone(),
        }
    }
}

impl<K: Watched> Cache<K> {
    /// The object of that name; kinds of the whole cluster have no namespace.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<Lens<K>>> {
        self.open(&self.kept(&id(namespace, name))?)
    }

    /// The object of a queue's name.
    pub fn named(&self, name: &ObjectRef<Lens<K>>) -> Option<Arc<Lens<K>>> {
        self.get(name.namespace.as_deref().unwrap_or_default(), &name.name)
    }

    /// The objects under `key`, in the order of their names.
    pub fn find(&self, key: &str) -> Vec<Arc<Lens<K>>> {
        let kept: Vec<_> = self.read(|shelf| {
            let ids = shelf.index.get(key).into_iter().flat_map(Members::iter);
            ids.filter_map(|id| shelf.objects.get(id).cloned()).collect()
        });
        let mut found: Vec<_> = kept.iter().filter_map(|kept| self.open(kept)).collect();
        found.sort_by(|a, b| (&a.meta().namespace, &a.meta().name).cmp(&(&b.meta().namespace, &b.meta().name)));
        found
    }

    /// What is under `key`, by name alone; in the order of the names.
    pub fn references(&self, key: &str) -> Vec<ObjectRef<Lens<K>>> {
        let mut ids: Vec<Id> =
            self.read(|shelf| shelf.index.get(key).into_iter().flat_map(Members::iter).cloned().collect());
        ids.sort();
        ids.iter().map(|id| reference(id)).collect()
    }

    /// Whether there is an object of a queue's name.
    pub fn has(&self, name: &ObjectRef<Lens<K>>) -> bool {
        let id = id(name.namespace.as_deref().unwrap_or_default(), &name.name);
        self.read(|shelf| shelf.objects.contains_key(id.as_str()))
    }

    /// What `pick` makes of each object, in no order. All objects at the same time would be more than a cache wants to hold.
    pub fn all<T>(&self, mut pick: impl FnMut(&Lens<K>) -> T) -> Vec<T> {
        let kept: Vec<_> = self.read(|shelf| shelf.objects.values().cloned().collect());
        kept.iter().filter_map(|kept| Some(pick(&*kept.opened().or_else(|| self.unpack(kept))?))).collect()
    }

    /// Every object by name alone, in the order of the names.
    pub fn all_references(&self) -> Vec<ObjectRef<Lens<K>>> {
        let mut ids: Vec<Id> = self.read(|shelf| shelf.objects.keys().cloned().collect());
        ids.sort();
        ids.iter().map(|id| reference(id)).collect()
    }

    /// Waits for the first complete list. False when the watch has ended before. Any number may wait.
    pub async fn ready(&self) -> bool {
        loop {
            let news = self.complete.news.notified();
            match self.complete.state() {
                Filling::Before => news.await,
                state => return state == Filling::Complete,
            }
        }
    }

    fn read<T>(&self, look: impl FnOnce(&Shelf<K>) -> T) -> T {
        look(&self.shelf.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn kept(&self, id: &str) -> Option<Arc<Kept<K>>> {
        self.read(|shelf| shelf.objects.get(id).cloned())
    }

    fn open(&self, kept: &Arc<Kept<K>>) -> Option<Arc<Lens<K>>> {
        if let Some(open) = kept.opened() {
            return Some(open);
        }
        let lens = self.unpack(kept)?;
        self.keep_open(kept, lens.clone());
        Some(lens)
    }

    fn unpack(&self, kept: &Kept<K>) -> Option<Arc<Lens<K>>> {
        let text = self.likeness.unpack(&kept.packed);
        let lens = text.and_then(|text| Lens::of_text(&text).map_err(|error| error.to_string()));
        lens.map(Arc::new).inspect_err(|error| tracing::error!(kind = K::KIND, error, "a cached object is broken")).ok()
    }

    fn keep_open(&self, kept: &Arc<Kept<K>>, lens: Arc<Lens<K>>) {
        kept.set(Some(lens));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push_back(kept.clone());
        if open.len() > OPEN
            && let Some(oldest) = open.pop_front()
        {
            oldest.set(None);
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
    cache: Cache<K>,
    keys: Keys<K>,
    /// A list that is coming in.
    coming: HashMap<Id, Arc<Kept<K>>>,
}

impl<K: Watched> Drop for Feed<K> {
    fn drop(&mut self) {
        self.cache.complete.becomes(Filling::Never);
    }
}

impl<K: Watched> Feed<K> {
    /// An empty cache that is found by `keys`.
    pub fn new(keys: Keys<K>) -> Feed<K> {
        let shelf = Shelf { objects: HashMap::new(), index: HashMap::new() };
        let cache = Cache {
            shelf: Arc::new(RwLock::new(shelf)),
            likeness: Arc::default(),
            open: Arc::default(),
            complete: Arc::default(),
        };
        Feed { cache, keys, coming: HashMap::new() }
    }

    /// The read side.
    pub fn cache(&self) -> Cache<K> {
        self.cache.clone()
    }

    /// Lets the cache count as complete, and empty, if it never was complete.
    pub fn be_empty_unless_ready(&mut self) {
        if self.cache.complete.state() == Filling::Before {
            self.take(Event::Init, |_| ());
            self.take(Event::InitDone, |_| ());
        }
    }

    /// Takes one event of the watch in, and tells what changed, one object after the other: a list may be long.
    pub fn take(&mut self, event: Event<Lens<K>>, mut tell: impl FnMut(&Change<K>)) {
        match event {
            Event::Apply(mut object) => {
                let (id, kept) = (id_of(&object), self.keep(&mut object));
                self.cache.keep_open(&kept, Arc::new(object));
                tell(&self.put(&id, Some(kept), None));
            }
            Event::Delete(object) => {
                let id = id_of(&object);
                tell(&self.put(&id, None, Some(Arc::new(object))));
            }
            Event::Init => self.coming.clear(),
            Event::InitApply(mut object) => {
                let (id, kept) = (id_of(&object), self.keep(&mut object));
                self.coming.insert(id, kept);
            }
            Event::InitDone => self.swap(tell),
        }
    }

    fn keep(&self, object: &mut Lens<K>) -> Arc<Kept<K>> {
        let packed = self.cache.likeness.pack(&object.take_text());
        Arc::new(Kept { version: object.meta().resource_version.as_str().into(), packed, open: Mutex::default() })
    }

    /// A complete list replaces what was there. Nobody is told of a change before all of it can be looked up.
    fn swap(&mut self, mut tell: impl FnMut(&Change<K>)) {
        let gone: Vec<Id> = self
            .cache
            .read(|shelf| shelf.objects.keys().filter(|id| !self.coming.contains_key(*id)).cloned().collect());
        let mut changed = Vec::new();
        for (id, kept) in std::mem::take(&mut self.coming) {
            let before = self.cache.kept(&id);
            if before.as_ref().is_none_or(|before| before.version != kept.version) {
                changed.push((id, before, Some(kept)));
            }
        }
        changed.extend(gone.into_iter().map(|id| (id.clone(), self.cache.kept(&id), None)));
        // What they wake is woken in the same order each time.
        changed.sort_by(|a, b| a.0.cmp(&b.0));
        for (id, before, after) in &changed {
            let keys = |kept: &Option<Arc<Kept<K>>>| self.keys_of(kept.as_ref().and_then(|kept| self.closed(kept)));
            self.store(id, after.clone(), keys(before), keys(after));
        }
        for (_, before, after) in &changed {
            let look = |kept: &Option<Arc<Kept<K>>>| kept.as_ref().and_then(|kept| self.closed(kept));
            tell(&Change { before: look(before), after: look(after) });
        }
        self.cache.complete.becomes(Filling::Complete);
    }

    /// The object, without keeping it open: a long list would push out what is in use.
    fn closed(&self, kept: &Kept<K>) -> Option<Arc<Lens<K>>> {
        kept.opened().or_else(|| self.cache.unpack(kept))
    }

    /// Puts an object in the place of what was there, which is `last` when the cache does not know.
    fn put(&self, id: &Id, after: Option<Arc<Kept<K>>>, last: Option<Arc<Lens<K>>>) -> Change<K> {
        let before = self.cache.kept(id).and_then(|kept| self.closed(&kept)).or(last);
        let now = after.as_ref().and_then(|kept| self.closed(kept));
        self.store(id, after, self.keys_of(before.clone()), self.keys_of(now.clone()));
        Change { before, after: now }
    }

    fn keys_of(&self, lens: Option<Arc<Lens<K>>>) -> Vec<String> {
        lens.map(|lens| (self.keys)(&lens.value)).unwrap_or_default()
    }

    fn store(&self, id: &Id, after: Option<Arc<Kept<K>>>, old: Vec<String>, new: Vec<String>) {
        let mut shelf = self.cache.shelf.write().unwrap_or_else(PoisonError::into_inner);
        for key in old.iter().filter(|key| !new.contains(key)) {
            if shelf.index.get_mut(key.as_str()).is_some_and(|members| members.remove(id)) {
                shelf.index.remove(key.as_str());
            }
        }
        // The name that is kept anyway is the one that the index holds.
        let id = shelf.objects.get_key_value(id).map_or(id, |(known, _)| known).clone();
        for key in new {
            match shelf.index.get_mut(key.as_str()) {
                Some(members) => members.add(&id),
                None => {
                    shelf.index.insert(key.into(), Members::One(id.clone()));
                }
            }
        }
        match after {
            Some(kept) => {
                shelf.objects.insert(id, kept);
            }
            None => {
                shelf.objects.remove(&id);
            }
        }
    }
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
        serde_json::from_value(serde_json::json!({ "metadata": metadata })).unwrap()
    }

    fn by_label(service: &Service) -> Vec<String> {
        service.metadata.labels.values().cloned().collect()
    }

    fn names(found: &[Arc<Lens<Services>>]) -> Vec<&str> {
        found.iter().map(|object| object.meta().name.as_str()).collect()
    }

    /// What an event tells, as versions before and after.
    fn told(feed: &mut Feed<Services>, event: Event<Lens<Services>>) -> Vec<(Option<String>, Option<String>)> {
        let version =
            |object: &Option<Arc<Lens<Services>>>| object.as_ref().map(|object| object.meta().resource_version.clone());
        let mut told = Vec::new();
        feed.take(event, |change| told.push((version(&change.before), version(&change.after))));
        told.sort();
        told
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(Option<String>, Option<String>)> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_string());
        pairs.iter().map(|(before, after)| (some(before), some(after))).collect()
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
        feed.take(Event::Init, |_| ());
        feed.take(Event::InitDone, |_| ());
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
        feed.take(Event::Init, |_| ());
        feed.take(Event::InitApply(service("a", "1", "red")), |_| ());
        feed.take(Event::InitApply(service("b", "2", "red")), |_| ());
        assert_eq!(names(&cache.find("red")), [""; 0]);
        feed.take(Event::InitDone, |_| ());
        assert_eq!(names(&cache.find("red")), ["a", "b"]);
        assert_eq!(told(&mut feed, Event::Apply(service("a", "3", "blue"))), pairs(&[("1", "3")]));
        assert_eq!((names(&cache.find("red")), names(&cache.find("blue"))), (vec!["b"], vec!["a"]));
        assert_eq!(told(&mut feed, Event::Delete(service("a", "4", "blue"))), pairs(&[("3", "")]));
        assert_eq!(names(&cache.find("blue")), [""; 0]);
    }

    #[test]
    fn a_new_list_tells_only_the_difference() {
        let mut feed = Feed::new(by_label);
        feed.take(Event::Init, |_| ());
        for object in [service("same", "1", "x"), service("changed", "2", "x"), service("gone", "3", "x")] {
            feed.take(Event::InitApply(object), |_| ());
        }
        assert_eq!(told(&mut feed, Event::InitDone), pairs(&[("", "1"), ("", "2"), ("", "3")]));
        feed.take(Event::Init, |_| ());
        for object in [service("same", "1", "x"), service("changed", "5", "x"), service("new", "4", "x")] {
            feed.take(Event::InitApply(object), |_| ());
        }
        assert_eq!(told(&mut feed, Event::InitDone), pairs(&[("", "4"), ("2", "5"), ("3", "")]));
        assert_eq!(names(&feed.cache().find("x")), ["changed", "new", "same"]);
    }

    #[test]
    fn what_rests_is_packed_and_comes_back_whole() {
        let mut feed = Feed::new(by_label);
        let cache = feed.cache();
        let names: Vec<String> = (0..3 * OPEN).map(|n| format!("s{n:03}")).collect();
        for name in &names {
            feed.take(Event::Apply(service(name, "7", "red")), |_| ());
        }
        let is_open = |name: &String| cache.kept(&id("n", name)).is_some_and(|kept| kept.opened().is_some());
        assert_eq!(names.iter().filter(|name| is_open(name)).count(), OPEN);
        for name in names.iter().chain(names.iter().rev()) {
            let lens = cache.get("n", name).unwrap();
            let meta = lens.meta();
            assert_eq!((&meta.name, meta.resource_version.as_str(), meta.labels["by"].as_str()), (name, "7", "red"));
        }
        assert_eq!(cache.find("red").len(), names.len());
        assert_eq!(cache.open.lock().unwrap().len(), OPEN);
        let mut all = cache.all(|lens| lens.meta().name.clone());
        all.sort();
        assert_eq!(all, names);
    }
}
