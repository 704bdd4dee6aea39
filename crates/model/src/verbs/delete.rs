//! Delete, with preconditions, grace, finalizers and the three ways of dealing with dependants.

use super::{Options, Outcome, State};
use crate::catalogue::Kind;
use crate::failure::{Cause, Failure};
use crate::object::Fields;
use serde_json::{Value, json};
use std::sync::Arc;

/// What becomes of dependants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// They stay, without owner.
    Orphan,
    /// They go afterwards.
    Background,
    /// They go first.
    Foreground,
}

/// `DeleteOptions`.
#[derive(Clone, Debug, Default)]
pub struct DeleteOptions {
    /// Only the object with this uid.
    pub uid: Option<String>,
    /// Only the object in this version.
    pub version: Option<String>,
    /// What becomes of dependants.
    pub policy: Option<Policy>,
    /// Seconds a pod gets.
    pub grace: Option<i64>,
}

impl DeleteOptions {
    /// Reads the body of a delete request.
    pub fn read(body: &Value) -> Result<DeleteOptions, Failure> {
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_string);
        let policy = match (body.text("/propagationPolicy"), body.get("orphanDependents")) {
            ("Orphan", _) | ("", Some(Value::Bool(true))) => Some(Policy::Orphan),
            ("Background", _) | ("", Some(Value::Bool(false))) => Some(Policy::Background),
            ("Foreground", _) => Some(Policy::Foreground),
            ("", _) => None,
            (other, _) => {
                let allowed = ["Foreground", "Background", "Orphan", "nil"].map(str::to_string);
                let causes = [Cause::not_supported("propagationPolicy", &other.into(), &allowed)];
                return Err(Failure::bad_options("DeleteOptions", &causes));
            }
        };
        Ok(DeleteOptions {
            uid: text("/preconditions/uid"),
            version: text("/preconditions/resourceVersion"),
            policy,
            grace: body.int("/gracePeriodSeconds"),
        })
    }
}

/// What a delete came to.
#[derive(Clone, Debug)]
pub enum Deleted {
    /// It is gone.
    Gone(Arc<Value>),
    /// It is on its way out.
    Leaving(Arc<Value>),
}

impl Deleted {
    /// The object as it was last.
    pub fn object(&self) -> &Arc<Value> {
        match self {
            Deleted::Gone(object) | Deleted::Leaving(object) => object,
        }
    }
}

impl State {
    /// Deletes an object.
    pub fn delete(
        &mut self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        how: &DeleteOptions,
        options: &Options,
    ) -> Result<Deleted, Failure> {
        let before = self.store.version();
        let result = self.delete_quietly(kind, namespace, name, how, options);
        let changed = self.store.version() != before;
        let outcome = match &result {
            Ok(deleted) => Outcome::Done(200, deleted.object(), changed),
            Err(failure) => Outcome::Refused(failure),
        };
        self.note("delete", kind, "", (namespace, name), options, outcome);
        result
    }

    fn delete_quietly(
        &mut self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        how: &DeleteOptions,
        options: &Options,
    ) -> Result<Deleted, Failure> {
        let live = self.get(kind, namespace, name)?;
        let refuse = |what: &str, wanted: &str, found: &str| {
            if kind.kind == "Namespace" {
                let why =
                    format!("Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}");
                return Failure::conflict("", &kind.resource.plural, name, &why);
            }
            Failure::precondition(&kind.resource.group, &kind.kind, name, what, (wanted, found))
        };
        if let Some(uid) = how.uid.as_deref().filter(|uid| *uid != live.uid()) {
            return Err(refuse("UID", uid, live.uid()));
        }
        if let Some(version) = how.version.as_deref().filter(|version| *version != live.version()) {
            return Err(refuse("ResourceVersion", version, live.version()));
        }
        let grace = grace(kind, &live, how.grace);
        let finalizers = finalizers(kind, &live, how.policy);
        let waits = !finalizers.is_empty() || grace > 0 || !live.items("/spec/finalizers").is_empty();
        if !waits {
            let mut last = if kind.kind == "Pod" { self.leaving(kind, &live, 0, vec![]) } else { (*live).clone() };
            if !options.dry_run {
                self.follow(kind, &live, true);
                if kind.kind == "Pod" {
                    self.store.put(&kind.stored(), last.clone());
                }
                let gone = self.store.remove(&kind.stored(), namespace, name);
                last.put(
                    &["metadata", "resourceVersion"],
                    gone.map(|gone| gone.version().to_string()).unwrap_or_default(),
                );
            }
            return Ok(Deleted::Gone(Arc::new(last)));
        }
        let shorter = live.int("/metadata/deletionGracePeriodSeconds").is_some_and(|left| grace < left);
        if live.is_leaving() && !shorter && live.items("/metadata/finalizers") == finalizers.as_slice() {
            return Ok(Deleted::Leaving(live));
        }
        let object = self.leaving(kind, &live, grace, finalizers);
        Ok(Deleted::Leaving(if options.dry_run { Arc::new(object) } else { self.store.put(&kind.stored(), object) }))
    }

    /// Deletes everything that a list would give.
    pub fn delete_collection(
        &mut self,
        kind: &Kind,
        chosen: Vec<Arc<Value>>,
        how: &DeleteOptions,
        options: &Options,
    ) -> Result<Vec<Arc<Value>>, Failure> {
        let mut gone = Vec::new();
        for object in chosen {
            match self.delete(kind, object.namespace(), object.name(), how, options) {
                Ok(_) => gone.push(object),
                Err(failure) if failure.code == 404 => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(gone)
    }
}

/// Only pods that run somewhere get time to end.
fn grace(kind: &Kind, live: &Value, asked: Option<i64>) -> i64 {
    let over = matches!(live.text("/status/phase"), "Succeeded" | "Failed");
    if kind.kind != "Pod" || live.text("/spec/nodeName").is_empty() || over {
        return 0;
    }
    let own = live.int("/spec/terminationGracePeriodSeconds").unwrap_or(30);
    asked.unwrap_or(own).max(0)
}

/// The finalizers that hold the object from now on.
fn finalizers(kind: &Kind, live: &Value, policy: Option<Policy>) -> Vec<Value> {
    let mut finalizers = live.items("/metadata/finalizers").to_vec();
    // Events have no dependants.
    if kind.kind == "Event" {
        return finalizers;
    }
    // Jobs of batch/v1 keep their old default: dependants stay. What was asked for once holds until something else is.
    let known = finalizers.iter().any(|f| matches!(f.as_str(), Some("orphan" | "foregroundDeletion")));
    let policy = policy.or((kind.kind == "Job" && !known).then_some(Policy::Orphan));
    if let Some(policy) = policy {
        finalizers.retain(|f| !matches!(f.as_str(), Some("orphan" | "foregroundDeletion")));
        match policy {
            Policy::Orphan => finalizers.push("orphan".into()),
            Policy::Foreground => finalizers.push("foregroundDeletion".into()),
            Policy::Background => {}
        }
    }
    finalizers
}

/// The answer to a delete after which nothing is left.
pub fn success(kind: &Kind, object: &Value) -> Value {
    let mut details = json!({"name": object.name(), "kind": kind.resource.plural, "uid": object.uid()});
    if !kind.resource.group.is_empty() {
        details.put(&["group"], kind.resource.group.as_str());
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
