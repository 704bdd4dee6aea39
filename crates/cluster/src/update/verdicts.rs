//! Verdicts told to those who do not wait for them: one signed POST each, again and again until it is taken, or a day has gone by.
//!
//! That it was told stands in the status of the update. A process that dies in between tells once more, with the same idempotency key.

use super::IMAGE_UPDATE;
use super::watches::Subject;
use crate::Clock;
use crate::client::Cluster;
use crate::events::{About, Events};
use crate::measure::{Transport, Unanswered};
use aws_lc_rs::hmac;
use futures::channel::mpsc::UnboundedSender;
use serde_json::json;
use serinus_decide::update::verdict::{is_owed, key, message};
use serinus_decide::{Note, NoteType};
use serinus_gocompat::lenient::{Fields, Misfit, first};
use serinus_talk::metric::Request;
use serinus_wire::{ImageUpdate, Time};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Verdicts that are told at the same time.
const AT_ONCE: usize = 4;
/// First pause after a failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Failures in a row after which people hear of it.
const WORTH_AN_EVENT: u32 = 5;

/// Who is told.
#[derive(Clone, PartialEq, Eq)]
pub struct Receiver {
    /// Where; perhaps with a token in it.
    url: http::Uri,
    /// Signs the body (HMAC-SHA256); empty: nothing is signed.
    secret: String,
}

/// Addresses and secrets are not shown.
impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").field("place", &self.place()).finish_non_exhaustive()
    }
}

impl Receiver {
    /// All of a list in JSON: `[{"url", "secret"}]`. An empty text is an empty list.
    ///
    /// # Errors
    /// One line that says what is wrong, without what is secret.
    pub fn list(text: &str) -> Result<Vec<Receiver>, String> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let misfit = |misfit: Misfit| misfit.to_string();
        let wrapped = format!("{{\"receivers\": {text}\n}}");
        let json = first(wrapped.as_bytes()).map_err(misfit)?;
        let mut receivers = Vec::new();
        for fields in Fields::of(&json).map_err(misfit)?.objects("receivers").map_err(misfit)? {
            let url = fields.text("url").map_err(misfit)?.parse::<http::Uri>().ok();
            let url = url.filter(|url| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some());
            let Some(url) = url else {
                let number = receivers.len() + 1;
                return Err(format!("url of receiver {number} is no http:// or https:// address: give one"));
            };
            receivers.push(Receiver { url, secret: fields.text("secret").map_err(misfit)? });
        }
        Ok(receivers)
    }

    /// Scheme and host: all that may be told of an address.
    fn place(&self) -> String {
        format!("{}://{}", self.url.scheme_str().unwrap_or_default(), self.url.host().unwrap_or_default())
    }

    fn request(&self, body: &str, key: &str) -> Request {
        let mut headers = vec![
            ("Content-Type".to_string(), "application/json".to_string()),
            ("Idempotency-Key".to_string(), key.to_string()),
        ];
        if !self.secret.is_empty() {
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes()), body.as_bytes());
            let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            headers.push(("X-Serinus-Signature".to_string(), format!("sha256={hex}")));
        }
        let (url, body) = (self.url.to_string(), body.as_bytes().to_vec());
        // What is signed for one place is for no other, and a verdict that becomes a GET on the way is none.
        Request { method: "POST", url, headers, body, timeout: PATIENCE, insecure: false, follows: false }
    }

    /// What was wrong with an answer; nothing: the verdict was taken.
    fn trouble(&self, answer: Result<u16, Unanswered>) -> Option<String> {
        let place = self.place();
        match answer {
            Ok(200..=299) => None,
            Ok(status @ 300..=399) => {
                Some(format!("{place} answers {status}, a redirect: give the address that it leads to"))
            }
            Ok(status) => Some(format!("{place} answers {status}")),
            Err(Unanswered { cause, .. }) => Some(format!("{place} does not answer: {cause}")),
        }
    }
}

/// Who tells.
pub(crate) struct Verdicts {
    pub receivers: Vec<Receiver>,
    pub transport: Arc<dyn Transport>,
    pub cluster: Cluster,
    pub events: Events,
    pub clock: Arc<dyn Clock>,
    /// Wakes the update when there is news.
    pub queue: UnboundedSender<Subject>,
    pub told: Told,
}

/// What is under way, and what has failed.
pub(crate) struct Told {
    tries: Mutex<HashMap<Subject, Try>>,
    turns: Semaphore,
}

impl Default for Told {
    fn default() -> Told {
        Told { tries: Mutex::default(), turns: Semaphore::new(AT_ONCE) }
    }
}

#[derive(Clone, Default)]
struct Try {
    /// The verdict that it is about.
    key: String,
    under_way: bool,
    failures: u32,
    next: Option<Instant>,
    /// Receivers that have taken it.
    taken: BTreeSet<usize>,
    /// All have, and that is on record, whether the cache shows it yet or not.
    noted: bool,
}

impl Verdicts {
    fn of<T>(&self, subject: &Subject, change: impl FnOnce(&mut Try) -> T) -> T {
        let mut tries = self.told.tries.lock().unwrap_or_else(PoisonError::into_inner);
        change(tries.entry(subject.clone()).or_default())
    }

    /// Forgets an update that is gone, or has nothing to tell.
    pub fn forget(&self, subject: &Subject) {
        self.told.tries.lock().unwrap_or_else(PoisonError::into_inner).remove(subject);
    }

    /// Begins to tell the verdict if it is owed; gives when to look again if that has to wait.
    pub fn look(self: &Arc<Self>, subject: &Subject, update: &ImageUpdate) -> Option<Duration> {
        if self.receivers.is_empty() {
            return None;
        }
        if !is_owed(update, self.clock.now()) {
            self.forget(subject);
            return None;
        }
        let (now, key) = (Instant::now(), key(update));
        let left = self.of(subject, |tried| {
            if tried.key != key {
                *tried = Try { key, under_way: tried.under_way, ..Try::default() };
            }
            let left = tried.next.map(|next| next.saturating_duration_since(now)).unwrap_or_default();
            // Its end wakes the update.
            let begins = !tried.under_way && !tried.noted && left.is_zero();
            tried.under_way |= begins;
            if begins { None } else { Some(left) }
        });
        if left.is_none() {
            let (verdicts, subject, update) = (self.clone(), subject.clone(), update.clone());
            tokio::spawn(async move { verdicts.tell(subject, update).await });
        }
        left.filter(|left| !left.is_zero())
    }

    async fn tell(self: Arc<Self>, subject: Subject, update: ImageUpdate) {
        let _turn = self.told.turns.acquire().await;
        let (body, key) = (message(&update).to_string(), key(&update));
        let mut taken = self.of(&subject, |tried| if tried.key == key { tried.taken.clone() } else { BTreeSet::new() });
        let mut trouble = None;
        for (number, receiver) in self.receivers.iter().enumerate() {
            if !taken.contains(&number) {
                let answer = self.transport.send(receiver.request(&body, &key)).await;
                match receiver.trouble(answer.map(|(status, _)| status)) {
                    None => {
                        taken.insert(number);
                    }
                    why => trouble = why,
                }
            }
        }
        if trouble.is_none() {
            trouble = self.note(&subject, &update).await.err();
        }
        self.ended(&subject, &update, taken, trouble);
    }

    /// Puts on record that it was told, of the very update that was: another verdict may have fallen since.
    async fn note(&self, subject: &Subject, update: &ImageUpdate) -> Result<(), String> {
        let (namespace, meta) = (&update.metadata.namespace, &update.metadata);
        let at = Time::whole_seconds(self.clock.now());
        let guard = json!({"uid": meta.uid, "resourceVersion": meta.resource_version});
        let patch = json!({"metadata": guard, "status": {"toldAt": at}});
        let noted = self.cluster.patch_status(&IMAGE_UPDATE, namespace, &subject.name, &patch).await;
        noted.map(drop).map_err(|error| format!("that it was told could not be noted: {error}"))
    }

    fn ended(&self, subject: &Subject, update: &ImageUpdate, taken: BTreeSet<usize>, trouble: Option<String>) {
        let key = key(update);
        let failures = self.of(subject, |tried| {
            tried.under_way = false;
            match &trouble {
                // Another verdict has fallen meanwhile: nobody has been told that one.
                _ if tried.key != key => {}
                None => tried.noted = true,
                Some(_) => {
                    tried.taken = taken;
                    tried.failures += 1;
                    let factor = 1u32.checked_shl(tried.failures - 1).unwrap_or(u32::MAX);
                    tried.next = Some(Instant::now() + FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE));
                }
            }
            tried.failures
        });
        if let Some(text) = trouble {
            tracing::warn!(%subject, text, failures, "a verdict was not told: tries again");
            if failures == WORTH_AN_EVENT {
                let message = format!("the verdict was not told: {text}; it is tried for a day");
                let note = Note { kind: NoteType::Warning, reason: "VerdictNotTold".to_string(), message };
                self.events.note(&About::update(update), &note);
            }
        }
        let _ = self.queue.unbounded_send(subject.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_read_and_nothing_secret_is_told() {
        assert_eq!(Receiver::list(" "), Ok(Vec::new()));
        let list = r#"[{"url": "https://ci.example/hook?token=hunter2", "secret": "Jefe"}, {"url": "http://b:8080/"}]"#;
        let receivers = Receiver::list(list).unwrap();
        assert_eq!(
            format!("{receivers:?}"),
            "[Receiver { place: \"https://ci.example\", .. }, Receiver { place: \"http://b\", .. }]"
        );
        for wrong in [r#"[{"url": "hunter2"}]"#, r#"[{"secret": "hunter2"}]"#, r#"[{"url": 7}]"#, "hunter2"] {
            let why = Receiver::list(wrong).unwrap_err();
            assert!(!why.is_empty() && !why.contains("hunter2"), "{wrong}: {why}");
        }
        let request = "Post \"https://ci.example/hook?token=hunter2\"".to_string();
        let refused = Unanswered { request, cause: "refused".to_string() };
        for (answer, trouble) in [
            (Ok(204), None),
            (Ok(301), Some("https://ci.example answers 301, a redirect: give the address that it leads to")),
            (Ok(503), Some("https://ci.example answers 503")),
            (Err(refused), Some("https://ci.example does not answer: refused")),
        ] {
            assert_eq!(receivers[0].trouble(answer).as_deref(), trouble);
        }
        // RFC 4231, test case 2.
        let request = receivers[0].request("what do ya want for nothing?", "k");
        let signature = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(request.headers.contains(&("X-Serinus-Signature".to_string(), signature.to_string())));
        assert!(!receivers[1].request("x", "k").headers.iter().any(|(name, _)| name == "X-Serinus-Signature"));
    }
}
