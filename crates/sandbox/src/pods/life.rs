//! The life of one pod: started, looked at until it is ready and ever after, started again when it ends by itself,
//! stopped when told.

use super::demo::Demo;
use super::log::Log;
use super::plan::{Probe, Runs, Waiting};
use super::process::Process;
use bytes::Bytes;
use futures::future::{FutureExt, select_all};
use http::{Request, header};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// What is to be said about a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It does not run.
    Waiting(Waiting),
    /// It runs.
    Running {
        /// Where it listens.
        address: SocketAddr,
        /// Whether it takes requests.
        ready: bool,
    },
    /// It ended by itself.
    Ended {
        /// Exit code.
        code: i32,
    },
}

/// The longest wait before a pod that ends by itself is started again.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
const LOOK_PATIENCE: Duration = Duration::from_secs(1);

/// Everything that one life needs.
pub struct Life {
    /// Name of the pod.
    pub name: String,
    /// What its containers run.
    pub runs: Vec<Runs>,
    /// When it is ready.
    pub probe: Probe,
    /// Where processes start.
    pub directory: PathBuf,
    /// Its output.
    pub log: Log,
    /// Whether it is started again when it ends by itself.
    pub forever: bool,
    /// How long it may take to end.
    pub grace: Duration,
}

enum Server {
    Demo(Demo),
    Process(Process),
}

impl Life {
    /// Lives until `stop`, and tells every change.
    pub async fn live(&self, stop: &CancellationToken, mut tell: impl FnMut(State)) {
        let mut backoff = Duration::from_secs(1);
        loop {
            let mut servers = match self.start().await {
                Ok(servers) => servers,
                Err(message) => {
                    tell(State::Waiting(Waiting { reason: "RunContainerError".into(), message }));
                    Vec::new()
                }
            };
            if let Some(address) = servers.first().map(Server::address) {
                let code = tokio::select! {
                    () = stop.cancelled() => None,
                    code = ended(&mut servers) => Some(code),
                    () = self.look(address, &mut tell) => None,
                };
                let Some(code) = code else {
                    return self.end(servers).await;
                };
                tell(State::Ended { code });
                if !self.forever {
                    return self.end(servers).await;
                }
                let message =
                    format!("a container ended with code {code}; it is started again in {} s", backoff.as_secs());
                self.log.line(format!("[sandbox] {message}"));
                self.end(servers).await;
                tell(State::Waiting(Waiting { reason: "CrashLoopBackOff".into(), message }));
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(backoff) => backoff = (backoff * 2).min(LONGEST_BACKOFF),
            }
        }
    }

    async fn start(&self) -> Result<Vec<Server>, String> {
        let mut servers = Vec::new();
        for runs in &self.runs {
            servers.push(match runs {
                Runs::Demo(behaviour) => Demo::start(&self.name, behaviour.clone(), self.log.clone())
                    .await
                    .map(Server::Demo)
                    .map_err(|error| format!("no free port: {error}"))?,
                Runs::Command(container) => {
                    Process::start(container, &self.directory, &self.log).await.map(Server::Process)?
                }
            });
        }
        Ok(servers)
    }

    async fn end(&self, servers: Vec<Server>) {
        let each = servers.into_iter().map(|server| async {
            match server {
                Server::Demo(demo) => demo.stop().await,
                Server::Process(process) => process.stop(self.grace).await,
            }
        });
        futures::future::join_all(each).await;
    }

    /// Looks at the pod for ever, and tells when it becomes ready or stops being so.
    async fn look(&self, address: SocketAddr, tell: &mut impl FnMut(State)) {
        tell(State::Running { address, ready: false });
        sleep(self.probe.delay).await;
        let (mut ready, mut bad) = (false, 0);
        loop {
            let good = timeout(LOOK_PATIENCE, answers(address, self.probe.path.as_deref())).await == Ok(true);
            bad = if good { 0 } else { bad + 1 };
            if good != ready && (good || bad >= self.probe.failures) {
                ready = good;
                tell(State::Running { address, ready });
            }
            // Until it is ready it is looked at more often than asked for: a sandbox should not keep one waiting.
            sleep(if ready { self.probe.period } else { self.probe.period.min(Duration::from_millis(200)) }).await;
        }
    }
}

impl Server {
    fn address(&self) -> SocketAddr {
        match self {
            Server::Demo(demo) => demo.address(),
            Server::Process(process) => process.address(),
        }
    }
}

/// Waits until one of the servers ends by itself. Demos do not.
async fn ended(servers: &mut [Server]) -> i32 {
    let each = servers.iter_mut().map(|server| match server {
        Server::Demo(_) => futures::future::pending().boxed(),
        Server::Process(process) => process.ended().boxed(),
    });
    select_all(each).await.0
}

/// Whether a server takes a connection, and answers well when there is a path to ask for.
async fn answers(address: SocketAddr, path: Option<&str>) -> bool {
    let Ok(stream) = TcpStream::connect(address).await else { return false };
    let Some(path) = path else { return true };
    let Ok((mut sender, connection)) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await else {
        return false;
    };
    let request = Request::get(path).header(header::HOST, "localhost").header(header::USER_AGENT, "kube-probe");
    let Ok(request) = request.body(Empty::<Bytes>::new()) else { return false };
    let connection = std::pin::pin!(connection);
    tokio::select! {
        answer = sender.send_request(request) => answer.is_ok_and(|answer| answer.status().as_u16() < 400),
        _ = connection => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pods::demo::Behaviour;
    use serde_json::json;
    use std::sync::{Arc, Mutex};

    async fn states(runs: Runs, path: Option<&str>, forever: bool, enough: usize) -> Vec<String> {
        let stop = CancellationToken::new();
        let probe = Probe {
            path: path.map(str::to_string),
            delay: Duration::ZERO,
            period: Duration::from_secs(1),
            failures: 1,
        };
        let life = Life {
            name: "a".into(),
            runs: vec![runs],
            probe,
            directory: "/".into(),
            log: Log::default(),
            forever,
            grace: Duration::from_secs(5),
        };
        let told = Arc::new(Mutex::new(Vec::new()));
        life.live(&stop, |state| {
            let mut told = told.lock().unwrap();
            told.push(match state {
                State::Waiting(waiting) => waiting.reason,
                State::Running { ready, .. } => format!("ready {ready}"),
                State::Ended { code } => format!("ended {code}"),
            });
            if told.len() == enough {
                stop.cancel();
            }
        })
        .await;
        Arc::try_unwrap(told).unwrap().into_inner().unwrap()
    }

    #[tokio::test]
    async fn a_demo_becomes_ready_even_when_it_answers_badly() {
        let demo = || Runs::Demo(Behaviour::of_tag("1.0.0-errors100").unwrap());
        assert_eq!(states(demo(), Some("/healthz"), true, 2).await, ["ready false", "ready true"]);
        assert_eq!(states(demo(), None, true, 2).await, ["ready false", "ready true"]);
    }

    #[tokio::test]
    async fn a_command_that_ends_is_said_to() {
        let run = |words: &[&str]| Runs::Command(json!({"command": words}));
        let seen = states(run(&["sh", "-c", "exit 7"]), None, true, 3).await;
        assert_eq!(seen, ["ready false", "ended 7", "CrashLoopBackOff"]);
        assert_eq!(states(run(&["true"]), None, false, 3).await, ["ready false", "ended 0"]);
        assert_eq!(states(run(&["/no/such/program"]), None, true, 1).await, ["RunContainerError"]);
    }
}
