//! One direction: all states are brought about, the controller is exchanged, and all are played to their ends.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use serinus_tests_lab::api::Api;
use serinus_tests_lab::controller::{Controller, Which};
use serinus_tests_lab::scene::fresh;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::app::App;
use super::gate::Gates;
use super::judge::{End, Written, beyond, writes};
use super::known;
use super::mirror::{Kind, Mirror};
use super::stage::Stage;
use super::state::State;
use super::table::{Row, Table};
use crate::answers::Answers;
use crate::normal::text;
use crate::play::Side;
use crate::pulse::Pulse;
use crate::record::Record;

/// States that are played in one part.
const PART: usize = 40;
/// States that are brought about at the same time in a namespace: more would measure the machine.
const AT_ONCE: usize = 8;
/// How long nothing but the exchange happens, after the new controller has begun to look after everything.
const HOLD: Duration = Duration::from_secs(12);
/// How long what the old controller wrote last may take to be seen.
const SETTLE: Duration = Duration::from_secs(2);

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// Who begins.
    pub from: Which,
    /// Who takes over.
    pub to: Which,
}

/// What the others are compared with: Argo is stopped as well, and takes over from itself.
const TWIN: Direction = Direction { from: Which::Argo, to: Which::Argo };

impl Direction {
    /// Both of them.
    pub const BOTH: [Direction; 2] =
        [Direction { from: Which::Argo, to: Which::Serinus }, Direction { from: Which::Serinus, to: Which::Argo }];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match (self.from, self.to) {
            (Which::Argo, Which::Serinus) => "forth, argo to serinus",
            (Which::Serinus, Which::Argo) => "back, serinus to argo",
            (Which::Argo, Which::Argo) | (Which::Serinus, Which::Serinus) => "the twin",
        }
    }

    fn namespace(self) -> &'static str {
        match (self.from, self.to) {
            (Which::Argo, Which::Serinus) => "forth",
            (Which::Serinus, Which::Argo) => "back",
            (Which::Argo, Which::Argo) | (Which::Serinus, Which::Serinus) => "twin",
        }
    }
}

/// Where an application stands, or why it got no further.
type Standing = BTreeMap<String, Result<(), String>>;

/// Plays all states in these directions, and tells how it went with each as soon as it is known. They are played in parts: a rollout that is held half
/// way must not get past its progress deadline, and the API server has other things to do.
///
/// # Errors
/// The cluster can't be used, or a controller does not start or end.
pub async fn play_all(api: &Arc<Api>, directions: &[Direction], states: &[State]) -> Result<Vec<Table>> {
    let parts = states.len().div_ceil(PART);
    let mut tables: Vec<Table> = directions.iter().map(|one| Table { direction: one.name(), rows: vec![] }).collect();
    for part in 0..parts {
        // One of each neighbourhood, so that all parts take about as long.
        let states: Vec<State> = states.iter().skip(part).step_by(parts).cloned().collect();
        eprintln!("part {} of {parts}", part + 1);
        let played = play(api, directions, &Arc::new(states), part).await?;
        for (table, part) in tables.iter_mut().zip(played) {
            println!("{part}\n");
            table.rows.extend(part.rows);
        }
    }
    Ok(tables)
}

/// Plays these directions side by side, each in a namespace of its own, beside a twin of each application.
async fn play(api: &Arc<Api>, directions: &[Direction], states: &Arc<Vec<State>>, part: usize) -> Result<Vec<Table>> {
    Gates::clear(api).await?;
    let lanes: Vec<Direction> = directions.iter().copied().chain([TWIN]).collect();
    let (mut follows, mut stages) = (JoinSet::new(), Vec::new());
    for lane in &lanes {
        stages.push(stage(api, &format!("{}-{part}", lane.namespace()), &mut follows).await?);
    }
    let played = exchange(&lanes, states, &stages);
    tokio::pin!(played);
    loop {
        tokio::select! {
            Some(ended) = follows.join_next() => ended??,
            played = &mut played => {
                let mut rows = played?;
                let twins = rows.pop().unwrap_or_default();
                let judged = directions.iter().zip(rows).map(|(direction, rows)| judge(*direction, states, &rows, &twins));
                return Ok(judged.collect());
            }
        }
    }
}

/// What happened to one application: what was written in the time of the takeover, and how it ended.
struct Taken {
    written: Vec<Written>,
    end: End,
}

type Rows = BTreeMap<String, Result<Taken, String>>;

async fn exchange(lanes: &[Direction], states: &Arc<Vec<State>>, stages: &[Stage]) -> Result<Vec<Rows>> {
    let began = Instant::now();
    let say = |what: &str| eprintln!("{:4} s: {what}", began.elapsed().as_secs());
    let old = start(lanes, stages, |lane| lane.from)?;
    say(&format!("{} rollouts are brought into their states, each in {} namespaces", states.len(), stages.len()));
    let mut standing = told(&old, bring(states, stages)).await?;
    say("the controllers are stopped");
    for controller in old {
        controller.stop().await?;
    }
    tokio::time::sleep(SETTLE).await;
    let marks: Vec<usize> = stages.iter().map(|stage| stage.mirror.mark()).collect();
    let pods = still_there(states, stages, &mut standing);

    say("the others take over");
    let new = start(lanes, stages, |lane| lane.to)?;
    told(&new, looked_after(stages)).await?;
    tokio::time::sleep(HOLD).await;
    let ends: Vec<usize> = stages.iter().map(|stage| stage.mirror.mark()).collect();

    say("all go on to their ends");
    let go_on =
        all(states, stages, standing.clone(), |stage, state, name| async move { stage.end(&state, &name).await });
    let ended = told(&new, go_on).await?;
    say("done");
    let rows = stages.iter().enumerate().map(|(at, stage)| {
        let row = |n| {
            let (name, key) = (name(n), key(stage, &name(n)));
            let world = stage.mirror.world(&name);
            let taken = ended[&key].clone().map(|()| Taken {
                written: writes(&stage.mirror.changes(&name, marks[at], ends[at]), &name, &world.hashes()),
                end: End::of(&world, &pods[&key], &name),
            });
            (name, taken)
        };
        (0..states.len()).map(row).collect()
    });
    Ok(rows.collect())
}

/// A controller for each namespace.
fn start(lanes: &[Direction], stages: &[Stage], which: fn(&Direction) -> Which) -> Result<Vec<Controller>> {
    lanes.iter().zip(stages).map(|(lane, stage)| Controller::start_as(which(lane), &stage.side.namespace)).collect()
}

/// Does something that needs the controllers, and adds their last lines to what went wrong.
async fn told<T>(controllers: &[Controller], act: impl Future<Output = Result<T>>) -> Result<T> {
    let mut result = act.await;
    for controller in controllers {
        result = controller.told(std::future::ready(result)).await;
    }
    result
}

fn name(n: usize) -> String {
    format!("s{n}")
}

fn key(stage: &Stage, name: &str) -> String {
    format!("{}/{name}", stage.side.namespace)
}

/// All states at all stages: first those that last, then those that end by themselves.
async fn bring(states: &Arc<Vec<State>>, stages: &[Stage]) -> Result<Standing> {
    let none = Standing::new();
    let lasting =
        all(states, stages, none, |stage, state, name| async move { stage.bring(&state, &name).await }).await?;
    all(states, stages, lasting, |stage, state, name| async move {
        if state.late.is_empty() { Ok(()) } else { stage.bring_late(&state, &name).await }
    })
    .await
}

/// Does something with every application that stands; gives how each stands then.
async fn all<F>(
    states: &Arc<Vec<State>>,
    stages: &[Stage],
    before: Standing,
    act: fn(Stage, State, String) -> F,
) -> Result<Standing>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let free = Arc::new(Semaphore::new(AT_ONCE * stages.len()));
    let mut acts = JoinSet::new();
    let mut standing = before.clone();
    for (n, state) in states.iter().enumerate() {
        for stage in stages {
            let (key, name) = (key(stage, &name(n)), name(n));
            if before.get(&key).is_some_and(Result::is_err) {
                continue;
            }
            let (free, act) = (free.clone(), act(stage.clone(), state.clone(), name));
            acts.spawn(async move {
                let _turn = free.acquire_owned().await;
                (key, act.await)
            });
        }
    }
    while let Some(ended) = acts.join_next().await {
        let (key, result) = ended?;
        if let Err(error) = &result {
            eprintln!("{key}: {error:#}");
        }
        standing.insert(key, result.map_err(|error| format!("{error:#}")));
    }
    Ok(standing)
}

/// Who no longer looks as it should has not been brought there. Gives the pods of all.
fn still_there(states: &[State], stages: &[Stage], standing: &mut Standing) -> BTreeMap<String, BTreeSet<String>> {
    let mut pods = BTreeMap::new();
    for (n, state) in states.iter().enumerate() {
        for stage in stages {
            let (key, world) = (key(stage, &name(n)), stage.mirror.world(&name(n)));
            if standing.get(&key).is_some_and(Result::is_ok) && !(state.at)(&world) {
                let text = format!("it left the state before the takeover: {}", world.status());
                standing.insert(key.clone(), Err(text));
            }
            pods.insert(key, world.all(Kind::Pod).map(|pod| text(&pod["metadata"]["uid"]).to_owned()).collect());
        }
    }
    pods
}

/// A Rollout that is created now gets healthy: the new controllers look after their namespaces.
async fn looked_after(stages: &[Stage]) -> Result<()> {
    for stage in stages {
        stage.bring(&State::of("a new one", App::canary(json!([{"setWeight": 50}]))), "witness").await?;
    }
    Ok(())
}

fn judge(direction: Direction, states: &[State], rows: &Rows, twins: &Rows) -> Table {
    let mut table = Table { direction: direction.name(), rows: vec![] };
    for (n, (state, name)) in states.iter().zip((0..).map(name)).enumerate() {
        let mut row = Row { title: format!("{} (s{n})", state.title), ..Row::default() };
        match (rows.get(&name), twins.get(&name)) {
            (Some(Ok(taken)), Some(Ok(twin))) => compare(&mut row, state.title, taken, twin),
            (Some(Err(fault)), _) => row.faults.push(fault.clone()),
            (_, Some(Err(fault))) => row.faults.push(format!("the twin: {fault}")),
            (None, _) | (_, None) => row.faults.push("it was not played".to_owned()),
        }
        table.rows.push(row);
    }
    table
}

fn compare(row: &mut Row, title: &str, taken: &Taken, twin: &Taken) {
    for one in beyond(taken.written.clone(), &twin.written) {
        match known::written(title, &one) {
            Some(reason) => row.meant.push(reason),
            None => row.faults.push(format!("after the takeover: {}: {} became {}", one.part, one.from, one.to)),
        }
    }
    for one in taken.end.differs(&twin.end) {
        match known::ended(title, &one) {
            Some(reason) => row.meant.push(reason),
            None => row.faults.push(format!("at the end: {}: {}, the twin {}", one.part, one.ours, one.argo)),
        }
    }
}

/// A fresh namespace.
async fn stage(api: &Arc<Api>, namespace: &str, follows: &mut JoinSet<Result<()>>) -> Result<Stage> {
    fresh(api, namespace).await?;
    let mirror = Mirror::default();
    follows.spawn(mirror.clone().follow(api.clone(), namespace.to_owned()));
    let side = Side {
        api: api.clone(),
        namespace: namespace.to_owned(),
        record: Record::default(),
        pulse: Pulse::default(),
        answers: Answers::listen().await?,
    };
    Ok(Stage { side, mirror, gates: Arc::new(Gates::default()) })
}
