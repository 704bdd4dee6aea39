//! The command line: which verb, with which flags. Decided from the arguments and the name the program was called by.

mod connection;
mod controller;
mod span;
mod updates;
mod verbs;

pub use connection::Connection;
pub use controller::{ControllerArgs, LogFormat};
pub use span::span;
pub use updates::*;
pub use verbs::*;

use clap::{ArgAction, Command, CommandFactory, FromArgMatches, Parser};
use std::ffi::OsString;
use std::path::Path;

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  it did not work; for `status`: the rollout is degraded or the time ran out; for `lint`: something was found
  2  wrong usage, or input that can't be read
  for `ship`: 0 promoted, 3 not tracked, 4 refused by the policy, 5 rejected, 6 expired, 7 rolled back or failed,
  8 no verdict in time, 9 the server could not be asked, 10 another version took its place";

/// Progressive delivery for Kubernetes: canaries that promote themselves, or go safely back.
#[derive(Debug, Parser)]
#[command(name = "serinus", after_help = EXIT_CODES, disable_version_flag = true, max_term_width = 120)]
pub struct Cli {
    /// Which cluster, and who asks.
    #[command(flatten)]
    pub connection: Connection,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

impl Cli {
    /// What is logged, as directives for the log.
    pub fn log_filter(&self) -> String {
        let level = self.connection.loglevel.as_str();
        match &self.verb {
            Verb::Controller(_) => level.to_string(),
            // The sandbox tells its own story; the controller's log would drown it.
            Verb::Sandbox(_) if level == "info" => "warn".to_string(),
            Verb::Sandbox(_) => level.to_string(),
            // What goes wrong is said once, by the verb; the Kubernetes client would say it again.
            _ => {
                let client = match self.connection.kloglevel {
                    0 => "off",
                    1..=3 => "warn",
                    4..=5 => "info",
                    6..=8 => "debug",
                    _ => "trace",
                };
                format!("{level},kube_client={client},kube_runtime={client},tower={client},hyper_util={client}")
            }
        }
    }
}

/// The name this program was called by decides what it offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persona {
    /// Everything.
    Serinus,
    /// `kubectl serinus`: what works on rollouts.
    KubectlSerinus,
    /// `kubectl argo rollouts`: the same under its old name.
    ArgoRollouts,
}

impl Persona {
    /// From the path of the program as it was called.
    pub fn of(program: &Path) -> Persona {
        match program.file_stem().and_then(|stem| stem.to_str()) {
            Some("kubectl-argo-rollouts") => Persona::ArgoRollouts,
            Some("kubectl-serinus") => Persona::KubectlSerinus,
            _ => Persona::Serinus,
        }
    }

    /// Name of the program itself.
    pub fn program(self) -> &'static str {
        match self {
            Persona::Serinus => "serinus",
            Persona::KubectlSerinus => "kubectl-serinus",
            Persona::ArgoRollouts => "kubectl-argo-rollouts",
        }
    }

    /// How a person calls it.
    pub fn spelled(self) -> &'static str {
        match self {
            Persona::Serinus => "serinus",
            Persona::KubectlSerinus => "kubectl serinus",
            Persona::ArgoRollouts => "kubectl argo rollouts",
        }
    }
}

/// The command line of a persona.
pub fn command(persona: Persona) -> Command {
    let command = taking_values(Cli::command()).bin_name(persona.spelled());
    match persona {
        Persona::Serinus => command,
        Persona::KubectlSerinus | Persona::ArgoRollouts => ["controller", "sandbox"]
            .into_iter()
            .fold(command.name(persona.spelled()), |command, own| command.mut_subcommand(own, |verb| verb.hide(true))),
    }
}

/// `--flag=true` and `--flag=false` work as they do with kubectl.
fn taking_values(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_action() {
        ArgAction::SetTrue => arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .value_parser(clap::value_parser!(bool))
            .value_name("BOOL")
            .default_value("false")
            .default_missing_value("true")
            .hide_default_value(true)
            .hide_possible_values(true),
        _ => arg,
    });
    command.mut_subcommands(taking_values)
}

/// Reads the arguments, the first of which is the program.
///
/// # Errors
/// Wrong usage, or a request for help; the text says which.
pub fn parse(arguments: Vec<OsString>) -> Result<(Persona, Cli), clap::Error> {
    let persona = Persona::of(Path::new(arguments.first().map_or(OsString::new().as_os_str(), OsString::as_os_str)));
    let mut command = command(persona);
    let matches = command.try_get_matches_from_mut(arguments)?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok((persona, cli))
}

#[cfg(test)]
mod tests;
