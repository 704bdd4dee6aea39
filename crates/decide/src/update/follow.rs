//! What became of an update that was written: the verdict of the Rollout, or of the workload's own controller.

use super::apply::runs;
use super::decide::{Behind, Work};
use super::promote;
use super::tracked::{Progress, Tracked};
use crate::plan::{Kind, Verdict};
use serinus_wire::ImageUpdate;
use serinus_wire::image_update::{ImageUpdateStatus, Phase, Started};

/// What an update starts when it is written into `tracked`.
pub fn started(behind: &Behind, tracked: &Tracked) -> Started {
    match behind {
        Behind::Itself => Started {
            kind: tracked.kind.word().to_string(),
            name: tracked.metadata.name.clone(),
            pod_hash: String::new(),
        },
        Behind::Rollout { name, .. } => {
            Started { kind: Kind::Rollout.word().to_string(), name: name.clone(), pod_hash: String::new() }
        }
    }
}

/// An update that was written, and has no verdict.
pub fn follow(work: &mut Work<'_>, tracked: &Tracked) {
    let known = known_hash(&work.seen.update).to_string();
    match work.seen.behind.clone() {
        Behind::Rollout { observed: false, name, .. } => {
            work.report("rollout", Verdict::Waits, format!("Rollout {name} has not observed the change yet"));
        }
        Behind::Rollout { pod_hash, .. } if known.is_empty() && runs(&work.seen.update, tracked) => {
            let seen = work.seen;
            let started = Started { pod_hash, ..started(&seen.behind, tracked) };
            work.status(&ImageUpdateStatus { rollout: Some(started), ..seen.update.status.clone() });
            work.report("rollout", Verdict::Acts, "notes the pods that it brings");
        }
        Behind::Rollout { pod_hash, .. } if known.is_empty() || pod_hash != known => replaced(work, tracked),
        Behind::Rollout { held: Some(rollout), .. } if promote::counts(work, tracked) => {
            promote::promote(work, &rollout)
        }
        Behind::Rollout { stable_hash, aborted, phase, message, name, .. } => {
            if aborted {
                // The message may still be that of the step before.
                let why =
                    Some(message).filter(|message| message.contains("bort")).map(|message| format!(": {message}"));
                work.end(Phase::RolledBack, format!("Rollout {name} was aborted{}", why.unwrap_or_default()));
            } else if phase == "Healthy" && stable_hash == known {
                work.end(Phase::Promoted, format!("Rollout {name} is healthy with it"));
            } else if phase == "Degraded" {
                work.end(Phase::Failed, format!("Rollout {name} is degraded: {message}"));
            } else {
                let why = if message.is_empty() { String::new() } else { format!(" - {message}") };
                work.report("rollout", Verdict::Waits, format!("Rollout {name}: {phase}{why}"));
            }
        }
        Behind::Itself if !runs(&work.seen.update, tracked) => replaced(work, tracked),
        Behind::Itself => {
            let name = format!("{} {}", tracked.kind.word(), tracked.metadata.name);
            match &tracked.progress {
                Progress::Done => work.end(Phase::Promoted, format!("{name} is complete with it")),
                Progress::Failed(why) => work.end(Phase::Failed, format!("{name}: {why}")),
                Progress::Unseen => work.report("rollout", Verdict::Waits, format!("{name} was not observed yet")),
                Progress::Moving => work.report("rollout", Verdict::Waits, format!("{name} replaces its pods")),
            }
        }
    }
}

/// Something else was written over it before its verdict.
fn replaced(work: &mut Work<'_>, tracked: &Tracked) {
    let update = &work.seen.update;
    let back = update.spec.changes.iter().all(|change| tracked.image(change).as_ref() == Some(&change.from));
    if back {
        return work.end(Phase::RolledBack, format!("{} was put back in its place", update.spec.from_tag));
    }
    let other = work.seen.siblings.iter().filter(|other| {
        other.spec.repository == update.spec.repository
            && other.status.applied_at >= update.status.applied_at
            && runs(other, tracked)
    });
    match other.max_by(|left, right| left.order().cmp(&right.order())) {
        Some(other) => {
            let message = format!("{} was written over it", other.spec.tag);
            work.end_with(Phase::Superseded, message, |status| status.superseded_by.clone_from(&other.metadata.name));
        }
        None => work.end(Phase::Superseded, "another version was written over it".to_string()),
    }
}

/// A verdict that fell. One that was bad becomes good when somebody tried again and it went through.
pub fn finished(work: &mut Work<'_>) {
    let status = &work.seen.update.status;
    let known = known_hash(&work.seen.update).to_string();
    let revived = match (&work.seen.behind, status.phase) {
        (
            Behind::Rollout { observed: true, pod_hash, stable_hash, aborted: false, phase, .. },
            Phase::RolledBack | Phase::Failed,
        ) => !known.is_empty() && *pod_hash == known && *stable_hash == known && phase == "Healthy",
        (Behind::Itself, Phase::Failed) => {
            let tracked = work.seen.tracked.as_ref();
            tracked.is_some_and(|tracked| tracked.progress == Progress::Done && runs(&work.seen.update, tracked))
        }
        _ => false,
    };
    if revived {
        work.end(Phase::Promoted, "it was tried again and went through".to_string());
    } else {
        let text = format!("{}: {}", status.phase, status.message);
        work.report("update", Verdict::Done, text);
    }
}

fn known_hash(update: &ImageUpdate) -> &str {
    update.status.rollout.as_ref().map_or("", |started| started.pod_hash.as_str())
}
