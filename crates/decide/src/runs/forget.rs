//! Old runs are deleted (spec 4.1): those of sets that are gone, and the oldest beyond what is kept.

use super::{Site, own};
use crate::pass::Pass;
use crate::plan::{Kind, Op, Verdict};
use serinus_wire::AnalysisRun;
use serinus_wire::analysis::Phase;
use serinus_wire::keys;

/// Runs that are kept when the Rollout does not say it.
const KEPT: i32 = 5;

/// Deletes old runs, never those that the status names.
pub fn forget(pass: &mut Pass<'_>) {
    let kept = kept_names(pass);
    let mut old: Vec<&AnalysisRun> = own(pass)
        .filter(|run| !kept.contains(&run.metadata.name) && run.metadata.deletion_timestamp.is_none())
        .collect();
    old.sort_by(|a, b| {
        let created = |run: &AnalysisRun| run.metadata.creation_timestamp;
        created(b).cmp(&created(a)).then_with(|| b.metadata.name.cmp(&a.metadata.name))
    });
    let limits = pass.rollout.spec.analysis.clone().unwrap_or_default();
    let mut good = limits.successful_run_history_limit.unwrap_or(KEPT);
    let mut bad = limits.unsuccessful_run_history_limit.unwrap_or(KEPT);
    for run in old {
        let stays = match run.status.phase {
            _ if is_orphaned(pass, run) => false,
            Some(Phase::Successful) => take(&mut good),
            Some(Phase::Failed | Phase::Error | Phase::Inconclusive) => take(&mut bad),
            Some(Phase::Pending | Phase::Running) | None => true,
        };
        if !stays {
            pass.write(Kind::AnalysisRun, &run.metadata, Op::Delete);
            pass.report("analysis", Verdict::Acts, format!("run {} is old: deleted", run.metadata.name));
        }
    }
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
fn is_orphaned(pass: &Pass<'_>, run: &AnalysisRun) -> bool {
    let Some(hash) = run.metadata.labels.get(keys::HASH) else { return true };
    let set = pass.sets.all.iter().find(|set| set.hash() == hash);
    set.is_none_or(|set| set.seen.metadata.deletion_timestamp.is_some())
}
