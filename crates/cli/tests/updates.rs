//! What a pipeline and a person type about updates of images, against a server that works: each exit code of `ship`, votes, lists, and dry runs.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::{NS, Said, World, said};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Child;

const PATIENCE: Duration = Duration::from_secs(60);

fn deployment(name: &str, image: &str, annotations: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": NS, "annotations": annotations},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "web", "image": image}]}}}})
}

/// A world with one workload that says this about its updates.
async fn world(annotations: Value) -> World {
    let world = World::with_updates().await;
    world.model.apply(&deployment("web", "r.example/web:1.0.0", annotations)).unwrap();
    world.until_known("r.example/web").await;
    world
}

/// A step of a pipeline that has said what each workload makes of its image.
struct Step {
    child: Child,
    said: String,
}

async fn step(world: &World, tag: &str, more: &[&str]) -> Step {
    let image = format!("r.example/web:{tag}");
    let mut child = world.start(&[&["ship", &image, "--wait", "--url", &world.updates_url()], more].concat());
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    tokio::time::timeout(PATIENCE, out.read_line(&mut line)).await.expect("ship says nothing").unwrap();
    child.stdout = Some(out.into_inner());
    Step { child, said: line }
}

impl Step {
    async fn ended(self) -> Said {
        let mut rest = said(self.child).await;
        rest.out.insert_str(0, &self.said);
        rest
    }
}

#[tokio::test]
async fn shipped_and_promoted() {
    let world = world(json!({"keel.sh/policy": "minor"})).await;
    let said = world.run(&["ship", "r.example/web:1.1.0", "--wait", "--url", &world.updates_url()]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("proposed as web-") && said.out.contains("shop/web: Promoted"), "{said:?}");
    // Without --wait it is told, and that is all.
    let said = world.run(&["ship", "r.example/web:1.2.0", "--url", &world.updates_url()]).await;
    assert_eq!((said.code, said.out.lines().count()), (0, 1), "{said:?}");
}

#[tokio::test]
async fn what_nobody_runs_and_what_nobody_takes() {
    let world = world(json!({"keel.sh/policy": "minor"})).await;
    for (image, code, why) in [
        ("r.example/other:1.1.0", 3, "not tracked"),
        ("r.example/web:2.0.0", 4, "another major version"),
        ("r.example/web:0.9.0", 4, "not greater"),
        ("r.example/web", 4, "latest is no version"),
        ("R", 9, "R"),
    ] {
        let said = world.run(&["ship", image, "--wait", "--url", &world.updates_url()]).await;
        let text = format!("{}{}", said.out, said.err);
        assert!(said.code == code && text.contains(why), "{image}: {said:?}");
    }
}

#[tokio::test]
async fn approved_by_a_person() {
    let world = world(json!({"keel.sh/policy": "minor", "keel.sh/approvals": "1"})).await;
    let step = step(&world, "1.1.0", &[]).await;
    let listed = world.run(&["updates"]).await;
    assert!(
        listed.out.contains("deployment/web") && listed.out.contains("1.1.0") && listed.out.contains("0/1"),
        "{listed:?}"
    );
    let vote = world.run(&["approve", "web"]).await;
    assert_eq!((vote.code, vote.out.as_str()), (0, "update of web to 1.1.0 approved (1 of 1)\n"), "{vote:?}");
    let said = step.ended().await;
    assert!(said.code == 0 && said.out.contains("Promoted"), "{said:?}");
    let listed = world.run(&["updates"]).await;
    assert!(listed.out.is_empty() && listed.err.contains("--all"), "{listed:?}");
    assert!(world.run(&["updates", "--all"]).await.out.contains("Promoted"));
    let said = world.run(&["approve", "web"]).await;
    assert!(said.code != 0 && said.err.contains("updates --all"), "{said:?}");
}

#[tokio::test]
async fn rejected_and_let_in_again() {
    let world = world(json!({"keel.sh/policy": "minor", "keel.sh/approvals": "1"})).await;
    let first = step(&world, "1.1.0", &[]).await;
    let vote = world.run(&["reject", "web"]).await;
    assert_eq!((vote.code, vote.out.as_str()), (0, "update of web to 1.1.0 rejected\n"), "{vote:?}");
    let said = first.ended().await;
    assert!(said.code == 5 && said.out.contains("Rejected"), "{said:?}");
    let again = world.run(&["ship", "r.example/web:1.1.0", "--wait", "--url", &world.updates_url()]).await;
    assert!(again.code == 4 && again.out.contains("updates allow web-"), "{again:?}");
    let allowed = world.run(&["updates", "allow", "web"]).await;
    assert!(allowed.code == 0 && allowed.out.contains("let in again"), "{allowed:?}");
    // The server hears of it a moment later.
    let image = "r.example/web:1.1.0";
    let asked = async {
        while world.run(&["ship", image, "--url", &world.updates_url()]).await.code != 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("it is not let in again");
}

#[tokio::test]
async fn expired_before_anybody_votes() {
    let world =
        world(json!({"keel.sh/policy": "minor", "keel.sh/approvals": "1", "keel.sh/approvalDeadline": "-1"})).await;
    let said = step(&world, "1.1.0", &[]).await.ended().await;
    assert!(said.code == 6 && said.out.contains("Expired"), "{said:?}");
}

#[tokio::test]
async fn no_verdict_in_time_and_then_another_takes_its_place() {
    let world = world(json!({"keel.sh/policy": "minor", "keel.sh/approvals": "1"})).await;
    let said = step(&world, "1.1.0", &["--timeout", "1s"]).await.ended().await;
    assert!(said.code == 8 && said.out.contains("no verdict after 1 s"), "{said:?}");
    let waits = step(&world, "1.1.0", &[]).await;
    let better = world.run(&["ship", "r.example/web:1.2.0", "--url", &world.updates_url()]).await;
    assert_eq!(better.code, 0, "{better:?}");
    let said = waits.ended().await;
    assert!(said.code == 10 && said.out.contains("Superseded"), "{said:?}");
}

#[tokio::test]
async fn rolled_back_with_its_canary() {
    let world = World::with_updates().await;
    let mut rollout = support::rollout("web");
    rollout["metadata"]["annotations"] = json!({"keel.sh/policy": "minor"});
    rollout["spec"]["template"]["spec"]["containers"][0]["image"] = json!("r.example/web:1.0.0");
    world.model.apply(&rollout).unwrap();
    world.until("web", |rollout| rollout["status"]["phase"] == "Healthy").await;
    world.until_known("r.example/web").await;
    let step = step(&world, "1.1.0", &[]).await;
    world.until("web", |rollout| rollout["status"]["phase"] == "Paused").await;
    assert_eq!(world.run(&["abort", "web"]).await.code, 0);
    let said = step.ended().await;
    assert!(said.code == 7 && said.out.contains("RollingOut") && said.out.contains("RolledBack"), "{said:?}");
}

#[tokio::test]
async fn a_server_that_can_not_be_asked() {
    let world = world(json!({"keel.sh/policy": "minor"})).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [format!("http://{nobody}"), "ftp://serinus".to_string()] {
        let said = world.run(&["ship", "r.example/web:1.1.0", "--wait", "--url", &url]).await;
        assert!(said.code == 9 || url.starts_with("ftp") && said.code != 0, "{url}: {said:?}");
    }
    // A wrong password is no verdict either.
    let locked = World::with_locked_updates().await;
    let url = locked.updates_url().replace("http://", "http://admin:wrong@");
    let said = locked.run(&["ship", "r.example/web:1.1.0", "--wait", "--url", &url]).await;
    assert!(said.code == 9 && !said.err.contains("wrong"), "{said:?}");
    let url = locked.updates_url().replace("http://", "http://admin:hunter2@");
    assert_eq!(locked.run(&["ship", "r.example/web:1.1.0", "--url", &url]).await.code, 3);
}

/// A registry without TLS that has some tags of `team/web`, and how it is named.
async fn registry() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut asked = [0; 4096];
            let length = socket.read(&mut asked).await.unwrap_or(0);
            let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
            let path = asked.split(' ').nth(1).unwrap_or_default();
            let tags = r#"{"name": "team/web", "tags": ["latest", "1.0.0", "1.0.1", "1.1.0", "2.0.0"]}"#;
            let digest = format!("Docker-Content-Digest: sha256:{}\r\n", "a".repeat(64));
            let (status, headers, body) = match path {
                "/v2/team/web/tags/list" => ("200 OK", "", tags),
                path if path.starts_with("/v2/team/web/manifests/") => ("200 OK", digest.as_str(), ""),
                _ => ("404 Not Found", "", ""),
            };
            let length = body.len();
            let text =
                format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}");
            let _ = socket.write_all(text.as_bytes()).await;
        }
    });
    host
}

/// The rows of a table that begin with the namespace, their cells joined by one space, without the time of the next poll.
fn rows(said: &Said) -> Vec<String> {
    let cells = |line: &str| line.split_whitespace().filter(|cell| !cell.ends_with('Z')).collect::<Vec<_>>().join(" ");
    said.out.lines().filter(|line| line.starts_with(NS)).map(cells).collect()
}

#[tokio::test]
async fn a_dry_run_over_the_registrys_own_tags() {
    let world = World::with_updates().await;
    let host = registry().await;
    let image = format!("{host}/team/web");
    for (name, tag, annotations) in [
        (
            "careful",
            "1.0.0",
            json!({"keel.sh/policy": "patch", "keel.sh/trigger": "poll", "keel.sh/pollSchedule": "@every 5m"}),
        ),
        ("minor", "1.0.0", json!({"keel.sh/policy": "minor"})),
        ("newest", "2.0.0", json!({"keel.sh/policy": "all"})),
        ("plain", "1.0.0", json!({})),
    ] {
        world.model.apply(&deployment(name, &format!("{image}:{tag}"), annotations)).unwrap();
    }
    world.model.apply(&deployment("other", "r.example/other:1.0.0", json!({"keel.sh/policy": "all"}))).unwrap();
    let said = world.run(&["image", "explain", &image, "--registry", "--plain-registry", &host]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with(&format!("{image} has 5 tags\n")), "{said:?}");
    assert_eq!(
        rows(&said),
        [
            "shop deployment/careful 1.0.0 1.0.1 proposed",
            "shop deployment/minor 1.0.0 1.1.0 proposed -",
            "shop deployment/newest 2.0.0 - refused - 2.0.0, the best of 5 tags, runs already",
            "shop deployment/plain 1.0.0 - refused - it has no keel.sh/policy",
        ]
    );
    let polled = said.out.lines().find(|line| line.contains("careful")).unwrap();
    assert!(polled.contains('Z'), "it does not say when the registry is asked next: {polled}");
    // Another policy in place of their own.
    let tried =
        world.run(&["image", "explain", &image, "--registry", "--policy", "major", "--plain-registry", &host]).await;
    assert_eq!(
        rows(&tried),
        [
            "shop deployment/careful 1.0.0 2.0.0 proposed",
            "shop deployment/minor 1.0.0 2.0.0 proposed -",
            "shop deployment/newest 2.0.0 - refused - 2.0.0, the best of 5 tags, runs already",
            "shop deployment/plain 1.0.0 2.0.0 proposed -",
        ]
    );
    // The same for one push, without a registry.
    let push = world.run(&["image", "explain", &format!("{image}:1.0.1"), "--policy", "patch"]).await;
    assert_eq!(rows(&push).len(), 4, "{push:?}");
    assert!(push.out.lines().any(|line| line.contains("plain") && line.contains("proposed")), "{push:?}");
    assert!(world.model.list("serinus.dev", "ImageUpdate", NS).is_empty(), "a dry run writes nothing");
    for (arguments, why) in [
        (vec!["--registry"], "--plain-registry"),
        (vec!["--registry", "--policy", "often", "--plain-registry", &host], "must be all, major"),
    ] {
        let said = world.run(&[&["image", "explain", &image], &arguments[..]].concat()).await;
        assert!(format!("{}{}", said.out, said.err).contains(why), "{arguments:?}: {said:?}");
    }
}
