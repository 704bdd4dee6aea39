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
