//! `get`: the picture of a rollout or an experiment, once or kept current.

use super::at::At;
use crate::args::GetOne;
use crate::screen::{Screen, paint, say};
use crate::show::text::Paint;
use crate::show::world::{Raw, World};
use crate::show::{experiment_picture, picture};
use anyhow::anyhow;
use futures::StreamExt as _;
use futures::stream::{BoxStream, select_all};
use jiff::Timestamp;
use serde_json::Value;
use serinus_cluster::client::{ANALYSIS_RUN, ClientError, EXPERIMENT, POD, REPLICA_SET, ROLLOUT, Resource, Selection};
use serinus_wire::keys;
use std::time::Duration;
use tokio::time::Instant;

/// Changes that come closer together than this are drawn as one.
const CLOSEST: Duration = Duration::from_millis(200);
/// Ages are drawn anew this often.
const AGES: Duration = Duration::from_secs(1);

/// What stands at the top of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Top {
    /// A rollout.
    Rollout,
    /// An experiment.
    Experiment,
}

impl Top {
    /// Of what kind of object a picture can be.
    pub fn of(resource: &Resource) -> Option<Top> {
        match *resource {
            ROLLOUT => Some(Top::Rollout),
            EXPERIMENT => Some(Top::Experiment),
            _ => None,
        }
    }
}

/// What is looked at for a picture, the top first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Top,
    Sets,
    Pods,
    Experiments,
    Runs,
}

const PARTS: [Part; 5] = [Part::Top, Part::Sets, Part::Pods, Part::Experiments, Part::Runs];

impl Part {
    fn resource(self, top: Top) -> Resource {
        match (self, top) {
            (Part::Top, Top::Rollout) => ROLLOUT,
            (Part::Top, Top::Experiment) | (Part::Experiments, _) => EXPERIMENT,
            (Part::Sets, _) => REPLICA_SET,
            (Part::Pods, _) => POD,
            (Part::Runs, _) => ANALYSIS_RUN,
        }
    }

    /// Only what can belong to the top is asked for.
    fn selection(self, name: &str) -> Selection {
        match self {
            Part::Top => Selection::name(name),
            Part::Sets | Part::Pods => Selection::labels(keys::HASH),
            Part::Experiments | Part::Runs => Selection::all(),
        }
    }

    /// A cluster may have none of the kinds that only some rollouts need.
    fn optional(self) -> bool {
        matches!(self, Part::Experiments | Part::Runs)
    }
}

/// The picture of one thing, as objects.
struct Subject<'a> {
    at: &'a At,
    top: Top,
    name: &'a str,
    paint: Paint,
}

/// Shows it, once or until the time is up.
pub async fn get(at: &At, top: Top, args: &GetOne) -> anyhow::Result<()> {
    let colours = if args.no_color { Paint::Plain } else { paint() };
    let subject = Subject { at, top, name: &args.name, paint: colours };
    if !args.watch {
        say(subject.draw(&subject.look().await?)?.trim_end_matches('\n'))?;
        return Ok(());
    }
    let watched = subject.watch();
    match args.timeout_seconds {
        0 => watched.await,
        limit => tokio::time::timeout(Duration::from_secs(limit), watched).await.unwrap_or(Ok(())),
    }
}

impl Subject<'_> {
    async fn look(&self) -> anyhow::Result<Raw> {
        let resource = Part::Top.resource(self.top);
        let top = self.at.get(&resource, self.name).await?;
        let list = |part: Part| async move {
            let (resource, selection) = (part.resource(self.top), part.selection(self.name));
            let found = self.at.list(&resource, &selection, part.optional()).await?;
            anyhow::Ok(found.unwrap_or_default())
        };
        let (sets, pods, experiments, runs) =
            tokio::try_join!(list(Part::Sets), list(Part::Pods), list(Part::Experiments), list(Part::Runs))?;
        Ok(Raw { top, sets, pods, experiments, runs })
    }

    fn draw(&self, raw: &Raw) -> anyhow::Result<String> {
        let now = Timestamp::now();
        match self.top {
            Top::Rollout => {
                let world = World::read(raw).map_err(|error| anyhow!("rollout '{}': {error}", self.name))?;
                Ok(picture(&world, now, self.paint))
            }
            Top::Experiment => Ok(experiment_picture(raw, now, self.paint)),
        }
    }

    /// Draws again with every change, until what it shows is deleted.
    async fn watch(&self) -> anyhow::Result<()> {
        // Before watching, a plain look: it says clearly what is missing, and which kinds there are.
        let mut raw = self.look().await?;
        let mut screen = Screen::stdout();
        screen.show(&self.draw(&raw)?)?;
        let mut changes = self.changes().await?;
        let mut drawn = Instant::now();
        let mut due = drawn + AGES;
        loop {
            tokio::select! {
                change = changes.next() => {
                    let Some((part, objects)) = change else { return Ok(()) };
                    let objects = objects.map_err(|error| self.at.explained(&part.resource(self.top), self.name, error))?;
                    self.take(&mut raw, part, objects)?;
                    due = due.min(drawn + CLOSEST);
                }
                () = tokio::time::sleep_until(due) => {
                    screen.show(&self.draw(&raw)?)?;
                    drawn = Instant::now();
                    due = drawn + AGES;
                }
            }
        }
    }

    async fn changes(&self) -> anyhow::Result<BoxStream<'static, (Part, Result<Vec<Value>, ClientError>)>> {
        let mut streams = Vec::new();
        for part in PARTS {
            let (resource, selection) = (part.resource(self.top), part.selection(self.name));
            if part.optional() && self.at.list(&resource, &Selection::name("-"), true).await?.is_none() {
                continue;
            }
            let objects = self.at.cluster.follow(&resource, Some(&self.at.namespace), &selection);
            streams.push(objects.map(move |objects| (part, objects)).boxed());
        }
        Ok(select_all(streams).boxed())
    }

    fn take(&self, raw: &mut Raw, part: Part, objects: Vec<Value>) -> anyhow::Result<()> {
        match part {
            Part::Sets => raw.sets = objects,
            Part::Pods => raw.pods = objects,
            Part::Experiments => raw.experiments = objects,
            Part::Runs => raw.runs = objects,
            Part::Top => match objects.into_iter().next() {
                Some(top) => raw.top = top,
                None => return Err(self.at.missing(&part.resource(self.top), self.name)),
            },
        }
        Ok(())
    }
}
