//! From text to tokens.

use super::Fault;

/// One token and where it begins.
#[derive(Clone, Debug)]
pub struct Token {
    /// Byte in the source.
    pub at: usize,
    /// What it is.
    pub kind: Kind,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A whole number.
    Int(i64),
    /// A floating number.
    Float(f64),
    /// A text, unescaped.
    Text(String),
    /// A name, or an operator that is a word.
    Name(String),
    /// An operator or a bracket.
    Sign(&'static str),
    /// The end.
    End,
}

/// Longest first, so that none hides another.
const SIGNS: [&str; 37] = [
    "??", "?.", "..", "**", "==", "!=", "<=", ">=", "&&", "||", "::", "+", "-", "*", "/", "%", "^", "<", ">", "!", "?",
    ":", ",", ".", ";", "(", ")", "[", "]", "{", "}", "|", "#", "=", "&", "~", "@",
];

/// All tokens of a source, the last one [`Kind::End`].
pub fn tokens(source: &str) -> Result<Vec<Token>, Fault> {
    let mut lexer = Lexer { source, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank()?;
        let at = lexer.at;
        let kind = lexer.token()?;
        let end = kind == Kind::End;
        tokens.push(Token { at, kind });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn skip_blank(&mut self) -> Result<(), Fault> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            self.at += blank;
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                let end = rest.find("*/").ok_or_else(|| Fault::new(self.at, "unclosed comment"))?;
                self.at += end + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<Kind, Fault> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Kind::End) };
        let second = rest.as_bytes().get(1).copied().unwrap_or_default();
        match first {
            '0'..='9' => self.number(),
            '.' if second.is_ascii_digit() => self.number(),
            '\'' | '"' => self.text(first),
            '`' => self.raw(),
            _ if first.is_alphabetic() || first == '_' || first == '$' => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
                let (name, _) = rest.split_at(end);
                self.at += end;
                Ok(Kind::Name(name.to_string()))
            }
            _ => {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
                let sign = sign.ok_or_else(|| Fault::new(self.at, format!("unrecognized character: {first:?}")))?;
                self.at += sign.len();
                Ok(Kind::Sign(sign))
            }
        }
    }

    fn number(&mut self) -> Result<Kind, Fault> {
        let start = self.at;
        let rest = self.rest();
        let base = match rest.get(..2) {
            Some("0x" | "0X") => 16,
            Some("0b" | "0B") => 2,
            Some("0o" | "0O") => 8,
            _ => return self.decimal(start),
        };
        let digits = rest.get(2..).unwrap_or_default();
        let end = digits.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(digits.len());
        let (digits, _) = digits.split_at(end);
        self.at += 2 + end;
        i64::from_str_radix(&digits.replace('_', ""), base)
            .map(Kind::Int)
            .map_err(|_| Fault::new(start, format!("invalid number: {}", rest.get(..2 + end).unwrap_or_default())))
    }

    fn decimal(&mut self, start: usize) -> Result<Kind, Fault> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
        let digits = |mut at: usize| {
            while byte(at).is_ascii_digit() || byte(at) == b'_' {
                at += 1;
            }
            at
        };
        let mut end = digits(0);
        let mut floating = false;
        // `1..3` is a range, not `1.` and `.3`.
        if byte(end) == b'.' && byte(end + 1) != b'.' {
            floating = true;
            end = digits(end + 1);
        }
        if matches!(byte(end), b'e' | b'E') {
            let sign = usize::from(matches!(byte(end + 1), b'+' | b'-'));
            floating = true;
            end = digits(end + 1 + sign);
        }
        let (text, behind) = rest.split_at(end);
        self.at += end;
        let wrong = || Fault::new(start, format!("bad number syntax: {text:?}"));
        if behind.starts_with(|c: char| c.is_alphanumeric()) {
            return Err(wrong());
        }
        let plain = text.replace('_', "");
        if floating {
            plain.parse().map(Kind::Float).map_err(|_| wrong())
        } else {
            plain.parse().map(Kind::Int).map_err(|_| Fault::new(start, "integer literal is too large"))
        }
    }

    fn raw(&mut self) -> Result<Kind, Fault> {
        let start = self.at;
        let rest = self.rest().get(1..).unwrap_or_default();
        let end = rest.find('`').ok_or_else(|| Fault::new(start, "literal not terminated"))?;
        let (text, _) = rest.split_at(end);
        self.at += end + 2;
        Ok(Kind::Text(text.to_string()))
    }

    fn text(&mut self, quote: char) -> Result<Kind, Fault> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, char)) = chars.next() {
            match char {
                _ if char == quote => {
                    self.at = start + at + 1;
                    return Ok(Kind::Text(text));
                }
                '\n' => break,
                '\\' => text.push(escaped(&mut chars).ok_or_else(|| Fault::new(start + at, "invalid escape"))?),
                _ => text.push(char),
            }
        }
        Err(Fault::new(start, "literal not terminated"))
    }
}

/// The character behind a backslash.
fn escaped(chars: &mut impl Iterator<Item = (usize, char)>) -> Option<char> {
    let (_, char) = chars.next()?;
    Some(match char {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' | '\'' | '"' | '`' | '?' => char,
        'x' | 'X' => coded(chars, 2, 16, 0)?,
        'u' => coded(chars, 4, 16, 0)?,
        'U' => coded(chars, 8, 16, 0)?,
        '0'..='3' => coded(chars, 2, 8, char.to_digit(8)?)?,
        _ => return None,
    })
}

/// A character by its number.
fn coded(chars: &mut impl Iterator<Item = (usize, char)>, digits: usize, radix: u32, first: u32) -> Option<char> {
    let mut code = first;
    for _ in 0..digits {
        code = code.checked_mul(radix)?.checked_add(chars.next()?.1.to_digit(radix)?)?;
    }
    char::from_u32(code)
}
