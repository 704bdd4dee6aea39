//! A world for tests of the program itself: a small Kubernetes behind a real port, a controller at work on it, and the
//! program run as a person runs it.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};
use serinus_cluster::update::Updates;
use serinus_decide::update::Tracked;
use serinus_model::Model;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

pub const NS: &str = "shop";
const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub model: Model,
    pub home: tempfile::TempDir,
    written: Arc<Mutex<Vec<(String, Value)>>>,
    updates: Option<(Updates, SocketAddr)>,
    _background: JoinSet<()>,
}

/// What the program said and how it ended.
#[derive(Debug)]
pub struct Said {
    pub out: String,
    pub err: String,
    pub code: i32,
}

impl World {
    /// A cluster with the kinds of the contract, and the controller.
    pub async fn new() -> World {
        World::behind(None).await
    }

    /// The same with updates of images, for everybody.
    pub async fn with_updates() -> World {
        World::behind(Some(serinus_serve::Options::default())).await
    }

    /// The same for `admin` with the password `hunter2` alone.
    pub async fn with_locked_updates() -> World {
        let credentials = serinus_serve::Credentials { user: "admin".to_string(), password: "hunter2".to_string() };
        World::behind(Some(serinus_serve::Options { credentials: Some(credentials), ..Default::default() })).await
    }

    async fn behind(doors: Option<serinus_serve::Options>) -> World {
        let model = Model::new(jiff::Timestamp::now);
        for definition in serinus_wire::crd::all() {
            model.apply(&definition).unwrap();
        }
        model.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS}})).unwrap();
        let written = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (noted, below) = (written.clone(), model.service());
        let service = tower::service_fn(move |request: Request<Incoming>| {
            let (noted, below) = (noted.clone(), below.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body: Bytes = body.collect().await?.to_bytes();
                if parts.method != http::Method::GET {
                    let line = format!("{} {}", parts.method, parts.uri.path());
                    noted.lock().unwrap().push((line, serde_json::from_slice(&body).unwrap_or_default()));
                }
                below.oneshot(Request::from_parts(parts, Full::new(body))).await
            }
        });
        let mut background = JoinSet::new();
        background.spawn(serinus_sandbox::api::serve(listener, service, CancellationToken::new()));
        background.spawn(model.clone().run());
        let client = serinus_cluster::client::over(model.service(), NS).client();
        let mut options = serinus_cluster::Options::new(serinus_decide::decide);
        let mut updates = None;
        if let Some(doors) = doors {
            let handle = Updates::default();
            options.updates = Some(handle.clone());
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            updates = Some((handle.clone(), listener.local_addr().unwrap()));
            let router = serinus_serve::router(handle, doors);
            background.spawn(serinus_serve::serve(listener, router, None, CancellationToken::new()));
        }
        background.spawn(async move {
            serinus_cluster::run(client, options, CancellationToken::new()).await.unwrap();
        });
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("kubeconfig"), kubeconfig(&format!("http://{address}"))).unwrap();
        let world = World { model, home, written, updates, _background: background };
        while world.updates.as_ref().is_some_and(|(updates, _)| !updates.is_ready()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        world
    }

    /// Where updates are served.
    pub fn updates_url(&self) -> String {
        format!("http://{}", self.updates.as_ref().unwrap().1)
    }

    /// Waits until the controller knows a workload that runs an image of `repository`.
    pub async fn until_known(&self, repository: &str) {
        let (updates, _) = self.updates.as_ref().unwrap();
        let runs = |tracked: &Tracked| tracked.monitored().iter().any(|slot| slot.image.starts_with(repository));
        let wait = async {
            while !updates.workloads().iter().any(runs) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the controller does not see the workload");
    }

    /// The same with a rollout `web` that is paused at 20 % of its second revision.
    pub async fn at_a_pause() -> World {
        let world = World::new().await;
        world.model.apply(&rollout("web")).unwrap();
        world.until("web", |rollout| rollout["status"]["phase"] == "Healthy").await;
        let said = world.run(&["set", "image", "web", "web=web:2"]).await;
        assert_eq!((said.out.as_str(), said.code), ("rollout \"web\" image updated\n", 0), "{said:?}");
        world.until("web", |rollout| rollout["status"]["phase"] == "Paused").await;
        world.forget();
        world
    }

    pub fn rollout(&self, name: &str) -> Value {
        self.model.get("argoproj.io", "Rollout", NS, name).unwrap_or_default()
    }

    /// Waits until the controller brought a rollout there.
    pub async fn until(&self, name: &str, check: impl Fn(&Value) -> bool) -> Value {
        let wait = async {
            loop {
                let rollout = self.rollout(name);
                if check(&rollout)
                    && rollout["status"]["observedGeneration"].as_str()
                        == Some(&rollout["metadata"]["generation"].to_string())
                {
                    return rollout;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(rollout) => rollout,
            Err(_) => panic!("still not so: {:#}", self.rollout(name)),
        }
    }

    /// Writes that came through the port since the last look.
    pub fn written(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.written.lock().unwrap())
    }

    pub fn forget(&self) {
        self.written();
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.home.path().join("kubeconfig")
    }

    /// Runs the program to its end.
    pub async fn run(&self, args: &[&str]) -> Said {
        self.run_as(Path::new(env!("CARGO_BIN_EXE_serinus")), args, "").await
    }

    pub async fn run_with_input(&self, args: &[&str], input: &str) -> Said {
        self.run_as(Path::new(env!("CARGO_BIN_EXE_serinus")), args, input).await
    }

    /// Runs a program to its end, with something to read.
    pub async fn run_as(&self, program: &Path, args: &[&str], input: &str) -> Said {
        use tokio::io::AsyncWriteExt as _;
        let mut child = self.command(program, args).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        said(child).await
    }

    /// Starts the program and lets it run.
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(Path::new(env!("CARGO_BIN_EXE_serinus")), args).spawn().unwrap()
    }

    fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).env("KUBECONFIG", self.kubeconfig()).current_dir(self.home.path()).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Waits until a program ends.
pub async fn said(child: Child) -> Said {
    let output =
        tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("the program does not end").unwrap();
    Said {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap_or(-1),
    }
}

pub fn kubeconfig(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- {{name: c, cluster: {{server: '{server}'}}}}\n\
         users:\n- {{name: c, user: {{}}}}\ncontexts:\n- {{name: c, context: {{cluster: c, user: c, namespace: {NS}}}}}\n"
    )
}

pub fn rollout(name: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": name, "namespace": NS},
        "spec": {
            "replicas": 5, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}},
                "spec": {"initContainers": [{"name": "init", "image": "init:1"}], "containers": [{"name": "web", "image": "web:1"}]}},
            "strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]}},
        },
    })
}
