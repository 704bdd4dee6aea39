//! Keel's approvals over updates: paths, methods, bodies and texts. Where a vote comes from is who was let in, not who the body
//! says: that is kept beside it.

use super::{App, answer, body};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};
use serinus_decide::update::Tracked;
use serinus_gocompat::lenient::{Fields, Json, first};
use serinus_wire::image_update::{Decision, Phase, Vote};
use serinus_wire::{ImageUpdate, Time, keel};

/// `GET /v1/approvals`: those that need votes, the latest change first.
pub async fn list(State(app): State<App>, headers: HeaderMap) -> Response {
    if app.0.auth.who(&headers).is_none() {
        return answer::unauthorized();
    }
    let mut asked = asked(&app);
    asked.sort_by_key(|update| std::cmp::Reverse((changed_at(update), update.spec.source.at)));
    answer::marshalled(&Value::from(asked.iter().map(approval).collect::<Vec<_>>()))
}

/// Updates that need votes. Keel deletes what has expired.
fn asked(app: &App) -> Vec<ImageUpdate> {
    let mut all = app.0.updates.all();
    all.retain(|update| update.spec.required_approvals > 0 && update.status.phase != Phase::Expired);
    all
}

/// `POST /v1/approvals`: approve, reject, archive or delete.
pub async fn act(State(app): State<App>, request: Request) -> Response {
    let Some(user) = app.0.auth.who(request.headers()) else { return answer::unauthorized() };
    let body = match body(request).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let Some(asks) = fields(&body, ["id", "identifier", "voter", "action"]) else {
        return answer::text(StatusCode::BAD_REQUEST, String::new());
    };
    let [id, identifier, voter, action] = asks;
    if identifier.is_empty() {
        return answer::text(StatusCode::NOT_FOUND, "identifier cannot be empty".to_string());
    }
    let Some(update) = find(&app, &id, &identifier) else {
        return answer::text(StatusCode::NOT_FOUND, format!("approval '{id}' not found"));
    };
    let (namespace, name) = (&update.metadata.namespace, &update.metadata.name);
    let decision = match action.as_str() {
        "" | "approve" => Decision::Approve,
        "reject" => Decision::Reject,
        "archive" => {
            let archived = app.0.updates.change(namespace, name, |spec| {
                spec.archived = true;
                Ok(())
            });
            return done(archived.await);
        }
        "delete" => {
            return match app.0.updates.delete(namespace, name).await {
                Ok(()) => answer::marshalled(&Value::Null),
                Err(error) => answer::failure(&error),
            };
        }
        other => {
            let text = format!("action {other:?} must be approve, reject, archive or delete");
            return answer::text(StatusCode::BAD_REQUEST, text);
        }
    };
    let on_behalf_of = if voter == user { String::new() } else { voter };
    done(cast(&app, namespace, name, &user, decision, on_behalf_of).await)
}

/// Adds a vote. The same vote of the same voter is taken once.
pub async fn cast(
    app: &App,
    namespace: &str,
    name: &str,
    voter: &str,
    decision: Decision,
    on_behalf_of: String,
) -> Result<ImageUpdate, serinus_cluster::Error> {
    let vote = Vote { voter: voter.to_string(), decision, at: Time::whole_seconds(app.0.updates.now()), on_behalf_of };
    let add = |spec: &mut serinus_wire::image_update::ImageUpdateSpec| {
        if !spec.votes.iter().any(|other| other.voter == vote.voter && other.decision == vote.decision) {
            spec.votes.push(vote.clone());
        }
        Ok(())
    };
    let changed = app.0.updates.change(namespace, name, add).await?;
    tracing::info!(namespace, name, voter, ?decision, "a vote");
    Ok(changed)
}

fn done(changed: Result<ImageUpdate, serinus_cluster::Error>) -> Response {
    match changed {
        Ok(update) => answer::marshalled(&approval(&update)),
        Err(error) => answer::failure(&error),
    }
}

/// By id when there is one, else what is open under the identifier before what is not, and the latest.
fn find(app: &App, id: &str, identifier: &str) -> Option<ImageUpdate> {
    let mut found = asked(app);
    found.retain(|update| update.identifier() == identifier && (id.is_empty() || update.metadata.uid == id));
    found.sort_by(|left, right| {
        let open = |update: &ImageUpdate| !update.status.phase.is_final();
        open(right).cmp(&open(left)).then_with(|| right.order().cmp(&left.order()))
    });
    found.into_iter().next()
}

/// `PUT /v1/approvals`: how many votes updates of a workload need; what waits already is asked again.
pub async fn require(State(app): State<App>, request: Request) -> Response {
    if app.0.auth.who(request.headers()).is_none() {
        return answer::unauthorized();
    }
    let body = match body(request).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let Some([identifier, provider]) = fields(&body, ["identifier", "provider"]) else {
        return answer::text(StatusCode::BAD_REQUEST, String::new());
    };
    let count = first(&body).and_then(|json| Fields::of(&json)?.integer("votesRequired")).unwrap_or(-1);
    let Some(count) = u32::try_from(count).ok().filter(|count| *count <= 100) else {
        return answer::text(StatusCode::BAD_REQUEST, "votesRequired must be between 0 and 100".to_string());
    };
    if provider != "kubernetes" {
        return answer::text(StatusCode::BAD_REQUEST, "unsupported provider".to_string());
    }
    let Some(workload) = workload(&app, &identifier) else {
        return answer::text(StatusCode::NOT_FOUND, format!("resource '{identifier}' not found"));
    };
    let (labels, annotations) = (json!({keel::APPROVALS: null}), json!({keel::APPROVALS: count.to_string()}));
    if let Err(error) = app.0.updates.annotate(&workload, labels, annotations).await {
        return answer::failure(&error);
    }
    let mut pending = asked(&app);
    pending.retain(|update| {
        !update.status.phase.is_final() && update.identifier().rsplit_once(':').is_some_and(|(of, _)| of == identifier)
    });
    for update in pending {
        let ask = |spec: &mut serinus_wire::image_update::ImageUpdateSpec| {
            spec.required_approvals = count;
            Ok(())
        };
        if let Err(error) = app.0.updates.change(&update.metadata.namespace, &update.metadata.name, ask).await {
            return answer::failure(&error);
        }
    }
    answer::encoded(&json!({"status": "updated"}))
}

/// `PUT /v1/policies`.
pub async fn set_policy(State(app): State<App>, request: Request) -> Response {
    if app.0.auth.who(request.headers()).is_none() {
        return answer::unauthorized();
    }
    let body = match body(request).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let Some([identifier, policy]) = fields(&body, ["identifier", "policy"]) else {
        return answer::text(StatusCode::BAD_REQUEST, String::new());
    };
    let Some(workload) = workload(&app, &identifier) else {
        return answer::text(StatusCode::NOT_FOUND, format!("resource '{identifier}' not found"));
    };
    let policy = if policy.is_empty() { Value::Null } else { json!(policy) };
    let labels = json!({keel::POLICY: null, keel::LEGACY_POLICY: null});
    match app.0.updates.annotate(&workload, labels, json!({keel::POLICY: policy})).await {
        Ok(()) => answer::encoded(&json!({"status": "updated"})),
        Err(error) => answer::failure(&error),
    }
}

/// The workload that `deployment/ns/name` names.
pub fn workload(app: &App, identifier: &str) -> Option<Tracked> {
    app.0.updates.workloads().into_iter().find(|workload| {
        let meta = &workload.metadata;
        format!("{}/{}/{}", workload.kind.word().to_lowercase(), meta.namespace, meta.name) == identifier
    })
}

/// Texts of a body; nothing when it can't be read.
pub fn fields<const N: usize>(body: &[u8], names: [&str; N]) -> Option<[String; N]> {
    let json: Json = first(body).ok()?;
    let fields = Fields::of(&json).ok()?;
    let mut texts = Vec::new();
    for name in names {
        texts.push(fields.text(name).ok()?);
    }
    texts.try_into().ok()
}

/// When something was last said or done about an update.
fn changed_at(update: &ImageUpdate) -> Option<Time> {
    let votes = update.spec.votes.iter().map(|vote| vote.at);
    votes
        .chain(update.status.applied_at)
        .chain(update.status.finished_at)
        .chain(update.metadata.creation_timestamp)
        .max()
}

/// An update as Keel's API shows an approval.
fn approval(update: &ImageUpdate) -> Value {
    let spec = &update.spec;
    let approvals = || spec.votes.iter().filter(|vote| vote.decision == Decision::Approve);
    let voters: Map<String, Value> = approvals().map(|vote| (vote.voter.clone(), json!(vote.at))).collect();
    let created = update.metadata.creation_timestamp;
    let (namespace, workload) = (&update.metadata.namespace, &spec.workload.name);
    let rejected = update.rejection().is_some();
    json!({
        "id": update.metadata.uid,
        "archived": spec.archived || (update.status.phase.is_final() && update.status.phase != Phase::Rejected),
        "provider": "kubernetes",
        "identifier": update.identifier(),
        "event": {
            "repository": {"host": "", "name": spec.repository, "tag": spec.tag, "digest": spec.digest.clone().unwrap_or_default()},
            "createdAt": spec.source.at,
            "triggerName": spec.source.trigger,
        },
        "message": format!("New image is available for resource {namespace}/{workload} ({} -> {}).", spec.from_tag, spec.tag),
        "currentVersion": spec.from_tag,
        "newVersion": spec.tag,
        "digest": spec.digest.clone().unwrap_or_default(),
        "votesRequired": spec.required_approvals,
        "votesReceived": voters.len(),
        "voters": if voters.is_empty() { Value::Null } else { Value::Object(voters) },
        "rejected": rejected,
        "deadline": spec.deadline,
        "createdAt": created,
        "updatedAt": changed_at(update),
    })
}
