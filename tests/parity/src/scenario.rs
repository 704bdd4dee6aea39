//! What is played: a Rollout, the objects around it, and a script of what its users do. All of them are generated: what is configured x actions x
//! moments, a room for each kind of feature.

mod alone;
mod analysis;
mod bluegreen;
mod canary;
mod choice;
mod experiment;
mod invalid;
mod judges;
mod options;
mod workload;

use serde_json::Value;

/// Which strategy a Rollout has, and who splits its traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// A canary by the number of pods alone.
    Basic,
    /// A canary with a canary Ingress.
    Nginx,
    /// Blue/green.
    BlueGreen,
}

/// One thing that a user does, or that happens around the Rollout. The next one waits until all is quiet.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// The manifests are applied, with version 1.
    Apply,
    /// The template of a version is written: into the Rollout, or into the workload that it refers to.
    Ship(Version),
    /// `promote`: ends a pause, skips any other step.
    Promote,
    /// `promote --full`.
    PromoteFull,
    /// `abort`.
    Abort,
    /// `retry rollout`.
    Retry,
    /// `restart`.
    Restart,
    /// `spec.replicas`.
    Scale(i32),
    /// The number of replicas through `/scale`, as an autoscaler writes it.
    Autoscale(i32),
    /// `pause`.
    Pause,
    /// Taking such a pause back, as `promote` does for a Rollout that is paused by hand.
    Unpause,
    /// A merge patch of the Rollout's spec.
    Spec(Value),
    /// An object is made.
    Create(Value),
    /// What the server of the web metrics answers from now on; nothing is an error of that server.
    Measure(Option<i32>),
    /// All AnalysisRuns are told to end.
    Terminate,
    /// All Experiments are told to end.
    EndExperiments,
    /// `retry experiment`, for all of them.
    RetryExperiments,
    /// Nothing, until the Rollout has this phase.
    Await(&'static str),
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

/// One play. In all JSON `$R` stands for the scenario's name, `$NS` for its namespace, `$WEB` for `host:port` of the server of the web metrics.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is about, for people.
    pub title: String,
    /// Which strategy is the ground that `spec` is merged over.
    pub strategy: Strategy,
    /// A merge patch over the spec of a plain Rollout of four pods with that strategy.
    pub spec: Value,
    /// Further objects, made before the Rollout.
    pub others: Vec<Value>,
    /// The script; `Apply` is its first act.
    pub script: Vec<Act>,
}

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    let of_rollouts =
        [canary::all(), bluegreen::all(), analysis::all(), workload::all(), options::all(), invalid::all()];
    [of_rollouts.concat(), experiment::all(), alone::all()].concat()
}

/// The choice that is played when nobody asks for anything else: each feature, and what is done to it at each kind of moment.
pub fn chosen() -> Vec<Scenario> {
    all().into_iter().filter(|scenario| choice::TITLES.contains(&scenario.title.as_str())).collect()
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

    #[test]
    fn what_is_chosen_exists() {
        let all = all();
        let titles: std::collections::BTreeSet<_> = all.iter().map(|scenario| scenario.title.as_str()).collect();
        let unknown: Vec<_> = choice::TITLES.iter().filter(|title| !titles.contains(*title)).collect();
        assert_eq!(unknown, [&""; 0]);
        assert_eq!(chosen().len(), choice::TITLES.len());
    }
}
