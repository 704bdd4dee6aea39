//! `ship`: posts that an image was pushed, and follows what becomes of it. The exit code says how it ended.

use crate::args::ShipArgs;
use crate::screen::say;
use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};
use serinus_cluster::client::{ClientError, Door, Web};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often the server is asked.
const PAUSE: Duration = Duration::from_secs(1);
/// Answers that may fail in a row.
const LOST: u32 = 30;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Promoted,
    NotTracked,
    Refused,
    Rejected,
    Expired,
    RolledBack,
    TimedOut,
    Superseded,
}

impl End {
    fn code(self) -> u8 {
        match self {
            End::Promoted => 0,
            End::NotTracked => 3,
            End::Refused => 4,
            End::Rejected => 5,
            End::Expired => 6,
            End::RolledBack => 7,
            End::TimedOut => 8,
            End::Superseded => 10,
        }
    }

    /// What a verdict means.
    fn of(phase: &str) -> End {
        match phase {
            "Promoted" => End::Promoted,
            "Rejected" => End::Rejected,
            "Expired" => End::Expired,
            "RolledBack" | "Failed" => End::RolledBack,
            "Superseded" => End::Superseded,
            _ => End::Refused,
        }
    }
}

/// Exit code when the server could not be asked.
const UNREACHABLE: u8 = 9;

/// Ships.
pub async fn ship(args: &ShipArgs) -> anyhow::Result<ExitCode> {
    let web = Web::behind(&door(args)?)?;
    match follow(&web, args).await {
        Ok(end) => Ok(ExitCode::from(end.code())),
        Err(error) => {
            eprintln!("serinus ship: {error:#}");
            Ok(ExitCode::from(UNREACHABLE))
        }
    }
}

async fn follow(web: &Web, args: &ShipArgs) -> anyhow::Result<End> {
    let began = Instant::now();
    let body = json!({"image": args.image, "digest": args.digest.clone().unwrap_or_default()});
    let answer = web.post("/v1/updates", &body, &args.key).await.context(args.image.clone())?;
    let mut open = BTreeMap::new();
    let mut end = End::Promoted;
    let workloads = answer["workloads"].as_array().cloned().unwrap_or_default();
    for workload in &workloads {
        let name = format!("{}/{}", text(workload, "namespace"), text(workload, "name"));
        match text(workload, "update") {
            "" => {
                say(&format!("{name}: {}: {}", text(workload, "outcome"), text(workload, "reason")))?;
                end = end.max(End::Refused);
            }
            update => {
                say(&format!("{name}: {} as {update}", text(workload, "outcome")))?;
                open.insert(format!("/v1/updates/{}/{update}", text(workload, "namespace")), String::new());
            }
        }
    }
    if workloads.is_empty() {
        say(&format!(
            "{}: not tracked: no workload with a keel.sh/policy runs it; `serinus image explain` says more",
            args.image
        ))?;
        return Ok(End::NotTracked);
    }
    if open.is_empty() {
        return Ok(end);
    }
    // Those that refuse do not take the update; what counts is what becomes of those that do.
    let mut end = End::Promoted;
    let mut failures = 0;
    while args.wait && !open.is_empty() {
        for (path, said) in open.clone() {
            match web.get(&path).await {
                Ok(update) => {
                    failures = 0;
                    if let Some(verdict) = tell(&update, &said, open.entry(path.clone()).or_default())? {
                        end = end.max(verdict);
                        open.remove(&path);
                    }
                }
                Err(error @ ClientError::Refused { code: 400..=499, .. }) => return Err(error.into()),
                Err(error) if failures >= LOST => return Err(error.into()),
                Err(_) => failures += 1,
            }
        }
        if !args.timeout.is_zero() && began.elapsed() >= args.timeout && !open.is_empty() {
            say(&format!("{}: no verdict after {} s; it goes on without us", args.image, args.timeout.as_secs()))?;
            return Ok(End::TimedOut);
        }
        if !open.is_empty() {
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(end)
}

/// Says what is new; gives the verdict once there is one.
fn tell(update: &Value, before: &str, said: &mut String) -> anyhow::Result<Option<End>> {
    let status = &update["status"];
    let is_final = update["final"] == true;
    let phase = text(status, "phase");
    let why = match update["waits"].as_array().and_then(|waits| waits.first()).and_then(Value::as_str) {
        Some(wait) if !is_final => wait,
        _ => text(status, "message"),
    };
    let line = format!("{}/{}: {phase}: {why}", text(update, "namespace"), text(&update["spec"]["workload"], "name"));
    if line != before {
        say(&line)?;
        *said = line;
    }
    Ok(is_final.then(|| End::of(phase)))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// Where to knock: the flag, else the environment. A user and a password may stand in the URL.
fn door(args: &ShipArgs) -> anyhow::Result<Door> {
    let given = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let url = args.url.clone().or_else(|| given("SERINUS_URL"));
    let url = url.ok_or_else(|| {
        anyhow!("where does Serinus listen? Give --url or SERINUS_URL, for example http://serinus:9300")
    })?;
    let (url, in_url) = split_user(&url);
    let named = given("SERINUS_USER").map(|user| (user, given("SERINUS_PASSWORD").unwrap_or_default()));
    Ok(Door { url, basic: named.or(in_url), token: given("SERINUS_TOKEN"), insecure: args.insecure })
}

/// `http://user:password@host` in its two parts.
fn split_user(url: &str) -> (String, Option<(String, String)>) {
    let Some((scheme, rest)) = url.split_once("://") else { return (url.to_string(), None) };
    let host_ends = rest.find('/').unwrap_or(rest.len());
    let Some(at) = rest.get(..host_ends).and_then(|host| host.rfind('@')) else { return (url.to_string(), None) };
    let (user, host) = (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default());
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    (format!("{scheme}://{host}"), Some((user.to_string(), password.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_in_urls() {
        let user = |user: &str, password: &str| Some((user.to_string(), password.to_string()));
        for (url, bare, basic) in [
            ("http://h:9300", "http://h:9300", None),
            ("http://admin:admin@h:9300/x", "http://h:9300/x", user("admin", "admin")),
            ("https://a:b@c@h", "https://h", user("a", "b@c")),
            ("http://a@h", "http://h", user("a", "")),
            ("http://h/a@b", "http://h/a@b", None),
            ("h:9300", "h:9300", None),
        ] {
            assert_eq!(split_user(url), (bare.to_string(), basic), "{url}");
        }
    }

    #[test]
    fn each_end_has_its_code() {
        let phases = ["Promoted", "Refused", "Withdrawn", "Rejected", "Expired", "RolledBack", "Failed", "Superseded"];
        assert_eq!(phases.map(|phase| End::of(phase).code()), [0, 4, 4, 5, 6, 7, 7, 10]);
        assert_eq!([End::NotTracked.code(), End::TimedOut.code(), UNREACHABLE], [3, 8, 9]);
    }

    #[test]
    fn what_waits_is_told_once_and_the_verdict_at_the_end() {
        let update = |phase: &str, waits: Value, is_final: bool| {
            json!({"namespace": "ns", "spec": {"workload": {"name": "web"}}, "status": {"phase": phase, "message": "m"},
                "final": is_final, "waits": waits})
        };
        let mut said = String::new();
        assert_eq!(
            tell(&update("Pending", json!(["waits for approval: 0 of 1"]), false), "", &mut said).unwrap(),
            None
        );
        assert_eq!(said, "ns/web: Pending: waits for approval: 0 of 1");
        let before = said.clone();
        assert_eq!(tell(&update("RolledBack", json!([]), true), &before, &mut said).unwrap(), Some(End::RolledBack));
        assert_eq!(said, "ns/web: RolledBack: m");
    }
}
