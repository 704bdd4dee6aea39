//! Polling: which images are asked for, when, and what an answer offers to a workload (spec: keel 3.1 to 3.3).

use super::policy::Policy;
use super::reference::Reference;
use super::schedule::Schedule;
use super::tracked::{Slot, Tracked};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serinus_wire::keel::{self, Settings};
use serinus_wire::{ImageUpdate, image_update::Phase};
use std::collections::BTreeSet;

/// The schedule of workloads that name none.
pub const DEFAULT_SCHEDULE: &str = "@every 1m";
/// What told of an update that polling found.
pub const TRIGGER: &str = "poll";

/// One question that is asked of a registry again and again, for all workloads that need it at the same times.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Watch {
    /// Host and port, `index.docker.io` for Docker Hub.
    pub registry: String,
    /// Path below it.
    pub short_name: String,
    /// The tag whose digest is asked for; nothing: the list of tags is.
    pub tag: Option<String>,
    /// When, in Keel's dialect of cron.
    pub schedule: String,
}

impl Watch {
    /// Registry and path.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.registry, self.short_name)
    }

    /// The next time after `after`. It follows from the watch alone: everybody who asks hears the same.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        Schedule::parse(&self.schedule).ok()?.next_shifted(self.seed(), after, zone)
    }

    fn seed(&self) -> u64 {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        let parts = [&self.registry, &self.short_name, self.tag.as_ref().unwrap_or(&self.schedule), &self.schedule];
        for byte in parts.iter().flat_map(|part| part.bytes().chain([0])) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        // The lower bits of similar names are similar.
        hash ^ (hash >> 29)
    }
}

/// The schedule of a workload, and what is wrong with the text on it: then the default counts.
pub fn schedule(settings: &Settings, default: &str) -> (String, Option<String>) {
    let default = if Schedule::parse(default).is_ok() { default } else { DEFAULT_SCHEDULE };
    match settings.poll_schedule.as_deref().map(|text| (text, Schedule::parse(text))) {
        None => (default.to_string(), None),
        Some((text, Ok(schedule))) => {
            let remark = schedule.remark().map(|remark| format!("{} {text:?}: {remark}", keel::POLL_SCHEDULE));
            (text.to_string(), remark)
        }
        Some((_, Err(why))) => (default.to_string(), Some(format!("{}: {why}; {default} counts", keel::POLL_SCHEDULE))),
    }
}

/// What is asked for a workload: for each repository that it runs, the list of tags, or the digest of the tag that it keeps.
pub fn watches(tracked: &Tracked, default: &str) -> BTreeSet<Watch> {
    let Some(policy) = polled(tracked) else { return BTreeSet::new() };
    let (schedule, _) = schedule(&tracked.settings, default);
    let one = |slot: Slot| {
        let image = Reference::parse(&slot.image).ok()?;
        let tag = if policy.keeps_tag() { Some(image.tag.clone()?) } else { None };
        Some(Watch { registry: image.registry, short_name: image.short_name, tag, schedule: schedule.clone() })
    };
    tracked.monitored().into_iter().filter_map(one).collect()
}

/// The policy of a workload that asks for polling.
fn polled(tracked: &Tracked) -> Option<Policy> {
    if !tracked.settings.polls || tracked.refers {
        return None;
    }
    Policy::of(&tracked.settings).ok().flatten()
}

/// The tags that run of `repository`.
fn running(tracked: &Tracked, repository: &str) -> BTreeSet<String> {
    let of_it = |slot: Slot| Reference::parse(&slot.image).ok().filter(|image| image.repository() == repository);
    let images = tracked.monitored().into_iter().filter_map(of_it);
    images.map(|image| image.tag.as_deref().unwrap_or_else(|| image.version()).to_string()).collect()
}

/// Tags of a list that the policy of a workload would put in place of what runs, the best first. The tag that runs ends the
/// list: what comes after it is worse.
pub fn offers<'t>(tracked: &Tracked, repository: &str, tags: &[&'t str]) -> Vec<&'t str> {
    let policy = polled(tracked).filter(|policy| !policy.keeps_tag());
    policy.map(|policy| better(&policy, tracked, repository, tags)).unwrap_or_default()
}

/// The same for a workload that need not ask for polling.
///
/// # Errors
/// There are none: why.
pub fn candidates<'t>(tracked: &Tracked, repository: &str, tags: &[&'t str]) -> Result<Vec<&'t str>, String> {
    let policy = Policy::of(&tracked.settings)?.ok_or("it has no keel.sh/policy")?;
    if policy.keeps_tag() {
        return Err(format!("{} is set: only a new digest of the tag that runs is an update", keel::MATCH_TAG));
    }
    let found = better(&policy, tracked, repository, tags);
    if !found.is_empty() {
        return Ok(found);
    }
    let Some(best) = policy.filter(tags).first().copied() else {
        let name = tracked.settings.policy.as_deref().unwrap_or_default();
        return Err(format!("none of {} tags is one for {name}", tags.len()));
    };
    let running = running(tracked, repository);
    if running.contains(best) {
        return Err(format!("{best}, the best of {} tags, runs already", tags.len()));
    }
    let why = running.iter().find_map(|current| policy.accepts(current, best).err());
    Err(why.unwrap_or_else(|| format!("{best}, the best of {} tags, is not better", tags.len())))
}

/// Tags that a policy would put in place of what runs, the best first.
fn better<'t>(policy: &Policy, tracked: &Tracked, repository: &str, tags: &[&'t str]) -> Vec<&'t str> {
    let candidates = policy.filter(tags);
    let mut found = Vec::new();
    for current in running(tracked, repository) {
        for tag in &candidates {
            if policy.accepts(&current, tag).is_err() {
                continue;
            }
            if *tag == current {
                break;
            }
            if !found.contains(tag) {
                found.push(*tag);
            }
        }
    }
    found
}

/// Whether a workload keeps `tag` of `repository` and takes new digests of it.
pub fn keeps(tracked: &Tracked, repository: &str, tag: &str) -> bool {
    polled(tracked).is_some_and(|policy| policy.keeps_tag()) && running(tracked, repository).contains(tag)
}

/// The digest that a workload runs under `tag`, where its own objects tell: the one that it is pinned to, the one of the last
/// update, or the one that is noted on it when it has no second image that the note could mean.
pub fn known_digest(tracked: &Tracked, repository: &str, tag: &str, updates: &[ImageUpdate]) -> Option<String> {
    let images: Vec<Reference> =
        tracked.monitored().iter().filter_map(|slot| Reference::parse(&slot.image).ok()).collect();
    let own = |image: &&Reference| image.repository() == repository && image.tag.as_deref() == Some(tag);
    if let Some(pinned) = images.iter().filter(own).find_map(|image| image.digest.clone()) {
        return Some(pinned);
    }
    let applied = updates.iter().filter(|update| {
        update.spec.repository == repository
            && update.spec.tag == tag
            && update.status.applied_at.is_some()
            && update.status.phase != Phase::RolledBack
    });
    if let Some(digest) =
        applied.max_by_key(|update| update.status.applied_at).and_then(|last| last.spec.digest.clone())
    {
        return Some(digest);
    }
    let repositories: BTreeSet<String> = images.iter().map(Reference::repository).collect();
    (repositories.len() == 1).then(|| tracked.metadata.annotations.get(keel::DIGEST).cloned()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Kind;
    use serde_json::json;
    use serinus_wire::ObjectMeta;
    use serinus_wire::image_update::{ImageUpdateSpec, ImageUpdateStatus};

    fn workload(annotations: &[(&str, &str)], images: &[&str]) -> Tracked {
        let annotations = annotations.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let containers: Vec<_> = images
            .iter()
            .enumerate()
            .map(|(index, image)| json!({"name": format!("c{index}"), "image": image}))
            .collect();
        let object = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        let metadata = ObjectMeta { name: "web".to_string(), annotations, ..ObjectMeta::default() };
        Tracked::read(Kind::Deployment, metadata, &object)
    }

    fn polls(policy: &str, more: &[(&str, &str)], images: &[&str]) -> Tracked {
        let mut annotations = vec![(keel::POLICY, policy), (keel::TRIGGER, "poll")];
        annotations.extend(more);
        workload(&annotations, images)
    }

    fn names(tracked: &Tracked) -> Vec<String> {
        let name = |watch: Watch| {
            let tag = watch.tag.as_ref().map_or(String::new(), |tag| format!(":{tag}"));
            format!("{}{tag} {}", watch.repository(), watch.schedule)
        };
        watches(tracked, "@every 2m").into_iter().map(name).collect()
    }

    #[test]
    fn what_is_watched() {
        let at = |schedule| vec![(keel::POLL_SCHEDULE, schedule)];
        let keeps = vec![(keel::MATCH_TAG, "true")];
        for (tracked, wanted) in [
            (polls("minor", &[], &["r.io/a:1.0"]), vec!["r.io/a @every 2m"]),
            (polls("minor", &at("@hourly"), &["nginx:1.0"]), vec!["index.docker.io/library/nginx @hourly"]),
            (polls("minor", &at("often"), &["r.io/a:1.0"]), vec!["r.io/a @every 2m"]),
            (polls("force", &keeps, &["r.io/a:1.0"]), vec!["r.io/a:1.0 @every 2m"]),
            (polls("force", &[], &["r.io/a:latest"]), vec!["r.io/a @every 2m"]),
            (polls("all", &[], &["r.io/a:1", "r.io/b:1", "r.io/a:2"]), vec!["r.io/a @every 2m", "r.io/b @every 2m"]),
            (polls("never", &[], &["r.io/a:1.0"]), vec![]),
            (polls("all", &[], &["R"]), vec![]),
            (workload(&[(keel::POLICY, "all")], &["r.io/a:1"]), vec![]),
            (workload(&[(keel::TRIGGER, "poll")], &["r.io/a:1"]), vec![]),
        ] {
            assert_eq!(names(&tracked), wanted);
        }
        let settings = |text: &str| polls("all", &[(keel::POLL_SCHEDULE, text)], &[]).settings;
        assert_eq!(schedule(&settings("@daily"), "@every 1m"), ("@daily".to_string(), None));
        assert!(schedule(&settings("0 9 * * 1"), "@every 1m").1.is_some_and(|remark| remark.contains("crontab")));
        let (counts, why) = schedule(&settings("x"), "also bad");
        assert_eq!(counts, DEFAULT_SCHEDULE);
        assert!(why.is_some_and(|why| why.starts_with("keel.sh/pollSchedule: schedule \"x\"")));
    }

    #[test]
    fn what_a_list_offers() {
        let tags = ["latest", "1.0.0", "1.0.1", "1.1.0", "1.1.0-rc1", "2.0.0", "release-9", "release-10", "3050"];
        for (policy, current, wanted) in [
            ("minor", "1.0.0", vec!["1.1.0", "1.0.1"]),
            ("patch", "1.0.0", vec!["1.0.1"]),
            ("major", "1.0.0", vec!["2.0.0", "1.1.0", "1.0.1"]),
            ("all", "1.1.0", vec!["2.0.0"]),
            ("all", "3.0.0", vec![]),
            ("all", "latest", vec!["2.0.0", "1.1.0", "1.1.0-rc1", "1.0.1", "1.0.0"]),
            ("major", "garbage", vec![]),
            ("glob:release-*", "release-10", vec!["release-9"]),
            ("glob:release-*", "release-9", vec![]),
            ("regexp:^release-", "release-10", vec!["release-9"]),
            ("regexp:^release-", "release-9", vec![]),
            ("force", "latest", vec!["3050", "2.0.0", "1.1.0", "1.1.0-rc1", "1.0.1", "1.0.0"]),
        ] {
            let tracked = polls(policy, &[], &[&format!("r.io/a:{current}"), "r.io/other:0.1"]);
            assert_eq!(offers(&tracked, "r.io/a", &tags), wanted, "{policy} {current}");
        }
        let two = polls("minor", &[], &["r.io/a:1.0.0", "r.io/a:1.0.1"]);
        assert_eq!(offers(&two, "r.io/a", &tags), ["1.1.0", "1.0.1"]);
        let keeps = polls("force", &[(keel::MATCH_TAG, "true")], &["r.io/a:latest"]);
        assert!(offers(&keeps, "r.io/a", &tags).is_empty());
        assert!(super::keeps(&keeps, "r.io/a", "latest") && !super::keeps(&keeps, "r.io/a", "1.0.0"));
    }

    #[test]
    fn candidates_need_no_polling_and_their_absence_a_reason() {
        let tags = ["latest", "1.0.0", "1.0.1", "2.0.0"];
        let of = |policy: &str, current: &str| {
            let annotations: &[_] = if policy.is_empty() { &[] } else { &[(keel::POLICY, policy)] };
            candidates(&workload(annotations, &[&format!("r.io/a:{current}")]), "r.io/a", &tags)
        };
        assert_eq!(of("minor", "1.0.0"), Ok(vec!["1.0.1"]));
        for (policy, current, why) in [
            ("", "1.0.0", "it has no keel.sh/policy"),
            ("never", "1.0.0", "it has no keel.sh/policy"),
            ("often", "1.0.0", "must be all, major"),
            ("major", "2.0.0", "2.0.0, the best of 4 tags, runs already"),
            ("patch", "1.0.1", "2.0.0 is another minor version than 1.0.1"),
            ("major", "3.0.0", "2.0.0 is not greater than 3.0.0"),
            ("glob:release-*", "release-1", "none of 4 tags is one for glob:release-*"),
        ] {
            let said = of(policy, current).unwrap_err();
            assert!(said.contains(why), "{policy} {current}: {said}");
        }
        let keeps = workload(&[(keel::POLICY, "force"), (keel::MATCH_TAG, "true")], &["r.io/a:latest"]);
        assert!(candidates(&keeps, "r.io/a", &tags).unwrap_err().contains("only a new digest"));
    }

    #[test]
    fn the_digest_that_runs() {
        let digest = |char: &str| format!("sha256:{}", char.repeat(64));
        let update = |char: &str, at: i64, phase| ImageUpdate {
            spec: ImageUpdateSpec {
                repository: "r.io/a".to_string(),
                tag: "1".to_string(),
                digest: Some(digest(char)),
                ..ImageUpdateSpec::default()
            },
            status: ImageUpdateStatus {
                applied_at: Timestamp::from_second(at).ok().map(serinus_wire::Time::whole_seconds),
                phase,
                ..ImageUpdateStatus::default()
            },
            ..ImageUpdate::default()
        };
        let noted = [(keel::DIGEST, "sha256:n")];
        let known = |tracked: &Tracked, updates: &[ImageUpdate]| known_digest(tracked, "r.io/a", "1", updates);
        let plain = polls("force", &noted, &["r.io/a:1"]);
        assert_eq!(known(&plain, &[]).as_deref(), Some("sha256:n"));
        let updates =
            [update("a", 5, Phase::Promoted), update("b", 9, Phase::Promoted), update("c", 12, Phase::RolledBack)];
        assert_eq!(known(&plain, &updates), Some(digest("b")));
        let pinned = polls("force", &noted, &[&format!("r.io/a:1@{}", digest("d"))]);
        assert_eq!(known(&pinned, &updates), Some(digest("d")));
        assert_eq!(known(&polls("force", &noted, &["r.io/a:1", "r.io/b:1"]), &[]), None);
        assert_eq!(known(&polls("force", &[], &["r.io/a:1"]), &[]), None);
    }

    #[test]
    fn times_that_everybody_can_tell() {
        let watch = |name: &str| Watch {
            registry: "r.io".to_string(),
            short_name: name.to_string(),
            tag: None,
            schedule: "@every 1m".to_string(),
        };
        let now: Timestamp = "2026-01-15T10:20:00Z".parse().unwrap();
        let seconds: BTreeSet<_> = (0..500)
            .filter_map(|index| watch(&format!("team/app-{index}")).next(now, &TimeZone::UTC))
            .map(|at| at.as_second() % 60)
            .collect();
        assert!(seconds.len() > 55, "{}", seconds.len());
        assert_eq!(watch("a").next(now, &TimeZone::UTC), watch("a").next(now, &TimeZone::UTC));
    }
}
