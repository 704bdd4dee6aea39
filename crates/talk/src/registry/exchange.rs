//! One question to a registry, from the first request to the reply: challenges, tokens, pages, redirects.

use super::challenge::{Challenge, best};
use super::manifest::{self, ACCEPT, Platform, Told};
use super::memory::{Memory, Proof};
use super::tags::{Page, Pages};
use super::{Answer, Credential, Repository, Request, Trouble, Why, token};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Redirects that are followed. Blobs are often somewhere else.
const HOPS: usize = 5;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Which tags are there?
    Tags,
    /// Which digest is behind this tag?
    Digest(String),
    /// Which platforms is this tag or digest for?
    Platforms(String),
}

/// The reply to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Tags in the order of the registry.
    Tags(Vec<String>),
    /// A digest.
    Digest(String),
    /// Platforms; none: no node can run it.
    Platforms(BTreeSet<Platform>),
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this, and tell the answer.
    Send(Request),
    /// The reply.
    Done(Reply),
    /// There is none.
    Failed(Trouble),
}

/// A question under way.
pub struct Exchange {
    repository: Repository,
    credential: Option<Credential>,
    /// What the next answer is to.
    asking: Asking,
    /// What goes on once there is a token.
    then: Asking,
    /// How what is asked for is asked for, again if needed.
    method: &'static str,
    url: String,
    proof: Proof,
    /// The proof was earned by this very question: a refusal of it is final.
    fresh: bool,
    hops: usize,
    pages: Pages,
    ask: Ask,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asking {
    What,
    Config,
    Token,
}

impl Exchange {
    /// A question about `repository`, by `credential` where the registry wants one.
    pub fn new(repository: Repository, ask: Ask, credential: Option<Credential>) -> Exchange {
        let path = match &ask {
            Ask::Tags => "tags/list".to_string(),
            Ask::Digest(reference) | Ask::Platforms(reference) => format!("manifests/{reference}"),
        };
        let url = format!("{}/v2/{}/{path}", repository.origin(), repository.name);
        // A digest costs nothing against limits when only the headers are asked for.
        let method = if matches!(ask, Ask::Digest(_)) { "HEAD" } else { "GET" };
        let (asking, proof, pages) = (Asking::What, Proof::None, Pages::default());
        Exchange { repository, credential, asking, then: asking, method, url, proof, fresh: false, hops: 0, pages, ask }
    }

    /// The first request.
    pub fn begin(&mut self, memory: &Memory, now: Timestamp) -> Request {
        self.proof = memory.proof(&self.repository, self.credential.as_ref(), now);
        self.request()
    }

    /// Takes an answer in.
    pub fn answer(&mut self, answer: &Answer, memory: &mut Memory, now: Timestamp) -> Step {
        if self.asking == Asking::Token {
            return self.token(answer, memory, now);
        }
        match answer.status {
            200..=299 if answer.is_page() => {
                self.failed(Why::Malformed, "it answered with a web page: check the host and the port")
            }
            200..=299 => self.taken(answer),
            301 | 302 | 303 | 307 | 308 => self.redirected(answer),
            401 => self.challenged(answer, memory, now),
            // Some registries hide what they would show to somebody they know, instead of asking who it is.
            403 | 404 if self.proof == Proof::None && self.has_basic() && !self.fresh => self.with(Proof::Basic),
            // There are registries that know no HEAD.
            404 | 405 | 501 if self.method == "HEAD" => {
                self.method = "GET";
                Step::Send(self.request())
            }
            _ => Step::Failed(Trouble::of(answer, &self.repository, "it ", self.credential.is_some(), now)),
        }
    }

    fn has_basic(&self) -> bool {
        self.credential.as_ref().is_some_and(|credential| credential.basic().is_some())
    }

    fn request(&self) -> Request {
        let accept = match self.asking {
            Asking::What if self.ask != Ask::Tags => ACCEPT,
            _ => "application/json, */*;q=0.5",
        };
        let mut headers = vec![("accept", accept.to_string())];
        let proof = match &self.proof {
            Proof::None => None,
            Proof::Basic => self.credential.as_ref().and_then(Credential::basic),
            Proof::Bearer(token) => Some(format!("Bearer {token}")),
        };
        headers.extend(proof.map(|proof| ("authorization", proof)));
        Request { method: self.method, url: self.url.clone(), headers, body: String::new() }
    }

    fn with(&mut self, proof: Proof) -> Step {
        self.proof = proof;
        self.fresh = true;
        Step::Send(self.request())
    }

    fn failed(&self, why: Why, text: &str) -> Step {
        Step::Failed(Trouble::new(why, &self.repository, text))
    }

    fn challenged(&mut self, answer: &Answer, memory: &mut Memory, now: Timestamp) -> Step {
        let denied = |exchange: &Exchange| {
            Step::Failed(Trouble::of(answer, &exchange.repository, "it ", exchange.credential.is_some(), now))
        };
        if origin(&self.url) != self.repository.origin() {
            // Where a registry sends us is not where we say who we are.
            return denied(self);
        }
        memory.forget(&self.repository, self.credential.as_ref());
        match best(&answer.challenges) {
            Some(Challenge::Bearer { realm, service, scope })
                if !(self.fresh && matches!(self.proof, Proof::Bearer(_))) =>
            {
                let as_open = self.repository.plain && realm.starts_with("http://");
                if !(as_open || realm.starts_with("https://")) {
                    return self.failed(
                        Why::Denied,
                        "it sends us for a token to where nothing is kept secret: its realm must be https://",
                    );
                }
                let scope = if scope.is_empty() { format!("repository:{}:pull", self.repository.name) } else { scope };
                self.then = self.asking;
                self.asking = Asking::Token;
                Step::Send(token::request(&realm, &service, &scope, self.credential.as_ref()))
            }
            Some(Challenge::Basic) if self.proof != Proof::Basic && self.has_basic() => {
                memory.wants_basic(&self.repository);
                self.with(Proof::Basic)
            }
            _ => denied(self),
        }
    }

    fn token(&mut self, answer: &Answer, memory: &mut Memory, now: Timestamp) -> Step {
        if !(200..=299).contains(&answer.status) {
            let known = self.credential.is_some();
            let mut trouble = Trouble::of(answer, &self.repository, "its server of tokens ", known, now);
            // Whatever else it says: without a token nobody comes in.
            if matches!(trouble.why, Why::Missing | Why::Malformed) {
                trouble.why = Why::Denied;
            }
            return Step::Failed(trouble);
        }
        let Some(token) = token::parse(answer, now) else {
            return self.failed(Why::Malformed, "its server of tokens answered without one: check the host");
        };
        self.asking = self.then;
        let text = token.text.clone();
        memory.keep(&self.repository, self.credential.as_ref(), token, now);
        self.with(Proof::Bearer(text))
    }

    fn redirected(&mut self, answer: &Answer) -> Step {
        self.hops += 1;
        if self.hops > HOPS {
            return self.failed(Why::Malformed, "it sends us from one place to the next: check the host");
        }
        let target = answer.location.trim();
        let url = match target.strip_prefix('/') {
            Some(_) if !target.starts_with("//") => format!("{}{target}", origin(&self.url)),
            _ => target.to_string(),
        };
        if !(url.starts_with("https://") || (self.repository.plain && url.starts_with("http://"))) {
            return self.failed(Why::Malformed, "it sends us to an address that is not https://: check the host");
        }
        if origin(&url) != origin(&self.url) {
            // What proves who we are to one server is not for another.
            self.proof = Proof::None;
            self.fresh = true;
        }
        self.url = url;
        Step::Send(self.request())
    }

    fn taken(&mut self, answer: &Answer) -> Step {
        match (&self.ask, self.asking) {
            (Ask::Tags, _) => self.page(answer),
            (Ask::Digest(_), _) if manifest::is_digest(&answer.digest) => {
                Step::Done(Reply::Digest(answer.digest.clone()))
            }
            (Ask::Digest(_), _) if self.method == "HEAD" => {
                self.method = "GET";
                Step::Send(self.request())
            }
            (Ask::Digest(_), _) => match manifest::read(&answer.body) {
                Told::Malformed => {
                    self.failed(Why::Malformed, "it answered with something that is no manifest: check the host")
                }
                Told::Platforms(_) | Told::InConfig(_) => Step::Done(Reply::Digest(manifest::digest_of(&answer.body))),
            },
            (Ask::Platforms(_), Asking::Config) => match manifest::of_config(&answer.body) {
                Some(platforms) => Step::Done(Reply::Platforms(platforms)),
                None => Step::Done(Reply::Platforms(BTreeSet::new())),
            },
            (Ask::Platforms(_), _) => match manifest::read(&answer.body) {
                Told::Platforms(platforms) => Step::Done(Reply::Platforms(platforms)),
                Told::InConfig(digest) => {
                    self.asking = Asking::Config;
                    self.hops = 0;
                    self.url = format!("{}/v2/{}/blobs/{digest}", self.repository.origin(), self.repository.name);
                    Step::Send(self.request())
                }
                Told::Malformed => {
                    self.failed(Why::Malformed, "it answered with something that is no manifest: check the host")
                }
            },
        }
    }

    fn page(&mut self, answer: &Answer) -> Step {
        let path = self.url.get(origin(&self.url).len()..).unwrap_or_default().to_string();
        (self.hops, self.fresh) = (0, false);
        match self.pages.take(&path, &answer.body, &answer.link) {
            Page::Last => Step::Done(Reply::Tags(std::mem::take(&mut self.pages.tags))),
            Page::Next(next) => {
                self.url = format!("{}{next}", self.repository.origin());
                Step::Send(self.request())
            }
            Page::Malformed => {
                self.failed(Why::Malformed, "it answered with something that is no list of tags: check the host")
            }
            Page::Endless(why) => {
                let text = format!(
                    "its list of tags does not end ({why}): remove old tags, or track one with keel.sh/matchTag"
                );
                self.failed(Why::Endless, &text)
            }
        }
    }
}

/// Scheme, host and port of a URL.
fn origin(url: &str) -> &str {
    let begin = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(begin..).and_then(|rest| rest.find(['/', '?', '#'])).map_or(url.len(), |at| begin + at);
    url.get(..end).unwrap_or(url)
}
