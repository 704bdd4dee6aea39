//! The pipeline that started the project, as its author runs it: a plain registry at his address that tells of each push, two tags pushed, his webhook,
//! a vote by Keel's REST API, a canary through nginx's annotations, and the verdict as an exit code. Then pushes as other registries tell of them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use serinus_tests_lab::api::{Api, Watch, apply};
use serinus_tests_lab::controller::Controller;
use serinus_tests_lab::push::push;
use serinus_tests_lab::scene::{PATIENCE, Scene, phase, until_phase, vacant};
use serinus_tests_lab::settings;
use serinus_tests_lab::wait::{Look, until};
use serinus_tests_lab::web::{ADMIN, ask, signature};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

const ADMINS: [(&str, &str); 3] =
    [("BASIC_AUTH_USER", "admin"), ("BASIC_AUTH_PASSWORD", "admin"), ("AUTHENTICATED_WEBHOOKS", "true")];
/// The body of the seed's step `plugins/webhook`: the `when:` block has slipped into its template.
const BODY: &str = "{\n  \"name\": \"172.16.77.115:5000/pregap\",\n  \"tag\": \"1.2.3\"\n}\nwhen:\n  event:\n  - promote\n  target:\n  - production\n";
/// From the push to the canary's pods, beside approval and image pull.
const TARGET: Duration = Duration::from_secs(2);

/// The seed's scene with everything at the seed's addresses.
struct Pipeline {
    scene: Scene,
    registry: String,
    serinus: SocketAddr,
}

impl Pipeline {
    fn image(&self, tag: &str) -> String {
        format!("{}/pregap:{tag}", self.registry)
    }

    async fn admin(&self, method: Method, path: &str, body: &str) -> Result<(u16, String)> {
        ask(method, &self.serinus.to_string(), path, &[ADMIN], body).await
    }

    /// `serinus ship IMAGE --wait`, as a pipeline's step; it has said what each workload makes of the image.
    async fn ship(&self, tag: &str) -> Result<Step> {
        let (image, url) = (self.image(tag), format!("http://{}", self.serinus));
        let mut child = Command::new(settings::serinus()?)
            .args(["ship", &image, "--wait", "--timeout", "3m", "--url", &url])
            .envs([("SERINUS_USER", "admin"), ("SERINUS_PASSWORD", "admin")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("start serinus ship")?;
        let mut out = BufReader::new(child.stdout.take().context("its output")?);
        let mut said = String::new();
        timeout(PATIENCE, out.read_line(&mut said)).await.context("serinus ship says nothing")??;
        Ok(Step { child, out, said })
    }

    /// The updates to a tag.
    async fn updates(&self, tag: &str) -> Result<Vec<Value>> {
        let mut all = self.scene.list("/apis/serinus.dev/v1alpha1", "imageupdates").await?;
        all.retain(|update| update["spec"]["tag"] == tag);
        Ok(all)
    }

    /// Votes by Keel's API once the update waits for it.
    async fn vote(&self, tag: &str, action: &str) -> Result<()> {
        let identifier = format!("deployment/{}/test2-pregap:{tag}", self.scene.namespace);
        until(&format!("an approval to be asked for as {identifier}"), PATIENCE, || async {
            let (status, text) = self.admin(Method::GET, "/v1/approvals", "").await?;
            ensure!(status == 200, "GET /v1/approvals: {status}: {text}");
            let all: Vec<Value> = serde_json::from_str(&text)?;
            let asked = all.iter().any(|one| one["identifier"] == identifier.as_str());
            Ok(if asked { Look::Done(()) } else { Look::Not(text) })
        })
        .await?;
        let body = json!({"identifier": identifier, "voter": "drone", "action": action}).to_string();
        let (status, text) = self.admin(Method::POST, "/v1/approvals", &body).await?;
        ensure!(status == 200, "{action} {identifier}: {status}: {text}");
        Ok(())
    }
}

/// A step of a pipeline that runs.
struct Step {
    child: Child,
    out: BufReader<ChildStdout>,
    said: String,
}

impl Step {
    /// Its exit code and all that it said.
    async fn ended(mut self) -> Result<(Option<i32>, String)> {
        let end = async {
            self.out.read_to_string(&mut self.said).await?;
            self.child.wait().await
        };
        let status = timeout(PATIENCE, end).await.context("serinus ship does not end")??;
        Ok((status.code(), self.said))
    }
}

/// Waits until a watch on pods shows one that runs `image`.
async fn until_pod(watch: &mut Watch, image: &str) -> Result<Instant> {
    loop {
        let event = timeout(PATIENCE, watch.next()).await.with_context(|| format!("no pod of {image}"))??;
        let event = event.context("the watch on pods ended")?;
        if event["object"]["spec"]["containers"][0]["image"] == image {
            return Ok(Instant::now());
        }
    }
}

#[tokio::test]
async fn from_the_push_to_the_verdict() -> Result<()> {
    let (registry, serinus) = settings::seed()?;
    let scene = Scene::set("pipeline-seed").await?;
    let pipeline = Pipeline { scene, registry, serinus };
    push("1.0.0", &pipeline.image("1.2.2")).await?;
    let said = json!({"keel.sh/policy": "minor", "keel.sh/approvals": "1"});
    pipeline.scene.run(&pipeline.image("1.2.2"), said).await?;
    let controller = Controller::start_for_updates(&pipeline.scene.namespace, serinus, &ADMINS)?;
    controller
        .told(async {
            pipeline.scene.until_healthy("1.2.2").await?;
            promoted(&pipeline).await?;
            rolled_back(&pipeline).await?;
            rejected(&pipeline).await
        })
        .await?;
    pipeline.scene.strike().await
}

/// The good version: all of the seed, and the time that it takes.
async fn promoted(pipeline: &Pipeline) -> Result<()> {
    let (scene, image) = (&pipeline.scene, pipeline.image("1.2.3"));
    let load = scene.load(200).await?;
    let mut pods = scene.api.watch(&format!("/api/v1/namespaces/{}/pods?watch=true", scene.namespace)).await?;
    // plugins/docker
    push("2.0.0", &pipeline.image("latest")).await?;
    let began = Instant::now();
    push("2.0.0", &image).await?;
    // plugins/webhook
    let (status, text) = pipeline.admin(Method::POST, "/v1/webhooks/native", BODY).await?;
    let recorded = began.elapsed();
    ensure!((status, text.as_str()) == (200, ""), "the webhook: {status}: {text}");
    ensure!(pipeline.updates("1.2.3").await?.len() == 1, "the 200 came before the update was in the cluster");
    let step = pipeline.ship("1.2.3").await?;
    told_by_the_registry(pipeline).await?;
    let began = Instant::now();
    pipeline.vote("1.2.3", "approve").await?;
    let there = until_pod(&mut pods, &image).await?.duration_since(began);
    scene.until_paused_at(&load, 20, "2.0.0").await?;
    let serves = began.elapsed();
    println!(
        "figure: pipeline from push to canary pods: {} ms (target: under {} ms beside approval and image pull): {} ms from the push to the answered webhook, {} ms from the vote to the canary's pod; it has its weight after {} ms",
        (recorded + there).as_millis(),
        TARGET.as_millis(),
        recorded.as_millis(),
        there.as_millis(),
        serves.as_millis()
    );
    scene.promote_full().await?;
    scene.until_healthy("1.2.3").await?;
    let (code, said) = step.ended().await?;
    ensure!(code == Some(0), "serinus ship ended with {code:?}: {said}");
    for wanted in ["known as", "Pending: ", "RollingOut: ", "Promoted: "] {
        ensure!(said.contains(wanted), "serinus ship did not say {wanted:?}: {said}");
    }
    let all = load.finish()?;
    println!("figure: pipeline, its canary: {all} (target: failed: 0)");
    ensure!(all.failed() == 0, "requests were lost: {all}");
    ensure!(recorded + there < TARGET, "{:?} from the push to canary pods", recorded + there);
    let one = pipeline.updates("1.2.3").await?;
    ensure!(one.len() == 1 && one[0]["status"]["phase"] == "Promoted", "{one:?}");
    ensure!(pipeline.updates("latest").await?.is_empty(), "latest is no minor version of 1.2.2");
    Ok(())
}

/// The registry has told of both tags itself; it knows the digest, which the pipeline does not say.
async fn told_by_the_registry(pipeline: &Pipeline) -> Result<()> {
    let digest = until("the registry to tell of the push", PATIENCE, || async {
        let update = pipeline.updates("1.2.3").await?.pop().unwrap_or_default();
        let digest = update["spec"]["digest"].as_str().filter(|digest| digest.starts_with("sha256:"));
        Ok(digest.map_or_else(|| Look::Not(update["spec"].to_string()), |digest| Look::Done(digest.to_owned())))
    });
    digest.await?;
    let line = format!("registry_notification_requests_total{{image=\"{}/pregap\"}} ", pipeline.registry);
    until("the registry's notifications to be counted", PATIENCE, || async {
        let (_, text) = pipeline.admin(Method::GET, "/metrics", "").await?;
        let count = text.lines().find_map(|other| other.strip_prefix(&line)).unwrap_or("0").to_owned();
        Ok(if count.parse::<u32>()? >= 2 { Look::Done(()) } else { Look::Not(count) })
    })
    .await
}

/// The bad version, of which the registry alone tells: its canary is aborted, and it is refused from then on.
async fn rolled_back(pipeline: &Pipeline) -> Result<()> {
    push("3.0.0", &pipeline.image("1.2.4")).await?;
    let step = pipeline.ship("1.2.4").await?;
    pipeline.vote("1.2.4", "approve").await?;
    let paused = |rollout: &Value| phase(rollout) == "Paused";
    pipeline.scene.until("the canary of 1.2.4", paused).await?;
    pipeline.scene.abort().await?;
    let (code, said) = step.ended().await?;
    ensure!(code == Some(7), "serinus ship of what is rolled back ended with {code:?}: {said}");
    let (code, said) = pipeline.ship("1.2.4").await?.ended().await?;
    ensure!(code == Some(4), "what was rolled back came in again: {code:?}: {said}");
    Ok(())
}

/// A version that a person does not want.
async fn rejected(pipeline: &Pipeline) -> Result<()> {
    push("4.0.0", &pipeline.image("1.2.5")).await?;
    let step = pipeline.ship("1.2.5").await?;
    pipeline.vote("1.2.5", "reject").await?;
    let (code, said) = step.ended().await?;
    ensure!(code == Some(5), "serinus ship of what is rejected ended with {code:?}: {said}");
    Ok(())
}

/// A push that a registry tells of in its own way.
struct Telling<'a> {
    sender: &'a str,
    /// Host and name of the image; the node gets images of every host from the lab's registry.
    image: (&'a str, &'a str),
    variables: &'a [(&'a str, &'a str)],
    headers: &'a [(&'a str, &'a str)],
    body: String,
}

/// The push of 2.0.0 is told, and becomes canary pods.
async fn told(telling: Telling<'_>) -> Result<()> {
    let namespace = format!("pipeline-{}", telling.sender);
    let (host, name) = telling.image;
    let api = Api::open().await?;
    vacant(&api, &namespace).await?;
    for version in ["1.0.0", "1.1.0"] {
        push(version, &format!("{}/{name}:{version}", settings::registry()?)).await?;
    }
    let manifests = include_str!("../manifests/told.yaml");
    let image = |version: &str| format!("{host}/{name}:{version}");
    apply(&manifests.replace("$NAMESPACE", &namespace).replace("$IMAGE", &image("1.0.0"))).await?;
    let address = settings::free_address()?;
    let controller = Controller::start_for_updates(&namespace, address, telling.variables)?;
    let scene = Scene { api, namespace: namespace.clone() };
    controller
        .told(async {
            let path = format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts/web");
            until_phase(&scene.api, &path, "Healthy").await?;
            let webhook = format!("/v1/webhooks/{}", telling.sender);
            let answer = ask(Method::POST, &address.to_string(), &webhook, telling.headers, &telling.body).await?;
            ensure!(answer == (200, String::new()), "{webhook}: {answer:?}");
            until_phase(&scene.api, &path, "Paused").await?;
            let updates = scene.list("/apis/serinus.dev/v1alpha1", "imageupdates").await?;
            ensure!(
                updates.len() == 1
                    && updates[0]["spec"]["source"]["trigger"] == telling.sender
                    && updates[0]["status"]["phase"] == "RollingOut"
                    && updates[0]["status"]["appliedAt"].is_string(),
                "{updates:?}"
            );
            let canary = image("1.1.0");
            let pods = scene.list("/api/v1", "pods").await?;
            let ready = |pod: &&Value| {
                pod["spec"]["containers"][0]["image"] == canary.as_str()
                    && pod["status"]["containerStatuses"][0]["ready"] == true
            };
            ensure!(pods.iter().filter(ready).count() == 1, "no canary runs {canary}: {pods:?}");
            Ok(())
        })
        .await?;
    scene.strike().await
}

/// GitHub signs what it sends.
#[tokio::test]
async fn as_github_tells_it() -> Result<()> {
    let body = json!({
        "action": "published",
        "package": {
            "name": "web", "namespace": "acme", "ecosystem": "CONTAINER", "package_type": "CONTAINER",
            "package_version": {"container_metadata": {"tag": {"name": "1.1.0", "digest": "sha256:e2e"}}},
        },
        "sender": {"login": "octocat"},
    })
    .to_string();
    told(Telling {
        sender: "github",
        image: ("ghcr.io", "acme/web"),
        variables: &[("WEBHOOK_SECRET", "It's a Secret to Everybody")],
        headers: &[
            ("x-github-event", "package"),
            ("x-hub-signature-256", &signature("It's a Secret to Everybody", body.as_bytes())),
        ],
        body,
    })
    .await
}

/// Harbor sends the header that its project's webhook is given.
#[tokio::test]
async fn as_harbor_tells_it() -> Result<()> {
    let body = json!({
        "type": "PUSH_ARTIFACT", "occur_at": 1_722_400_000, "operator": "robot$ci",
        "event_data": {
            "resources": [{"digest": "", "tag": "1.1.0", "resource_url": "harbor.example/shop/web:1.1.0"}],
            "repository": {"date_created": 1_722_000_000, "name": "web", "namespace": "shop", "repo_full_name": "shop/web", "repo_type": "private"},
        },
    });
    told(Telling {
        sender: "harbor",
        image: ("harbor.example", "shop/web"),
        variables: &ADMINS,
        headers: &[ADMIN],
        body: body.to_string(),
    })
    .await
}

/// Quay names all tags of a push, and can't send credentials but in the address.
#[tokio::test]
async fn as_quay_tells_it() -> Result<()> {
    let body = json!({
        "name": "web", "repository": "store/web", "namespace": "store", "docker_url": "quay.io/store/web",
        "homepage": "https://quay.io/repository/store/web", "updated_tags": ["latest", "1.1.0"],
    });
    told(Telling {
        sender: "quay",
        image: ("quay.io", "store/web"),
        variables: &[],
        headers: &[("content-type", "application/json")],
        body: body.to_string(),
    })
    .await
}
