//! Update and patch.

use super::{Options, Outcome, Part, State, Written, is_out_of_reach, says_the_same};
use crate::builtin;
use crate::catalogue::Kind;
use crate::failure::{Cause, Failure};
use crate::object::{Fields, stamp};
use crate::patch::owners::{Owners, Writer};
use crate::patch::rules::Place;
use crate::patch::{self, PatchType};
use serde_json::Value;
use std::sync::Arc;

/// Where a write goes.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Kind.
    pub kind: &'a Kind,
    /// Main, status or scale.
    pub part: Part,
    /// Namespace.
    pub namespace: &'a str,
    /// Name.
    pub name: &'a str,
}

impl State {
    /// Replaces an object, or its status.
    pub fn update(&mut self, target: Target<'_>, body: Value, options: &Options) -> Result<Written, Failure> {
        let before = self.get(target.kind, target.namespace, target.name).ok();
        let result = self.update_quietly(target, body, options);
        self.note_change("update", target, options, &result, before);
        result
    }

    /// Changes an object, its status or its scale by a patch.
    pub fn patch(
        &mut self,
        target: Target<'_>,
        how: PatchType,
        patch: Value,
        options: &Options,
    ) -> Result<Written, Failure> {
        let before = self.get(target.kind, target.namespace, target.name).ok();
        let result = match how {
            PatchType::Apply => self.apply(target, patch, options),
            _ => self.patch_quietly(target, how, &patch, options),
        };
        self.note_change("patch", target, options, &result, before);
        result
    }

    fn note_change(
        &mut self,
        verb: &'static str,
        target: Target<'_>,
        options: &Options,
        result: &Result<Written, Failure>,
        before: Option<Arc<Value>>,
    ) {
        let outcome = match result {
            Ok(written) => {
                let changed = before.is_none_or(|before| before.version() != written.object.version());
                Outcome::Done(written.code, &written.object, changed)
            }
            Err(failure) => Outcome::Refused(failure),
        };
        self.note(verb, target.kind, target.part.name(), (target.namespace, target.name), options, outcome);
    }

    fn update_quietly(&mut self, target: Target<'_>, body: Value, options: &Options) -> Result<Written, Failure> {
        let kind = target.kind;
        if target.part == Part::Scale {
            return self.update_scale(target, &body, options);
        }
        Self::check_identity(kind, &body)?;
        if body.name().is_empty() {
            return Err(Failure::bad_request(format!(
                "the name of the object ({} based on URL) was undeterminable: name must be provided",
                target.name
            )));
        }
        Self::check_address(target, &body)?;
        let live = match self.get(kind, target.namespace, target.name) {
            Ok(live) => live,
            Err(_) if kind.is_made_by_update() && target.part == Part::Main => {
                if !body.uid().is_empty() {
                    let key = kind.storage_key(target.namespace, target.name, options.dry_run);
                    let (group, plural) = (&kind.resource.group, &kind.resource.plural);
                    return Err(Failure::another(group, plural, target.name, &key, (body.uid(), "")));
                }
                let mut body = body;
                body.cut(&["metadata", "resourceVersion"]);
                return self.create_quietly(kind, target.namespace, body, options);
            }
            Err(missing) => {
                let (_, warnings) = Self::shaped(&kind.storage_kind(), kind.to_stored(body), options)?;
                return Err(missing.warning(&warnings));
            }
        };
        Self::check_kind(kind, &body)?;
        let is_other = !body.uid().is_empty() && body.uid() != live.uid();
        if kind.wants_version() && body.version().is_empty() && !is_other {
            let causes = [Cause::invalid("metadata.resourceVersion", &0.into(), "must be specified for an update")];
            return Err(Failure::invalid(&kind.resource.group, &kind.resource.plural, target.name, &causes));
        }
        self.replace(target, &live, kind.to_stored(body), options)
    }

    fn patch_quietly(
        &mut self,
        target: Target<'_>,
        how: PatchType,
        patch: &Value,
        options: &Options,
    ) -> Result<Written, Failure> {
        let kind = target.kind;
        if how == PatchType::Strategic && kind.is_custom() {
            return Err(Failure::unsupported_patch(true));
        }
        let live = self.get(kind, target.namespace, target.name)?;
        if target.part == Part::Scale {
            let scale = self.scale(target)?;
            let body = if how == PatchType::Json { patch::json(&scale, patch)? } else { patch::merge(&scale, patch)? };
            return self.update_scale(target, &body, options);
        }
        let shown = kind.to_shown(&live);
        let result = match how {
            PatchType::Json => patch::json(&shown, patch)?,
            PatchType::Merge => patch::merge(&shown, patch)?,
            PatchType::Strategic => patch::strategic::apply(&shown, patch, Place::of(kind))?,
            PatchType::Apply => return self.apply(target, patch.clone(), options),
        };
        Self::check_address(target, &result)?;
        let quoted = if how == PatchType::Strategic { patch.to_string() } else { result.to_string() };
        self.replace(target, &live, kind.to_stored(result), options).map_err(|failure| {
            match failure.message.find("strict decoding") {
                Some(at) => Failure::bad_patch(&quoted, &failure.message[at..]),
                None => failure,
            }
        })
    }

    /// Server-side apply: creates what is not there.
    fn apply(&mut self, target: Target<'_>, config: Value, options: &Options) -> Result<Written, Failure> {
        let kind = target.kind;
        if options.manager.is_empty() {
            let causes = [Cause::required("fieldManager", "is required for apply patch")];
            let mut failure = Failure::invalid("meta.k8s.io", "PatchOptions", "", &causes);
            failure.code = 422;
            return Err(failure);
        }
        Self::check_identity(kind, &config)?;
        Self::check_address(target, &config)?;
        if config.pointer("/metadata/managedFields").is_some_and(|fields| !fields.is_null()) {
            return Err(Failure::bad_request("metadata.managedFields must be nil"));
        }
        let live = self.get(kind, target.namespace, target.name).ok();
        let api_version = kind.api_version();
        let writer = Writer {
            manager: &options.manager,
            applies: true,
            subresource: target.part.name(),
            api_version: &api_version,
            now: self.now,
        };
        if live.is_none() && target.part != Part::Main {
            return Err(Failure::not_found(&kind.resource.group, &kind.resource.plural, target.name));
        }
        let empty = builtin::zero(kind);
        let (mut object, owners) =
            patch::apply::apply(live.as_deref(), &empty, &config, Place::of(kind), writer, options.force, |path| {
                is_out_of_reach(kind, target.part, path)
            })?;
        match live {
            None => {
                object.put(&["metadata", "name"], target.name);
                let (object, warnings) = Self::shaped(&kind.storage_kind(), kind.to_stored(object), options)?;
                let object = self.create_shaped(kind, target.namespace, object, &owners, options)?;
                Ok(Written { object, code: 201, warnings })
            }
            Some(live) => {
                let mut written = self.replace_with(target, &live, object, options, Some(owners))?;
                written.code = 200;
                Ok(written)
            }
        }
    }

    /// Refuses a body that names another object than the path does.
    fn check_address(target: Target<'_>, body: &Value) -> Result<(), Failure> {
        let (name, namespace) = (body.name(), body.namespace());
        if name.is_empty() && target.part != Part::Status {
            return Ok(());
        }
        if !name.is_empty() && name != target.name {
            return Err(Failure::bad_request(format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                target.name
            )));
        }
        if !namespace.is_empty() && target.kind.namespaced && namespace != target.namespace {
            return Err(Failure::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        Ok(())
    }

    /// Puts a new version in the place of the live one. The version and uid in the body are preconditions.
    pub(super) fn replace(
        &mut self,
        target: Target<'_>,
        live: &Arc<Value>,
        body: Value,
        options: &Options,
    ) -> Result<Written, Failure> {
        self.replace_with(target, live, body, options, None)
    }

    fn replace_with(
        &mut self,
        target: Target<'_>,
        live: &Arc<Value>,
        body: Value,
        options: &Options,
        owners: Option<Owners>,
    ) -> Result<Written, Failure> {
        let kind = target.kind;
        let (object, warnings) = Self::shaped(&kind.storage_kind(), body, options)?;
        let replaced = self.replace_shaped(target, live, object, options, owners);
        let object = replaced.map_err(|failure| failure.warning(&warnings))?;
        Ok(Written { object, code: 200, warnings })
    }

    fn replace_shaped(
        &mut self,
        target: Target<'_>,
        live: &Arc<Value>,
        mut object: Value,
        options: &Options,
        owners: Option<Owners>,
    ) -> Result<Arc<Value>, Failure> {
        let kind = target.kind;
        let (group, plural) = (&kind.resource.group, &kind.resource.plural);
        if !object.uid().is_empty() && object.uid() != live.uid() {
            let key = kind.storage_key(target.namespace, target.name, options.dry_run);
            return Err(Failure::another(group, plural, target.name, &key, (object.uid(), live.uid())));
        }
        if !object.version().is_empty() && object.version() != live.version() {
            return Err(Failure::stale(group, plural, target.name));
        }
        let owners = owners.unwrap_or_else(|| self.owners(kind, live, &object, target.part, options));
        keep_system_fields(live, &mut object);
        keep_other_part(kind, target.part, live, &mut object);
        self.complete(kind, &mut object, Some(live));
        builtin::settle(kind, &mut object);
        if target.part != Part::Status {
            Self::check_change(kind, live, &object)?;
            if kind.generation && is_new_generation(kind, live, &object) {
                object.put(&["metadata", "generation"], live.int("/metadata/generation").unwrap_or(0) + 1);
            }
        } else if kind.is_custom() {
            Self::check(kind, &object)?;
        } else {
            let causes = builtin::validate_status(&kind.kind, &object);
            if !causes.is_empty() {
                return Err(Failure::invalid(group, &kind.kind, target.name, &causes));
            }
        }
        owners.write(&mut object);
        if says_the_same(live, &object) && same_owners(live, &object) {
            return Ok(live.clone());
        }
        Ok(self.keep_changed(kind, object, options))
    }

    /// Stores a changed object unless it is a dry run; takes it away when it only waited for its last finalizer.
    fn keep_changed(&mut self, kind: &Kind, object: Value, options: &Options) -> Arc<Value> {
        if options.dry_run {
            return Arc::new(object);
        }
        let done = object.is_leaving()
            && object.items("/metadata/finalizers").is_empty()
            && object.int("/metadata/deletionGracePeriodSeconds").unwrap_or(0) == 0
            && object.items("/spec/finalizers").iter().all(|f| !f.is_string());
        self.follow(kind, &object, done);
        if done {
            // The change itself is not stored: watches see the object go as it was last.
            self.store.remove(&kind.stored(), object.namespace(), object.name());
            return Arc::new(object);
        }
        self.store.put(&kind.stored(), object)
    }
}

fn same_owners(a: &Value, b: &Value) -> bool {
    let sets = |object: &Value| -> std::collections::BTreeSet<_> {
        Owners::read(object).0.into_iter().map(|o| (o.manager, o.applies, o.subresource, o.paths)).collect()
    };
    sets(a) == sets(b)
}

/// What only the server writes stays as it was.
fn keep_system_fields(live: &Value, object: &mut Value) {
    for field in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
        "generateName",
    ] {
        match live.pointer(&format!("/metadata/{field}")) {
            Some(value) => object.put(&["metadata", field], value.clone()),
            None => {
                object.cut(&["metadata", field]);
            }
        }
    }
}

/// A write to the main part leaves the status alone, and a write to the status everything else.
fn keep_other_part(kind: &Kind, part: Part, live: &Value, object: &mut Value) {
    let restore = |object: &mut Value, field: &str| match live.get(field) {
        Some(value) => object.put(&[field], value.clone()),
        None => {
            object.cut(&[field]);
        }
    };
    match part {
        Part::Main | Part::Scale | Part::Finalize => {
            if kind.status {
                restore(object, "status");
            }
            if kind.kind == "Namespace" && part != Part::Finalize {
                restore(object, "spec");
            }
        }
        Part::Status => {
            let fields: Vec<String> =
                live.as_object().into_iter().chain(object.as_object()).flat_map(|map| map.keys().cloned()).collect();
            let keeps_metadata = kind.is_custom();
            for field in kept_by_status(kind) {
                match live.pointer(&format!("/metadata/{field}")) {
                    Some(value) => object.put(&["metadata", field], value.clone()),
                    None => drop(object.cut(&["metadata", field])),
                }
            }
            for field in fields.iter().filter(|field| *field != "status" && (keeps_metadata || *field != "metadata")) {
                restore(object, field);
            }
        }
    }
}

/// What a write to the status of a kind leaves alone in the metadata.
pub(super) fn kept_by_status(kind: &Kind) -> &'static [&'static str] {
    match kind.kind.as_str() {
        "Deployment" => &["labels"],
        "Pod" => &["ownerReferences"],
        _ => &[],
    }
}

fn is_new_generation(kind: &Kind, live: &Value, object: &Value) -> bool {
    let annotations = |object: &Value| object.pointer("/metadata/annotations").cloned();
    let body = |object: &Value| -> Value {
        let map = object.as_object().into_iter().flatten();
        map.filter(|(key, _)| *key != "metadata" && (*key != "status" || !kind.status))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    };
    let labels = |object: &Value| object.pointer("/metadata/labels").cloned();
    body(live) != body(object)
        || (kind.kind == "Deployment" && annotations(live) != annotations(object))
        || (kind.kind == "EndpointSlice" && labels(live) != labels(object))
}

impl State {
    /// An object, marked as leaving.
    pub(super) fn leaving(&self, kind: &Kind, live: &Value, grace: i64, finalizers: Vec<Value>) -> Value {
        let mut object = live.clone();
        let at = self.now.checked_add(jiff::SignedDuration::from_secs(grace)).unwrap_or(self.now);
        if !live.is_leaving()
            && let Some(generation) = live.int("/metadata/generation").filter(|generation| *generation > 0)
        {
            object.put(&["metadata", "generation"], generation + 1);
        }
        object.put(&["metadata", "deletionTimestamp"], stamp(at));
        if kind.kind != "Namespace" {
            object.put(&["metadata", "deletionGracePeriodSeconds"], grace);
        }
        if finalizers.is_empty() {
            object.cut(&["metadata", "finalizers"]);
        } else {
            object.put(&["metadata", "finalizers"], finalizers);
        }
        if kind.kind == "Namespace" {
            object.put(&["status", "phase"], "Terminating");
        }
        object
    }
}
