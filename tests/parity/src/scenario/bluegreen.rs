//! Blue/green: what is configured x actions x moments.

use serde_json::{Value, json};

use super::{Act, Scenario, Strategy, Version};

/// A strategy with a name.
struct Config {
    name: &'static str,
    /// Merged over the plain blue/green strategy.
    fields: Value,
    /// An update waits for a person before the switch.
    waits: bool,
}

fn configs() -> Vec<Config> {
    let config = |name, fields, waits| Config { name, fields, waits };
    vec![
        config("auto", json!({}), false),
        config("auto,no preview", json!({"previewService": null}), false),
        config("manual", json!({"autoPromotionEnabled": false}), true),
        config("manual,no preview", json!({"autoPromotionEnabled": false, "previewService": null}), true),
        config("small preview", json!({"autoPromotionEnabled": false, "previewReplicaCount": 1}), true),
        config("small preview,auto", json!({"previewReplicaCount": 1}), false),
        config("delay 15", json!({"autoPromotionEnabled": false, "scaleDownDelaySeconds": 15}), true),
        config("no delay", json!({"autoPromotionEnabled": false, "scaleDownDelaySeconds": 0}), true),
        config("abort delay 15", json!({"autoPromotionEnabled": false, "abortScaleDownDelaySeconds": 15}), true),
        config("no abort delay", json!({"autoPromotionEnabled": false, "abortScaleDownDelaySeconds": 0}), true),
    ]
}

/// What is done while version 2 waits for a person.
fn before_the_switch() -> Vec<(&'static str, Vec<Act>)> {
    use Act::*;
    use Version::*;
    vec![
        ("promote", vec![Promote]),
        ("full", vec![PromoteFull]),
        ("abort", vec![Abort]),
        ("abort,retry,promote", vec![Abort, Retry, Promote]),
        ("abort,undo", vec![Abort, Ship(Good(1))]),
        ("abort,third", vec![Abort, Ship(Good(3)), Promote]),
        ("abort,full", vec![Abort, PromoteFull]),
        ("undo", vec![Ship(Good(1))]),
        ("third", vec![Ship(Good(3)), Promote]),
        ("third,undo", vec![Ship(Good(3)), Ship(Good(1))]),
        ("third,second", vec![Ship(Good(3)), Ship(Good(2)), Promote]),
        ("stuck third,undo", vec![Ship(Stuck(3)), Ship(Good(1))]),
        ("stuck third,abort", vec![Ship(Stuck(3)), Abort]),
        ("up", vec![Scale(7), Promote]),
        ("down", vec![Scale(2), Promote]),
        ("pause,unpause", vec![Pause, Unpause, Promote]),
        ("restart", vec![Restart, Promote]),
    ]
}

/// What is done after the switch to version 2, while the old pods still wait for their end.
fn after_the_switch(waits: bool) -> Vec<(&'static str, Vec<Act>)> {
    use Act::*;
    use Version::*;
    let promoted = |acts: &[Act]| {
        let mut acts = acts.to_vec();
        if waits {
            acts.push(Promote);
        }
        acts
    };
    vec![
        ("back", promoted(&[Ship(Good(1))])),
        ("back,again", promoted(&[Ship(Good(1)), Ship(Good(2))])),
        ("third", promoted(&[Ship(Good(3))])),
        ("third,back", promoted(&[Ship(Good(3)), Ship(Good(1))])),
        ("stuck third,abort", vec![Ship(Stuck(3)), Abort]),
        ("abort", vec![Abort]),
        ("up", vec![Scale(7)]),
        ("down", vec![Scale(2)]),
        ("zero", vec![Scale(0)]),
    ]
}

/// What is done when the pods of version 2 never become available.
fn rescues() -> Vec<(&'static str, Vec<Act>)> {
    use Act::*;
    use Version::*;
    vec![
        ("abort", vec![Abort]),
        ("abort,retry", vec![Abort, Retry, Abort]),
        ("undo", vec![Ship(Good(1))]),
        ("third", vec![Ship(Good(3)), PromoteFull]),
        ("full", vec![PromoteFull]),
        ("up", vec![Scale(7)]),
    ]
}

/// A scenario that begins with version 1 and ends when all delays have passed.
fn scenario(title: &str, fields: Value, acts: &[Act]) -> Scenario {
    let script = [&[Act::Apply], acts, &[Act::Linger]].concat();
    Scenario {
        title: format!("bluegreen/{title}"),
        strategy: Strategy::BlueGreen,
        spec: json!({"strategy": {"blueGreen": fields}}),
        others: vec![],
        script,
    }
}

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    for Config { name, fields, waits } in configs() {
        let mut add = |moment: &str, action: &str, acts: &[Act]| {
            all.push(scenario(&format!("{name}/{moment}/{action}"), fields.clone(), acts));
        };
        let ship = [Act::Ship(Version::Good(2))];
        if waits {
            for (action, acts) in before_the_switch() {
                add("waiting", action, &[&ship[..], &acts].concat());
            }
        }
        let switched = if waits { [&ship[..], &[Act::Promote]].concat() } else { ship.to_vec() };
        for (action, acts) in after_the_switch(waits) {
            add("switched", action, &[&switched[..], &acts].concat());
        }
        for (action, acts) in rescues() {
            add("stuck", action, &[&[Act::Ship(Version::Stuck(2))], &acts[..]].concat());
        }
    }
    all.extend(timed());
    all.extend(limits());
    all
}

/// A switch that time brings.
fn timed() -> Vec<Scenario> {
    use Act::*;
    let waits = json!({"autoPromotionSeconds": 15});
    let never = json!({"autoPromotionSeconds": 5, "autoPromotionEnabled": false});
    let ship = Ship(Version::Good(2));
    vec![
        scenario("timed/waiting/switch", waits.clone(), &[ship.clone(), Await("Healthy")]),
        scenario("timed/waiting/promote", waits.clone(), &[ship.clone(), Promote, Await("Healthy")]),
        scenario("timed/waiting/abort", waits.clone(), &[ship.clone(), Abort]),
        scenario("timed/waiting/third", waits, &[ship.clone(), Ship(Version::Good(3)), Await("Healthy")]),
        scenario("timed,manual/waiting/promote", never, &[ship, Promote]),
    ]
}

/// How many old ReplicaSets may linger, and what pods carry.
fn limits() -> Vec<Scenario> {
    use Act::*;
    let versions = [Ship(Version::Good(2)), Ship(Version::Good(3)), Ship(Version::Good(4))];
    let metadata = json!({
        "autoPromotionEnabled": false,
        "activeMetadata": {"labels": {"role": "active"}, "annotations": {"told": "active"}},
        "previewMetadata": {"labels": {"role": "preview"}},
    });
    let apart = |kind: &str, term: Value| json!({"autoPromotionEnabled": false, "antiAffinity": {kind: term}});
    let preferred = apart("preferredDuringSchedulingIgnoredDuringExecution", json!({"weight": 50}));
    let required = apart("requiredDuringSchedulingIgnoredDuringExecution", json!({}));
    let trip = [Ship(Version::Good(2)), Promote, Ship(Version::Good(1)), Promote];
    let aborted = [Ship(Version::Good(2)), Abort, Retry, Promote];
    vec![
        scenario("one old set/through/three", json!({"scaleDownDelayRevisionLimit": 1}), &versions),
        scenario("no old set/through/three", json!({"scaleDownDelayRevisionLimit": 0}), &versions),
        scenario("old sets/through/three", json!({}), &versions),
        scenario("metadata/through/back", metadata.clone(), &trip),
        scenario("metadata/through/abort,retry", metadata, &aborted),
        scenario("preferred apart/through/back", preferred, &trip),
        scenario("required apart/through/abort,retry", required, &aborted),
    ]
}
