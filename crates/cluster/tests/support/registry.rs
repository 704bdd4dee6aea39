//! A registry for tests: without sockets, in virtual time, with its faults.
#![allow(dead_code)]

use futures::FutureExt;
use futures::future::BoxFuture;
use serinus_cluster::registry::{RegistryTransport, Trust};
use serinus_talk::registry::{Answer, Request};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What a registry does instead of a reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Well,
    /// This status, and `Retry-After` in seconds.
    Status(u16, Option<u64>),
    /// A page for people.
    Page,
    /// Pages of tags without an end.
    Endless,
    /// No answer.
    Silent,
    /// User and password are needed: `ann`, `hunter2`.
    Locked,
}

#[derive(Default)]
struct State {
    /// By name: tags with their digests, in order.
    repositories: BTreeMap<String, Vec<(String, String)>>,
    /// By digest.
    platforms: BTreeMap<String, Vec<String>>,
    mood: Mood,
    lines: Vec<String>,
    pages: u64,
}

/// The registry. Clones are the same one.
#[derive(Clone, Default)]
pub struct FakeRegistry(Arc<Mutex<State>>);

impl FakeRegistry {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A push: the tag has this digest from now on.
    pub fn push(&self, name: &str, tag: &str, digest: &str) {
        let mut state = self.state();
        let tags = state.repositories.entry(name.to_string()).or_default();
        tags.retain(|(other, _)| other != tag);
        tags.push((tag.to_string(), digest.to_string()));
    }

    pub fn digest(&self, name: &str, tag: &str) -> Option<String> {
        let state = self.state();
        state.repositories.get(name)?.iter().find(|(other, _)| other == tag).map(|(_, digest)| digest.clone())
    }

    /// Platforms of an image; linux/amd64 where nothing is said.
    pub fn platforms(&self, digest: &str, platforms: &[&str]) {
        self.state().platforms.insert(digest.to_string(), platforms.iter().map(|one| (*one).to_string()).collect());
    }

    pub fn be(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// Requests since the last look, as `METHOD path`.
    pub fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.state().lines)
    }

    fn answer(&self, request: &Request) -> Option<Answer> {
        let mut state = self.state();
        let path = request.url.split_once("://").map_or("", |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
        state.lines.push(format!("{} {path}", request.method));
        let plain = |status: u16, body: &str| Some(Answer::new(status, [], body.as_bytes().to_vec()));
        match state.mood.clone() {
            Mood::Well => {}
            Mood::Status(status, after) => {
                let after = after.map(|seconds| seconds.to_string());
                let headers = after.iter().map(|after| ("retry-after", after.as_str()));
                return Some(Answer::new(status, headers, Vec::new()));
            }
            Mood::Page => return plain(200, "<html>sign in</html>"),
            Mood::Endless => {
                state.pages += 1;
                let link = format!("</v2/a/tags/list?page={}>; rel=\"next\"", state.pages);
                return Some(Answer::new(200, [("link", link.as_str())], br#"{"name":"a","tags":["1.0.0"]}"#.to_vec()));
            }
            Mood::Silent => return None,
            Mood::Locked => {
                let proof = request.headers.iter().find(|(name, _)| *name == "authorization");
                if proof.is_none_or(|(_, value)| value != "Basic YW5uOmh1bnRlcjI=") {
                    return Some(Answer::new(401, [("www-authenticate", "Basic realm=\"x\"")], Vec::new()));
                }
            }
        }
        let Some(rest) = path.strip_prefix("/v2/") else { return plain(404, "") };
        if let Some(name) = rest.strip_suffix("/tags/list") {
            let tags: Vec<&String> = state.repositories.get(name)?.iter().map(|(tag, _)| tag).collect();
            return plain(200, &serde_json::json!({"name": name, "tags": tags}).to_string());
        }
        let (name, reference) = rest.split_once("/manifests/")?;
        let tags = state.repositories.get(name)?;
        let Some((_, digest)) = tags.iter().find(|(tag, digest)| tag == reference || digest == reference) else {
            return plain(404, "");
        };
        let platforms = state.platforms.get(digest).cloned().unwrap_or_else(|| vec!["linux/amd64".to_string()]);
        let entries: Vec<_> = platforms
            .iter()
            .filter_map(|one| one.split_once('/'))
            .map(|(os, architecture)| serde_json::json!({"platform": {"os": os, "architecture": architecture}}))
            .collect();
        let body = serde_json::json!({"schemaVersion": 2, "manifests": entries}).to_string();
        Some(Answer::new(200, [("docker-content-digest", digest.as_str())], body.into_bytes()))
    }
}

impl RegistryTransport for FakeRegistry {
    fn send(&self, request: Request, _: Trust) -> BoxFuture<'_, Result<Answer, String>> {
        async move {
            match self.answer(&request) {
                Some(answer) => Ok(answer),
                None => {
                    tokio::time::sleep(Duration::from_secs(86_400)).await;
                    Err("gone".to_string())
                }
            }
        }
        .boxed()
    }
}

/// A digest that is told from others by one letter.
pub fn digest(letter: &str) -> String {
    format!("sha256:{}", letter.repeat(64))
}
