//! What comes to the door that should not: texts that are no JSON, bodies that never end, senders that may not, certificates that change; and every format
//! that is good, on its way to an update.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../talk/tests/support/bodies.rs"]
mod bodies;
mod support;

use bodies::{bodies, cases};
use http::StatusCode;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use serinus_cluster::update::Updates;
use serinus_serve::{Kubernetes, Options, Source, Tls, router, serve};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use support::{BASIC, SEED, World, deployment, locked};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const NATIVE: &str = "/v1/webhooks/native";

/// Spec 2.2: JSON as Go reads it, whatever its content type.
#[tokio::test]
async fn what_go_takes_for_json_is_taken() {
    let world = World::new(Options::default(), json!({"keel.sh/policy": "all", "keel.sh/approvals": "1"})).await;
    let name = r#""name": "172.16.77.115:5000/pregap""#;
    let rows: [(&str, u16, &str, &str); 22] = [
        (r#"{NAME, "tag": "1.3.0"}"#, 200, "", "1"),
        (r#"  {NAME, "tag": "1.3.0"}"#, 200, "", "1"),
        (r#"{"NaMe": "172.16.77.115:5000/pregap", "TAG": "1.3.0"}"#, 200, "", "1"),
        (r#"{NAME, "tag": "1.3.0", "unknown": [{}, null, 1e999]}"#, 200, "", "1"),
        (r#"{"name": "other", NAME, "tag": "x", "tag": "1.3.0"}"#, 200, "", "1"),
        (r#"{NAME, "tag": "1.3.0", "tag": null}"#, 200, "", "1"),
        (r#"{NAME, "tag": "1.3.0"} and more"#, 200, "", "1"),
        (r#"{NAME, "tag": "1.3.0"}{"name": 1}"#, 200, "", "1"),
        (r#"{NAME, "tag": "1.3.0", "host": null, "digest": "sha256:e2e"}"#, 200, "", "1"),
        (r#"{NAME, "tag": "1.2.2"}"#, 200, "", "1"), // what the policy refuses is no error
        (r#"{"name": "nobody/runs", "tag": "1.3.0"}"#, 200, "", "0"),
        (r#"{"name": "Upper/Case", "tag": "1.3.0"}"#, 200, "", "0"),
        ("null", 400, "repository name cannot be empty", "0"),
        (r#"{NAME, "tag": ""}"#, 400, "repository tag cannot be empty", "0"),
        (r#"{NAME, "tag": 13}"#, 400, "", ""),
        (r#"{NAME, "tag": ["1.3.0"]}"#, 400, "", ""),
        (r#"[{NAME, "tag": "1.3.0"}]"#, 400, "", ""),
        (r#"{NAME, "tag": "1.3.0""#, 400, "", ""),
        (r#"{NAME, 'tag': '1.3.0'}"#, 400, "", ""),
        ("name=172.16.77.115:5000/pregap&tag=1.3.0", 400, "", ""),
        ("", 400, "", ""),
        (" \n", 400, "", ""),
    ];
    for (body, status, text, matched) in rows {
        let body = body.replace("NAME", name);
        for kind in ["application/json", "application/x-www-form-urlencoded", "text/plain"] {
            let (answered, headers, said) = world.send("POST", NATIVE, &[("content-type", kind)], &body).await;
            assert_eq!((answered.as_u16(), said.as_str()), (status, text), "{kind} {body}");
            let header = headers.get("x-serinus-matched").and_then(|value| value.to_str().ok()).unwrap_or_default();
            assert!(matched.is_empty() || header == matched, "{kind} {body}: {header}");
        }
    }
    let tags: Vec<String> = world
        .model
        .list("serinus.dev", "ImageUpdate", "default")
        .iter()
        .map(|update| update["spec"]["tag"].to_string())
        .collect();
    assert_eq!(tags, ["\"1.3.0\""], "one change, however it is told");
}

/// Spec 2.3, row by row: the reference that each format forms, the trigger, and whether the digest is told.
#[tokio::test]
async fn every_format_becomes_an_update() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let options = Options { private_registry: "jfrog.example".to_string(), ..Options::default() };
    let world = World::new(options, json!({"keel.sh/policy": "never"})).await;
    let rows = [
        (
            "native",
            "",
            "reg.example:5000/team/a",
            "native",
            true,
            json!({"host": "reg.example:5000", "name": "team/a", "tag": "1.1.0", "digest": digest}),
        ),
        (
            "dockerhub",
            "",
            "acme/b",
            "dockerhub",
            false,
            json!({"push_data": {"pushed_at": 1_582_839_308, "tag": "1.1.0"}, "repository": {"repo_name": "acme/b", "date_created": 1}}),
        ),
        (
            "quay",
            "",
            "quay.io/acme/c",
            "quay",
            false,
            json!({"docker_url": "quay.io/acme/c", "updated_tags": ["latest", "1.1.0"]}),
        ),
        (
            "azure",
            "",
            "acme.azurecr.io/d",
            "azure",
            true,
            json!({"action": "push", "target": {"repository": "d", "tag": "1.1.0", "digest": digest}, "request": {"host": "acme.azurecr.io"}}),
        ),
        (
            "github",
            "package",
            "ghcr.io/acme/e",
            "github",
            false,
            json!({"package": {"name": "E", "namespace": "Acme", "ecosystem": "CONTAINER", "package_version": {"container_metadata": {"tag": {"name": "1.1.0"}}}}}),
        ),
        (
            "github",
            "registry_package",
            "ghcr.io/acme/f",
            "github",
            false,
            json!({"registry_package": {"name": "f", "package_type": "CONTAINER", "package_version": {"version": "1.1.0"}}, "repository": {"full_name": "Acme/F"}}),
        ),
        (
            "harbor",
            "",
            "harbor.example/shop/g",
            "harbor",
            true,
            json!({"type": "PUSH_ARTIFACT", "occur_at": 1, "event_data": {"resources": [{"digest": digest, "resource_url": "harbor.example/shop/g:1.1.0"}]}}),
        ),
        (
            "jfrog",
            "",
            "jfrog.example/h",
            "jfrog",
            false,
            json!({"event_type": "pushed", "data": {"image_name": "h", "tag": "1.1.0", "size": 12}}),
        ),
        (
            "registry",
            "",
            "reg.example:5000/i",
            "registry-notification",
            true,
            json!({"events": [{"action": "push", "timestamp": "2026-01-02T03:04:05Z", "target": {"repository": "i", "tag": "1.1.0", "digest": digest}, "request": {"host": "reg.example:5000"}}]}),
        ),
    ];
    for (_, _, image, ..) in &rows {
        let mut object = deployment(json!({"keel.sh/policy": "minor", "keel.sh/approvals": "1"}));
        let name = image.rsplit('/').next().unwrap();
        object["metadata"]["name"] = json!(format!("web-{name}"));
        object["spec"]["template"]["spec"]["containers"][0]["image"] = json!(format!("{image}:1.0.0"));
        world.model.apply(&object).unwrap();
    }
    while world.updates.workloads().len() < rows.len() + 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for (segment, event, image, trigger, tells_digest, body) in rows {
        let path = format!("/v1/webhooks/{segment}");
        let (status, headers, text) = world.send("POST", &path, &[("x-github-event", event)], &body.to_string()).await;
        assert_eq!((status.as_u16(), text.as_str()), (200, ""), "{segment}");
        assert!(headers["x-serinus-matched"] != "0", "{segment} {body}");
        let name = json!(format!("web-{}", image.rsplit('/').next().unwrap()));
        let updates = world.model.list("serinus.dev", "ImageUpdate", "default");
        let of_it: Vec<_> = updates.iter().filter(|update| update["spec"]["workload"]["name"] == name).collect();
        assert_eq!(of_it.len(), 1, "{segment}: {of_it:?}");
        let spec = &of_it[0]["spec"];
        assert_eq!((&spec["tag"], &spec["source"]["trigger"]), (&json!("1.1.0"), &json!(trigger)), "{segment}");
        assert_eq!(spec["digest"].as_str(), tells_digest.then_some(digest.as_str()), "{segment}");
    }
}

/// A server on a socket behind which nobody has read a cluster.
async fn server(options: Options, tls: Option<Tls>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, router(Updates::default(), options), tls, CancellationToken::new()));
    address
}

/// What a connection says until it ends.
async fn rest(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said).await;
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn a_hundred_megabytes_are_refused_without_being_read() {
    let address = server(Options::default(), None).await;
    for head in ["content-length: 104857600", "transfer-encoding: chunked"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("POST {NATIVE} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let chunk =
            if head.starts_with('t') { format!("10000\r\n{}\r\n", " ".repeat(65_536)) } else { " ".repeat(65_536) };
        let mut sent = 0;
        // It goes on until nobody listens any more.
        while sent < 100 << 20 && stream.write_all(chunk.as_bytes()).await.is_ok() {
            sent += 65_536;
        }
        assert!(sent < 16 << 20, "{head}: {sent} bytes were taken");
        let said = rest(&mut stream).await;
        // The rest that was sent may have swept the answer away.
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 413"), "{head}: {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_too_slowly_is_not_waited_for() {
    let address = server(Options::default(), None).await;
    let began = tokio::time::Instant::now();
    let mut body = TcpStream::connect(address).await.unwrap();
    body.write_all(format!("POST {NATIVE} HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{{").as_bytes())
        .await
        .unwrap();
    let mut answer = vec![0; 12];
    body.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");
    let mut head = TcpStream::connect(address).await.unwrap();
    head.write_all(b"POST /v1/webh").await.unwrap();
    let said = rest(&mut head).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

fn sources() -> Vec<Source> {
    Source::list(
        r#"[{"name": "drone", "token": "t0k", "images": ["172.16.77.115:5000/pregap"]},
            {"name": "other", "token": "0th", "images": ["r.example/*"]},
            {"name": "github", "secret": "Jefe", "images": ["*"]}]"#,
    )
    .unwrap()
}

#[tokio::test]
async fn each_source_tells_of_its_own_images() {
    let options = Options { sources: sources(), ..locked() };
    let world = World::new(options, json!({"keel.sh/policy": "all", "keel.sh/approvals": "1"})).await;
    let post = async |path: &str, headers: &[(&str, &str)], body: &str| {
        let (status, _, text) = world.send("POST", path, headers, body).await;
        (status.as_u16(), text)
    };
    let count = || world.model.list("serinus.dev", "ImageUpdate", "default").len();
    for stranger in ["", "Bearer x", "Basic ZHJvbmU6eA=="] {
        assert_eq!(post(NATIVE, &[("authorization", stranger)], SEED).await.0, 401, "{stranger}");
    }
    let (status, text) = post(NATIVE, &[("authorization", "Bearer 0th")], SEED).await;
    assert_eq!((status, count()), (403, 0));
    assert_eq!(text, "other may not tell of 172.16.77.115:5000/pregap: name it in the images of this source");
    // A registry would send it again for ever.
    let told = json!({"events": [{"action": "push", "target": {"repository": "pregap", "tag": "1.2.3"}, "request": {"host": "172.16.77.115:5000"}}]});
    assert_eq!(post("/v1/webhooks/registry", &[("authorization", "0th")], &told.to_string()).await.0, 200);
    assert_eq!(count(), 0);
    assert_eq!(post(NATIVE, &[("authorization", "Bearer t0k")], SEED).await.0, 200);
    assert_eq!(count(), 1);
    // Basic, as a registry has it in its address; the credentials of people hold as well.
    assert_eq!(post(NATIVE, &[("authorization", "Basic ZHJvbmU6dDBr")], &SEED.replace("1.2.3", "1.2.4")).await.0, 200);
    assert_eq!(post(NATIVE, &[("authorization", BASIC)], &SEED.replace("1.2.3", "1.2.5")).await.0, 200);
    assert_eq!(count(), 3);
    let updates = world.model.list("serinus.dev", "ImageUpdate", "default");
    let mut senders: Vec<_> = updates.iter().map(|update| update["spec"]["source"]["sender"].as_str()).collect();
    senders.sort_unstable();
    assert_eq!(senders, [None, Some("drone"), Some("drone")], "each names its source");
    // RFC 4231, test case 2: signed well, and no JSON.
    let good = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let signed = [("x-hub-signature-256", good)];
    assert_eq!(post("/v1/webhooks/github", &signed, "what do ya want for nothing?").await.0, 400);
    assert_eq!(post("/v1/webhooks/github", &signed, "what do ya want for something?").await.0, 401);
    // `serinus ship` with a token: its own images, and what becomes of them.
    let ship = json!({"image": "172.16.77.115:5000/pregap:1.2.3"}).to_string();
    assert_eq!(post("/v1/updates", &[("authorization", "Bearer 0th")], &ship).await.0, 403);
    let (status, text) = post("/v1/updates", &[("authorization", "Bearer t0k")], &ship).await;
    assert_eq!(status, 200, "{text}");
    let name =
        world.model.list("serinus.dev", "ImageUpdate", "default")[0]["metadata"]["name"].as_str().unwrap().to_string();
    let path = format!("/v1/updates/default/{name}");
    for (authorization, status) in [("Bearer t0k", 200), ("Bearer 0th", 404), ("Bearer x", 401), (BASIC, 200)] {
        assert_eq!(world.send("GET", &path, &[("authorization", authorization)], "").await.0.as_u16(), status);
    }
    // Votes are for people.
    let vote = json!({"identifier": "deployment/default/web:1.2.3", "action": "approve"}).to_string();
    assert_eq!(post("/v1/approvals", &[("authorization", "Bearer t0k")], &vote).await.0, 401);
    assert_eq!(
        world.send("GET", "/v1/updates", &[("authorization", "Bearer t0k")], "").await.0,
        StatusCode::UNAUTHORIZED
    );
}

fn bearers() -> Options {
    Options {
        kubernetes: Some(Kubernetes { namespace: None, secure: true }),
        token_secret: "secret".into(),
        ..Options::default()
    }
}

#[tokio::test]
async fn who_shows_a_token_of_the_cluster_votes_under_his_own_name() {
    let world = World::new(bearers(), json!({"keel.sh/policy": "all", "keel.sh/approvals": "1"})).await;
    world.send("POST", NATIVE, &[], SEED).await;
    world.until_tags(1).await;
    let update = world.model.list("serinus.dev", "ImageUpdate", "default").remove(0);
    let name = update["metadata"]["name"].as_str().unwrap();
    let (status, _, text) = world.send("GET", "/", &[], "").await;
    assert!(status == 401 && text.contains("name=token"), "{status} {text}");
    for (token, wanted, says) in [
        ("", 401, "does not know"),
        ("nobody", 401, "does not know"),
        ("eve-token", 403, "eve@example may not patch imageupdates.serinus.dev in all namespaces"),
        ("down-token", 503, ""),
        ("closed-token", 503, "the controller may not create tokenreviews"),
    ] {
        let (status, headers, text) = world.send("POST", "/login", &[], &format!("token={token}")).await;
        assert!(
            status == wanted && text.contains(says) && !headers.contains_key("set-cookie"),
            "{token}: {status} {text}"
        );
        assert!(token.is_empty() || !text.contains(token), "{text}");
    }
    let other = [("sec-fetch-site", "cross-site")];
    assert_eq!(world.send("POST", "/login", &other, "token=ann-token").await.0, 403);
    let (status, headers, _) =
        world.send("POST", "/login", &[("sec-fetch-site", "same-origin")], "token=ann-token").await;
    let cookie = headers["set-cookie"].to_str().unwrap().to_string();
    assert!(status == 303 && !cookie.contains("ann-token"), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Strict", "Secure", "Max-Age=43200"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let session = [("cookie", cookie.split(';').next().unwrap())];
    let (status, _, page) = world.send("GET", "/", &session, "").await;
    assert!(status == 200 && page.contains("ann@example"), "{page}");
    // The cookie is the page's alone, and a vote needs the page's own form.
    assert_eq!(world.send("GET", "/v1/approvals", &session, "").await.0, 401);
    let vote = |form: &str| format!("form={form}&namespace=default&name={name}&decision=approve");
    assert_eq!(world.send("POST", "/vote", &session, &vote("forged")).await.0, 403);
    let form = page.split("name=form value='").nth(1).unwrap().split('\'').next().unwrap();
    assert_eq!(world.send("POST", "/vote", &session, &vote(form)).await.0, 303);
    let update = world.model.get("serinus.dev", "ImageUpdate", "default", name).unwrap();
    assert_eq!(update["spec"]["votes"][0]["voter"], "ann@example");
    let (_, headers, _) = world.send("POST", "/logout", &session, "").await;
    assert!(headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    // Keel's own login knows the token as well.
    let (status, _, text) = world.send("POST", "/v1/auth/login", &[], r#"{"token": "ann-token"}"#).await;
    assert_eq!(status, 200, "{text}");
    let bearer: Value = serde_json::from_str(&text).unwrap();
    let bearer = format!("Bearer {}", bearer["token"].as_str().unwrap());
    assert_eq!(world.send("GET", "/v1/approvals", &[("authorization", &bearer)], "").await.0, 200);
    for (login, wanted) in [
        (r#"{"token": "nobody"}"#, (401, "the cluster does not know this token\n")),
        (r#"{"username": "admin", "password": "admin"}"#, (401, "username or password incorrect\n")),
    ] {
        let (status, _, text) = world.send("POST", "/v1/auth/login", &[], login).await;
        assert_eq!((status.as_u16(), text.as_str()), wanted, "{login}");
    }
    // Without the switch nobody gets in so.
    let closed = World::new(Options::default(), json!({})).await;
    assert_eq!(closed.send("POST", "/login", &[], "token=ann-token").await.0, 404);
}

/// A replay is the same push: one update, whoever repeats it, with a key or without.
#[tokio::test]
async fn a_replay_is_no_second_update() {
    let world = World::new(Options::default(), json!({"keel.sh/policy": "all", "keel.sh/approvals": "1"})).await;
    for key in ["", "build-7", "build-7", ""] {
        let (status, headers, _) = world.send("POST", NATIVE, &[("idempotency-key", key)], SEED).await;
        assert_eq!((status.as_u16(), headers["x-serinus-matched"].to_str().unwrap()), (200, "1"));
    }
    // The same key means the same request, whatever it says now.
    let keyed = [("idempotency-key", "build-8")];
    world.send("POST", NATIVE, &keyed, &SEED.replace("1.2.3", "1.2.4")).await;
    world.until_tags(2).await;
    world.send("POST", NATIVE, &keyed, &SEED.replace("1.2.3", "1.2.5")).await;
    assert_eq!(world.model.list("serinus.dev", "ImageUpdate", "default").len(), 2);
}

/// `WEBHOOK_CASES=10000 cargo test -p serinus-serve --test doors fuzzed` plays as many at each endpoint.
#[test]
fn fuzzed_payloads_are_answered() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let count = cases(250);
    runtime.block_on(async {
        let world = World::new(Options::default(), json!({"keel.sh/policy": "all"})).await;
        let mut runner = TestRunner::deterministic();
        let strategy = (bodies(), proptest::num::u16::ANY, proptest::num::u8::ANY);
        let endpoints = ["native", "dockerhub", "quay", "azure", "github", "harbor", "jfrog", "registry"];
        for case in 0..count {
            let (body, cut, noise) = strategy.new_tree(&mut runner).unwrap().current();
            let mut bytes = body.into_bytes();
            let at = usize::from(cut) % (bytes.len() + 1);
            match (case % 3, bytes.get_mut(at)) {
                (1, Some(byte)) => *byte = noise,
                (2, _) => bytes.truncate(at),
                _ => {}
            }
            let event = ["package", "registry_package", "ping"][case as usize % 3];
            for endpoint in endpoints {
                let path = format!("/v1/webhooks/{endpoint}");
                let status = world.send_bytes(&path, &[("x-github-event", event)], bytes.clone()).await;
                assert!(matches!(status, 200 | 400), "{endpoint}: {status} to {:?}", String::from_utf8_lossy(&bytes));
            }
        }
        assert!(world.image().ends_with(":1.2.2"), "nothing was applied: {}", world.image());
    });
    println!("{count} fuzzed payloads at each of 8 endpoints were answered");
}

/// A certificate of its own for `localhost`, with its key, by openssl.
fn certificate(directory: &Path) {
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .args(["-keyout", "new.key", "-out", "new.crt"])
        .current_dir(directory)
        .output()
        .expect("openssl makes the certificates of this test: install it");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for name in ["key", "crt"] {
        std::fs::rename(directory.join(format!("new.{name}")), directory.join(format!("tls.{name}"))).unwrap();
    }
}

/// Connects, trusting nothing but `authority`; gives the status of `/healthz`, or why there is no agreement.
async fn over_tls(address: SocketAddr, authority: &Path) -> Result<String, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, stream).await.map_err(|error| error.to_string())?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said).await;
    Ok(String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_string())
}

#[tokio::test]
async fn tls_with_files_that_change() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let missing = Tls::new(&at("tls.crt"), &at("tls.key")).err().unwrap();
    assert!(missing.contains("tls.crt"), "{missing}");
    certificate(directory.path());
    let tls = Tls::new(&at("tls.crt"), &at("tls.key")).unwrap();
    std::fs::copy(at("tls.crt"), at("first.crt")).unwrap();
    let address = server(Options::default(), Some(tls)).await;
    assert_eq!(over_tls(address, &at("first.crt")).await, Ok("HTTP/1.1 200 OK".to_string()));
    // Who speaks plain HTTP gets nothing.
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(!rest(&mut plain).await.contains("200"));
    // A new pair counts from the next connection on; what can't be read does not count.
    certificate(directory.path());
    assert!(over_tls(address, &at("first.crt")).await.is_err());
    std::fs::copy(at("tls.crt"), at("second.crt")).unwrap();
    assert_eq!(over_tls(address, &at("second.crt")).await, Ok("HTTP/1.1 200 OK".to_string()));
    std::fs::write(at("tls.crt"), "half a certif").unwrap();
    assert_eq!(over_tls(address, &at("second.crt")).await, Ok("HTTP/1.1 200 OK".to_string()));
    // A key that is another's is named at the start.
    std::fs::copy(at("first.crt"), at("tls.crt")).unwrap();
    let other = Tls::new(&at("tls.crt"), &at("tls.key")).err().unwrap();
    assert!(other.contains("tls.key"), "{other}");
}
