//! What a pod wrote: the last lines, kept in memory, and a way to wait for more.

use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Lines that are kept for each pod.
const KEPT: usize = 1000;

/// The output of one pod. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Log {
    inner: Arc<Inner>,
}

/// One line and when it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// The line without its end.
    pub text: String,
}

#[derive(Debug, Default)]
struct Inner {
    kept: Mutex<Kept>,
    written: watch::Sender<Written>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<Line>,
    /// Number of the line after the last one, counted from the start of the pod.
    end: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Written {
    end: u64,
    closed: bool,
}

impl Log {
    /// Adds a line; the oldest goes when there are too many.
    pub fn line(&self, text: impl Into<String>) {
        let end = {
            let mut kept = self.kept();
            if kept.lines.len() == KEPT {
                kept.lines.pop_front();
            }
            kept.lines.push_back(Line { at: Timestamp::now(), text: text.into() });
            kept.end += 1;
            kept.end
        };
        self.inner.written.send_modify(|written| written.end = end);
    }

    /// No more lines will come.
    pub fn close(&self) {
        self.inner.written.send_modify(|written| written.closed = true);
    }

    /// The lines from number `from` on that are still kept, and the number to go on with.
    pub fn since(&self, from: u64) -> (Vec<Line>, u64) {
        let kept = self.kept();
        let first = kept.end - kept.lines.len() as u64;
        let skip = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        (kept.lines.iter().skip(skip).cloned().collect(), kept.end)
    }

    /// Waits until there is a line with number `from` or a later one; false when none will ever come.
    pub async fn wait_for(&self, from: u64) -> bool {
        let mut written = self.inner.written.subscribe();
        written.wait_for(|written| written.end > from || written.closed).await.is_ok_and(|written| written.end > from)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_last_lines_are_kept_and_numbers_go_on() {
        let log = Log::default();
        for n in 0..KEPT + 5 {
            log.line(n.to_string());
        }
        let texts = |from| log.since(from).0.into_iter().map(|line| line.text).collect::<Vec<_>>();
        assert_eq!(texts(1003), ["1003", "1004"]);
        assert_eq!((log.since(0).0.len(), log.since(0).1), (KEPT, 1005));
        assert_eq!(texts(2000), Vec::<String>::new());
        assert!(log.wait_for(1004).await);
        log.close();
        assert!(!log.wait_for(1005).await);
    }
}
