//! What one push means for one workload: a proposal, nothing new, or nothing at all, and why.

use super::event::Event;
use super::policy::Policy;
use super::reference::Reference;
use super::tracked::{Slot, Tracked, replaced};
use super::version::Version;
use jiff::{SignedDuration, Timestamp};
use serinus_wire::image_update::{API_VERSION, Change, ImageUpdateSpec, ImageUpdateStatus, KIND, Source, WorkloadName};
use serinus_wire::{ImageUpdate, MicroTime, ObjectMeta, OwnerReference, Time, keel};

/// A second word of the same push within this time is the same push, where no digest tells otherwise.
const SAME_PUSH: SignedDuration = SignedDuration::from_mins(10);

/// What the whole process does about updates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    /// Images are spelled as Keel spells them, `library/nginx:2`, instead of as their owner did.
    pub spell_as_keel: bool,
}

/// What a push means for a workload.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Create this, unless one of its name exists.
    Propose(Box<ImageUpdate>),
    /// It is known under this name. The digest is news to it.
    Known {
        /// Name of the update.
        name: String,
        /// What it does not know yet.
        learns: Option<String>,
    },
    /// The workload runs the image, and does not take the push: why.
    Refused(String),
    /// The workload has nothing to do with it: why.
    Apart(String),
}

/// What `event` means for `tracked`, of which the updates `known` exist.
pub fn propose(event: &Event, tracked: &Tracked, known: &[ImageUpdate], habits: Habits, now: Timestamp) -> Answer {
    let policy = match Policy::of(&tracked.settings) {
        Ok(Some(policy)) => policy,
        Ok(None) => return Answer::Apart("it has no keel.sh/policy".to_string()),
        Err(why) => return Answer::Apart(why),
    };
    if tracked.refers {
        return Answer::Apart("it takes its pods from another workload, which is updated instead".to_string());
    }
    let repository = event.reference.repository();
    let runs = |slot: &Slot| Reference::parse(&slot.image).is_ok_and(|image| image.repository() == repository);
    let slots: Vec<Slot> = tracked.monitored().into_iter().filter(runs).collect();
    if slots.is_empty() {
        return Answer::Apart(format!("none of its containers runs {repository}"));
    }
    let known: Vec<&ImageUpdate> = known.iter().filter(|update| update.spec.repository == repository).collect();
    let same = known.iter().filter(|update| update.spec.tag == event.tag).copied();
    // Two senders may count alike.
    let same_request = |source: &Source| source.key == event.key && source.sender == event.sender;
    if let Some(twin) = known.iter().find(|update| !event.key.is_empty() && same_request(&update.spec.source)) {
        return Answer::Known { name: twin.metadata.name.clone(), learns: None };
    }
    if let Some(twin) = same.clone().find(|update| !update.status.phase.is_final() && agrees(update, event)) {
        let learns = event.digest.clone().filter(|_| twin.spec.digest.is_none());
        return Answer::Known { name: twin.metadata.name.clone(), learns };
    }
    if let Some(bad) = same.clone().find(|update| update.refuses_again() && agrees(update, event)) {
        return Answer::Refused(format!(
            "{} was {} before; `serinus updates allow {}` lets it in again",
            event.tag,
            if bad.status.phase == serinus_wire::image_update::Phase::Rejected { "rejected" } else { "rolled back" },
            bad.metadata.name
        ));
    }
    let (mut changes, mut from, mut refused) = (Vec::new(), String::new(), String::new());
    for slot in &slots {
        match change(event, tracked, &policy, slot, habits) {
            Ok((change, current)) => {
                changes.push(change);
                from = current;
            }
            Err(why) => refused = why,
        }
    }
    if changes.is_empty() {
        return Answer::Refused(refused);
    }
    if let Some(twin) = same.clone().find(|update| is_same_push(update, &from, event, now)) {
        let learns = event.digest.clone().filter(|_| twin.spec.digest.is_none());
        return Answer::Known { name: twin.metadata.name.clone(), learns };
    }
    let open = known.iter().filter(|update| !update.status.phase.is_final() && update.status.applied_at.is_none());
    if let Some(better) = open.clone().find(|open| !takes_place(&policy, &open.spec.tag, &event.tag)) {
        return Answer::Refused(format!(
            "{} is proposed already, and {} does not take its place",
            better.spec.tag, event.tag
        ));
    }
    let required = match &tracked.settings.approvals {
        Ok(required) => *required,
        Err(text) => {
            return Answer::Refused(format!(
                "{} {text:?} is no number: nobody can say how many votes are needed",
                keel::APPROVALS
            ));
        }
    };
    let round = same.map(|update| update.spec.round + 1).max().unwrap_or(0);
    Answer::Propose(Box::new(proposal(event, tracked, changes, &from, required, round, now)))
}

/// The image that a slot would get, and the version that it has.
fn change(
    event: &Event,
    tracked: &Tracked,
    policy: &Policy,
    slot: &Slot,
    habits: Habits,
) -> Result<(Change, String), String> {
    let image = Reference::parse(&slot.image)?;
    // The tag counts where there is one; Keel compares the digest, which no version ever exceeds.
    let current = image.tag.as_deref().unwrap_or_else(|| image.version()).to_string();
    policy.accepts(&current, &event.tag)?;
    if image.digest.is_some() && event.digest.is_none() && !habits.spell_as_keel {
        return Err(format!("{} is pinned to a digest, and the push does not tell one", slot.image));
    }
    if current == event.tag {
        let running = image.digest.as_ref().or_else(|| tracked.metadata.annotations.get(keel::DIGEST));
        match (running, &event.digest) {
            (Some(running), Some(pushed)) if running == pushed => {
                return Err(format!("{current} runs with this digest already"));
            }
            (_, None) if matches!(policy, Policy::Regexp(_)) => {
                return Err(format!("{current} runs already, and the push does not tell a digest"));
            }
            _ => {}
        }
    }
    let to = replaced(&slot.image, &event.tag, event.digest.as_deref(), habits.spell_as_keel);
    let change = Change { place: slot.place, name: slot.name.clone(), from: slot.image.clone(), to };
    Ok((change, current))
}

/// Nothing says that it is about another digest.
fn agrees(update: &ImageUpdate, event: &Event) -> bool {
    match (&update.spec.digest, &event.digest) {
        (Some(known), Some(pushed)) => known == pushed,
        _ => true,
    }
}

/// The tag runs because of `update`, which is young: the event is a second word of the same push.
fn is_same_push(update: &ImageUpdate, current: &str, event: &Event, now: Timestamp) -> bool {
    let young = update.status.applied_at.is_some_and(|at| now.duration_since(at.0) < SAME_PUSH);
    current == event.tag && young && agrees(update, event)
}

/// Whether `new` takes the place of `old`, which is proposed and not applied. When each may follow the other, or neither, the
/// later one counts, unless both are the same version.
pub fn takes_place(policy: &Policy, old: &str, new: &str) -> bool {
    match (policy.accepts(old, new).is_ok(), policy.accepts(new, old).is_ok()) {
        (true, _) => true,
        (false, true) => false,
        (false, false) => match (Version::parse(old), Version::parse(new)) {
            (Some(old_version), Some(new_version)) => old == new || old_version != new_version,
            _ => true,
        },
    }
}

fn proposal(
    event: &Event,
    tracked: &Tracked,
    changes: Vec<Change>,
    from: &str,
    required: u32,
    round: u32,
    now: Timestamp,
) -> ImageUpdate {
    let meta = &tracked.metadata;
    let workload = WorkloadName { kind: tracked.kind.word().to_string(), name: meta.name.clone() };
    let repository = event.reference.repository();
    let deadline = SignedDuration::try_from_hours(tracked.settings.approval_deadline)
        .and_then(|hours| now.checked_add(hours).ok())
        .unwrap_or(Timestamp::MAX);
    let owner = OwnerReference {
        api_version: tracked.kind.api_version().to_string(),
        kind: workload.kind.clone(),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        ..OwnerReference::default()
    };
    ImageUpdate {
        metadata: ObjectMeta {
            name: name(&workload, &repository, &event.tag, round),
            namespace: meta.namespace.clone(),
            owner_references: vec![owner],
            ..ObjectMeta::default()
        },
        spec: ImageUpdateSpec {
            workload,
            repository,
            tag: event.tag.clone(),
            digest: event.digest.clone(),
            from_tag: from.to_string(),
            changes,
            policy: tracked.settings.policy.clone().unwrap_or_default(),
            source: Source {
                trigger: event.trigger.clone(),
                at: Some(MicroTime::of(now)),
                key: event.key.clone(),
                sender: event.sender.clone(),
            },
            round,
            required_approvals: required,
            deadline: (required > 0).then(|| Time::whole_seconds(deadline)),
            votes: Vec::new(),
            allowed: None,
            archived: false,
        },
        status: ImageUpdateStatus::default(),
    }
}

/// The same for the same change, so that whoever proposes it creates the same object.
fn name(workload: &WorkloadName, repository: &str, tag: &str, round: u32) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in [workload.kind.as_str(), &workload.name, repository, tag, &round.to_string()] {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    let mut stem = workload.name.clone();
    stem.truncate(253 - 17);
    format!("{stem}-{hash:016x}")
}

/// The object as it is created: without status.
pub fn object(update: &ImageUpdate) -> serde_json::Value {
    serde_json::json!({
        "apiVersion": API_VERSION, "kind": KIND, "metadata": update.metadata, "spec": update.spec,
    })
}
