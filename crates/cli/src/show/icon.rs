//! One sign for how a thing stands, and its colour.

use super::text::{Colour, Text};

/// How a thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// As it should be.
    Good,
    /// Broken.
    Bad,
    /// Something is wrong and may heal.
    Warning,
    /// Under way.
    Working,
    /// Has not begun.
    Waiting,
    /// Nobody knows.
    Unknown,
    /// Held.
    Paused,
    /// Neither good nor bad.
    Neutral,
    /// Nothing is known yet.
    Blank,
}

impl Icon {
    /// The sign.
    pub fn sign(self) -> &'static str {
        match self {
            Icon::Good => "✔",
            Icon::Bad => "✖",
            Icon::Warning => "⚠",
            Icon::Working => "◌",
            Icon::Waiting => "◷",
            Icon::Unknown => "?",
            Icon::Paused => "॥",
            Icon::Neutral => "•",
            Icon::Blank => " ",
        }
    }

    /// The sign in its colour.
    pub fn text(self) -> Text {
        match self {
            Icon::Good => Text::coloured(Colour::Green, self.sign()),
            Icon::Bad | Icon::Warning => Text::coloured(Colour::Red, self.sign()),
            Icon::Working => Text::coloured(Colour::Blue, self.sign()),
            Icon::Waiting | Icon::Unknown => Text::coloured(Colour::Yellow, self.sign()),
            Icon::Paused | Icon::Neutral | Icon::Blank => Text::plain(self.sign()),
        }
    }

    /// The sign and a word, as a column has them.
    pub fn with(self, word: &str) -> Text {
        self.text().and(&format!(" {word}"))
    }
}
