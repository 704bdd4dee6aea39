//! What a pod wrote: the last lines, kept in memory, and a way to wait for more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Lines that are kept for each pod.
const KEPT: usize = 1000;

/// The output of one pod. Clones share it.
#[derive(Clone, Debug)]
pub struct Log {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    kept: Mutex<Kept>,
    written: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<String>,
    /// Number of the line after the last one, counted from the start of the pod.
    end: u64,
}

impl Default for Log {
    fn default() -> Log {
        Log { inner: Arc::new(Inner { kept: Mutex::default(), written: watch::Sender::new(0) }) }
    }
}

impl Log {
    /// Adds a line; the oldest goes when there are too many.
    pub fn line(&self, text: impl Into<String>) {
        let end = {
            let mut kept = self.kept();
            if kept.lines.len() == KEPT {
                kept.lines.pop_front();
            }
            kept.lines.push_back(text.into());
            kept.end += 1;
            kept.end
        };
        self.inner.written.send_replace(end);
    }

    /// The lines from number `from` on that are still kept, and the number to go on with.
    pub fn since(&self, from: u64) -> (Vec<String>, u64) {
        let kept = self.kept();
        let first = kept.end - kept.lines.len() as u64;
        let skip = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        (kept.lines.iter().skip(skip).cloned().collect(), kept.end)
    }

    /// The last `count` lines.
    pub fn tail(&self, count: usize) -> Vec<String> {
        let kept = self.kept();
        kept.lines.iter().skip(kept.lines.len().saturating_sub(count)).cloned().collect()
    }

    /// Waits until there is a line with number `from` or a later one.
    pub async fn wait_for(&self, from: u64) {
        let mut written = self.inner.written.subscribe();
        // The sender lives in `self`: this can't end early.
        let _ = written.wait_for(|end| *end > from).await;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_kept_and_numbers_go_on() {
        let log = Log::default();
        for n in 0..KEPT + 5 {
            log.line(n.to_string());
        }
        assert_eq!(log.tail(2), ["1003", "1004"]);
        assert_eq!(log.since(1003), (vec!["1003".to_string(), "1004".to_string()], 1005));
        assert_eq!(log.since(0).0.len(), KEPT);
        assert_eq!(log.since(2000).0.len(), 0);
    }
}
