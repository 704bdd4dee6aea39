//! Who brings pods to life: a runner that only pretends, or one that starts real processes.

use crate::object::Fields;
use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// How far a pod got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Its containers do not run yet.
    #[default]
    Pending,
    /// They run.
    Running,
    /// They ended well.
    Succeeded,
    /// They ended badly.
    Failed,
}

impl Phase {
    /// As it is written in `status.phase`.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Pending => "Pending",
            Phase::Running => "Running",
            Phase::Succeeded => "Succeeded",
            Phase::Failed => "Failed",
        }
    }
}

/// How a pod is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// How far it got.
    pub phase: Phase,
    /// Whether its containers pass their readiness probes.
    pub ready: bool,
    /// Its address.
    pub ip: String,
    /// Real ports by the ports that its containers ask for, where they differ.
    pub ports: BTreeMap<u16, u16>,
    /// How often its containers were started again.
    pub restarts: i64,
    /// Why a container waits: reason and message, for example `CrashLoopBackOff`.
    pub waiting: Option<(String, String)>,
    /// It was told to end, and all its containers have.
    pub gone: bool,
    /// When to look again if nothing else happens.
    pub wake: Option<Timestamp>,
}

/// What `kubectl logs` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Container; empty: the only one.
    pub container: String,
    /// Go on as lines come.
    pub follow: bool,
    /// Only so many lines from the end.
    pub tail: Option<u64>,
    /// Only the last so many seconds.
    pub since: Option<u64>,
    /// Each line with its time.
    pub timestamps: bool,
}

/// Brings pods to life.
pub trait PodRunner: Send + 'static {
    /// How a pod on the node is now. A pod that is seen for the first time is started; one with a deletion timestamp is told to
    /// end (the preStop hook first). Called often: must not block. When a pod's life changes by itself, call `Model::poke`.
    fn look(&mut self, pod: &Value, now: Timestamp) -> Life;
    /// The pod with this uid is no more; what is left of it is to be ended at once.
    fn forget(&mut self, uid: &str);
    /// What a pod wrote.
    fn logs(&mut self, pod: &Value, options: &LogOptions) -> Result<BoxStream<'static, Bytes>, String>;
}

/// When a leaving pod was told to end.
pub fn leaving_since(pod: &Value) -> Option<Timestamp> {
    let deadline = pod.time("/metadata/deletionTimestamp")?;
    let grace = pod.int("/metadata/deletionGracePeriodSeconds").unwrap_or(0);
    deadline.checked_sub(SignedDuration::from_secs(grace)).ok()
}

/// How long the preStop hooks of a pod sleep: `sleep: {seconds}`, or `exec` of a command that says `sleep N`.
pub fn pre_stop(pod: &Value) -> Duration {
    let hook = |container: &Value| {
        if let Some(seconds) = container.int("/lifecycle/preStop/sleep/seconds") {
            return u64::try_from(seconds).unwrap_or(0);
        }
        let words: Vec<&str> = container
            .items("/lifecycle/preStop/exec/command")
            .iter()
            .filter_map(Value::as_str)
            .flat_map(str::split_whitespace)
            .collect();
        let slept = words.iter().position(|word| word.ends_with("sleep")).and_then(|at| words.get(at + 1));
        slept.and_then(|text| text.trim_end_matches(['s', ';']).parse().ok()).unwrap_or(0)
    };
    Duration::from_secs(pod.items("/spec/containers").iter().map(hook).max().unwrap_or(0))
}

/// Pods that only pretend, at a pace of their own.
#[derive(Clone, Debug)]
pub struct Pretend {
    /// From the node to running.
    pub start: Duration,
    /// From running to ready.
    pub ready: Duration,
    /// From running to the end, for pods that are not to run forever.
    pub work: Duration,
    /// From the end of the preStop hook to gone.
    pub stop: Duration,
    /// Pods whose image contains one of these never get ready (or fail, if they are not to run forever).
    pub broken: Vec<String>,
    began: BTreeMap<String, (Timestamp, String)>,
    addresses: u32,
}

impl Default for Pretend {
    fn default() -> Self {
        Pretend {
            start: Duration::from_secs(1),
            ready: Duration::from_secs(1),
            work: Duration::from_secs(2),
            stop: Duration::ZERO,
            broken: vec![],
            began: BTreeMap::new(),
            addresses: 0,
        }
    }
}

impl Pretend {
    fn begin(&mut self, pod: &Value, now: Timestamp) -> (Timestamp, String) {
        if let Some(known) = self.began.get(pod.uid()) {
            return known.clone();
        }
        let life = match (pod.time("/status/startTime"), pod.text("/status/podIP")) {
            // It ran before this runner came.
            (Some(since), address) if !address.is_empty() => {
                self.addresses = self.addresses.max(number_of(address).unwrap_or(0));
                (since, address.to_string())
            }
            _ => {
                self.addresses += 1;
                (now, address_of(self.addresses))
            }
        };
        self.began.insert(pod.uid().to_string(), life.clone());
        life
    }
    fn is_broken(&self, pod: &Value) -> bool {
        pod.items("/spec/containers")
            .iter()
            .any(|container| self.broken.iter().any(|mark| container.text("/image").contains(mark)))
    }
}

/// The address of the pod with this number.
fn address_of(n: u32) -> String {
    format!("10.244.{}.{}", (n / 250) % 256, n % 250 + 2)
}

fn number_of(address: &str) -> Option<u32> {
    let (high, low) = address.strip_prefix("10.244.")?.split_once('.')?;
    Some(high.parse::<u32>().ok()? * 250 + low.parse::<u32>().ok()?.checked_sub(2)?)
}

impl PodRunner for Pretend {
    fn look(&mut self, pod: &Value, now: Timestamp) -> Life {
        let (began, ip) = self.begin(pod, now);
        let after = |from: Timestamp, wait: Duration| {
            SignedDuration::try_from(wait).ok().and_then(|wait| from.checked_add(wait).ok()).unwrap_or(from)
        };
        let running = after(began, self.start);
        let ready = after(running, self.ready);
        let done = after(running, self.work);
        let forever = matches!(pod.text("/spec/restartPolicy"), "Always" | "");
        let broken = self.is_broken(pod);
        let mut life = Life { ip, ..Life::default() };
        life.phase = match () {
            () if now < running => Phase::Pending,
            () if forever || now < done => Phase::Running,
            () if broken => Phase::Failed,
            () => Phase::Succeeded,
        };
        life.ready = life.phase == Phase::Running && now >= ready && !broken;
        let mut due = vec![running];
        if forever {
            due.push(ready);
        } else {
            due.push(done);
        }
        if let Some(since) = leaving_since(pod) {
            let end = after(after(since, pre_stop(pod)), self.stop);
            life.gone = now >= end;
            due.push(end);
        }
        life.wake = due.into_iter().filter(|at| *at > now).min();
        life
    }
    fn forget(&mut self, uid: &str) {
        self.began.remove(uid);
    }
    fn logs(&mut self, pod: &Value, _options: &LogOptions) -> Result<BoxStream<'static, Bytes>, String> {
        let line = format!("{} only pretends to run\n", pod.name());
        Ok(Box::pin(futures::stream::once(async move { Bytes::from(line) })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pods_that_ran_before_the_runner_came_go_on() {
        let now: Timestamp = "2026-01-01T00:10:00Z".parse().unwrap();
        let pod = |uid: &str, status: Value| json!({"metadata": {"uid": uid}, "status": status});
        let mut runner = Pretend::default();
        let old = runner.look(&pod("a", json!({"startTime": "2026-01-01T00:00:00Z", "podIP": "10.244.1.9"})), now);
        assert_eq!((old.phase, old.ready, old.ip.as_str()), (Phase::Running, true, "10.244.1.9"));
        let new = runner.look(&pod("b", json!({})), now);
        assert_eq!((new.phase, new.ready, new.ip.as_str()), (Phase::Pending, false, "10.244.1.10"));
    }

    #[test]
    fn pre_stop_sleeps_are_understood() {
        let pod = |hook: Value| json!({"spec": {"containers": [{"name": "a"}, {"lifecycle": {"preStop": hook}}]}});
        let table = [
            (json!({"sleep": {"seconds": 5}}), 5),
            (json!({"exec": {"command": ["sleep", "7"]}}), 7),
            (json!({"exec": {"command": ["/bin/sh", "-c", "sleep 3; kill 1"]}}), 3),
            (json!({"httpGet": {"path": "/"}}), 0),
        ];
        for (hook, expected) in table {
            assert_eq!(pre_stop(&pod(hook.clone())).as_secs(), expected, "{hook}");
        }
    }
}
