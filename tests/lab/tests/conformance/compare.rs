//! Runs one sequence against both servers and finds the first answer in which they differ.

use std::collections::HashMap;
use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use serinus_model::Model;

use crate::normal::Names;
use crate::sequence::{self, Request};
use crate::sides::{Answer, Ask, Real, Side};

/// One server, and what it said so far.
struct Player {
    side: Side,
    names: Names,
    namespace: String,
    /// Uid and versions by path, as the server told them.
    seen: HashMap<String, (String, Vec<String>)>,
    token: String,
    last: String,
}

/// How many answers were compared, or the first difference.
pub async fn run(real: &Real, seed: u64, length: usize, show: bool) -> Result<Result<usize, String>> {
    let namespace = format!("c{}-{seed}", real.stamp);
    let model = Model::with_seed(jiff::Timestamp::now, seed);
    model.apply(&serinus_wire::crd::rollout()).map_err(|failure| anyhow::anyhow!("{failure}"))?;
    let mut players = [Player::new(real.side(), &namespace), Player::new(Side::Model(model), &namespace)];
    let mut starts = Vec::new();
    for player in &mut players {
        starts.push(player.set().await?);
    }
    let (requests, watched) = sequence::of(seed, length);
    let mut compared = 0;
    for (number, request) in requests.iter().enumerate() {
        let [one, two] = &mut players;
        let answers = [one.play(request).await?, two.play(request).await?];
        if show {
            println!("{number:2} {}\n   {}", one.told(request), answers[0]);
        }
        if answers[0] != answers[1] {
            return Ok(Err(told(number, &one.told(request), &answers)));
        }
        compared += 1;
    }
    for path in watched {
        let [one, two] = &mut players;
        let events = [one.events(&path, &starts[0]).await?, two.events(&path, &starts[1]).await?];
        for number in 0..events[0].len().max(events[1].len()) {
            let pair = [0, 1].map(|side| events[side].get(number).cloned().unwrap_or(Value::Null));
            if pair[0] != pair[1] {
                return Ok(Err(told(number, &format!("watch {path}"), &pair)));
            }
            compared += 1;
        }
    }
    Ok(Ok(compared))
}

fn told(number: usize, what: &str, answers: &[Value; 2]) -> String {
    let mut text = format!("{number}: {what}\n");
    let mut lines = Vec::new();
    differences("", &answers[0], &answers[1], &mut lines);
    for line in lines.iter().take(12) {
        let _ = writeln!(text, "  {line}");
    }
    text
}

fn differences(path: &str, real: &Value, model: &Value, lines: &mut Vec<String>) {
    match (real, model) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let none = Value::Null;
                differences(&format!("{path}/{key}"), a.get(key).unwrap_or(&none), b.get(key).unwrap_or(&none), lines);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}/{at}"), a, b, lines);
            }
        }
        _ if real != model => lines.push(format!("{path}\n    real  {real}\n    model {model}")),
        _ => {}
    }
}

impl Player {
    fn new(side: Side, namespace: &str) -> Player {
        let (names, namespace) = (Names::default(), namespace.to_owned());
        Player { side, names, namespace, seen: HashMap::new(), token: String::new(), last: "1".into() }
    }

    /// The namespace with its default ServiceAccount, which controllers make elsewhere. Gives the version to watch from.
    async fn set(&mut self) -> Result<String> {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}});
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        let inside = format!("/api/v1/namespaces/{}/serviceaccounts", self.namespace);
        let mut version = String::new();
        for (path, body) in [("/api/v1/namespaces", namespace), (inside.as_str(), account)] {
            let answer = self.ask(Method::POST, path, body.to_string()).await?;
            ensure!(answer.code == 201, "POST {path}: {}", answer.text);
            let object: Value = serde_json::from_str(&answer.text)?;
            version = object["metadata"]["resourceVersion"].as_str().context("a version")?.to_owned();
            self.last.clone_from(&version);
        }
        Ok(version)
    }

    async fn ask(&mut self, method: Method, path: &str, body: String) -> Result<Answer> {
        let json = || "application/json".to_owned();
        self.side
            .ask(&Ask { method, path: path.to_owned(), accept: json(), media: json(), agent: "test".into(), body })
            .await
    }

    async fn play(&mut self, request: &Request) -> Result<Value> {
        let query: Vec<String> =
            request.query.iter().map(|(name, value)| format!("{name}={}", escaped(&self.fill(value)))).collect();
        let path = self.fill(&request.path);
        let ask = Ask {
            method: request.method.clone(),
            path: if query.is_empty() { path.clone() } else { format!("{path}?{}", query.join("&")) },
            accept: request.accept.to_owned(),
            media: request.media.to_owned(),
            agent: request.agent.to_owned(),
            body: self.fill(&request.body),
        };
        let answer = self.side.ask(&ask).await.with_context(|| format!("{ask:?}"))?;
        let body: Value = serde_json::from_str(&answer.text).unwrap_or_else(|_| json!(answer.text));
        self.remember(request, &path, &body);
        let mut warnings: Vec<Value> = answer.warnings.iter().map(|line| self.names.normal(&json!(line))).collect();
        warnings.sort_by_key(Value::to_string);
        Ok(json!({"code": answer.code, "warnings": warnings, "body": shortened(self.names.normal(&body))}))
    }

    fn remember(&mut self, request: &Request, path: &str, body: &Value) {
        if let Some(token) = body["metadata"]["continue"].as_str() {
            self.token = token.to_owned();
        }
        let text = |name: &str| body["metadata"][name].as_str().unwrap_or_default().to_owned();
        let (uid, version, name) = (text("uid"), text("resourceVersion"), text("name"));
        if uid.is_empty() || version.is_empty() {
            return;
        }
        let path = path.trim_end_matches("/status").trim_end_matches("/scale");
        let path = if request.method == Method::POST { format!("{path}/{name}") } else { path.to_owned() };
        self.last.clone_from(&version);
        let entry = self.seen.entry(path).or_default();
        if entry.0 != uid {
            *entry = (uid, Vec::new());
        }
        if entry.1.last() != Some(&version) {
            entry.1.push(version);
        }
    }

    /// Puts what this server said in the place of `@…`.
    fn fill(&self, text: &str) -> String {
        let mut text =
            text.replace("@ns", &self.namespace).replace("@continue", &self.token).replace("@version(any)", &self.last);
        for (mark, of) in [("@uid(", 0), ("@version(", 1), ("@first(", 2)] {
            while let Some(at) = text.find(mark) {
                let Some(length) = text[at..].find(')') else { break };
                let path = &text[at + mark.len()..at + length];
                let known = self.seen.get(path).map(|(uid, versions)| match of {
                    0 => uid.clone(),
                    1 => versions.last().cloned().unwrap_or_default(),
                    _ => versions.first().cloned().unwrap_or_default(),
                });
                text.replace_range(at..=at + length, &known.unwrap_or_default());
            }
        }
        text
    }

    fn told(&self, request: &Request) -> String {
        let query: Vec<String> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!(
            "{} {}?{} [{}] {}\n   {}",
            request.method,
            request.path,
            query.join("&"),
            request.media,
            request.accept,
            self.fill(&request.body)
        )
    }

    /// Every event since a version.
    async fn events(&mut self, path: &str, since: &str) -> Result<Vec<Value>> {
        let mut path = format!("{}?watch=1&timeoutSeconds=1&resourceVersion={since}", self.fill(path));
        if path.starts_with("/api/v1/namespaces?") {
            path.push_str(&self.fill("&labelSelector=kubernetes.io/metadata.name+in+(@ns-a,@ns-b)"));
        }
        let answer = self.ask(Method::GET, &path, String::new()).await?;
        ensure!(answer.code == 200, "GET {path}: {}", answer.text);
        let lines: Result<Vec<Value>, _> = answer.text.lines().map(serde_json::from_str).collect();
        Ok(lines?.iter().map(|event| self.names.normal(event)).collect())
    }
}

/// Tables without the sentences about their columns.
fn shortened(mut body: Value) -> Value {
    for column in body.get_mut("columnDefinitions").unwrap_or(&mut Value::Null).as_array_mut().into_iter().flatten() {
        column["description"] = Value::Null;
    }
    body
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
