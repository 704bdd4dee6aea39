//! What goes to the terminal: lines, and pictures that take each other's place.

use crate::show::text::Paint;
use std::io::{self, IsTerminal as _, Write as _};

/// Writes one line, or several, to standard output.
///
/// # Errors
/// Nobody reads it any more.
pub fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Colours are for people: for terminals, unless `NO_COLOR` is set.
pub fn paint() -> Paint {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if io::stdout().is_terminal() && !refused { Paint::Coloured } else { Paint::Plain }
}

/// Pictures, one after the other.
pub struct Screen {
    terminal: bool,
    shown: String,
}

impl Screen {
    /// On standard output.
    pub fn stdout() -> Screen {
        Screen { terminal: io::stdout().is_terminal(), shown: String::new() }
    }

    /// Shows a picture in place of the one before. Away from a terminal the pictures follow each other, a blank line between.
    ///
    /// # Errors
    /// Nobody reads it any more.
    pub fn show(&mut self, picture: &str) -> io::Result<()> {
        if picture == self.shown {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        if self.terminal {
            // To the upper left corner, clear everything below: no flicker, and what stood above stays in the scrollback.
            write!(out, "\u{1b}[H\u{1b}[2J")?;
        } else if !self.shown.is_empty() {
            writeln!(out)?;
        }
        self.shown = picture.to_string();
        write!(out, "{picture}")?;
        out.flush()
    }
}
