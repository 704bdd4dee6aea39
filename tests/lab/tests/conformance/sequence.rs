//! What a seed asks for: requests about one or two kinds and two names, so that they meet each other often.

use http::Method;
use serde_json::{Value, json};

use crate::bodies::{SUBJECTS, Subject};
use crate::dice::Dice;

const JSON: &str = "application/json";
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
const PARTIAL: &str = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json";
const PARTIALS: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";

/// One request. Texts may hold `@ns`, and `@uid(path)`, `@version(path)`, `@first(path)`, `@continue`: what a server said of the object at a path.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    /// Path without the query, as the server knows it.
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    pub accept: &'static str,
    pub media: &'static str,
    pub agent: &'static str,
    pub body: String,
}

/// The requests of a seed, and the collections to watch.
pub fn of(seed: u64, length: usize) -> (Vec<Request>, Vec<String>) {
    let mut dice = Dice::new(seed);
    let mut subjects = vec![dice.below(SUBJECTS.len())];
    if dice.once_in(3) {
        subjects.push(dice.below(SUBJECTS.len()));
    }
    let mut requests = Vec::new();
    let mut generated = false;
    while requests.len() < length {
        let subject = &SUBJECTS[dice.pick(&subjects)];
        let mut request = Build { subject, dice: &mut dice, generated: &mut generated }.request();
        request.agent = dice.pick(&["tester/1.0 (x)", "other"]);
        requests.push(request);
    }
    let mut watched: Vec<String> = subjects.iter().map(|at| collection(&SUBJECTS[*at])).collect();
    watched.dedup();
    (requests, watched)
}

/// The path of a collection.
fn collection(subject: &Subject) -> String {
    let root = if subject.api.contains('/') { "apis" } else { "api" };
    let place = if subject.namespaced() { "/namespaces/@ns" } else { "" };
    format!("/{root}/{}{place}/{}", subject.api, subject.plural)
}

struct Build<'a> {
    subject: &'static Subject,
    dice: &'a mut Dice,
    generated: &'a mut bool,
}

impl Build<'_> {
    fn request(&mut self) -> Request {
        match self.dice.below(100) {
            0..22 => self.create(),
            22..30 => self.get(),
            30..40 => self.list(),
            // Nobody replaces a Job: it would have to bring what was made for it.
            40..50 if self.subject.kind != "Job" => self.update(),
            40..60 => self.patch("application/merge-patch+json"),
            60..65 => self.patch("application/json-patch+json"),
            65..70 => self.patch("application/strategic-merge-patch+json"),
            70..78 => self.apply(),
            78..87 => self.delete(),
            87..89 => self.delete_collection(),
            89..94 => self.status(),
            94..97 => self.scale(),
            _ => self.odd(),
        }
    }

    /// Names of Namespaces belong to the sequence: they have no namespace that keeps them apart.
    fn name(&mut self) -> String {
        let name = self.dice.pick(&["a", "a", "b"]);
        if self.subject.namespaced() { name.to_owned() } else { format!("@ns-{name}") }
    }

    fn at(&self, name: &str) -> String {
        format!("{}/{name}", collection(self.subject))
    }

    fn send(&mut self, method: Method, path: String, media: &'static str, body: Option<Value>) -> Request {
        let mut query = Vec::new();
        if method == Method::POST || method == Method::PUT || method == Method::PATCH {
            for (name, values, often) in [
                ("fieldManager", &["one", "two"][..], 2),
                ("fieldValidation", &["Strict", "Warn", "Ignore"], 2),
                ("dryRun", &["All"], 8),
            ] {
                if self.dice.once_in(often) {
                    query.push((name, self.dice.pick(values).to_owned()));
                }
            }
        }
        let media = if body.is_some() { media } else { "" };
        Request {
            method,
            path,
            query,
            accept: JSON,
            media,
            agent: "",
            body: body.map(|body| body.to_string()).unwrap_or_default(),
        }
    }

    fn create(&mut self) -> Request {
        let name = self.name();
        let mut object = if self.dice.once_in(4) {
            self.subject.spoilt(&name, self.dice)
        } else {
            self.subject.object(&name, self.dice)
        };
        if self.dice.once_in(12) && !*self.generated && self.subject.namespaced() {
            *self.generated = true;
            object["metadata"]["name"] = json!(null);
            object["metadata"]["generateName"] = json!("gen-");
        }
        self.send(Method::POST, collection(self.subject), JSON, Some(object))
    }

    fn get(&mut self) -> Request {
        let name = self.name();
        let mut request = self.send(Method::GET, self.at(&name), "", None);
        request.accept = self.dice.pick(&[JSON, JSON, TABLE, PARTIAL]);
        request
    }

    fn list(&mut self) -> Request {
        let mut request = self.send(Method::GET, collection(self.subject), "", None);
        let owned = if self.subject.namespaced() { "" } else { "kubernetes.io/metadata.name in (@ns-a,@ns-b)" };
        let labels = self.dice.pick(&["", "", "l=a", "l!=a", "l in (a,b)", "!l", "l notin (a),app", "l in a", "=x"]);
        let terms: Vec<&str> = [owned, labels].into_iter().filter(|term| !term.is_empty()).collect();
        if !terms.is_empty() {
            request.query.push(("labelSelector", terms.join(",")));
        }
        if self.dice.once_in(4) {
            let fields = self.dice.pick(&[
                "metadata.name=a",
                "metadata.name!=a",
                "status.phase=Running",
                "spec.nodeName=elsewhere",
                "type=Opaque",
                "reason=Made,type!=Warning",
                "no.such=1",
                "bad",
            ]);
            request.query.push(("fieldSelector", fields.to_owned()));
        }
        // Other sequences' Namespaces would fill the portions, and a portion of a filtered list depends on how a store reads.
        let portions = if self.subject.namespaced() && request.query.is_empty() { 0 } else { 2 };
        match portions + self.dice.below(8 - portions) {
            0 => request.query.push(("limit", "1".to_owned())),
            1 => request.query.extend([("limit", "1".to_owned()), ("continue", "@continue".to_owned())]),
            2 => request.query.push(("resourceVersion", "0".to_owned())),
            3 => request
                .query
                .push(("resourceVersionMatch", self.dice.pick(&["Exact", "NotOlderThan", "Odd"]).to_owned())),
            4 => request.query.extend([
                ("resourceVersion", "@version(any)".to_owned()),
                ("resourceVersionMatch", self.dice.pick(&["Exact", "NotOlderThan"]).to_owned()),
            ]),
            _ => {}
        }
        request.accept = self.dice.pick(&[JSON, JSON, TABLE, PARTIALS]);
        request
    }

    fn update(&mut self) -> Request {
        let name = self.name();
        let path = self.at(&name);
        let mut object = if self.dice.once_in(6) {
            self.subject.spoilt(&name, self.dice)
        } else {
            self.subject.object(&name, self.dice)
        };
        match self.dice.below(6) {
            0 => {}
            1 => object["metadata"]["resourceVersion"] = json!(format!("@first({path})")),
            2 => object["metadata"]["uid"] = json!("11111111-2222-4333-8444-555555555555"),
            3 => object["metadata"]["uid"] = json!(format!("@uid({path})")),
            _ => object["metadata"]["resourceVersion"] = json!(format!("@version({path})")),
        }
        let mut request = self.send(Method::PUT, path, JSON, Some(object));
        if matches!(self.subject.kind, "Event" | "Lease" | "Service") {
            // Where a PUT may create, a dry run that does keeps the version that it was sent.
            request.query.retain(|(name, _)| *name != "dryRun");
        }
        request
    }

    fn patch(&mut self, media: &'static str) -> Request {
        let name = self.name();
        let mut patch = if media.contains("json-patch") {
            self.subject.json_patch(self.dice)
        } else {
            self.subject.merge(self.dice)
        };
        if patch.is_object() && self.dice.once_in(5) {
            let version = if self.dice.once_in(2) { "version" } else { "first" };
            patch["metadata"]["resourceVersion"] = json!(format!("@{version}({})", self.at(&name)));
        }
        self.send(Method::PATCH, self.at(&name), media, Some(patch))
    }

    fn apply(&mut self) -> Request {
        let name = self.name();
        let config = self.subject.applied(&name, self.dice);
        let mut request = self.send(Method::PATCH, self.at(&name), "application/apply-patch+yaml", Some(config));
        if self.dice.once_in(3) {
            request.query.push(("force", "true".to_owned()));
        }
        request
    }

    fn delete(&mut self) -> Request {
        let name = self.name();
        let path = self.at(&name);
        let body = match self.dice.below(7) {
            0 => Some(json!({"propagationPolicy": self.dice.pick(&["Foreground", "Orphan", "Background", "Odd"])})),
            1 => Some(json!({"preconditions": {"uid": format!("@uid({path})")}})),
            2 => Some(json!({"preconditions": {"uid": "11111111-2222-4333-8444-555555555555"}})),
            3 => Some(
                json!({"preconditions": {"resourceVersion": format!("@{}({path})", self.dice.pick(&["version", "first"]))}}),
            ),
            4 => Some(json!({"gracePeriodSeconds": self.dice.pick(&[0, 3])})),
            5 => Some(json!({"dryRun": ["All"]})),
            _ => None,
        };
        self.send(Method::DELETE, path, JSON, body)
    }

    fn delete_collection(&mut self) -> Request {
        let mut request = self.send(Method::DELETE, collection(self.subject), "", None);
        // A collection of Namespaces can't be deleted at all.
        request.query.push(("labelSelector", self.dice.pick(&["l=a", "l=b"]).to_owned()));
        request
    }

    fn status(&mut self) -> Request {
        let name = self.name();
        let path = format!("{}/status", self.at(&name));
        let Some(status) = self.subject.status else { return self.send(Method::GET, path, "", None) };
        let status = status(self.dice);
        match self.dice.below(4) {
            0 => self.send(Method::GET, path, "", None),
            // The status of a Service that is not there would make one.
            1 if self.subject.kind != "Service" => {
                let mut object = self.subject.object(&name, self.dice);
                object["status"] = status;
                object["metadata"]["resourceVersion"] = json!(format!("@version({})", self.at(&name)));
                self.send(Method::PUT, path, JSON, Some(object))
            }
            2 => self.send(
                Method::PATCH,
                path,
                "application/merge-patch+json",
                Some(json!({"status": status, "spec": {"replicas": 9}, "metadata": {"labels": {"l": "s"}}})),
            ),
            _ => self.send(Method::PATCH, path, "application/merge-patch+json", Some(json!({"status": status}))),
        }
    }

    fn scale(&mut self) -> Request {
        let name = self.name();
        let path = format!("{}/scale", self.at(&name));
        let replicas = json!(self.dice.pick(&[0, 2, 7, -1]));
        match self.dice.below(4) {
            0 | 1 => self.send(Method::GET, path, "", None),
            2 => self.send(
                Method::PATCH,
                path,
                "application/merge-patch+json",
                Some(json!({"spec": {"replicas": replicas}})),
            ),
            _ => {
                let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": name, "namespace": "@ns"}, "spec": {"replicas": replicas}});
                self.send(Method::PUT, path, JSON, Some(scale))
            }
        }
    }

    /// Requests that no careful client sends.
    fn odd(&mut self) -> Request {
        let name = self.name();
        let (at, all) = (self.at(&name), collection(self.subject));
        let object = self.subject.object(&name, self.dice);
        // At these paths custom kinds answer in ways that nobody relies on.
        let first = if self.subject.kind == "Rollout" { 3 } else { 0 };
        match first + self.dice.below(8 - first) {
            0 => self.send(Method::POST, at, JSON, Some(object)),
            1 => self.send(Method::PUT, all, JSON, Some(object)),
            2 => self.send(Method::PATCH, all, "application/merge-patch+json", Some(json!({}))),
            3 => self.send(Method::PATCH, at, "text/plain", Some(json!({}))),
            4 if self.subject.kind != "Rollout" => self.send(Method::GET, format!("{at}/nosuch"), "", None),
            5 => self.send(Method::GET, format!("{all}x"), "", None),
            6 => Request { body: "{\"metadata\":".to_owned(), media: JSON, ..self.send(Method::POST, all, JSON, None) },
            _ => self.send(Method::GET, format!("/apis/none.example.com/v1/{}", self.subject.plural), "", None),
        }
    }
}
