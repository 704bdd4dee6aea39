//! Questions to registries, played without sockets: what is sent, what comes back, and what it means.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use serinus_talk::registry::{
    Answer, Ask, Credential, Exchange, LARGEST, Memory, Reply, Repository, Step, Trouble, Why,
};

const NOW: &str = "2026-01-15T10:00:00Z";
const BEARER: &str = r#"Bearer realm="https://auth.io/token",service="reg",scope="repository:team/app:pull""#;
const SECRET: &str = "hunter2";

fn now() -> jiff::Timestamp {
    NOW.parse().unwrap()
}

fn repository() -> Repository {
    Repository { host: "reg.io:5000".to_string(), name: "team/app".to_string(), plain: false }
}

fn ann() -> Option<Credential> {
    Some(Credential::new("ann", SECRET))
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    Answer::new(status, headers.iter().copied(), body.as_bytes().to_vec())
}

/// Plays a question; `server` answers the lines `METHOD URL PROOF`. Gives the lines and the end.
fn play(
    repository: Repository,
    ask: Ask,
    credential: Option<Credential>,
    memory: &mut Memory,
    mut server: impl FnMut(&str) -> Answer,
) -> (Vec<String>, Result<Reply, Trouble>) {
    let mut exchange = Exchange::new(repository, ask, credential);
    let mut request = exchange.begin(memory, now());
    let mut lines = Vec::new();
    for _ in 0..10_000 {
        let header = |name: &str| request.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        let proof = header("authorization").unwrap_or("-").split(' ').next().unwrap();
        let line = format!("{} {} {proof}", request.method, request.url);
        assert!(!format!("{request:?}").contains(SECRET));
        let given = server(&line);
        lines.push(line);
        match exchange.answer(&given, memory, now()) {
            Step::Send(next) => request = next,
            Step::Done(reply) => return (lines, Ok(reply)),
            Step::Failed(trouble) => {
                assert!(!trouble.text.contains(SECRET), "{trouble}");
                assert!(trouble.text.contains("reg.io:5000"), "{trouble}");
                return (lines, Err(trouble));
            }
        }
    }
    panic!("no end: {lines:?}");
}

fn tags(list: &[&str]) -> Result<Reply, Trouble> {
    Ok(Reply::Tags(list.iter().map(|tag| (*tag).to_string()).collect()))
}

const LIST: &str = "https://reg.io:5000/v2/team/app/tags/list";

#[test]
fn a_token_is_asked_for_once_and_kept() {
    let mut memory = Memory::default();
    let server = |line: &str| match line {
        line if line.ends_with(" -") && line.contains("reg.io") => answer(401, &[("WWW-Authenticate", BEARER)], ""),
        line if line.contains("auth.io") => answer(200, &[], r#"{"token": "abc", "expires_in": 300}"#),
        _ => answer(200, &[], r#"{"name": "team/app", "tags": ["1.0", "1.1"]}"#),
    };
    let (lines, end) = play(repository(), Ask::Tags, ann(), &mut memory, server);
    let token = "GET https://auth.io/token?service=reg&scope=repository:team/app:pull Basic";
    assert_eq!(lines, [format!("GET {LIST} -"), token.to_string(), format!("GET {LIST} Bearer")]);
    assert_eq!(end, tags(&["1.0", "1.1"]));
    let (lines, _) = play(repository(), Ask::Tags, ann(), &mut memory, server);
    assert_eq!(lines, [format!("GET {LIST} Bearer")]);
    // It is for one repository, and for who asked for it.
    let (lines, _) = play(repository(), Ask::Tags, None, &mut memory, server);
    assert_eq!(lines.len(), 3);
    let other = Repository { name: "team/other".to_string(), ..repository() };
    assert_eq!(play(other, Ask::Tags, ann(), &mut memory, server).0.len(), 3);
}

#[test]
fn a_token_that_ended_is_asked_for_again_and_a_new_one_that_is_refused_is_the_end() {
    let mut memory = Memory::default();
    let give = |line: &str| match line {
        line if line.contains("auth.io") => answer(200, &[], r#"{"access_token": "abc"}"#),
        line if line.ends_with('-') => answer(401, &[("www-authenticate", BEARER)], ""),
        _ => answer(200, &[], r#"{"name": "x", "tags": []}"#),
    };
    play(repository(), Ask::Tags, ann(), &mut memory, give).1.unwrap();
    let (lines, end) = play(repository(), Ask::Tags, ann(), &mut memory, |line| match line {
        line if line.contains("auth.io") => answer(200, &[], r#"{"token": "new", "expires_in": 5}"#),
        _ => answer(401, &[("www-authenticate", BEARER)], ""),
    });
    assert_eq!(lines.len(), 3, "{lines:?}");
    let trouble = end.unwrap_err();
    assert_eq!(trouble.why, Why::Denied);
    assert_eq!(
        trouble.text,
        "registry reg.io:5000, repository team/app: it answered 401: check the user and password in the pull secret, and that they may pull"
    );
}

#[test]
fn passwords_go_where_they_belong() {
    // A registry that asks for Basic is asked so from then on.
    let mut memory = Memory::default();
    let basic = |line: &str| match line.ends_with("Basic") {
        true => answer(200, &[], r#"{"name": "x", "tags": ["1"]}"#),
        false => answer(401, &[("WWW-Authenticate", "Basic realm=\"x\"")], ""),
    };
    assert_eq!(play(repository(), Ask::Tags, ann(), &mut memory, basic).0.len(), 2);
    assert_eq!(play(repository(), Ask::Tags, ann(), &mut memory, basic).0.len(), 1);
    let (lines, end) = play(repository(), Ask::Tags, None, &mut memory, basic);
    assert_eq!((lines.len(), end.unwrap_err().why), (1, Why::Denied));
    // One that hides what it does not show to everybody.
    for status in [403, 404] {
        let hides = |line: &str| match line.ends_with("Basic") {
            true => answer(200, &[], r#"{"name": "x", "tags": ["1"]}"#),
            false => answer(status, &[], ""),
        };
        assert_eq!(play(repository(), Ask::Tags, ann(), &mut Memory::default(), hides).1, tags(&["1"]));
    }
    // A realm without TLS gets nothing, unless the registry has none either.
    let realm = |_: &str| answer(401, &[("WWW-Authenticate", "Bearer realm=\"http://auth.io\"")], "");
    let (lines, end) = play(repository(), Ask::Tags, ann(), &mut Memory::default(), realm);
    assert_eq!((lines.len(), end.unwrap_err().why), (1, Why::Denied));
    let plain = Repository { plain: true, ..repository() };
    let (lines, _) = play(plain, Ask::Tags, ann(), &mut Memory::default(), |line| match line {
        line if line.contains("auth.io") => answer(200, &[], r#"{"token": "x"}"#),
        _ => answer(401, &[("WWW-Authenticate", "Bearer realm=\"http://auth.io\"")], ""),
    });
    assert_eq!(lines[1], "GET http://auth.io?scope=repository:team/app:pull Basic");
}

#[test]
fn digests_by_their_header_first() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let ask = || Ask::Digest("1.0".to_string());
    let url = "https://reg.io:5000/v2/team/app/manifests/1.0";
    let (lines, end) = play(repository(), ask(), None, &mut Memory::default(), |_| {
        answer(200, &[("Docker-Content-Digest", &digest)], "")
    });
    assert_eq!((lines, end), (vec![format!("HEAD {url} -")], Ok(Reply::Digest(digest.clone()))));
    // No header, no HEAD, or nonsense in it: the manifest itself.
    let body = r#"{"schemaVersion": 2, "manifests": []}"#;
    for first in [answer(200, &[], ""), answer(405, &[], ""), answer(200, &[("Docker-Content-Digest", "sha256:x")], "")]
    {
        let (lines, end) =
            play(repository(), ask(), None, &mut Memory::default(), |line| match line.starts_with("HEAD") {
                true => first.clone(),
                false => answer(200, &[], body),
            });
        assert_eq!(lines, [format!("HEAD {url} -"), format!("GET {url} -")]);
        assert!(matches!(end, Ok(Reply::Digest(found)) if found.starts_with("sha256:") && found.len() == 71));
    }
}

#[test]
fn platforms_of_an_index_and_of_a_configuration_that_lies_elsewhere() {
    let digest = format!("sha256:{}", "b".repeat(64));
    let manifest = format!(r#"{{"schemaVersion": 2, "config": {{"digest": "{digest}"}}}}"#);
    let mut memory = Memory::default();
    let (lines, end) = play(repository(), Ask::Platforms("1.0".to_string()), ann(), &mut memory, |line| match line {
        line if line.contains("storage.io") => {
            assert!(line.ends_with(" -"), "what proves who we are went elsewhere: {line}");
            answer(200, &[], r#"{"os": "linux", "architecture": "arm64"}"#)
        }
        line if line.ends_with(" -") => answer(401, &[("WWW-Authenticate", "Basic")], ""),
        line if line.contains("/blobs/") => answer(307, &[("Location", "https://storage.io/x?signed=1")], ""),
        _ => answer(200, &[], &manifest),
    });
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(matches!(end, Ok(Reply::Platforms(found)) if found.iter().map(ToString::to_string).eq(["linux/arm64"])));
    // Who it sends us to must not ask who we are.
    let (lines, end) =
        play(repository(), Ask::Tags, ann(), &mut Memory::default(), |line| match line.contains("evil.io") {
            true => answer(401, &[("WWW-Authenticate", "Bearer realm=\"https://evil.io/token\"")], ""),
            false => answer(302, &[("Location", "https://evil.io/x")], ""),
        });
    assert_eq!((lines.len(), end.unwrap_err().why), (2, Why::Denied));
}

#[test]
fn troubles_each_in_one_line() {
    let moved = [("Location", "https://reg.io:5000/again")];
    for (given, why, after, part) in [
        (
            answer(429, &[("Retry-After", "7")], "slow down hunter2"),
            Why::TooMany,
            Some(7),
            "it answered 429: it wants fewer requests",
        ),
        (answer(429, &[], ""), Why::TooMany, None, "429"),
        (answer(503, &[("Retry-After", "Thu, 15 Jan 2026 10:00:30 GMT")], ""), Why::Unavailable, Some(30), "503"),
        (answer(500, &[], "<html>hunter2"), Why::Unavailable, None, "500: it is tried again later"),
        (answer(401, &[], ""), Why::Denied, None, "401: name a pull secret for this host"),
        (answer(403, &[], ""), Why::Denied, None, "403"),
        (
            answer(404, &[], r#"{"errors": [{"message": "hunter2"}]}"#),
            Why::Missing,
            None,
            "404: check the name of the image",
        ),
        (answer(200, &[("Content-Type", "text/html; charset=utf-8")], "hunter2"), Why::Malformed, None, "web page"),
        (answer(200, &[], "  <!doctype html>"), Why::Malformed, None, "web page"),
        (answer(200, &[], "hunter2"), Why::Malformed, None, "no list of tags"),
        (answer(302, &moved, ""), Why::Malformed, None, "from one place to the next"),
        (answer(302, &[("Location", "http://reg.io:5000/x")], ""), Why::Malformed, None, "not https://"),
        (answer(302, &[], ""), Why::Malformed, None, "not https://"),
        (answer(418, &[], ""), Why::Malformed, None, "418"),
        (answer(0, &[], ""), Why::Malformed, None, "0"),
    ] {
        let (_, end) = play(repository(), Ask::Tags, None, &mut Memory::default(), |_| given.clone());
        let trouble = end.unwrap_err();
        assert_eq!((trouble.why, trouble.after.map(|wait| wait.as_secs())), (why, after), "{trouble}");
        assert!(trouble.text.contains(part) && !trouble.text.contains('\n'), "{trouble}");
    }
    for (given, why) in [
        (answer(500, &[], ""), Why::Unavailable),
        (answer(404, &[], ""), Why::Denied),
        (answer(200, &[], "{}"), Why::Malformed),
    ] {
        let (_, end) =
            play(repository(), Ask::Tags, None, &mut Memory::default(), |line| match line.contains("auth.io") {
                true => given.clone(),
                false => answer(401, &[("WWW-Authenticate", BEARER)], ""),
            });
        assert_eq!(end.unwrap_err().why, why);
    }
}

#[test]
fn pages_follow_each_other_on_the_same_host() {
    let (lines, end) =
        play(repository(), Ask::Tags, None, &mut Memory::default(), |line| match line.contains("last=") {
            true => answer(200, &[], r#"{"name": "x", "tags": ["2.0"]}"#),
            false => answer(
                200,
                &[("Link", "<http://inside:80/v2/team/app/tags/list?last=1.0>; rel=\"next\"")],
                r#"{"name": "x", "tags": ["1.0"]}"#,
            ),
        });
    assert_eq!(lines[1], format!("GET {LIST}?last=1.0 -"));
    assert_eq!(end, tags(&["1.0", "2.0"]));
    let mut count = 0;
    let (lines, end) = play(repository(), Ask::Tags, None, &mut Memory::default(), |_| {
        count += 1;
        answer(
            200,
            &[("Link", &format!("</v2/team/app/tags/list?page={count}>; rel=next"))],
            r#"{"name": "x", "tags": ["1.0"]}"#,
        )
    });
    assert_eq!((lines.len(), end.unwrap_err().why), (1_000, Why::Endless));
}

/// A registry keeps its lists elsewhere: pages are told apart by what was asked for, not by where it led to.
#[test]
fn pages_that_are_redirected_end_as_well() {
    let server = |next: &mut dyn FnMut() -> String, line: &str| match line.contains("/kept") {
        true => answer(200, &[("Link", &format!("<{}>; rel=next", next()))], r#"{"name": "x", "tags": []}"#),
        false => answer(302, &[("Location", "/kept")], ""),
    };
    let back = &mut || "/v2/team/app/tags/list?n=1".to_string();
    let (lines, end) = play(repository(), Ask::Tags, None, &mut Memory::default(), |line| server(back, line));
    assert_eq!((lines.len(), end.unwrap_err().why), (4, Why::Endless));
    let mut count = 0;
    let on = &mut || {
        count += 1;
        format!("/v2/team/app/tags/list?page={count}")
    };
    let (lines, end) = play(repository(), Ask::Tags, None, &mut Memory::default(), |line| server(on, line));
    assert_eq!((lines.len(), end.unwrap_err().why), (2_000, Why::Endless));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a server answers, a question ends, within a bounded number of requests, and tells no secret.
    #[test]
    fn every_question_ends(
        answers in prop::collection::vec((
            prop::sample::select(vec![200_u16, 200, 200, 302, 401, 401, 403, 404, 405, 429, 500]),
            prop::sample::select(vec!["", BEARER, "Basic realm=x", "Bearer realm=\"https://reg.io:5000/v2/token\""]),
            prop::sample::select(vec!["", "</v2/x?n=1>; rel=next", "</v2/y>; rel=next", "x; rel=next"]),
            prop::sample::select(vec!["", "/v2/z", "https://reg.io:5000/a", "https://b.io", "http://b.io"]),
            prop::sample::select(vec!["", "{}", r#"{"token":"t"}"#, r#"{"name":"a","tags":["1"]}"#, "<", r#"{"manifests":[]}"#,
                r#"{"config":{"digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}"#]),
        ), 1..8),
        which in 0_usize..3, known in any::<bool>(),
    ) {
        let ask = [Ask::Tags, Ask::Digest("1".to_string()), Ask::Platforms("1".to_string())][which].clone();
        let mut at = 0;
        let credential = known.then(|| ann().unwrap());
        let (lines, _) = play(repository(), ask, credential, &mut Memory::default(), |_| {
            let (status, challenge, link, location, body) = &answers[at % answers.len()];
            at += 1;
            answer(*status, &[("www-authenticate", challenge), ("link", link), ("location", location)], body)
        });
        prop_assert!(lines.len() <= 10_000, "{}", lines.len());
    }
}

// Answers of many registries may be held at once.
const _: () = assert!(LARGEST <= 4 << 20);
