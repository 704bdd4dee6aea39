//! The verbs that change objects, with the rules that hold for every kind.

mod create;
mod delete;
mod modify;
mod scale;

pub use delete::{DeleteOptions, Deleted, Policy, success};
pub use modify::Target;

use crate::builtin;
use crate::catalogue::{Kind, Shape};
use crate::failure::{Cause, Failure};
use crate::history::Write;
use crate::object::Fields;
use crate::patch::fields::Path;
use crate::patch::owners::{Owners, Writer};
use crate::patch::rules::Place;
use crate::state::State;
use serde_json::Value;
use std::sync::Arc;

/// What comes with a write.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Answer as if, change nothing.
    pub dry_run: bool,
    /// Who owns the fields that are written.
    pub manager: String,
    /// Who asks.
    pub agent: String,
    /// What becomes of unknown fields.
    pub validation: FieldValidation,
    /// Server-side apply takes fields from others.
    pub force: bool,
}

impl Options {
    /// What the model's own controllers write with.
    pub fn controller(name: &str) -> Options {
        let agent = format!("model/{name}");
        Options { manager: agent.clone(), agent, validation: FieldValidation::Ignore, ..Options::default() }
    }
}

/// What becomes of unknown fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// Dropped in silence.
    Ignore,
    /// Dropped with a warning.
    #[default]
    Warn,
    /// Refused.
    Strict,
}

/// Which part of an object a write is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All but what `/status` holds.
    Main,
    /// `/status`.
    Status,
    /// `/scale`.
    Scale,
    /// `/finalize` of a Namespace.
    Finalize,
}

impl Part {
    /// The name of the subresource.
    pub fn name(self) -> &'static str {
        match self {
            Part::Main => "",
            Part::Status => "status",
            Part::Scale => "scale",
            Part::Finalize => "finalize",
        }
    }
}

/// What a write came to.
#[derive(Clone, Debug)]
pub struct Written {
    /// The object as it is now.
    pub object: Arc<Value>,
    /// HTTP status code.
    pub code: u16,
    /// Lines for the `Warning` header.
    pub warnings: Vec<String>,
}

impl State {
    /// Refuses a body of another kind or version than the path says, and a null body.
    fn check_identity(kind: &Kind, body: &Value) -> Result<(), Failure> {
        let unrecognized = |why: &str| {
            Failure::bad_request(format!("the object provided is unrecognized (must be of type {}): {why}", kind.kind))
        };
        if !body.is_object() {
            return Err(unrecognized("couldn't get version/kind; json parse error: it is no object"));
        }
        let (version, name) = (body.text("/apiVersion"), body.text("/kind"));
        if kind.is_custom() {
            if name.is_empty() {
                return Err(unrecognized("Object 'Kind' is missing"));
            }
            if version != kind.api_version() {
                return Err(Failure::bad_request(format!(
                    "the API version in the data ({version}) does not match the expected API version ({})",
                    kind.api_version()
                )));
            }
            return Ok(());
        }
        let strange_version = !version.is_empty() && version != kind.api_version();
        if strange_version || (!name.is_empty() && name != kind.kind) {
            let version = if version.is_empty() { kind.api_version() } else { version.to_string() };
            let name = if name.is_empty() { kind.kind.as_str() } else { name };
            return Err(Failure::bad_request(format!(
                "{name} in version {:?} cannot be handled as a {}: no kind {name:?} is registered for version {version:?} in scheme \"pkg/runtime/scheme.go:111\"",
                kind.version, kind.kind
            )));
        }
        Ok(())
    }

    /// Refuses another kind where any kind can be read.
    fn check_kind(kind: &Kind, body: &Value) -> Result<(), Failure> {
        let name = body.text("/kind");
        if !kind.is_custom() || name == kind.kind {
            return Ok(());
        }
        let causes = [Cause::invalid("kind", &name.into(), &format!("must be {}", kind.kind))];
        Err(Failure::invalid(&kind.resource.group, name, body.name(), &causes))
    }

    /// Brings a body into the shape of its kind: unknown fields go, wrong types are refused.
    fn shaped(kind: &Kind, mut body: Value, options: &Options) -> Result<(Value, Vec<String>), Failure> {
        let (mut object, unknown) = match &kind.shape {
            Shape::Typed(shape) => {
                let (mut object, unknown) = builtin::take(shape, &body).map_err(|why| {
                    Failure::bad_request(format!(
                        "{} in version {:?} cannot be handled as a {}: {why}",
                        kind.kind, kind.version, kind.kind
                    ))
                })?;
                builtin::default(&kind.kind, &mut object);
                (object, unknown)
            }
            Shape::Builtin(trip) => {
                builtin::canonical(&mut body);
                let mut object = trip(&body).map_err(|why| {
                    Failure::bad_request(format!(
                        "{} in version {:?} cannot be handled as a {}: {why}",
                        kind.kind, kind.version, kind.kind
                    ))
                })?;
                let unknown = builtin::unknown(&body, &object);
                builtin::tidy(&mut object);
                builtin::default(&kind.kind, &mut object);
                (object, unknown)
            }
            Shape::Custom(schema, _) => {
                let unknown = schema.prune(&mut body);
                schema.default(&mut body);
                if let Some(metadata) = body.get_mut("metadata") {
                    builtin::tidy(metadata);
                }
                (body, unknown)
            }
        };
        object.put(&["apiVersion"], kind.api_version());
        object.put(&["kind"], kind.kind.as_str());
        object.put_default(&["metadata"], serde_json::json!({}));
        let lines: Vec<String> = unknown.iter().map(|path| format!("unknown field {path:?}")).collect();
        match options.validation {
            FieldValidation::Strict if !lines.is_empty() => Err(Failure::bad_request(format!(
                "{} in version {:?} cannot be handled as a {}: strict decoding error: {}",
                kind.kind,
                kind.version,
                kind.kind,
                lines.join(", ")
            ))),
            FieldValidation::Warn => Ok((object, lines)),
            FieldValidation::Strict | FieldValidation::Ignore => Ok((object, vec![])),
        }
    }

    /// What is wrong with an object.
    fn check(kind: &Kind, object: &Value) -> Result<(), Failure> {
        let causes = match &kind.shape {
            Shape::Typed(_) | Shape::Builtin(_) => builtin::validate(&kind.kind, object),
            Shape::Custom(schema, _) => {
                let mut causes: Vec<Cause> = builtin::metadata(&kind.kind, object, false);
                causes.extend(schema.validate(object));
                causes
            }
        };
        if causes.is_empty() {
            Ok(())
        } else {
            Err(Failure::invalid(&kind.resource.group, &kind.kind, object.name(), &causes))
        }
    }

    /// What is wrong with an object that takes the place of another.
    fn check_change(kind: &Kind, before: &Value, object: &Value) -> Result<(), Failure> {
        let mut causes = Vec::new();
        let new: Vec<String> = object
            .items("/metadata/finalizers")
            .iter()
            .filter(|one| before.is_leaving() && !before.items("/metadata/finalizers").contains(one))
            .map(Value::to_string)
            .collect();
        if !new.is_empty() {
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                new.join(", ")
            );
            // Said twice, as it is checked twice.
            let times = if kind.is_custom() { 1 } else { 2 };
            causes.extend((0..times).map(|_| Cause::forbidden("metadata.finalizers", &why)));
        }
        let changed = if kind.is_custom() { vec![] } else { builtin::validate_change(&kind.kind, before, object) };
        let own = match &kind.shape {
            Shape::Typed(_) | Shape::Builtin(_) => builtin::validate(&kind.kind, object),
            Shape::Custom(schema, _) => {
                let mut own = builtin::metadata(&kind.kind, object, false);
                own.extend(schema.validate(object));
                own
            }
        };
        // Endpoints are not looked at when they can't be of that type.
        let own = if kind.kind == "EndpointSlice" && !changed.is_empty() {
            builtin::metadata(&kind.kind, object, true)
        } else {
            own
        };
        let first = matches!(kind.kind.as_str(), "Secret" | "Pod");
        let (one, two) = if first { (changed, own) } else { (own, changed) };
        causes.extend(one);
        causes.extend(two);
        if causes.is_empty() {
            return Ok(());
        }
        Err(Failure::invalid(&kind.resource.group, &kind.kind, object.name(), &causes))
    }

    /// Who owns what after a plain write: `after` as the client wrote it, before the server adds anything of its own.
    fn owners(&self, kind: &Kind, before: &Value, after: &Value, part: Part, options: &Options) -> Owners {
        let mut owners = Owners::read(before);
        // Whose fields nobody has counted so far is not counted before the first apply.
        if owners.0.is_empty() && !before.uid().is_empty() {
            return owners;
        }
        let api_version = kind.api_version();
        let writer = Writer {
            manager: if options.manager.is_empty() { "unknown" } else { &options.manager },
            applies: false,
            subresource: part.name(),
            api_version: &api_version,
            now: self.now,
        };
        owners.changed(before, after, Place::of(kind), writer, |path| is_out_of_reach(kind, part, path));
        // A Scale leaves out no replicas at all, and so nobody owns them.
        let wanted = kind.scale.as_ref().and_then(|scale| after.int(&scale.spec));
        if part == Part::Scale && wanted == Some(0) {
            owners.0.retain(|owner| !writer.is(owner));
        }
        owners
    }

    /// Notes a write and what it came to.
    fn note(
        &mut self,
        verb: &'static str,
        kind: &Kind,
        subresource: &str,
        at: (&str, &str),
        options: &Options,
        outcome: Outcome<'_>,
    ) {
        let (code, version, changed) = match outcome {
            Outcome::Done(code, object, changed) => (code, object.version().to_string(), changed),
            Outcome::Refused(failure) => (failure.code, String::new(), false),
        };
        if options.dry_run {
            return;
        }
        self.history.push(Write {
            at: self.now,
            verb,
            group: kind.resource.group.clone(),
            resource: kind.resource.plural.clone(),
            subresource: subresource.to_string(),
            namespace: at.0.to_string(),
            name: at.1.to_string(),
            version,
            code,
            agent: options.agent.clone(),
            changed,
        });
    }

    /// Keeps the catalogue in step with the CustomResourceDefinitions.
    fn follow(&mut self, kind: &Kind, object: &Value, gone: bool) {
        if kind.kind != "CustomResourceDefinition" {
            return;
        }
        let resource = crate::crd::resource(object);
        if gone {
            self.catalogue.forget(&resource);
        } else {
            self.catalogue.serve(resource, crate::crd::kinds(object));
        }
    }
}

/// Whether a write to a part of an object can't reach a field.
fn is_out_of_reach(kind: &Kind, part: Part, path: &Path) -> bool {
    let is_status = path.first().is_some_and(|step| step == "f:status");
    let is_metadata = path.first().is_some_and(|step| step == "f:metadata");
    match part {
        Part::Main | Part::Scale | Part::Finalize => is_status && kind.status,
        Part::Status if is_metadata && !kind.is_custom() => {
            let field = path.get(1).and_then(|step| step.strip_prefix("f:")).unwrap_or_default();
            modify::kept_by_status(kind).contains(&field)
        }
        Part::Status => !is_status,
    }
}

/// What a write came to, for the history.
enum Outcome<'a> {
    Done(u16, &'a Value, bool),
    Refused(&'a Failure),
}

/// Whether two versions of an object say the same, whoever owns the fields.
fn says_the_same(a: &Value, b: &Value) -> bool {
    let bare = |object: &Value| {
        let mut object = object.clone();
        object.cut(&["metadata", "managedFields"]);
        object.cut(&["metadata", "resourceVersion"]);
        object
    };
    bare(a) == bare(b)
}
