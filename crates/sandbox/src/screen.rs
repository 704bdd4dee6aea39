//! Where the story is printed: sentences that stay, each with its time, and one line below them that is always new.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two lines of traffic where they can't be written over each other.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The output. Clones share it.
#[derive(Clone)]
pub struct Screen {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    out: Box<dyn Write + Send>,
    terminal: bool,
    started: Instant,
    live: String,
    last_live: Option<Instant>,
}

impl Screen {
    /// Standard output.
    pub fn stdout() -> Screen {
        let terminal = std::io::stdout().is_terminal();
        Screen::new(Box::new(std::io::stdout()), terminal)
    }

    /// Nothing is shown.
    pub fn quiet() -> Screen {
        Screen::new(Box::new(std::io::sink()), false)
    }

    /// Any output; `terminal` when lines can be written over.
    pub fn new(out: Box<dyn Write + Send>, terminal: bool) -> Screen {
        let inner = Inner { out, terminal, started: Instant::now(), live: String::new(), last_live: None };
        Screen { inner: Arc::new(Mutex::new(inner)) }
    }

    /// One sentence of the story, with the time since the start.
    pub fn tell(&self, sentence: &str) {
        self.with(|inner| {
            let seconds = inner.started.elapsed().as_secs_f64();
            inner.line(&format!("{seconds:6.1}s  {sentence}"));
        });
    }

    /// Text without a time.
    pub fn say(&self, text: &str) {
        self.with(|inner| inner.line(text));
    }

    /// The line that is always new. Where it can't be written over, it is printed now and then.
    pub fn live(&self, text: &str) {
        self.with(|inner| {
            if inner.terminal {
                inner.live = text.to_string();
                let _ = write!(inner.out, "\r\x1b[2K         {text}");
                let _ = inner.out.flush();
            } else if inner.last_live.is_none_or(|last| last.elapsed() >= PLAIN_EVERY) {
                inner.last_live = Some(Instant::now());
                inner.line(&format!("         {text}"));
            }
        });
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        let mut elapsed = Duration::ZERO;
        self.with(|inner| elapsed = inner.started.elapsed());
        elapsed
    }

    /// The line that is always new goes.
    pub fn end(&self) {
        self.with(|inner| {
            if inner.terminal && !std::mem::take(&mut inner.live).is_empty() {
                let _ = write!(inner.out, "\r\x1b[2K");
                let _ = inner.out.flush();
            }
        });
    }

    fn with(&self, act: impl FnOnce(&mut Inner)) {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Inner {
    /// A reader that went away is no reason to stop.
    fn line(&mut self, text: &str) {
        if self.terminal && !self.live.is_empty() {
            let _ = writeln!(self.out, "\r\x1b[2K{text}");
            let _ = write!(self.out, "         {}", self.live);
        } else {
            let _ = writeln!(self.out, "{text}");
        }
        let _ = self.out.flush();
    }
}
