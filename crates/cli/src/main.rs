//! The `serinus` program.

use serinus_cli::{act, args};
use std::io::IsTerminal as _;
use std::process::ExitCode;

/// A controller parses and drops objects all day: quicker at that than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let (persona, cli) = match args::parse(std::env::args_os().collect()) {
        Ok(parsed) => parsed,
        Err(error) => error.exit(),
    };
    let filter = tracing_subscriber::EnvFilter::try_new(cli.log_filter()).unwrap_or_default();
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
    match runtime.block_on(act::act(persona, cli)) {
        Ok(code) => code,
        Err(error) if is_unread(&error) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}: {error:#}", persona.spelled());
            ExitCode::FAILURE
        }
    }
}

/// `serinus get rollout web | head -1`: who reads has enough, which is nothing to complain about.
fn is_unread(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
