//! Lists that keep themselves current.

use super::{ClientError, Cluster, Resource};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use kube::Api;
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::Value;
use std::collections::BTreeMap;

/// Which objects of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    labels: Option<String>,
    fields: Option<String>,
}

impl Selection {
    /// All of them.
    pub fn all() -> Selection {
        Selection::default()
    }

    /// The one of that name.
    pub fn name(name: &str) -> Selection {
        Selection { fields: Some(format!("metadata.name={name}")), labels: None }
    }

    /// Those that a label selector selects.
    pub fn labels(selector: &str) -> Selection {
        Selection { labels: Some(selector.to_string()), fields: None }
    }

    pub(super) fn query(&self) -> String {
        let part =
            |key: &str, value: &Option<String>| value.as_ref().map(|value| format!("{key}={}", super::escaped(value)));
        let parts: Vec<String> =
            [part("labelSelector", &self.labels), part("fieldSelector", &self.fields)].into_iter().flatten().collect();
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }
}

impl Cluster {
    /// The selected objects as they are now, and again as a whole after each change. A server that refuses is an item;
    /// other failures are tried again for ever. The stream does not end.
    pub fn follow(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        selection: &Selection,
    ) -> BoxStream<'static, Result<Vec<Value>, ClientError>> {
        let kind = ApiResource {
            group: resource.group.to_string(),
            version: resource.version.to_string(),
            api_version: match resource.group {
                "" => resource.version.to_string(),
                group => format!("{group}/{}", resource.version),
            },
            kind: resource.kind.to_string(),
            plural: resource.plural.to_string(),
        };
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(self.client(), namespace, &kind),
            None => Api::all_with(self.client(), &kind),
        };
        let mut config = watcher::Config::default();
        config.label_selector.clone_from(&selection.labels);
        config.field_selector.clone_from(&selection.fields);
        let events = watcher(api, config).default_backoff().boxed();
        let address = resource.collection(namespace);
        let named = move |item: Item| item.map_err(|error| error.about(&address));
        stream::unfold((events, Shown::default()), next).map(named).boxed()
    }
}

/// The objects by namespace and name. While a list is read anew, the old one stays.
#[derive(Default)]
struct Shown {
    objects: BTreeMap<(String, String), Value>,
    fresh: Option<BTreeMap<(String, String), Value>>,
}

type Events = BoxStream<'static, watcher::Result<watcher::Event<DynamicObject>>>;

type Item = Result<Vec<Value>, ClientError>;

async fn next((mut events, mut shown): (Events, Shown)) -> Option<(Item, (Events, Shown))> {
    loop {
        let changed = match events.next().await? {
            Ok(event) => shown.take(event),
            Err(error) => match final_refusal(error) {
                Some(refusal) => return Some((Err(refusal), (events, shown))),
                None => false,
            },
        };
        if changed {
            return Some((Ok(shown.objects.values().cloned().collect()), (events, shown)));
        }
    }
}

/// The refusal, unless asking again may help.
fn final_refusal(error: watcher::Error) -> Option<ClientError> {
    use watcher::Error::{InitialListFailed, WatchFailed, WatchStartFailed};
    match error {
        InitialListFailed(error) | WatchStartFailed(error) | WatchFailed(error) => {
            let error = ClientError::from(error);
            if error.is_final() {
                return Some(error);
            }
            tracing::warn!("{error}; trying again");
        }
        // The server forgot what happened since: the list is read anew.
        error => tracing::debug!(%error, "a watch ended and is begun anew"),
    }
    None
}

impl Shown {
    /// Takes an event in; says whether there is something new to show.
    fn take(&mut self, event: watcher::Event<DynamicObject>) -> bool {
        use watcher::Event;
        match event {
            Event::Init => self.fresh = Some(BTreeMap::new()),
            Event::InitApply(object) => {
                let (key, value) = entry(&object);
                self.fresh.get_or_insert_default().insert(key, value);
            }
            Event::InitDone => {
                self.objects = self.fresh.take().unwrap_or_default();
                return true;
            }
            Event::Apply(object) => {
                let (key, value) = entry(&object);
                self.objects.insert(key, value);
                return true;
            }
            Event::Delete(object) => {
                self.objects.remove(&entry(&object).0);
                return true;
            }
        }
        false
    }
}

fn entry(object: &DynamicObject) -> ((String, String), Value) {
    let meta = &object.metadata;
    let key = (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
    (key, serde_json::to_value(object).unwrap_or(Value::Null))
}
