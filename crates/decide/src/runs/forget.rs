//! Old runs are deleted (spec 4.1): those of sets that are gone, and the oldest beyond what is kept.

use super::{Site, own};
use crate::pass::Pass;
use crate::plan::{Kind, Op, Verdict};
use serinus_wire::analysis::Phase;
use serinus_wire::{ObjectMeta, keys};

/// Runs that are kept when the Rollout does not say it.
const KEPT: i32 = 5;

/// Deletes old runs, never those that the status names.
pub fn forget(pass: &mut Pass<'_>) {
    let all = own(pass).map(|run| (&run.metadata, run.status.phase));
    for run in old(pass, &kept_names(pass), all) {
        pass.write(Kind::AnalysisRun, run, Op::Delete);
        pass.report("analysis", Verdict::Acts, format!("run {} is old: deleted", run.name));
    }
}

/// Which of these runs or experiments are to go, the newest first. Those of names in `kept` stay, and what is under way.
pub fn old<'s>(
    pass: &Pass<'_>,
    kept: &[String],
    all: impl Iterator<Item = (&'s ObjectMeta, Option<Phase>)>,
) -> Vec<&'s ObjectMeta> {
    let mut all: Vec<_> =
        all.filter(|(meta, _)| !kept.contains(&meta.name) && meta.deletion_timestamp.is_none()).collect();
    all.sort_by(|(a, _), (b, _)| b.creation_timestamp.cmp(&a.creation_timestamp).then_with(|| b.name.cmp(&a.name)));
    let limits = pass.rollout.spec.analysis.clone().unwrap_or_default();
    let mut good = limits.successful_run_history_limit.unwrap_or(KEPT);
    let mut bad = limits.unsuccessful_run_history_limit.unwrap_or(KEPT);
    all.retain(|(meta, phase)| match phase {
        _ if is_orphaned(pass, meta) => true,
        Some(Phase::Successful) => !take(&mut good),
        Some(Phase::Failed | Phase::Error | Phase::Inconclusive) => !take(&mut bad),
        Some(Phase::Pending | Phase::Running) | None => false,
    });
    all.into_iter().map(|(meta, _)| meta).collect()
}

fn take(left: &mut i32) -> bool {
    *left -= 1;
    *left >= 0
}

/// Names of the runs that the old or the new status speaks of.
fn kept_names(pass: &Pass<'_>) -> Vec<String> {
    let sites = [Site::Background, Site::Step(0), Site::PrePromotion, Site::PostPromotion];
    let recorded = sites.iter().flat_map(|site| [site.recorded(&pass.status), site.recorded(&pass.rollout.status)]);
    recorded.flatten().map(|run| run.name.clone()).collect()
}

/// The set that a run judged is gone or on its way out.
fn is_orphaned(pass: &Pass<'_>, meta: &ObjectMeta) -> bool {
    let Some(hash) = meta.labels.get(keys::HASH) else { return true };
    let set = pass.sets.all.iter().find(|set| set.hash() == hash);
    set.is_none_or(|set| set.seen.metadata.deletion_timestamp.is_some())
}
