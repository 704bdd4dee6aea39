//! Rollouts that refer to a workload: its kind x how it is scaled down x what is done.

use serde_json::{Value, json};

use super::{Act, Scenario, Strategy, Version};
use crate::manifests::workload;

fn scenario(
    title: String,
    strategy: Strategy,
    (version, kind): (&str, &str),
    scale_down: &str,
    acts: &[Act],
) -> Scenario {
    let reference = json!({"apiVersion": version, "kind": kind, "name": "$R-workload", "scaleDown": scale_down});
    let steps = json!([{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]);
    let strategy_fields = match strategy {
        Strategy::Basic | Strategy::Nginx => json!({"canary": {"steps": steps}}),
        Strategy::BlueGreen => json!({"blueGreen": {"autoPromotionEnabled": false}}),
    };
    // A ReplicaSet of its own would be one more that a Rollout could take for its own: it has no pods.
    let pods = if kind == "Deployment" { 4 } else { 0 };
    let mut spec = json!({"workloadRef": reference, "template": null, "strategy": strategy_fields});
    if kind != "PodTemplate" {
        // The workload's own.
        spec["selector"] = Value::Null;
    }
    Scenario {
        title: format!("workload/{title}"),
        strategy,
        spec,
        others: vec![workload(kind, pods)],
        script: [&[Act::Apply], acts, &[Act::Linger]].concat(),
    }
}

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    use Act::*;
    use Version::*;
    const DEPLOYMENT: (&str, &str) = ("apps/v1", "Deployment");
    let mut all = Vec::new();
    let to_the_end: &[Act] = &[Ship(Good(2)), Promote, Promote];
    for strategy in [Strategy::Basic, Strategy::Nginx, Strategy::BlueGreen] {
        for scale_down in ["never", "onsuccess", "progressively"] {
            for (action, acts) in [
                ("update", to_the_end),
                ("update,back", &[Ship(Good(2)), PromoteFull, Ship(Good(1)), PromoteFull]),
                ("abort,retry", &[Ship(Good(2)), Abort, Retry, PromoteFull]),
                ("abort,undo", &[Ship(Good(2)), Abort, Ship(Good(1))]),
                ("up,down", &[Scale(6), Scale(2)]),
            ] {
                let title = format!("{strategy:?}/deployment,{scale_down}/{action}").to_lowercase();
                all.push(scenario(title, strategy, DEPLOYMENT, scale_down, acts));
            }
        }
    }
    for kind in [("v1", "PodTemplate"), ("apps/v1", "ReplicaSet")] {
        let title = format!("basic/{}/update", kind.1).to_lowercase();
        all.push(scenario(title, Strategy::Basic, kind, "never", to_the_end));
    }
    all.extend(others(DEPLOYMENT));
    all
}

/// A first version that never comes up, a workload that comes late, and fields that are not asked for.
fn others(deployment: (&str, &str)) -> Vec<Scenario> {
    use Act::*;
    let mut late = scenario("basic/missing/late".into(), Strategy::Basic, deployment, "never", &[]);
    late.script = vec![Apply, Create(workload("Deployment", 0)), Linger];
    late.others = vec![];
    let mut stuck =
        scenario("basic/deployment,progressively/stuck".into(), Strategy::Basic, deployment, "progressively", &[]);
    stuck.others = vec![stuck_deployment()];
    let mut twice = scenario("basic/deployment and template".into(), Strategy::Basic, deployment, "never", &[]);
    if let Some(spec) = twice.spec.as_object_mut() {
        spec.remove("template");
    }
    vec![late, stuck, twice]
}

fn stuck_deployment() -> Value {
    let mut deployment = workload("Deployment", 4);
    deployment["spec"]["template"] = crate::manifests::template("$R", Version::Stuck(1));
    deployment
}
