//! Who asks registries: some at a time, and none that asks to be left alone.

use super::hosts::{Hosts, unreachable};
use super::http::RegistryTransport;
use crate::Clock;
use jiff::{SignedDuration, Timestamp};
use serinus_talk::registry::{Ask, Credential, Exchange, Memory, Reply, Repository, Step, Trouble, Why};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Questions under way at the same time.
const AT_ONCE: usize = 16;
/// Of them, to one host.
const AT_ONE_HOST: usize = 4;
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a question may take, with all its pages and tokens.
const WHOLE: Duration = Duration::from_secs(120);
/// How long a host is left alone after a first failure; twice as long after each further one.
const FIRST_PAUSE: i64 = 5;
/// Longest such pause, in seconds.
const LONGEST_PAUSE: i64 = 300;

/// The registries that are asked.
pub(crate) struct Registries {
    transport: Arc<dyn RegistryTransport>,
    hosts: Hosts,
    clock: Arc<dyn Clock>,
    memory: Mutex<Memory>,
    /// Who was let in last, by host and path.
    let_in: Mutex<HashMap<(String, String), Credential>>,
    states: Mutex<HashMap<String, State>>,
    all: Semaphore,
}

/// What is known of a host.
struct State {
    free: Arc<Semaphore>,
    failures: u32,
    until: Option<Timestamp>,
    /// It answered without TLS, where that may be tried.
    plain: bool,
}

impl Registries {
    pub fn new(transport: Arc<dyn RegistryTransport>, hosts: Hosts, clock: Arc<dyn Clock>) -> Registries {
        let (memory, let_in, states) = Default::default();
        Registries { transport, hosts, clock, memory, let_in, states, all: Semaphore::new(AT_ONCE) }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_state<T>(&self, host: &str, change: impl FnOnce(&mut State) -> T) -> T {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let state = states.entry(host.to_string()).or_insert_with(|| State {
            free: Arc::new(Semaphore::new(AT_ONE_HOST)),
            failures: 0,
            until: None,
            plain: false,
        });
        change(state)
    }

    /// Until when a host is left alone.
    pub fn paused(&self, host: &str) -> Option<Timestamp> {
        let now = self.clock.now();
        self.with_state(host, |state| state.until.filter(|until| *until > now))
    }

    /// Asks, as the first of `credentials` that is let in, or as nobody.
    pub async fn ask(&self, host: &str, name: &str, ask: &Ask, credentials: &[Credential]) -> Result<Reply, Trouble> {
        let mut repository =
            Repository { host: host.to_string(), name: name.to_string(), plain: self.hosts.is_plain(host) };
        let free = self.with_state(host, |state| {
            repository.plain |= state.plain;
            state.free.clone()
        });
        let (Ok(_one), Ok(_all)) = (free.acquire().await, self.all.acquire().await) else {
            return Err(Trouble::new(Why::Unreachable, &repository, "the process ends"));
        };
        if let Some(until) = self.paused(host) {
            let mut trouble = Trouble::new(Why::Unavailable, &repository, &format!("it is left alone until {until}"));
            trouble.after = Duration::try_from(until.duration_since(self.clock.now())).ok();
            return Err(trouble);
        }
        let asked = tokio::time::timeout(WHOLE, self.ask_as_one_of(&repository, ask, credentials)).await;
        let asked = asked.unwrap_or_else(|_| {
            Err(unreachable(&repository, &format!("no whole answer within {} s", WHOLE.as_secs())))
        });
        self.learn(host, &asked);
        asked
    }

    /// A host in trouble is left alone for a while; one that answers is not.
    fn learn(&self, host: &str, asked: &Result<Reply, Trouble>) {
        let now = self.clock.now();
        self.with_state(host, |state| match asked {
            Err(trouble) if trouble.why.is_of_host() => {
                // Questions that were under way together fail together, and count once.
                if state.until.is_none_or(|until| until <= now) {
                    state.failures += 1;
                    let doubled = FIRST_PAUSE.saturating_mul(1 << state.failures.min(10).saturating_sub(1));
                    let own = SignedDuration::from_secs(doubled.min(LONGEST_PAUSE));
                    let asked = trouble.after.and_then(|after| SignedDuration::try_from(after).ok());
                    state.until =
                        now.checked_add(asked.map_or(own, |asked| asked.max(SignedDuration::from_secs(1)))).ok();
                }
            }
            _ => (state.failures, state.until) = (0, None),
        });
    }

    async fn ask_as_one_of(
        &self,
        repository: &Repository,
        ask: &Ask,
        credentials: &[Credential],
    ) -> Result<Reply, Trouble> {
        let mut last = None;
        let key = (repository.host.clone(), repository.name.clone());
        let let_in = self.let_in.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let first = credentials.iter().filter(|credential| let_in.as_ref() == Some(credential));
        let others = credentials.iter().filter(|credential| let_in.as_ref() != Some(credential));
        // A public image needs nobody, and a password that has ended must not be in its way.
        for credential in first.chain(others).map(Some).chain([None]) {
            let asked = self.ask_as(repository, ask, credential).await;
            if let (Ok(_), Some(credential)) = (&asked, credential)
                && let_in.as_ref() != Some(credential)
            {
                self.let_in.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), credential.clone());
            }
            match asked {
                Err(trouble) if matches!(trouble.why, Why::Denied | Why::Missing) => {
                    last = last.or(Some(trouble));
                }
                other => return other,
            }
        }
        Err(last.unwrap_or_else(|| Trouble::new(Why::Denied, repository, "nobody may ask")))
    }

    async fn ask_as(
        &self,
        repository: &Repository,
        ask: &Ask,
        credential: Option<&Credential>,
    ) -> Result<Reply, Trouble> {
        match self.exchange(repository, ask, credential).await {
            Err(trouble) if trouble.why == Why::Unreachable && self.hosts.is_lax() && !repository.plain => {
                let plain = Repository { plain: true, ..repository.clone() };
                let asked = self.exchange(&plain, ask, credential).await;
                if !matches!(&asked, Err(trouble) if trouble.why == Why::Unreachable) {
                    self.with_state(&repository.host, |state| state.plain = true);
                    return asked;
                }
                Err(trouble)
            }
            asked => asked,
        }
    }

    async fn exchange(
        &self,
        repository: &Repository,
        ask: &Ask,
        credential: Option<&Credential>,
    ) -> Result<Reply, Trouble> {
        let trust = self.hosts.trust(&repository.host);
        let mut exchange = Exchange::new(repository.clone(), ask.clone(), credential.cloned());
        let mut request = exchange.begin(&self.memory(), self.clock.now());
        loop {
            let answer = match tokio::time::timeout(ANSWER, self.transport.send(request, trust.clone())).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(why)) => return Err(unreachable(repository, &why)),
                Err(_) => return Err(unreachable(repository, &format!("no answer within {} s", ANSWER.as_secs()))),
            };
            match exchange.answer(&answer, &mut self.memory(), self.clock.now()) {
                Step::Send(next) => request = next,
                Step::Done(reply) => return Ok(reply),
                Step::Failed(trouble) => return Err(trouble),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::http::RegistryHttp;
    use super::*;
    use crate::SystemClock;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A registry on a real socket, and how many requests it had.
    async fn server() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (count, name) = (Arc::new(AtomicUsize::new(0)), host.clone());
        let counted = count.clone();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let mut asked = [0; 4096];
                let length = socket.read(&mut asked).await.unwrap_or(0);
                let asked = String::from_utf8_lossy(&asked[..length]).to_lowercase();
                let answer = |status: &str, headers: &str, body: &str| {
                    format!(
                        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
                        body.len()
                    )
                };
                let text = match asked.split(' ').nth(1).unwrap_or_default() {
                    path if path.starts_with("/token") => answer("200 OK", "", r#"{"token": "t", "expires_in": 300}"#),
                    "/v2/app/tags/list" if asked.contains("authorization: bearer t") => {
                        answer("200 OK", "", r#"{"name": "app", "tags": ["1.0.0"]}"#)
                    }
                    "/v2/app/tags/list" => {
                        answer("401 No", &format!("WWW-Authenticate: Bearer realm=\"http://{name}/token\"\r\n"), "")
                    }
                    "/v2/page/tags/list" => answer("200 OK", "Content-Type: text/html\r\n", "<html>"),
                    "/v2/large/tags/list" => answer("200 OK", "", &"x".repeat(5 << 20)),
                    _ => answer("429 Slow", "Retry-After: 60\r\n", ""),
                };
                let _ = socket.write_all(text.as_bytes()).await;
            }
        });
        (host, count)
    }

    #[tokio::test]
    async fn a_registry_on_a_socket() {
        let (host, count) = server().await;
        let mut hosts = Hosts::default();
        hosts.add_plain(&host);
        let registries = Registries::new(Arc::new(RegistryHttp::default()), hosts, Arc::new(SystemClock));
        for requests in [3, 4] {
            let reply = registries.ask(&host, "app", &Ask::Tags, &[]).await;
            assert_eq!(reply, Ok(Reply::Tags(vec!["1.0.0".to_string()])));
            assert_eq!(count.load(Ordering::Relaxed), requests, "a token is used again");
        }
        let trouble = registries.ask(&host, "page", &Ask::Tags, &[]).await.unwrap_err();
        assert_eq!(trouble.why, Why::Malformed);
        let trouble = registries.ask(&host, "large", &Ask::Tags, &[]).await.unwrap_err();
        assert!(trouble.text.contains("larger than 4 MiB"), "{trouble}");
        // What is too large counts as a host in trouble: it is left alone.
        let before = count.load(Ordering::Relaxed);
        assert!(registries.ask(&host, "app", &Ask::Tags, &[]).await.unwrap_err().text.contains("left alone until"));
        assert_eq!(count.load(Ordering::Relaxed), before);
        let (host, _) = server().await;
        let registries = Registries::new(Arc::new(RegistryHttp::default()), Hosts::default(), Arc::new(SystemClock));
        let trouble = registries.ask(&host, "app", &Ask::Tags, &[]).await.unwrap_err();
        assert_eq!(trouble.why, Why::Unreachable);
        assert!(trouble.text.contains("--plain-registry"), "{trouble}");
        let mut hosts = Hosts::default();
        hosts.be_lax();
        let registries = Registries::new(Arc::new(RegistryHttp::default()), hosts, Arc::new(SystemClock));
        assert!(registries.ask(&host, "app", &Ask::Tags, &[]).await.is_ok(), "without TLS where that may be tried");
        let trouble = registries.ask(&host, "busy", &Ask::Tags, &[]).await.unwrap_err();
        assert_eq!((trouble.why, trouble.after.map(|after| after.as_secs())), (Why::TooMany, Some(60)));
    }
}
