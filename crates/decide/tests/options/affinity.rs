//! `antiAffinity`: the wanted set keeps away from the stable one.

use crate::{basic, promote, set_image};
use serde_json::json;
use serinus_wire::keys;

const TERM: &str = "/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/0\
    /labelSelector/matchExpressions/0/values/0";

#[test]
fn the_term_follows_the_stable_set_and_is_no_new_version() {
    let mut world = basic(json!({
        "antiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}},
        "steps": [{"setWeight": 20}, {"pause": {}}],
    }));
    world.run();
    assert_eq!(world.seen.replica_sets[0].spec.template.pointer("/spec/affinity"), None, "nothing else was stable");
    let mut stable = world.seen.rollout.status.stable_rs.clone();
    for image in ["web:2", "web:3"] {
        set_image(&mut world, image);
        world.run();
        let hash = world.seen.rollout.status.current_pod_hash.clone();
        let term = world.set(&hash).unwrap().spec.template.pointer(TERM).cloned();
        assert_eq!(term, Some(json!(stable)), "{image}");
        promote(&mut world);
        world.run();
        assert_eq!((world.phase(), &world.seen.rollout.status.stable_rs), ("Healthy", &hash), "{image}");
        stable = hash;
    }
    // As a controller of another release would find it: the hash differs, the template does not.
    let status = &mut world.seen.rollout.status;
    status.stable_rs = "foreign".to_string();
    status.current_pod_hash = "foreign".to_string();
    let set = world.seen.replica_sets.iter_mut().find(|set| set.metadata.labels[keys::HASH] == stable).unwrap();
    set.metadata.labels.insert(keys::HASH.to_string(), "foreign".to_string());
    world.run();
    assert_eq!(world.seen.replica_sets.len(), 3, "nothing is rolled out twice");
}

#[test]
fn another_stable_set_is_taken_up() {
    let mut world = basic(json!({
        "antiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}},
        "steps": [{"setWeight": 20}, {"pause": {}}],
    }));
    world.run();
    set_image(&mut world, "web:2");
    world.run();
    promote(&mut world);
    world.run();
    // Back to the first version: its set has no term yet.
    set_image(&mut world, "web:1");
    world.run();
    let (stable, new) =
        (world.seen.rollout.status.stable_rs.clone(), world.seen.rollout.status.current_pod_hash.clone());
    assert_ne!(stable, new);
    assert_eq!(world.set(&new).unwrap().spec.template.pointer(TERM), Some(&json!(stable)));
}
