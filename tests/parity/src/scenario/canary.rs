//! Canaries by pod count and with nginx: steps x actions x moments.

use serde_json::{Value, json};

use super::{Act, Scenario, Strategy, Version};

/// Steps with a name.
struct Steps {
    name: &'static str,
    list: Vec<Value>,
    /// How many pauses without an end are in it.
    pauses: usize,
}

fn weight(weight: i32) -> Value {
    json!({"setWeight": weight})
}

fn pause() -> Value {
    json!({"pause": {}})
}

fn steps(strategy: Strategy) -> Vec<Steps> {
    let mut all = vec![
        Steps { name: "none", list: vec![], pauses: 0 },
        Steps { name: "w25,p,w50,p", list: vec![weight(25), pause(), weight(50), pause()], pauses: 2 },
        Steps { name: "p,w60,w10,p", list: vec![pause(), weight(60), weight(10), pause()], pauses: 2 },
        Steps {
            name: "w40,p1s,w100,p",
            list: vec![weight(40), json!({"pause": {"duration": "1s"}}), weight(100), pause()],
            pauses: 1,
        },
    ];
    if strategy == Strategy::Nginx {
        let scale = |inner: Value| json!({"setCanaryScale": inner});
        all.push(Steps {
            name: "scale2,p,w50,p,match,p",
            list: vec![
                scale(json!({"replicas": 2})),
                pause(),
                weight(50),
                pause(),
                scale(json!({"matchTrafficWeight": true})),
                pause(),
            ],
            pauses: 3,
        });
        all.push(Steps {
            name: "scale50%,w10,p,scale1,p",
            list: vec![scale(json!({"weight": 50})), weight(10), pause(), scale(json!({"replicas": 1})), pause()],
            pauses: 2,
        });
    }
    all
}

/// What is done at a moment of an update to version 2, each with a name.
fn actions(replicas: i32) -> Vec<(&'static str, Vec<Act>)> {
    use Act::*;
    use Version::*;
    vec![
        ("full", vec![PromoteFull]),
        ("abort", vec![Abort]),
        ("abort,retry,full", vec![Abort, Retry, PromoteFull]),
        ("abort,undo", vec![Abort, Ship(Good(1))]),
        ("abort,third", vec![Abort, Ship(Good(3)), PromoteFull]),
        ("abort,full", vec![Abort, PromoteFull]),
        ("undo", vec![Ship(Good(1))]),
        ("undo,again", vec![Ship(Good(1)), Ship(Good(2)), PromoteFull]),
        ("third", vec![Ship(Good(3)), Promote, PromoteFull]),
        ("third,undo", vec![Ship(Good(3)), Ship(Good(1))]),
        ("third,second", vec![Ship(Good(3)), Ship(Good(2)), PromoteFull]),
        ("stuck third,undo", vec![Ship(Stuck(3)), Ship(Good(1))]),
        ("stuck third,abort", vec![Ship(Stuck(3)), Abort]),
        ("up", vec![Scale(replicas + 3), PromoteFull]),
        ("down", vec![Scale(replicas - 2), PromoteFull]),
        ("abort,down", vec![Abort, Scale(replicas - 2)]),
        ("pause,unpause", vec![Pause, Promote, Unpause]),
        ("pause,third", vec![Pause, Ship(Good(3)), Unpause]),
        ("steps", vec![Spec(json!({"strategy": {"canary": {"steps": [weight(30), pause()]}}})), PromoteFull]),
    ]
}

/// What is done when version 2 gets stuck in its first step with pods.
fn rescues(replicas: i32) -> Vec<(&'static str, Vec<Act>)> {
    use Act::*;
    use Version::*;
    vec![
        ("abort", vec![Abort]),
        ("abort,retry", vec![Abort, Retry, Abort]),
        ("undo", vec![Ship(Good(1))]),
        ("third", vec![Ship(Good(3)), PromoteFull]),
        ("promote", vec![Promote, Promote]),
        ("full", vec![PromoteFull]),
        ("full,abort", vec![PromoteFull, Abort]),
        ("up", vec![Scale(replicas + 3)]),
        ("down", vec![Scale(replicas - 2)]),
        ("zero", vec![Scale(0)]),
    ]
}

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    for strategy in [Strategy::Basic, Strategy::Nginx] {
        for steps in steps(strategy) {
            let add = |all: &mut Vec<Scenario>, moment: &str, action: &str, acts: Vec<Act>, extra: Value| {
                let mut canary = json!({"steps": steps.list});
                if let (Value::Object(canary), Value::Object(extra)) = (&mut canary, extra) {
                    canary.extend(extra);
                }
                let mut script = vec![Act::Apply];
                script.extend(acts);
                script.push(Act::Linger);
                let title = format!("{strategy:?}/{}/{moment}/{action}", steps.name).to_lowercase();
                let spec = json!({"strategy": {"canary": canary}});
                all.push(Scenario { title, strategy, spec, others: vec![], script });
            };
            let to_pause = |n: usize| {
                let mut acts = vec![Act::Ship(Version::Good(2))];
                acts.extend(std::iter::repeat_n(Act::Promote, n));
                acts
            };
            // To the end, one promotion at a time, and back again.
            let mut through = to_pause(steps.pauses);
            add(&mut all, "through", "update", through.clone(), json!({}));
            through.push(Act::Ship(Version::Good(1)));
            through.push(Act::PromoteFull);
            add(&mut all, "through", "update,back", through, json!({}));
            for moment in 0..steps.pauses {
                for (action, acts) in actions(4) {
                    let script = [to_pause(moment), acts].concat();
                    add(&mut all, &format!("pause {}", moment + 1), action, script, json!({}));
                }
            }
            for (action, acts) in rescues(4) {
                // Steps that begin with a pause get stuck after it.
                let mut script = vec![Act::Ship(Version::Stuck(2))];
                if steps.name.starts_with('p') {
                    script.push(Act::Promote);
                }
                script.extend(acts);
                add(&mut all, "stuck", action, script, json!({}));
            }
        }
    }
    all
}
