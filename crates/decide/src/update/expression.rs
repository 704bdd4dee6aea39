//! Regular expressions as Go reads them, carried out by `regex`: bytes instead of characters, so that `\d`, `\w` and `\s` are
//! ASCII as in Go; what only one of the two understands is translated or refused.

use regex::bytes::{Regex, RegexBuilder};

/// An expression that is searched for, anywhere in a text.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    regex: Regex,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl std::fmt::Display for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Expression {
    /// Reads an expression in Go's syntax.
    ///
    /// # Errors
    /// One line that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Expression, String> {
        let translated = Translator { rest: text, out: String::new() }.all()?;
        let regex =
            RegexBuilder::new(&translated).unicode(false).build().map_err(|error| last_line(&error.to_string()))?;
        Ok(Expression { text: text.to_string(), regex })
    }

    /// Whether it is found in `text`.
    pub fn is_found(&self, text: &str) -> bool {
        self.regex.is_match(text.as_bytes())
    }

    /// What texts are ordered by: the group `compare` when the expression has one, else the whole text.
    pub fn compared<'t>(&self, text: &'t str) -> &'t [u8] {
        if !self.regex.capture_names().flatten().any(|name| name == "compare") {
            return text.as_bytes();
        }
        let found = self.regex.captures(text.as_bytes());
        found.and_then(|groups| groups.name("compare")).map_or(&[], |group| group.as_bytes())
    }
}

/// `regex` draws the place of a mistake; its last line says what it is.
fn last_line(error: &str) -> String {
    let line = error.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("can't be read");
    line.trim().trim_start_matches("error: ").to_string()
}

struct Translator<'a> {
    rest: &'a str,
    out: String,
}

impl Translator<'_> {
    fn all(mut self) -> Result<String, String> {
        while let Some(char) = self.next() {
            match char {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' if self.rest.starts_with('?') => self.group()?,
                '{' => self.repetition()?,
                char => self.out.push(char),
            }
        }
        Ok(self.out)
    }

    fn next(&mut self) -> Option<char> {
        let char = self.rest.chars().next()?;
        self.rest = self.rest.get(char.len_utf8()..).unwrap_or_default();
        Some(char)
    }

    fn escape(&mut self) -> Result<(), String> {
        let Some(char) = self.next() else { return Err("a backslash at the end".to_string()) };
        match char {
            'Q' => {
                let (literal, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                self.out.push_str(&regex::escape(literal));
                self.rest = rest;
            }
            'C' => self.out.push_str("(?s:.)"),
            // Go takes a backslash before any punctuation; to `regex` these two mean the edges of words.
            '<' | '>' => self.out.push(char),
            'Z' | 'u' | 'U' | 'X' | 'R' => return Err(format!("\\{char} means nothing")),
            char => {
                self.out.push('\\');
                self.out.push(char);
            }
        }
        Ok(())
    }

    /// Brackets, `&&`, `--` and `~~` inside a class are plain characters to Go.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.rest = rest;
            self.out.push('^');
        }
        let mut first = true;
        while let Some(char) = self.next() {
            match char {
                ']' if !first => {
                    self.out.push(']');
                    return Ok(());
                }
                ']' | '&' | '~' => {
                    self.out.push('\\');
                    self.out.push(char);
                }
                '[' => match self.rest.strip_prefix(':').and_then(|rest| rest.split_once(":]")) {
                    Some((name, rest)) => {
                        self.out.push_str(&format!("[:{name}:]"));
                        self.rest = rest;
                    }
                    None => self.out.push_str("\\["),
                },
                // A range needs something on both sides; elsewhere it is a plain character.
                '-' if first || self.rest.starts_with(']') => self.out.push_str("\\-"),
                '\\' => self.escape()?,
                char => self.out.push(char),
            }
            first = false;
        }
        Err("a class that is not closed".to_string())
    }

    /// Go knows the flags i, m, s and U.
    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        let flags: String =
            self.rest.chars().skip(1).take_while(|char| char.is_ascii_alphabetic() || *char == '-').collect();
        let after = self.rest.get(1 + flags.len()..).unwrap_or_default();
        if after.starts_with([')', ':']) && flags.contains(|char| !"imsU-".contains(char)) {
            return Err(format!("(?{flags} has a flag that is none of i, m, s and U"));
        }
        Ok(())
    }

    /// `{2}`, `{2,}` and `{2,5}` repeat, at most 1,000 times; any other brace is a plain character.
    fn repetition(&mut self) -> Result<(), String> {
        let numbers = self.rest.split_once('}').map(|(inside, _)| inside.split(',').collect::<Vec<_>>());
        let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let repeats = match numbers.as_deref() {
            Some([count]) => is_number(count),
            Some([least, most]) => is_number(least) && (most.is_empty() || is_number(most)),
            _ => false,
        };
        if !repeats {
            self.out.push_str("\\{");
            return Ok(());
        }
        for number in numbers.into_iter().flatten().filter(|number| !number.is_empty()) {
            if !number.parse::<u32>().is_ok_and(|count| count <= 1_000) {
                return Err(format!("repeats {number} times; at most 1000"));
            }
        }
        self.out.push('{');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_in_gos_syntax() {
        for (expression, yes, no) in [
            ("1", "a1b", "ab"),
            ("^release-\\d+$", "release-10", "release-x"),
            ("\\Qa.b\\E$", "a.b", "axb"),
            ("\\Qa.b", "a.b", "axb"),
            ("[[:digit:]]{2}", "12", "1"),
            ("^[a[]$", "[", "b"),
            ("^[]a]$", "]", "b"),
            ("^[^]a]$", "b", "]"),
            ("^[a&&b]+$", "a&b", "c"),
            ("^[a~~b]$", "~", "c"),
            ("^[a-]$", "-", "b"),
            ("^[-a]$", "-", "b"),
            ("^a\\<b\\>$", "a<b>", "ab"),
            ("^a{,5}$", "a{,5}", "aaa"),
            ("^a{x}$", "a{x}", "a"),
            ("^a{2,3}$", "aaa", "a"),
            ("(?i)^ABC$", "abc", "ab"),
            ("(?P<v>a)", "a", "b"),
            ("(?<v>a)", "a", "b"),
            ("(?:a|b)", "b", "c"),
            ("^\\C$", "x", "xx"),
            ("^a\\z", "a", "ab"),
            ("^\\w$", "_", "-"),
        ] {
            let read = Expression::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
            assert!(read.is_found(yes) && !read.is_found(no), "{expression}");
        }
        for expression in ["(", "[a", "\\", "a{1001}", "(?x)a b", "(?u)a", "*", "(?=a)", "\\1", "\\Z"] {
            assert!(Expression::parse(expression).is_err(), "{expression}");
        }
    }
}
