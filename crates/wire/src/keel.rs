//! What people say to Keel on a workload: the keys, and where each is read (spec: keel 1.1). The precedence differs from key to
//! key, and is part of the contract. Keys stand on the workload, never on its pod template.

use crate::ObjectMeta;
use std::collections::BTreeMap;

/// When an image is replaced.
pub const POLICY: &str = "keel.sh/policy";
/// Its former name, the only key with that prefix.
pub const LEGACY_POLICY: &str = "keel.observer/policy";
/// `true`: only the very tag that runs.
pub const MATCH_TAG: &str = "keel.sh/matchTag";
/// Its other spelling.
pub const MATCH_TAG_DASHED: &str = "keel.sh/match-tag";
/// `true`: a pre-release only replaces the same pre-release.
pub const MATCH_PRE_RELEASE: &str = "keel.sh/matchPreRelease";
/// `poll` or anything else.
pub const TRIGGER: &str = "keel.sh/trigger";
/// When to poll.
pub const POLL_SCHEDULE: &str = "keel.sh/pollSchedule";
/// Votes that an update needs.
pub const APPROVALS: &str = "keel.sh/approvals";
/// Hours until a request expires.
pub const APPROVAL_DEADLINE: &str = "keel.sh/approvalDeadline";
/// Secret with the credentials of the registry.
pub const IMAGE_PULL_SECRET: &str = "keel.sh/imagePullSecret";
/// `true`: init containers, too.
pub const INIT_CONTAINERS: &str = "keel.sh/initContainers";
/// `true`: image volumes, too.
pub const IMAGE_VOLUMES: &str = "keel.sh/imageVolumes";
/// Expression that the names of the containers must match.
pub const MONITOR_CONTAINERS: &str = "keel.sh/monitorContainers";
/// Digest of the last update, on the workload.
pub const DIGEST: &str = "keel.sh/digest";
/// Time of the last update, on the pod template.
pub const UPDATE_TIME: &str = "keel.sh/update-time";
/// `true`: the votes for an update count for the promotion of its canary. Ours; Keel has no canaries.
pub const APPROVAL_PROMOTES: &str = "serinus.dev/approval-promotes";
/// What `kubectl rollout history` shows.
pub const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// Hours until a request expires, when nothing else is said.
pub const DEFAULT_DEADLINE: i64 = 24;

/// What a workload says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Text of the policy; absent: the workload is not tracked.
    pub policy: Option<String>,
    /// Only the very tag that runs.
    pub match_tag: bool,
    /// A pre-release only replaces the same pre-release.
    pub match_pre_release: bool,
    /// The registry is asked for new tags.
    pub polls: bool,
    /// When to poll; absent: the default schedule.
    pub poll_schedule: Option<String>,
    /// Votes that an update needs, or the text that is no number.
    pub approvals: Result<u32, String>,
    /// Hours until a request expires; negative: at once.
    pub approval_deadline: i64,
    /// The deadline could not be read: its text.
    pub bad_deadline: Option<String>,
    /// The votes count for the promotion of the canary as well.
    pub approval_promotes: bool,
    /// Secret with the credentials of the registry.
    pub image_pull_secret: Option<String>,
    /// Init containers are listed and polled.
    pub init_containers: bool,
    /// Init containers are also updated: only an annotation of exactly this spelling does that.
    pub init_containers_updated: bool,
    /// Image volumes, too.
    pub image_volumes: bool,
    /// Expressions for the names of the containers, best first; the first that can be read counts.
    pub monitor_containers: Vec<String>,
}

type Texts = BTreeMap<String, String>;

impl Settings {
    /// Reads the metadata of a workload.
    pub fn of(meta: &ObjectMeta) -> Settings {
        let (labels, annotations) = (&meta.labels, &meta.annotations);
        let (policy, source) = policy(annotations).or_else(|| policy(labels)).unzip();
        let in_source = |key: &str| source.and_then(|texts: &Texts| texts.get(key));
        let is_true = |text: Option<&String>| text.is_some_and(|text| text == "true");
        let annotation_first = |key: &str| annotations.get(key).or_else(|| labels.get(key));
        let label_first = |key: &str| labels.get(key).or_else(|| annotations.get(key));
        let loosely_label_first = |key: &str| loose(labels, key).or_else(|| loose(annotations, key));
        let deadline = label_first(APPROVAL_DEADLINE).map(|text| (text, atoi(text)));
        Settings {
            policy: policy.cloned(),
            match_tag: is_true(in_source(MATCH_TAG).or_else(|| in_source(MATCH_TAG_DASHED))),
            match_pre_release: in_source(MATCH_PRE_RELEASE).is_none_or(|text| text == "true"),
            polls: annotation_first(TRIGGER).is_some_and(|text| text == "poll"),
            poll_schedule: annotations.get(POLL_SCHEDULE).filter(|text| !text.trim().is_empty()).cloned(),
            approvals: label_first(APPROVALS).map_or(Ok(0), |text| match atoi(text) {
                // Keel needs more votes than nobody gave: a negative number asks for none.
                Some(count) => Ok(u32::try_from(count.max(0)).unwrap_or(u32::MAX)),
                None => Err(text.clone()),
            }),
            approval_deadline: deadline
                .and_then(|(_, hours)| hours)
                .filter(|hours| *hours != 0)
                .unwrap_or(DEFAULT_DEADLINE),
            bad_deadline: deadline.filter(|(_, hours)| hours.is_none()).map(|(text, _)| text.clone()),
            approval_promotes: is_true(annotations.get(APPROVAL_PROMOTES)),
            image_pull_secret: loosely_label_first(IMAGE_PULL_SECRET).filter(|name| !name.is_empty()).cloned(),
            init_containers: is_true(loosely_label_first(INIT_CONTAINERS)),
            init_containers_updated: is_true(annotations.get(INIT_CONTAINERS)),
            image_volumes: is_true(loosely_label_first(IMAGE_VOLUMES)),
            monitor_containers: [annotations, labels]
                .into_iter()
                .filter_map(|texts| loose(texts, MONITOR_CONTAINERS))
                .cloned()
                .collect(),
        }
    }
}

/// The policy, and the map that it stands in: a key that exists hides the other map, even when it is empty.
fn policy(texts: &Texts) -> Option<(&String, &Texts)> {
    texts.get(POLICY).or_else(|| texts.get(LEGACY_POLICY)).map(|text| (text, texts))
}

/// The value of a key whatever its case; the exact spelling first.
fn loose<'a>(texts: &'a Texts, key: &str) -> Option<&'a String> {
    texts.get(key).or_else(|| texts.iter().find(|(other, _)| other.eq_ignore_ascii_case(key)).map(|(_, value)| value))
}

/// Go's `strconv.Atoi`.
fn atoi(text: &str) -> Option<i64> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(annotations: &[(&str, &str)], labels: &[(&str, &str)]) -> Settings {
        let texts = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        Settings::of(&ObjectMeta { annotations: texts(annotations), labels: texts(labels), ..Default::default() })
    }

    #[test]
    fn the_policy_and_what_goes_with_it_come_from_one_map() {
        type Pairs<'a> = &'a [(&'a str, &'a str)];
        let table: [(Pairs, Pairs, Option<&str>, bool, bool); 10] = [
            (&[], &[], None, false, true),
            (&[(POLICY, "minor")], &[(POLICY, "major")], Some("minor"), false, true),
            (&[(POLICY, "")], &[(POLICY, "major")], Some(""), false, true),
            (&[], &[(POLICY, "major"), (MATCH_TAG, "true")], Some("major"), true, true),
            (&[(POLICY, "force")], &[(MATCH_TAG, "true")], Some("force"), false, true),
            (&[(LEGACY_POLICY, "all")], &[(POLICY, "major")], Some("all"), false, true),
            (&[(LEGACY_POLICY, "all"), (POLICY, "never")], &[], Some("never"), false, true),
            (&[(POLICY, "force"), (MATCH_TAG_DASHED, "true")], &[], Some("force"), true, true),
            (&[(POLICY, "force"), (MATCH_TAG_DASHED, "true"), (MATCH_TAG, "True")], &[], Some("force"), false, true),
            (&[(POLICY, "all"), (MATCH_PRE_RELEASE, "yes")], &[], Some("all"), false, false),
        ];
        for (annotations, labels, policy, tag, pre) in table {
            let read = settings(annotations, labels);
            assert_eq!(
                (read.policy.as_deref(), read.match_tag, read.match_pre_release),
                (policy, tag, pre),
                "{annotations:?}"
            );
        }
    }

    #[test]
    fn approvals_are_read_from_the_label_first() {
        let table = [
            (vec![], vec![], Ok(0), 24, false),
            (vec![(APPROVALS, "1")], vec![(APPROVALS, "2")], Ok(2), 24, false),
            (vec![(APPROVALS, "+1")], vec![], Ok(1), 24, false),
            (vec![(APPROVALS, "-1")], vec![], Ok(0), 24, false),
            (vec![(APPROVALS, "one")], vec![], Err("one".to_string()), 24, false),
            (vec![(APPROVAL_DEADLINE, "5")], vec![(APPROVAL_DEADLINE, "0")], Ok(0), 24, false),
            (vec![(APPROVAL_DEADLINE, "5")], vec![], Ok(0), 5, false),
            (vec![(APPROVAL_DEADLINE, "-5")], vec![], Ok(0), -5, false),
            (vec![(APPROVAL_DEADLINE, "5h")], vec![], Ok(0), 24, true),
        ];
        for (annotations, labels, approvals, deadline, bad) in table {
            let read = settings(&annotations, &labels);
            assert_eq!((read.approvals, read.approval_deadline), (approvals, deadline), "{annotations:?} {labels:?}");
            assert_eq!(read.bad_deadline.is_some(), bad);
        }
    }

    #[test]
    fn other_keys_each_have_their_order() {
        let read = settings(&[(TRIGGER, "default")], &[(TRIGGER, "poll")]);
        assert!(!read.polls);
        assert!(settings(&[], &[(TRIGGER, "poll")]).polls);
        assert_eq!(settings(&[(POLL_SCHEDULE, "")], &[(POLL_SCHEDULE, "@daily")]).poll_schedule, None);
        // A label, or another case, tracks init containers but does not update them.
        let read = settings(&[("keel.sh/initcontainers", "true")], &[]);
        assert_eq!((read.init_containers, read.init_containers_updated), (true, false));
        let read = settings(&[(INIT_CONTAINERS, "true")], &[(INIT_CONTAINERS, "false")]);
        assert_eq!((read.init_containers, read.init_containers_updated), (false, true));
        let read =
            settings(&[(MONITOR_CONTAINERS, "a")], &[(MONITOR_CONTAINERS, "b"), ("keel.sh/IMAGEvolumes", "true")]);
        assert_eq!((read.monitor_containers, read.image_volumes), (vec!["a".to_string(), "b".to_string()], true));
        // The exact spelling wins over another case.
        let read = settings(&[("keel.sh/IMAGEPULLSECRET", "x"), (IMAGE_PULL_SECRET, "y")], &[]);
        assert_eq!(read.image_pull_secret.as_deref(), Some("y"));
    }
}
