//! What each sender posts, what is taken of it, and how it is answered.
#![allow(clippy::unwrap_used)]

#[path = "support/bodies.rs"]
mod bodies;

use bodies::{bodies, cases};
use proptest::prelude::*;
use serinus_talk::webhook::{Context, Push, Received, Sender};

fn parse(sender: Sender, body: &str) -> Received {
    sender.parse(body.as_bytes(), Context::default())
}

fn push(image: &str, digest: &str) -> Push {
    Push { image: image.to_string(), digest: (!digest.is_empty()).then(|| digest.to_string()) }
}

/// A body, the images and digests it stands for, and what it is refused with.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<&'a str>);

fn check(sender: Sender, context: Context<'_>, table: &[Row<'_>]) {
    for (body, pushes, refusal) in table {
        let received = sender.parse(body.as_bytes(), context);
        let wanted: Vec<Push> = pushes.iter().map(|(image, digest)| push(image, digest)).collect();
        assert_eq!((&received.pushes, received.refusal.as_deref()), (&wanted, *refusal), "{sender:?} {body}");
        assert_eq!(
            received.remark.is_some(),
            pushes.is_empty() && *body != "{}" || refusal.is_some(),
            "{sender:?} {body}"
        );
    }
}

#[test]
fn native() {
    // As the pipeline that started the project prints it: the `when:` block has slipped into the template.
    let seed = "{\n  \"name\": \"172.16.77.115:5000/pregap\",\n  \"tag\": \"1.2.3\"\n}\nwhen:\n  event:\n  - promote\n  target:\n  - production\n";
    check(
        Sender::Native,
        Context::default(),
        &[
            (seed, &[("172.16.77.115:5000/pregap:1.2.3", "")], None),
            (
                r#"{"host":"reg:5000","name":"team/app","tag":"1","digest":"sha256:ab"}"#,
                &[("reg:5000/team/app:1", "sha256:ab")],
                None,
            ),
            (
                r#"{"Name":"a","TAG":"1","platforms":[{"os":"linux","architecture":"arm64"}],"platformVerified":true}"#,
                &[("a:1", "")],
                None,
            ),
            (r#"{"tag":"1"}"#, &[], Some("repository name cannot be empty")),
            (r#"{"name":"a"}"#, &[], Some("repository tag cannot be empty")),
            ("null", &[], Some("repository name cannot be empty")),
            (r#"{"name":"a","tag":1}"#, &[], Some("")),
            (r#"{"name":"a","tag":"1","platforms":{}}"#, &[], Some("")),
            ("name=a&tag=1", &[], Some("")),
            ("", &[], Some("")),
            ("[]", &[], Some("")),
        ],
    );
}

#[test]
fn dockerhub() {
    check(
        Sender::DockerHub,
        Context::default(),
        &[
            (
                r#"{"push_data":{"pushed_at":1582839308,"tag":"1.2"},"repository":{"repo_name":"acme/x","date_created":1}}"#,
                &[("acme/x:1.2", "")],
                None,
            ),
            (r#"{"push_data":{"tag":"1.2"}}"#, &[], Some("repository name cannot be empty")),
            (r#"{"repository":{"repo_name":"acme/x"}}"#, &[], Some("repository tag cannot be empty")),
            (r#"{"push_data":{"pushed_at":1.5,"tag":"1.2"},"repository":{"repo_name":"acme/x"}}"#, &[], Some("")),
            (r#"{"push_data":{"tag":"1.2"},"repository":{"repo_name":"acme/x","date_created":"now"}}"#, &[], Some("")),
        ],
    );
}

#[test]
fn quay() {
    check(
        Sender::Quay,
        Context::default(),
        &[
            (
                r#"{"docker_url":"quay.io/a/b","updated_tags":["1","latest"]}"#,
                &[("quay.io/a/b:1", ""), ("quay.io/a/b:latest", "")],
                None,
            ),
            (r#"{"updated_tags":["1"]}"#, &[], Some("docker_url cannot be empty")),
            (r#"{"docker_url":"quay.io/a/b","updated_tags":[]}"#, &[], Some("updated_tags cannot be empty")),
            (r#"{"docker_url":"quay.io/a/b","updated_tags":"1"}"#, &[], Some("")),
            (r#"{"docker_url":"quay.io/a/b","updated_tags":{"1":"sha256:ab"}}"#, &[], Some("")),
        ],
    );
}

#[test]
fn azure() {
    let body = |action: &str| {
        format!(
            r#"{{"action":"{action}","target":{{"repository":"a","tag":"1","digest":"sha256:ab"}},"request":{{"host":"r.azurecr.io"}}}}"#
        )
    };
    let taken: &[(&str, &str)] = &[("r.azurecr.io/a:1", "sha256:ab")];
    check(
        Sender::Azure,
        Context::default(),
        &[
            (&body("push"), taken, None),
            (&body(""), taken, None),
            (&body("delete"), &[], None),
            (&body("chart_push"), &[], None),
            (r#"{"target":{"repository":"a"},"request":{"host":"r"}}"#, &[], Some("tag cannot be empty")),
            (r#"{"target":{"repository":"a","tag":"1"}}"#, &[("/a:1", "")], None),
            (r#"{"target":[]}"#, &[], Some("")),
        ],
    );
}

#[test]
fn github() {
    let package = r#"{"action":"published","package":{"name":"App","namespace":"Acme","ecosystem":"CONTAINER","package_version":{"container_metadata":{"tag":{"name":"1","digest":"sha256:ab"}}}}}"#;
    let of = |github_event| Context { github_event, ..Context::default() };
    check(
        Sender::GitHub,
        of("package"),
        &[
            (package, &[("ghcr.io/acme/app:1", "")], None),
            (&package.replace("CONTAINER", "npm"), &[], Some("ecosystem is not CONTAINER")),
            (&package.replace("Acme", ""), &[], Some("repository namespace cannot be empty")),
            (&package.replace("\"App\"", "\"\""), &[], Some("repository name cannot be empty")),
            (&package.replace("\"name\":\"1\"", "\"name\":\"\""), &[], Some("repository tag cannot be empty")),
            (&package.replace("\"1\"", "1"), &[], Some("")),
        ],
    );
    let registry = r#"{"registry_package":{"name":"app","package_type":"CONTAINER","package_version":{"version":"1"}},"repository":{"full_name":"Acme/App"}}"#;
    check(
        Sender::GitHub,
        of("registry_package"),
        &[
            (registry, &[("ghcr.io/acme/app:1", "")], None),
            (&registry.replace("CONTAINER", "npm"), &[], Some("package type is not CONTAINER")),
            (&registry.replace("Acme/App", ""), &[], Some("repository name cannot be empty")),
            (&registry.replace("\"version\":\"1\"", "\"version\":\"\""), &[], Some("repository tag cannot be empty")),
        ],
    );
    for event in ["ping", ""] {
        check(Sender::GitHub, of(event), &[(package, &[], None), ("{", &[], Some(""))]);
    }
}

#[test]
fn harbor() {
    let body = |kind: &str, urls: &[&str]| {
        let resources: Vec<String> =
            urls.iter().map(|url| format!(r#"{{"digest":"sha256:ab","tag":"1","resource_url":"{url}"}}"#)).collect();
        format!(
            r#"{{"type":"{kind}","occur_at":1582640688,"operator":"admin","event_data":{{"resources":[{}],"repository":{{"date_created":1582634337}}}}}}"#,
            resources.join(",")
        )
    };
    let one: &[(&str, &str)] = &[("h.io/p/a:1", "sha256:ab")];
    check(
        Sender::Harbor,
        Context::default(),
        &[
            (&body("PUSH_ARTIFACT", &["h.io/p/a:1"]), one, None),
            (&body("pushImage", &["h.io/p/a:1"]), one, None),
            (&body("DELETE_ARTIFACT", &["h.io/p/a:1"]), &[], None),
            (&body("harbor.artifact.pushed", &["h.io/p/a:1"]), &[], None),
            (
                &body("PUSH_ARTIFACT", &["h.io/p/a:1", "h.io/p/A b", "h.io/p/c:1"]),
                one,
                Some("failed to parse repository h.io/p/A b"),
            ),
            (&body("PUSH_ARTIFACT", &[""]), &[], Some("failed to parse repository ")),
            (&body("PUSH_ARTIFACT", &["h.io/p/a@sha256:ab"]), &[("h.io/p/a@sha256:ab", "sha256:ab")], None),
            (&body("PUSH_ARTIFACT", &["h.io/p/a:1"]).replace("1582640688", "\"now\""), &[], Some("")),
        ],
    );
}

#[test]
fn jfrog() {
    let body = |event: &str| {
        format!(r#"{{"domain":"docker","event_type":"{event}","data":{{"image_name":"a","tag":"1","size":12}}}}"#)
    };
    check(
        Sender::JFrog,
        Context::default(),
        &[
            (&body("pushed"), &[("a:1", "")], None),
            (&body("deleted"), &[], None),
            (&body("promoted"), &[], None),
            (r#"{"data":{"tag":"1"}}"#, &[], Some("data.image_name cannot be empty")),
            (r#"{"data":{"image_name":"a"}}"#, &[], Some("tag cannot be empty")),
            (r#"{"data":{"image_name":"a","tag":"1","size":3000000000}}"#, &[], Some("")),
        ],
    );
    let of = |private_registry| Context { private_registry, ..Context::default() };
    check(Sender::JFrog, of("r.io"), &[(&body("pushed"), &[("r.io/a:1", "")], None)]);
    check(Sender::JFrog, of("r."), &[(&body("pushed"), &[("a:1", "")], None)]);
}

#[test]
fn registry() {
    let event = |action: &str, tag: &str, time: &str| {
        format!(
            r#"{{"id":"x","timestamp":"{time}","action":"{action}","target":{{"mediaType":"m","digest":"sha256:ab","repository":"a/b","tag":"{tag}"}},"request":{{"host":"reg:5000"}}}}"#
        )
    };
    let time = "2026-01-02T03:04:05.678Z";
    let events = |all: &[String]| format!("{{\"events\":[{}]}}", all.join(","));
    check(
        Sender::Registry,
        Context::default(),
        &[
            ("{}", &[], None),
            (
                &events(&[
                    event("push", "1", time),
                    event("pull", "1", time),
                    event("push", "", time),
                    event("push", "2", "2026-01-02T03:04:05+02:00"),
                ]),
                &[("reg:5000/a/b:1", "sha256:ab"), ("reg:5000/a/b:2", "sha256:ab")],
                None,
            ),
            (&events(&[event("push", "1", time), event("push", "2", "yesterday")]), &[], Some("")),
            (r#"{"events":{}}"#, &[], Some("")),
        ],
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(10_000)))]

    #[test]
    fn no_payload_panics(body in bodies(), cut in any::<u16>(), noise in any::<u8>(), event in 0_usize..3) {
        let context = Context { github_event: ["package", "registry_package", "ping"][event], private_registry: "r.io" };
        let mut bytes = body.into_bytes();
        let at = usize::from(cut) % (bytes.len() + 1);
        for sender in Sender::ALL {
            let whole = sender.parse(&bytes, context);
            prop_assert!(whole.pushes.iter().all(|push| push.image.contains(':')) || sender == Sender::Harbor);
        }
        // Cut off, and with a byte changed.
        if let Some(byte) = bytes.get_mut(at) {
            *byte = noise;
        }
        for sender in Sender::ALL {
            let _ = sender.parse(&bytes, context);
            let _ = sender.parse(&bytes[..at], context);
        }
    }
}

#[test]
fn every_sender_has_its_path() {
    let segments: Vec<&str> = Sender::ALL.iter().map(|sender| sender.segment()).collect();
    assert_eq!(segments, ["native", "dockerhub", "quay", "azure", "github", "harbor", "jfrog", "registry"]);
    assert_eq!(Sender::Registry.trigger(), "registry-notification");
    assert_eq!(parse(Sender::Registry, "{}"), Received::default());
}
