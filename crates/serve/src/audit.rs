//! Keel's audit and its figures of each day, read off the updates: they are the trail.

use super::{App, answer};
use axum::extract::{Request, State};
use axum::response::Response;
use http::HeaderMap;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use serinus_wire::image_update::{Decision, Phase};
use serinus_wire::{ImageUpdate, Time};
use std::collections::HashMap;

/// Days that the figures cover.
const DAYS: i64 = 31;

/// One thing that happened.
struct Entry<'u> {
    at: Time,
    who: &'u str,
    action: &'static str,
    /// `approval`, or the kind of the workload.
    kind: String,
    message: String,
    update: &'u ImageUpdate,
}

/// `GET /v1/audit`: the latest first. Without a filter all of it; Keel then shows nothing.
pub async fn list(State(app): State<App>, request: Request) -> Response {
    if app.0.auth.who(request.headers()).is_none() {
        return answer::unauthorized();
    }
    let query = request.uri().query().unwrap_or_default();
    let query = query.replace("%2C", ",").replace("%2c", ",").replace("%2A", "*").replace("%2a", "*");
    let query: HashMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    let (limit, offset) = (number("limit"), number("offset"));
    let kinds: Vec<&str> = query.get("filter").map_or(Vec::new(), |text| text.split(',').map(str::trim).collect());
    let updates = app.0.updates.all();
    let mut entries: Vec<Entry<'_>> = updates.iter().flat_map(entries).collect();
    entries
        .retain(|entry| kinds.is_empty() || kinds.iter().any(|kind| matches!(*kind, "*" | "") || *kind == entry.kind));
    entries.sort_by_key(|entry| std::cmp::Reverse((entry.at, entry.update.metadata.name.clone())));
    let total = entries.len();
    let page = entries.iter().skip(offset).take(if limit == 0 { usize::MAX } else { limit });
    let data: Vec<Value> = page.map(entry_json).collect();
    answer::encoded(&json!({"data": data, "total": total, "limit": limit, "offset": offset}))
}

/// What an update tells: how it came, who voted, when it was written, how it ended.
fn entries(update: &ImageUpdate) -> Vec<Entry<'_>> {
    let (spec, status) = (&update.spec, &update.status);
    let workload = spec.workload.kind.to_lowercase();
    let mut found = Vec::new();
    for vote in &spec.votes {
        let action = match vote.decision {
            Decision::Approve => "approved",
            Decision::Reject => "rejected",
        };
        let message = format!("{action} {} -> {}", spec.from_tag, spec.tag);
        found.push(Entry { at: vote.at, who: &vote.voter, action, kind: "approval".to_string(), message, update });
    }
    if let Some(at) = status.applied_at {
        let name = format!("{}/{}", update.metadata.namespace, spec.workload.name);
        let message = format!("Successfully updated {workload} {name} {}->{}", spec.from_tag, spec.tag);
        found.push(Entry { at, who: "", action: "deployment update", kind: workload.clone(), message, update });
    }
    if let Some(at) = status.finished_at {
        let (action, kind) = match status.phase {
            Phase::Expired => ("expired", "approval".to_string()),
            Phase::Withdrawn => ("archived", "approval".to_string()),
            // Its vote is told already.
            Phase::Rejected => return found,
            _ => ("verdict", workload),
        };
        let message = format!("{}: {}", status.phase, status.message);
        found.push(Entry { at, who: "", action, kind, message, update });
    }
    found
}

fn entry_json(entry: &Entry<'_>) -> Value {
    let (update, spec) = (entry.update, &entry.update.spec);
    json!({
        "id": format!("{}-{}-{}", update.metadata.uid, entry.action.replace(' ', "-"), entry.at.0.as_second()),
        "createdAt": entry.at, "updatedAt": entry.at, "accountId": "", "username": entry.who, "email": "",
        "action": entry.action, "resourceKind": entry.kind, "identifier": update.identifier(), "message": entry.message,
        "payload": "", "payloadType": "",
        "metadata": {"provider": "kubernetes", "approval_id": update.metadata.uid, "current_version": spec.from_tag,
            "new_version": spec.tag, "votes_required": spec.required_approvals.to_string(),
            "votes_received": update.approvers().len().to_string()},
    })
}

/// `GET /v1/stats`: approvals, rejections and updates of each of the last days. Webhooks are 0, as with Keel.
pub async fn stats(State(app): State<App>, headers: HeaderMap) -> Response {
    if app.0.auth.who(&headers).is_none() {
        return answer::unauthorized();
    }
    let (updates, now) = (app.0.updates.all(), app.0.updates.now());
    let entries: Vec<Entry<'_>> = updates.iter().flat_map(entries).collect();
    let of_day = |day: &str| {
        let count =
            |action: &str| entries.iter().filter(|entry| entry.action == action && date(entry.at.0) == day).count();
        json!({"date": day, "webhooks": 0, "approved": count("approved"), "rejected": count("rejected"), "updates": count("deployment update")})
    };
    let days = (0..DAYS).filter_map(|back| now.checked_sub(SignedDuration::from_hours(24 * back)).ok());
    answer::encoded(&Value::from(days.map(|day| of_day(&date(day))).collect::<Vec<_>>()))
}

/// A day as Keel writes it, without zeros in front.
fn date(at: Timestamp) -> String {
    let day = TimeZone::UTC.to_datetime(at).date();
    format!("{}-{}-{}", day.year(), day.month(), day.day())
}
