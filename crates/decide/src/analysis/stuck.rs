//! A Job whose pods do not start: why, and until when it is waited for.

use super::seen::Seen;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use serinus_wire::k8s::{Job, Pod};

/// How long a pod may look for a node, or a Job for its pods: a node may be on its way. The peer waits for ever.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);
/// Reasons why an image does not come, as the kubelet gives them.
const NO_IMAGE: [&str; 3] = ["ErrImagePull", "ImagePullBackOff", "InvalidImageName"];
/// Reasons why a container can't be made although its image is there.
const NO_CONTAINER: [&str; 2] = ["CreateContainerConfigError", "CreateContainerError"];

/// A Job does not get on.
#[derive(Debug, PartialEq, Eq)]
pub struct Stuck {
    /// In words.
    pub why: String,
    /// From then on it is not waited for any more.
    pub until: Timestamp,
}

/// Why a Job that is not over does not get on; absent: it does, as far as one can see.
pub fn stuck(seen: &Seen, job: &Job) -> Option<Stuck> {
    let own = |pod: &&Pod| pod.metadata.controller().is_some_and(|owner| owner.uid == job.metadata.uid);
    let pods = seen.pods.iter().filter(own).filter(|pod| pod.metadata.deletion_timestamp.is_none());
    pods.filter_map(of_pod)
        .min_by(|a, b| a.until.cmp(&b.until).then_with(|| a.why.cmp(&b.why)))
        .or_else(|| no_pods(job))
}

fn of_pod(pod: &Pod) -> Option<Stuck> {
    let created = pod.metadata.creation_timestamp?.0;
    let list = |key: &str| pod.status[key].as_array().map_or(&[][..], Vec::as_slice);
    let waiting = list("initContainerStatuses").iter().chain(list("containerStatuses")).find_map(|container| {
        let waiting = &container["state"]["waiting"];
        let (name, reason) = (text(&container["name"]), text(&waiting["reason"]));
        let said = |what: &str| format!("{what}: {reason}{}", detail(&waiting["message"]));
        if NO_IMAGE.contains(&reason) {
            let why = said(&format!("the image of container {name} does not come"));
            // As the peer does it: somebody has to look.
            return Some(Stuck { why, until: created });
        }
        NO_CONTAINER
            .contains(&reason)
            .then(|| Stuck { why: said(&format!("container {name} can not be made")), until: later(created) })
    });
    waiting.or_else(|| {
        let conditions = list("conditions").iter();
        let mut unscheduled = conditions.filter(|condition| {
            condition["type"] == "PodScheduled"
                && condition["status"] == "False"
                && condition["reason"] == "Unschedulable"
        });
        let why = format!("no node takes its pod{}", detail(&unscheduled.next()?["message"]));
        Some(Stuck { why, until: later(created) })
    })
}

/// A quota or an admission may keep a Job without pods; one that is suspended has none on purpose.
fn no_pods(job: &Job) -> Option<Stuck> {
    let created = job.metadata.creation_timestamp?.0;
    let status = &job.status;
    let suspended = status.conditions.iter().any(|one| one.kind == "Suspended" && one.status == "True");
    let none = status.active == 0 && status.succeeded == 0 && status.failed == 0;
    (none && !suspended).then(|| Stuck { why: "it has no pod".to_string(), until: later(created) })
}

fn later(created: Timestamp) -> Timestamp {
    created.saturating_add(PATIENCE).unwrap_or(Timestamp::MAX)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn detail(message: &Value) -> String {
    message.as_str().filter(|message| !message.is_empty()).map_or_else(String::new, |message| format!(": {message}"))
}
