//! The `serinus` program.

use serinus_cli::{act, args};
use std::io::IsTerminal as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let (persona, cli) = match args::parse(std::env::args_os().collect()) {
        Ok(parsed) => parsed,
        Err(error) => error.exit(),
    };
    // The sandbox tells its own story; the controller's log would drown it.
    let level = match &cli.verb {
        args::Verb::Sandbox(_) if cli.connection.loglevel == "info" => "warn",
        _ => cli.connection.loglevel.as_str(),
    };
    let filter = tracing_subscriber::EnvFilter::try_new(level).unwrap_or_default();
    let colour = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).with_ansi(colour).finish();
    if let Err(error) = tracing::subscriber::set_global_default(log) {
        eprintln!("{}: {error}", persona.spelled());
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{}: can't start: {error}", persona.spelled());
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(act::act(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{}: {error:#}", persona.spelled());
            ExitCode::FAILURE
        }
    }
}
