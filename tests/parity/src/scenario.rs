//! What is played: a Rollout's strategy, and a script of what its users do to it. All of them are generated: step kinds x actions x moments.

use serde_json::{Value, json};

/// Who splits the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Router {
    /// The number of pods alone.
    Basic,
    /// A canary Ingress.
    Nginx,
}

/// One thing that a user does. The next one waits until all is quiet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// The manifests are applied, with version 1.
    Apply,
    /// The template of a version is written.
    Ship(Version),
    /// `promote`: ends a pause, skips any other step.
    Promote,
    /// `promote --full`.
    PromoteFull,
    /// `abort`.
    Abort,
    /// `retry rollout`.
    Retry,
    /// `spec.replicas`.
    Scale(i32),
    /// `pause`.
    Pause,
    /// Taking such a pause back, as `promote` does for a Rollout that is paused by hand.
    Unpause,
    /// The steps are changed under way.
    Steps(Vec<Value>),
    /// Nothing, until every delay before old pods go has passed.
    Linger,
}

/// A pod template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Runs as `serinus/web:<n>.0.0`.
    Good(u8),
    /// The same, on a node that does not exist: its pods never become available.
    Stuck(u8),
}

/// One play.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is about, for people.
    pub title: String,
    /// Who splits the traffic.
    pub router: Router,
    /// `spec.replicas`.
    pub replicas: i32,
    /// Further fields of `spec.strategy.canary`.
    pub canary: Value,
    /// The script; `Apply` is its first act.
    pub script: Vec<Act>,
}

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

fn steps(router: Router) -> Vec<Steps> {
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
    if router == Router::Nginx {
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
        ("steps", vec![Steps(vec![weight(30), pause()]), PromoteFull]),
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
    for router in [Router::Basic, Router::Nginx] {
        for steps in steps(router) {
            let add = |all: &mut Vec<Scenario>, moment: &str, action: &str, acts: Vec<Act>, extra: Value| {
                let mut canary = json!({"steps": steps.list});
                if let (Value::Object(canary), Value::Object(extra)) = (&mut canary, extra) {
                    canary.extend(extra);
                }
                let mut script = vec![Act::Apply];
                script.extend(acts);
                script.push(Act::Linger);
                let title = format!("{router:?}/{}/{moment}/{action}", steps.name).to_lowercase();
                all.push(Scenario { title, router, replicas: 4, canary, script });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_tell_scenarios_apart_and_every_script_applies_first() {
        let all = all();
        let titles: std::collections::BTreeSet<_> = all.iter().map(|scenario| &scenario.title).collect();
        assert_eq!(titles.len(), all.len());
        assert!(all.iter().all(|scenario| scenario.script.first() == Some(&Act::Apply)));
    }
}
