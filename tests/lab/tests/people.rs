//! People of the cluster vote, and who does not wait is told the verdict: with tokens that the API server gave and reviews, under the rights of the
//! chart, and over real sockets. In a file of its own: nothing here disturbs the figures of the pipeline.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use http::{Method, Response};
use serde_json::{Value, json};
use serinus_tests_lab::api::{Api, apply};
use serinus_tests_lab::controller::Controller;
use serinus_tests_lab::push::push;
use serinus_tests_lab::receiver::{Got, Receiver};
use serinus_tests_lab::scene::{PATIENCE, Scene, until_phase, vacant};
use serinus_tests_lab::settings;
use serinus_tests_lab::wait::{Look, until};
use serinus_tests_lab::web::{exchange, signature};

const NAMESPACE: &str = "people";
const IMAGE: &str = "images.example/people/web";
const DIGEST: &str = "sha256:4c1f29a58f7f1b1a7c2ec0b3cf8a39e7a1d6c0f3f2a9a8d17c64be6c20b5d911";
/// How many receivers there are.
const RECEIVERS: usize = 2;
/// What only who receives knows.
const SECRET: &str = "the-receivers-secret";
/// In the address of the one that ends the connection.
const IN_ADDRESS: &str = "said-in-the-address";
/// Sessions of the page outlive the process by it.
const TOKEN_SECRET: &str = "the-secret-of-sessions";

/// The scene, and whoever is part of it.
struct People {
    scene: Scene,
    serinus: SocketAddr,
    receiver: Receiver,
    /// Tokens of ann and ben, who may vote, and of eve, who may only look.
    tokens: [String; 3],
}

/// A header of a request.
type Header<'a> = (&'a str, &'a str);

#[tokio::test]
async fn people_of_the_cluster_vote_and_who_does_not_wait_is_told() -> Result<()> {
    let people = People::gather().await?;
    let controller = people.controller()?;
    let mut secrets: Vec<String> = [SECRET, IN_ADDRESS, TOKEN_SECRET].map(String::from).to_vec();
    secrets.extend(people.tokens.clone());
    let session = controller
        .told(async {
            until_phase(&people.scene.api, &people.rollout(), "Healthy").await?;
            people.nobody_else_gets_in().await?;
            let session = people.two_vote().await?;
            people.the_update_goes_on().await?;
            people.the_verdict_is_told().await?;
            Ok(session)
        })
        .await?;
    people.nothing_secret_is_told(&secrets, &controller).await?;
    controller.stop().await?;
    // The next process knows the session, and from the cluster what was told.
    let controller = people.controller()?;
    controller.told(people.the_next_verdict_is_told_alone(&session)).await?;
    people.nothing_secret_is_told(&secrets, &controller).await?;
    people.scene.strike().await
}

impl People {
    async fn gather() -> Result<People> {
        let api = Api::open().await?;
        vacant(&api, NAMESPACE).await?;
        for version in ["1.0.0", "1.1.0"] {
            let (_, name) = IMAGE.split_once('/').context("a host")?;
            push(version, &format!("{}/{name}:{version}", settings::registry()?)).await?;
        }
        let manifests =
            [include_str!("../manifests/told.yaml"), include_str!("../manifests/people.yaml")].join("---\n");
        apply(&manifests.replace("$NAMESPACE", NAMESPACE).replace("$IMAGE", &format!("{IMAGE}:1.0.0"))).await?;
        let mut tokens = Vec::new();
        for name in ["ann", "ben", "eve"] {
            let path = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{name}/token");
            let asked = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
            let given = api.created(&path, asked).await?;
            tokens.push(given["status"]["token"].as_str().context("no token was given")?.to_owned());
        }
        let [ann, ben, eve] = tokens.try_into().ok().context("three tokens")?;
        // One says first that it is ill, the other says nothing: each of them once.
        let receiver = Receiver::start(|got, before| {
            let first = before.iter().all(|other| other.line != got.line);
            let ill = Some(503).filter(|_| got.line.ends_with("/ci"));
            if first { ill } else { Some(200) }
        });
        let people = People {
            scene: Scene { api, namespace: NAMESPACE.to_owned() },
            serinus: settings::free_address()?,
            receiver: receiver.await?,
            tokens: [ann, ben, eve],
        };
        let two = json!({"metadata": {"annotations": {"keel.sh/approvals": "2"}}});
        people.scene.api.merge(&people.rollout(), two).await?;
        Ok(people)
    }

    fn controller(&self) -> Result<Controller> {
        let place = format!("http://{}", self.receiver.address);
        let receivers = json!([
            {"url": format!("{place}/ci"), "secret": SECRET},
            {"url": format!("{place}/chat?token={IN_ADDRESS}"), "secret": SECRET},
        ]);
        let variables = [
            ("KUBERNETES_TOKENS", "true"),
            ("TOKEN_SECRET", TOKEN_SECRET),
            ("VERDICT_WEBHOOKS", &receivers.to_string()),
        ];
        Controller::start_for_updates_with(NAMESPACE, self.serinus, &variables, &["--loglevel=debug"])
    }

    fn rollout(&self) -> String {
        format!("/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/rollouts/web")
    }

    async fn ask(&self, method: Method, path: &str, headers: &[Header<'_>], body: &str) -> Result<Response<String>> {
        exchange(method, &self.serinus.to_string(), path, headers, body).await
    }

    /// Logs in by Keel's API, and by the page.
    async fn log_in(&self, token: &str) -> Result<[Response<String>; 2]> {
        let json = json!({"token": token}).to_string();
        let api = self.ask(Method::POST, "/v1/auth/login", &[], &json).await?;
        let form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
        let page = self.ask(Method::POST, "/login", &form, &format!("token={token}")).await?;
        Ok([api, page])
    }

    /// The pipeline tells of a push; gives the update.
    async fn push(&self, tag: &str) -> Result<Value> {
        let body = json!({"name": IMAGE, "tag": tag, "digest": DIGEST}).to_string();
        let answer = self.ask(Method::POST, "/v1/webhooks/native", &[], &body).await?;
        ensure!(answer.status() == 200, "the webhook: {answer:?}");
        self.update(tag).await
    }

    async fn update(&self, tag: &str) -> Result<Value> {
        let all = self.scene.list("/apis/serinus.dev/v1alpha1", "imageupdates").await?;
        all.into_iter().find(|update| update["spec"]["tag"] == tag).with_context(|| format!("no update to {tag}"))
    }

    async fn until_update(&self, tag: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Result<Value> {
        until(&format!("the update to {tag} {what}"), PATIENCE, || async {
            let update = self.update(tag).await?;
            Ok(if is_so(&update) { Look::Done(update) } else { Look::Not(update.to_string()) })
        })
        .await
    }

    /// Who may not vote, and who is nobody.
    async fn nobody_else_gets_in(&self) -> Result<()> {
        let [ann, _, eve] = &self.tokens;
        let forged = &ann[..ann.len() - 8];
        let lacks = format!(
            "system:serviceaccount:{NAMESPACE}:eve may not patch imageupdates.serinus.dev in namespace {NAMESPACE}: give that right by a role"
        );
        for (token, status, says) in [
            ("made-up", 401, "the cluster does not know this token"),
            (forged, 401, "the cluster does not know this token"),
            (eve.as_str(), 403, lacks.as_str()),
        ] {
            for answer in self.log_in(token).await? {
                let body = answer.body();
                ensure!(answer.status() == status && body.to_lowercase().contains(&says.to_lowercase()), "{answer:?}");
                let let_in = ["set-cookie", "authorization"].iter().any(|name| answer.headers().contains_key(*name));
                ensure!(!let_in && !body.contains(token), "{answer:?}");
            }
        }
        for headers in [&[][..], &[("authorization", format!("Bearer {ann}").as_str())]] {
            let answer = self.ask(Method::GET, "/v1/approvals", headers, "").await?;
            ensure!(answer.status() == 401, "a token of the cluster is none of ours before a login: {answer:?}");
        }
        Ok(())
    }

    /// Ann votes by Keel's API, ben on the page; gives ben's session.
    async fn two_vote(&self) -> Result<String> {
        let [ann, ben, _] = &self.tokens;
        self.push("1.1.0").await?;
        let [by_api, _] = self.log_in(ann).await?;
        ensure!(by_api.status() == 200, "ann: {by_api:?}");
        let answer: Value = serde_json::from_str(by_api.body())?;
        let bearer = format!("Bearer {}", answer["token"].as_str().context("a token of ours")?);
        let vote = json!({"identifier": format!("rollout/{NAMESPACE}/web:1.1.0"), "action": "approve"}).to_string();
        let voted = self.ask(Method::POST, "/v1/approvals", &[("authorization", &bearer)], &vote).await?;
        ensure!(voted.status() == 200, "ann's vote: {voted:?}");
        let waits = |update: &Value| text(update, "/status/message").starts_with("waits for approval: 1 of 2");
        self.until_update("1.1.0", "to wait for another vote", waits).await?;
        let [_, by_page] = self.log_in(ben).await?;
        let cookie = by_page.headers().get("set-cookie").and_then(|cookie| cookie.to_str().ok()).unwrap_or_default();
        ensure!(by_page.status() == 303 && !cookie.contains(ben), "ben: {by_page:?}");
        let session = cookie.split(';').next().unwrap_or_default().to_owned();
        self.vote_on_page(&session, "1.1.0", "approve").await?;
        Ok(session)
    }

    /// By the form of the page, which nobody else can make.
    async fn vote_on_page(&self, session: &str, tag: &str, decision: &str) -> Result<()> {
        let update = self.update(tag).await?;
        let name = text(&update, "/metadata/name");
        let cookie = ("cookie", session);
        let what = format!("the page to show a form for {name}");
        let page = until(&what, PATIENCE, || async {
            let page = self.ask(Method::GET, "/", &[cookie], "").await?;
            ensure!(page.status() == 200, "the page: {page:?}");
            let has_form = page.body().contains(&format!("name=name value='{name}'"));
            Ok(if has_form { Look::Done(page.into_body()) } else { Look::Not(page.into_body()) })
        });
        let page = page.await?;
        ensure!(
            page.contains(&format!("system:serviceaccount:{NAMESPACE}:ben")),
            "the page does not say who looks: {page}"
        );
        let form = page.split("name=form value='").nth(1).and_then(|rest| rest.split('\'').next()).unwrap_or_default();
        for (form, status) in [("forged", 403), (form, 303)] {
            let body = format!("form={form}&namespace={NAMESPACE}&name={name}&decision={decision}");
            let answer = self.ask(Method::POST, "/vote", &[cookie], &body).await?;
            ensure!(answer.status() == status, "{decision} with the form {form:?}: {answer:?}");
        }
        Ok(())
    }

    /// The votes name who cast them, and with them the image is written; a person promotes its canary.
    async fn the_update_goes_on(&self) -> Result<()> {
        let update =
            self.until_update("1.1.0", "to roll out", |update| text(update, "/status/phase") == "RollingOut").await?;
        let votes = update["spec"]["votes"].as_array().context("votes")?;
        let voters: Vec<&str> = votes.iter().filter_map(|vote| vote["voter"].as_str()).collect();
        ensure!(voters == voters_of_the_cluster(), "{update}");
        until_phase(&self.scene.api, &self.rollout(), "Paused").await?;
        let full = json!({"status": {"promoteFull": true}});
        self.scene.api.merge(&format!("{}/status", self.rollout()), full).await?;
        self.until_update("1.1.0", "to be promoted", |update| text(update, "/status/phase") == "Promoted").await?;
        Ok(())
    }

    /// Each receiver is told twice, since it did not take it at first; then that is on record.
    async fn the_verdict_is_told(&self) -> Result<()> {
        let told = |update: &Value| update["status"]["toldAt"].is_string();
        let update = self.until_update("1.1.0", "to be told of", told).await?;
        let got = self.receiver.got();
        for path in ["/ci", &format!("/chat?token={IN_ADDRESS}")] {
            let here: Vec<&Got> = got.iter().filter(|got| got.line == format!("POST {path}")).collect();
            ensure!(here.len() == 2, "{path}: {here:?}");
            ensure!(here.iter().all(|got| key(got) == key(here[0]) && got.body == here[0].body), "{path}: {here:?}");
        }
        ensure!(got.len() == 2 * RECEIVERS, "{got:?}");
        for got in &got {
            is_signed(got)?;
        }
        let body: Value = serde_json::from_slice(&got[0].body)?;
        let wanted = json!({
            "event": "verdict", "namespace": NAMESPACE, "name": update["metadata"]["name"],
            "workload": {"kind": "Rollout", "name": "web"},
            "image": format!("{IMAGE}:1.1.0"), "digest": DIGEST, "from": "1.0.0",
            "source": update["spec"]["source"], "approvedBy": voters_of_the_cluster(),
            "phase": "Promoted", "message": "Rollout web is healthy with it", "supersededBy": null,
            "rollout": update["status"]["rollout"], "finishedAt": update["status"]["finishedAt"],
        });
        ensure!(body == wanted, "{body:#}\nand not\n{wanted:#}");
        ensure!(["/rollout/podHash", "/finishedAt"].iter().all(|field| !text(&body, field).is_empty()), "{body:#}");
        Ok(())
    }

    /// Ben votes against the next version: its verdict comes once to each, and nothing else does.
    async fn the_next_verdict_is_told_alone(&self, session: &str) -> Result<()> {
        until("the next process to take pushes", PATIENCE, || async {
            let answer = self.ask(Method::GET, "/", &[("cookie", session)], "").await;
            let takes = answer.is_ok_and(|answer| answer.body().contains("<td>1.1.0"));
            Ok(if takes { Look::Done(()) } else { Look::Not("no page with the update that is done".to_owned()) })
        })
        .await?;
        self.push("1.2.0").await?;
        self.vote_on_page(session, "1.2.0", "reject").await?;
        let told = |update: &Value| update["status"]["toldAt"].is_string();
        let update = self.until_update("1.2.0", "to be told of", told).await?;
        let why = format!("system:serviceaccount:{NAMESPACE}:ben voted against it");
        ensure!(text(&update, "/status/message") == why, "{update}");
        let got = self.receiver.got();
        ensure!(got.len() == 3 * RECEIVERS, "{got:?}");
        for got in &got[2 * RECEIVERS..] {
            is_signed(got)?;
            let body: Value = serde_json::from_slice(&got.body)?;
            let is_it = text(&body, "/phase") == "Rejected" && text(&body, "/message") == why;
            ensure!(
                is_it && body["image"] == format!("{IMAGE}:1.2.0") && key(got) != key(&self.receiver.got()[0]),
                "{got:?}"
            );
        }
        Ok(())
    }

    /// Neither the controller's log nor what it writes into the cluster.
    async fn nothing_secret_is_told(&self, secrets: &[String], controller: &Controller) -> Result<()> {
        let mut said = vec![controller.written()?];
        ensure!(said[0].contains("DEBUG"), "the log is no log of everything: {}", said[0]);
        for (group, plural) in [("/api/v1", "events"), ("/apis/serinus.dev/v1alpha1", "imageupdates")] {
            said.push(Value::from(self.scene.list(group, plural).await?).to_string());
        }
        for secret in secrets {
            ensure!(!said.iter().any(|said| said.contains(secret)), "something secret is told: {}", said.join("\n"));
        }
        Ok(())
    }
}

fn voters_of_the_cluster() -> [String; 2] {
    ["ann", "ben"].map(|name| format!("system:serviceaccount:{NAMESPACE}:{name}"))
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// What tells one verdict from another.
fn key(got: &Got) -> &str {
    got.header("idempotency-key")
}

fn is_signed(got: &Got) -> Result<()> {
    ensure!(got.header("x-serinus-signature") == signature(SECRET, &got.body), "not signed: {got:?}");
    ensure!(!key(got).is_empty() && got.header("content-type") == "application/json", "{got:?}");
    Ok(())
}
