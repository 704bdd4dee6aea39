//! Watches: the changes after a version, from the store's log, as a stream of JSON lines.

use crate::catalogue::Kind;
use crate::failure::Failure;
use crate::model::Model;
use crate::object::Fields;
use crate::pulse::Follower;
use crate::read::Filter;
use crate::route::Query;
use crate::state::State;
use crate::store::Change;
use crate::view::View;
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often a bookmark tells a client that nothing was missed.
const BOOKMARKS: Duration = Duration::from_secs(60);

/// One watch.
pub struct Watch {
    model: Model,
    kind: Arc<Kind>,
    filter: Filter,
    view: View,
    /// Changes up to this version were sent.
    sent: u64,
    waiting: VecDeque<Value>,
    pulse: Follower,
    cuts: u64,
    bookmarks: Option<Instant>,
    deadline: Option<Instant>,
    left: Option<usize>,
    over: bool,
}

impl Watch {
    /// Starts a watch as the query asks. `left`: it breaks after so many events.
    pub fn start(
        model: &Model,
        state: &State,
        kind: Arc<Kind>,
        filter: Filter,
        view: View,
        query: &Query,
        left: Option<usize>,
    ) -> Result<Watch, Failure> {
        let asked = query.text("resourceVersion");
        let initial = query.text("sendInitialEvents");
        if !initial.is_empty() && query.text("resourceVersionMatch") != "NotOlderThan" {
            let why = "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            return Err(Failure::bad_request(why));
        }
        let from: u64 = match asked {
            "" => 0,
            text => {
                text.parse().map_err(|_| Failure::bad_request(format!("resourceVersion: Invalid value: {text:?}")))?
            }
        };
        let all_first = initial == "true" || (from == 0 && initial != "false");
        let mut pulse = model.pulse();
        let cuts = pulse.look().cuts;
        let now = Instant::now();
        let mut watch = Watch {
            model: model.clone(),
            sent: if from == 0 || all_first { state.store.version() } else { from },
            kind,
            filter,
            view,
            waiting: VecDeque::new(),
            pulse,
            cuts,
            bookmarks: query.flag("allowWatchBookmarks").then(|| now + BOOKMARKS),
            deadline: query.number("timeoutSeconds").filter(|s| *s > 0).map(|s| now + Duration::from_secs(s)),
            left,
            over: false,
        };
        if all_first {
            watch.send_all(state, initial == "true");
        }
        Ok(watch)
    }

    /// What there is now, and if asked for a bookmark at its end.
    fn send_all(&mut self, state: &State, bookmark: bool) {
        let all = state.store.list(&self.kind.stored(), self.filter.namespace.as_deref());
        let chosen: Vec<Arc<Value>> = all.filter(|object| self.filter.matches(object)).cloned().collect();
        for object in chosen {
            self.waiting.push_back(json!({"type": "ADDED", "object": self.view.one(&self.kind, &object, state.now)}));
        }
        if bookmark {
            let mut frame = self.bookmark();
            frame.put(&["object", "metadata", "annotations"], json!({"k8s.io/initial-events-end": "true"}));
            self.waiting.push_back(frame);
        }
    }

    fn bookmark(&self) -> Value {
        json!({"type": "BOOKMARK", "object": {
            "kind": self.kind.kind, "apiVersion": self.kind.api_version(),
            "metadata": {"resourceVersion": self.sent.to_string(), "creationTimestamp": null},
        }})
    }

    /// The next line; absent: the watch is over.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                return self.send(&frame);
            }
            if self.over {
                return None;
            }
            let pulse = self.pulse.look();
            if pulse.cuts != self.cuts {
                return None;
            }
            if !pulse.held {
                self.collect();
            }
            if !self.waiting.is_empty() {
                continue;
            }
            self.rest().await;
        }
    }

    fn send(&mut self, frame: &Value) -> Option<Bytes> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        let mut line = frame.to_string();
        line.push('\n');
        Some(line.into())
    }

    /// Takes the changes that were not sent yet out of the log.
    fn collect(&mut self) {
        let model = self.model.clone();
        model.look(|state| {
            if self.sent < state.store.forgotten() {
                let old =
                    Failure::expired(format!("too old resource version: {} ({})", self.sent, state.store.forgotten()));
                self.waiting.push_back(json!({"type": "ERROR", "object": old.body()}));
                self.over = true;
                return;
            }
            let resource = self.kind.stored();
            let frames: Vec<Value> = state
                .store
                .since(self.sent)
                .filter(|change| change.resource == resource)
                .filter_map(|change| {
                    frame(change, &self.filter)
                        .map(|(kind, object)| (kind, self.view.one(&self.kind, &object, state.now)))
                })
                .map(|(kind, object)| json!({"type": kind, "object": object}))
                .collect();
            self.waiting.extend(frames);
            self.sent = self.sent.max(state.store.version());
        });
    }

    /// Waits for a change, a bookmark that is due or the end.
    async fn rest(&mut self) {
        let until = [self.bookmarks, self.deadline].into_iter().flatten().min();
        let timer = async {
            match until {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // Which of two that are due comes first must not depend on the dice: a run of the model repeats itself.
            biased;
            () = self.pulse.changed() => {}
            () = timer => {
                let now = Instant::now();
                self.over = self.deadline.is_some_and(|at| at <= now);
                if let Some(due) = self.bookmarks.filter(|due| *due <= now || self.over) {
                    self.bookmarks = Some(due.max(now) + BOOKMARKS);
                    if !self.pulse.look().held {
                        self.waiting.push_back(self.bookmark());
                    }
                }
            }
        }
    }

    /// The lines as a stream.
    pub fn lines(self) -> impl futures::Stream<Item = Bytes> + Send {
        futures::stream::unfold(self, |mut watch| async move { watch.next().await.map(|line| (line, watch)) })
    }
}

/// How a change looks through a filter: what comes into view is added, what leaves it is deleted.
fn frame(change: &Change, filter: &Filter) -> Option<(&'static str, Arc<Value>)> {
    let was = change.before.as_ref().filter(|object| filter.matches(object));
    let is = change.after.as_ref().filter(|object| filter.matches(object));
    match (was, is) {
        (None, Some(now)) => Some(("ADDED", now.clone())),
        (Some(_), Some(now)) => Some(("MODIFIED", now.clone())),
        (Some(last), None) => {
            let mut last = (**last).clone();
            last.put(&["metadata", "resourceVersion"], change.version.to_string());
            Some(("DELETED", Arc::new(last)))
        }
        (None, None) => None,
    }
}
