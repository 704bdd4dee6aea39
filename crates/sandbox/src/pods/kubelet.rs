//! Tells the model how the pods of this machine are: its view of `runner`.

use super::life::State;
use super::log::{Line, Log};
use super::runner::{Pods, uid};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use serinus_model::{Life, LogOptions, Phase, PodRunner, leaving_since, pre_stop};
use std::collections::BTreeMap;

/// Runs the model's pods on this machine.
pub struct Kubelet {
    /// The pods.
    pub pods: Pods,
}

impl PodRunner for Kubelet {
    fn look(&mut self, pod: &Value, now: Timestamp) -> Life {
        let uid = uid(pod);
        self.pods.start(pod);
        let mut life = self.pods.state(&uid).map_or_else(Life::default, |(state, restarts)| life(pod, state, restarts));
        if let Some(since) = leaving_since(pod) {
            let asked = SignedDuration::try_from(pre_stop(pod)).ok().and_then(|wait| since.checked_add(wait).ok());
            match asked.filter(|at| *at > now) {
                Some(at) => life.wake = Some(at),
                None => {
                    self.pods.stop(&uid);
                    life.gone = self.pods.is_over(&uid);
                }
            }
        }
        life
    }

    fn forget(&mut self, uid: &str) {
        self.pods.forget(uid);
    }

    fn logs(&mut self, pod: &Value, options: &LogOptions) -> Result<BoxStream<'static, Bytes>, String> {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let log = self.pods.log(&uid(pod)).ok_or_else(|| format!("pod {name:?} has not been started"))?;
        Ok(lines(log, options.clone()))
    }
}

fn life(pod: &Value, state: State, restarts: u32) -> Life {
    let mut life = Life { ip: "127.0.0.1".into(), restarts: i64::from(restarts), ..Life::default() };
    match state {
        State::Waiting(waiting) => {
            life.phase = if restarts > 0 { Phase::Running } else { Phase::Pending };
            life.waiting = Some((waiting.reason, waiting.message));
        }
        State::Running { address, ready } => {
            life.phase = Phase::Running;
            life.ready = ready;
            life.ports = asked(pod).map(|port| (port, address.port())).collect::<BTreeMap<_, _>>();
        }
        State::Ended { code } => life.phase = if code == 0 { Phase::Succeeded } else { Phase::Failed },
    }
    life
}

/// The ports that the first container asks for.
fn asked(pod: &Value) -> impl Iterator<Item = u16> {
    let ports = pod["spec"]["containers"][0]["ports"].as_array().into_iter().flatten();
    ports.filter_map(|port| u16::try_from(port["containerPort"].as_u64()?).ok())
}

/// The lines as `kubectl logs` asks for them.
fn lines(log: Log, options: LogOptions) -> BoxStream<'static, Bytes> {
    let (mut kept, end) = log.since(0);
    if let Some(since) = options.since.and_then(|seconds| i64::try_from(seconds).ok()) {
        let from = Timestamp::now().checked_sub(SignedDuration::from_secs(since)).unwrap_or(Timestamp::MIN);
        kept.retain(|line| line.at >= from);
    }
    if let Some(tail) = options.tail.and_then(|tail| usize::try_from(tail).ok()) {
        kept.drain(..kept.len().saturating_sub(tail));
    }
    let times = options.timestamps;
    let first = stream::once(async move { written(&kept, times) });
    if !options.follow {
        return first.boxed();
    }
    let rest = stream::unfold((log, end), move |(log, from)| async move {
        if !log.wait_for(from).await {
            return None;
        }
        let (lines, end) = log.since(from);
        Some((written(&lines, times), (log, end)))
    });
    first.chain(rest).boxed()
}

fn written(lines: &[Line], times: bool) -> Bytes {
    let one = |line: &Line| if times { format!("{} {}\n", line.at, line.text) } else { format!("{}\n", line.text) };
    Bytes::from(lines.iter().map(one).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(log: &Log, options: LogOptions) -> String {
        let parts: Vec<Bytes> = lines(log.clone(), options).collect().await;
        String::from_utf8(parts.concat()).unwrap()
    }

    #[tokio::test]
    async fn logs_have_a_tail_and_are_followed_to_the_end() {
        let log = Log::default();
        log.line("one");
        log.line("two");
        assert_eq!(read(&log, LogOptions::default()).await, "one\ntwo\n");
        assert_eq!(read(&log, LogOptions { tail: Some(1), ..LogOptions::default() }).await, "two\n");
        let timed = read(&log, LogOptions { timestamps: true, since: Some(60), ..LogOptions::default() }).await;
        assert!(timed.starts_with("20") && timed.ends_with(" two\n"), "{timed}");
        let follow = LogOptions { follow: true, tail: Some(0), ..LogOptions::default() };
        let (read, ()) = futures::join!(read(&log, follow), async {
            log.line("three");
            log.close();
        });
        assert_eq!(read, "three\n");
    }
}
