//! The life of the seed's canary, in parts: what people do, and how one sees that it is done. Each part begins and ends at
//! rest, so that parts can be told one after the other or each from where the one before ended.

use super::{INGRESS, REPLICA_SET, ROLLOUT, SERVICE, World, number, seed, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// One part of the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Everything is applied for the first time.
    First,
    /// A good version, up to its first pause.
    Update,
    /// It is promoted by hand, and goes on by itself to the end.
    Promoted,
    /// A bad version, up to its first pause.
    BadUpdate,
    /// It is aborted.
    Aborted,
    /// Back to the version before.
    BackFromAbort,
    /// A version that gets half way.
    HalfWay,
    /// There it is overtaken by another, up to the first pause of that.
    Overtaken,
    /// Which goes on by itself to the end.
    Overtaker,
    /// Back to a version that was stable once, up to its first pause.
    WayBack,
    /// It is promoted in full.
    PromotedInFull,
}

pub const PARTS: [Part; 11] = [
    Part::First,
    Part::Update,
    Part::Promoted,
    Part::BadUpdate,
    Part::Aborted,
    Part::BackFromAbort,
    Part::HalfWay,
    Part::Overtaken,
    Part::Overtaker,
    Part::WayBack,
    Part::PromotedInFull,
];

impl Part {
    /// Whether nothing goes on by itself after this part. The others end at the beginning of a pause of ten seconds.
    pub fn ends_at_rest(self) -> bool {
        !matches!(self, Part::Update | Part::BadUpdate | Part::HalfWay | Part::Overtaken | Part::WayBack)
    }

    /// Lets people do their part, up to the end of what they wait for. Old sets may still linger then.
    pub async fn told(self, world: &World) {
        match self {
            Part::First => {
                seed::apply(world).await;
                healthy_with(world, "1.0.0").await;
            }
            Part::Update => {
                seed::ship(world, "2.0.0").await;
                paused_at(world, "2.0.0", 1).await;
            }
            Part::Promoted => {
                edit_status(world, json!({"pauseConditions": null})).await;
                healthy_with(world, "2.0.0").await;
            }
            Part::BadUpdate => {
                seed::ship(world, "3.0.0").await;
                paused_at(world, "3.0.0", 1).await;
            }
            Part::Aborted => {
                edit_status(world, json!({"abort": true})).await;
                let aborted = |rollout: &Value| text(rollout, "/status/message").starts_with("RolloutAborted");
                world.until(&ROLLOUT, seed::NAME, LIMIT, aborted).await;
            }
            Part::BackFromAbort => {
                seed::ship(world, "2.0.0").await;
                healthy_with(world, "2.0.0").await;
            }
            Part::HalfWay => {
                seed::ship(world, "4.0.0").await;
                paused_at(world, "4.0.0", 3).await;
            }
            Part::Overtaken => {
                seed::ship(world, "5.0.0").await;
                paused_at(world, "5.0.0", 1).await;
            }
            Part::Overtaker => healthy_with(world, "5.0.0").await,
            Part::WayBack => {
                seed::ship(world, "2.0.0").await;
                paused_at(world, "2.0.0", 1).await;
            }
            Part::PromotedInFull => {
                edit_status(world, json!({"promoteFull": true})).await;
                healthy_with(world, "2.0.0").await;
            }
        }
    }

    /// The part, and the time that it takes until nothing lingers.
    pub async fn told_to_the_end(self, world: &World) {
        self.told(world).await;
        tokio::time::sleep(if self.ends_at_rest() { LINGER } else { MOMENT }).await;
    }
}

async fn edit_status(world: &World, patch: Value) {
    world.patch_status(&ROLLOUT, seed::NAME, json!({"status": patch})).await;
}

/// Longest that people wait for anything, in seconds.
const LIMIT: u64 = 1800;
/// Longer than any delay after which a set is scaled down.
const LINGER: Duration = Duration::from_secs(60);
/// Shorter than a pause, and long enough for everything that goes with its beginning.
const MOMENT: Duration = Duration::from_secs(3);

async fn healthy_with(world: &World, tag: &str) {
    let hash = Hash(tag);
    let done = |rollout: &Value| seed::is_healthy(rollout) && hash.is_stable(world, rollout);
    world.until(&ROLLOUT, seed::NAME, LIMIT, done).await;
}

async fn paused_at(world: &World, tag: &str, index: i64) {
    let hash = Hash(tag);
    let paused = |rollout: &Value| {
        text(rollout, "/status/phase") == "Paused"
            && number(rollout, "/status/currentStepIndex") == index
            && hash.is_current(world, rollout)
    };
    world.until(&ROLLOUT, seed::NAME, LIMIT, paused).await;
}

/// Which ReplicaSet runs a version of the image.
struct Hash<'a>(&'a str);

impl Hash<'_> {
    fn is_stable(&self, world: &World, rollout: &Value) -> bool {
        self.is(world, text(rollout, "/status/stableRS")) && self.is_current(world, rollout)
    }
    fn is_current(&self, world: &World, rollout: &Value) -> bool {
        self.is(world, text(rollout, "/status/currentPodHash"))
    }
    fn is(&self, world: &World, hash: &str) -> bool {
        let set = world.look(&REPLICA_SET, &format!("{}-{hash}", seed::NAME));
        text(&set, "/spec/template/spec/containers/0/image") == format!("pregap:{}", self.0)
    }
}

/// Who has how many pods, who gets the traffic, and what the Rollout says; without what differs from run to run.
pub fn state(world: &World) -> Value {
    state_of(world, seed::NAME)
}

/// The same for a Rollout of another name.
pub fn state_of(world: &World, name: &str) -> Value {
    let rollout = world.look(&ROLLOUT, name);
    let sets: BTreeMap<String, Value> = sets(world).iter().map(summary_of_set).collect();
    let selectors: BTreeMap<String, Value> =
        world.look_all(&SERVICE).iter().map(|service| named(service, &service["spec"]["selector"])).collect();
    let routes: BTreeMap<String, Value> =
        world.look_all(&INGRESS).iter().map(|ingress| named(ingress, &ingress["metadata"]["annotations"])).collect();
    let mut status = rollout["status"].clone();
    without_times(&mut status);
    json!({"sets": sets, "selectors": selectors, "routes": routes, "status": status,
        "annotations": rollout["metadata"]["annotations"], "spec": rollout["spec"]})
}

/// The ReplicaSets that the Rollout owns.
fn sets(world: &World) -> Vec<Value> {
    let owned = |set: &Value| text(set, "/metadata/ownerReferences/0/kind") == "Rollout";
    world.look_all(&REPLICA_SET).into_iter().filter(owned).collect()
}

/// How many ReplicaSets were created for the Rollout, as far as the history of the model goes.
pub fn created_sets(world: &World) -> usize {
    let created = |write: &&serinus_model::Write| {
        write.verb == "create"
            && write.resource == "replicasets"
            && write.code == 201
            && write.name.starts_with(&format!("{}-", seed::NAME))
    };
    world.model.history().iter().filter(created).count()
}

fn named(object: &Value, value: &Value) -> (String, Value) {
    (text(object, "/metadata/name").to_string(), value.clone())
}

fn summary_of_set(set: &Value) -> (String, Value) {
    // When a set goes is a time; that it goes, or went, is none.
    let mut annotations = set["metadata"]["annotations"].clone();
    if let Some(deadline) = annotations.get_mut("scale-down-deadline") {
        *deadline = json!("set");
    }
    named(
        set,
        &json!({"replicas": set["spec"]["replicas"], "pods": set["status"]["replicas"],
            "annotations": annotations, "template": set["spec"]["template"]}),
    )
}

fn without_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !name.ends_with("Time") && !name.ends_with("At") && name != "duration");
            fields.values_mut().for_each(without_times);
            if let Some(Value::Array(conditions)) = fields.get_mut("conditions") {
                // The order tells which changed last.
                conditions.sort_by_key(|condition| text(condition, "/type").to_string());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_times),
        _ => {}
    }
}
