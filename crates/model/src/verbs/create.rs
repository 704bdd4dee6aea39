//! Create.

use super::{Options, Outcome, Part, State, Written};
use crate::builtin;
use crate::catalogue::{Kind, Resource};
use crate::failure::Failure;
use crate::object::{Fields, stamp};
use crate::patch::owners::Owners;
use serde_json::Value;
use std::sync::Arc;

impl State {
    /// Creates an object.
    pub fn create(&mut self, kind: &Kind, namespace: &str, body: Value, options: &Options) -> Result<Written, Failure> {
        let asked = body.name().to_string();
        let result = self.create_quietly(kind, namespace, body, options);
        match &result {
            Ok(written) => {
                let object = written.object.clone();
                self.note(
                    "create",
                    kind,
                    "",
                    (namespace, object.name()),
                    options,
                    Outcome::Done(written.code, &object, true),
                );
            }
            Err(failure) => self.note("create", kind, "", (namespace, &asked), options, Outcome::Refused(failure)),
        }
        result
    }

    pub(super) fn create_quietly(
        &mut self,
        kind: &Kind,
        namespace: &str,
        body: Value,
        options: &Options,
    ) -> Result<Written, Failure> {
        Self::check_identity(kind, &body)?;
        Self::check_kind(kind, &body)?;
        let (object, warnings) = Self::shaped(&kind.storage_kind(), kind.to_stored(body), options)?;
        let owners = self.owners(kind, &builtin::zero(kind), &object, Part::Main, options);
        let created = self.create_shaped(kind, namespace, object, &owners, options);
        let object = created.map_err(|failure| failure.warning(&warnings))?;
        Ok(Written { object, code: 201, warnings })
    }

    /// Creates what was read already.
    pub(super) fn create_shaped(
        &mut self,
        kind: &Kind,
        namespace: &str,
        mut object: Value,
        owners: &Owners,
        options: &Options,
    ) -> Result<Arc<Value>, Failure> {
        self.place(kind, namespace, &mut object)?;
        for field in [
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generation",
            "managedFields",
            "selfLink",
        ] {
            object.cut(&["metadata", field]);
        }
        if kind.status && kind.kind != "CustomResourceDefinition" {
            object.cut(&["status"]);
            if let Some(status) = builtin::zero(kind).cut(&["status"]) {
                object.put(&["status"], status);
            }
        }
        object.put(&["metadata", "uid"], self.names.uid());
        object.put(&["metadata", "creationTimestamp"], stamp(self.now));
        if kind.generation {
            object.put(&["metadata", "generation"], 1);
        }
        self.complete(kind, &mut object, None);
        Self::check(kind, &object)?;
        if !object.version().is_empty() && !options.dry_run {
            return Err(Failure::internal("resourceVersion should not be set on objects to be created"));
        }
        let (group, plural) = (&kind.resource.group, &kind.resource.plural);
        if let Some(there) = self.store.get(&kind.stored(), namespace, object.name()) {
            let mut failure = Failure::already_exists(group, plural, object.name());
            if there.is_leaving() {
                failure.message = format!("object is being deleted: {}", failure.message);
            }
            return Err(failure);
        }
        builtin::settle(kind, &mut object);
        owners.write(&mut object);
        Ok(self.keep_new(kind, object, options))
    }

    /// Settles namespace and name.
    fn place(&mut self, kind: &Kind, namespace: &str, object: &mut Value) -> Result<(), Failure> {
        let (group, plural) = (&kind.resource.group, &kind.resource.plural);
        if kind.namespaced {
            if !object.namespace().is_empty() && object.namespace() != namespace {
                return Err(Failure::bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ));
            }
            object.put(&["metadata", "namespace"], namespace);
        } else {
            object.cut(&["metadata", "namespace"]);
        }
        if object.name().is_empty() && !object.text("/metadata/generateName").is_empty() {
            let name = self.names.generate(object.text("/metadata/generateName"));
            object.put(&["metadata", "name"], name);
        }
        if kind.namespaced {
            let Some(home) = self.store.get(&Resource::new("", "namespaces"), "", namespace) else {
                return Err(Failure::not_found("", "namespaces", namespace));
            };
            if home.is_leaving() {
                let why =
                    format!("unable to create new content in namespace {namespace} because it is being terminated");
                return Err(Failure::forbidden(group, plural, object.name(), &why));
            }
        }
        Ok(())
    }

    /// Adds what the server adds.
    pub(super) fn complete(&mut self, kind: &Kind, object: &mut Value, before: Option<&Value>) {
        if kind.is_custom() {
            return;
        }
        if before.is_none() {
            builtin::admit(&kind.kind, object);
        }
        builtin::prepare(&kind.kind, object, before, &mut self.names);
        if kind.kind == "CustomResourceDefinition" && before.is_none() {
            let status = crate::crd::established(object, self.now);
            object.put(&["status"], status);
        }
    }

    /// Stores a new object unless it is a dry run.
    pub(super) fn keep_new(&mut self, kind: &Kind, object: Value, options: &Options) -> Arc<Value> {
        if options.dry_run {
            return Arc::new(object);
        }
        self.follow(kind, &object, false);
        self.store.put(&kind.stored(), object)
    }
}
