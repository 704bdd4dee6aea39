//! Text with colours, and tables of it. Colours never change a column's width.

use std::fmt::Write;

/// Colours in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Good, stable, active.
    Green,
    /// Bad.
    Red,
    /// Canary, doubtful.
    Yellow,
    /// Under way, preview.
    Blue,
}

impl Colour {
    fn code(self) -> &'static str {
        match self {
            Colour::Green => "32",
            Colour::Red => "31",
            Colour::Yellow => "33",
            Colour::Blue => "94",
        }
    }
}

/// Whether colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// With colours.
    Coloured,
    /// Without.
    Plain,
}

/// Text in one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(Vec<(Option<Colour>, String)>);

impl Text {
    /// Without colour.
    pub fn plain(text: &str) -> Text {
        Text(vec![(None, text.to_string())])
    }

    /// With a colour.
    pub fn coloured(colour: Colour, text: &str) -> Text {
        Text(vec![(Some(colour), text.to_string())])
    }

    /// With a colour, if there is one.
    pub fn in_colour(colour: Option<Colour>, text: &str) -> Text {
        Text(vec![(colour, text.to_string())])
    }

    /// Followed by more.
    #[must_use]
    pub fn and(mut self, text: &str) -> Text {
        self.0.push((None, text.to_string()));
        self
    }

    /// Followed by another.
    #[must_use]
    pub fn then(mut self, mut text: Text) -> Text {
        self.0.append(&mut text.0);
        self
    }

    /// Several, with a separator between them.
    pub fn joined(texts: impl IntoIterator<Item = Text>, separator: &str) -> Text {
        let mut all = Text::default();
        for (index, text) in texts.into_iter().enumerate() {
            if index > 0 {
                all = all.and(separator);
            }
            all = all.then(text);
        }
        all
    }

    /// Columns on the screen.
    pub fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// The characters, with colour codes around them.
    pub fn render(&self, paint: Paint) -> String {
        let mut out = String::new();
        for (colour, text) in &self.0 {
            let text = printable(text);
            match (colour, paint) {
                (Some(colour), Paint::Coloured) => {
                    let _ = write!(out, "\u{1b}[{}m{text}\u{1b}[0m", colour.code());
                }
                _ => out.push_str(&text),
            }
        }
        out
    }
}

/// What stands in the cluster must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text::plain(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text::plain(&text)
    }
}

/// Rows as lines: each column as wide as its widest cell, two blanks between columns, nothing after the last one.
pub fn table(rows: &[Vec<Text>], paint: Paint) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(Text::width).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            out.push_str(&cell.render(paint));
            if column + 1 < row.len() {
                let pad = widths.get(column).copied().unwrap_or(0).saturating_sub(cell.width()) + 2;
                out.extend(std::iter::repeat_n(' ', pad));
            }
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_do_not_move_columns() {
        let rows = vec![
            vec!["A".into(), "B".into(), "C".into()],
            vec![Text::coloured(Colour::Green, "⧉ long"), "x".into(), "".into()],
        ];
        assert_eq!(table(&rows, Paint::Plain), "A       B  C\n⧉ long  x  \n");
        assert_eq!(table(&rows, Paint::Coloured), "A       B  C\n\u{1b}[32m⧉ long\u{1b}[0m  x  \n");
    }

    #[test]
    fn the_cluster_does_not_steer_the_terminal() {
        assert_eq!(Text::plain("a\u{1b}[2Jb\nc").render(Paint::Plain), "a\u{fffd}[2Jb\u{fffd}c");
    }
}
