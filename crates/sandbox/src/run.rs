//! `serinus sandbox` from start to end: what is printed, what ends it, and its exit code.

use crate::gateway::table::Key;
use crate::once::{BAD, GOOD, Once, peak_memory};
use crate::pipeline::{Pipeline, USER};
use crate::pods::demo::{REPOSITORY, tag_of};
use crate::sandbox::{Options, Sandbox, first_rollout};
use crate::screen::Screen;
use crate::ship::{Template, first_container, how};
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Nothing was begun: a manifest can't be read, a port is taken.
const UNUSABLE: u8 = 2;
/// How long each part of `--once` may take.
const PATIENCE: Duration = Duration::from_secs(45);

/// Runs a sandbox until it is interrupted, or until `--once` is through.
///
/// # Errors
/// Signals can't be listened to.
pub async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let screen = Screen::stdout();
    let sandbox = match Sandbox::start(&options, &screen).await {
        Ok(sandbox) => sandbox,
        Err(line) => {
            eprintln!("serinus sandbox: {line}");
            return Ok(ExitCode::from(UNUSABLE));
        }
    };
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let work = async {
        let subject = subject(&sandbox).await;
        introduce(&sandbox, subject.as_ref(), &options, &screen);
        if options.once { once(&sandbox, subject, &screen).await } else { std::future::pending().await }
    };
    let code = tokio::select! {
        code = work => code,
        _ = interrupt.recv() => ExitCode::SUCCESS,
        _ = terminate.recv() => ExitCode::SUCCESS,
    };
    screen.end();
    sandbox.stop().await;
    Ok(code)
}

/// What is updated: a Rollout, where its template is, and the container in it.
struct Subject {
    key: Key,
    template: Template,
    container: String,
    image: String,
}

/// The first Rollout, when its template can be written to.
async fn subject(sandbox: &Sandbox) -> Option<Subject> {
    let mut watched = sandbox.watched.clone();
    let seen = watched.wait_for(|watched| !watched.rollouts.is_empty());
    let seen = tokio::time::timeout(Duration::from_secs(5), seen).await.ok()?.ok()?.clone();
    let (key, rollout) = first_rollout(&seen)?;
    let template = Template::of(&rollout)?;
    let (container, image) = first_container(&sandbox.api, &template).await?;
    Some(Subject { key, template, container, image })
}

fn introduce(sandbox: &Sandbox, subject: Option<&Subject>, options: &Options, screen: &Screen) {
    let kubeconfig = sandbox.kubeconfig().display().to_string();
    screen.say(&format!("Kubernetes API  http://{}   export KUBECONFIG={kubeconfig}", sandbox.api_address));
    let gateway = sandbox.gateway_address;
    match &sandbox.target {
        Some(target) => {
            let ask = format!("curl -H 'Host: {}' http://{gateway}{}", target.host, target.path);
            screen.say(&format!("Gateway         http://{gateway}   {ask}"));
            screen
                .say(&format!("Traffic         {} requests a second to {}{}", options.rate, target.host, target.path));
        }
        None => screen.say(&format!("Gateway         http://{gateway}   no Ingress yet, so there is no traffic")),
    }
    let updates = sandbox.updates_address;
    screen.say(&format!("Updates         http://{updates}   approvals page and webhooks; {USER}, {USER}"));
    if options.once {
        return screen.say("");
    }
    if let Some(subject) = subject {
        let image =
            if tag_of(&subject.image).is_some() { format!("{REPOSITORY}:{GOOD}") } else { subject.image.clone() };
        screen.say("\nSend the next image as a pipeline does, and approve it on the page or with `serinus approve`:");
        let body = format!("'{{\"name\": \"{REPOSITORY}\", \"tag\": \"{GOOD}\"}}'");
        screen.say(&format!("  curl -u {USER}:{USER} -d {body} http://{updates}/v1/webhooks/native"));
        screen.say(&format!("  SERINUS_URL=http://{USER}:{USER}@{updates} serinus ship {REPOSITORY}:{GOOD} --wait"));
        screen.say("Or by hand; watch it, go on or give up:");
        for line in how(&subject.key, &subject.template, &subject.container, &image, &kubeconfig) {
            screen.say(&format!("  {line}"));
        }
        screen.say(&format!(
            "A bad one: {REPOSITORY}:{BAD} fails 20 % of its requests, …-slow200 takes 200 ms for each."
        ));
    }
    screen.say("Ctrl-C ends it.\n");
}

async fn once(sandbox: &Sandbox, subject: Option<Subject>, screen: &Screen) -> ExitCode {
    let Some(subject) = subject.filter(|subject| tag_of(&subject.image).is_some()) else {
        eprintln!("serinus sandbox: --once needs a Rollout with the image {REPOSITORY}:<version> and an Ingress");
        return ExitCode::from(UNUSABLE);
    };
    let mut once = Once {
        api: sandbox.api.clone(),
        key: subject.key,
        template: subject.template,
        watched: sandbox.watched.clone(),
        pipeline: Pipeline::to(sandbox.updates_address),
        meter: sandbox.meter.clone(),
        screen: screen.clone(),
        by_hand: false,
        patience: PATIENCE,
    };
    let result = once.run().await;
    screen.end();
    let seen = sandbox.meter.now();
    let bad: u64 = seen.bad.values().sum();
    screen.say(&format!(
        "\n{} requests, {} answered well, {bad} with an error by the bad version, {} without an answer",
        seen.sent,
        seen.good.values().sum::<u64>(),
        seen.lost
    ));
    let memory = peak_memory().map_or("unknown".to_string(), |bytes| format!("{:.0} MB", bytes as f64 / 1e6));
    screen.say(&format!("{:.1} s, peak memory of the whole system {memory}", screen.elapsed().as_secs_f64()));
    match result {
        Ok(()) => {
            screen.say(&format!("ok: {GOOD} was promoted, {BAD} was aborted, {GOOD} serves"));
            ExitCode::SUCCESS
        }
        Err(reason) => {
            screen.say(&format!("failed: {reason}"));
            ExitCode::FAILURE
        }
    }
}
