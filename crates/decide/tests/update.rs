//! Image updates from the push to the verdict, in a tiny world: one Deployment, its updates, and perhaps a Rollout before it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;

use cases::config;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use serinus_decide::update::{Answer, Behind, Event, Habits, Seen, Tracked, decide, object, propose};
use serinus_decide::{Guard, Kind, Op, Plan, Verdict};
use serinus_wire::image_update::{Allowance, Decision, Phase, Vote};
use serinus_wire::{ImageUpdate, ObjectMeta, Time};
use std::collections::BTreeMap;

const REPOSITORY: &str = "172.16.77.115:5000/pregap";

struct World {
    now: Timestamp,
    version: u64,
    workload: Value,
    updates: BTreeMap<String, ImageUpdate>,
    rollout: Option<Canary>,
    /// Every image that the workload had.
    history: Vec<String>,
    habits: Habits,
}

/// A Rollout that refers to the Deployment.
#[derive(Clone, Default)]
struct Canary {
    observed: i64,
    pod: String,
    stable: String,
    aborted: bool,
}

impl World {
    fn new(tag: &str, annotations: Value) -> World {
        let image = format!("{REPOSITORY}:{tag}");
        World {
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
            version: 1,
            workload: json!({
                "metadata": {"name": "web", "namespace": "ns", "uid": "w", "resourceVersion": "1", "generation": 1, "annotations": annotations},
                "spec": {"template": {"spec": {"containers": [
                    {"name": "app", "image": image, "env": [{"name": "A", "value": "b"}]}, {"name": "side", "image": "side:1"}]}}},
            }),
            updates: BTreeMap::new(),
            rollout: None,
            history: vec![image],
            habits: Habits::default(),
        }
    }

    fn tracked(&self) -> Tracked {
        let mut workload = self.workload.clone();
        // Its own controller is always done.
        workload["status"] = json!({"observedGeneration": workload["metadata"]["generation"], "updatedReplicas": 1,
            "availableReplicas": 1, "replicas": 1});
        let meta: ObjectMeta = serde_json::from_value(workload["metadata"].clone()).unwrap();
        Tracked::read(Kind::Deployment, meta, &workload)
    }

    fn image(&self) -> String {
        self.workload["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_string()
    }

    fn push(&mut self, tag: &str) -> Answer {
        self.push_with(tag, None, "", &self.all())
    }

    fn all(&self) -> Vec<ImageUpdate> {
        self.updates.values().cloned().collect()
    }

    /// One event, decided on what `known` says: perhaps less than there is.
    fn push_with(&mut self, tag: &str, digest: Option<&str>, key: &str, known: &[ImageUpdate]) -> Answer {
        let event = Event::new(&format!("{REPOSITORY}:{tag}"), digest, "native", key).unwrap();
        let answer = propose(&event, &self.tracked(), known, self.habits, self.now);
        match &answer {
            Answer::Propose(update) if self.updates.contains_key(&update.metadata.name) => {
                // Somebody was faster: the API refuses a second one of that name, and the event is decided anew.
                let all = self.all();
                return self.push_with(tag, digest, key, &all);
            }
            Answer::Propose(update) => {
                let mut update: ImageUpdate = serde_json::from_value(object(update)).unwrap();
                self.version += 1;
                update.metadata.uid = format!("u{}", self.version);
                update.metadata.resource_version = self.version.to_string();
                self.updates.insert(update.metadata.name.clone(), update);
            }
            Answer::Known { .. } | Answer::Refused(_) | Answer::Apart(_) => {}
        }
        answer
    }

    fn seen(&self, name: &str) -> Seen {
        let tracked = self.tracked();
        let behind = match &self.rollout {
            None => Behind::Itself,
            Some(canary) => Behind::Rollout {
                name: "web".to_string(),
                observed: canary.observed == tracked.metadata.generation,
                pod_hash: canary.pod.clone(),
                stable_hash: canary.stable.clone(),
                aborted: canary.aborted,
                phase: match (canary.aborted, canary.pod == canary.stable) {
                    (true, _) => "Degraded".to_string(),
                    (false, true) => "Healthy".to_string(),
                    (false, false) => "Progressing".to_string(),
                },
                message: String::new(),
                held: None,
            },
        };
        let siblings = self.updates.values().filter(|other| other.metadata.name != name).cloned().collect();
        Seen { update: self.updates[name].clone(), tracked: Some(tracked), siblings, behind, habits: self.habits }
    }

    fn plan(&self, name: &str) -> Plan {
        decide(&self.seen(name), self.now)
    }

    /// Carries a plan out as the API server would: a guard that does not hold stops it.
    fn carry_out(&mut self, plan: &Plan) {
        for write in plan.writes() {
            let Guard::Is { resource_version, .. } = &write.guard else { panic!("unguarded: {write:?}") };
            self.version += 1;
            match (&write.target.kind, &write.op) {
                (Kind::Deployment, Op::Patch(patch)) => {
                    assert_eq!(self.workload["metadata"]["resourceVersion"], json!(resource_version));
                    let spec = self.workload["spec"].clone();
                    merge(&mut self.workload, patch);
                    self.workload["metadata"]["resourceVersion"] = json!(self.version.to_string());
                    if self.workload["spec"] != spec {
                        let generation = self.workload["metadata"]["generation"].as_i64().unwrap();
                        self.workload["metadata"]["generation"] = json!(generation + 1);
                        self.history.push(self.image());
                    }
                }
                (Kind::ImageUpdate, Op::PatchStatus(patch)) => {
                    let mut update = serde_json::to_value(&self.updates[&write.target.name]).unwrap();
                    assert_eq!(update["metadata"]["resourceVersion"], json!(resource_version));
                    merge(&mut update, patch);
                    update["metadata"]["resourceVersion"] = json!(self.version.to_string());
                    self.updates.insert(write.target.name.clone(), serde_json::from_value(update).unwrap());
                }
                (Kind::ImageUpdate, Op::Delete) => {
                    self.updates.remove(&write.target.name);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Looks at everything until nothing is left to do.
    fn settle(&mut self) {
        for _ in 0..100 {
            let mut quiet = true;
            for name in self.updates.keys().cloned().collect::<Vec<_>>() {
                if !self.updates.contains_key(&name) {
                    continue;
                }
                let plan = self.plan(&name);
                assert_eq!(plan, self.plan(&name), "deterministic");
                quiet &= plan.writes().next().is_none();
                self.carry_out(&plan);
            }
            if quiet {
                for (name, update) in &self.updates {
                    let plan = self.plan(name);
                    let open = !update.status.phase.is_final();
                    assert!(!open || plan.report.waits().next().is_some(), "explained: {update:?}");
                    assert!(plan.report.lines.iter().all(|line| line.verdict != Verdict::Acts));
                }
                return;
            }
        }
        panic!("it never comes to rest: {:#?}", self.updates);
    }

    /// The Rollout observes the Deployment, and goes all the way or is aborted.
    fn roll(&mut self, good: bool) {
        let canary = self.rollout.get_or_insert_default();
        canary.observed = self.workload["metadata"]["generation"].as_i64().unwrap();
        let pod = self.workload["spec"]["template"].to_string();
        if canary.pod != pod {
            canary.aborted = false;
            canary.pod = pod;
        }
        self.settle();
        let canary = self.rollout.as_mut().unwrap();
        if canary.pod != canary.stable {
            if good {
                canary.stable = canary.pod.clone();
            }
            canary.aborted = !good;
        }
        self.settle();
    }

    fn update(&self, tag: &str) -> &ImageUpdate {
        self.updates.values().filter(|update| update.spec.tag == tag).max_by_key(|update| update.spec.round).unwrap()
    }

    fn phase(&self, tag: &str) -> Phase {
        self.update(tag).status.phase
    }

    fn change(&mut self, tag: &str, change: impl FnOnce(&mut ImageUpdate, Time)) {
        let name = self.update(tag).metadata.name.clone();
        self.version += 1;
        let update = self.updates.get_mut(&name).unwrap();
        update.metadata.resource_version = self.version.to_string();
        change(update, Time(self.now));
    }

    fn vote(&mut self, tag: &str, voter: &str, decision: Decision) {
        self.change(tag, |update, at| {
            update.spec.votes.push(Vote { voter: voter.to_string(), decision, at, on_behalf_of: String::new() });
        });
        self.settle();
    }

    fn tags(&self) -> Vec<&str> {
        self.history.iter().map(|image| image.rsplit_once(':').unwrap().1).collect()
    }
}

fn merge(object: &mut Value, patch: &Value) {
    match (object, patch) {
        (Value::Object(object), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    object.shift_remove(key);
                } else if value.is_object() {
                    merge(object.entry(key).or_insert_with(|| json!({})), value);
                } else {
                    object.insert(key.clone(), value.clone());
                }
            }
        }
        (object, patch) => *object = patch.clone(),
    }
}

fn minor() -> Value {
    json!({"keel.sh/policy": "minor"})
}

fn approved(votes: u32) -> Value {
    json!({"keel.sh/policy": "minor", "keel.sh/approvals": votes.to_string()})
}

fn refused(answer: &Answer, text: &str) {
    assert!(matches!(answer, Answer::Refused(why) if why.contains(text)), "{answer:?}");
}

#[test]
fn the_seed_from_push_to_verdict() {
    let mut world = World::new("1.2.2", approved(1));
    world.roll(true);
    let Answer::Propose(proposed) = world.push("1.2.3") else { panic!() };
    assert_eq!(proposed.identifier(), "deployment/ns/web:1.2.3");
    assert_eq!(proposed.metadata.owner_references[0].uid, "w");
    world.settle();
    assert_eq!((world.phase("1.2.3"), world.tags()), (Phase::Pending, vec!["1.2.2"]));
    assert_eq!(world.update("1.2.3").status.message, "waits for approval: 0 of 1 until 2026-01-02T00:00:00Z");
    assert!(matches!(world.push("1.2.3"), Answer::Known { .. }));
    world.vote("1.2.3", "ann", Decision::Approve);
    assert_eq!((world.phase("1.2.3"), world.tags()), (Phase::RollingOut, vec!["1.2.2", "1.2.3"]));
    // Other containers and fields stay as they are.
    let containers = &world.workload["spec"]["template"]["spec"]["containers"];
    assert_eq!((&containers[0]["env"][0]["value"], &containers[1]["image"]), (&json!("b"), &json!("side:1")));
    let annotations = &world.workload["metadata"]["annotations"];
    assert_eq!(
        annotations["kubernetes.io/change-cause"],
        "keel automated update, version 1.2.2 -> 1.2.3 [2026-01-01T00:00:00Z]"
    );
    assert!(world.workload["spec"]["template"]["metadata"]["annotations"]["keel.sh/update-time"].is_string());
    world.roll(true);
    assert_eq!(world.phase("1.2.3"), Phase::Promoted);
    refused(&world.push("1.2.3"), "not greater");
    assert_eq!(world.updates.len(), 1);
}

#[test]
fn what_was_rolled_back_is_refused_until_somebody_allows_it() {
    let mut world = World::new("1.0.0", minor());
    world.roll(true);
    world.push("1.1.0");
    world.settle();
    world.roll(false);
    assert_eq!(world.phase("1.1.0"), Phase::RolledBack);
    // People put the old image back; the next poll or webhook does not undo that.
    let old = world.history[0].clone();
    world.workload["spec"]["template"]["spec"]["containers"][0]["image"] = json!(old);
    world.workload["metadata"]["generation"] = json!(3);
    world.roll(true);
    refused(&world.push("1.1.0"), "rolled back before");
    world.change("1.1.0", |update, at| update.spec.allowed = Some(Allowance { by: "ann".to_string(), at }));
    assert!(matches!(world.push("1.1.0"), Answer::Propose(update) if update.spec.round == 1));
    world.settle();
    world.roll(true);
    assert_eq!(world.phase("1.1.0"), Phase::Promoted);
}

#[test]
fn a_rolled_back_digest_does_not_stand_in_the_way_of_another() {
    let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
    let mut world = World::new("1.0.0", approved(1));
    world.push_with("1.1.0", Some(&digest("a")), "", &[]);
    world.settle();
    world.vote("1.1.0", "ann", Decision::Reject);
    assert_eq!(world.phase("1.1.0"), Phase::Rejected);
    let all = world.all();
    refused(&world.push_with("1.1.0", Some(&digest("a")), "", &all), "rejected before");
    refused(&world.push_with("1.1.0", None, "", &all), "rejected before");
    assert!(matches!(world.push_with("1.1.0", Some(&digest("b")), "", &all), Answer::Propose(_)));
}

#[test]
fn votes_count_once_and_in_time() {
    let mut world = World::new("1.0.0", approved(2));
    world.push("1.1.0");
    world.settle();
    world.vote("1.1.0", "ann", Decision::Approve);
    world.vote("1.1.0", "ann", Decision::Approve);
    assert_eq!(world.phase("1.1.0"), Phase::Pending);
    let wake = world.plan(&world.update("1.1.0").metadata.name).wake.unwrap();
    world.now = wake;
    world.vote("1.1.0", "bob", Decision::Approve);
    assert_eq!(world.phase("1.1.0"), Phase::Expired);
    // A new push asks anew.
    assert!(matches!(world.push("1.1.0"), Answer::Propose(update) if update.spec.round == 1));
    world.settle();
    world.vote("1.1.0", "ann", Decision::Approve);
    world.vote("1.1.0", "bob", Decision::Approve);
    assert_eq!(world.phase("1.1.0"), Phase::Promoted);
}

#[test]
fn a_greater_version_takes_the_place_of_one_that_waits() {
    let mut world = World::new("1.0.0", approved(1));
    world.push("1.1.0");
    world.settle();
    world.push("1.2.0");
    refused(&world.push("1.1.5"), "1.2.0 is proposed already");
    world.settle();
    assert_eq!((world.phase("1.1.0"), world.phase("1.2.0")), (Phase::Superseded, Phase::Pending));
    assert_eq!(world.update("1.1.0").status.superseded_by, world.update("1.2.0").metadata.name);
    refused(&world.push("1.1.0"), "1.2.0 is proposed already");
    world.vote("1.1.0", "ann", Decision::Approve);
    assert_eq!(world.tags(), ["1.0.0"]);
    world.vote("1.2.0", "ann", Decision::Approve);
    assert_eq!(world.tags(), ["1.0.0", "1.2.0"]);
}

#[test]
fn a_third_version_half_way_ends_the_second() {
    let mut world = World::new("1.0.0", minor());
    world.roll(true);
    world.push("1.1.0");
    world.settle();
    let canary = world.rollout.as_mut().unwrap();
    canary.observed = 2;
    canary.pod = "second".to_string();
    world.settle();
    world.push("1.2.0");
    world.settle();
    world.roll(true);
    assert_eq!((world.phase("1.1.0"), world.phase("1.2.0")), (Phase::Superseded, Phase::Promoted));
    assert_eq!(world.update("1.1.0").status.message, "1.2.0 was written over it");
}

#[test]
fn a_push_under_the_same_tag() {
    let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
    let mut world = World::new("main", json!({"keel.sh/policy": "force", "keel.sh/match-tag": "true"}));
    refused(&world.push("other"), "not the tag that runs");
    world.push_with("main", Some(&digest("a")), "", &[]);
    world.settle();
    assert_eq!((world.phase("main"), world.history.len()), (Phase::Promoted, 2));
    // The same push once more: by a registry, by the pipeline without a digest, and days later.
    let all = world.all();
    refused(&world.push_with("main", Some(&digest("a")), "", &all), "with this digest already");
    assert!(matches!(world.push_with("main", None, "", &all), Answer::Known { .. }));
    world.now += SignedDuration::from_hours(48);
    refused(&world.push_with("main", Some(&digest("a")), "", &all), "with this digest already");
    assert!(matches!(world.push_with("main", Some(&digest("b")), "", &all), Answer::Propose(_)));
    world.settle();
    assert_eq!(world.history.len(), 3);
    assert_eq!(world.workload["metadata"]["annotations"]["keel.sh/digest"], digest("b"));
    // The sender's key tells a second request from a second push.
    world.now += SignedDuration::from_hours(48);
    let all = world.all();
    assert!(matches!(world.push_with("main", None, "build-7", &all), Answer::Propose(_)));
    world.settle();
    world.now += SignedDuration::from_hours(48);
    let all = world.all();
    assert!(matches!(world.push_with("main", None, "build-7", &all), Answer::Known { .. }));
}

#[test]
fn images_that_are_pinned_or_spelled_by_hand() {
    let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
    let mut world = World::new("1.0.0", minor());
    let pinned = format!("{REPOSITORY}:1.0.0@{}", digest("a"));
    world.workload["spec"]["template"]["spec"]["containers"][0]["image"] = json!(pinned);
    refused(&world.push("1.1.0"), "pinned to a digest");
    let Answer::Propose(update) = world.push_with("1.1.0", Some(&digest("b")), "", &[]) else { panic!() };
    assert_eq!(update.spec.changes[0].to, format!("{REPOSITORY}:1.1.0@{}", digest("b")));

    for (as_keel, wanted) in [(false, "docker.io/acme/x:2.0.0"), (true, "acme/x:2.0.0")] {
        let mut world = World::new("1", json!({"keel.sh/policy": "all"}));
        world.habits.spell_as_keel = as_keel;
        world.workload["spec"]["template"]["spec"]["containers"][0]["image"] = json!("docker.io/acme/x:1");
        let event = Event::new("acme/x:2.0.0", None, "native", "").unwrap();
        let Answer::Propose(update) = propose(&event, &world.tracked(), &[], world.habits, world.now) else { panic!() };
        assert_eq!(update.spec.changes[0].to, wanted);
    }
}

#[test]
fn who_has_nothing_to_do_with_a_push_says_why() {
    let apart = |annotations: Value, text: &str| {
        let answer = World::new("1.0.0", annotations).push("1.1.0");
        assert!(matches!(&answer, Answer::Apart(why) if why.contains(text)), "{answer:?}");
    };
    apart(json!({}), "no keel.sh/policy");
    apart(json!({"keel.sh/policy": "never"}), "no keel.sh/policy");
    apart(json!({"keel.sh/policy": "latest"}), "must be all, major");
    apart(json!({"keel.sh/policy": "all", "keel.sh/monitorContainers": "^side$"}), "none of its containers");
    refused(
        &World::new("1.0.0", json!({"keel.sh/policy": "all", "keel.sh/approvals": "two"})).push("1.1.0"),
        "\"two\" is no number",
    );
    refused(&World::new("1.0.0", minor()).push("2.0.0"), "another major version");
}

#[test]
fn a_policy_that_changed_while_it_waited() {
    let mut world = World::new("1.0.0", approved(1));
    world.push("1.1.0");
    world.workload["metadata"]["annotations"]["keel.sh/policy"] = json!("never");
    world.settle();
    assert_eq!(world.phase("1.1.0"), Phase::Refused);
    // Somebody put a greater version in by hand.
    let mut world = World::new("1.0.0", approved(1));
    world.push("1.1.0");
    world.workload["spec"]["template"]["spec"]["containers"][0]["image"] = json!(format!("{REPOSITORY}:1.5.0"));
    world.settle();
    assert_eq!(
        (world.phase("1.1.0"), world.update("1.1.0").status.message.as_str()),
        (Phase::Refused, "app runs 1.5.0 now: 1.1.0 is not greater than 1.5.0")
    );
    // Somebody put the very version in by hand: that is as good.
    let mut world = World::new("1.0.0", approved(1));
    world.push("1.1.0");
    world.workload["spec"]["template"]["spec"]["containers"][0]["image"] = json!(format!("{REPOSITORY}:1.1.0"));
    world.settle();
    assert_eq!(world.phase("1.1.0"), Phase::Promoted);
}

#[test]
fn history_is_let_go_but_not_what_was_refused() {
    let mut world = World::new("1.0.0", minor());
    world.roll(true);
    world.push("1.0.1");
    world.settle();
    world.roll(false);
    for patch in 2..20 {
        world.now += SignedDuration::from_mins(1);
        world.push(&format!("1.0.{patch}"));
        world.settle();
        world.roll(true);
    }
    assert_eq!(world.phase("1.0.1"), Phase::RolledBack);
    assert_eq!(world.updates.len(), 11);
}

/// What happens to the world.
#[derive(Clone, Debug)]
enum Turn {
    /// A push of 1.<minor>.<patch>, perhaps decided on what was known some turns ago.
    Push {
        minor: u8,
        patch: u8,
        stale: bool,
    },
    Vote {
        pick: usize,
        reject: bool,
    },
    Look,
    Roll {
        good: bool,
    },
    Wait {
        hours: u8,
    },
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let push =
        || (0..3_u8, 0..3_u8, any::<bool>()).prop_map(|(minor, patch, stale)| Turn::Push { minor, patch, stale });
    let turn = prop_oneof![
        push(),
        push(),
        (any::<usize>(), prop::bool::weighted(0.2)).prop_map(|(pick, reject)| Turn::Vote { pick, reject }),
        Just(Turn::Look),
        any::<bool>().prop_map(|good| Turn::Roll { good }),
        (0..30_u8).prop_map(|hours| Turn::Wait { hours }),
    ];
    proptest::collection::vec(turn, 1..40)
}

fn version(tag: &str) -> (u32, u32, u32) {
    let mut parts = tag.split('.').map(|part| part.parse().unwrap());
    (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap())
}

proptest! {
    #![proptest_config(config(100))]

    /// Duplicate, reordered and replayed pushes, decided on old knowledge: versions only grow, each is written once, nothing that
    /// was rejected or rolled back comes again, and everything comes to rest.
    #[test]
    fn versions_only_grow_and_each_is_written_once(turns in turns(), votes in 0..3_u32, canary in any::<bool>()) {
        let mut world = World::new("1.0.0", approved(votes));
        if canary {
            world.roll(true);
        }
        let mut old = Vec::new();
        for turn in turns {
            match turn {
                Turn::Push { minor, patch, stale } => {
                    let known = if stale { old.clone() } else { world.all() };
                    world.push_with(&format!("1.{minor}.{patch}"), None, "", &known);
                }
                Turn::Vote { pick, reject } => {
                    let pending: Vec<String> = world.updates.values().filter(|update| !update.status.phase.is_final())
                        .map(|update| update.spec.tag.clone()).collect();
                    if !pending.is_empty() {
                        let decision = if reject { Decision::Reject } else { Decision::Approve };
                        world.vote(&pending[pick % pending.len()], &format!("voter{}", pick % 3), decision);
                    }
                }
                Turn::Look => world.settle(),
                Turn::Roll { good } if canary => world.roll(good),
                Turn::Roll { .. } => {}
                Turn::Wait { hours } => {
                    old = world.all();
                    world.now += SignedDuration::from_hours(i64::from(hours));
                }
            }
        }
        world.settle();
        let tags: Vec<_> = world.tags().into_iter().map(version).collect();
        prop_assert!(tags.windows(2).all(|pair| pair[0] < pair[1]), "{tags:?}");
        let applied: Vec<&ImageUpdate> = world.updates.values().filter(|update| update.status.applied_at.is_some()).collect();
        prop_assert_eq!(applied.len(), tags.len() - 1);
        // One object for one open change; what waits is one at most.
        let open: Vec<_> = world.updates.values().filter(|update| update.status.phase == Phase::Pending).collect();
        prop_assert!(open.len() <= 1, "{open:?}");
        for update in world.updates.values() {
            let twins = world.updates.values().filter(|other| other.spec.tag == update.spec.tag && other.refuses_again());
            prop_assert!(twins.count() <= 1);
        }
    }
}
