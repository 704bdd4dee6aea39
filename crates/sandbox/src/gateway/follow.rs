//! Keeps the routing table as the API is: follows the objects that routing depends on and makes the table anew.

use super::counts::Version;
use super::table::{Addresses, Key, Objects, Shared, Table, version_of};
use crate::calls::{Api, Change};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Follows for ever. `addresses` says where pods listen.
pub async fn follow(api: Api, addresses: watch::Receiver<Addresses>, table: Shared) {
    let state = State { objects: Arc::default(), addresses, table };
    let ingresses = state.keep(|objects| &mut objects.ingresses, read);
    let services = state.keep(|objects| &mut objects.services, read);
    let slices = state.keep(|objects| &mut objects.slices, read);
    let pods = state.keep(|objects| &mut objects.pods, |pod: &Value| -> Option<Version> { Some(version_of(pod)) });
    let mut moved = state.addresses.clone();
    let places = async {
        while moved.changed().await.is_ok() {
            state.publish();
        }
        std::future::pending::<()>().await;
    };
    futures::join!(
        api.follow("/apis/networking.k8s.io/v1/ingresses", ingresses),
        api.follow("/api/v1/services", services),
        api.follow("/apis/discovery.k8s.io/v1/endpointslices", slices),
        api.follow("/api/v1/pods", pods),
        places,
    );
}

struct State {
    objects: Arc<Mutex<Objects>>,
    addresses: watch::Receiver<Addresses>,
    table: Shared,
}

impl State {
    /// Keeps one kind of object up to date, and the table with it.
    fn keep<'a, T: 'a>(
        &'a self,
        place: fn(&mut Objects) -> &mut BTreeMap<Key, T>,
        read: fn(&Value) -> Option<T>,
    ) -> impl FnMut(Change) + 'a {
        move |change| {
            {
                let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
                let kept = place(&mut objects);
                match change {
                    Change::All(all) => {
                        *kept = all.iter().filter_map(|object| Some((key_of(object), read(object)?))).collect();
                    }
                    Change::Put(object) => match read(&object) {
                        Some(value) => drop(kept.insert(key_of(&object), value)),
                        None => drop(kept.remove(&key_of(&object))),
                    },
                    Change::Gone(object) => drop(kept.remove(&key_of(&object))),
                }
            }
            self.publish();
        }
    }

    fn publish(&self) {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        self.table.replace(Table::of(&objects, &self.addresses.borrow()));
    }
}

fn read<T: DeserializeOwned>(object: &Value) -> Option<T> {
    T::deserialize(object).ok()
}

/// Namespace and name of any object.
pub fn key_of(object: &Value) -> Key {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_string();
    (text("namespace"), text("name"))
}
