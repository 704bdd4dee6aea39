//! Pushes that are told twice, late, in another order and again later, by webhooks and by polling at once: each change of the
//! registry becomes one update, nothing goes round and round, nothing goes back.
//!
//! `UPDATE_SEEDS=1000 cargo test -p serinus-cluster --test replays` plays a thousand schedules; `UPDATE_SEED=17` shows one again.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

mod support;

use serde_json::{Value, json};
use serinus_cluster::update::{IMAGE_UPDATE, Platforms, Polls, Updates};
use serinus_decide::update::Event;
use serinus_decide::update::version::Version;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use support::registry::{FakeRegistry, digest};
use support::storm::Dice;
use support::{CRD, DEPLOYMENT, Tap, World, text};

/// What happens, and after how many milliseconds from the beginning.
#[derive(Clone, Debug)]
enum Happens {
    Pushed { tag: String, digest: String },
    Told { tag: String, digest: Option<String>, key: String },
}

fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match (number("UPDATE_SEED"), number("UPDATE_SEEDS")) {
        (Some(one), _) => vec![one],
        (None, count) => (1..=count.unwrap_or(3)).collect(),
    }
}

/// Pushes of versions that grow, each told by up to four webhooks, some of them late or again much later.
fn schedule(dice: &Dice) -> Vec<(u64, Happens)> {
    let (mut list, mut at) = (Vec::new(), 0);
    let mut version = [1, 0, 0];
    for push in 0..3 + dice.below(5) {
        at += 200 + dice.below(if dice.one_in(2) { 2_000 } else { 120_000 });
        let part = usize::try_from(1 + dice.below(2)).unwrap();
        version[part] += 1;
        version[part + 1..].fill(0);
        let tag = format!("{}.{}.{}", version[0], version[1], version[2]);
        let digest = digest(["a", "b", "c", "d", "e", "f", "1", "2"][usize::try_from(push).unwrap() % 8]);
        list.push((at, Happens::Pushed { tag: tag.clone(), digest: digest.clone() }));
        for told in 0..dice.below(5) {
            let late = [0, 50, 3_000, 90_000, 400_000][usize::try_from(dice.below(5)).unwrap()];
            let digest = (!dice.one_in(2)).then(|| digest.clone());
            let key = if dice.one_in(3) { format!("build-{tag}-{}", told % 2) } else { String::new() };
            list.push((at + late + dice.below(500), Happens::Told { tag: tag.clone(), digest, key }));
        }
    }
    list.sort_by_key(|(at, _)| *at);
    list
}

async fn play(seed: u64) {
    let dice = Dice::new(seed);
    let world = World::new().await;
    world.create_wide(&CRD, serinus_wire::crd::image_update()).await;
    let policy = ["all", "major", "minor"][usize::try_from(dice.below(3)).unwrap()];
    let every = ["@every 10s", "@every 45s", "@every 3m"][usize::try_from(dice.below(3)).unwrap()];
    let annotations = json!({"keel.sh/policy": policy, "keel.sh/trigger": "poll",
        "keel.sh/pollSchedule": every});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": support::NS, "annotations": annotations},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": "r.io/app:1.0.0"}]}}}});
    world.create(&DEPLOYMENT, deployment).await;
    let registry = FakeRegistry::default();
    registry.push("app", "1.0.0", &digest("0"));
    let (updates, tap) = (Updates::default(), Tap::default());
    let (handle, transport) = (updates.clone(), registry.clone());
    let running = world.start_with(serinus_decide::decide, &tap, |options| {
        options.updates = Some(handle);
        let zone = jiff::tz::TimeZone::UTC;
        options.polls =
            Some(Polls { transport: Arc::new(transport), platforms: Platforms::Any, zone, ..Polls::default() });
    });
    while !updates.is_ready() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // What the workload runs, whenever that changes.
    let model = world.model.clone();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let watch = tokio::spawn(async move {
        let mut last = String::new();
        loop {
            let version = model.version();
            let object = model.get("apps", "Deployment", support::NS, "web").unwrap_or(Value::Null);
            let image = text(&object, "/spec/template/spec/containers/0/image").to_string();
            if image != last {
                last.clone_from(&image);
                let _ = tell.send(image);
            }
            model.changed(version).await;
        }
    });
    let (mut now, mut newest) = (0, "1.0.0".to_string());
    for (at, happens) in schedule(&dice) {
        tokio::time::sleep(Duration::from_millis(at - now)).await;
        now = at;
        match happens {
            Happens::Pushed { tag, digest } => {
                registry.push("app", &tag, &digest);
                newest = tag;
            }
            Happens::Told { tag, digest, key } => {
                let event = Event::new(&format!("r.io/app:{tag}"), digest.as_deref(), "native", &key).unwrap();
                updates.push(&event).await.unwrap();
            }
        }
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
    let settled = tap.written().len();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(tap.written().len(), settled, "seed {seed}: it goes round and round: {:?}", tap.written().last());
    watch.abort();
    let mut ran = Vec::new();
    while let Ok(image) = told.try_recv() {
        ran.push(Version::parse(image.rsplit_once(':').unwrap().1).unwrap());
    }
    assert!(ran.windows(2).all(|pair| pair[0] < pair[1]), "seed {seed}: it went back: {ran:?}");
    assert_eq!(ran.last(), Version::parse(&newest).as_ref(), "seed {seed}: it did not arrive at {newest}");
    let mut count = BTreeMap::new();
    for update in world.list(&IMAGE_UPDATE).await {
        let (tag, phase) = (text(&update, "/spec/tag").to_string(), text(&update, "/status/phase").to_string());
        assert!(matches!(phase.as_str(), "Promoted" | "Superseded"), "seed {seed}: {tag} is {phase}");
        *count.entry(tag).or_insert(0) += 1;
    }
    assert!(count.values().all(|count| *count == 1), "seed {seed}: {count:?}");
    running.stop().await;
}

#[test]
fn each_change_is_one_update_whatever_is_told_of_it() {
    let seeds = seeds();
    for seed in &seeds {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(play(*seed));
    }
    println!(
        "figure: schedules of duplicate, reordered and replayed pushes: {} played, each change one update",
        seeds.len()
    );
}
