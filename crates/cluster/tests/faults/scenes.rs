//! Single acts of the scenarios of the comparison with the peer: canary and blue/green, analysis, workloads behind a Rollout,
//! experiments, metadata and every other option. Each begins where the act before it left the world, delays and all.

use crate::crew::{Crew, comes_to};
use crate::runtime;
use crate::support::play::{self, Answers, perform, rest, start, window};
use crate::support::storm::{Dice, Log};
use crate::support::{Tap, World};
use serde_json::{Value, json};
use serinus_model::Model;
use serinus_tests_parity::scenario::{self, Act, Scenario, Strategy};
use std::sync::OnceLock;
use std::time::Duration;

/// Nothing has changed for so long: people go on.
const QUIET: Duration = Duration::from_secs(6);
/// Nothing has changed for so long: it is the end. Longer than every delay.
const END: Duration = Duration::from_secs(60);

/// So long have the sets of a step's Experiment to come up, where the comparison has them seconds only: who is late in bad weather would be late.
const DEADLINE: u32 = 120;

/// One act, as it goes on a quiet day.
struct Scene {
    act: Act,
    before: Model,
    /// What web metrics were told before it.
    told: Option<i32>,
    end: Value,
    /// Nobody was sent to a Service without a ready pod, and nobody may be. Without a router the stable Service follows what is
    /// promoted, when the old pods are gone already: who is quick enough there is lucky.
    served: bool,
}

/// All scenarios, each played on a quiet day when it is first asked for.
pub struct Scenes {
    scenarios: Vec<Scenario>,
    played: Vec<OnceLock<Vec<Scene>>>,
}

impl Scenes {
    pub fn new() -> Scenes {
        let experiments = scenario::all().into_iter().filter(|scenario| scenario.title.starts_with("experiment/"));
        let scenarios = scenario::chosen().into_iter().chain(experiments).filter(is_decided_by_more_than_time);
        let scenarios: Vec<Scenario> = scenarios.map(patient).collect();
        let played = scenarios.iter().map(|_| OnceLock::new()).collect();
        Scenes { scenarios, played }
    }

    /// A scene in bad weather; its title, and what went wrong.
    pub fn told(&self, crew: Crew, dice: &Dice, log: &Log) -> (String, Result<(), String>) {
        let at = pick(dice, self.scenarios.len());
        let scenario = &self.scenarios[at];
        let scenes = self.played[at].get_or_init(|| runtime().block_on(on_a_quiet_day(scenario)));
        let scene = &scenes[pick(dice, scenes.len())];
        let told = runtime().block_on(scene.told(scenario, crew, dice, log));
        (format!("{} {:?}", scenario.title, scene.act), told)
    }
}

fn pick(dice: &Dice, count: usize) -> usize {
    usize::try_from(dice.below(count as u64)).unwrap()
}

/// Where a deadline aborts, who is late in bad weather is late.
fn is_decided_by_more_than_time(scenario: &Scenario) -> bool {
    scenario.spec["progressDeadlineAbort"] != true
}

/// Whether sets fail for their deadline is decided in all weathers: by a deadline that no weather holds up for.
fn patient(mut scenario: Scenario) -> Scenario {
    if is_of_deadline(&scenario) {
        scenario.spec["progressDeadlineSeconds"] = json!(DEADLINE);
    }
    scenario
}

fn is_of_deadline(scenario: &Scenario) -> bool {
    scenario.title.starts_with("experiment/") && scenario.spec["progressDeadlineSeconds"].is_number()
}

/// How long nothing has changed at the end.
fn end(scenario: &Scenario) -> Duration {
    if is_of_deadline(scenario) { END + Duration::from_secs(DEADLINE.into()) } else { END }
}

async fn on_a_quiet_day(scenario: &Scenario) -> Vec<Scene> {
    let world = World::new().await;
    let (tap, answers) = (Tap::default(), Answers::default());
    let _one = start(&world, &tap, &answers);
    let mut scenes = Vec::new();
    for act in &scenario.script {
        let (before, told) = (world.still(), answers.told());
        let mut served = scenario.strategy != Strategy::Basic;
        let play = async {
            perform(&world, scenario, act, &answers).await;
            rest(&world, window(act, QUIET)).await;
            to_the_end(&world.still(), &answers, end(scenario)).await
        };
        let end = tokio::select! {
            biased;
            end = play => end,
            () = async { play::sent_to_nobody(&world).await; served = false; std::future::pending().await } => unreachable!(),
        };
        if !matches!(act, Act::Linger | Act::Await(_)) {
            scenes.push(Scene { act: act.clone(), before, told, end, served });
        }
    }
    scenes
}

/// Where it ends when people do nothing more.
async fn to_the_end(still: &Model, answers: &Answers, quiet: Duration) -> Value {
    let world = World::of(still);
    let _one = start(&world, &Tap::default(), answers);
    rest(&world, quiet).await
}

impl Scene {
    async fn told(&self, scenario: &Scenario, crew: Crew, dice: &Dice, log: &Log) -> Result<(), String> {
        let world = World::of(&self.before);
        let answers = Answers::telling(self.told);
        let people = async {
            perform(&world, scenario, &self.act, &answers).await;
            comes_to(&world, &self.end, play::state).await
        };
        let lost =
            async { if self.served { play::sent_to_nobody(&world).await } else { std::future::pending().await } };
        let ready = |options: &mut serinus_cluster::Options| answers.serve(options);
        tokio::select! {
            biased;
            told = people => told,
            () = crew.work(&world, dice, log, &ready) => unreachable!("controllers never end"),
            lost = lost => Err(lost),
        }
    }
}
