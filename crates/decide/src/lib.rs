//! The pure core: `decide(&Seen, now) -> Plan`.
//!
//! `Seen` is everything known about one Rollout, as plain data. `Plan` is the ordered acts (guarded writes and events), the
//! next wake-up, and a report that names every reason it waits. No I/O, no clock, no randomness, no panic.

mod affinity;
pub mod analysis;
mod bluegreen;
pub mod canary;
mod delay;
pub mod experiment;
mod experiments;
mod identity;
mod lint;
mod metadata;
mod pass;
pub mod plan;
mod promotion;
mod release;
mod rescale;
mod restart;
mod route;
mod runs;
pub mod seen;
mod service;
mod sets;
mod spec;
mod status;
mod strategy;
mod templates;
pub mod update;
mod workload;

pub use identity::is_own;
pub use lint::lint;
pub use plan::{Act, Guard, Kind, Line, Note, NoteType, Op, Plan, Report, Target, Verdict, Write};
pub use release::release;
pub use seen::{Named, Seen, Workload, is_behind, names, needs_pods};
pub use status::held::COUNTS_WAIT;

use jiff::Timestamp;
use pass::Pass;
use serde_json::json;
use serinus_wire::validate;

/// Decides what is to be done about one Rollout now. Total: every input gives a plan.
pub fn decide(seen: &Seen, now: Timestamp) -> Plan {
    if seen.rollout.metadata.deletion_timestamp.is_some() {
        let mut plan = Plan::default();
        let text = "the Rollout is being deleted".to_string();
        plan.report.lines.push(Line { part: "rollout".to_string(), verdict: Verdict::Done, text });
        return plan;
    }
    let rollout = match spec::effective(seen) {
        Ok(rollout) => rollout,
        Err(refused) => {
            let (rollout, finding) = *refused;
            let message = validate::invalid_message(&rollout.metadata.name, &finding);
            let sets = identity::sets(seen, &rollout);
            let mut pass = Pass::new(seen, now, rollout, sets);
            seen_workload_generation(&mut pass);
            status::refuse(&mut pass, &finding, &message);
            return pass.into_plan();
        }
    };
    let sets = identity::sets(seen, &rollout);
    let mut pass = Pass::new(seen, now, rollout, sets);
    reconcile(&mut pass);
    pass.into_plan()
}

/// The skeleton of spec 2.1: what comes before the strategy, each ending the pass when it changes the ground.
fn reconcile(pass: &mut Pass<'_>) {
    identity::adopt(pass);
    release::reconcile(pass);
    if seen_workload_generation(pass) {
        pass.report("workload", Verdict::Acts, "the referenced workload changed");
    }
    if pass.rollout.spec.replicas.is_none() {
        // Scalers need the number to be there.
        pass.patch_rollout(json!({"spec": {"replicas": 1}}));
        pass.report("spec", Verdict::Acts, "spec.replicas was absent: 1");
        return;
    }
    if pass.sets.new_set().is_none() {
        identity::create(pass);
        return;
    }
    if pass.rollout.status.abort && promotion::fully_promoted(&pass.rollout) {
        pass.pause.remove_abort = true;
    }
    if rescale::is_needed(pass) {
        rescale::reconcile(pass);
        return;
    }
    pass.strategy().pass(pass);
    workload::scale_down(pass);
}

/// Keeps the generation of the workload in an annotation of the Rollout; says whether it changed.
fn seen_workload_generation(pass: &mut Pass<'_>) -> bool {
    use serinus_wire::keys::WORKLOAD_GENERATION;
    let Workload::Found(workload) = &pass.seen.workload else { return false };
    let generation = workload.metadata.generation.to_string();
    if pass.rollout.metadata.annotations.get(WORKLOAD_GENERATION) == Some(&generation) {
        return false;
    }
    pass.patch_rollout(json!({"metadata": {"annotations": {WORKLOAD_GENERATION: generation}}}));
    pass.rollout.metadata.annotations.insert(WORKLOAD_GENERATION.to_string(), generation);
    true
}
