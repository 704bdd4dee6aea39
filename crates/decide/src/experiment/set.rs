//! One set of pods of an Experiment (spec 5): its ReplicaSet, its size, and how it stands.

use super::look::Look;
use super::seen::part_name;
use super::{service, valid};
use crate::plan::{Kind, NoteType, Op, Verdict};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use serinus_gocompat::hash;
use serinus_wire::experiment::{TemplatePhase, TemplateSpec, TemplateStatus};
use serinus_wire::k8s::ReplicaSet;
use serinus_wire::{Time, keys};

/// Seconds that the pods stay after the end, when the Experiment does not say it.
const SCALE_DOWN_DELAY: i32 = 30;

/// Looks at one set: creates it, sizes it, and says how it stands.
pub fn reconcile(look: &mut Look<'_>, template: &TemplateSpec) {
    let before = look.set_before(&template.name);
    let desired = desired(look, template, &before);
    let mut next = before.clone();
    let name = part_name(look.experiment(), &template.name);
    match own(look, &name) {
        Some(Own::Ours(set)) => {
            count(look, &mut next, set);
            let fault = service::reconcile(look, template, set, desired, &mut next)
                .and_then(|()| size(look, template, set, desired, &mut next));
            stand(look, template, &mut next, desired, fault);
        }
        Some(Own::Theirs) if desired > 0 => {
            let text = format!(
                "Failed to create ReplicaSet for template '{}': replicasets.apps \"{name}\" already exists and is not owned by this Experiment",
                template.name
            );
            stand(look, template, &mut next, desired, Err(text));
        }
        None if desired > 0 || wants_to_begin(look, &before) => {
            let fault = create(look, template, &name);
            // Counts of a set that is just being made say nothing, but none is missing where none is wanted.
            let desired = if desired > 0 { i32::MAX } else { desired };
            stand(look, template, &mut next, desired, fault);
        }
        Some(Own::Theirs) | None => {
            service::remove(look, template, &mut next);
            stand(look, template, &mut next, desired, Ok(()));
        }
    }
    look.keep_set(next);
}

/// What stands under the name of a set.
enum Own<'a> {
    /// It is the Experiment's own.
    Ours(&'a ReplicaSet),
    /// It is not.
    Theirs,
}

fn own<'a>(look: &Look<'a>, name: &str) -> Option<Own<'a>> {
    let set = look.seen.replica_sets.iter().find(|set| set.metadata.name == name)?;
    Some(if look.is_own(&set.metadata) { Own::Ours(set) } else { Own::Theirs })
}

/// A set of no pods is created all the same, as long as the Experiment goes on.
fn wants_to_begin(look: &Look<'_>, before: &TemplateStatus) -> bool {
    !look.terminating && !before.status.is_some_and(TemplatePhase::is_completed)
}

/// The pods that the set should have now.
fn desired(look: &Look<'_>, template: &TemplateSpec, before: &TemplateStatus) -> i32 {
    if look.terminating || before.status.is_some_and(TemplatePhase::is_completed) {
        return 0;
    }
    template.replicas.unwrap_or(1)
}

/// The template of the set, with its hash. A hash that came with it is another's, and does not count.
pub fn labelled(template: &TemplateSpec, collision_count: Option<i32>) -> (Value, String) {
    let mut whole = template.template.clone();
    if let Some(labels) = whole.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.shift_remove(keys::HASH);
    }
    let hash = hash::pod_template(&whole, collision_count);
    put(&mut whole, &["metadata", "labels"], keys::HASH, &hash);
    (whole, hash)
}

/// Puts a text under `path`, whatever is there now.
fn put(value: &mut Value, path: &[&str], key: &str, text: &str) {
    let mut at = value;
    for step in path {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[*step];
    }
    if !at.is_object() {
        *at = Value::Object(Map::new());
    }
    at[key] = json!(text);
}

fn create(look: &mut Look<'_>, template: &TemplateSpec, name: &str) -> Result<(), String> {
    if let Some(refusal) = look.refused(Kind::ReplicaSet, name) {
        look.note(
            NoteType::Warning,
            "ReplicaSetCreateError",
            format!("Failed to create new replica set \"{name}\": {refusal}"),
        );
        return Err(format!("Failed to create ReplicaSet for template '{}': {refusal}", template.name));
    }
    let (whole, hash) = labelled(template, look.set_before(&template.name).collision_count);
    let mut selector = template.selector.clone().unwrap_or(Value::Null);
    put(&mut selector, &["matchLabels"], keys::HASH, &hash);
    let mut spec = json!({"replicas": 0, "selector": selector});
    if template.min_ready_seconds != 0 {
        spec["minReadySeconds"] = json!(template.min_ready_seconds);
    }
    let labels = whole.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({keys::HASH: hash}));
    spec["template"] = whole;
    let object = json!({"metadata": {"labels": labels, "annotations": annotations(look, template)}, "spec": spec});
    look.create(Kind::ReplicaSet, name, object);
    look.report("scale", Verdict::Acts, format!("ReplicaSet {name} is created"));
    Ok(())
}

/// What tells whose an object is.
pub fn annotations(look: &Look<'_>, template: &TemplateSpec) -> Value {
    json!({keys::EXPERIMENT_NAME: look.experiment().metadata.name, keys::EXPERIMENT_TEMPLATE_NAME: template.name})
}

/// Takes the counts of the set over; a change of one of them is progress.
fn count(look: &mut Look<'_>, next: &mut TemplateStatus, set: &ReplicaSet) {
    let counts = |status: &TemplateStatus| {
        [status.replicas, status.updated_replicas, status.ready_replicas, status.available_replicas]
    };
    let before = counts(next);
    next.replicas = set.status.replicas;
    next.updated_replicas = set.status.replicas;
    next.ready_replicas = set.status.ready_replicas;
    next.available_replicas = set.status.available_replicas;
    if counts(next) != before {
        look.moved = true;
        next.last_transition_time = Some(look.wire_now());
    }
}

/// Brings the set to its size: up at once, down after a delay.
fn size(
    look: &mut Look<'_>,
    template: &TemplateSpec,
    set: &ReplicaSet,
    desired: i32,
    next: &mut TemplateStatus,
) -> Result<(), String> {
    let (from, name) = (set.spec.replicas.unwrap_or(1), &set.metadata.name);
    let marked = set.metadata.annotations.get(keys::SCALE_DOWN_DEADLINE);
    if desired == 0 && from > 0 && stays(look, set, next) {
        return Ok(());
    }
    let mut patch = json!({});
    if desired != from {
        if let Some(refusal) = look.refused(Kind::ReplicaSet, name) {
            look.note(
                NoteType::Warning,
                "ReplicaSetUpdateError",
                format!("Failed to scale {name} {}: {refusal}", way(from, desired)),
            );
            return Err(format!(
                "Unable to scale ReplicaSet for template '{}' to desired replica count '{desired}': {refusal}",
                template.name
            ));
        }
        patch["spec"] = json!({"replicas": desired});
    }
    if desired > 0 && marked.is_some() {
        // It is from an earlier life of the Experiment: the pods would go without a delay at the end of this one.
        patch["metadata"] = json!({"annotations": {keys::SCALE_DOWN_DEADLINE: null}});
    }
    if patch == json!({}) {
        return Ok(());
    }
    look.write(Kind::ReplicaSet, &set.metadata, Op::Patch(patch));
    if desired != from {
        let text = format!("Scaled {} ReplicaSet {name} from {from} to {desired}", way(from, desired));
        look.report("scale", Verdict::Acts, text.clone());
        look.note(NoteType::Normal, "ScalingReplicaSet", text);
        next.last_transition_time = Some(look.wire_now());
    }
    Ok(())
}

fn way(from: i32, to: i32) -> &'static str {
    if to > from { "up" } else { "down" }
}

/// The pods of a set that is done stay for a while.
fn stays(look: &mut Look<'_>, set: &ReplicaSet, next: &mut TemplateStatus) -> bool {
    let (name, seconds) =
        (&set.metadata.name, look.experiment().spec.scale_down_delay_seconds.unwrap_or(SCALE_DOWN_DELAY));
    let until = match set.metadata.annotations.get(keys::SCALE_DOWN_DEADLINE) {
        Some(deadline) => deadline.parse::<Timestamp>().unwrap_or(Timestamp::MIN),
        None if seconds <= 0 => return false,
        None => {
            let until = Look::after(look.wire_now(), SignedDuration::from_secs(i64::from(seconds)));
            let deadline = json!({"metadata": {"annotations": {keys::SCALE_DOWN_DEADLINE: Time(until).to_string()}}});
            look.write(Kind::ReplicaSet, &set.metadata, Op::Patch(deadline));
            next.last_transition_time = Some(look.wire_now());
            until
        }
    };
    if until <= look.now {
        return false;
    }
    look.wake_at(until);
    look.report("scale", Verdict::Waits, format!("ReplicaSet {name} is kept until {}", Time(until)));
    true
}

/// How the set stands after this look. What is over stays as it ended.
fn stand(
    look: &mut Look<'_>,
    template: &TemplateSpec,
    next: &mut TemplateStatus,
    desired: i32,
    fault: Result<(), String>,
) {
    if next.status.is_some_and(TemplatePhase::is_completed) {
        return;
    }
    let before = next.status;
    if let Err(message) = fault {
        look.report("scale", Verdict::Refused, message.clone());
        next.status = Some(TemplatePhase::Error);
        next.message = message;
    } else if look.terminating {
        next.status = Some(TemplatePhase::Successful);
    } else if next.available_replicas == desired {
        let end = look.ends_at();
        end.into_iter().for_each(|end| look.wake_at(end));
        let over = before == Some(TemplatePhase::Running) && end.is_some_and(|end| end <= look.now);
        next.status = Some(if over { TemplatePhase::Successful } else { TemplatePhase::Running });
    } else {
        progress(look, template, next, desired);
    }
    // Pods have until a time after this one; every other turn tells of itself by the counts that led to it.
    let turned = next.status != before;
    if turned && next.status == Some(TemplatePhase::Progressing) {
        next.last_transition_time = Some(look.wire_now());
    }
    look.moved |= turned && !over_by_time(before, next.status);
}

/// The end of a set that has run its time is no progress of its pods.
fn over_by_time(before: Option<TemplatePhase>, now: Option<TemplatePhase>) -> bool {
    before == Some(TemplatePhase::Running) && now == Some(TemplatePhase::Successful)
}

/// Pods are missing: they have until the deadline.
fn progress(look: &mut Look<'_>, template: &TemplateSpec, next: &mut TemplateStatus, desired: i32) {
    let seconds = valid::progress_deadline(look.experiment());
    let since = next.last_transition_time.filter(|_| next.status == Some(TemplatePhase::Progressing));
    let until = Look::after(since.unwrap_or(look.wire_now()), SignedDuration::from_secs(i64::from(seconds)));
    if until <= look.now && since.is_some() {
        next.status = Some(TemplatePhase::Failed);
        next.message = format!("Template '{}' exceeded its progressDeadlineSeconds ({seconds})", template.name);
        look.report("scale", Verdict::Refused, next.message.clone());
        return;
    }
    next.status = Some(TemplatePhase::Progressing);
    look.wake_at(until);
    if desired != i32::MAX {
        let text = format!(
            "template {:?}: {} of {desired} pods are available, until {} at the latest",
            template.name,
            next.available_replicas,
            Time(until)
        );
        look.report("scale", Verdict::Waits, text);
    }
}
