//! Carries a plan out: act by act, each write guarded, and nothing after the first that failed.

use crate::error::said;
use crate::events::{About, Events};
use crate::fresh::{Shown, Want};
use crate::requests::{Relied, request};
use kube::Client;
use serde::Deserialize;
use serinus_decide::{Act, Guard, Op, Plan, Target, Write};
use serinus_wire::ObjectMeta;
use std::collections::HashMap;
use std::time::Duration;

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// What a server says of a namespace that is on its way out.
const LEAVING: &str = "because it is being terminated";

/// How the carrying out of a plan ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every act was carried out.
    Done,
    /// Somebody else changed the object, or it is not as it was seen: look again.
    Conflict(String),
    /// The server will not have it; only a person can change that.
    Refused(String),
    /// The namespace is on its way out: nothing can be created there any more.
    Leaving(String),
    /// The server could not do it now, and perhaps says when to come back.
    Trouble(String, Option<Duration>),
}

/// What carrying out a plan has taught.
#[derive(Debug)]
pub(crate) struct Carried {
    /// What the caches must show before the next decision.
    pub expected: Vec<(Target, Want)>,
    /// Writes that were made.
    pub writes: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// What the server would not have, and what it said.
    pub refusal: Option<(Target, String)>,
}

impl Carried {
    /// The object that was to be created, when one of that name stood in the way.
    pub fn collision(&self) -> Option<&Target> {
        let (target, want) = self.expected.last()?;
        (matches!(self.outcome, Outcome::Conflict(_)) && *want == Want::Present).then_some(target)
    }
}

/// Carries out `plan` on behalf of the object that it is about.
pub(crate) async fn carry_out(client: &Client, events: &Events, about: &About<'_>, plan: &Plan) -> Carried {
    let mut carried = Carried { expected: Vec::new(), writes: 0, outcome: Outcome::Done, refusal: None };
    let mut written: HashMap<&Target, Shown> = HashMap::new();
    for act in &plan.acts {
        match act {
            Act::Note(note) => events.note(about, note),
            Act::NoteOwner(note) => events.note_owner(about, note),
            Act::Write(write) => match make(client, write, written.get(&write.target)).await {
                Ok(left) => {
                    carried.writes += 1;
                    carried.expected.push((write.target.clone(), left.want));
                    if let Some(shown) = left.object {
                        written.insert(&write.target, shown);
                    }
                }
                Err(failure) => {
                    carried.outcome = failure.outcome;
                    carried.refusal = failure.refusal.map(|text| (write.target.clone(), text));
                    carried.expected.extend(failure.want.map(|want| (write.target.clone(), want)));
                    break;
                }
            },
        }
    }
    carried
}

/// What a write that was made leaves behind.
pub(crate) struct Left {
    object: Option<Shown>,
    want: Want,
}

/// Why a write was not made.
pub(crate) struct Failure {
    /// What to do about it.
    pub outcome: Outcome,
    want: Option<Want>,
    refusal: Option<String>,
}

/// The part of the answer to a write that is needed.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    kind: String,
    metadata: ObjectMeta,
}

/// Makes one write. `earlier`: what an earlier write of the same plan left of the object.
pub(crate) async fn make(client: &Client, write: &Write, earlier: Option<&Shown>) -> Result<Left, Failure> {
    let relied = match &write.guard {
        Guard::Absent => None,
        // An earlier write of the same plan may have changed the very object.
        Guard::Is { uid, resource_version } => Some(match earlier {
            Some(shown) if shown.uid == *uid => shown.clone(),
            _ => Shown { uid: uid.clone(), version: resource_version.clone() },
        }),
    };
    let guard = relied.as_ref().map(|shown| Relied { uid: &shown.uid, version: &shown.version });
    let request = request(&write.target, &write.op, guard).map_err(|error| Failure {
        outcome: Outcome::Refused(error.to_string()),
        want: None,
        refusal: None,
    })?;
    let answer = tokio::time::timeout(REQUEST_TIMEOUT, client.request::<Answer>(request)).await;
    tracing::debug!(kind = ?write.target.kind, namespace = write.target.namespace, name = write.target.name,
        op = op_name(&write.op), ok = matches!(answer, Ok(Ok(_))), "write");
    match answer {
        Ok(Ok(answer)) => Ok(left(&write.op, answer, relied)),
        Ok(Err(error)) => Err(failure(write, &error, relied)),
        Err(_) => {
            let what = format!("{}: no answer within {} s", describe(write), REQUEST_TIMEOUT.as_secs());
            Err(Failure { outcome: Outcome::Trouble(what, None), want: None, refusal: None })
        }
    }
}

fn left(op: &Op, answer: Answer, relied: Option<Shown>) -> Left {
    match (op, relied) {
        (Op::Delete | Op::Evict, Some(relied)) => Left { object: None, want: Want::Gone(relied) },
        _ if answer.kind == "Status" => Left { object: None, want: Want::Present },
        _ => {
            let shown = Shown { uid: answer.metadata.uid, version: answer.metadata.resource_version };
            Left { object: Some(shown.clone()), want: Want::AtLeast(shown) }
        }
    }
}

fn failure(write: &Write, error: &kube::Error, relied: Option<Shown>) -> Failure {
    let text = format!("{}: {}", describe(write), said(error));
    let kube::Error::Api(status) = error else {
        return Failure { outcome: Outcome::Trouble(text, None), want: None, refusal: None };
    };
    let later = status.details.as_ref().map(|details| u64::from(details.retry_after_seconds)).filter(|s| *s > 0);
    let outcome = match status.code {
        404 | 409 | 410 => Outcome::Conflict(text),
        403 if status.message.contains(LEAVING) => Outcome::Leaving(text),
        408 | 429 | 500..=599 => Outcome::Trouble(text, later.map(Duration::from_secs)),
        _ => Outcome::Refused(text),
    };
    let want = match (&outcome, relied) {
        (Outcome::Conflict(_), Some(relied)) => Some(Want::Not(relied)),
        (Outcome::Conflict(_), None) if status.reason == "AlreadyExists" => Some(Want::Present),
        _ => None,
    };
    let refusal = matches!(outcome, Outcome::Refused(_)).then(|| status.message.clone());
    Failure { outcome, want, refusal }
}

fn describe(write: &Write) -> String {
    let Target { kind, namespace, name } = &write.target;
    format!("{} {kind:?} {namespace}/{name}", op_name(&write.op))
}

fn op_name(op: &Op) -> &'static str {
    match op {
        Op::Create(_) => "create",
        Op::Patch(_) => "patch",
        Op::PatchStatus(_) => "patch status of",
        Op::Delete => "delete",
        Op::Evict => "evict",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;
    use serde_json::json;
    use serinus_decide::Kind;

    fn write(op: Op, guard: Guard) -> Write {
        Write { target: Target { kind: Kind::Service, namespace: "n".into(), name: "s".into() }, guard, op }
    }

    #[test]
    fn what_an_answer_means() {
        let is = || Some(Shown { uid: "u".into(), version: "1".into() });
        let create = || write(Op::Create(json!({})), Guard::Absent);
        let patch = || write(Op::Patch(json!({})), Guard::Absent);
        let table = [
            (patch(), 409, "Conflict", is(), "conflict", Some(Want::Not(is().unwrap()))),
            (patch(), 404, "NotFound", is(), "conflict", Some(Want::Not(is().unwrap()))),
            (create(), 409, "AlreadyExists", None, "conflict", Some(Want::Present)),
            (create(), 404, "NotFound", None, "conflict", None),
            (patch(), 403, "Forbidden", is(), "refused", None),
            (patch(), 422, "Invalid", is(), "refused", None),
            (patch(), 400, "BadRequest", is(), "refused", None),
            (patch(), 429, "TooManyRequests", is(), "trouble", None),
            (patch(), 500, "InternalError", is(), "trouble", None),
            (patch(), 504, "Timeout", is(), "trouble", None),
        ];
        for (write, code, reason, relied, outcome, want) in table {
            let error = kube::Error::Api(Status::failure("m", reason).with_code(code).boxed());
            let failure = failure(&write, &error, relied);
            let name = match failure.outcome {
                Outcome::Done => "done",
                Outcome::Conflict(_) => "conflict",
                Outcome::Refused(_) => "refused",
                Outcome::Leaving(_) => "leaving",
                Outcome::Trouble(..) => "trouble",
            };
            assert_eq!((name, failure.want), (outcome, want), "{code} {reason}");
        }
    }
}
