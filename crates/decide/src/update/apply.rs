//! Writing an update into its workload: one patch, guarded by the version that was looked at.

use super::decide::{Seen, Work};
use super::policy::Policy;
use super::reference::Reference;
use super::tracked::{Tracked, replaced};
use crate::plan::{Op, Verdict};
use jiff::Timestamp;
use serde_json::{Value, json};
use serinus_wire::image_update::{APPLIED, Change};
use serinus_wire::{ImageUpdate, keel};

/// Names of updates that a workload remembers.
const MARKS: usize = 8;

/// Whether the update stands in the workload: it is marked with it, or a person has put the very images in.
pub fn is_in_place(update: &ImageUpdate, tracked: &Tracked) -> bool {
    let marked = marks(tracked).any(|mark| mark == update.metadata.name);
    let changes = &update.spec.changes;
    let other = changes.iter().any(|change| change.from != change.to);
    marked || (other && changes.iter().all(|change| tracked.image(change).as_ref() == Some(&change.to)))
}

/// Whether the images are those of the update, whoever has put them in.
pub fn runs(update: &ImageUpdate, tracked: &Tracked) -> bool {
    update.spec.changes.iter().all(|change| tracked.image(change).as_ref() == Some(&change.to))
}

fn marks(tracked: &Tracked) -> impl Iterator<Item = &str> {
    tracked.metadata.annotations.get(APPLIED).into_iter().flat_map(|marks| marks.split_whitespace())
}

/// The images to write. What runs now may be another than when it was proposed: the policy is asked again.
///
/// # Errors
/// Why it can't be applied any more.
pub fn images(seen: &Seen, tracked: &Tracked, policy: &Policy) -> Result<Vec<(Change, String)>, String> {
    let spec = &seen.update.spec;
    let mut images = Vec::new();
    for change in &spec.changes {
        let Some(now) = tracked.image(change) else {
            return Err(format!("there is no container or volume {} any more", change.name));
        };
        if now == change.from {
            images.push((change.clone(), change.to.clone()));
            continue;
        }
        let reference = Reference::parse(&now)?;
        if reference.repository() != spec.repository {
            return Err(format!("{} runs {now} now, another image", change.name));
        }
        let current = reference.tag.as_deref().unwrap_or_else(|| reference.version());
        policy.accepts(current, &spec.tag).map_err(|why| format!("{} runs {current} now: {why}", change.name))?;
        images.push((change.clone(), replaced(&now, &spec.tag, spec.digest.as_deref(), seen.habits.spell_as_keel)));
    }
    Ok(images)
}

/// Plans the patch.
pub fn write(work: &mut Work<'_>, tracked: &Tracked, images: Vec<(Change, String)>) {
    let (update, now) = (&work.seen.update, work.now);
    let spec = &update.spec;
    let earlier = marks(tracked).filter(|mark| *mark != update.metadata.name).take(MARKS - 1);
    let marks: Vec<&str> = std::iter::once(update.metadata.name.as_str()).chain(earlier).collect();
    // An annotation that Keel leaves behind, and removes when a push tells no digest.
    let known = tracked.metadata.annotations.get(keel::DIGEST);
    let mut on_workload = json!({keel::CHANGE_CAUSE: change_cause(tracked, update, now), APPLIED: marks.join(" ")});
    if spec.digest.is_some() || known.is_some() {
        on_workload[keel::DIGEST] = json!(spec.digest);
    }
    let on_template: Value = json!({keel::UPDATE_TIME: go_time(now)});
    let patch = tracked.patch(&images, on_template, on_workload);
    let text = format!("writes {} into {} {}", spec.tag, tracked.kind.word(), tracked.metadata.name);
    work.report("apply", Verdict::Acts, text);
    work.write(tracked.kind, &tracked.metadata, Op::Patch(patch));
}

/// What `kubectl rollout history` shows, in Keel's words.
fn change_cause(tracked: &Tracked, update: &ImageUpdate, now: Timestamp) -> String {
    let with = |version: &str, digest: Option<&String>| match digest {
        Some(digest) => format!("{version} ({digest})"),
        None => version.to_string(),
    };
    let spec = &update.spec;
    let current = with(&spec.from_tag, tracked.metadata.annotations.get(keel::DIGEST));
    let new = with(&spec.tag, spec.digest.as_ref());
    format!("keel automated update, version {current} -> {new} [{}]", serinus_wire::Time(now))
}

/// The time as Go's `time.Now().String()` has it, of a process that has just begun.
fn go_time(now: Timestamp) -> String {
    format!("{} +0000 UTC m=+0.000000001", now.strftime("%Y-%m-%d %H:%M:%S%.f"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_as_go_prints_it() {
        for (time, wanted) in [
            ("2026-01-02T03:04:05Z", "2026-01-02 03:04:05 +0000 UTC m=+0.000000001"),
            ("2026-01-02T03:04:05.120Z", "2026-01-02 03:04:05.12 +0000 UTC m=+0.000000001"),
            ("2026-01-02T03:04:05.123456789Z", "2026-01-02 03:04:05.123456789 +0000 UTC m=+0.000000001"),
        ] {
            assert_eq!(go_time(time.parse().unwrap()), wanted);
        }
    }
}
