//! Keel's API, ours and the page over the real controller and a small Kubernetes in memory.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use serinus_cluster::update::Updates;
use serinus_serve::{Options, router};
use std::time::Duration;
use support::{BASIC, SEED, World, locked};
use tower::ServiceExt;

fn asks(votes: u32) -> Value {
    json!({"keel.sh/policy": "minor", "keel.sh/approvals": votes.to_string()})
}

#[tokio::test]
async fn the_seed_posts_and_a_person_approves_by_rest() {
    let world = World::new(locked(), asks(1)).await;
    let (status, headers, text) = world.send("POST", "/v1/webhooks/native", &[("authorization", BASIC)], SEED).await;
    assert_eq!(
        (status.as_u16(), text.as_str(), &headers["x-serinus-matched"]),
        (200, "", &http::HeaderValue::from_static("1"))
    );
    assert_eq!(world.model.list("serinus.dev", "ImageUpdate", "default").len(), 1);
    // Once more, and with a tag that the policy does not take: 200 as well.
    assert_eq!(world.admin("POST", "/v1/webhooks/native", SEED).await, (200, String::new()));
    assert_eq!(world.admin("POST", "/v1/webhooks/native", &SEED.replace("1.2.3", "2.0.0")).await.0, 200);
    while world.approvals().await.len() != 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let approval = world.approvals().await.remove(0);
    assert_eq!(approval["identifier"], "deployment/default/web:1.2.3");
    assert_eq!(
        (&approval["provider"], &approval["voters"], &approval["votesReceived"]),
        (&json!("kubernetes"), &Value::Null, &json!(0))
    );
    assert_eq!(approval["message"], "New image is available for resource default/web (1.2.2 -> 1.2.3).");
    // As Go writes it.
    assert!(world.admin("GET", "/v1/approvals", "").await.1.contains("(1.2.2 -\\u003e 1.2.3)"));
    assert_eq!(world.image(), "172.16.77.115:5000/pregap:1.2.2");
    let body =
        json!({"id": approval["id"], "identifier": approval["identifier"], "voter": "slack-user", "action": "approve"});
    let (status, text) = world.admin("POST", "/v1/approvals", &body.to_string()).await;
    let answered: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &answered["votesReceived"]), (200, &json!(1)));
    assert!(answered["voters"]["admin"].is_string());
    let update = world.until("Promoted").await;
    assert_eq!(update["spec"]["votes"][0]["onBehalfOf"], "slack-user");
    assert_eq!(world.image(), "172.16.77.115:5000/pregap:1.2.3");
    assert_eq!(world.approvals().await[0]["archived"], true);
}

#[tokio::test]
async fn approvals_are_rejected_archived_deleted_and_asked_again() {
    let world = World::new(locked(), asks(2)).await;
    let push = || world.admin("POST", "/v1/webhooks/native", SEED);
    let act = async |action: &str| {
        let body = json!({"identifier": "deployment/default/web:1.2.3", "action": action});
        world.admin("POST", "/v1/approvals", &body.to_string()).await
    };
    assert_eq!(act("approve").await, (404, "approval '' not found".to_string()));
    push().await;
    world.until("Pending").await;
    assert_eq!(act("frobnicate").await.0, 400);
    assert_eq!(world.admin("POST", "/v1/approvals", "{}").await, (404, "identifier cannot be empty".to_string()));
    assert_eq!(world.admin("POST", "/v1/approvals", "no json").await, (400, String::new()));
    assert_eq!(act("approve").await.0, 200);
    assert_eq!(act("approve").await.0, 200);
    assert_eq!(world.approvals().await[0]["votesReceived"], 1);
    assert_eq!(act("reject").await.0, 200);
    world.until("Rejected").await;
    assert_eq!(world.approvals().await[0]["rejected"], true);
    // Rejected: it does not come back before it is archived.
    push().await;
    assert_eq!(world.model.list("serinus.dev", "ImageUpdate", "default").len(), 1);
    assert_eq!(act("archive").await.0, 200);
    while !world.approvals().await[0]["archived"].as_bool().unwrap() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    push().await;
    assert_eq!(world.model.list("serinus.dev", "ImageUpdate", "default").len(), 2);
    world.until("Pending").await;
    // One vote less is needed: what waits is asked again.
    let body = json!({"identifier": "deployment/default/web", "provider": "kubernetes", "votesRequired": 1});
    assert_eq!(
        world.admin("PUT", "/v1/approvals", &body.to_string()).await,
        (200, "{\"status\":\"updated\"}\n".to_string())
    );
    act("approve").await;
    world.until("Promoted").await;
    for (field, value, status) in
        [("votesRequired", json!(101), 400), ("provider", json!("helm"), 400), ("identifier", json!("x"), 404)]
    {
        let mut body = body.clone();
        body[field] = value;
        assert_eq!(world.admin("PUT", "/v1/approvals", &body.to_string()).await.0, status, "{field}");
    }
    assert_eq!(act("delete").await, (200, "null".to_string()));
}

#[tokio::test]
async fn who_is_let_in() {
    let world = World::new(locked(), asks(1)).await;
    for path in ["/v1/webhooks/native", "/v1/webhooks/registry", "/v1/approvals", "/v1/updates"] {
        for authorization in ["", "Basic YWRtaW46eA==", "Basic ???", "Bearer x", "Basic"] {
            let (status, headers, text) = world.send("POST", path, &[("authorization", authorization)], SEED).await;
            assert_eq!((status.as_u16(), text.as_str()), (401, "Unauthorized\n"), "{path} {authorization}");
            assert!(!headers.contains_key("www-authenticate"));
        }
    }
    assert!(world.model.list("serinus.dev", "ImageUpdate", "default").is_empty());
    // A token lets in where the password does.
    assert_eq!(world.send("POST", "/v1/auth/login", &[], r#"{"username":"admin","password":"x"}"#).await.0, 401);
    let (status, headers, text) =
        world.send("POST", "/v1/auth/login", &[], r#"{"username":"admin","password":"admin"}"#).await;
    let token = serde_json::from_str::<Value>(&text).unwrap()["token"].as_str().unwrap().to_string();
    assert_eq!(
        (status.as_u16(), headers["authorization"].to_str().unwrap()),
        (200, format!("Bearer {token}").as_str())
    );
    for authorization in [format!("Bearer {token}"), format!("bearer {token}"), token] {
        assert_eq!(world.send("GET", "/v1/approvals", &[("authorization", &authorization)], "").await.0, 200);
    }
    // Without credentials configured there is no such thing, and webhooks are open.
    let open = World::new(Options::default(), asks(1)).await;
    assert_eq!(open.send("GET", "/v1/approvals", &[("authorization", BASIC)], "").await.0, 404);
    assert_eq!(open.send("POST", "/v1/webhooks/native", &[], SEED).await.0, 200);
}

#[tokio::test]
async fn methods_paths_and_headers() {
    let world = World::new(Options::default(), asks(1)).await;
    for (method, path, status) in [
        ("GET", "/healthz", 200),
        ("GET", "/v1/webhooks/native", 405),
        ("PUT", "/v1/webhooks/quay", 405),
        ("POST", "/v1/webhooks/gitlab", 404),
        ("OPTIONS", "/v1/webhooks/native", 200),
        ("OPTIONS", "/anything", 200),
        ("POST", "/v1/webhooks/native", 400),
    ] {
        let (answered, headers, _) = world.send(method, path, &[], "").await;
        assert_eq!(answered.as_u16(), status, "{method} {path}");
        assert_eq!(headers["access-control-allow-origin"], "*", "{method} {path}");
        assert_eq!(headers["access-control-allow-methods"], "POST, GET, OPTIONS, PUT, DELETE");
    }
    let (status, _, text) = world.send("POST", "/v1/webhooks/native", &[], r#"{"name":"a"}"#).await;
    assert_eq!((status.as_u16(), text.as_str()), (400, "repository tag cannot be empty"));
    // Malformed references are answered well, as with Keel.
    assert_eq!(world.send("POST", "/v1/webhooks/native", &[], r#"{"name":"A B","tag":"1"}"#).await.0, 200);
}

#[tokio::test]
async fn bodies_that_are_too_large_unsigned_or_too_many() {
    let world = World::new(
        Options { webhook_secret: "Jefe".to_string(), webhooks_per_second: 6, ..Options::default() },
        asks(1),
    )
    .await;
    let path = "/v1/webhooks/native";
    assert_eq!(world.send("POST", path, &[], &" ".repeat((1 << 20) + 1)).await.0, 413);
    assert_eq!(world.send("POST", path, &[], SEED).await.0, 401);
    assert_eq!(world.send("POST", path, &[("x-hub-signature-256", "sha256=00")], SEED).await.0, 401);
    // RFC 4231, test case 2: signed well, and no JSON.
    let good = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    for name in ["x-hub-signature-256", "x-drone-signature"] {
        assert_eq!(world.send("POST", path, &[(name, good)], "what do ya want for nothing?").await.0, 400);
    }
    assert!(world.model.list("serinus.dev", "ImageUpdate", "default").is_empty());
    let mut codes = Vec::new();
    for _ in 0..8 {
        let (status, headers, _) = world.send("POST", path, &[], SEED).await;
        assert_eq!(headers.contains_key("retry-after"), status == 429);
        codes.push(status.as_u16());
    }
    assert!(codes.contains(&429), "{codes:?}");
}

#[tokio::test]
async fn ships_and_says_why_not() {
    let world = World::new(locked(), asks(0)).await;
    let ship = async |body: Value| {
        let (status, text) = world.admin("POST", "/v1/updates", &body.to_string()).await;
        (status, serde_json::from_str::<Value>(&text).unwrap_or(Value::String(text)))
    };
    let (status, answer) = ship(json!({"image": "172.16.77.115:5000/pregap:2.0.0"})).await;
    assert_eq!((status, &answer["workloads"][0]["outcome"]), (200, &json!("refused")));
    assert!(answer["workloads"][0]["reason"].as_str().unwrap().contains("another major version"));
    assert_eq!(ship(json!({"image": "other:1.0"})).await.1, json!({"workloads": []}));
    let (_, dry) = ship(json!({"image": "172.16.77.115:5000/pregap:1.2.3", "dryRun": true})).await;
    assert_eq!(dry["workloads"][0]["outcome"], "proposed");
    assert!(world.model.list("serinus.dev", "ImageUpdate", "default").is_empty());
    let (_, answer) = ship(json!({"image": "172.16.77.115:5000/pregap:1.2.3"})).await;
    let name = answer["workloads"][0]["update"].as_str().unwrap();
    world.until("Promoted").await;
    let (status, text) = world.admin("GET", &format!("/v1/updates/default/{name}"), "").await;
    let update: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &update["final"], &update["spec"]["source"]["trigger"]), (200, &json!(true), &json!("ship")));
    assert_eq!(world.admin("GET", "/v1/updates/default/none", "").await.0, 404);
    for body in [json!({}), json!({"image": "A"}), json!({"image": 1}), json!([])] {
        assert_eq!(ship(body.clone()).await.0, 400, "{body}");
    }
}

#[tokio::test]
async fn the_page_takes_votes_only_from_its_own_forms() {
    let world = World::new(locked(), asks(1)).await;
    let (status, headers, _) = world.send("GET", "/", &[], "").await;
    assert_eq!((status.as_u16(), headers["www-authenticate"].to_str().unwrap().starts_with("Basic")), (401, true));
    world.admin("POST", "/v1/webhooks/native", SEED).await;
    world.until("Pending").await;
    let (_, html) = world.admin("GET", "/", "").await;
    let value = |name: &str| {
        let (_, rest) = html.split_once(&format!("name={name} value='")).unwrap();
        rest.split_once('\'').unwrap().0.to_string()
    };
    let form =
        |token: &str| format!("form={token}&namespace={}&name={}&decision=approve", value("namespace"), value("name"));
    let vote = async |headers: &[(&str, &str)], body: &str| world.send("POST", "/vote", headers, body).await.0.as_u16();
    let good = form(&value("form"));
    assert_eq!(vote(&[], &good).await, 401);
    assert_eq!(vote(&[("authorization", BASIC)], &form("x")).await, 403);
    assert_eq!(vote(&[("authorization", BASIC), ("sec-fetch-site", "cross-site")], &good).await, 403);
    assert_eq!(world.image(), "172.16.77.115:5000/pregap:1.2.2");
    assert_eq!(vote(&[("authorization", BASIC), ("sec-fetch-site", "same-origin")], &good).await, 303);
    world.until("Promoted").await;
}

#[tokio::test]
async fn a_push_that_can_not_be_recorded_is_not_answered_with_200() {
    // No controller has read any cluster behind this.
    let router = router(Updates::default(), Options::default());
    let request = Request::post("/v1/webhooks/native").body(Body::from(SEED)).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &http::HeaderValue::from_static("1"))
    );
}

#[tokio::test]
async fn keels_lists_of_workloads_images_and_what_happened() {
    let annotations = json!({"keel.sh/policy": "minor", "keel.sh/approvals": "1"});
    let world = World::new(locked(), annotations).await;
    let read = async |path: &str| -> Value {
        let (status, text) = world.admin("GET", path, "").await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    };
    for path in ["/v1/resources", "/v1/tracked", "/v1/audit", "/v1/stats"] {
        assert_eq!(world.send("GET", path, &[], "").await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
    let resources = read("/v1/resources").await;
    assert_eq!(resources[0]["identifier"], "deployment/default/web");
    assert_eq!((&resources[0]["policy"], &resources[0]["labels"]), (&json!("minor"), &Value::Null));
    assert_eq!(resources[0]["images"], json!(["172.16.77.115:5000/pregap:1.2.2"]));
    assert!(resources[0]["status"]["unavailableReplica"].is_number());
    assert_eq!(read("/v1/tracked").await[0]["image"], "pregap:1.2.2");
    // A plain duration, as Keel's page sends it, becomes a schedule.
    let wanted = |schedule: &str| json!({"provider": "kubernetes", "identifier": "deployment/default/web", "trigger": "poll", "schedule": schedule});
    assert_eq!(world.admin("PUT", "/v1/tracked", &wanted("often").to_string()).await.0, 400);
    assert_eq!(world.admin("PUT", "/v1/tracked", &wanted("5m").to_string()).await.0, 200);
    let object = world.model.get("apps", "Deployment", "default", "web").unwrap();
    assert_eq!(object["metadata"]["annotations"]["keel.sh/pollSchedule"], "@every 5m");
    // One update, one vote: both are told.
    assert_eq!(world.admin("POST", "/v1/webhooks/native", SEED).await.0, 200);
    while world.approvals().await.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let vote = json!({"identifier": "deployment/default/web:1.2.3", "voter": "admin", "action": "approve"});
    assert_eq!(world.admin("POST", "/v1/approvals", &vote.to_string()).await.0, 200);
    while read("/v1/audit").await["total"].as_u64() < Some(2) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let votes = read("/v1/audit?filter=approval&limit=1").await;
    assert_eq!(
        (&votes["total"], &votes["limit"], &votes["data"][0]["action"]),
        (&json!(1), &json!(1), &json!("approved"))
    );
    assert_eq!(votes["data"][0]["username"], "admin");
    let stats = read("/v1/stats").await;
    assert_eq!(stats.as_array().unwrap().len(), 31);
    assert_eq!((&stats[0]["approved"], &stats[0]["updates"], &stats[0]["webhooks"]), (&json!(1), &json!(1), &json!(0)));
    let (status, _, text) = world.send("GET", "/metrics", &[], "").await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("native_webhook_requests_total{image=\"172.16.77.115:5000/pregap\"} 1"), "{text}");
}
