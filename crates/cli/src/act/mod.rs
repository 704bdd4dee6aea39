//! What each verb does.

mod at;
mod change;
mod create;
mod get;
pub mod image;
mod lint;
mod list;
mod run;
mod serve;
mod status;
mod template;
mod undo;
mod updates;

use crate::args::{Cli, Get, ImageVerb, List, Persona, Retry, Set, Terminate, UpdatesVerb, Verb, command};
use crate::screen::say;
use at::At;
use get::Top;
use jiff::Timestamp;
use serinus_wire::image_update::Decision;
use std::process::ExitCode;

/// Carries a verb out.
///
/// # Errors
/// One line: what did not work, where, and the remedy where there is one.
pub async fn act(persona: Persona, cli: Cli) -> anyhow::Result<ExitCode> {
    let at = || At::of(&cli.connection);
    match &cli.verb {
        Verb::Controller(args) => return serve::controller(&cli.connection, args).await,
        Verb::Sandbox(args) => return serve::sandbox(args).await,
        Verb::Lint(args) => return lint::lint(args),
        Verb::Status(args) => return status::status(&at().await?, args).await,
        Verb::Promote(args) => change::promote(&at().await?, args).await?,
        Verb::Abort(args) => change::abort(&at().await?, &args.names).await?,
        Verb::Retry(Retry::Rollout(args)) => change::retry_rollouts(&at().await?, &args.names).await?,
        Verb::Retry(Retry::Experiment(args)) => change::retry_experiments(&at().await?, &args.names).await?,
        Verb::Pause(args) => change::pause(&at().await?, &args.names).await?,
        Verb::Restart(args) => change::restart(&at().await?, args).await?,
        Verb::Terminate(Terminate::AnalysisRun(args)) => change::terminate_runs(&at().await?, &args.names).await?,
        Verb::Terminate(Terminate::Experiment(args)) => {
            change::terminate_experiments(&at().await?, &args.names).await?
        }
        Verb::Undo(args) => undo::undo(&at().await?, args).await?,
        Verb::Set(Set::Image(args)) => image::set(&at().await?, args).await?,
        Verb::Create(args) => create::create(&at().await?, args).await?,
        Verb::Get(Get::Rollout(args)) => get::get(&at().await?, Top::Rollout, args).await?,
        Verb::Get(Get::Experiment(args)) => get::get(&at().await?, Top::Experiment, args).await?,
        Verb::List(List::Rollouts(args)) => list::rollouts(&at().await?, args).await?,
        Verb::List(List::Experiments(args)) => list::experiments(&at().await?, args.all_namespaces).await?,
        Verb::Ship(args) => return updates::ship::ship(args).await,
        Verb::Updates(args) => match &args.verb {
            None => updates::list(&at().await?, args).await?,
            Some(UpdatesVerb::Allow(votes)) => updates::allow(&at().await?, &votes.names).await?,
            Some(UpdatesVerb::Archive(votes)) => updates::archive(&at().await?, &votes.names).await?,
        },
        Verb::Approve(args) => updates::vote(&at().await?, &args.names, Decision::Approve).await?,
        Verb::Reject(args) => updates::vote(&at().await?, &args.names, Decision::Reject).await?,
        Verb::Image(ImageVerb::Explain(args)) => updates::explain(&at().await?, args).await?,
        Verb::Explain(args) => explain(&at().await?, &args.name).await?,
        Verb::Version(args) => version(persona, args.short)?,
        Verb::Crd => say(&serde_json::to_string(&serinus_wire::crd::list())?)?,
        Verb::Completion(args) => {
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut command(persona), persona.program(), &mut script);
            say(String::from_utf8_lossy(&script).trim_end())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn explain(at: &At, name: &str) -> anyhow::Result<()> {
    let seen = serinus_cluster::see(at.cluster.client(), &at.namespace, name).await?;
    let plan = serinus_decide::decide(&seen, Timestamp::now());
    let status = &seen.rollout.status;
    let mut text = format!("{}/{name}  {} {}\n{}", at.namespace, status.phase, status.message, plan.report);
    if let Some(wake) = plan.wake {
        text.push_str(&format!("looks again at {}", serinus_wire::Time(wake)));
    }
    say(text.trim_end_matches('\n'))?;
    Ok(())
}

/// The number of this program; without `short` also what it is built for.
fn version(persona: Persona, short: bool) -> std::io::Result<()> {
    let number = format!("{}: v{}", persona.program(), env!("CARGO_PKG_VERSION"));
    let platform = format!("  Platform: {}/{}", std::env::consts::OS, std::env::consts::ARCH);
    say(&if short { number } else { format!("{number}\n{platform}") })
}
