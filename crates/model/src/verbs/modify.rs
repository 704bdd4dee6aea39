//! Update and patch.

use super::{Options, Outcome, Part, State, Written, says_the_same};
use crate::builtin;
use crate::catalogue::Kind;
use crate::failure::{Cause, Failure};
use crate::object::{Fields, stamp};
use crate::patch::owners::{Owners, Writer};
use crate::patch::rules::Rules;
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
        Self::check_address(target, &body)?;
        let live = self.get(kind, target.namespace, target.name)?;
        if kind.is_custom() && body.version().is_empty() {
            let causes = [Cause::invalid("metadata.resourceVersion", &0.into(), "must be specified for an update")];
            let mut failure = Failure::invalid(&kind.resource.group, &kind.resource.plural, target.name, &causes);
            failure.message = failure.message.replace("Invalid value: 0:", "Invalid value: 0x0:");
            return Err(failure);
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
            PatchType::Strategic if kind.is_custom() => {
                return Err(Failure::unsupported_media_type(
                    "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
                ));
            }
            PatchType::Strategic => patch::strategic::apply(&shown, patch, Rules::of(kind))?,
            PatchType::Apply => return self.apply(target, patch.clone(), options),
        };
        Self::check_address(target, &result)?;
        self.replace(target, &live, kind.to_stored(result), options)
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
        let (mut object, owners) =
            patch::apply::apply(live.as_deref(), &config, Rules::of(kind), writer, options.force)?;
        match live {
            None if target.part != Part::Main => {
                Err(Failure::not_found(&kind.resource.group, &kind.resource.plural, target.name))
            }
            None => {
                object.put(&["metadata", "name"], target.name);
                let quiet = Options { dry_run: true, ..options.clone() };
                let written = self.create(kind, target.namespace, object, &quiet)?;
                let mut object = (*written.object).clone();
                owners.write(&mut object);
                Ok(Written { object: self.keep_new(kind, object, options), ..written })
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
            return Err(Failure::bad_request(format!(
                "the namespace of the object ({namespace}) does not match the namespace on the URL ({})",
                target.namespace
            )));
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
        let (group, plural) = (&kind.resource.group, &kind.resource.plural);
        let (mut object, warnings) = Self::shaped(&kind.storage_kind(), body, options)?;
        if !object.uid().is_empty() && object.uid() != live.uid() {
            let why = format!(
                "Precondition failed: UID in precondition: {}, UID in object meta: {}",
                object.uid(),
                live.uid()
            );
            return Err(Failure::conflict(group, plural, target.name, &why));
        }
        if !object.version().is_empty() && object.version() != live.version() {
            return Err(Failure::stale(group, plural, target.name));
        }
        keep_system_fields(live, &mut object);
        keep_other_part(kind, target.part, live, &mut object);
        self.complete(kind, &mut object, Some(live));
        if target.part == Part::Main {
            Self::check(kind, &object)?;
            let causes = if kind.is_custom() { vec![] } else { builtin::validate_change(&kind.kind, live, &object) };
            if !causes.is_empty() {
                return Err(Failure::invalid(group, &kind.kind, target.name, &causes));
            }
            if kind.generation && is_new_generation(kind, live, &object) {
                object.put(&["metadata", "generation"], live.int("/metadata/generation").unwrap_or(0) + 1);
            }
        } else if kind.is_custom() {
            Self::check(kind, &object)?;
        }
        if says_the_same(live, &object) && owners.is_none() {
            return Ok(Written { object: live.clone(), code: 200, warnings });
        }
        match owners {
            Some(owners) => owners.write(&mut object),
            None => self.own(kind, live, &mut object, target.part, options),
        }
        if says_the_same(live, &object) && same_owners(live, &object) {
            return Ok(Written { object: live.clone(), code: 200, warnings });
        }
        let object = self.keep_changed(kind, object, options);
        Ok(Written { object, code: 200, warnings })
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
            let stored = self.store.put(&kind.stored(), object);
            self.store.remove(&kind.stored(), stored.namespace(), stored.name()).unwrap_or(stored)
        } else {
            self.store.put(&kind.stored(), object)
        }
    }
}

fn same_owners(a: &Value, b: &Value) -> bool {
    let sets = |object: &Value| -> Vec<_> {
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
        Part::Main | Part::Scale => {
            if kind.status {
                restore(object, "status");
            }
        }
        Part::Status => {
            let fields: Vec<String> =
                live.as_object().into_iter().chain(object.as_object()).flat_map(|map| map.keys().cloned()).collect();
            let keeps_metadata = kind.is_custom();
            for field in fields.iter().filter(|field| *field != "status" && (keeps_metadata || *field != "metadata")) {
                restore(object, field);
            }
        }
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
    body(live) != body(object) || (kind.kind == "Deployment" && annotations(live) != annotations(object))
}

impl State {
    /// Marks an object as leaving.
    pub(super) fn mark_leaving(&mut self, kind: &Kind, live: &Value, grace: i64, finalizers: Vec<Value>) -> Arc<Value> {
        let mut object = live.clone();
        let at = self.now.checked_add(jiff::SignedDuration::from_secs(grace)).unwrap_or(self.now);
        if !live.is_leaving()
            && let Some(generation) = live.int("/metadata/generation").filter(|generation| *generation > 0)
        {
            object.put(&["metadata", "generation"], generation + 1);
        }
        object.put(&["metadata", "deletionTimestamp"], stamp(at));
        object.put(&["metadata", "deletionGracePeriodSeconds"], grace);
        if finalizers.is_empty() {
            object.cut(&["metadata", "finalizers"]);
        } else {
            object.put(&["metadata", "finalizers"], finalizers);
        }
        if kind.kind == "Namespace" {
            object.put(&["status", "phase"], "Terminating");
        }
        self.store.put(&kind.stored(), object)
    }
}
