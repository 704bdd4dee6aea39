//! The verdict for those who do not wait: whether it has to be told, and in which words.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use serinus_wire::ImageUpdate;

/// A verdict that could not be told for so long is old news.
const NEWS: SignedDuration = SignedDuration::from_hours(24);

/// Whether the verdict has not been told since it fell.
pub fn is_owed(update: &ImageUpdate, now: Timestamp) -> bool {
    let status = &update.status;
    status.phase.is_final()
        && update.metadata.deletion_timestamp.is_none()
        && status.finished_at.is_some_and(|finished| {
            now.duration_since(finished.0) < NEWS && status.told_at.is_none_or(|told| told < finished)
        })
}

/// What is told: who receives it decides by `phase`.
pub fn message(update: &ImageUpdate) -> Value {
    let (meta, spec, status) = (&update.metadata, &update.spec, &update.status);
    json!({
        "event": "verdict",
        "namespace": meta.namespace,
        "name": meta.name,
        "workload": spec.workload,
        "image": format!("{}:{}", spec.repository, spec.tag),
        "digest": spec.digest,
        "from": spec.from_tag,
        "source": spec.source,
        "approvedBy": update.approvers(),
        "phase": status.phase,
        "message": status.message,
        "supersededBy": Some(&status.superseded_by).filter(|name| !name.is_empty()),
        "rollout": status.rollout,
        "finishedAt": status.finished_at,
    })
}

/// Tells one verdict from another: whoever receives it twice knows that it is the same.
pub fn key(update: &ImageUpdate) -> String {
    let at = update.status.finished_at.map(|at| at.to_string()).unwrap_or_default();
    format!("{}/{}/{at}", update.metadata.uid, update.status.phase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_owed_until_it_is_told_or_old() {
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        for (phase, finished, told, owed) in [
            ("Pending", None, None, false),
            ("RollingOut", None, None, false),
            ("Promoted", Some("2026-01-01T23:59:00Z"), None, true),
            ("Rejected", Some("2026-01-01T23:59:00Z"), None, true),
            ("Promoted", Some("2026-01-01T23:59:00Z"), Some("2026-01-01T23:59:00Z"), false),
            // It was taken back, that was told, and then somebody tried again.
            ("Promoted", Some("2026-01-01T23:59:00Z"), Some("2026-01-01T23:00:00Z"), true),
            ("Promoted", Some("2025-12-31T23:59:00Z"), None, false),
        ] {
            let status = json!({"phase": phase, "finishedAt": finished, "toldAt": told});
            let update: ImageUpdate = serde_json::from_value(json!({"status": status.clone()})).unwrap();
            assert_eq!(is_owed(&update, now), owed, "{status}");
        }
    }
}
