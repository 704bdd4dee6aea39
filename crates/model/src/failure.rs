//! What a refused request is told: the code, the reason and the `Status` body, worded as Kubernetes words them.

use serde_json::{Value, json};

/// A refused request.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// HTTP status code.
    pub code: u16,
    /// One word, for example `Conflict`.
    pub reason: &'static str,
    /// One sentence.
    pub message: String,
    /// `details` of the Status; `null` when there are none.
    pub details: Box<Value>,
    /// Lines for the `Warning` header.
    pub warnings: Vec<String>,
}

/// One thing wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// For example `FieldValueRequired`.
    pub reason: &'static str,
    /// One sentence without the path.
    pub message: String,
    /// The path, for example `spec.replicas`.
    pub field: String,
}

impl Cause {
    /// A field that must be there.
    pub fn required(field: impl Into<String>, detail: &str) -> Cause {
        let colon = if detail.is_empty() { "" } else { ": " };
        Cause { reason: "FieldValueRequired", message: format!("Required value{colon}{detail}"), field: field.into() }
    }
    /// A value that can't be.
    pub fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Cause {
        Cause {
            reason: "FieldValueInvalid",
            message: format!("Invalid value: {}: {detail}", shown(value)),
            field: field.into(),
        }
    }
    /// A value of another type than the schema says.
    pub fn wrong_type(field: impl Into<String>, value: &Value, detail: &str) -> Cause {
        Cause {
            reason: "FieldValueTypeInvalid",
            message: format!("Invalid value: {}: {detail}", shown(value)),
            field: field.into(),
        }
    }
    /// A value that is not in the list.
    pub fn not_supported(field: impl Into<String>, value: &Value, allowed: &[String]) -> Cause {
        let allowed: Vec<String> = allowed.iter().map(|one| format!("{one:?}")).collect();
        let message = format!("Unsupported value: {}: supported values: {}", shown(value), allowed.join(", "));
        Cause { reason: "FieldValueNotSupported", message, field: field.into() }
    }
    /// A field that may not be there, or may not change.
    pub fn forbidden(field: impl Into<String>, detail: &str) -> Cause {
        Cause { reason: "FieldValueForbidden", message: format!("Forbidden: {detail}"), field: field.into() }
    }
    /// Two entries with the same key.
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Cause {
        Cause {
            reason: "FieldValueDuplicate",
            message: format!("Duplicate value: {}", shown(value)),
            field: field.into(),
        }
    }
}

/// A value as Kubernetes shows it in messages.
fn shown(value: &Value) -> String {
    value.to_string()
}

impl Failure {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Failure {
        Failure { code, reason, message: message.into(), details: Box::default(), warnings: Vec::new() }
    }
    fn of(mut self, group: &str, resource: &str, name: &str) -> Failure {
        let mut details = serde_json::Map::new();
        for (key, value) in [("name", name), ("group", group), ("kind", resource)] {
            if !value.is_empty() {
                details.insert(key.to_string(), value.into());
            }
        }
        self.details = Box::new(Value::Object(details));
        self
    }
    /// 404 of an object.
    pub fn not_found(group: &str, resource: &str, name: &str) -> Failure {
        Failure::new(404, "NotFound", format!("{} \"{name}\" not found", qualified(resource, group)))
            .of(group, resource, name)
    }
    /// 404 of a path that nothing serves.
    pub fn no_such_path() -> Failure {
        let mut failure = Failure::new(404, "NotFound", "the server could not find the requested resource");
        failure.details = Box::new(json!({}));
        failure
    }
    /// 409 of a name that is taken.
    pub fn already_exists(group: &str, resource: &str, name: &str) -> Failure {
        Failure::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", qualified(resource, group)))
            .of(group, resource, name)
    }
    /// 409 of an object that changed meanwhile, or is another one.
    pub fn conflict(group: &str, resource: &str, name: &str, why: &str) -> Failure {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", qualified(resource, group));
        Failure::new(409, "Conflict", message).of(group, resource, name)
    }
    /// 409 of a write to an object with another uid. `key`: where a real server keeps it.
    pub fn another(group: &str, resource: &str, name: &str, key: &str, (wanted, found): (&str, &str)) -> Failure {
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"
        );
        Failure::conflict(group, resource, name, &why)
    }
    /// 409 of an object that changed meanwhile.
    pub fn stale(group: &str, resource: &str, name: &str) -> Failure {
        Failure::conflict(
            group,
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }
    /// 409 of server-side apply against other managers: how each is named, and the field.
    pub fn apply_conflict(conflicts: &[(String, String)]) -> Failure {
        let told = match conflicts {
            [(manager, field)] => format!("conflict: conflict with {manager}: {field}"),
            _ => {
                let mut managers: Vec<&String> = conflicts.iter().map(|(manager, _)| manager).collect();
                managers.sort();
                managers.dedup();
                let of = |manager: &String| {
                    let fields =
                        conflicts.iter().filter(|(one, _)| one == manager).map(|(_, field)| format!("\n- {field}"));
                    format!("conflicts with {manager}:{}", fields.collect::<String>())
                };
                format!("conflicts: {}", managers.into_iter().map(of).collect::<Vec<_>>().join("\n"))
            }
        };
        let mut failure = Failure::new(409, "Conflict", format!("Apply failed with {} {told}", conflicts.len()));
        let causes: Vec<Value> = conflicts
            .iter()
            .map(|(manager, field)| json!({"reason": "FieldManagerConflict", "message": format!("conflict with {manager}"), "field": field}))
            .collect();
        failure.details = Box::new(json!({"causes": causes}));
        failure
    }
    /// 422 with every cause.
    pub fn invalid(group: &str, kind: &str, name: &str, causes: &[Cause]) -> Failure {
        let mut lines: Vec<String> = Vec::new();
        for cause in causes {
            let line = if cause.field.is_empty() {
                cause.message.clone()
            } else {
                format!("{}: {}", cause.field, cause.message)
            };
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        let text = if lines.len() == 1 { lines.concat() } else { format!("[{}]", lines.join(", ")) };
        let mut failure =
            Failure::new(422, "Invalid", format!("{} \"{name}\" is invalid: {text}", qualified(kind, group)))
                .of(group, kind, name);
        let causes: Vec<Value> = causes
            .iter()
            .map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}))
            .collect();
        if let Value::Object(details) = &mut *failure.details {
            details.insert("causes".into(), causes.into());
        }
        failure
    }
    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Failure {
        Failure::new(400, "BadRequest", message)
    }
    /// The same with lines for the `Warning` header.
    pub fn warning(mut self, warnings: &[String]) -> Failure {
        self.warnings.extend_from_slice(warnings);
        self
    }
    /// 422 of a patch that brings unknown fields. `quoted`: what is shown of it.
    pub fn bad_patch(quoted: &str, why: &str) -> Failure {
        let causes = [Cause::invalid("patch", &quoted.into(), why)];
        Failure::invalid("", "", "", &causes)
    }
    /// 409 of a delete whose precondition does not hold. `what`: `UID` or `ResourceVersion`.
    pub fn precondition(group: &str, kind: &str, name: &str, what: &str, (wanted, found): (&str, &str)) -> Failure {
        let might = if what == "UID" { "been deleted and then recreated" } else { "been modified" };
        let why = format!(
            "the {what} in the precondition ({wanted}) does not match the {what} in record ({found}). The object might have {might}"
        );
        Failure::conflict(group, kind, name, &why)
    }
    /// 500 without a reason: what a server says when its store refuses.
    pub fn internal(message: impl Into<String>) -> Failure {
        Failure::new(500, "", message)
    }
    /// 422 of the options of a request.
    pub fn bad_options(kind: &str, causes: &[Cause]) -> Failure {
        Failure::invalid("meta.k8s.io", kind, "", causes)
    }
    /// 403 with a sentence.
    pub fn forbidden(group: &str, resource: &str, name: &str, why: &str) -> Failure {
        Failure::new(403, "Forbidden", format!("{} \"{name}\" is forbidden: {why}", qualified(resource, group)))
            .of(group, resource, name)
    }
    /// 405.
    pub fn method_not_allowed() -> Failure {
        let mut failure =
            Failure::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
        failure.details = Box::new(json!({}));
        failure
    }
    /// 410: the version asked for is no longer known.
    pub fn expired(message: impl Into<String>) -> Failure {
        Failure::new(410, "Expired", message)
    }
    /// 415 of a patch.
    pub fn unsupported_patch(custom: bool) -> Failure {
        if custom {
            return Failure::unsupported_media_type(
                "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
            );
        }
        let mut failure = Failure::unsupported_media_type("415: Unsupported Media Type");
        failure.details = Box::new(json!({}));
        failure
    }
    /// 415.
    pub fn unsupported_media_type(message: impl Into<String>) -> Failure {
        Failure::new(415, "UnsupportedMediaType", message)
    }
    /// 406.
    pub fn not_acceptable(message: impl Into<String>) -> Failure {
        Failure::new(406, "NotAcceptable", message)
    }
    /// 504 of a version that does not exist yet.
    pub fn too_new(asked: u64, current: u64) -> Failure {
        let mut failure =
            Failure::new(504, "Timeout", format!("Too large resource version: {asked}, current: {current}"));
        failure.details = Box::new(
            json!({"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}], "retryAfterSeconds": 1}),
        );
        failure
    }
    /// What a fault answers: a code with the reason that goes with it.
    pub fn injected(code: u16) -> Failure {
        let (reason, message) = match code {
            409 => (
                "Conflict",
                "Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again",
            ),
            429 => ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
            403 => ("Forbidden", "forbidden by an injected fault"),
            404 => ("NotFound", "the server could not find the requested resource"),
            410 => ("Expired", "too old resource version"),
            503 => ("ServiceUnavailable", "the server is currently unable to handle the request"),
            504 => ("Timeout", "the server was unable to return a response in the time allotted"),
            _ => ("InternalError", "an error on the server has prevented the request from succeeding"),
        };
        Failure::new(code, reason, message)
    }
    /// The `Status` body.
    pub fn body(&self) -> Value {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            body["reason"] = self.reason.into();
        }
        if !self.details.is_null()
            && let Value::Object(map) = &mut body
        {
            map.insert("details".into(), (*self.details).clone());
        }
        body
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.code, self.reason, self.message)
    }
}

impl std::error::Error for Failure {}

fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_string() } else { format!("{name}.{group}") }
}
